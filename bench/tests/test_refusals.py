"""Which refusals need not have been."""

import pytest

from bench.journeys import Sample
from bench.refusals import is_explained

FOREVER = float("inf")


@pytest.mark.parametrize(
    ("begun", "ended", "code", "explained"),
    [
        (10.0, 10.1, "SEAT_UNAVAILABLE", False),  # before anybody had it
        (19.9, 20.1, "SEAT_UNAVAILABLE", True),
        (25.0, 25.1, "SEAT_UNAVAILABLE", True),
        (31.0, 31.1, "SEAT_UNAVAILABLE", False),  # it had been let go
        (45.0, 45.1, "SEAT_ALREADY_SOLD", True),
        (25.0, 25.1, "SERVICE_UNAVAILABLE", False),  # not because of who has it
    ],
)
def test_a_refusal_is_explained_by_whoever_had_the_seat_meanwhile(
    begun: float, ended: float, code: str, explained: bool
) -> None:
    held = {"A1": [(20.0, 30.0), (40.0, FOREVER)]}
    assert is_explained(Sample("reserve", begun, ended, code, "A1"), held) is explained


def test_of_a_seat_that_nobody_ever_had_no_refusal_is_explained() -> None:
    assert not is_explained(Sample("reserve", 0.0, 1.0, "SEAT_UNAVAILABLE", "B2"), {})
