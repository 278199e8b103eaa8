"""Rules 2 and 5 of records that are a saga's journal: orders and transfers."""

from collections import Counter
from collections.abc import Callable
from typing import Generic
from uuid import UUID

from ..clients.audit_client import STRETCH, AuditClient
from ..clients.order_client import Order
from ..clients.saga_records import R
from ..clients.transfer_client import Transfer
from .findings import Finding, Look, Verdict
from .orders import judge_orders
from .transfers import judge_transfers


class RecordsCheck(Generic[R]):
    """`read` gives the records `after` one or of `ids`; `judge` what is wrong with some of them."""

    def __init__(
        self,
        name: str,
        read: Callable[..., list[R]],
        judge: Callable[[list[R]], dict[UUID, list[Finding]]],
    ) -> None:
        self.name = name
        self._read = read
        self._judge = judge

    def look(self, after: UUID | None) -> Look:
        records = self._read(after=after)
        verdict = self._settled(records)
        last = records[-1].record_id if len(records) == STRETCH else None
        return Look(Counter({self.name: len(records)}), verdict, last)

    def look_again(self, ids: list[UUID]) -> Verdict:
        return self._settled(self._read(ids=ids))

    def _settled(self, records: list[R]) -> Verdict:
        """Judge them, and believe it where the record is the same before and after."""
        wrong = self._judge(records) if records else {}
        if not wrong:
            return Verdict()
        now = {record.record_id: record for record in self._read(ids=list(wrong))}
        verdict = Verdict()
        for record in records:
            findings = wrong.get(record.record_id, [])
            if findings and (record.saga is not None or now.get(record.record_id) != record):
                verdict.unsettled.append(record.record_id)
            else:
                verdict.findings += findings
        return verdict


def orders_check(client: AuditClient) -> RecordsCheck[Order]:
    """Rule 2: what an order's status says of its credits."""
    return RecordsCheck("orders", client.orders, lambda orders: judge_orders(client, orders))


def transfers_check(client: AuditClient) -> RecordsCheck[Transfer]:
    """Rule 5: what a transfer's status says of its seat and credits."""
    return RecordsCheck(
        "transfers", client.transfers, lambda transfers: judge_transfers(client, transfers)
    )
