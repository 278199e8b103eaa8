"""Rule 2 where it is about balances, and what the checks of records say of credits."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from ..clients.audit_client import STRETCH, AuditClient, Entry, UserSums
from .findings import Finding, Look, Verdict

Booked = tuple[str, UUID, Decimal]


def booked(entries: Iterable[Entry]) -> list[Booked]:
    """Kind, user and amount of each, ordered."""
    return sorted((entry.kind, entry.user_id, entry.amount) for entry in entries)


def net(entries: Iterable[Entry]) -> dict[UUID, Decimal]:
    """Who has more or less by them than before, and by how much."""
    sums: dict[UUID, Decimal] = defaultdict(Decimal)
    for entry in entries:
        sums[entry.user_id] += entry.amount
    return {user_id: total for user_id, total in sums.items() if total}


class UsersCheck:
    """Rule 2: every balance is the sum of its ledger. The user service reads both as one."""

    name = "users"

    def __init__(self, client: AuditClient) -> None:
        self._client = client

    def look(self, after: UUID | None) -> Look:
        users = self._client.users(after)
        findings = [finding for user in users for finding in _of_user(user)]
        last = users[-1].user_id if len(users) == STRETCH else None
        return Look(Counter(users=len(users)), Verdict(findings), last)


def _of_user(user: UserSums) -> Iterable[Finding]:
    ids = {"user_id": user.user_id}
    if user.credit_balance != user.ledger_sum:
        yield Finding(2, "A balance is not the sum of its ledger.", ids)
    if user.frozen_credits != user.open_freezes:
        yield Finding(2, "Frozen credits are not the sum of the freezes that are open.", ids)


class ReferencesCheck:
    """Rule 2: credits move for an order or a transfer that there is."""

    name = "references"

    def __init__(self, client: AuditClient) -> None:
        self._client = client

    def look(self, after: UUID | None) -> Look:
        references = self._client.references(after)
        moving = [one.reference_id for one in references if one.moves_credits]
        unknown = self._client.unknown(moving) if moving else []
        checked = Counter(entries=sum(one.entries for one in references))
        last = references[-1].reference_id if len(references) == STRETCH else None
        return Look(checked, Verdict(self._still_moving(unknown)), last)

    def _still_moving(self, unknown: list[UUID]) -> list[Finding]:
        """A record is there before credits move; a dispute's key goes once they are back."""
        entries = self._client.entries(unknown) if unknown else {}
        return [
            Finding(
                2,
                "Credits have moved under an ID that no order or transfer has.",
                {"reference_id": reference_id, "entry_id": of_it[0].entry_id},
            )
            for reference_id, of_it in entries.items()
            if net(of_it)
        ]
