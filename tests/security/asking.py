"""Requests for an operation that are in order, but for what a test puts into them."""

import json
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import uuid4

from http_raw import request
from operations import Field, Operation

Keys = dict[str, tuple[str, ...]]


class Door(NamedTuple):
    """Where an operation can be asked for: at its service's own port, or at the gateway."""

    operation: Operation
    port: int
    path: str

    def __str__(self) -> str:
        return f"{self.operation.method} {self.path} at port {self.port}"


def ordinary(field: Field) -> Any:
    """A value of the right form that is of nothing."""
    kind = next((one for one in field.schema.get("anyOf", ()) if one), field.schema)
    if "enum" in kind:
        return kind["enum"][0]
    if kind.get("format") == "uuid":
        return str(uuid4())
    if kind.get("format") == "email":
        return f"{uuid4().hex}@example.com"
    if kind.get("type") == "array":
        return [str(uuid4())]
    return field.schema.get(
        "example", {"integer": 1, "number": 1}.get(kind.get("type"), "ordinary")
    )


def asked(door: Door, keys: Keys, field: Field, value: Any) -> bytes:
    """The operation with this value in that field, and nothing else that need not be there."""
    places: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
    operation = door.operation
    for one in operation.fields:
        if one.is_required:
            places[one.where][one.name] = ordinary(one)
    places[field.where][field.name] = value
    path = operation.filled(
        door.path, **{n: quote(str(v), safe="") for n, v in places["path"].items()}
    )
    body = json.dumps(places["body"]).encode() if operation.takes_a_body else b""
    query = f"?{urlencode(places['query'])}" if places["query"] else ""
    headers = (*keys[operation.needs], f"Content-Length: {len(body)}")
    return request(operation.method, path + query, *headers, body=body)
