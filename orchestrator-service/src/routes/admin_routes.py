"""People and their credits, for admins."""

from uuid import UUID, uuid4

from flask import Blueprint
from pydantic import BaseModel, EmailStr, Field, StrictBool, model_validator

from common.auth import Access, Caller, Role
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Answer, Body, Money, PositiveAmount, with_example

from ..clients.user_client import UserClient
from .shapes import UserId


class GrantBody(Body):
    """Credits for a user; a repeat with the same `grant_id` grants once."""

    user_id: UserId
    amount: PositiveAmount
    reason: str = Field(min_length=1, max_length=200, examples=["A present"])
    grant_id: UUID = Field(default_factory=uuid4)


class Granted(Answer):
    """The balance after a grant, and its ledger entry."""

    user_id: UserId
    credit_balance: Money
    entry_id: UUID


class UserQuery(BaseModel):
    """Whom to look for; the e-mail is compared without regard to case."""

    email: EmailStr = Field(examples=["user1@example.com"])


class UserChange(Body):
    """What to change of a user; at least one of both."""

    is_flagged: StrictBool | None = None
    role: Role | None = None

    model_config = with_example(is_flagged=False)

    @model_validator(mode="after")
    def _something_to_change(self) -> "UserChange":
        if self.is_flagged is None and self.role is None:
            raise ValueError("give is_flagged or role")
        return self


class UserView(Answer):
    """A user as admins see them."""

    user_id: UserId
    email: str = Field(examples=["user1@example.com"])
    full_name: str | None = Field(examples=["Aisha Rahman"])
    phone: str | None = Field(examples=["+6591230001"])
    role: Role
    is_flagged: bool
    credit_balance: Money
    frozen_credits: Money


def admin_blueprint(users: UserClient) -> Blueprint:
    """The endpoints below /api/admin."""
    routes = Blueprint("admin", __name__)

    @routes.post("/api/admin/credits/grant")
    @endpoint(
        access=Access.ADMIN,
        body=GrantBody,
        returns=Granted,
        status=201,
        errors=(ErrorCode.USER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE),
    )
    def grant(body: GrantBody) -> Granted:
        """Give credits to a user, with a reason."""
        return Granted.model_validate(users.grant(**body.model_dump()))

    @routes.get("/api/admin/users")
    @endpoint(
        access=Access.ADMIN,
        query=UserQuery,
        returns=UserView,
        errors=(ErrorCode.USER_NOT_FOUND,),
    )
    def find_user(query: UserQuery) -> UserView:
        """The user with that e-mail, whatever its case."""
        return UserView.model_validate(users.find(query.email))

    @routes.patch("/api/admin/users/<user_id>")
    @endpoint(
        access=Access.ADMIN,
        body=UserChange,
        returns=UserView,
        errors=(ErrorCode.USER_NOT_FOUND,),
    )
    def change_user(user_id: UserId, body: UserChange, caller: Caller) -> UserView:
        """Flag or unflag a user, give a role; a new role ends every login of that user."""
        change = body.model_dump(exclude_none=True)
        return UserView.model_validate(
            users.change(user_id, acting_user_id=caller.user_id, **change)
        )

    return routes
