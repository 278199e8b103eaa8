"""A clone on which the README's commands are typed, and a platform that these alone start."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

sys.path[:0] = [str(Path(__file__).parent)]

from clone import Clone  # noqa: E402

_IN_CONTAINERS = os.environ.get("STACK") == "containers"

if not _IN_CONTAINERS:
    collect_ignore = ["test_readme_by_hand.py"]


@pytest.fixture(scope="module")
def port_8000_taken() -> Iterator[None]:
    """Somebody listens there, we or another."""
    with suppress(OSError), socket.create_server(("0.0.0.0", 8000)):
        yield
        return
    yield


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, port_8000_taken: None) -> Iterator[Clone]:
    """The clone."""
    # docker compose knows a project by its folder's name
    made = Clone.made(tmp_path_factory.mktemp("clone") / f"readme-{uuid4().hex[:8]}")
    try:
        yield made
    finally:
        made.run("make reset")
        if _IN_CONTAINERS:
            made.run("docker compose down --rmi local -v")
        shutil.rmtree(made.folder, ignore_errors=True)
