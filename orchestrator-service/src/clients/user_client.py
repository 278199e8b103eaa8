"""The user service: balances, the ledger, who is flagged."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from common.auth import Revocation
from common.clients import HttpClient
from common.fields import PageQuery


class UserClient:
    """Internal calls to the user service; money calls are idempotent by their reference."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def get(self, user_id: UUID) -> dict[str, Any]:
        """The profile; raises USER_NOT_FOUND."""
        return self._http.get(f"/users/{user_id}")

    def is_flagged(self, user_id: UUID) -> bool:
        """Whether this user must prove each purchase by a code."""
        return self._http.get(f"/users/{user_id}/risk")["is_flagged"]

    def deduct(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> Decimal:
        """Charge; the balance that is left. Raises INSUFFICIENT_CREDITS."""
        answer = self._http.post(
            "/credits/deduct", user_id=user_id, amount=amount, reference_id=reference_id
        )
        return answer["credit_balance"]

    def refund(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> None:
        """Undo the charge of that reference, or see to it that it never takes effect."""
        self._http.post(
            "/credits/refund", user_id=user_id, amount=amount, reference_id=reference_id
        )

    def ledger(self, user_id: UUID, page: PageQuery) -> dict[str, Any]:
        """The answer with one page of the user's ledger, newest first."""
        return self._http.get_envelope(
            "/credits/ledger", user_id=user_id, page=page.page, per_page=page.per_page
        )

    def grant(self, **grant: Any) -> dict[str, Any]:
        """Give credits; raises USER_NOT_FOUND."""
        return self._http.post("/credits/grant", **grant)

    def find(self, email: str) -> dict[str, Any]:
        """The user with that e-mail; raises USER_NOT_FOUND."""
        return self._http.get("/users", email=email)

    def change(self, user_id: UUID, **change: Any) -> dict[str, Any]:
        """Flag, unflag or give a role; the user as it is then."""
        return self._http.patch(f"/users/{user_id}", **change)

    def revocations(self, since: str | None) -> tuple[list[Revocation], str]:
        """Revoked tokens, for common.auth.Revocations."""
        answer = self._http.get("/revocations", since=since)
        revoked = [
            Revocation(
                one["sid"], one["user_id"], float(one["issued_until"]), float(one["expires_at"])
            )
            for one in answer["revocations"]
        ]
        return revoked, str(answer["as_of"])

    def ping(self) -> None:
        """Raises AppError where the service is not healthy."""
        self._http.get_envelope("/health")
