"""The codes by which both parties confirm a transfer (contract.md, "Decided: codes")."""

from functools import partial
from uuid import UUID

from common.errors import AppError, ErrorCode

from ..clients.transfer_client import Party, Transfer, TransferClient
from ..clients.user_client import CodeOf, UserClient, tries_are_over
from .parallel import all_of

# Which refusal is told where both parties' codes are refused.
_GRAVEST_FIRST = (ErrorCode.OTP_MAX_RETRIES, ErrorCode.OTP_INVALID, ErrorCode.OTP_EXPIRED)


class TransferCodes:
    """Sends and checks them; three wrong ones of a party, and the transfer is over."""

    def __init__(self, users: UserClient, transfers: TransferClient) -> None:
        self._users = users
        self._transfers = transfers

    def send_both(self, transfer: Transfer) -> Transfer:
        """Send each party its code: the transfer is PENDING_OTP then, or FAILED."""
        by = transfer.user_of(transfer.initiated_by)
        calls = [partial(self._users.send_code, _code(transfer, party), by) for party in Party]
        sids = dict(zip(Party, all_of(*calls)))
        for party, refusal in sids.items():
            if isinstance(refusal, AppError):
                self._fail(transfer, "CODE_NOT_SENT")
                raise _of_party(refusal, party)
        try:
            return self._transfers.codes_sent(transfer.transfer_id, sids)
        except AppError as error:
            if error.code is not ErrorCode.TRANSFER_INVALID_STATE:
                raise
            raise AppError(
                ErrorCode.TRANSFER_IN_PROGRESS, "Another transfer of this seat took its place."
            ) from error

    def resend(self, user_id: UUID, transfer_id: UUID) -> None:
        """Send the caller another code. Raises TRANSFER_NOT_FOUND, TRANSFER_INVALID_STATE."""
        transfer, party = self._own(user_id, transfer_id)
        self._refuse_unless_pending(transfer)
        if transfer.is_verified(party):
            raise _invalid_state(transfer, "You have given your code already.")
        try:
            sid = self._users.send_code(_code(transfer, party), user_id, resend=True)
        except AppError as error:
            self._end_if_over(error, transfer)
            raise
        self._transfers.code_resent(transfer_id, party, sid)

    def verify(self, user_id: UUID, transfer_id: UUID, given: str) -> None:
        """Return where the caller's code is right, or was given before.

        Raises TRANSFER_NOT_FOUND (also for a third person), OTP_INVALID, OTP_EXPIRED,
        OTP_MAX_RETRIES, TRANSFER_INVALID_STATE.
        """
        transfer, party = self._own(user_id, transfer_id)
        if transfer.is_verified(party) and transfer.status != "FAILED":
            return
        self._refuse_unless_pending(transfer)
        self.check(transfer, {party: given}, user_id)

    def check(self, transfer: Transfer, given: dict[Party, str], given_by: UUID) -> None:
        """Check the codes that were given; those of parties who are verified are ignored.

        Each party's is judged by itself and the right ones count, also where another is refused.
        """
        parties = [party for party in given if not transfer.is_verified(party)]
        if not parties:
            return
        calls = [
            partial(self._users.verify_code, _code(transfer, party), given[party], given_by)
            for party in parties
        ]
        outcomes = dict(zip(parties, all_of(*calls)))
        refusals = {p: one for p, one in outcomes.items() if isinstance(one, AppError)}
        for refusal in refusals.values():
            self._end_if_over(refusal, transfer)
        right = [party for party in parties if party not in refusals]
        if right and not any(map(tries_are_over, refusals.values())):
            self._transfers.codes_verified(transfer.transfer_id, right)
        if refusals:
            party = min(refusals, key=lambda one: _gravity(refusals[one]))
            raise _of_party(refusals[party], party)

    def _end_if_over(self, error: AppError, transfer: Transfer) -> None:
        if tries_are_over(error):
            self._fail(transfer, ErrorCode.OTP_MAX_RETRIES)

    def _fail(self, transfer: Transfer, reason: str) -> None:
        """End the transfer, unless it has ended otherwise meanwhile."""
        try:
            self._transfers.fail(transfer.transfer_id, reason)
        except AppError as error:
            if error.code is not ErrorCode.TRANSFER_INVALID_STATE:
                raise

    def _own(self, user_id: UUID, transfer_id: UUID) -> tuple[Transfer, Party]:
        transfer = self._transfers.get(transfer_id)
        party = transfer.party_of(user_id)
        if party is None:
            raise AppError(ErrorCode.TRANSFER_NOT_FOUND, "There is no such transfer.")
        return transfer, party

    @staticmethod
    def _refuse_unless_pending(transfer: Transfer) -> None:
        if transfer.failure_reason == ErrorCode.OTP_MAX_RETRIES:
            raise AppError(
                ErrorCode.OTP_MAX_RETRIES, "Three codes were wrong: begin the transfer again."
            )
        if transfer.status != "PENDING_OTP":
            raise _invalid_state(
                transfer, f"This transfer is {transfer.status}: a code changes nothing any more."
            )


def _code(transfer: Transfer, party: Party) -> CodeOf:
    return CodeOf(transfer.user_of(party), "transfer", transfer.transfer_id)


def _gravity(error: AppError) -> int:
    return _GRAVEST_FIRST.index(error.code) if error.code in _GRAVEST_FIRST else -1


def _of_party(error: AppError, party: Party) -> AppError:
    details = {**error.details, "party": party.lower()}
    return AppError(error.code, f"The {party.lower()}'s code: {error.message}", **details)


def _invalid_state(transfer: Transfer, message: str) -> AppError:
    return AppError(
        ErrorCode.TRANSFER_INVALID_STATE,
        message,
        transfer_id=str(transfer.transfer_id),
        status=transfer.status,
    )
