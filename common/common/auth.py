"""Who may call: access tokens (JWT, HS256), roles, revoked logins, and the internal token."""

import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum, StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

from flask import Flask, current_app, request
from flask_jwt_extended import JWTManager, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt.exceptions import ExpiredSignatureError, PyJWTError

from common.errors import AppError, ErrorCode
from common.periodic import run_every
from common.settings import JwtSettings

INTERNAL_TOKEN_HEADER = "X-Internal-Token"  # nosec B105 # a header's name
ISSUER = "ticketremaster"
ACCESS_TTL = timedelta(minutes=15)
REFRESH_TTL = timedelta(days=7)
CLOCK_SKEW = timedelta(seconds=2)
_TOKENS_REMEMBERED = 4096


class Role(StrEnum):
    """What a user is; each may do what those before it may."""

    CUSTOMER = "customer"
    STAFF = "staff"
    ADMIN = "admin"


class Access(Enum):
    """Who may call an endpoint."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CUSTOMER = "customer"
    STAFF = "staff"
    ADMIN = "admin"
    REFRESH = "refresh"


_ROLES_ADMITTED = {
    Access.CUSTOMER: frozenset(Role),
    Access.REFRESH: frozenset(Role),
    Access.STAFF: frozenset({Role.STAFF, Role.ADMIN}),
    Access.ADMIN: frozenset({Role.ADMIN}),
}


@dataclass(frozen=True)
class Caller:
    """Whose request it is: the token's `sub`, its role, its login (`sid`), when it was issued."""

    user_id: UUID
    role: Role
    sid: str
    issued_at: float


@dataclass(frozen=True)
class Revocation:
    """A login that was ended (`sid`), or everything issued to a user up to `issued_until`."""

    sid: str | None
    user_id: str | None
    issued_until: float
    expires_at: float


# Asks for what was revoked since a moment (None: for all that still matters); answers with the
# moment to ask from next time.
FetchRevocations = Callable[[str | None], tuple[list[Revocation], str]]


class Revocations:
    """The revoked tokens, kept in memory and refreshed every second: no call per request.

    The user service keeps them (design.md, contract.md "Tokens and roles"). Until the first list
    has arrived nobody is let in; when later refreshes fail, the last list stays in force.
    """

    REFRESH_SECONDS = 1.0

    def __init__(self, fetch: FetchRevocations) -> None:
        self._fetch = fetch
        self._since: str | None = None
        self._sids: dict[str, float] = {}
        self._users: dict[str, Revocation] = {}

    def start(self) -> None:
        """Refresh from now on, in a daemon thread of this process."""
        run_every(self.REFRESH_SECONDS, self.refresh, "revocations")

    def refresh(self) -> None:
        """Fetch what is new; raises AppError where the user service does not answer."""
        revocations, since = self._fetch(self._since)
        for one in revocations:
            if one.sid:
                self._sids[one.sid] = one.expires_at
            if one.user_id:
                known = self._users.get(one.user_id)
                if known is None or known.issued_until < one.issued_until:
                    self._users[one.user_id] = one
        self._forget_expired()
        self._since = since  # last: from here on the list is in force, and what it has is not lost

    def refuses(self, caller: Caller) -> bool:
        """Whether this token was revoked; SERVICE_UNAVAILABLE before the first list."""
        if self._since is None:
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE, "Logins cannot be checked right now.")
        of_user = self._users.get(str(caller.user_id))
        return caller.sid in self._sids or (
            of_user is not None and caller.issued_at <= of_user.issued_until
        )

    def _forget_expired(self) -> None:
        now = datetime.now(timezone.utc).timestamp()
        self._sids = {sid: end for sid, end in self._sids.items() if end > now}
        self._users = {user: one for user, one in self._users.items() if one.expires_at > now}


def install_tokens(app: Flask, settings: JwtSettings, revocations: Revocations) -> None:
    """Let `app` check access tokens (Access.CUSTOMER and up) and refresh tokens."""
    app.config.update(
        JWT_SECRET_KEY=settings.jwt_secret,
        JWT_ALGORITHM="HS256",
        JWT_ENCODE_ISSUER=ISSUER,
        JWT_DECODE_ISSUER=ISSUER,
        JWT_DECODE_LEEWAY=CLOCK_SKEW,  # `iat` is the issuer's clock
        JWT_ACCESS_TOKEN_EXPIRES=ACCESS_TTL,
        JWT_REFRESH_TOKEN_EXPIRES=REFRESH_TTL,
    )
    JWTManager(app)
    # A signature that was good stays good; what the clock says of a token is looked at each time.
    app.extensions["claims"] = lru_cache(_TOKENS_REMEMBERED)(decode_token)
    app.extensions["revocations"] = revocations


def install_internal_token(app: Flask, token: str) -> None:
    """Let `app` check the internal token (Access.INTERNAL)."""
    app.extensions["internal_token"] = token


def admit(access: Access) -> Caller | None:
    """The caller of the current request, None where there is no user behind it.

    Raises UNAUTHORIZED, TOKEN_EXPIRED or FORBIDDEN.
    """
    if access is Access.PUBLIC:
        return None
    if access is Access.INTERNAL:
        _check_internal_token()
        return None
    caller = _token_caller(refresh=access is Access.REFRESH)
    if caller.role not in _ROLES_ADMITTED[access]:
        raise AppError(ErrorCode.FORBIDDEN, f"This needs the role {access.value}.")
    return caller


def internal_token_matches(presented: str | bytes | None, expected: str) -> bool:
    """Compare in constant time."""
    given = presented.encode() if isinstance(presented, str) else presented or b""
    return hmac.compare_digest(given, expected.encode())


def _check_internal_token() -> None:
    expected = current_app.extensions["internal_token"]
    if not internal_token_matches(request.headers.get(INTERNAL_TOKEN_HEADER), expected):
        raise AppError(ErrorCode.UNAUTHORIZED, "This is an internal endpoint.")


def _token_caller(refresh: bool) -> Caller:
    try:
        claims = current_app.extensions["claims"](_bearer_token())
        if claims["exp"] <= time.time() - CLOCK_SKEW.total_seconds():
            raise ExpiredSignatureError
        caller = _caller_from(claims, token_type="refresh" if refresh else "access")
    except ExpiredSignatureError as error:
        raise AppError(ErrorCode.TOKEN_EXPIRED, "The token has expired: log in again.") from error
    except (JWTExtendedException, PyJWTError, KeyError, ValueError, TypeError) as error:
        raise AppError(ErrorCode.UNAUTHORIZED, "A valid token is needed: log in.") from error
    if current_app.extensions["revocations"].refuses(caller):
        raise AppError(ErrorCode.UNAUTHORIZED, "This login has ended: log in again.")
    return caller


def _bearer_token() -> str:
    """RFC 6750, section 2.1."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer":
        raise ValueError("no bearer token")
    return token.strip()


def _caller_from(claims: dict[str, Any], token_type: str) -> Caller:
    if claims["type"] != token_type:
        raise ValueError("type")
    return Caller(
        user_id=UUID(claims["sub"]),
        role=Role(claims["role"]),
        sid=str(claims["sid"]),
        issued_at=float(claims["iat"]),
    )
