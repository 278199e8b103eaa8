"""Fetch what others wrote into this repository: `python3 scanner-app/vendor.py`.

The decoder goes into the app that serves it, axe-core (an accessibility checker) beside the tests
that use it. Each package is of one version, fetched by npm and refused if its archive is not the
one named here. The files are committed, so only who raises a version runs this.
"""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_APP = _ROOT / "scanner-app" / "app" / "vendor"
_TESTS = _ROOT / "tests" / "scanner" / "vendor"


@dataclass(frozen=True)
class Package:
    """An npm package, its archive's SHA-512 as the registry tells it, and the files we take."""

    name: str
    version: str
    integrity: str
    folder: Path
    files: tuple[str, ...]


_PACKAGES = (
    Package(
        "zxing-wasm",
        "3.1.4",
        "1+v8p7sauddySVNG+ye7GD/0TS95BG2ycdkrC+EnBrFBFkHeIghzUt2yVjtx3NucJeNrQnhT8yGAIz60Vx9o0w==",
        _APP / "zxing-wasm",
        ("LICENSE", "dist/es/reader/index.js", "dist/es/share.js", "dist/reader/zxing_reader.wasm"),
    ),
    Package(
        "axe-core",
        "4.14.1",
        "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        _TESTS / "axe-core",
        ("LICENSE", "axe.min.js"),
    ),
)


def main() -> None:
    """Fetch every package anew."""
    for package in _PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            _unpack(package, _fetched(package, Path(folder)))
        print(f"{package.name} {package.version} is in {package.folder.relative_to(_ROOT)}")


def _fetched(package: Package, folder: Path) -> Path:
    """The archive, once it is the one we know."""
    wanted = f"{package.name}@{package.version}"
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), wanted]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != package.integrity:
        sys.exit(f"{wanted} is not the archive we know: its SHA-512 is {digest}")
    return archive


def _unpack(package: Package, archive: Path) -> None:
    with tarfile.open(archive) as opened:
        for name in package.files:
            source = opened.extractfile(f"package/{name}")
            target = package.folder / name.removeprefix("dist/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read())


if __name__ == "__main__":
    main()
