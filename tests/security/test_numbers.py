"""Numbers that are none: no amount of credits comes of them, and no bug."""

import json

import pytest

from asking import Door, Keys, asked
from http_raw import send
from operations import Field

_NO_MONEY = ("-1", "-0.01", "0.001", "1e-9", "1e400", "1e8", "99999999999", "NaN", "-Infinity")
_NO_NUMBERS = ('"5"', '"1e3"', "true", "[5]", '{"amount": 5}', '""', "null")
_ODD_NUMBERS = ("-1", "1e400", "0x10", "1_0", "9" * 4000, "\uff11", "1;2", "' OR 1=1", "null", "")


@pytest.mark.parametrize("written", (*_NO_MONEY, *_NO_NUMBERS))
def test_an_amount_that_is_none_is_refused_by_every_operation(
    doors: list[Door], keys: Keys, written: str
) -> None:
    tried = 0
    for door in doors:
        for field in (one for one in door.operation.fields if one.is_money):
            (answer,) = send(door.port, asked_with(written, door, keys, field))
            assert answer.refusal == (400, "VALIDATION_ERROR"), str(door)
            tried += 1
    assert tried > 10


def test_an_amount_that_is_one_is_not_what_is_refused(doors: list[Door], keys: Keys) -> None:
    """The control: it is the amount that the others are refused for."""
    for door in doors:
        for field in (one for one in door.operation.fields if one.is_money):
            (answer,) = send(door.port, asked_with("1.5", door, keys, field))
            refused = json.loads(answer.body).get("details", {}).get("fields", {})
            assert field.name not in refused, str(door)


def asked_with(written: str, door: Door, keys: Keys, field: Field) -> bytes:
    """The request with just that in the place of the field's value."""
    sent = asked(door, keys, field, "put it here")
    head, _, body = sent.partition(b"\r\n\r\n")
    length, body = len(body), body.replace(b'"put it here"', written.encode())
    told, tells = f"Content-Length: {length}".encode(), f"Content-Length: {len(body)}".encode()
    return head.replace(told, tells) + b"\r\n\r\n" + body


@pytest.mark.parametrize("number", _ODD_NUMBERS)
def test_a_number_that_is_none_is_no_bug(doors: list[Door], keys: Keys, number: str) -> None:
    for door in doors:
        for field in (one for one in door.operation.fields if one.is_number):
            (answer,) = send(door.port, asked(door, keys, field, number))
            assert answer.status < 500, str(door)
