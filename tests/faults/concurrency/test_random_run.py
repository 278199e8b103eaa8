"""Whatever is done in whatever order by many at once: all is answered, and all rules hold."""

from arena import Arena
from operations import OPERATIONS, act
from scale import SCALE, SEED
from town import Enough, Town, Visitor, visit


def run(town: Town, seconds: float, enough: Enough) -> None:
    """All do anything, each by dice of his own: for so long, and on until it is enough."""
    town.arena.tally.clients = len(town.users)
    visitors = [Visitor(town, user, f"{SEED}/{number}") for number, user in enumerate(town.users)]
    visit(visitors, act, seconds, enough)


def never_done(town: Town) -> set[str]:
    """What has not succeeded yet: until it has, the run has proved nothing of it."""
    return OPERATIONS.keys() - town.done.keys() - {"abandon"}


def test_random_sequences_of_everything_leave_all_rules_whole(arena: Arena) -> None:
    town = Town.of(arena, SCALE.clients, seats=SCALE.clients * 10)
    run(town, SCALE.seconds, enough=lambda: not never_done(town))
    again = f"again with CONCURRENCY_SEED={SEED}"
    assert not town.indefinite, f"{dict(town.indefinite)}; {again}"
    assert not never_done(town), f"{never_done(town)}; {again}"
    town.settle()
    town.market.assert_balanced()


def test_without_locks_guards_and_indexes_a_random_run_breaks_them(unguarded: Arena) -> None:
    before = set(unguarded.findings(settled_within=0))
    run(Town.of(unguarded, SCALE.clients, seats=SCALE.clients), 5, enough=lambda: True)
    found = set(unguarded.findings(settled_within=5)) - before
    assert [one for one in found if one.startswith("rule")], found
