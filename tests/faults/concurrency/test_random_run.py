"""Whatever is done in whatever order by many at once: all is answered, and all rules hold."""

from arena import Arena
from operations import OPERATIONS, act
from scale import SCALE, SEED
from town import Town, Visitor, visit


def run(arena: Arena, clients: int, seats: int, seconds: float) -> Town:
    """So many clients do anything for so long, each by dice of its own."""
    town = Town.of(arena, clients, seats)
    arena.tally.clients = clients
    visit([Visitor(town, user, f"{SEED}/{n}") for n, user in enumerate(town.users)], act, seconds)
    return town


def test_random_sequences_of_everything_leave_all_rules_whole(arena: Arena) -> None:
    town = run(arena, SCALE.clients, SCALE.clients * 10, SCALE.seconds)
    again = f"again with CONCURRENCY_SEED={SEED}"
    assert not town.indefinite, f"{dict(town.indefinite)}; {again}"
    town.settle()
    town.market.assert_balanced()
    never = OPERATIONS.keys() - town.done.keys() - {"abandon"}
    assert not never, f"never succeeded, so that nothing is proved: {never}; {again}"


def test_without_locks_guards_and_indexes_a_random_run_breaks_them(unguarded: Arena) -> None:
    before = set(unguarded.findings(settled_within=0))
    run(unguarded, SCALE.clients, SCALE.clients, 6)
    found = set(unguarded.findings(settled_within=5)) - before
    assert [one for one in found if one.startswith("rule")], found
