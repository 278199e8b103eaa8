"""Users as other services and admins see them."""

from uuid import UUID

from sqlalchemy import bindparam, func, select

from common.auth import Role
from common.database import Database
from common.errors import AppError, ErrorCode
from common.prepared import Prepared

from ..models.user import User
from ..values import UserChange, UserRecord
from .revocations import revoke

_BY_ID = Prepared(select(User).where(User.user_id == bindparam("of_user")))
_IS_FLAGGED = Prepared(select(User.is_flagged).where(User.user_id == bindparam("of_user")))


class UserService:
    """The use cases of profiles; all but `find` raise USER_NOT_FOUND."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, user_id: UUID) -> UserRecord:
        """The profile."""
        for user in self._database.run(_BY_ID, of_user=user_id):
            return UserRecord.model_validate(user)
        raise user_not_found()

    def is_flagged(self, user_id: UUID) -> bool:
        """Whether this user must prove each purchase by a code."""
        for user in self._database.run(_IS_FLAGGED, of_user=user_id):
            return user.is_flagged
        raise user_not_found()

    def find(self, email: str) -> UserRecord:
        """The user with that e-mail, whatever its case; raises USER_NOT_FOUND."""
        with self._database.transaction() as session:
            user = session.scalar(select(User).where(func.lower(User.email) == func.lower(email)))
            if user is None:
                raise user_not_found()
            return UserRecord.model_validate(user)

    def change(self, user_id: UUID, change: UserChange) -> UserRecord:
        """Flag or unflag, give a role; a new role revokes what was issued under the old one.

        Raises FORBIDDEN where an admin would take his own admin role.
        """
        with self._database.transaction() as session:
            user = session.scalar(select(User).where(User.user_id == user_id).with_for_update())
            if user is None:
                raise user_not_found()
            if change.is_flagged is not None:
                user.is_flagged = change.is_flagged
            if change.role not in (None, user.role):
                if user.role is Role.ADMIN and user_id == change.acting_user_id:
                    raise AppError(ErrorCode.FORBIDDEN, "Nobody takes his own admin role.")
                user.role = change.role
                revoke(session, user_id=user_id)
            session.flush()
            return UserRecord.model_validate(user)


def user_not_found() -> AppError:
    """USER_NOT_FOUND."""
    return AppError(ErrorCode.USER_NOT_FOUND, "There is no such user.")
