"""The endpoints of credits as other services call them, in the words of the tests."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

Answer = tuple[int, Any]
User = dict[str, Any]
INVALID = (409, "TRANSFER_INVALID_STATE")
TOO_LITTLE = (402, "INSUFFICIENT_CREDITS")


class Credits:
    """Calls the endpoints below /credits; each answers with the status and data or error."""

    def __init__(self, call: Callable[..., Answer]) -> None:
        self._call = call

    def deduct(self, user: User, amount: float, reference: UUID) -> Answer:
        return self._of_one("deduct", user, amount, reference)

    def refund(self, user: User, amount: float, reference: UUID, to: User | None = None) -> Answer:
        given = {"to_user_id": to["user_id"]} if to else {}
        return self._of_one("refund", user, amount, reference, **given)

    def freeze(self, user: User, amount: float, reference: UUID) -> Answer:
        return self._of_one("freeze", user, amount, reference)

    def unfreeze(self, user: User, amount: float, reference: UUID) -> Answer:
        return self._of_one("unfreeze", user, amount, reference)

    def grant(self, user: User, amount: float, grant: UUID, reason: str = "for once") -> Answer:
        given = {"amount": amount, "reason": reason, "grant_id": str(grant)}
        return self._call("POST", "/credits/grant", user_id=user["user_id"], **given)

    def transfer(self, payer: User, payee: User, amount: float, reference: UUID) -> Answer:
        return self._of_two("", payer, payee, amount, reference)

    def hold_back(
        self,
        payer: User,
        payee: User,
        amount: float,
        reference: UUID,
        freeze: UUID | None = None,
    ) -> Answer:
        return self._of_two("", payer, payee, amount, reference, freeze, hold_back=True)

    def complete(
        self,
        payer: User,
        payee: User,
        amount: float,
        reference: UUID,
        freeze: UUID | None = None,
    ) -> Answer:
        return self._of_two("/complete", payer, payee, amount, reference, freeze)

    def undo(
        self,
        payer: User,
        payee: User,
        amount: float,
        reference: UUID,
        freeze: UUID | None = None,
    ) -> Answer:
        return self._of_two("/undo", payer, payee, amount, reference, freeze)

    def has(self, *users: User) -> list[tuple[float, float]]:
        """What each can spend, and what is frozen of him."""
        found = [self._call("GET", f"/users/{user['user_id']}")[1] for user in users]
        return [(user["credit_balance"], user["frozen_credits"]) for user in found]

    def balances(self, *users: User) -> list[float]:
        """What each can spend."""
        return [balance for balance, _ in self.has(*users)]

    def lines(self, user: User) -> list[tuple[str, float]]:
        """Kind and amount of a user's entries, newest first, without what he was granted."""
        entries = self._call("GET", f"/credits/ledger?user_id={user['user_id']}")[1]
        return [(one["kind"], one["amount"]) for one in entries if one["kind"] != "GRANT"]

    def _of_one(
        self, what: str, user: User, amount: float, reference: UUID, **given: Any
    ) -> Answer:
        body = {"user_id": user["user_id"], "amount": amount, "reference_id": str(reference)}
        return self._call("POST", f"/credits/{what}", **body, **given)

    def _of_two(
        self,
        step: str,
        payer: User,
        payee: User,
        amount: float,
        reference: UUID,
        freeze: UUID | None = None,
        **given: Any,
    ) -> Answer:
        body = {"from_user_id": payer["user_id"], "to_user_id": payee["user_id"]}
        body |= {"amount": amount, "reference_id": str(reference), **given}
        if freeze is not None:
            body["freeze_id"] = str(freeze)
        return self._call("POST", f"/credits/transfer{step}", **body)


def refusal(answer: Answer) -> tuple[int, str]:
    """The status and the code of an error."""
    return answer[0], answer[1]["error_code"]
