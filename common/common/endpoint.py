"""One declaration above a view: who may call it, what it takes and answers; checked, documented."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, get_type_hints
from uuid import UUID

from flasgger import swag_from
from flask import Response, current_app, request
from pydantic import BaseModel, TypeAdapter, ValidationError

from common import encoding
from common.auth import Access, admit
from common.errors import AppError, ErrorCode
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
_ALWAYS = {
    Access.PUBLIC: (),
    Access.INTERNAL: (ErrorCode.UNAUTHORIZED,),
}
_UUID = TypeAdapter(UUID)
_NULL = {"type": "null"}
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def endpoint(
    *,
    access: Access,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    returns: Any = None,
    status: int = 200,
    also: tuple[int, ...] = (),
    errors: tuple[ErrorCode, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Guard, parse, answer and document a view.

    The view gets its path parameters (those annotated UUID parsed), and by name `body`, `query` and
    `caller` where it takes them. It returns the value of `data`, a Page, a (value, status) pair for
    a status in `also`, or a Response of its own. `returns` is a model, list[model] or Page[model].
    Raises VALIDATION_ERROR, INVALID_UUID, UNAUTHORIZED, TOKEN_EXPIRED, FORBIDDEN by itself.
    """

    def declare(view: Callable[..., Any]) -> Callable[..., Response]:
        hints = get_type_hints(view)
        takes_caller = "caller" in inspect.signature(view).parameters

        @functools.wraps(view)
        def wrapper(**path: Any) -> Response:
            caller = admit(access)
            arguments = {name: _path_value(hints[name], name, raw) for name, raw in path.items()}
            if query is not None:
                arguments["query"] = _validated(query, _query_values())
            if body is not None:
                arguments["body"] = _validated(body, _json_object())
            if takes_caller:
                arguments["caller"] = caller
            return _answer(view(**arguments), status)

        documentation = _describe(
            view, hints, access, body, query, returns, (status, *also), errors
        )
        wrapper.__doc__ = None  # flasgger would make all of it the summary
        return swag_from(documentation)(wrapper)

    return declare


def _path_value(kind: type, name: str, raw: str) -> Any:
    if "\x00" in raw:
        raise AppError(ErrorCode.VALIDATION_ERROR, "The path must not contain NUL characters.")
    return _parse_uuid(name, raw) if kind is UUID else raw


def _parse_uuid(name: str, raw: str) -> UUID:
    try:
        return _UUID.validate_python(raw)
    except ValidationError as error:
        raise AppError(ErrorCode.INVALID_UUID, f"{name} is not a UUID.") from error


def _query_values() -> dict[str, str]:
    values = request.args.to_dict()
    if any("\x00" in value for value in values.values()):
        raise AppError(ErrorCode.VALIDATION_ERROR, "The query must not contain NUL characters.")
    return values


def _json_object() -> dict[str, Any]:
    raw = request.get_data(cache=False)
    if not raw:
        return {}
    try:
        value = encoding.loads(raw)
    except ValueError as error:
        raise AppError(ErrorCode.VALIDATION_ERROR, "The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise AppError(ErrorCode.VALIDATION_ERROR, "The body must be a JSON object.")
    if _NUL.search(raw):  # PostgreSQL has no text with NUL
        raise AppError(ErrorCode.VALIDATION_ERROR, "Text must not contain NUL characters.")
    return value


def _validated(model: type[BaseModel], values: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    fields = {
        ".".join(str(part) for part in problem["loc"]) or "body": _sentence(problem)
        for problem in problems
    }
    malformed_uuid = all(problem["type"].startswith("uuid") for problem in problems)
    raise AppError(
        ErrorCode.INVALID_UUID if malformed_uuid else ErrorCode.VALIDATION_ERROR,
        "; ".join(f"{name}: {what}" for name, what in fields.items()) + ".",
        fields=fields,
    )


def _sentence(problem: Any) -> str:
    if problem["type"] == "extra_forbidden":
        return "is not a known field"
    if problem["type"] == "missing":
        return "is required"
    return problem["msg"].removeprefix("Value error, ")


def _answer(result: Any, status: int) -> Response:
    if isinstance(result, Response):
        return result
    envelope: dict[str, Any] = {"success": True}
    if isinstance(result, Page):
        envelope |= {"data": result.items, "pagination": result.pagination()}
    elif isinstance(result, tuple):
        envelope["data"], status = result
    else:
        envelope["data"] = result
    return current_app.response_class(
        encoding.dumps(envelope), status=status, mimetype="application/json"
    )


def _describe(
    view: Callable[..., Any],
    hints: dict[str, Any],
    access: Access,
    body: type[BaseModel] | None,
    query: type[BaseModel] | None,
    returns: Any,
    statuses: tuple[int, ...],
    errors: tuple[ErrorCode, ...],
) -> dict[str, Any]:
    """The OpenAPI 3 operation of a view, from the models that validate it."""
    summary, _, description = inspect.cleandoc(view.__doc__ or "").partition("\n")
    names = [name for name in hints if name not in ("body", "query", "caller", "return")]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _path_schema(hints[name])}
        for name in names
    ]
    if query is not None:
        parameters += _query_parameters(query)
    codes = set(errors) | set(
        _ALWAYS.get(access, (ErrorCode.UNAUTHORIZED, ErrorCode.TOKEN_EXPIRED, ErrorCode.FORBIDDEN))
    )
    if body is not None or query is not None:
        codes |= {ErrorCode.VALIDATION_ERROR, ErrorCode.INVALID_UUID}
    if any(hints[name] is UUID for name in names):
        codes.add(ErrorCode.INVALID_UUID)
    codes |= {ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.INTERNAL_ERROR}
    operation: dict[str, Any] = {
        "tags": [view.__module__.rpartition(".")[2].removesuffix("_routes")],
        "summary": summary,
        "description": description.strip(),
        "parameters": parameters,
        "security": _SECURITY.get(access, [{"bearer": []}]),
        "responses": {
            **{str(status): _success(returns) for status in statuses},
            **_refusals(codes),
        },
    }
    if body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _reference(body)}},
        }
    return operation


def _path_schema(kind: type) -> dict[str, str]:
    return {"type": "string", "format": "uuid"} if kind is UUID else {"type": "string"}


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
