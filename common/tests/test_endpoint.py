"""@endpoint: what a view takes and answers."""

import json
from decimal import Decimal
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

OWNER = str(uuid4())


def refused(client: FlaskClient, raw: bytes) -> tuple[str, dict]:
    answer = client.post("/things", data=raw)
    assert answer.status_code == 400, answer.data
    body = answer.get_json()
    assert body["success"] is False
    return body["error_code"], body.get("details", {}).get("fields", {})


def test_a_good_body_reaches_the_view(client: FlaskClient) -> None:
    answer = client.post("/things", json={"owner_id": OWNER, "price": 3.5, "name": " a "})
    assert answer.status_code == 201
    assert answer.get_json() == {
        "success": True,
        "data": {"owner_id": OWNER, "price": Decimal("3.50"), "name": "a"},
    }
    assert b'"price":3.50' in answer.data


def test_a_view_may_answer_another_status(client: FlaskClient) -> None:
    answer = client.post("/things", json={"owner_id": OWNER, "price": 1, "name": "later"})
    assert (answer.status_code, answer.get_json()["data"]["name"]) == (202, "later")


@pytest.mark.parametrize("raw", [b"", b"{}"])
def test_missing_fields_are_named(client: FlaskClient, raw: bytes) -> None:
    fields = {"owner_id": "is required", "price": "is required"}
    assert refused(client, raw) == ("VALIDATION_ERROR", fields)


def test_an_extra_field_is_refused(client: FlaskClient) -> None:
    raw = f'{{"owner_id":"{OWNER}","price":1,"role":"admin"}}'.encode()
    assert refused(client, raw) == ("VALIDATION_ERROR", {"role": "is not a known field"})


@pytest.mark.parametrize("bad", ['"not-a-uuid"', '""', "5", "null", "[]"])
def test_a_malformed_uuid_has_a_code_of_its_own(client: FlaskClient, bad: str) -> None:
    code, fields = refused(client, f'{{"owner_id":{bad},"price":1}}'.encode())
    assert (code, list(fields)) == ("INVALID_UUID", ["owner_id"])


def test_a_malformed_uuid_beside_another_mistake_is_a_validation_error(client: FlaskClient) -> None:
    code, fields = refused(client, b'{"owner_id":"x","price":-1}')
    assert (code, set(fields)) == ("VALIDATION_ERROR", {"owner_id", "price"})


@pytest.mark.parametrize("price", ["-1", "0", '"1"', "true", "1.005", "1e99", "null", "{}"])
def test_a_bad_amount_is_refused(client: FlaskClient, price: str) -> None:
    code, fields = refused(client, f'{{"owner_id":"{OWNER}","price":{price}}}'.encode())
    assert (code, list(fields)) == ("VALIDATION_ERROR", ["price"])


@pytest.mark.parametrize(
    "raw",
    [
        b"not json",
        b'{"price":NaN}',
        b"\xff\xfe",
        b'{"name":"\xff"}',
        b'{"a":1}{"b":2}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 5000,
        b"[]",
        b'"text"',
        b"null",
        b"1",
    ],
)
def test_what_is_no_json_object_is_refused(client: FlaskClient, raw: bytes) -> None:
    assert refused(client, raw)[0] == "VALIDATION_ERROR"


def test_an_answer_does_not_grow_with_the_fields_that_are_not_known(client: FlaskClient) -> None:
    for names in ([f"field {number}" for number in range(50_000)], ["a" * 900_000]):
        raw = json.dumps(dict.fromkeys(names, 1)).encode()
        assert refused(client, raw) == ("VALIDATION_ERROR", {})
        assert len(client.post("/things", data=raw).data) < 200


@pytest.mark.parametrize("escape", ["\\u0000", "\\\\\\u0000", "a\\u0000b"])
def test_text_with_nul_is_refused(client: FlaskClient, escape: str) -> None:
    raw = f'{{"owner_id":"{OWNER}","price":1,"name":"{escape}"}}'.encode()
    assert refused(client, raw)[0] == "VALIDATION_ERROR"


def test_a_backslash_before_u0000_is_no_nul(client: FlaskClient) -> None:
    raw = f'{{"owner_id":"{OWNER}","price":1,"name":"\\\\u0000"}}'.encode()
    answer = client.post("/things", data=raw)
    assert (answer.status_code, answer.get_json()["data"]["name"]) == (201, "\\u0000")


def test_half_a_character_is_refused(client: FlaskClient) -> None:
    raw = f'{{"owner_id":"{OWNER}","price":1,"name":"\\ud800"}}'.encode()
    assert refused(client, raw)[0] == "VALIDATION_ERROR"


def test_nul_in_path_or_query_is_refused(client: FlaskClient) -> None:
    for path in ("/named/a%00b", "/things/%00", "/things?colour=%00"):
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()["error_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "thing_id", ["x", "1", "0" * 31, "é", "30000000-0000-4000-8000-00000000000g"]
)
def test_a_malformed_uuid_in_the_path_is_refused(client: FlaskClient, thing_id: str) -> None:
    answer = client.get(f"/things/{thing_id}")
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "INVALID_UUID")


def test_the_query_is_checked_too(client: FlaskClient) -> None:
    for query, code in (("owner_id=x", "INVALID_UUID"), ("colour=blue", "VALIDATION_ERROR")):
        answer = client.get(f"/things?{query}")
        assert (answer.status_code, answer.get_json()["error_code"]) == (400, code)
    things = client.get(f"/things?owner_id={OWNER}&colour=red").get_json()["data"]
    assert {thing["owner_id"] for thing in things} == {OWNER}


@pytest.mark.parametrize(
    ("query", "prices", "pagination"),
    [
        ("", range(20), (1, 20, 45, 3)),
        ("page=3", range(40, 45), (3, 20, 45, 3)),
        ("page=2&per_page=44", range(44, 45), (2, 44, 45, 2)),
        ("per_page=45", range(45), (1, 45, 45, 1)),
        ("page=4", range(0), (4, 20, 45, 3)),
    ],
)
def test_a_page_is_answered_with_its_place_in_the_whole(
    client: FlaskClient, query: str, prices: range, pagination: tuple[int, ...]
) -> None:
    answer = client.get(f"/things?{query}").get_json()
    assert [thing["price"] for thing in answer["data"]] == list(prices)
    assert tuple(answer["pagination"].values()) == pagination
    assert list(answer["pagination"]) == ["page", "per_page", "total", "total_pages"]


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=abc", "page=1000001", "per_page=0", "per_page=101"]
)
def test_a_page_that_cannot_be_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/things?{query}")
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "VALIDATION_ERROR")
