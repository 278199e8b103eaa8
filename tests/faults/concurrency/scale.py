"""How much of everything: FAULTS=all asks for what a big on-sale is, otherwise less will do."""

import os
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """`rounds`: how often a race of a few is run. A hold lasts until a crowd has been served."""

    buyers_of_one_seat: int
    buyers_of_a_hall: int
    seats_each: int
    clients: int
    seconds: float
    rounds: int
    hold_seconds: int


_SHORT = Scale(
    buyers_of_one_seat=60,
    buyers_of_a_hall=40,
    seats_each=3,
    clients=32,
    seconds=12,
    rounds=5,
    hold_seconds=8,
)
_FULL = Scale(
    buyers_of_one_seat=200,
    buyers_of_a_hall=160,
    seats_each=10,
    clients=32,
    seconds=60,
    rounds=40,
    hold_seconds=40,
)
IS_FULL = os.environ.get("FAULTS") == "all"
SCALE = _FULL if IS_FULL else _SHORT
# The same seed makes the same choices; who overtakes whom is still the machine's to say.
SEED = int(os.environ.get("CONCURRENCY_SEED") or random.randrange(1_000_000))
# A race without its guard is run until it goes wrong, and has failed to after so many rounds.
ROUNDS_OF_CONTROL = 60
