"""Codes by text message (contract.md, "Decided: codes"); the provider makes and judges them.

Nothing is held while the provider is asked: what is under way stands in the database, and whoever
depends on how it ends waits for it there, for moments.
"""

import hashlib
import hmac
import math
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..models.user import User
from ..values import OtpParty, OtpSend, OtpSent, OtpTry
from . import otp_records as records
from .smu_client import SmuClient, Verdict
from .user_service import user_not_found

T = TypeVar("T")

_PATIENCE_SECONDS = 4.5
# whoever waited longer for another request would answer too late if it asked the provider itself
_STILL_IN_TIME_SECONDS = 0.5
_PAUSE_SECONDS = 0.05


class Sending(NamedTuple):
    """A code that this request is to send."""

    challenge_id: UUID
    phone: str


class Asking(NamedTuple):
    """A try that this request is to ask the provider about."""

    attempt_id: UUID
    challenge_id: UUID
    sid: str


class OtpService:
    """The use cases of codes; both raise SERVICE_UNAVAILABLE where the provider is no help."""

    def __init__(self, database: Database, smu: SmuClient, hash_key: str) -> None:
        self._database = database
        self._smu = smu
        self._hash_key = hash_key.encode()

    def send(self, call: OtpSend) -> OtpSent:
        """Send a code, unless one lives that `resend` does not ask to replace.

        Raises USER_NOT_FOUND, VALIDATION_ERROR (no phone), RATE_LIMITED
        (`details.retry_after_seconds`) and OTP_MAX_RETRIES.
        """
        begun = _settled(lambda waited: self._begin_send(call, waited))
        if isinstance(begun, OtpSent):
            return begun
        try:
            sid = self._smu.send(begun.phone)
        except AppError:
            with self._database.transaction() as session:
                records.forget_challenge(session, begun.challenge_id)
            raise
        with self._database.transaction() as session:
            records.lock(session, call.user_id)
            records.mark_sent(session, call, begun.challenge_id, sid)
        return OtpSent(verification_sid=sid, sent=True)

    def verify(self, call: OtpTry) -> None:
        """Return if the code is right, or the party is verified already.

        Raises OTP_INVALID (`details.attempts_left`), OTP_EXPIRED, and OTP_MAX_RETRIES:
        `details.over` tells whether it is over for this party, or the user tried too much in a day.
        """
        begun = _settled(lambda waited: self._begin_try(call, waited))
        if isinstance(begun, Asking):
            self._ask(call, begun)

    def _begin_send(self, call: OtpSend, waited: float) -> Sending | OtpSent | None:
        with self._database.transaction() as session:
            records.lock(session, call.user_id)
            if sid := records.verified_sid(session, call):
                return OtpSent(verification_sid=sid, sent=False)
            _refuse_further_tries(session, call, records.tries(session, call))
            last = records.newest(session, call)
            if last and last.sid is None:
                return None
            if last and last.lives and (waited or not call.resend):
                return OtpSent(verification_sid=last.sid, sent=False)
            _refuse_late(waited)
            phone = _phone(session, call.user_id)
            _refuse_too_many_sends(session, call)
            return Sending(records.begin_sending(session, call), phone)

    def _begin_try(self, call: OtpTry, waited: float) -> Asking | bool | None:
        """The try to ask about, True if verified already, None while others are being asked."""
        with self._database.transaction() as session:
            records.lock(session, call.user_id, call.giver)
            if records.verified_sid(session, call):
                return True
            tries = records.tries(session, call)
            _refuse_if_over(tries)
            code = records.newest(session, call, sent=True)
            if code is None or not code.lives:
                raise _expired()
            code_hash = self._hash(code.challenge_id, call.otp_code)
            same = next((one for one in tries if one.code_hash == code_hash), None)
            if same and same.recent and same.attempts_left is not None:
                raise _wrong(same.attempts_left)
            if _others_decide(tries, same):
                return None
            _refuse_late(waited)
            if same and same.attempts_left is None:
                records.take_up_try(session, same.attempt_id)
                return Asking(same.attempt_id, code.challenge_id, code.sid)
            _refuse_too_many_tries(session, call.giver)
            attempt_id = records.book_try(session, call, code.challenge_id, code_hash)
            return Asking(attempt_id, code.challenge_id, code.sid)

    def _ask(self, call: OtpTry, asking: Asking) -> None:
        try:
            verdict = self._smu.verify(asking.sid, call.otp_code)
        except AppError:
            # no verdict: whoever guessed has learned nothing
            with self._database.transaction() as session:
                records.take_back_try(session, asking.attempt_id)
            raise
        with self._database.transaction() as session:
            records.lock(session, call.user_id)
            refusal = _conclude(session, call, asking, verdict)
        if refusal is not None:
            raise refusal

    def _hash(self, challenge_id: UUID, code: str) -> str:
        given = f"otp:{challenge_id}:{code}".encode()
        return hmac.new(self._hash_key, given, hashlib.sha256).hexdigest()


def _settled(look: Callable[[float], T | None]) -> T:
    """What `look` finds, once no other request is at it; it is told how long we waited."""
    begun = time.monotonic()
    found = look(0)
    while found is None:
        time.sleep(_PAUSE_SECONDS)
        waited = time.monotonic() - begun
        if waited > _PATIENCE_SECONDS:
            raise _busy()
        found = look(waited)
    return found


def _conclude(
    session: Session, party: OtpParty, asking: Asking, verdict: Verdict
) -> AppError | None:
    """Write the verdict down; what is to be raised once that is committed."""
    if verdict is Verdict.WRONG and not records.verified_sid(session, party):
        tries = records.tries(session, party)
        others = [one for one in tries if one.attempt_id != asking.attempt_id and not one.asking]
        attempts_left = max(0, records.MAX_WRONG - 1 - len(others))
        records.mark_wrong(session, asking.attempt_id, attempts_left)
        return _wrong(attempts_left)
    records.take_back_try(session, asking.attempt_id)
    if verdict is Verdict.EXPIRED:
        records.end_challenge(session, asking.challenge_id)
        return _expired()
    if verdict is Verdict.APPROVED:
        records.mark_verified(session, asking.challenge_id)
    return None


def _others_decide(tries: list[records.Try], same: records.Try | None) -> bool:
    """Whether it depends on tries being asked about what is to be said of this one."""
    if same and same.attempts_left is None:
        return same.asking
    return len(tries) >= records.MAX_WRONG


def _phone(session: Session, user_id: UUID) -> str:
    user = session.execute(select(User.phone).where(User.user_id == user_id)).one_or_none()
    if user is None:
        raise user_not_found()
    if user.phone is None:
        raise AppError(
            ErrorCode.VALIDATION_ERROR,
            "There is no phone number to send a code to.",
            fields={"phone": "is required"},
        )
    return user.phone


def _refuse_further_tries(session: Session, party: OtpParty, tries: list[records.Try]) -> None:
    _refuse_if_over(tries)
    _refuse_too_many_tries(session, party.user_id)


def _refuse_if_over(tries: list[records.Try]) -> None:
    if sum(not one.asking for one in tries) >= records.MAX_WRONG:
        raise _wrong(0)


def _refuse_too_many_tries(session: Session, giver: UUID) -> None:
    wait = records.wait_before_trying(session, giver)
    if wait is not None:
        raise AppError(
            ErrorCode.OTP_MAX_RETRIES,
            "Too many wrong codes in 24 hours: try again later.",
            over=False,
            retry_after_seconds=max(1, math.ceil(wait)),
        )


def _refuse_too_many_sends(session: Session, party: OtpSend) -> None:
    wait = records.wait_before_sending(session, party)
    if wait is not None:
        raise AppError(
            ErrorCode.RATE_LIMITED,
            "Too many codes were sent: wait before asking for another one.",
            retry_after_seconds=max(1, math.ceil(wait)),
        )


def _refuse_late(waited: float) -> None:
    if waited > _STILL_IN_TIME_SECONDS:
        raise _busy()


def _busy() -> AppError:
    return AppError(
        ErrorCode.SERVICE_UNAVAILABLE, "Codes cannot be sent or checked right now: try again."
    )


def _wrong(attempts_left: int) -> AppError:
    if attempts_left == 0:
        return AppError(ErrorCode.OTP_MAX_RETRIES, "Three codes were wrong: it is over.", over=True)
    return AppError(ErrorCode.OTP_INVALID, "The code is wrong.", attempts_left=attempts_left)


def _expired() -> AppError:
    return AppError(ErrorCode.OTP_EXPIRED, "The code has expired, or none was sent: ask for one.")
