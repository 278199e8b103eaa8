"""What can be asked of the platform: kong.yml joined with what each service says of itself.

Nothing here is a list of routes: one that is added anywhere is in every test that goes over them.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from local_stack.stack import ROOT, Stack

sys.path.insert(0, str(ROOT / "api-gateway"))

from kong_config import KongConfig, Route, Service, is_regex, load  # noqa: E402

REST_SERVICES = ("orchestrator", "user", "event", "order")
_UUID_IN_A_PATTERN = "[0-9a-f]{8}-"
_PLACE = re.compile(r"\{(\w+)\}")
CALLERS = {"user_id", "staff_id"}  # in a body that has both, they name the caller
_FOR_A_LOGIN = {"bearer": "login", "refreshToken": "refresh", "internalToken": "internal"}


@dataclass(frozen=True)
class Field:
    """One value that a request carries, in its path, its query or its body."""

    name: str
    where: str
    schema: Mapping[str, Any]
    is_required: bool

    @property
    def is_money(self) -> bool:
        return self.schema.get("multipleOf") == 0.01

    @property
    def is_text(self) -> bool:
        """Whether a string is what it takes, of whatever form."""
        kinds = self.schema.get("anyOf", [self.schema])
        return any(kind.get("type") == "string" or "enum" in kind for kind in kinds)

    @property
    def is_number(self) -> bool:
        return self.schema.get("type") in ("number", "integer")

    @property
    def names_an_object(self) -> bool:
        """Whether it says which seat, order, transfer, user … is meant."""
        said = json.dumps(self.schema)
        by_email = self.where == "query" and '"email"' in said
        by_id = '"uuid"' in said or _UUID_IN_A_PATTERN in said or self.name.endswith("_id")
        return by_id or by_email


@dataclass(frozen=True)
class Operation:
    """A method and a path of a service; `public_path` is its path through the gateway, if any."""

    service: str
    method: str
    path: str
    public_path: str | None
    needs: str  # public, login, refresh or internal
    fields: tuple[Field, ...]
    takes_a_body: bool
    example: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def objects(self) -> list[Field]:
        """What of it names an object, but for who calls."""
        in_body = {field.name for field in self.fields if field.where == "body"}
        callers = CALLERS if CALLERS <= in_body else set()
        return [
            field
            for field in self.fields
            if field.names_an_object and not (field.where == "body" and field.name in callers)
        ]

    @property
    def is_opaque(self) -> bool:
        """Whether its body may name anything, since nothing is said of what is in it."""
        return self.takes_a_body and not any(field.where == "body" for field in self.fields)

    @property
    def may_name_its_caller(self) -> bool:
        return CALLERS <= {field.name for field in self.fields if field.where == "body"}

    def filled(self, path: str | None = None, **values: str) -> str:
        """Its path with these values, and IDs of nothing in every other place."""
        return _PLACE.sub(lambda place: values.get(place[1]) or str(uuid4()), path or self.path)


def operations(stack: Stack) -> list[Operation]:
    """Everything that is documented, and where the gateway leads to it."""
    kong = kong_config(stack)
    return [
        operation for service in REST_SERVICES for operation in _of_service(stack, kong, service)
    ]


def kong_config(stack: Stack) -> KongConfig:
    """kong.yml as the gateway of `stack` has it."""
    return load((ROOT / "api-gateway" / "kong.yml").read_text(), stack.settings)


def leads_to(kong: KongConfig, outer: str) -> tuple[Service, Route, str] | None:
    """Service, route and path, as Kong chooses: expressions first, then the longest path."""
    entries = [(s, r, p) for s in kong.services for r in s.routes for p in r.paths]
    entries.sort(key=lambda one: (not is_regex(one[2]), 0 if is_regex(one[2]) else -len(one[2])))
    for service, route, path in entries:
        if is_regex(path) and (match := re.match(path[1:], outer)):
            rest = outer[match.end() :]
        elif not is_regex(path) and outer.startswith(path):
            rest = "/" + outer[len(path) :]
        else:
            continue
        return service, route, service.path + (rest if route.strip_path else outer)
    return None


def _of_service(stack: Stack, kong: KongConfig, service: str) -> Iterator[Operation]:
    said = httpx.get(f"http://127.0.0.1:{stack.ports[service]}/apispec.json", timeout=30).json()
    schemas = said["components"]["schemas"]
    for path, methods in said["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            schema = _resolved(body.get("schema", {}), schemas)
            parameters = [one for one in operation.get("parameters", ()) if one["in"] != "header"]
            kinds = [(one["name"], one["in"], one["schema"], one["required"]) for one in parameters]
            for name, kind in schema.get("properties", {}).items():
                kinds.append((name, "body", kind, name in schema.get("required", ())))
            security = [name for one in operation["security"] for name in one]
            yield Operation(
                service,
                method.upper(),
                path,
                _public_path(kong, f"{service}-service", path),
                _FOR_A_LOGIN[security[0]] if security else "public",
                tuple(
                    Field(name, where, _resolved(kind, schemas), is_required)
                    for name, where, kind, is_required in kinds
                ),
                "requestBody" in operation,
                body.get("example"),
            )


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    if pointer := schema.get("$ref"):
        schema = schemas[pointer.rpartition("/")[2]]
    if "anyOf" in schema:
        return {**schema, "anyOf": [_resolved(one, schemas) for one in schema["anyOf"]]}
    return schema


def _public_path(kong: KongConfig, service: str, inner: str) -> str | None:
    """The path by which the gateway leads to just this one of this service."""
    stripped = [
        path.lstrip("~").rstrip("$/") + inner.removeprefix(one.path)
        for one in kong.services
        for route in one.routes
        for path in route.paths
        if route.strip_path
    ]
    for outer in (inner, *stripped):
        found = leads_to(kong, outer)
        if found and (found[0].name, found[2]) == (service, inner):
            return outer
    return None
