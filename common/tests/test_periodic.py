"""Work that is done again and again."""

import pytest

from common import correlation
from common.errors import Unreachable
from common.periodic import run_every
from common.testing import wait_for


def test_it_goes_on_whatever_happens_and_says_an_outage_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ids: list[str] = []

    def work() -> None:
        ids.append(correlation.current())
        if len(ids) in (2, 3, 4, 6):
            raise Unreachable("order-service")
        if len(ids) == 7:
            raise RuntimeError("a bug")

    thread = run_every(0.01, work, "a name for the log")
    wait_for(lambda: len(ids) >= 9, "nine rounds")
    assert thread.daemon and thread.is_alive()
    assert len(set(ids)) == len(ids)  # each round is a piece of work of its own
    messages = [record.message for record in caplog.records]
    assert messages.count("periodic work fails") == 2
    assert messages.count("unexpected error in periodic work") == 1
