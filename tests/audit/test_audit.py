"""The audit finds exactly what is broken, and nothing where nothing is, whoever buys meanwhile."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from local_stack import __main__ as command_line
from local_stack.audit import BROKEN, HOLDS, NOT_SEEN, Audit, report
from local_stack.stack import Stack

from common.testing import wait_for
from breaks import BREAKS, Break
from fault_proxy import Fault
from history import History
from market import MOVES, Market
from outside import Smu, Stripe, stopped
from platform_client import Api, Buyer, Records, refusal
from shaky_orchestrator import ShakyOrchestrator

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]
Findings = Callable[..., list[tuple[int, dict[str, str]]]]
COUNTS = {
    "users": ("user", "users"),
    "orders": ("order", "orders"),
    "transfers": ("order", "transfers"),
    "seats": ("inventory", "seats"),
    "entries": ("user", "credit_ledger"),
}


@contextmanager
def broken(records: Records, one: Break) -> Iterator[None]:
    """The rule is broken, by hand; mended afterwards."""
    for service, (breaking, _) in one.sql.items():
        records.query(service, breaking)
    try:
        yield
    finally:
        for service, (_, mending) in one.sql.items():
            records.query(service, mending)


def audited(stack: Stack, **options: float) -> tuple[int, str]:
    """The exit status of the command, and what it prints."""
    lines: list[str] = []
    status = report(Audit.of(stack, **options), lines.append)
    return status, "\n".join(lines)


def test_a_platform_on_which_all_has_happened_is_clean_and_all_was_looked_at(
    stack: Stack, history: History, records: Records
) -> None:
    status, said = audited(stack)
    assert status == HOLDS, said
    assert said.count("holds") == 6 and "BROKEN" not in said
    for what, (service, table) in COUNTS.items():
        ((count,),) = records.query(service, f"SELECT count(*) FROM {table}")
        assert f"{count:,} {what}" in said


def test_the_command_line_audits_the_stack_that_runs(
    stack: Stack, history: History, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line._audit(stack, None) == HOLDS
    assert capsys.readouterr().out.count("holds") == 6


@pytest.mark.parametrize("name", BREAKS)
def test_it_finds_exactly(
    name: str, history: History, records: Records, findings: Findings
) -> None:
    one = BREAKS[name](history)
    with broken(records, one):
        [(rule, ids)] = findings()
    assert rule == one.rule
    assert ids.items() >= one.ids.items()
    assert findings() == []


def test_the_command_names_rule_and_ids_and_says_that_something_is_broken(
    stack: Stack, history: History, records: Records
) -> None:
    one = BREAKS["a balance that is not its ledger"](history)
    with broken(records, one):
        status, said = audited(stack)
    assert status == BROKEN
    assert (
        f"RULE 2 BROKEN  A balance is not the sum of its ledger.  user_id={one.ids['user_id']}"
        in said
    )
    assert "rule 2  BROKEN (1)" in said and said.count("holds") == 5


def test_what_a_saga_is_at_work_on_is_not_reported_until_that_is_over(
    stack: Stack, history: History, records: Records, without_recovery: Callable[[], None]
) -> None:
    """For the saga may be what will set it right; once it has ended it is broken."""
    order_id = history.confirmed["order_id"]
    with broken(records, BREAKS["a confirmed order without a charge"](history)):
        with at_work(records, order_id):
            status, said = audited(stack, settled_within=2)
            assert status == NOT_SEEN
            assert f"NOT SETTLED  a saga is still at work on orders:{order_id}" in said
            assert "BROKEN" not in said
        status, said = audited(stack)
    assert status == BROKEN
    assert said.count("RULE") == 1 and order_id in said


def test_what_a_saga_is_at_work_on_is_looked_at_again_until_that_is_over(
    stack: Stack, history: History, records: Records, without_recovery: Callable[[], None]
) -> None:
    order_id = history.confirmed["order_id"]
    with broken(records, BREAKS["a confirmed order without a charge"](history)):
        with at_work(records, order_id):
            parts = Audit.of(stack).parts()
            while (part := next(parts))["next"] is not None:
                assert part["findings"] == []
            assert part["findings"] == []
        [settled] = parts
    assert [one["ids"]["order_id"] for one in settled["findings"]] == [order_id]


@contextmanager
def at_work(records: Records, order_id: str) -> Iterator[None]:
    """A refund is at work on an order, whose driver does nothing."""
    records.query(
        "order",
        "UPDATE orders SET saga = 'refund', saga_step = 'refund.release_seat',"
        " saga_version = saga_version + 1, saga_touched_at = now(), refund_to_user_id = user_id"
        " WHERE order_id = %s",
        order_id,
    )
    try:
        yield
    finally:
        records.query(
            "order",
            "UPDATE orders SET saga = NULL, saga_step = NULL, refund_to_user_id = NULL"
            " WHERE order_id = %s",
            order_id,
        )


def test_an_order_that_is_being_paid_is_not_reported(
    stack: Stack,
    new_buyer: NewBuyer,
    new_seat: NewSeat,
    records: Records,
    shaky: ShakyOrchestrator,
    findings: Findings,
) -> None:
    """It is charged and its seat is not sold yet: while the saga is at work, that is right."""
    buyer = new_buyer()
    held = buyer.reserve(new_seat())
    order_id = held["order_id"]
    shaky.inventory.arm(Fault.HOLD_CALL, order_id.encode())
    shaky.be_killed(
        lambda: buyer.api.at(shaky.url).call("POST", "/api/pay", json={"order_id": order_id}),
        shaky.inventory,
    )
    assert set(records.movements(order_id)) == {"CHARGE"}
    first = next(Audit.of(stack).parts())
    assert first["findings"] == []
    assert findings() == []  # recovery has taken it up meanwhile
    assert records.order(order_id)[1] is None


def test_a_crowd_that_buys_and_passes_on_breaks_nothing_that_it_could_see(
    stack: Stack,
    new_buyer: NewBuyer,
    new_seat: NewSeat,
    staff: Api,
    smu: Smu,
    stripe: Stripe,
    records: Records,
    findings: Findings,
) -> None:
    users = [new_buyer(credits=9000) for _ in range(6)]
    market = Market(users, new_seat, staff, smu, stripe, records)
    audited_enough = threading.Event()

    def crowd(seed: int) -> None:
        choice = random.Random(seed)
        while not audited_enough.is_set():
            move = choice.choice(("buy", "buy", "transfer", "transfer", *MOVES))
            market.play(move, choice.randrange(1000), choice.randrange(1000), 10)

    with ThreadPoolExecutor(4) as pool:
        playing = [pool.submit(crowd, seed) for seed in range(4)]
        try:
            for _ in range(6):
                assert findings() == []
            wait_for(lambda: findings() == [] and set(MOVES) <= market.done, "every move", 120)
        finally:
            audited_enough.set()
        for one in playing:
            one.result(30)
    assert findings() == []


@pytest.mark.parametrize("name", ["orchestrator", "order"])
def test_where_it_cannot_look_the_command_says_so(stack: Stack, name: str) -> None:
    with stopped(stack, name):
        status, said = audited(stack)
    assert status == NOT_SEEN
    assert "The orchestrator" in said and "holds" not in said


def test_admins_walk_it_through_the_gateway_part_by_part(admin: Api, history: History) -> None:
    checked, after = dict.fromkeys(COUNTS, 0), ""
    while after is not None:
        part = admin.ok("GET", "/api/admin/audit" + (f"?after={after}" if after else ""))
        assert (part["clean"], part["findings"], part["unsettled"]) == (True, [], [])
        checked = {what: checked[what] + part["checked"][what] for what in COUNTS}
        after = part["next"]
    assert all(checked.values())
    again = admin.ok("GET", f"/api/admin/audit?again=orders:{history.held['order_id']}")
    assert again["clean"] is True and again["next"] is None


def test_nobody_but_admins_may_and_the_internal_address_is_not_routed(
    api: Api, staff: Api, admin: Api, new_buyer: NewBuyer, stack: Stack
) -> None:
    for caller in (staff, new_buyer().api):
        assert caller.refused("GET", "/api/admin/audit") == (403, "FORBIDDEN")
    assert api.refused("GET", "/api/admin/audit") == (401, "UNAUTHORIZED")
    assert admin.refused("GET", "/audit") == (404, "NOT_FOUND")
    url = f"http://127.0.0.1:{stack.ports['orchestrator']}/audit"
    assert refusal(httpx.get(url, headers={"X-Internal-Token": "wrong"})) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "query",
    [
        "after=somewhere",
        "after=orders:1",
        "again=orders",
        "again=users:30000000-0000-4000-8000-000000000001",
        "after=users&again=orders:30000000-0000-4000-8000-000000000001",
    ],
)
def test_a_place_that_is_none_is_refused(admin: Api, query: str) -> None:
    answer = admin.refused("GET", f"/api/admin/audit?{query}")
    assert answer == (400, "VALIDATION_ERROR")
