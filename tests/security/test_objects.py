"""Nobody gets at another's things: each role against each operation that names one.

At the gateway, and at the service's own port: a service does not trust that the gateway has looked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from uuid import uuid4

import httpx
import pytest
from local_stack.stack import Stack

from asking import Door, Keys, asked
from deals import Deal
from gate import Gate
from http_raw import send
from objects import ROLES, RULES, Rule, Things
from operations import CALLERS, Operation
from outside import Stripe
from platform_client import Api, Buyer, Records, refusal
from snapshot import nothing_changes

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
def outsiders(api: Api, admin: Api, staff: Api) -> dict[str, Api]:
    """Whoever has nothing to do with it, by role."""
    stranger = Buyer.register(api, admin, 1000).api
    return {"nobody": api, "stranger": stranger, "staff": staff, "admin": admin}


@dataclass
class Attempt:
    """An operation on a thing of an owner's."""

    operation: Operation
    rule: Rule
    things: Things
    outsiders: dict[str, Api]

    def __post_init__(self) -> None:
        self._ask = self.rule.make(self.things)

    def by(self, role: str, base_url: str, path: str) -> httpx.Response:
        """What that role is answered at that door."""
        deal, asked = self.things.deal, self._ask(role)
        people = {"owner": deal.seller.api, "counterpart": deal.buyer.api, **self.outsiders}
        place = self.operation.filled(path, **asked.path)
        caller = people[role].at(base_url)
        return caller.call(self.operation.method, place, params=asked.query, json=asked.body)


@pytest.mark.parametrize(("label", "rule"), CASES)
def test_an_object_is_there_for_those_who_may_and_for_nobody_else(
    all_operations: list[Operation],
    stack: Stack,
    new_things: Callable[[], Things],
    outsiders: dict[str, Api],
    records: Records,
    label: str,
    rule: Rule,
) -> None:
    operation = next(one for one in all_operations if str(one) == label)
    service = f"http://127.0.0.1:{stack.ports[operation.service]}"
    doors = [(stack.gateway_url, operation.public_path), (service, operation.path)]
    attempt = Attempt(operation, rule, new_things(), outsiders)
    with nothing_changes(records):
        for role, door in product(set(ROLES) - set(rule.admitted), doors):
            assert refusal(attempt.by(role, *door)) == rule.answer(role), (role, door)
    # that it was refused for who asked, and not for anything else
    for role in rule.admitted:
        assert attempt.by(role, *doors[0]).status_code == rule.status, role
        if role != rule.admitted[-1]:
            attempt = Attempt(operation, rule, new_things(), outsiders)


def test_nobody_acts_in_the_name_of_another(doors: list[Door], keys: Keys) -> None:
    """A body may name its caller, and nobody else."""
    for door in (one for one in doors if one.operation.may_name_its_caller):
        for field in (one for one in door.operation.fields if one.name in CALLERS):
            (answer,) = send(door.port, asked(door, keys, field, str(uuid4())))
            assert answer.refusal == (403, "FORBIDDEN"), (door, field.name)


def test_a_change_would_be_noticed(new_buyer: NewBuyer, records: Records) -> None:
    """The negative control: a single row, anywhere."""
    buyer = new_buyer(credits=0)
    for change in ("full_name = 'Somebody'", "is_flagged = true"):
        with pytest.raises(AssertionError), nothing_changes(records):
            records.query("user", f"UPDATE users SET {change} WHERE user_id = %s", buyer.user_id)
