"""The seat map as JSON text, put together without an object per seat: a hall has thousands."""

from collections.abc import Sequence

from common import encoding

from ..clients.inventory_client import Seat
from ..values import EventOut


def event_with_seats_json(event: EventOut, seats: Sequence[Seat]) -> str:
    """`event` with `available_seats` and `seats`, see values.EventWithSeats."""
    free = sum(seat.status == "AVAILABLE" for seat in seats)
    head = encoding.dumps({**dict(event), "available_seats": free})
    return f'{head[:-1]},"seats":[{_seats_json(event, seats)}]}}'


def _seats_json(event: EventOut, seats: Sequence[Seat]) -> str:
    # few distinct values, so each is encoded once
    row_json = {row: encoding.dumps(row) for row in {seat.row_number for seat in seats}}
    category_json = {
        category: f'"category":{encoding.dumps(category)}'
        f',"price":{encoding.dumps(event.pricing_tiers.get(category))}'
        for category in {seat.category for seat in seats}
    }
    return ",".join(
        [
            f'{{"seat_id":"{seat_id}","row_number":{row_json[row]},"seat_number":{number}'
            f',"status":"{status}",{category_json[category]}}}'
            for seat_id, row, number, status, category in seats
        ]
    )
