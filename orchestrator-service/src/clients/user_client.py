"""The user service: balances, the ledger, who is flagged, codes and payments."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.auth import Revocation
from common.clients import HttpClient
from common.errors import AppError, ErrorCode
from common.fields import PageQuery


@dataclass(frozen=True)
class CreditTransfer:
    """Credits on their way from one user to another; `freeze_id` names a freeze to take first."""

    from_user_id: UUID
    to_user_id: UUID
    amount: Decimal
    reference_id: UUID
    freeze_id: UUID | None = None


@dataclass(frozen=True)
class CodeOf:
    """Whose code, and what it proves: `context` is "purchase" or "transfer"."""

    user_id: UUID
    context: str
    reference_id: UUID


def tries_are_over(error: AppError) -> bool:
    """Whether this was the last wrong code: what it was to prove comes to nothing."""
    return error.code is ErrorCode.OTP_MAX_RETRIES and bool(error.details.get("over"))


class UserClient:
    """Internal calls to the user service; money calls are idempotent by their reference.

    `patient` is for what the service asks SMU or Stripe, which may take them seconds.
    """

    def __init__(self, http: HttpClient, patient: HttpClient) -> None:
        self._http = http
        self._patient = patient

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

    def refund_to(
        self, to_user_id: UUID, charged_user_id: UUID, amount: Decimal, reference_id: UUID
    ) -> None:
        """Give the charge of that reference back, once, to whoever is to have it."""
        self._http.post(
            "/credits/refund",
            user_id=charged_user_id,
            to_user_id=to_user_id,
            amount=amount,
            reference_id=reference_id,
        )

    def hold_back(self, credits: CreditTransfer) -> None:
        """Take credits from the payer; the payee has them once the transfer is completed.

        Raises INSUFFICIENT_CREDITS.
        """
        self._http.post("/credits/transfer", hold_back=True, **asdict(credits))

    def complete_transfer(self, credits: CreditTransfer) -> None:
        """Give what was held back to the payee."""
        self._http.post("/credits/transfer/complete", **asdict(credits))

    def undo_transfer(self, credits: CreditTransfer) -> None:
        """Give what was held back to the payer again, or see to it that it is never taken."""
        self._http.post("/credits/transfer/undo", **asdict(credits))

    def freeze(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> None:
        """Freeze what the user has, up to the amount."""
        self._http.post(
            "/credits/freeze", user_id=user_id, amount=amount, reference_id=reference_id
        )

    def unfreeze(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> None:
        """Undo the freeze of that reference, or see to it that it never takes effect."""
        self._http.post(
            "/credits/unfreeze", user_id=user_id, amount=amount, reference_id=reference_id
        )

    def send_code(self, code: CodeOf, caused_by: UUID, resend: bool = False) -> str:
        """The provider's name of the code that lives, sent now where there was none.

        `caused_by` is who makes us send it, which need not be who is sent it.

        Raises VALIDATION_ERROR (no phone), RATE_LIMITED, OTP_MAX_RETRIES, SERVICE_UNAVAILABLE.
        """
        answer = self._patient.post("/otp/send", resend=resend, caused_by=caused_by, **asdict(code))
        return answer["verification_sid"]

    def verify_code(self, code: CodeOf, given: str, given_by: UUID) -> None:
        """Return where the code is right; raises OTP_INVALID, OTP_EXPIRED, OTP_MAX_RETRIES.

        Wrong codes of a day count for who gave them.
        """
        self._patient.post("/otp/verify", otp_code=given, given_by=given_by, **asdict(code))

    def topup(self, user_id: UUID, amount: Decimal, key: str | None) -> dict[str, Any]:
        """A payment for the user's browser to complete; the same key gives the same one."""
        return self._patient.post(
            "/credits/topup", user_id=user_id, amount=amount, idempotency_key=key
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
