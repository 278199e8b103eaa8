"""What the SMU notification API may answer, and what is made of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from common.errors import AppError
from src.services.smu_client import SmuClient, Verdict

from .scripted import Scripted, scripted


@pytest.fixture
def provider() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture
def smu_client(provider: Scripted) -> SmuClient:
    return SmuClient(f"{provider.url}/rest/Notification", "the-key")


def test_calls_are_made_as_documented(provider: Scripted, smu_client: SmuClient) -> None:
    provider.answers({"VerificationSid": "VE1", "Success": True, "ErrorMessage": ""})
    assert smu_client.send("+6591230001") == "VE1"
    provider.answers({"Success": True, "Status": "approved", "ErrorMessage": None})
    assert smu_client.verify("VE1", "123456") is Verdict.APPROVED
    assert [(one.path, json.loads(one.body)) for one in provider.seen] == [
        ("/rest/Notification/SendOTP", {"Mobile": "+6591230001"}),
        ("/rest/Notification/VerifyOTP", {"VerificationSid": "VE1", "Code": "123456"}),
    ]
    assert {one.headers["X-Contacts-Key"] for one in provider.seen} == {"the-key"}


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize(
    ("status", "verdict"), [("pending", Verdict.WRONG), ("expired", Verdict.EXPIRED)]
)
def test_a_wrong_or_expired_code_is_told_by_the_status(
    provider: Scripted, smu_client: SmuClient, success: bool, status: str, verdict: Verdict
) -> None:
    provider.answers({"Success": success, "Status": status, "ErrorMessage": "no"})
    assert smu_client.verify("VE1", "123456") is verdict


_NO_ANSWERS = [
    (b"", 200),
    (b"<html>oops</html>", 200),
    (b"[1]", 200),
    (b"null", 200),
    ({}, 200),
    ({"Success": False, "ErrorMessage": "quota of +6591230001"}, 200),
    ({"Success": "true", "VerificationSid": "VE1", "Status": "approved"}, 200),
    ({"Success": True, "VerificationSid": "", "Status": "canceled"}, 200),
    ({"Success": True, "VerificationSid": 7, "Status": ["approved"]}, 200),
    ({"Success": True, "VerificationSid": "VE1", "Status": "approved"}, 401),
    ({"Success": True, "VerificationSid": "VE1", "Status": "approved"}, 500),
    ({"Success": True, "VerificationSid": "VE1", "Status": "approved"}, 302),
    (b'{"Success": true, "x": "' + b"x" * 100_000 + b'"}', 200),
]


@pytest.mark.parametrize(("answer", "status"), _NO_ANSWERS)
def test_anything_else_is_no_answer(
    provider: Scripted,
    smu_client: SmuClient,
    answer: Any,
    status: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    provider.answers(answer, status)
    for ask in (lambda: smu_client.send("+6591230001"), lambda: smu_client.verify("VE1", "123456")):
        with pytest.raises(AppError) as refused:
            ask()
        assert refused.value.code == "SERVICE_UNAVAILABLE"
    assert "6591230001" not in str([record.__dict__ for record in caplog.records])
