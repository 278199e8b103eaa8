"""Makes a bare machine ready, then runs a module of it: `bootstrap.py local_stack up`.

Standard library only: this is what installs everything else.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from local_stack import packages

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
DISTRIBUTIONS_PYTHON = Path("/usr/bin/python3")
_CHOSEN = "LOCAL_STACK_PYTHON_IS_CHOSEN"
_PROTO = ROOT / "inventory-service" / "src" / "proto"


def main() -> None:
    """Install what is missing, and become the module named by the arguments."""
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}.")
    if not os.environ.pop(_CHOSEN, None) and (quicker := quicker_interpreter()):
        os.environ[_CHOSEN] = "1"
        os.execv(quicker, [str(quicker), *sys.argv])
    packages.install(_missing_for(*sys.argv[1:]))
    _install_python_packages()
    os.environ["PYTHONPATH"] = str(ROOT / "local-stack")
    os.execv(PYTHON, [str(PYTHON), "-m", *sys.argv[1:]])


def quicker_interpreter() -> Path | None:
    """The distribution's Python, where this one was built without profile-guided optimization.

    pyenv builds it that way, and every service then takes about a tenth more CPU for the same.
    None where this one is as good, or where the distribution's is too old or makes no .venv; or
    where .venv is of this one already, for what runs from it is not taken away.
    """
    this_is_quick = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    this_is_it = os.path.realpath(sys.executable) == os.path.realpath(DISTRIBUTIONS_PYTHON)
    if this_is_quick or this_is_it or _is_of_this_python():
        return None
    will_do = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    return DISTRIBUTIONS_PYTHON if _succeeds(DISTRIBUTIONS_PYTHON, "-c", will_do) else None


def _missing_for(module: str = "", suite: str = "tests", *_: str) -> list[str]:
    """The packages that the module needs; what `make up` needs beside, it finds out by itself."""
    wanted = packages.missing_for_python()
    if module == "local_stack.run_tests":
        wanted += packages.missing_servers() if suite not in ("lint", "containers") else []
        wanted += packages.missing_test_tools() if suite in ("tests", "containers") else []
    if module == "bench":
        wanted += packages.missing_servers()
    return wanted


def _install_python_packages() -> None:
    """Bring .venv up to the requirements and build the gRPC stubs, unless both are unchanged."""
    stamp, wanted = VENV / "installed", digest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing Python packages into .venv ...", flush=True)
    if not _is_whole():
        venv.create(VENV, with_pip=True, clear=True)
    listed = [argument for path in _requirements() for argument in ("-r", str(path))]
    _run(PYTHON, "-m", "pip", "install", "--quiet", *listed, "-e", str(ROOT / "common"))
    _run(PYTHON, _PROTO / "generate.py")
    stamp.write_text(wanted)


def digest() -> str:
    """What .venv is made of, and for which clone; it is noted in .venv/installed."""
    inputs = [*_requirements(), ROOT / "common" / "pyproject.toml", *sorted(_PROTO.glob("*"))]
    found = hashlib.sha256(str(ROOT).encode() + sys.version.encode())
    for path in inputs:
        if path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()


def _requirements() -> list[Path]:
    return [
        *sorted(ROOT.glob("*/requirements.txt")),
        ROOT / "local-stack" / "standins" / "requirements.txt",
        ROOT / "requirements-dev.txt",
    ]


def _is_whole() -> bool:
    """Whether .venv is there and of this Python; one that was interrupted half way is not whole."""
    return _succeeds(PYTHON, "-m", "pip", "--version") and _is_of_this_python()


def _is_of_this_python() -> bool:
    return _succeeds(PYTHON, "-c", f"import sys; sys.exit(sys.version != {sys.version!r})")


def _succeeds(program: Path, *arguments: str) -> bool:
    command = [str(program), *arguments]
    return program.exists() and subprocess.run(command, capture_output=True).returncode == 0


def _run(*command: object) -> None:
    result = subprocess.run([str(part) for part in command])
    if result.returncode:
        sys.exit(f"This failed: {' '.join(map(str, command))}")


if __name__ == "__main__":
    main()
