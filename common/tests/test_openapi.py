"""/apidocs/ and its specification: what is declared above a view is what is documented."""

import re
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import BaseModel, Field

from common.auth import Access
from common.endpoint import endpoint
from common.error_meanings import MEANINGS
from common.errors import ErrorCode
from common.fields import Amount, Body, CallerBody, Money, TopupAmount, with_example
from common.schemas import answer_schema, example_of, request_schema
from common.testing import undocumented


@pytest.fixture
def spec(client: FlaskClient) -> dict[str, Any]:
    return client.get("/apispec.json").get_json()


def everything_in(value: Any) -> Any:
    """Every object of a JSON document."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value:
        if isinstance(one, (dict, list)):
            yield from everything_in(one)


def test_the_page_and_all_it_is_made_of_come_from_the_service(client: FlaskClient) -> None:
    page = client.get("/apidocs/")
    assert page.status_code == 200
    links = re.findall(r'(?:src|href)="([^"]+)"', page.get_data(as_text=True))
    assert len(links) == 3
    for path in links:
        assert path.startswith("/") and client.get(path).status_code == 200, path
    assert '"/apispec.json"' in page.get_data(as_text=True)


def test_the_specification_is_openapi_3_0(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.0.")
    assert set(spec) == {"openapi", "info", "paths", "components"}
    for one in everything_in(spec):
        assert one.get("type") != "null", one  # JSON Schema 2020-12, unknown to 3.0
        assert not {"const", "propertyNames", "$defs"} & set(one), one
        assert isinstance(one.get("exclusiveMinimum", True), bool), one


def test_every_reference_of_the_specification_leads_somewhere(spec: dict[str, Any]) -> None:
    references = {one["$ref"] for one in everything_in(spec) if "$ref" in one}
    assert len(references) >= 4
    for reference in references:
        found: Any = spec
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_an_operation_is_described_by_its_declaration(spec: dict[str, Any]) -> None:
    make = spec["paths"]["/things"]["post"]
    assert make["summary"] == "Make a thing."
    assert make["description"] == "One that is called later is made later.\n\nPublic."
    assert {"201", "202", "400", "413", "500", "503"} == set(make["responses"])
    assert make["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/NewThing"
    }
    get = spec["paths"]["/things/{thing_id}"]["get"]
    assert [(one["name"], one["schema"]["format"]) for one in get["parameters"]] == [
        ("thing_id", "uuid")
    ]
    assert [one["name"] for one in spec["paths"]["/things"]["get"]["parameters"]] == [
        *("page", "per_page", "owner_id", "colour")
    ]


def test_every_answer_has_its_form(spec: dict[str, Any]) -> None:
    answer = spec["paths"]["/things"]["get"]["responses"]["200"]
    assert set(answer["headers"]) == {"X-Correlation-ID"}
    schema = answer["content"]["application/json"]["schema"]
    assert schema["required"] == ["success", "data", "pagination"]
    assert schema["properties"]["data"]["items"] == {"$ref": "#/components/schemas/Thing"}
    thing = spec["components"]["schemas"]["Thing"]
    assert thing["required"] == ["owner_id", "price", "name"]
    assert thing["additionalProperties"] is False


def test_a_refusal_names_its_codes_and_what_they_mean(spec: dict[str, Any]) -> None:
    refusal = spec["paths"]["/things/{thing_id}"]["get"]["responses"]["400"]
    assert refusal["description"].splitlines() == [
        "- `INVALID_UUID`: An ID is no UUID.",
        "- `VALIDATION_ERROR`: The request is not as it must be; details.fields says where.",
    ]
    content = refusal["content"]["application/json"]
    assert content["schema"]["allOf"][1]["properties"]["error_code"]["enum"] == [
        "INVALID_UUID",
        "VALIDATION_ERROR",
    ]
    assert content["examples"]["INVALID_UUID"]["value"]["error_code"] == "INVALID_UUID"


def test_every_code_has_a_meaning() -> None:
    assert set(MEANINGS) == set(ErrorCode)


@pytest.mark.parametrize(
    ("access", "refusals"),
    [
        ("internal", {"401"}),
        ("customer", {"401"}),
        ("staff", {"401", "403"}),
        ("admin", {"401", "403"}),
        ("refresh", {"401"}),
    ],
)
def test_only_what_can_be_refused_is_documented(
    spec: dict[str, Any], access: str, refusals: set[str]
) -> None:
    answers = spec["paths"][f"/for/{access}"]["get"]["responses"]
    assert set(answers) == {"200", "500", "503"} | refusals


def test_a_body_that_may_name_its_caller_may_be_forbidden(app: Flask, client: FlaskClient) -> None:
    class Named(CallerBody):
        """A body."""

    @app.post("/named")
    @endpoint(access=Access.CUSTOMER, body=Named)
    def named(body: Named) -> None:
        """Who."""

    answers = client.get("/apispec.json").get_json()["paths"]["/named"]["post"]["responses"]
    assert "`FORBIDDEN`" in answers["403"]["description"]


def test_the_specification_says_who_may_call(spec: dict[str, Any]) -> None:
    paths, schemes = spec["paths"], spec["components"]["securitySchemes"]
    assert paths["/things"]["get"]["security"] == []
    for access, scheme in (
        ("internal", "internalToken"),
        ("customer", "bearer"),
        ("admin", "bearer"),
        ("refresh", "refreshToken"),
    ):
        assert paths[f"/for/{access}"]["get"]["security"] == [{scheme: []}]
        assert scheme in schemes
    assert "For admins." in paths["/for/admin"]["get"]["description"]


def test_health_and_metrics_are_documented(spec: dict[str, Any], client: FlaskClient) -> None:
    answers = spec["paths"]["/health"]["get"]["responses"]
    assert set(answers) == {"200", "503"}
    schema = answers["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(client.get("/health").get_json(), schema)
    assert spec["paths"]["/metrics"]["get"]["responses"]["200"]["content"].keys() == {"text/plain"}


def test_what_models_cannot_say_is_said_besides(app: Flask, client: FlaskClient) -> None:
    class Whole(BaseModel):
        """All of it."""

        name: str

    class Part(BaseModel):
        """Some of it."""

        number: int

    @app.get("/picture")
    @endpoint(
        access=Access.PUBLIC,
        returns=Whole | Part,
        headers={"If-None-Match": "What is known."},
        openapi={
            "responses": {
                "200": {"content": {"image/png": {"schema": {"type": "string"}}}},
                "304": {"description": "Unchanged."},
            }
        },
    )
    def picture() -> None:
        """A picture."""

    operation = client.get("/apispec.json").get_json()["paths"]["/picture"]["get"]
    assert operation["responses"]["304"] == {"description": "Unchanged."}
    content = operation["responses"]["200"]["content"]
    assert set(content) == {"application/json", "image/png"}
    assert content["application/json"]["schema"]["properties"]["data"] == {
        "anyOf": [{"$ref": "#/components/schemas/Whole"}, {"$ref": "#/components/schemas/Part"}]
    }
    assert operation["parameters"][0]["description"] == "What is known."


class Priced(Body):
    """Amounts of all kinds."""

    price: Amount
    paid: TopupAmount
    change: Money
    name: str = Field("nobody", examples=["somebody"])


def test_bounds_of_amounts_are_documented() -> None:
    fields = request_schema(Priced)["properties"]
    assert fields["price"]["minimum"] == 0
    assert (fields["paid"]["minimum"], fields["paid"]["exclusiveMinimum"]) == (0, True)
    assert fields["paid"]["maximum"] == 10_000
    assert "minimum" not in fields["change"]


def test_an_example_is_made_of_what_is_required() -> None:
    assert example_of(request_schema(Priced)) == {"price": 350.00, "paid": 50.00, "change": 350.00}


def test_a_model_may_have_an_example_of_its_own() -> None:
    class Own(Priced):
        """The same."""

        model_config = with_example(price=1, name="me")

    assert example_of(request_schema(Own)) == {"price": 1, "name": "me"}


def test_two_models_of_one_name_are_told_apart_by_nobody() -> None:
    def model(kind: type) -> type[BaseModel]:
        class Twin(BaseModel):
            """One of two."""

            value: kind

        return Twin

    answer_schema(model(int))
    answer_schema(model(int))
    with pytest.raises(ValueError, match="two schemas are named Twin"):
        answer_schema(model(str))


def test_what_is_not_documented_is_found(app: Flask) -> None:
    class Silent(Body):
        """A body whose field has no example."""

        word: str

    @app.get("/pages/one")
    def nothing() -> str:
        return ""

    @app.put("/silent/<int:number>")
    @endpoint(access=Access.PUBLIC, body=Silent)
    def silent(number: UUID, body: Silent) -> None:
        pass

    found = undocumented(app)
    assert {
        "GET /pages/one: a summary",
        "GET /pages/one: who may call it",
        "GET /pages/one: what it answers",
        "PUT /silent/<int:number>: a summary",
        "PUT /silent/<int:number>: an example of number",
        "PUT /silent/<int:number>: an example of a body of application/json",
    } <= set(found)
    assert not any(line.startswith("GET /for/") or "/health" in line for line in found)
