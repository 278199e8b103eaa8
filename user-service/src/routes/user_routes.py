"""Users over HTTP; internal, see contract.md, section 3."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode

from ..services.user_service import UserService
from ..values import Risk, UserChange, UserId, UserQuery, UserRecord


def users_blueprint(service: UserService) -> Blueprint:
    """The endpoints below /users."""
    users = Blueprint("users", __name__)

    @users.get("/users")
    @endpoint(
        access=Access.INTERNAL,
        query=UserQuery,
        returns=UserRecord,
        errors=(ErrorCode.USER_NOT_FOUND,),
    )
    def find_user(query: UserQuery) -> UserRecord:
        """The user with that e-mail, whatever its case."""
        return service.find(query.email)

    @users.get("/users/<user_id>")
    @endpoint(access=Access.INTERNAL, returns=UserRecord, errors=(ErrorCode.USER_NOT_FOUND,))
    def get_user(user_id: UserId) -> UserRecord:
        """A user's profile and balance."""
        return service.get(user_id)

    @users.get("/users/<user_id>/risk")
    @endpoint(access=Access.INTERNAL, returns=Risk, errors=(ErrorCode.USER_NOT_FOUND,))
    def get_risk(user_id: UserId) -> Risk:
        """Whether this user must prove each purchase by a code."""
        return Risk(is_flagged=service.is_flagged(user_id))

    @users.patch("/users/<user_id>")
    @endpoint(
        access=Access.INTERNAL,
        body=UserChange,
        returns=UserRecord,
        errors=(ErrorCode.USER_NOT_FOUND, ErrorCode.FORBIDDEN),
    )
    def change_user(user_id: UserId, body: UserChange) -> UserRecord:
        """Flag or unflag a user, give a role; a new role ends every login of that user."""
        return service.change(user_id, body)

    return users
