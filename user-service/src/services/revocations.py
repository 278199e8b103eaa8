"""Tokens that no longer count (contract.md, Tokens and roles)."""

from datetime import datetime

from sqlalchemy import ColumnElement, Float, cast, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from common.auth import REFRESH_TTL, Caller, Revocation
from common.database import Database

from ..models.revocation import RevocationRow
from ..values import RevocationList, RevokedTokens

# A revocation is committed a little after the moment it carries, so each list reaches back further
# than the one before; longer than any transaction lives.
_OVERLAP_SECONDS = 10
_PRUNED_AT_ONCE = 100


def epoch(moment: ColumnElement[datetime]) -> ColumnElement[float]:
    """SQL: epoch seconds to the microsecond, as the tokens' `iat` has them."""
    return cast(func.extract("epoch", moment), Float(53))


class RevocationService:
    """The list that every service keeps a copy of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: float | None) -> RevocationList:
        """What was revoked since `moment` and still matters; all that still matters for None."""
        matters = [RevocationRow.expires_at > func.now()]
        if moment is not None:
            reached = func.to_timestamp(moment - _OVERLAP_SECONDS)
            matters.append(RevocationRow.created_at > reached)
        columns = (
            RevocationRow.sid,
            RevocationRow.user_id,
            epoch(RevocationRow.issued_until).label("issued_until"),
            epoch(RevocationRow.expires_at).label("expires_at"),
        )
        with self._database.transaction() as session:
            as_of = session.scalar(select(epoch(func.now())))
            rows = session.execute(select(*columns).where(*matters)).all()
            revoked = [RevokedTokens.model_validate(row) for row in rows]
        return RevocationList(revocations=revoked, as_of=as_of)

    def fetch(self, since: str | None) -> tuple[list[Revocation], str]:
        """The same for this service itself (common.auth.FetchRevocations)."""
        found = self.since(None if since is None else float(since))
        revoked = [
            Revocation(
                one.sid, str(one.user_id) if one.user_id else None, one.issued_until, one.expires_at
            )
            for one in found.revocations
        ]
        return revoked, repr(found.as_of)


def revoke(session: Session, **whose: object) -> None:
    """Revoke the tokens of a login (`sid`), or all issued to a user (`user_id`) until now.

    For a user, call it with his row locked, so that no token is being issued meanwhile.
    """
    row = insert(RevocationRow).values(expires_at=func.clock_timestamp() + REFRESH_TTL, **whose)
    session.execute(row.on_conflict_do_nothing(index_elements=[RevocationRow.sid]))
    expired = (
        select(RevocationRow.revocation_id)
        .where(RevocationRow.expires_at < func.now())
        .limit(_PRUNED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    session.execute(delete(RevocationRow).where(RevocationRow.revocation_id.in_(expired)))


def is_revoked(session: Session, caller: Caller) -> bool:
    """Whether the caller's token no longer counts, from the table itself."""
    issued_until = epoch(RevocationRow.issued_until)
    of_login = RevocationRow.sid == caller.sid
    of_user = (RevocationRow.user_id == caller.user_id) & (issued_until >= caller.issued_at)
    return session.scalar(select(exists().where(or_(of_login, of_user))))
