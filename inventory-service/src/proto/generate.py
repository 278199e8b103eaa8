"""Builds the gRPC stubs, the package `inventory_api`, from inventory.proto.

    python inventory-service/src/proto/generate.py [FOLDER]

FOLDER is where the package goes; by default the site-packages of the Python that runs this, so that
every service of that environment imports the same stubs. They are never committed.
"""

import sys
import sysconfig
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PACKAGE = "inventory_api"


def generate(folder: Path) -> None:
    """Write PACKAGE below `folder`; raises SystemExit with protoc's own status on a bad proto."""
    package = folder / PACKAGE
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    status = protoc.main(
        [
            "protoc",
            f"-I{PACKAGE}={Path(__file__).parent}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={folder}",
            f"--pyi_out={folder}",
            f"--grpc_python_out={folder}",
            f"{PACKAGE}/inventory.proto",
        ]
    )
    if status:
        raise SystemExit(status)


if __name__ == "__main__":
    generate(Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("purelib")))
