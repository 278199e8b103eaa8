"""The container engine, where there is one, and the images it can get.

Standard library only: this runs before .venv is there.
"""

import re
import shutil
import subprocess
from pathlib import Path

KONG = "kong:3.6"
_NAMED = re.compile(r"^(?:FROM|\s*image:)\s+([\w./-]+:[\w.-]+)", re.M)


def answers() -> bool:
    """Whether containers can be run here."""
    if shutil.which("docker") is None:
        return False
    commands = (["docker", "info"], ["docker", "compose", "version"])
    return all(subprocess.run(one, capture_output=True).returncode == 0 for one in commands)


def missing_images(root: Path) -> list[str]:
    """The public images that the platform's own are made of and that cannot be had here.

    Pulls those that are not here yet. Kong's is not counted: HAProxy can take its place.
    """
    files = [root / "docker-compose.yml", *root.glob("*/Dockerfile"), *root.glob("*/*/Dockerfile")]
    named = {image for file in files for image in _NAMED.findall(file.read_text())}
    return sorted(image for image in named - {KONG} if not has(image))


def has(image: str) -> bool:
    """Whether an image is here, or could be pulled."""
    commands = (["docker", "image", "inspect", image], ["docker", "pull", image])
    return any(subprocess.run(one, capture_output=True).returncode == 0 for one in commands)
