from uuid import uuid4

from inventory_api import inventory_pb2 as pb

from conftest import locked


def seats_of(client, event):
    return client.call("ListSeats", pb.ListSeatsRequest(event_id=str(event))).seats


def available(client, *events):
    request = pb.CountAvailableSeatsRequest(event_ids=[str(event) for event in events])
    return dict(client.call("CountAvailableSeats", request).available)


def test_the_seats_come_in_the_order_of_the_hall(client, store):
    event = uuid4()
    for row in ("AA", "B", "A", "Z"):
        store.sql(
            "INSERT INTO seats (event_id, category, row_number, seat_number)"
            " SELECT :event, 'CAT2', :row, n FROM unnest(array[10, 9, 1]) AS n",
            event=event,
            row=row,
        )
    seats = seats_of(client, event)
    assert [(seat.row_number, seat.seat_number) for seat in seats] == [
        (row, number) for row in ("A", "B", "Z", "AA") for number in (1, 9, 10)
    ]
    assert {seat.event_id for seat in seats} == {str(event)}
    assert {seat.category for seat in seats} == {"CAT2"}


def test_map_and_count_show_holds_sales_and_expired_holds_as_free(inventory, client, store):
    event, user = uuid4(), uuid4()
    free, held, lapsed, sold = store.seats(4, event)
    holds = {seat: uuid4() for seat in (held, lapsed, sold)}
    for seat, hold in holds.items():
        inventory.reserve(seat, user, hold)
    store.lapse(holds[lapsed])
    inventory.confirm(sold, user, holds[sold])
    shown = {seat.seat_id: pb.SeatStatus.Name(seat.status) for seat in seats_of(client, event)}
    assert shown == {
        str(free): "AVAILABLE",
        str(held): "HELD",
        str(lapsed): "AVAILABLE",
        str(sold): "SOLD",
    }
    assert available(client, event) == {str(event): 2}
    assert inventory.seat(lapsed).hold_id == ""


def test_events_are_counted_together_and_one_without_seats_has_none(client, store):
    one, other, none = uuid4(), uuid4(), uuid4()
    store.seats(3, one)
    store.seats(5, other)
    assert available(client, one, other, none) == {str(one): 3, str(other): 5, str(none): 0}
    assert available(client) == {}
    assert len(seats_of(client, none)) == 0


def test_reading_waits_for_no_lock(inventory, client, store, database):
    event = uuid4()
    [seat] = store.seats(1, event)
    with locked(database, seat):
        assert len(seats_of(client, event)) == 1
        assert available(client, event) == {str(event): 1}
        assert inventory.status(seat) == "AVAILABLE"
