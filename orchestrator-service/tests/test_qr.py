"""Codes: what was made is read, and nothing else."""

import base64
from datetime import datetime, timezone
from uuid import uuid4

import pytest

from common.errors import AppError, ErrorCode
from src.utils.qr_util import QrCodec

KEY, OTHER_KEY = "k" * 32, "o" * 32
SEAT, USER = uuid4(), uuid4()


@pytest.fixture
def codec() -> QrCodec:
    return QrCodec(KEY)


def refused(codec: QrCodec, payload: str) -> bool:
    with pytest.raises(AppError) as error:
        codec.decrypt_qr(payload)
    return error.value.code is ErrorCode.QR_INVALID


def test_a_code_says_seat_owner_hall_and_when_it_was_made(codec: QrCodec) -> None:
    made = datetime(2026, 1, 31, 12, 0, 5, 999999, tzinfo=timezone.utc)
    assert codec.decrypt_qr(codec.generate_qr(SEAT, USER, "HALL-A", made)) == {
        "seat_id": str(SEAT),
        "user_id": str(USER),
        "hall_id": "HALL-A",
        "generated_at": "2026-01-31T12:00:05Z",
    }


def test_no_two_codes_are_alike(codec: QrCodec) -> None:
    assert codec.generate_qr(SEAT, USER, "A") != codec.generate_qr(SEAT, USER, "A")


def test_all_spellings_of_base64_are_read(codec: QrCodec) -> None:
    payload = codec.generate_qr(SEAT, USER, "A")
    url_safe = base64.urlsafe_b64encode(base64.b64decode(payload)).decode()
    said = codec.decrypt_qr(payload)
    for spelling in (payload.rstrip("="), url_safe, url_safe.rstrip("="), f" {payload}\n"):
        assert codec.decrypt_qr(spelling) == said


def test_a_code_altered_in_any_one_byte_is_refused(codec: QrCodec) -> None:
    raw = base64.b64decode(codec.generate_qr(SEAT, USER, "A"))
    for position in range(len(raw)):
        altered = bytearray(raw)
        altered[position] ^= 1
        assert refused(codec, base64.b64encode(altered).decode())


@pytest.mark.parametrize(
    "payload", ["", " ", "=", "AAAA", "not base64!", "é", "\x00", "A" * 10_240, "A" * 39]
)
def test_what_is_no_code_is_refused(codec: QrCodec, payload: str) -> None:
    assert refused(codec, payload)


def test_a_code_cut_short_is_refused(codec: QrCodec) -> None:
    payload = codec.generate_qr(SEAT, USER, "A")
    assert all(refused(codec, payload[:length]) for length in range(len(payload) - 2))


def test_the_previous_key_is_still_read_and_another_is_not() -> None:
    old = QrCodec(OTHER_KEY).generate_qr(SEAT, USER, "A")
    assert QrCodec(KEY, previous_key=OTHER_KEY).decrypt_qr(old)["hall_id"] == "A"
    assert refused(QrCodec(KEY), old)
