"""The OpenAPI 3 description of an endpoint, from the models that validate it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from common.auth import Access
from common.errors import ErrorCode
from common.fields import Page

# Component schemas of everything declared so far; the Swagger page shows them (flask_defaults).
SCHEMAS: dict[str, Any] = {
    "Error": {
        "type": "object",
        "required": ["success", "error_code", "message"],
        "properties": {
            "success": {"type": "boolean", "example": False},
            "error_code": {"type": "string", "enum": [code.value for code in ErrorCode]},
            "message": {"type": "string"},
            "details": {"type": "object"},
        },
    },
    "Pagination": {
        "type": "object",
        "properties": {
            name: {"type": "integer"} for name in ("page", "per_page", "total", "total_pages")
        },
    },
}

_SECURITY = {
    Access.PUBLIC: [],
    Access.INTERNAL: [{"internalToken": []}],
}
_ALWAYS: dict[Access, set[ErrorCode]] = {
    Access.PUBLIC: set(),
    Access.INTERNAL: {ErrorCode.UNAUTHORIZED},
}
_TOKEN_REFUSALS = {ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_EXPIRED, ErrorCode.FORBIDDEN}
_NULL = {"type": "null"}


@dataclass(frozen=True)
class Declaration:
    """What was declared above a view; see common.endpoint.endpoint."""

    access: Access
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    returns: Any
    statuses: tuple[int, ...]
    errors: tuple[ErrorCode, ...]
    headers: Mapping[str, str]


def describe(
    view: Callable[..., Any], hints: dict[str, Any], declared: Declaration
) -> dict[str, Any]:
    """The operation of a view, `hints` being the types of its parameters."""
    summary, _, description = inspect.cleandoc(view.__doc__ or "").partition("\n")
    names = [name for name in hints if name not in ("body", "query", "caller", "return")]
    operation: dict[str, Any] = {
        "tags": [view.__module__.rpartition(".")[2].removesuffix("_routes")],
        "summary": summary,
        "description": description.strip(),
        "parameters": [_path_parameter(name, hints[name]) for name in names],
        "security": _SECURITY.get(declared.access, [{"bearer": []}]),
        "responses": {
            **{str(status): _success(declared.returns) for status in declared.statuses},
            **_refusals(_codes(declared, any(hints[name] is UUID for name in names))),
        },
    }
    operation["parameters"] += [_header(*one) for one in declared.headers.items()]
    if declared.query is not None:
        operation["parameters"] += _query_parameters(declared.query)
    if declared.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(declared.body)}},
        }
    return operation


def _codes(declared: Declaration, takes_uuid: bool) -> set[ErrorCode]:
    """Every code the endpoint may answer with: its own, and those of what was declared."""
    codes = {*declared.errors, ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.INTERNAL_ERROR}
    codes |= _ALWAYS.get(declared.access, _TOKEN_REFUSALS)
    if declared.body is not None or declared.query is not None:
        codes |= {ErrorCode.VALIDATION_ERROR, ErrorCode.INVALID_UUID}
    return codes | {ErrorCode.INVALID_UUID} if takes_uuid else codes


def _path_parameter(name: str, kind: type) -> dict[str, Any]:
    schema = {"type": "string", "format": "uuid"} if kind is UUID else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _header(name: str, what_for: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": what_for, "schema": {"type": "string"}}


def _query_parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    schema = _register(query)
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": one}
        for name, one in schema.get("properties", {}).items()
    ]


def _success(returns: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"success": {"type": "boolean", "example": True}}
    origin, arguments = getattr(returns, "__origin__", None), getattr(returns, "__args__", ())
    if origin in (list, Page):
        properties["data"] = {"type": "array", "items": _reference(arguments[0])}
        if origin is Page:
            properties["pagination"] = {"$ref": "#/components/schemas/Pagination"}
    elif returns is not None:
        properties["data"] = _reference(returns)
    return {
        "description": "Success",
        "content": {"application/json": {"schema": {"type": "object", "properties": properties}}},
    }


def _refusals(codes: set[ErrorCode]) -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(str(code.http_status), []).append(code.value)
    return {
        status: {
            "description": ", ".join(names),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, names in sorted(by_status.items())
    }


def _reference(model: type[BaseModel]) -> dict[str, str]:
    _register(model)
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _register(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    SCHEMAS.update(_in_openapi_3_0(schema.pop("$defs", {})))
    SCHEMAS[model.__name__] = _in_openapi_3_0(schema)
    return SCHEMAS[model.__name__]


def _in_openapi_3_0(schema: Any) -> Any:
    """What pydantic writes (JSON Schema 2020-12) in the words that the Swagger page understands."""
    if isinstance(schema, list):
        return [_in_openapi_3_0(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: _in_openapi_3_0(value) for name, value in schema.items()}
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in schema:
            schema |= {bound: schema[exclusive], exclusive: True}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if _NULL in schema.get("anyOf", ()):
        schema |= _nullable([one for one in schema.pop("anyOf") if one != _NULL])
    return schema


def _nullable(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    if len(kinds) == 1 and "$ref" not in kinds[0]:
        return {**kinds[0], "nullable": True}
    return {"anyOf": kinds, "nullable": True}
