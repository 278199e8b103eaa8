"""Refusals that need not have been: nobody had the seat at the time."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.acts import TAKEN
from bench.journeys import Sample
from bench.site import Site

_HOLDS = """
    SELECT seat_id::text, extract(epoch FROM created_at)::float,
           CASE WHEN status = 'RELEASED' THEN extract(epoch FROM settled_at)::float END
      FROM holds WHERE user_id IS NOT NULL
    """

# From when until when, in seconds of one clock; for ever where it has not ended.
Span = tuple[float, float]


def needless(site: Site, samples: Sequence[Sample], clock: float) -> dict[str, Any]:
    """Of the reserves, how many were refused while nobody held or owned the seat.

    `clock` is what has to be added to the samples' clock for that of the database.
    """
    held: dict[str, list[Span]] = defaultdict(list)
    for seat_id, begun, ended in site.query("inventory", _HOLDS):
        held[seat_id].append((begun - clock, float("inf") if ended is None else ended - clock))
    asked = reserves(samples)
    refused = [one for one in asked if one.outcome]
    count = sum(not is_explained(one, held) for one in refused)
    return {
        "reserves": len(asked),
        "refused": len(refused),
        "needless": count,
        "needless_percent": round(100 * count / max(1, len(asked)), 2),
    }


def is_explained(refused: Sample, held: Mapping[str, Sequence[Span]]) -> bool:
    """Whether the answer was that somebody has the seat, and somebody had it meanwhile."""
    if refused.outcome not in TAKEN:
        return False
    spans = held.get(refused.subject, ())
    return any(begun <= refused.ended and refused.begun <= ended for begun, ended in spans)


def reserves(samples: Iterable[Sample]) -> list[Sample]:
    """Those that ask for a seat."""
    return [one for one in samples if one.operation == "reserve"]
