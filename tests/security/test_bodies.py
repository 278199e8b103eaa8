"""Bodies that are none: every operation that takes one refuses them, and nothing has changed."""

import gzip
import json

import pytest

from asking import Door, Keys
from http_raw import RawAnswer, request, send
from platform_client import Records
from snapshot import nothing_changes

MIB = 1024 * 1024
REFUSED = (400, "VALIDATION_ERROR")
TOO_LARGE = (413, "PAYLOAD_TOO_LARGE")
_FORM, _XML = "application/x-www-form-urlencoded", "application/xml"
_ENTITY = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
NONSENSE = {
    "cut off": b'{"amount": ',
    "an array": b"[]",
    "an array of objects": b'[{"amount": 5}]',
    "a text": b'"amount"',
    "a number": b"5",
    "null": b"null",
    "true": b"true",
    "NaN": b'{"amount": NaN}',
    "Infinity": b'{"amount": Infinity}',
    "-Infinity": b'{"amount": -Infinity}',
    "a number beyond bounds": b'{"amount": 1e400}',
    "one with a large exponent": b'{"amount": 1e999999999999}',
    "one next to nothing": b'{"amount": 1e-400}',
    "ten thousand digits": b'{"amount": ' + b"9" * 10_000 + b"}",
    "ten thousand decimals": b'{"amount": 0.' + b"1" * 10_000 + b"}",
    "arrays in arrays": b"[" * 100_000,
    "objects in objects": b'{"amount":' * 20_000 + b"1" + b"}" * 20_000,
    "a field twice": b'{"nothing": 1, "nothing": 2}',
    "a field of no name": b'{"": 1}',
    "a field of a mixin": b'{"__proto__": {"role": "admin"}, "__class__": "x"}',
    "Latin-1": '{"reason": "\xe9"}'.encode("latin-1"),
    "bytes that are no text": b'{"reason": "\xff\xfe\xfd"}',
    "half a character": b'{"reason": "\\ud800"}',
    "an overlong NUL": b'{"reason": "\xc0\x80"}',
    "NUL": b'{"reason": "a\\u0000b"}',
    "NUL outside": b'{"reason"\0: "a"}',
    "control characters": b'{"reason": "\x01\x02"}',
    "two objects": b"{} {}",
    "something behind": b"{}; DROP TABLE users",
    "single quotes": b"{'amount': 5}",
    "a comment": b'{"amount": 5 /* all */}',
    "a comma too many": b'{"amount": 5,}',
    "XML": _ENTITY,
    "a form": b"amount=5&user_id=1",
    "YAML": b"!!python/object/apply:os.system ['id']",
    "a pickle": b"cos\nsystem\n(S'id'\ntR.",
    "compressed": gzip.compress(b'{"amount": 5}'),
    "ten thousand fields": json.dumps(dict.fromkeys(map(str, range(10_000)), 1)).encode(),
}


@pytest.fixture(scope="module")
def takers(doors: list[Door]) -> list[Door]:
    """Where a body is taken."""
    return [door for door in doors if door.operation.takes_a_body]


def sent_to(door: Door, keys: Keys, body: bytes, *headers: str) -> bytes:
    opened = (*keys[door.operation.needs], *headers)
    path = door.operation.filled(door.path)
    return request(door.operation.method, path, *opened, body=body)


def send_to(door: Door, keys: Keys, body: bytes, *headers: str) -> list[RawAnswer]:
    return send(door.port, sent_to(door, keys, body, *headers))


@pytest.mark.parametrize("what", NONSENSE)
def test_what_is_no_object_of_json_is_refused_and_changes_nothing(
    takers: list[Door], keys: Keys, records: Records, what: str
) -> None:
    body = NONSENSE[what]
    with nothing_changes(records):
        for door in takers:
            (answer,) = send_to(door, keys, body, f"Content-Length: {len(body)}")
            assert answer.refusal == REFUSED, str(door)


@pytest.mark.parametrize(
    "kind", [_FORM, _XML, "multipart/form-data; boundary=x", "text/plain; =", "\xe9"]
)
def test_a_body_of_another_kind_is_refused(takers: list[Door], keys: Keys, kind: str) -> None:
    for door in takers:
        told = ("Content-Length: 8", f"Content-Type: {kind}")
        (answer,) = send_to(door, keys, b"amount=5", *told)
        assert answer.refusal == REFUSED, str(door)


def test_a_body_that_is_too_large_is_refused_by_its_length_alone(
    takers: list[Door], keys: Keys
) -> None:
    for door in takers:
        for length in (MIB + 1, 10**15):
            sent = sent_to(door, keys, b"{", f"Content-Length: {length}")
            (answer,) = send(door.port, sent, to_the_end=False)
            assert answer.refusal == TOO_LARGE, str(door)


def test_so_is_one_that_does_not_say_how_large_it_is(takers: list[Door], keys: Keys) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    for door in takers:
        body = chunk * 17 + b"0\r\n\r\n"
        sent = sent_to(door, keys, body, "Transfer-Encoding: chunked")
        (answer,) = send(door.port, sent, to_the_end=False)
        assert answer.refusal == TOO_LARGE, str(door)


def test_a_body_that_breaks_off_is_none(takers: list[Door], keys: Keys, records: Records) -> None:
    with nothing_changes(records):
        for door in takers:
            whole = json.dumps(door.operation.example or {"a": 1}).encode()
            half = whole[: len(whole) // 2]
            for framing, sent in (
                (f"Content-Length: {len(whole)}", half),
                ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n" % (len(half), half)),
                ("Transfer-Encoding: chunked", b"%x\r\n%s" % (len(whole), half)),
            ):
                answers = send_to(door, keys, sent, framing)
                assert [answer.status for answer in answers] in ([], [400]), str(door)
