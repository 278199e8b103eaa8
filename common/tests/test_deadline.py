"""The time that is left to a request."""

import time

from common import deadline


def test_without_a_deadline_everything_gets_its_time() -> None:
    assert deadline.left(2.0) == 2.0


def test_all_that_is_waited_for_shares_what_is_left() -> None:
    with deadline.within(0.5):
        first = deadline.left(2.0)
        time.sleep(0.01)
        assert deadline.left(2.0) < first <= 0.5
        assert deadline.left(0.1) == 0.1


def test_once_time_is_up_nothing_is_left() -> None:
    with deadline.within(0):
        assert deadline.left(2.0) == 0


def test_something_can_be_left_for_what_comes_after() -> None:
    with deadline.leaving(1):
        assert deadline.left(2.0) == 2.0
    with deadline.within(0.5):
        with deadline.leaving(0.4):
            assert 0 < deadline.left(2.0) <= 0.1
        with deadline.leaving(1):
            assert deadline.left(2.0) == 0
        assert deadline.left(2.0) > 0.3


def test_nobody_gets_more_time_than_whoever_waits_for_him() -> None:
    with deadline.within(0.5):
        with deadline.within(5):
            assert deadline.left(2.0) <= 0.5
        with deadline.within(0):
            assert deadline.left(2.0) == 0
        assert deadline.left(2.0) > 0
    assert deadline.left(2.0) == 2.0
