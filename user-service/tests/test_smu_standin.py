"""The stand-in of the SMU notification API, as people and tests use it."""

import httpx
import pytest

_KEY = {"X-Contacts-Key": "any"}


@pytest.fixture
def sent(smu: httpx.Client) -> dict[str, str]:
    answer = smu.post("/SendOTP", json={"Mobile": "+6598765432"}, headers=_KEY).json()
    code = smu.get("/codes", params={"mobile": "+6598765432"}).json()[0]
    assert answer == {
        "VerificationSid": code["verification_sid"],
        "Success": True,
        "ErrorMessage": "",
    }
    return code


def test_the_page_shows_the_codes_it_sent(smu: httpx.Client, sent: dict[str, str]) -> None:
    page = smu.get("/").text
    assert sent["code"] in page and "+6598765432" in page
    assert len(sent["code"]) == 6 and sent["code"].isdigit()
    assert set(sent) == {"mobile", "code", "verification_sid", "sent_at"}


def test_a_plus_that_was_not_encoded_is_understood(smu: httpx.Client, sent: dict[str, str]) -> None:
    for mobile in ("+6598765432", "%2B6598765432", "6598765432"):
        assert smu.get(f"/codes?mobile={mobile}").json()[0] == sent
    assert smu.get("/codes?mobile=%2B6500000000").json() == []
    assert sent in smu.get("/codes").json()


def test_it_judges_codes_as_documented(smu: httpx.Client, sent: dict[str, str]) -> None:
    other = f"{(int(sent['code']) + 1) % 1_000_000:06}"
    given = [(sent["verification_sid"], sent["code"]), (sent["verification_sid"], other)]
    for (sid, code), status in zip(
        [*given, ("VE-unknown", "1")], ["approved", "pending", "expired"]
    ):
        body = {"VerificationSid": sid, "Code": code}
        answer = smu.post("/VerifyOTP", json=body, headers=_KEY).json()
        assert answer == {"Success": True, "Status": status, "ErrorMessage": ""}


def test_without_a_key_or_a_number_nothing_is_sent(smu: httpx.Client) -> None:
    assert smu.post("/SendOTP", json={"Mobile": "+6598765432"}).status_code == 401
    assert smu.post("/VerifyOTP", json={}).json()["Success"] is False
    for body in ({"Mobile": "98765432"}, {"Mobile": 7}, {}, [], None):
        answer = smu.post("/SendOTP", json=body, headers=_KEY).json()
        assert answer["Success"] is False and answer["ErrorMessage"]


def test_the_buttons_of_the_page_are_the_switches(smu: httpx.Client) -> None:
    try:
        pressed = smu.post("/switches", data={"verify": "fail"})
        assert (pressed.status_code, pressed.headers["Location"]) == (303, "/")
        assert smu.get("/switches").json()["verify"] == "fail"
        assert smu.post("/switches", json={"verify": "sideways"}).status_code == 400
    finally:
        assert smu.post("/switches", json={"verify": "ok"}).json()["verify"] == "ok"
