"""One declaration above a view: who may call it, what it takes and answers."""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, get_type_hints
from uuid import UUID

from flasgger import swag_from
from flask import Response, current_app, request
from pydantic import BaseModel, TypeAdapter, ValidationError

from common import encoding
from common.auth import Access, admit
from common.errors import AppError, ErrorCode
from common.fields import CallerBody, Page
from common.openapi import Declaration, describe

# each field that is not known costs a line of the answer, with its name
_MOST_FIELDS = 100
_LONGEST_NAME = 100
_UUID = TypeAdapter(UUID)
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
    headers: Mapping[str, str] = MappingProxyType({}),
    openapi: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Guard, parse, answer and document a view.

    The view gets its path parameters (those annotated UUID parsed), and by name `body`, `query` and
    `caller` where it takes them. It returns the value of `data`, a Page, a (value, status) pair for
    a status in `also`, or a Response of its own. `returns` is a model, list[model], Page[model] or
    one of several models; `headers` says what those are for that the view reads itself, `openapi`
    what the description has besides (merged into it): for a Response that is not the envelope.
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
                arguments["body"] = given = _validated(body, _json_object())
                if isinstance(given, CallerBody) and not given.names_only(caller.user_id):
                    raise AppError(
                        ErrorCode.FORBIDDEN, "user_id or staff_id is not yours; leave it out."
                    )
            if takes_caller:
                arguments["caller"] = caller
            return _answer(view(**arguments), status)

        declared = Declaration(
            access, body, query, returns, (status, *also), errors, headers, openapi
        )
        wrapper.__doc__ = None  # flasgger would make all of it the summary
        annotated = get_type_hints(view, include_extras=True)
        return swag_from(describe(view, annotated, declared))(wrapper)

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


def read_body() -> bytes:
    """The whole body of the current request; raises PAYLOAD_TOO_LARGE."""
    raw = request.get_data(cache=False)
    # werkzeug cuts off what does not say how long it is, and does not tell
    if request.content_length is None and len(raw) == current_app.config["MAX_CONTENT_LENGTH"]:
        raise AppError(ErrorCode.PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.")
    return raw


def _json_object() -> dict[str, Any]:
    raw = read_body()
    if not raw:
        return {}
    try:
        value = encoding.loads(raw)
    except ValueError as error:
        raise AppError(ErrorCode.VALIDATION_ERROR, "The body is not valid JSON.") from error
    if not isinstance(value, dict):
        raise AppError(ErrorCode.VALIDATION_ERROR, "The body must be a JSON object.")
    if len(value) > _MOST_FIELDS:
        raise AppError(ErrorCode.VALIDATION_ERROR, "The body has too many fields.")
    if any(len(name) > _LONGEST_NAME for name in value):
        raise AppError(ErrorCode.VALIDATION_ERROR, "The name of a field is too long.")
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
