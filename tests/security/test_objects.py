"""Nobody gets at another's things: each role against each operation that names one.

At the gateway, and at the service's own port: a service does not trust that the gateway has looked.
"""

from collections.abc import Callable

import httpx
import pytest
from local_stack.stack import Stack

from deals import Deal
from gate import Gate
from objects import ROLES, RULES, Ask, Rule, Things
from operations import Operation
from outside import Stripe
from platform_client import Api, Buyer, Records, refusal
from snapshot import snapshot

NewBuyer, NewSeat, NewDeal = Callable[..., Buyer], Callable[[], str], Callable[..., Deal]
CASES = [
    pytest.param(label, rule, id=f"{label}{number or ''}")
    for label, rules in RULES.items()
    for number, rule in enumerate(rules)
]


def without_a_rule(operations: list[Operation]) -> set[str]:
    """Operations that name an object, and that no rule and no internal token guards."""
    return {
        str(operation)
        for operation in operations
        if (operation.objects or operation.is_opaque) and operation.needs != "internal"
    } - RULES.keys()


def test_there_is_a_rule_for_every_operation_that_names_an_object(
    all_operations: list[Operation],
) -> None:
    assert without_a_rule(all_operations) == set()
    assert RULES.keys() <= {str(operation) for operation in all_operations}


def test_an_operation_without_a_rule_is_noticed(
    all_operations: list[Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""
    for label in list(RULES):
        monkeypatch.delitem(RULES, label)
        assert without_a_rule(all_operations) == {label}
        monkeypatch.undo()


@pytest.fixture
def new_things(
    new_deal: NewDeal, new_seat: NewSeat, gate: Gate, admin: Api, stripe: Stripe
) -> Callable[[], Things]:
    """Makes an owner, a counterpart, and a seat of the owner's."""
    return lambda: Things(new_deal(), new_seat, gate, admin, stripe)


@pytest.fixture(scope="module")
def stranger(api: Api, admin: Api) -> Buyer:
    """Who has nothing to do with it."""
    return Buyer.register(api, admin, 1000)


@pytest.mark.parametrize(("label", "rule"), CASES)
def test_an_object_is_there_for_those_who_may_and_for_nobody_else(
    all_operations: list[Operation],
    stack: Stack,
    new_things: Callable[[], Things],
    stranger: Buyer,
    staff: Api,
    api: Api,
    records: Records,
    label: str,
    rule: Rule,
) -> None:
    operation = next(one for one in all_operations if str(one) == label)
    doors = {stack.gateway_url: operation.public_path}
    doors[f"http://127.0.0.1:{stack.ports[operation.service]}"] = operation.path

    def call(base_url: str, things: Things, ask: Ask, role: str) -> httpx.Response:
        asked = ask(role)
        people = {"owner": things.deal.seller.api, "counterpart": things.deal.buyer.api}
        people |= {"nobody": api, "stranger": stranger.api, "staff": staff, "admin": things.admin}
        return (
            people[role]
            .at(base_url)
            .call(
                operation.method,
                operation.filled(doors[base_url], **asked.path),
                params=asked.query,
                json=asked.body,
            )
        )

    things = new_things()
    ask = rule.make(things)
    before = snapshot(records)
    for base_url in doors:
        for role in (one for one in ROLES if one not in rule.admitted):
            answer = refusal(call(base_url, things, ask, role))
            assert answer == rule.answer(role), (role, base_url)
    assert snapshot(records) == before
    # that it was refused for who asked, and not for anything else
    for number, role in enumerate(rule.admitted):
        if number:
            things = new_things()
            ask = rule.make(things)
        assert call(stack.gateway_url, things, ask, role).status_code == rule.status, role
