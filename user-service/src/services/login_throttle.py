"""At most so many failed logins of one account in a while, however many come at once.

An attempt is booked before the password is looked at and taken back when it was right, so that what
is under way counts as a failure and parallel guesses cannot outrun the limit.
"""

import math
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from common.errors import AppError, ErrorCode

from ..models.login_attempt import LoginAttempt

MAX_FAILURES = 10
_WINDOW = text("interval '15 minutes'")
_PRUNED_AT_ONCE = 100


def book(session: Session, email: str) -> UUID:
    """Book an attempt; raises RATE_LIMITED (`details.retry_after_seconds`), which books nothing."""
    # one after the other per account, until the end of this transaction
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(email, 0))))
    earliest = func.clock_timestamp() - _WINDOW
    wait = session.scalar(
        select(func.extract("epoch", LoginAttempt.attempted_at - earliest))
        .where(LoginAttempt.email == email, LoginAttempt.attempted_at > earliest)
        .order_by(LoginAttempt.attempted_at.desc())
        .offset(MAX_FAILURES - 1)
        .limit(1)
    )
    if wait is not None:
        raise AppError(
            ErrorCode.RATE_LIMITED,
            "Too many failed logins of this account: try again later.",
            retry_after_seconds=max(1, math.ceil(wait)),
        )
    _prune(session)
    return session.scalar(
        insert(LoginAttempt).values(email=email).returning(LoginAttempt.attempt_id)
    )


def take_back(session: Session, attempt_id: UUID) -> None:
    """It succeeded: it no longer counts."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.attempt_id == attempt_id))


def _prune(session: Session) -> None:
    old = (
        select(LoginAttempt.attempt_id)
        .where(LoginAttempt.attempted_at < func.now() - _WINDOW)
        .limit(_PRUNED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    session.execute(delete(LoginAttempt).where(LoginAttempt.attempt_id.in_(old)))
