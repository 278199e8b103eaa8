"""The OpenAPI 3 description of an endpoint, from the models that validate it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from common.auth import Access
from common.error_meanings import MEANINGS
from common.errors import ErrorCode
from common.fields import CallerBody, Page
from common.schemas import (
    answer_schema,
    closed_object,
    example_of,
    has_uuid,
    reference,
    request_schema,
    value_schema,
)

_SECURITY = {
    Access.PUBLIC: [],
    Access.INTERNAL: [{"internalToken": []}],
    Access.REFRESH: [{"refreshToken": []}],
}
_FOR_WHOM = {
    Access.PUBLIC: "Public.",
    Access.INTERNAL: "Internal: for the other services.",
    Access.CUSTOMER: "For everybody who is logged in.",
    Access.STAFF: "For staff and admins.",
    Access.ADMIN: "For admins.",
    Access.REFRESH: "Takes the refresh token of a login.",
}
_ALWAYS = {ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.INTERNAL_ERROR}
_BODY_REFUSALS = {ErrorCode.VALIDATION_ERROR, ErrorCode.PAYLOAD_TOO_LARGE}
_CORRELATION = {"X-Correlation-ID": {"$ref": "#/components/headers/CorrelationId"}}


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
    openapi: Mapping[str, Any]


def describe(
    view: Callable[..., Any], hints: dict[str, Any], declared: Declaration
) -> dict[str, Any]:
    """The operation of a view, `hints` being the types of its parameters with their annotations."""
    summary, _, more = inspect.cleandoc(view.__doc__ or "").partition("\n")
    names = [name for name in hints if name not in ("body", "query", "caller", "return")]
    path = [_parameter(name, "path", True, value_schema(hints[name])) for name in names]
    query = [] if declared.query is None else _query_parameters(declared.query)
    headers = [_header(*one) for one in declared.headers.items()]
    operation: dict[str, Any] = {
        "tags": [view.__module__.rpartition(".")[2].removesuffix("_routes")],
        "summary": summary,
        "description": f"{more.strip()}\n\n{_FOR_WHOM[declared.access]}".strip(),
        "parameters": [*path, *query, *headers],
        "security": _SECURITY.get(declared.access, [{"bearer": []}]),
        "responses": {
            **{str(status): _success(declared.returns) for status in declared.statuses},
            **_refusals(_codes(declared, path, query)),
        },
    }
    if declared.body is not None:
        operation["requestBody"] = _request_body(declared.body)
    return merged(operation, declared.openapi)


def merged(operation: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, level by level; where both say something, and of a schema's whole, `more` has it."""
    both = dict(operation)
    for name, value in more.items():
        deeper = isinstance(value, Mapping) and isinstance(both.get(name), Mapping)
        both[name] = merged(both[name], value) if deeper and name != "schema" else value
    return both


def bare_answer(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON answer without the envelope."""
    content = {"application/json": {"schema": schema}}
    return {"description": description, "headers": _CORRELATION, "content": content}


def _codes(declared: Declaration, path: list[Any], query: list[Any]) -> set[ErrorCode]:
    """Every code the endpoint may answer with: its own, and those of what was declared."""
    codes = {*declared.errors, *_ALWAYS}
    if declared.access is not Access.PUBLIC:
        codes.add(ErrorCode.UNAUTHORIZED)
    if declared.access not in (Access.PUBLIC, Access.INTERNAL):
        codes.add(ErrorCode.TOKEN_EXPIRED)
    if declared.access in (Access.STAFF, Access.ADMIN):
        codes.add(ErrorCode.FORBIDDEN)
    if path or query:
        codes.add(ErrorCode.VALIDATION_ERROR)
    schemas = [one["schema"] for one in path + query]
    if declared.body is not None:
        codes |= _BODY_REFUSALS
        schemas.append(request_schema(declared.body))
        if issubclass(declared.body, CallerBody):
            codes.add(ErrorCode.FORBIDDEN)
    return codes | {ErrorCode.INVALID_UUID} if any(map(has_uuid, schemas)) else codes


def _parameter(name: str, where: str, required: bool, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


def _header(name: str, what_for: str) -> dict[str, Any]:
    return {**_parameter(name, "header", False, {"type": "string"}), "description": what_for}


def _query_parameters(query: type[BaseModel]) -> list[dict[str, Any]]:
    schema = request_schema(query)
    parameters = []
    for name, field in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        if not required:  # the page would send the example of what need not be sent
            field = {key: value for key, value in field.items() if key != "example"}
        parameters.append(_parameter(name, "query", required, field))
    return parameters


def _request_body(body: type[BaseModel]) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": reference(body)}
    try:
        content["example"] = example_of(request_schema(body))
    except KeyError:  # what has no example says so by having none
        pass
    return {"required": True, "content": {"application/json": content}}


def _success(returns: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"success": {"type": "boolean", "enum": [True]}}
    description = "Success."
    if returns is not None:
        fields["data"], description = _data(returns)
    if get_origin(returns) is Page:
        fields["pagination"] = {"$ref": "#/components/schemas/Pagination"}
    return bare_answer(description, closed_object(fields))


def _data(returns: Any) -> tuple[dict[str, Any], str]:
    """The schema of an answer's `data`, and what it is."""
    if get_origin(returns) in (list, Page):
        item, description = _data(get_args(returns)[0])
        return {"type": "array", "items": item}, f"A list. Each: {description}"
    if isinstance(returns, UnionType):
        kinds = [_data(one) for one in get_args(returns)]
        return {"anyOf": [schema for schema, _ in kinds]}, kinds[0][1]
    answer_schema(returns)
    return reference(returns), inspect.cleandoc(returns.__doc__ or "Success.").splitlines()[0]


def _refusals(codes: set[ErrorCode]) -> dict[str, Any]:
    by_status: dict[str, list[ErrorCode]] = {}
    for code in sorted(codes):
        by_status.setdefault(str(code.http_status), []).append(code)
    return {status: _refusal(those) for status, those in sorted(by_status.items())}


def _refusal(codes: list[ErrorCode]) -> dict[str, Any]:
    """The answer of one status: the envelope of errors, with one of these codes."""
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Error"},
            {"properties": {"error_code": {"enum": [code.value for code in codes]}}},
        ]
    }
    answer = bare_answer("\n".join(f"- `{code}`: {MEANINGS[code]}" for code in codes), schema)
    answer["content"]["application/json"]["examples"] = {
        code.value: {
            "value": {"success": False, "error_code": code.value, "message": MEANINGS[code]}
        }
        for code in codes
    }
    return answer
