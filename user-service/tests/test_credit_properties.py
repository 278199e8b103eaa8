"""Whatever is asked for, in whatever order and by however many at once: credits are conserved."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .conftest import at_once
from .credits import Credits

Call = Callable[..., tuple[int, Any]]
USERS, KEYS, THREADS = 3, 4, 3
GRANT = 20
_SUMS = """
    SELECT credit_balance, coalesce((SELECT sum(amount) FROM credit_ledger AS entry
            WHERE entry.user_id = users.user_id), 0),
        frozen_credits, coalesce((SELECT sum(amount) FROM credit_freezes AS open
            WHERE open.user_id = users.user_id AND ended_at IS NULL), 0)
    FROM users WHERE user_id = ANY(CAST(:user_ids AS uuid[]))
"""


class Key(NamedTuple):
    """What the references of one number stand for; users by number.

    `payer` is charged, `payee` may get that back; of the payer something is frozen, and handed over
    to the payee, `from_freeze` out of that freeze first.
    """

    payer: int
    payee: int
    amount: int
    from_freeze: bool


class World:
    """Users of its own, and the references that everybody's steps are about."""

    def __init__(self, credits: Credits, users: list[dict[str, Any]], keys: list[Key]) -> None:
        self._credits, self._users, self._keys = credits, users, keys
        subjects = ("grant", "charge", "freeze", "transfer")
        self._references = {
            (what, number): uuid4() for what in subjects for number in range(len(keys))
        }
        self._done: set[tuple[str, int]] = set()

    def steps(self, steps: Iterable[tuple[str, int]]) -> None:
        """Take these, one after the other; each is done or refused for a reason of its own."""
        for name, number in steps:
            status, answer = getattr(self, f"_{name}")(number)
            assert status in (200, 402, 409), (name, answer)
            if status == 200:
                self._done.add((name, number))

    def came_in(self) -> Decimal:
        """What was granted, less what was charged and not given back."""
        total = Decimal(0)
        for number, key in enumerate(self._keys):
            given_back = {("refund", number), ("refund_to", number)} & self._done
            total += GRANT * (("grant", number) in self._done)
            total -= key.amount * (("deduct", number) in self._done and not given_back)
        return total

    def _grant(self, number: int) -> tuple[int, Any]:
        key = self._keys[number]
        return self._credits.grant(self._users[key.payer], GRANT, self._of("grant", number))

    def _deduct(self, number: int) -> tuple[int, Any]:
        return self._credits.deduct(*self._of_payer("charge", number))

    def _refund(self, number: int) -> tuple[int, Any]:
        return self._credits.refund(*self._of_payer("charge", number))

    def _refund_to(self, number: int) -> tuple[int, Any]:
        payee = self._users[self._keys[number].payee]
        return self._credits.refund(*self._of_payer("charge", number), to=payee)

    def _freeze(self, number: int) -> tuple[int, Any]:
        return self._credits.freeze(*self._of_payer("freeze", number))

    def _unfreeze(self, number: int) -> tuple[int, Any]:
        return self._credits.unfreeze(*self._of_payer("freeze", number))

    def _transfer(self, number: int) -> tuple[int, Any]:
        return self._credits.transfer(*self._of_both(number)[:4])

    def _hold_back(self, number: int) -> tuple[int, Any]:
        return self._credits.hold_back(*self._of_both(number))

    def _complete(self, number: int) -> tuple[int, Any]:
        return self._credits.complete(*self._of_both(number))

    def _undo(self, number: int) -> tuple[int, Any]:
        return self._credits.undo(*self._of_both(number))

    def _of(self, what: str, number: int) -> UUID:
        return self._references[what, number]

    def _of_payer(self, what: str, number: int) -> tuple[dict[str, Any], int, UUID]:
        key = self._keys[number]
        return self._users[key.payer], key.amount, self._of(what, number)

    def _of_both(self, number: int) -> tuple[Any, ...]:
        key = self._keys[number]
        users = self._users[key.payer], self._users[key.payee]
        freeze = self._of("freeze", number) if key.from_freeze else None
        return *users, key.amount, self._of("transfer", number), freeze


numbers = st.integers(0, KEYS - 1)
pairs = st.permutations(range(USERS)).map(lambda order: order[:2])
keys = st.tuples(pairs, st.sampled_from([50, 30, 0]), st.booleans()).map(
    lambda drawn: Key(*drawn[0], *drawn[1:])
)
names = st.sampled_from(
    ["grant", "deduct", "refund", "refund_to", "freeze", "unfreeze", "transfer"]
    + 2 * ["hold_back", "complete", "undo"]
)
steps = st.lists(st.tuples(names, numbers), min_size=4, max_size=12)
plans = st.fixed_dictionaries(
    {
        "keys": st.lists(keys, min_size=KEYS, max_size=KEYS),
        "frozen": st.sets(numbers, min_size=1),  # to begin with
        "threads": st.lists(steps, min_size=THREADS, max_size=THREADS),
        "ends": st.permutations(["complete", "undo"]),  # which is tried first
    }
)


@settings(
    derandomize=True,
    deadline=None,
    max_examples=75,
    phases=[Phase.generate],  # threads never interleave alike again: there is nothing to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=plans)
def test_credits_are_conserved(
    credits: Credits, new_user: Call, rows: Call, plan: dict[str, Any]
) -> None:
    users = [new_user(100) for _ in range(USERS)]
    world = World(credits, users, plan["keys"])
    world.steps([("freeze", number) for number in plan["frozen"]])
    at_once(*[lambda steps=steps: world.steps(steps) for steps in plan["threads"]])
    assert_conserved(rows, users, 100 * USERS + world.came_in())

    # nothing stays held back or frozen that could not be had
    for name in (*plan["ends"], "unfreeze"):
        world.steps([(name, number) for number in range(KEYS)])
    assert_conserved(rows, users, 100 * USERS + world.came_in())
    assert [frozen for _, frozen in credits.has(*users)] == [0] * USERS


def assert_conserved(rows: Call, users: list[dict[str, Any]], total: Decimal) -> None:
    found = rows(_SUMS, user_ids=[user["user_id"] for user in users])
    for balance, booked, frozen, open_freezes in found:
        assert (balance, frozen) == (booked, open_freezes)
    assert sum(balance + frozen for balance, _, frozen, _ in found) == total
