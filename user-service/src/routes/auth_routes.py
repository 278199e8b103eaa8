"""Accounts and logins over HTTP; public, see contract.md, section 1."""

from flask import Blueprint
from pydantic import Field

from common.auth import Access, Caller, Role
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Answer, Money

from ..services.auth_service import AuthService
from ..tokens import EXPIRES_IN, access_token, refresh_token
from ..values import Credentials, Registration, UserId


class Registered(Answer):
    """The new account."""

    user_id: UserId
    email: str = Field(examples=["new.buyer@example.com"])
    message: str = "Welcome! Log in to go on."


class LoginUser(Answer):
    """Who logged in."""

    user_id: UserId
    email: str = Field(examples=["user1@example.com"])
    role: Role
    credit_balance: Money


class RenewedToken(Answer):
    """A new access token; `expires_in` is in seconds."""

    access_token: str = Field(examples=["eyJhbGciOi…"])
    expires_in: int = EXPIRES_IN


class TokenPair(RenewedToken):
    """The tokens of a new login."""

    refresh_token: str = Field(examples=["eyJhbGciOi…"])
    token_type: str = "Bearer"
    user: LoginUser


class LoggedOut(Answer):
    """Farewell."""

    message: str = "You are logged out."


def auth_blueprint(auth: AuthService) -> Blueprint:
    """The endpoints below /api/auth."""
    routes = Blueprint("auth", __name__, url_prefix="/api/auth")

    @routes.post("/register")
    @endpoint(
        access=Access.PUBLIC,
        body=Registration,
        returns=Registered,
        status=201,
        errors=(ErrorCode.EMAIL_ALREADY_EXISTS,),
    )
    def register(body: Registration) -> Registered:
        """Open an account; an e-mail has one, in whatever case it is written."""
        return Registered.model_validate(auth.register(body))

    @routes.post("/login")
    @endpoint(
        access=Access.PUBLIC,
        body=Credentials,
        returns=TokenPair,
        errors=(ErrorCode.UNAUTHORIZED, ErrorCode.RATE_LIMITED),
    )
    def login(body: Credentials) -> TokenPair:
        """Log in; after 10 failures of an account in 15 minutes not even with the password."""
        begun = auth.login(body)
        return TokenPair(
            access_token=access_token(begun), refresh_token=refresh_token(begun), user=begun.user
        )

    @routes.post("/refresh")
    @endpoint(access=Access.REFRESH, returns=RenewedToken)
    def refresh(caller: Caller) -> RenewedToken:
        """A new access token for a refresh token, with the role the user has now."""
        return RenewedToken(access_token=access_token(auth.renew(caller)))

    @routes.post("/logout")
    @endpoint(access=Access.CUSTOMER, returns=LoggedOut)
    def logout(caller: Caller) -> LoggedOut:
        """End this login: its access tokens and its refresh token."""
        auth.logout(caller)
        return LoggedOut()

    return routes
