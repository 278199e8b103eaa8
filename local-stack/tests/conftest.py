"""Stacks of their own for each test: PostgreSQL and RabbitMQ only, which is quick."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack.native_stack import NativeStack
from local_stack.processes import SERVERS


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[..., NativeStack]]:
    """Makes stacks; whatever they started is gone after the test."""
    made: list[NativeStack] = []

    def making(**given: object) -> NativeStack:
        options = {"isolated": True, "only": SERVERS, "durable": False, **given}
        made.append(NativeStack(tmp_path / "state", **options))
        return made[-1]

    yield making
    for stack in made:
        stack.reset()
