"""Access and refresh tokens of a login (contract.md, Tokens and roles)."""

from typing import Any

from flask_jwt_extended import create_access_token, create_refresh_token

from common.auth import ACCESS_TTL

from .values import Login

EXPIRES_IN = int(ACCESS_TTL.total_seconds())


def access_token(login: Login) -> str:
    """A signed access token; needs the application's context, as does the next."""
    return create_access_token(str(login.user.user_id), additional_claims=_claims(login))


def refresh_token(login: Login) -> str:
    """A signed refresh token of the same login."""
    return create_refresh_token(str(login.user.user_id), additional_claims=_claims(login))


def _claims(login: Login) -> dict[str, Any]:
    # `iat` to the microsecond: revocations say "everything issued until then"
    return {"role": login.user.role.value, "sid": login.sid, "iat": login.issued_at}
