"""A worker's start is spared by the search for cycles; what comes after it is not."""

import gc
from collections.abc import Iterator

import pytest

from common import garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_was_there_is_spared() -> None:
    garbage.spare_what_is_here()
    assert gc.get_freeze_count() > 0


def test_a_cycle_made_afterwards_is_found() -> None:
    garbage.spare_what_is_here()
    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() >= 1
