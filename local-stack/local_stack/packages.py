"""What the distribution has to provide, and installing it without starting any server.

Standard library only: this runs before .venv is there.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RABBITMQ_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")

# what the distribution would start at every boot
_SERVERS = {"rabbitmq-server", "haproxy"}
_POLICY = Path("/usr/sbin/policy-rc.d")
_NO_MAIN_CLUSTER = Path("/etc/postgresql-common/createcluster.d/ticketremaster.conf")


def postgres_binaries(version: str = "*") -> Path | None:
    """The folder of PostgreSQL's programs: of that major version, or of the newest installed."""
    found = Path("/usr/lib/postgresql").glob(f"{version}/bin/initdb")
    return max((one.parent for one in found), key=lambda path: int(path.parts[-2]), default=None)


def haproxy_program() -> str | None:
    """Where HAProxy is; /usr/sbin is not on every user's path."""
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def chromium_program() -> str | None:
    """Where Chromium is, or Chrome, which does as well."""
    return shutil.which("chromium") or shutil.which("google-chrome")


def chromedriver_program() -> str | None:
    """Where the driver is that a program steers Chromium by."""
    return shutil.which("chromedriver")


def node_program() -> str | None:
    """Where Node is."""
    return shutil.which("node")


def npm_program() -> str | None:
    """Where npm is, which installs Node's packages."""
    return shutil.which("npm")


def missing_for_python() -> list[str]:
    """The packages to install before .venv can be made."""
    return _absent({"python3-venv": importlib.util.find_spec("ensurepip")})


def missing_servers() -> list[str]:
    """The packages that the platform needs where it runs without containers."""
    return _absent(
        {
            "postgresql": postgres_binaries(),
            "rabbitmq-server": RABBITMQ_SERVER.exists(),
            "haproxy": haproxy_program(),
        }
    )


def missing_test_tools() -> list[str]:
    """The packages that the end-to-end tests need beside.

    A browser, Node for newman, and what the README's commands call.
    """
    return _absent(
        {
            "curl": shutil.which("curl"),
            "jq": shutil.which("jq"),
            "chromium": chromium_program(),
            "chromium-driver": chromedriver_program(),
            "nodejs": node_program(),
            "npm": npm_program(),
        }
    )


def _absent(provided: dict[str, object]) -> list[str]:
    return [package for package, found in provided.items() if not found]


def install(wanted: list[str]) -> None:
    """Install packages with apt; without root, or without apt, say what to install and stop."""
    if not wanted:
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *wanted]
    if shutil.which("apt-get") is None:
        sys.exit(f"Please install these first (Debian's names): {' '.join(wanted)}")
    if os.geteuid() != 0:
        sys.exit(f"Some packages are missing. Please run:\n\n    sudo {' '.join(command)}\n")
    print(f"Installing {', '.join(wanted)} ...", flush=True)
    with _no_server_starts():
        _apt("apt-get", "update")
        _apt(*command)
        for server in _SERVERS & set(wanted):
            _apt("update-rc.d", server, "disable")


def _apt(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")


@contextmanager
def _no_server_starts() -> Iterator[None]:
    """Packages start their servers when installed; ours are private ones (invoke-rc.d(8))."""
    policy_before = _POLICY.read_text() if _POLICY.exists() else None
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    _NO_MAIN_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    _NO_MAIN_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        yield
    finally:
        _NO_MAIN_CLUSTER.unlink(missing_ok=True)
        if policy_before is None:
            _POLICY.unlink()
        else:
            _POLICY.write_text(policy_before)
