"""JSON as the contract has it: money as a number with two decimals, times RFC 3339 UTC with Z.

Numbers are read as `Decimal`, so that no amount passes through a float.
"""

from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any
from uuid import UUID

import simplejson
from flask.json.provider import JSONProvider
from pydantic import BaseModel


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond: 2026-01-31T12:00:00.000Z."""
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _default(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER = simplejson.JSONEncoder(default=_default, use_decimal=True, separators=(",", ":"))


def dumps(value: Any) -> str:
    """`value` as JSON; pydantic models, UUIDs, datetimes, enums and Decimals included."""
    return _ENCODER.encode(value)


def loads(text: str | bytes) -> Any:
    """The value of a JSON text; raises ValueError on anything that is not JSON."""
    try:
        return simplejson.loads(text, parse_float=Decimal, allow_nan=False)
    except (RecursionError, InvalidOperation) as error:
        raise ValueError("nested too deeply, or a number beyond all bounds") from error


class ContractJSON(JSONProvider):
    """Makes Flask speak the same JSON (flask.json.provider)."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return dumps(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return loads(s)
