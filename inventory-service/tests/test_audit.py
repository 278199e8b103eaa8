"""What the audit is told of seats, their holds, who went in, and which moves stand."""

from uuid import UUID, uuid4

import pytest
from inventory_api import inventory_pb2 as pb

from common.errors import ErrorCode
from common.rpc import RpcClient

from calls import Inventory, Move
from conftest import Store, refused

Held = tuple[UUID, UUID, UUID]


def stretch(inventory: Inventory, limit: int, after: str = "") -> pb.AuditSeatsResponse:
    return inventory.client.call("AuditSeats", pb.AuditSeatsRequest(after=after, limit=limit))


def named(inventory: Inventory, *seats: UUID) -> list[pb.AuditedSeat]:
    request = pb.AuditSeatsRequest(seat_ids=[str(seat) for seat in seats])
    return list(inventory.client.call("AuditSeats", request).seats)


def moves(inventory: Inventory, *transfers: UUID) -> list[pb.AuditedMove]:
    request = pb.AuditMovesRequest(transfer_ids=[str(one) for one in transfers])
    return list(inventory.client.call("AuditMoves", request).moves)


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_every_seat_is_looked_at_once_and_those_that_matter_are_told(
    own_inventory: Inventory, own_store: Store, limit: int
) -> None:
    seats = own_store.seats(5)
    owner, _ = own_inventory.sell(seats[0])
    own_inventory.sell(seats[3])
    own_inventory.check_in(seats[0], owner)
    own_inventory.reserve(seats[1], uuid4(), uuid4())
    told, looked_at, after = [], 0, ""
    while True:
        found = stretch(own_inventory, limit, after)
        told += [one.seat_id for one in found.seats]
        looked_at, after = looked_at + found.looked_at, found.last_seat_id
        if not after:
            break
    assert looked_at == 5
    assert told == [str(seat) for seat in sorted((seats[0], seats[3]))]


def test_a_sold_seat_is_told_with_its_owner_its_sale_and_who_went_in(
    inventory: Inventory, sold: Held
) -> None:
    seat, owner, hold = sold
    fields = {"seat_id": str(seat), "owner_user_id": str(owner), "hold_id": str(hold)}
    assert named(inventory, seat) == [pb.AuditedSeat(status=pb.SOLD, **fields)]
    inventory.check_in(seat, owner)
    inventory.refuse("DUPLICATE", seat)
    entered = pb.AuditedSeat(status=pb.CHECKED_IN, success_entries=1, **fields)
    assert named(inventory, seat) == [entered]


def test_a_named_seat_is_told_whatever_it_is_and_what_is_no_seat_is_left_out(
    inventory: Inventory, store: Store
) -> None:
    seat = store.seat()
    assert named(inventory, seat, uuid4()) == [
        pb.AuditedSeat(seat_id=str(seat), status=pb.AVAILABLE)
    ]


@pytest.mark.parametrize(("ago", "overdue"), [(9, False), (11, True)])
def test_a_hold_is_overdue_ten_seconds_after_its_end(
    own_inventory: Inventory, own_store: Store, ago: float, overdue: bool
) -> None:
    seat, hold = own_store.seat(), uuid4()
    own_inventory.reserve(seat, uuid4(), hold)
    own_store.lapse(hold, seconds=ago)
    [told] = named(own_inventory, seat)
    assert (told.status, told.hold_id, told.hold_overdue) == (pb.HELD, str(hold), overdue)
    assert len(stretch(own_inventory, 10).seats) == overdue


def test_a_hold_that_was_taken_from_its_seat_while_it_lived_is_told(
    own_inventory: Inventory, own_store: Store
) -> None:
    seat, hold = own_store.seat(), uuid4()
    own_inventory.reserve(seat, uuid4(), hold)
    assert named(own_inventory, seat)[0].lost_hold_id == ""
    own_store.sql(
        "UPDATE seats SET status = 'AVAILABLE', hold_id = NULL, held_by_user_id = NULL,"
        " held_until = NULL WHERE seat_id = :seat",
        seat=seat,
    )
    [told] = stretch(own_inventory, 10).seats
    assert (told.seat_id, told.lost_hold_id) == (str(seat), str(hold))
    own_store.sql("UPDATE holds SET held_until = now() WHERE hold_id = :hold", hold=hold)
    assert named(own_inventory, seat)[0].lost_hold_id == ""


def test_the_moves_that_stand_are_told_and_those_undone_are_not(
    inventory: Inventory, sold: Held
) -> None:
    seat, owner, hold = sold
    forward, undone = Move(seat, owner, hold), Move(seat, owner, hold)
    back = forward.back()
    inventory.undo(undone)
    inventory.move(forward)
    inventory.move(back)
    told = moves(inventory, forward.transfer, undone.transfer, uuid4())
    assert [one.seat_id for one in told] == [str(seat)] * 2
    assert {(one.direction, one.from_user_id, one.to_user_id, one.hold_id) for one in told} == {
        (pb.FORWARD, str(owner), str(forward.to_user), str(hold)),
        (pb.BACK, str(forward.to_user), str(owner), str(hold)),
    }


@pytest.mark.parametrize("limit", [-1, 0, 1001])
def test_more_than_a_stretch_is_refused(inventory: Inventory, limit: int) -> None:
    refused(ErrorCode.VALIDATION_ERROR, stretch, inventory, limit)


def test_more_than_a_thousand_ids_are_refused(inventory: Inventory) -> None:
    many = [uuid4() for _ in range(1001)]
    refused(ErrorCode.VALIDATION_ERROR, named, inventory, *many)
    refused(ErrorCode.VALIDATION_ERROR, moves, inventory, *many)


def test_a_malformed_id_is_refused(inventory: Inventory, client: RpcClient) -> None:
    refused(ErrorCode.INVALID_UUID, stretch, inventory, 1, "nonsense")
    request = pb.AuditMovesRequest(transfer_ids=["nonsense"])
    refused(ErrorCode.INVALID_UUID, client.call, "AuditMoves", request)
