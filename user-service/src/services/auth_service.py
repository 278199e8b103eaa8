"""Accounts and logins. Passwords are hashed and compared outside any transaction."""

from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.auth import Caller
from common.database import Database, violated_constraint
from common.errors import AppError, ErrorCode

from ..models.user import User
from ..values import Credentials, Login, Registration, UserRecord
from . import login_throttle
from .passwords import Passwords
from .revocations import epoch, is_revoked, revoke


class AuthService:
    """The use cases of accounts and logins."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    def register(self, new: Registration) -> UserRecord:
        """Open an account; raises EMAIL_ALREADY_EXISTS."""
        password_hash = self._passwords.hash(new.password)
        values = new.model_dump(exclude={"password"})
        account = insert(User).values(password_hash=password_hash, **values).returning(User)
        try:
            with self._database.transaction() as session:
                return UserRecord.model_validate(session.scalars(account).one())
        except IntegrityError as error:
            if violated_constraint(error) != "idx_users_email":
                raise
            raise AppError(
                ErrorCode.EMAIL_ALREADY_EXISTS, "There is an account with this e-mail already."
            ) from error

    def login(self, given: Credentials) -> Login:
        """Begin a login.

        Raises UNAUTHORIZED, alike and after the same time for an unknown e-mail and a wrong
        password, and RATE_LIMITED after too many of those.
        """
        with self._database.transaction() as session:
            attempt_id = login_throttle.book(session, given.email)
            account = session.execute(
                select(User.user_id, User.password_hash).where(
                    func.lower(User.email) == func.lower(given.email)
                )
            ).one_or_none()
        password_hash = account.password_hash if account else None
        if not self._passwords.match(given.password, password_hash):
            raise AppError(ErrorCode.UNAUTHORIZED, "The e-mail or the password is wrong.")
        with self._database.transaction() as session:
            login_throttle.take_back(session, attempt_id)
            return _issue(session, account.user_id, sid=str(uuid4()))

    def renew(self, caller: Caller) -> Login:
        """Go on with a login, under the role the user has now; raises UNAUTHORIZED if it ended."""
        with self._database.transaction() as session:
            login = _issue(session, caller.user_id, caller.sid)
            if is_revoked(session, caller):
                raise _ended()
            return login

    def logout(self, caller: Caller) -> None:
        """End the login: neither its access tokens nor its refresh token count any more."""
        with self._database.transaction() as session:
            revoke(session, sid=caller.sid)


def _issue(session: Session, user_id: UUID, sid: str) -> Login:
    """The role and the issuing time that go together.

    Whoever changes the role locks the row too and takes the time until which tokens are revoked
    under that lock: a token with the old role is always older than that, one with the new younger.
    """
    user = session.scalar(select(User).where(User.user_id == user_id).with_for_update(read=True))
    if user is None:
        raise _ended()
    issued_at = session.scalar(select(epoch(func.clock_timestamp())))
    return Login(user=UserRecord.model_validate(user), sid=sid, issued_at=issued_at)


def _ended() -> AppError:
    return AppError(ErrorCode.UNAUTHORIZED, "This login has ended: log in again.")
