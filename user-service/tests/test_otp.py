"""Codes by text message, over the SMU stand-in (contract.md, "Decided: codes")."""

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from common.database import Database
from src.app import create_app
from src.settings import Settings

from .conftest import INTERNAL, at_once

Call = Callable[..., tuple[int, Any]]
Party = dict[str, Any]
_PHONES = (f"+65{number}" for number in itertools.count(80000001))


@pytest.fixture(autouse=True)
def _switches(smu: httpx.Client) -> Iterator[None]:
    yield
    smu.post("/switches", json={"send": "ok", "verify": "ok"})


@pytest.fixture
def user(new_user: Call) -> dict[str, Any]:
    return new_user(phone=next(_PHONES))


@pytest.fixture
def party(user: dict[str, Any]) -> Party:
    return party_of(user)


def party_of(user: dict[str, Any], context: str = "purchase") -> Party:
    return {"user_id": user["user_id"], "context": context, "reference_id": str(uuid4())}


@pytest.fixture
def codes(smu: httpx.Client) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    """What a user's phone got, newest first."""
    return lambda user: smu.get("/codes", params={"mobile": user["phone"]}).json()


@pytest.fixture
def send(call: Call) -> Call:
    return lambda party, **more: call("POST", "/otp/send", **party, **more)


@pytest.fixture
def verify(call: Call) -> Call:
    return lambda party, code: call("POST", "/otp/verify", **party, otp_code=code)


@pytest.fixture
def brought(smu: httpx.Client) -> Callable[[str], int]:
    """How often the provider was called."""
    return lambda what: smu.get("/switches").json()["calls"][what]


def wrong(codes: list[dict[str, Any]], number: int = 1) -> str:
    """The `number`th code that was never sent to this phone."""
    sent = {one["code"] for one in codes}
    return next(
        itertools.islice((c for n in range(99) if (c := f"{n:06}") not in sent), number, 99)
    )


def refusal(answer: tuple[int, Any]) -> tuple[str, dict[str, Any]]:
    return answer[1]["error_code"], answer[1].get("details", {})


def _age(rows: Call, party: Party, interval: str) -> None:
    for table, columns in (("otp_attempts", "attempted_at"), ("otp_challenges", "sent_at ends_at")):
        changes = ", ".join(f"{name} = {name} - interval '{interval}'" for name in columns.split())
        rows(f"UPDATE {table} SET {changes} WHERE reference_id = :reference_id", **party)


def test_a_code_is_sent_to_the_users_phone_and_verifies_him_once_and_for_all(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, rows: Call
) -> None:
    status, sent = send(party)
    (message,) = codes(user)
    assert (status, sent) == (200, {"verification_sid": message["verification_sid"], "sent": True})
    assert verify(party, message["code"]) == (200, {"verified": True})
    assert verify(party, wrong(codes(user))) == (200, {"verified": True})
    assert send(party) == (200, {**sent, "sent": False})
    assert send(party, resend=True) == (200, {**sent, "sent": False})
    assert rows("SELECT * FROM otp_attempts WHERE reference_id = :reference_id", **party) == []


def test_nothing_is_sent_while_a_code_lives_unless_another_is_asked_for(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call
) -> None:
    first = send(party)[1]
    assert send(party)[1] == {**first, "sent": False}
    second = send(party, resend=True)[1]
    assert second["sent"] and second["verification_sid"] != first["verification_sid"]
    assert send(party)[1] == {**second, "sent": False}
    new, old = codes(user)
    assert verify(party, old["code"])[1]["error_code"] == "OTP_INVALID"
    assert verify(party, new["code"])[0] == 200


def test_each_order_and_transfer_has_codes_of_its_own(
    user: dict[str, Any], send: Call, verify: Call, codes: Call
) -> None:
    purchase, transfer = party_of(user), party_of(user, "transfer")
    assert send(purchase)[1]["sent"] and send(transfer)[1]["sent"]
    of_transfer, of_purchase = [one["code"] for one in codes(user)]
    assert verify(purchase, of_transfer)[1]["error_code"] == "OTP_INVALID"
    assert verify(transfer, of_transfer)[0] == verify(purchase, of_purchase)[0] == 200


def test_three_codes_in_ten_minutes_are_sent_and_no_more(
    user: dict[str, Any], party: Party, send: Call, codes: Call, rows: Call
) -> None:
    assert [send(party, resend=True)[0] for _ in range(3)] == [200] * 3
    code, details = refusal(send(party, resend=True))
    assert code == "RATE_LIMITED" and 590 <= details["retry_after_seconds"] <= 600
    assert send(party)[1]["sent"] is False
    assert len(codes(user)) == 3
    assert send(party_of(user), resend=True)[0] == 200
    _age(rows, party, "10 minutes")
    assert send(party, resend=True)[0] == 200


def test_many_sends_at_once_send_one_code(
    user: dict[str, Any], party: Party, send: Call, codes: Call
) -> None:
    answers = at_once(*[lambda: send(party)] * 8)
    (message,) = codes(user)
    assert [status for status, _ in answers] == [200] * 8
    assert {data["verification_sid"] for _, data in answers} == {message["verification_sid"]}
    assert sorted(data["sent"] for _, data in answers) == [False] * 7 + [True]
    resent = sum(data["sent"] for _, data in at_once(*[lambda: send(party, resend=True)] * 4))
    # one that begins when another's code is out already is a resend of its own
    assert 1 <= resent < 4 and len(codes(user)) == 1 + resent


def test_the_third_wrong_code_ends_it(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call
) -> None:
    send(party)
    given = [refusal(verify(party, wrong(codes(user), n))) for n in (1, 2, 3)]
    over = ("OTP_MAX_RETRIES", {"over": True})
    assert given == [
        ("OTP_INVALID", {"attempts_left": 2}),
        ("OTP_INVALID", {"attempts_left": 1}),
        over,
    ]
    assert refusal(verify(party, codes(user)[0]["code"])) == over
    assert refusal(verify(party, wrong(codes(user), 1))) == over
    assert refusal(send(party)) == refusal(send(party, resend=True)) == over
    assert send(party_of(user))[0] == 200


def test_another_code_gives_no_further_tries(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call
) -> None:
    send(party)
    assert refusal(verify(party, wrong(codes(user), 1)))[1] == {"attempts_left": 2}
    assert refusal(verify(party, wrong(codes(user), 2)))[1] == {"attempts_left": 1}
    send(party, resend=True)
    assert refusal(verify(party, wrong(codes(user), 3)))[0] == "OTP_MAX_RETRIES"


def test_the_same_wrong_code_within_a_minute_counts_once(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, rows: Call
) -> None:
    send(party)
    first = verify(party, wrong(codes(user)))
    assert refusal(first) == ("OTP_INVALID", {"attempts_left": 2})
    assert verify(party, wrong(codes(user))) == first
    assert refusal(verify(party, wrong(codes(user), 2)))[1] == {"attempts_left": 1}
    assert verify(party, wrong(codes(user))) == first
    _age(rows, party, "61 seconds")
    assert refusal(verify(party, wrong(codes(user))))[0] == "OTP_MAX_RETRIES"


def test_the_same_code_twice_at_once_is_judged_once(
    user: dict[str, Any], send: Call, verify: Call, codes: Call, brought: Call
) -> None:
    guessed, known = party_of(user), party_of(user)
    send(guessed)
    asked = brought("verify")
    answers = at_once(*[lambda: verify(guessed, wrong(codes(user)))] * 6)
    assert {refusal(answer) == ("OTP_INVALID", {"attempts_left": 2}) for answer in answers} == {
        True
    }
    send(known)
    right = codes(user)[0]["code"]
    assert [one[0] for one in at_once(*[lambda: verify(known, right)] * 6)] == [200] * 6
    assert brought("verify") == asked + 2


def test_parallel_guesses_do_not_outrun_the_counter(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, brought: Call
) -> None:
    send(party)
    guesses, asked = [wrong(codes(user), n) for n in range(1, 13)], brought("verify")
    answers = at_once(*[lambda code=code: verify(party, code) for code in guesses])
    assert sorted(refusal(answer)[0] for answer in answers) == (
        ["OTP_INVALID"] * 2 + ["OTP_MAX_RETRIES"] * 10
    )
    left = [refusal(answer)[1].get("attempts_left") for answer in answers]
    assert sorted(one for one in left if one) == [1, 2]
    assert brought("verify") == asked + 3


def test_guesses_that_are_counted_after_the_provider_was_asked_do_outrun_it(
    user: dict[str, Any], party: Party, send: Call, codes: Call, smu: httpx.Client, brought: Call
) -> None:
    """The negative control: a counter that is read before the call and written after it."""
    sid = send(party)[1]["verification_sid"]
    booked, asked = [], brought("verify")

    def naive(code: str) -> None:
        if len(booked) < 3:
            body = {"VerificationSid": sid, "Code": code}
            smu.post("/VerifyOTP", json=body, headers={"X-Contacts-Key": "any"})
            booked.append(code)

    at_once(*[lambda n=n: naive(wrong(codes(user), n)) for n in range(1, 13)])
    assert brought("verify") > asked + 3


def test_the_database_itself_takes_three_tries_and_no_fourth(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, rows: Call
) -> None:
    send(party)
    for number in (1, 2, 3):
        verify(party, wrong(codes(user), number))
    copy = """INSERT INTO otp_attempts
              (challenge_id, user_id, context, reference_id, given_by, code_hash, number) SELECT
              challenge_id, user_id, context, reference_id, user_id, 'x', {} FROM otp_attempts
              WHERE reference_id = :reference_id LIMIT 1"""
    for number in (3, 4):
        with pytest.raises(Exception, match="otp_attempt_(key|number)"):
            rows(copy.format(number), **party)


def test_ten_wrong_codes_in_a_day_stop_a_user_until_they_have_passed(
    user: dict[str, Any], send: Call, verify: Call, codes: Call, rows: Call
) -> None:
    parties = [party_of(user, context) for context in ("purchase", "transfer") * 3]
    for party in parties:
        assert send(party)[0] == 200
    for party, tries in zip(parties, (2, 2, 2, 2, 2)):
        for number in range(1, tries + 1):
            assert verify(party, wrong(codes(user), number))[1]["error_code"] == "OTP_INVALID"
    fresh, right = parties[5], codes(user)[0]["code"]
    code, details = refusal(verify(fresh, right))
    assert code == "OTP_MAX_RETRIES" and details["over"] is False
    assert 86_000 < details["retry_after_seconds"] <= 86_400
    assert refusal(send(party_of(user)))[1]["over"] is False
    rows(
        "UPDATE otp_attempts SET attempted_at = attempted_at - interval '24 hours'"
        " WHERE reference_id = :reference_id",
        **parties[0],
    )
    assert verify(fresh, right)[0] == 200


def test_a_code_that_was_never_sent_has_expired(party: Party, verify: Call) -> None:
    status, error = verify(party, "123456")
    assert (status, error["error_code"]) == (410, "OTP_EXPIRED")
    assert "ask for one" in error["message"]


def test_an_expired_code_does_not_count_and_the_next_send_sends_anew(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, smu: httpx.Client
) -> None:
    send(party)
    smu.post("/switches", json={"verify": "expired"})
    for number in range(1, 5):
        assert refusal(verify(party, wrong(codes(user), number)))[0] == "OTP_EXPIRED"
    smu.post("/switches", json={"verify": "ok"})
    assert send(party)[1]["sent"] is True
    assert refusal(verify(party, wrong(codes(user))))[1] == {"attempts_left": 2}
    assert verify(party, codes(user)[0]["code"])[0] == 200


def test_a_code_lives_ten_minutes_at_most(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, rows: Call
) -> None:
    send(party)
    _age(rows, party, "10 minutes")
    assert refusal(verify(party, codes(user)[0]["code"]))[0] == "OTP_EXPIRED"
    assert send(party)[1]["sent"] is True
    assert verify(party, codes(user)[0]["code"])[0] == 200


def test_without_a_phone_the_answer_names_it(new_user: Call, send: Call) -> None:
    code, details = refusal(send(party_of(new_user())))
    assert code == "VALIDATION_ERROR" and details == {"fields": {"phone": "is required"}}
    assert refusal(send(party_of({"user_id": str(uuid4())})))[0] == "USER_NOT_FOUND"


@pytest.mark.parametrize("mode", ["fail", "garbage", "slow"])
def test_a_provider_that_does_not_send_is_said_within_five_seconds_and_leaves_nothing(
    party: Party, send: Call, smu: httpx.Client, rows: Call, mode: str
) -> None:
    smu.post("/switches", json={"send": mode})
    begun = time.monotonic()
    assert refusal(send(party))[0] == "SERVICE_UNAVAILABLE"
    assert time.monotonic() - begun < 5
    assert rows("SELECT * FROM otp_challenges WHERE reference_id = :reference_id", **party) == []
    smu.post("/switches", json={"send": "ok"})
    assert send(party)[1]["sent"] is True


@pytest.mark.parametrize("mode", ["fail", "garbage", "slow"])
def test_a_provider_that_gives_no_verdict_costs_no_try(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, smu: Any, mode: str
) -> None:
    send(party)
    smu.post("/switches", json={"verify": mode})
    begun = time.monotonic()
    assert refusal(verify(party, wrong(codes(user))))[0] == "SERVICE_UNAVAILABLE"
    assert time.monotonic() - begun < 5
    smu.post("/switches", json={"verify": "ok"})
    assert refusal(verify(party, wrong(codes(user), 2)))[1] == {"attempts_left": 2}
    assert verify(party, codes(user)[0]["code"])[0] == 200


def test_whoever_waits_for_a_slow_send_is_answered_within_five_seconds_too(
    party: Party, send: Call, smu: httpx.Client
) -> None:
    smu.post("/switches", json={"send": "slow"})
    begun = time.monotonic()
    answers = at_once(*[lambda: send(party)] * 4)
    assert time.monotonic() - begun < 5
    assert {refusal(answer)[0] for answer in answers} == {"SERVICE_UNAVAILABLE"}


def test_while_the_provider_is_asked_no_connection_and_no_lock_is_held(
    party: Party, send: Call, smu: httpx.Client, call: Call, database: Database, rows: Call
) -> None:
    smu.post("/switches", json={"send": "slow"})

    def look() -> tuple[int, float, list[Any]]:
        time.sleep(1)
        begun = time.monotonic()
        charge = {"user_id": party["user_id"], "amount": 0, "reference_id": str(uuid4())}
        status, _ = call("POST", "/credits/deduct", **charge)
        held = rows("""SELECT pid FROM pg_stat_activity WHERE datname = current_database()
                       AND state LIKE 'idle in transaction%'
                  AND state_change < clock_timestamp() - interval '0.5 seconds'""")
        return status, time.monotonic() - begun, held

    status, seconds, held = at_once(lambda: send(party), look)[1]
    assert (status, held) == (200, []) and seconds < 0.5


def test_a_provider_that_cannot_be_reached_is_no_help(settings: Settings, party: Party) -> None:
    alone = create_app(settings.model_copy(update={"smu_api_url": "http://127.0.0.1:1"}))
    response = alone.test_client().post("/otp/send", json=party, headers=INTERNAL)
    assert (response.status_code, response.get_json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")


def test_a_try_whose_process_died_counts_but_its_code_can_be_given_again(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, rows: Call
) -> None:
    send(party)
    assert refusal(verify(party, wrong(codes(user))))[1] == {"attempts_left": 2}
    rows(
        "UPDATE otp_attempts SET attempts_left = NULL, attempted_at = now() - interval '9 seconds'"
        " WHERE reference_id = :reference_id",
        **party,
    )
    assert refusal(verify(party, wrong(codes(user), 2)))[1] == {"attempts_left": 1}
    assert refusal(verify(party, wrong(codes(user))))[1] == {"attempts_left": 1}
    assert verify(party, codes(user)[0]["code"])[0] == 200


def test_a_send_whose_process_died_does_not_stand_in_the_way(
    user: dict[str, Any], party: Party, send: Call, rows: Call
) -> None:
    rows(
        "INSERT INTO otp_challenges (user_id, context, reference_id, sent_at, ends_at) VALUES"
        " (:user_id, :context, :reference_id, now() - interval '9 seconds',"
        " now() + interval '9 minutes')",
        **party,
    )
    assert send(party)[1]["sent"] is True


def test_codes_are_neither_stored_nor_logged(
    user: dict[str, Any], party: Party, send: Call, verify: Call, codes: Call, database: Database
) -> None:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(str(record.__dict__))
    logging.getLogger().addHandler(handler)
    try:
        send(party)
        guessed, right = wrong(codes(user)), codes(user)[0]["code"]
        verify(party, guessed)
        with database.transaction() as session:
            dump = str(session.execute(text("SELECT * FROM otp_attempts")).all())
        verify(party, right)
    finally:
        logging.getLogger().removeHandler(handler)
    assert lines and "code_hash" not in dump
    assert not [line for line in lines if f"'{guessed}'" in line or right in line]
    assert f"'{guessed}'" not in dump and right not in dump


@pytest.mark.parametrize("code", ["", "12 34", "1" * 17, None, 123456])
def test_what_cannot_be_a_code_is_refused_and_not_repeated(
    party: Party, verify: Call, code: Any
) -> None:
    status, error = verify(party, code)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


def test_the_limit_of_a_day_is_of_who_typed_the_codes_not_of_whose_they_were(
    user: dict[str, Any], send: Call, verify: Call, codes: Call
) -> None:
    guesser = str(uuid4())
    parties = [party_of(user, "transfer") for _ in range(6)]
    for party in parties:
        assert send(party)[0] == 200
    for party in parties[:5]:
        for number in (1, 2):
            tried = verify({**party, "given_by": guesser}, wrong(codes(user), number))
            assert tried[1]["error_code"] == "OTP_INVALID"
    right = codes(user)[0]["code"]
    code, details = refusal(verify({**parties[5], "given_by": guesser}, right))
    assert (code, details["over"]) == ("OTP_MAX_RETRIES", False)
    assert verify(parties[5], right)[0] == 200
    assert send(party_of(user))[0] == 200


def test_others_have_twenty_codes_sent_to_a_user_in_ten_minutes_at_most(
    user: dict[str, Any], send: Call
) -> None:
    stranger = {"caused_by": str(uuid4())}
    for _ in range(20):
        assert send(party_of(user, "transfer"), **stranger)[0] == 200
    code, details = refusal(send(party_of(user, "transfer"), **stranger))
    assert code == "RATE_LIMITED" and 0 < details["retry_after_seconds"] <= 600
    assert send(party_of(user))[0] == 200
    assert send(party_of(user), caused_by=user["user_id"])[0] == 200
