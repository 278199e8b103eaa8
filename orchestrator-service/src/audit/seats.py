"""Rules 1 and 3: two sorted streams, seats and sales, are merged. Rules 4 and 6 of the same seats.

What rules 4 and 6 are about, the inventory reads as of one instant: that needs no second look.
"""

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from ..clients.audit_client import STRETCH, AuditClient, AuditedSeat, SeatSale, SoldOrder
from .findings import Finding, Look, Verdict


class SeatsCheck:
    """Rules 1, 3, 4 and 6; another look is at the sale alone (1 and 3)."""

    name = "seats"

    def __init__(self, client: AuditClient) -> None:
        self._client = client

    def look(self, after: UUID | None) -> Look:
        stretch = self._client.seats(after)
        sales = self._client.sales(after, stretch.last)
        last = stretch.last
        if len(sales) == STRETCH and sales[-1].seat_id != last:
            last = sales[-1].seat_id  # what follows is not known of both
        seats = {one.seat_id: one for one in stretch.seats if last is None or one.seat_id <= last}
        sold = {sale.seat_id: sale.confirmed for sale in sales}
        suspects = [
            seat_id
            for seat_id in seats.keys() | sold.keys()
            if any(_of_sale(seat_id, seats.get(seat_id), sold.get(seat_id, [])))
        ]
        verdict = self.look_again(suspects)
        verdict.findings += [finding for seat in seats.values() for finding in _of_row(seat)]
        checked = Counter(seats=stretch.looked_at if last == stretch.last else len(seats))
        return Look(checked, verdict, last)

    def look_again(self, ids: list[UUID]) -> Verdict:
        if not ids:
            return Verdict()
        before = self._client.sales_of(ids)
        seats = self._client.seats_named(ids)
        now = self._client.sales_of(ids)
        verdict = Verdict()
        for seat_id in sorted(ids):
            sale = before[seat_id]
            findings = list(_of_sale(seat_id, seats.get(seat_id), sale.confirmed))
            if findings and not _stood_still(sale, now[seat_id]):
                verdict.unsettled.append(seat_id)
            else:
                verdict.findings += findings
        return verdict


def _stood_still(before: SeatSale, now: SeatSale) -> bool:
    return before == now and not now.at_work


def _of_row(seat: AuditedSeat) -> Iterator[Finding]:
    """Rules 4 and 6."""
    ids = {"seat_id": seat.seat_id}
    if seat.hold_overdue:
        what = "A hold has outlived its end by more than 10 seconds."
        yield Finding(4, what, {**ids, "hold_id": seat.hold_id})
    if seat.lost_hold_id:
        what = "A live hold was taken from its seat."
        yield Finding(4, what, {**ids, "hold_id": seat.lost_hold_id})
    if seat.success_entries > 1:
        yield Finding(6, f"A seat has {seat.success_entries} SUCCESS entries.", ids)
    elif (seat.status == "CHECKED_IN") != (seat.success_entries == 1):
        missing = "no" if seat.success_entries == 0 else "a"
        yield Finding(6, f"A seat that is {seat.status} has {missing} SUCCESS entry.", ids)


def _of_sale(
    seat_id: UUID, seat: AuditedSeat | None, confirmed: list[SoldOrder]
) -> Iterator[Finding]:
    """Rules 1 and 3."""
    ids = {"seat_id": seat_id}
    if len(confirmed) > 1:
        orders = {"order_id": confirmed[0].order_id, "other_order_id": confirmed[1].order_id}
        yield Finding(1, "A seat has more than one CONFIRMED order.", ids | orders)
    if seat is None or seat.status not in ("SOLD", "CHECKED_IN"):
        for order in confirmed[:1]:
            what = "The seat of a CONFIRMED order is not sold."
            yield Finding(3, what, ids | {"order_id": order.order_id})
        return
    sale = next((order for order in confirmed if order.order_id == seat.hold_id), None)
    if sale is None:
        what = "A seat is sold by an order that is not CONFIRMED."
        yield Finding(3, what, ids | {"order_id": seat.hold_id})
    elif sale.owner_user_id != seat.owner_user_id:
        owners = {"owner_user_id": seat.owner_user_id, "rightful_user_id": sale.owner_user_id}
        what = "A seat's owner is not the end of its chain of completed transfers."
        yield Finding(3, what, {**ids, "order_id": sale.order_id, **owners})
