"""How much of everything: FAULTS=all asks for what a big on-sale is, otherwise less will do."""

import os
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """`rounds`: how often a race of a few is run."""

    buyers_of_one_seat: int
    buyers_of_a_hall: int
    seats_each: int
    clients: int
    seconds: float
    rounds: int


_SHORT = Scale(60, 40, 3, 32, 12, 5)
_FULL = Scale(200, 160, 10, 32, 60, 40)
IS_FULL = os.environ.get("FAULTS") == "all"
SCALE = _FULL if IS_FULL else _SHORT
# The same seed makes the same choices; who overtakes whom is still the machine's to say.
SEED = int(os.environ.get("CONCURRENCY_SEED") or random.randrange(1_000_000))
# A race without its guard is run until it goes wrong, and has failed to after so many rounds.
ROUNDS_OF_CONTROL = 60
