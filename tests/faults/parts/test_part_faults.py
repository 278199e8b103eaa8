"""A part breaks under a steady load: true answers in time meanwhile, afterwards all is whole."""

import time
from collections.abc import Iterator

import pytest
from local_stack.audit import Audit
from local_stack.stack import Stack

from common.testing import wait_for
from answers import Answer
from lines import SLOW_SECONDS
from load import Load, Site
from part_faults import PartFault, Platform, chosen, wait_until
from platform_client import HOLD_TTL_SECONDS, Records
from table import Row

_WARM_WITHIN_SECONDS = 30
_WHOLE_WITHIN_SECONDS = 30
_HOLD_ENDS_WITHIN_SECONDS = HOLD_TTL_SECONDS + 10  # rule 4
_ABANDONED = 3


@pytest.mark.parametrize("fault", chosen(), ids=str)
def test_while_it_lasts_answers_are_true_and_in_time_and_afterwards_all_is_whole(
    fault: PartFault, platform: Platform, load: Load, site: Site, rows: list[Row]
) -> None:
    with load:
        working = time.monotonic()
        wait_for(lambda: load.works_since(working), "the load to work", _WARM_WITHIN_SECONDS)
        abandoned = abandon_seats(site, load.seats)
        begun = time.monotonic()
        with fault.breaking(platform, fault.part):
            broken = time.monotonic()
            if fault.part == "rabbitmq":
                await_end_of_holds(site.records, abandoned, begun)
            wait_until(begun + fault.seconds)
            ended = time.monotonic()
        rows.append(row := Row(fault, load.answers, begun, broken, ended))
        await_wholeness(platform.stack, load, ended)
        row.whole_after = time.monotonic() - ended
    row.audit = audited(platform.stack)
    answers = load.answers.since(ended if fault.leaves_answers_out else 0)
    if fault.breaks_off_answers:
        answers = [one for one in answers if not was_broken_off(one, row)]
    assert told([one for one in answers if not one.is_acceptable], row) == []
    noticed = [one for one in row.answers if one.failed and one.function in fault.goes_on]
    assert told(noticed, row) == []
    assert row.went_on >= fault.goes_on or not fault.is_lasting
    assert row.failed or row.slowest > SLOW_SECONDS or not fault.is_felt
    assert row.audit == "clean"


def abandon_seats(site: Site, seats: Iterator[str]) -> list[str]:
    """Orders that nobody is going to pay."""
    buyer = site.new_buyer()
    return [buyer.reserve(next(seats))["order_id"] for _ in range(_ABANDONED)]


def await_end_of_holds(records: Records, order_ids: list[str], since: float) -> None:
    """Rule 4, whatever is down."""
    sql = "SELECT count(*) FROM seats WHERE hold_id::text = ANY(%s) AND status = 'HELD'"
    wait_for(
        lambda: records.query("inventory", sql, order_ids) == [(0,)],
        "abandoned holds to end",
        seconds=since + _HOLD_ENDS_WITHIN_SECONDS - time.monotonic(),
    )


def await_wholeness(stack: Stack, load: Load, ended: float) -> None:
    """Every process is healthy and every function works again, with no restart by hand."""
    wait_for(
        lambda: load.works_since(ended) and stack.is_healthy(),
        "the platform to be whole again",
        seconds=ended + _WHOLE_WITHIN_SECONDS - time.monotonic(),
    )


def audited(stack: Stack) -> str:
    """What the six rules say once everything is settled."""
    parts = list(Audit.of(stack).parts())
    wrong = [one for part in parts for one in (*part["findings"], *part["unsettled"])]
    return "; ".join(map(str, wrong)) or "clean"


def was_broken_off(answer: Answer, row: Row) -> bool:
    """Whether it is none, to a request that was under way while something broke."""
    return answer.status == 0 and answer.begun <= row.broken and answer.ended >= row.begun


def told(answers: list[Answer], row: Row) -> list[str]:
    """These answers, and when they were asked for: seconds after the break."""
    return [
        f"{one.function} at {one.begun - row.broken:.2f} s:"
        f" {one.status} {one.code} after {one.seconds:.2f} s"
        for one in answers
    ]
