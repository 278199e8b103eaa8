"""The schemas of request and answer models, in the words of OpenAPI 3.0."""

import json
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from common.errors import ErrorCode

_PREFIX = "#/components/schemas/"
_NULL = {"type": "null"}


def closed_object(fields: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The schema of an object that has these fields and no other."""
    return {
        "type": "object",
        "required": [name for name in fields if name not in optional],
        "additionalProperties": False,
        "properties": fields,
    }


# Component schemas of everything declared so far; the documentation page shows them.
SCHEMAS: dict[str, Any] = {
    "Error": closed_object(
        {
            "success": {"type": "boolean", "enum": [False]},
            "error_code": {"type": "string", "enum": [code.value for code in ErrorCode]},
            "message": {"type": "string", "description": "A sentence for a person."},
            "details": {"type": "object", "description": "Values for a program."},
        },
        optional=("details",),
    ),
    "Pagination": closed_object(
        {
            "page": {"type": "integer", "minimum": 1, "example": 1},
            "per_page": {"type": "integer", "minimum": 1, "maximum": 100, "example": 20},
            "total": {"type": "integer", "minimum": 0, "example": 1},
            "total_pages": {"type": "integer", "minimum": 0, "example": 1},
        }
    ),
}


def request_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of what is asked, also kept as a component."""
    return _register(model, "validation")


def answer_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of what is answered, which has every field and no other; also a component."""
    return _register(model, "serialization")


def reference(model: type[BaseModel]) -> dict[str, str]:
    """Points to a schema that is kept as a component."""
    return {"$ref": _PREFIX + model.__name__}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, where this points to one."""
    pointer = schema.get("$ref")
    return SCHEMAS[pointer.removeprefix(_PREFIX)] if pointer else schema


def value_schema(kind: Any) -> dict[str, Any]:
    """The schema of one value, with the constraints of its annotation."""
    return _in_openapi_3_0(TypeAdapter(kind).json_schema())


def has_uuid(schema: dict[str, Any]) -> bool:
    """Whether a UUID is anywhere in it."""
    return '"format": "uuid"' in json.dumps(schema)


def example_of(schema: dict[str, Any]) -> Any:
    """The schema's own example, else one of the required fields'; KeyError where one has none."""
    if "example" not in schema:
        schema = resolved(schema)
    if "example" in schema:
        return schema["example"]
    if "enum" in schema:
        return schema["enum"][0]
    fields = schema["properties"]
    return {name: example_of(fields[name]) for name in schema.get("required", ())}


def _register(model: type[BaseModel], mode: Literal["validation", "serialization"]) -> Any:
    schema = model.model_json_schema(mode=mode, ref_template=_PREFIX + "{model}")
    parts = {**schema.pop("$defs", {}), model.__name__: schema}
    for name, part in parts.items():
        described = _in_openapi_3_0(part)
        if mode == "serialization" and "properties" in described:
            described |= closed_object(described["properties"])
        if SCHEMAS.setdefault(name, described) != described:
            raise ValueError(f"two schemas are named {name}")
    return SCHEMAS[model.__name__]


def _in_openapi_3_0(schema: Any) -> Any:
    """What pydantic writes (JSON Schema 2020-12) in the words that the Swagger page understands."""
    if isinstance(schema, list):
        return [_in_openapi_3_0(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {
        name: value if name == "example" else _in_openapi_3_0(value)
        for name, value in schema.items()
        if name != "propertyNames"
    }
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in schema:
            schema |= {bound: schema[exclusive], exclusive: True}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if isinstance(schema.get("examples"), list):
        schema["example"] = schema.pop("examples")[0]
    if _NULL in schema.get("anyOf", ()):
        schema |= _nullable([one for one in schema.pop("anyOf") if one != _NULL])
    return schema


def _nullable(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    if len(kinds) == 1 and "$ref" not in kinds[0]:
        return {**kinds[0], "nullable": True}
    return {"anyOf": kinds, "nullable": True}
