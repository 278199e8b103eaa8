"""Stacks of their own for each test: PostgreSQL and RabbitMQ only, which is quick."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack.processes import SERVERS
from local_stack.stack import Stack


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[..., Stack]]:
    """Makes stacks; whatever they started is gone after the test."""
    made: list[Stack] = []

    def making(**given: object) -> Stack:
        options = {"isolated": True, "only": SERVERS, "durable": False, **given}
        made.append(Stack(tmp_path / "state", **options))
        return made[-1]

    yield making
    for stack in made:
        stack.reset()
