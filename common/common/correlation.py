"""The ID that ties together everything one request caused, in every service's log."""

import re
from contextvars import ContextVar
from uuid import uuid4

HEADER = "X-Correlation-ID"
METADATA_KEY = "correlation-id"

_ACCEPTED = re.compile(r"[A-Za-z0-9-]{8,64}")
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def adopt(candidate: str | None) -> str:
    """Make the caller's ID the current one, or a new one where it is missing or not acceptable."""
    accepted = candidate if candidate and _ACCEPTED.fullmatch(candidate) else str(uuid4())
    _current.set(accepted)
    return accepted


def current() -> str:
    """The ID of the work at hand; one is made up where none was adopted."""
    return _current.get() or adopt(None)
