"""Codes sent and codes tried, as the database has them; hold the user's lock to decide by them."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ..models.otp import OtpAttempt, OtpChallenge
from ..values import OtpParty, OtpSend, OtpTry

MAX_WRONG = 3
MAX_SENDS = 3
MAX_SENDS_BY_OTHERS = 20  # to one user, whatever for; those he causes himself are apart
MAX_WRONG_A_DAY = 10
# The provider does not say how long its codes live and judges that itself (EXPIRED ends one); ours
# bounds how long "nothing is sent while a code lives" may hold, at what such services usually take.
_CODE_LIVES = text("interval '10 minutes'")
_SEND_WINDOW = text("interval '10 minutes'")
_DAY = text("interval '24 hours'")
_SAME_ANSWER = text("interval '60 seconds'")
# Longer than a call of the provider lasts: work older than this was left by a process that died.
_AT_WORK = text("interval '8 seconds'")


class Challenge(NamedTuple):
    """A code of a party; without a sid it is being sent by another request."""

    challenge_id: UUID
    sid: str | None
    lives: bool


class Try(NamedTuple):
    """A code a party tried; `asking`: the provider is being asked about it right now.

    Without `attempts_left` it has had no answer yet; `recent` is younger than a minute.
    """

    attempt_id: UUID
    code_hash: str
    attempts_left: int | None
    asking: bool
    recent: bool


def lock(session: Session, *user_ids: UUID) -> None:
    """Whoever decides about these users' codes does so one after the other, until he commits."""
    for user_id in sorted(set(user_ids)):
        key = func.hashtextextended(f"otp:{user_id}", 0)
        session.execute(select(func.pg_advisory_xact_lock(key)))


def verified_sid(session: Session, party: OtpParty) -> str | None:
    """The code that was right, if one was."""
    right = OtpChallenge.verified_at.is_not(None)
    return session.scalar(
        select(OtpChallenge.verification_sid).where(*_of(OtpChallenge, party), right).limit(1)
    )


def newest(session: Session, party: OtpParty, *, sent: bool = False) -> Challenge | None:
    """The party's last code; with `sent` the last that certainly went out."""
    at_work = OtpChallenge.sent_at > func.clock_timestamp() - _AT_WORK
    went_out = OtpChallenge.verification_sid.is_not(None)
    row = session.execute(
        select(
            OtpChallenge.challenge_id,
            OtpChallenge.verification_sid,
            OtpChallenge.ends_at > func.clock_timestamp(),
        )
        .where(*_of(OtpChallenge, party), went_out if sent else went_out | at_work)
        .order_by(OtpChallenge.sent_at.desc())
        .limit(1)
    ).one_or_none()
    return Challenge(*row) if row else None


def wait_before_sending(session: Session, party: OtpSend) -> float | None:
    """Seconds until the party may be sent another code; None where that is now."""
    wait = _wait(session, MAX_SENDS, *_of(OtpChallenge, party))
    if wait is None and party.is_caused_by_another:
        to_user = OtpChallenge.user_id == party.user_id
        wait = _wait(session, MAX_SENDS_BY_OTHERS, to_user, OtpChallenge.by_another)
    return wait


def _wait(session: Session, most: int, *which: Any) -> float | None:
    """Seconds until less than so many of these were sent lately."""
    earliest = func.clock_timestamp() - _SEND_WINDOW
    return session.scalar(
        select(func.extract("epoch", OtpChallenge.sent_at - earliest))
        .where(*which, OtpChallenge.sent_at > earliest)
        .order_by(OtpChallenge.sent_at.desc())
        .offset(most - 1)
        .limit(1)
    )


def begin_sending(session: Session, party: OtpSend) -> UUID:
    """Book a code that is about to be sent."""
    ends_at = func.clock_timestamp() + _CODE_LIVES
    row = insert(OtpChallenge).values(
        **_party(party), ends_at=ends_at, by_another=party.is_caused_by_another
    )
    return session.scalar(row.returning(OtpChallenge.challenge_id))


def forget_challenge(session: Session, challenge_id: UUID) -> None:
    """It could not be sent."""
    session.execute(delete(OtpChallenge).where(OtpChallenge.challenge_id == challenge_id))


def mark_sent(session: Session, party: OtpParty, challenge_id: UUID, sid: str) -> None:
    """It went out; from now on it is the only code of the party that lives."""
    this = OtpChallenge.challenge_id == challenge_id
    living = OtpChallenge.ends_at > func.clock_timestamp()
    _change(session, *_of(OtpChallenge, party), ~this, living, ends_at=func.clock_timestamp())
    _change(session, this, verification_sid=sid)


def end_challenge(session: Session, challenge_id: UUID) -> None:
    """The provider no longer knows it."""
    _change(session, OtpChallenge.challenge_id == challenge_id, ends_at=func.clock_timestamp())


def mark_verified(session: Session, challenge_id: UUID) -> None:
    """Its code was given back rightly."""
    _change(session, OtpChallenge.challenge_id == challenge_id, verified_at=func.clock_timestamp())


def tries(session: Session, party: OtpParty) -> list[Try]:
    """The codes that count for the party, three at the most."""
    age = func.clock_timestamp() - OtpAttempt.attempted_at
    unanswered = OtpAttempt.attempts_left.is_(None)
    rows = session.execute(
        select(
            OtpAttempt.attempt_id,
            OtpAttempt.code_hash,
            OtpAttempt.attempts_left,
            unanswered & (age < _AT_WORK),
            age < _SAME_ANSWER,
        ).where(*_of(OtpAttempt, party))
    )
    return [Try(*row) for row in rows]


def wait_before_trying(session: Session, user_id: UUID) -> float | None:
    """Seconds until the user may try a code again; None where that is now."""
    earliest = func.clock_timestamp() - _DAY
    return session.scalar(
        select(func.extract("epoch", OtpAttempt.attempted_at - earliest))
        .where(OtpAttempt.given_by == user_id, OtpAttempt.attempted_at > earliest)
        .order_by(OtpAttempt.attempted_at.desc())
        .offset(MAX_WRONG_A_DAY - 1)
        .limit(1)
    )


def book_try(session: Session, party: OtpTry, challenge_id: UUID, code_hash: str) -> UUID:
    """Book a try before the provider is asked, under the first number that is free.

    There are three numbers, by constraint: what is under way counts.
    """
    taken = set(session.scalars(select(OtpAttempt.number).where(*_of(OtpAttempt, party))))
    number = min({*range(1, MAX_WRONG + 2)} - taken)
    row = insert(OtpAttempt).values(
        **_party(party),
        given_by=party.giver,
        challenge_id=challenge_id,
        code_hash=code_hash,
        number=number,
    )
    return session.scalar(row.returning(OtpAttempt.attempt_id))


def take_up_try(session: Session, attempt_id: UUID) -> None:
    """Ask again about a try whose process died."""
    this = OtpAttempt.attempt_id == attempt_id
    session.execute(update(OtpAttempt).where(this).values(attempted_at=func.clock_timestamp()))


def take_back_try(session: Session, attempt_id: UUID) -> None:
    """It does not count."""
    session.execute(delete(OtpAttempt).where(OtpAttempt.attempt_id == attempt_id))


def mark_wrong(session: Session, attempt_id: UUID, attempts_left: int) -> None:
    """It was wrong, and this is what was answered."""
    this = OtpAttempt.attempt_id == attempt_id
    session.execute(update(OtpAttempt).where(this).values(attempts_left=attempts_left))


def _change(session: Session, *where: Any, **values: Any) -> None:
    session.execute(update(OtpChallenge).where(*where).values(**values))


def _of(table: type[OtpChallenge] | type[OtpAttempt], party: OtpParty) -> tuple[Any, ...]:
    return tuple(getattr(table, name) == value for name, value in _party(party).items())


def _party(party: OtpParty) -> dict[str, Any]:
    return {
        "user_id": party.user_id,
        "context": party.context.value,
        "reference_id": party.reference_id,
    }
