"""The inventory service over gRPC: the seats of an event."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from common.rpc import HealthProbe, RpcClient

SERVICE = "inventory-service"
_STATUS_NAME = {number: name for name, number in pb.SeatStatus.items()}


class Seat(NamedTuple):
    """A seat as anybody may see it; `status` is AVAILABLE, HELD, SOLD or CHECKED_IN."""

    seat_id: str
    row_number: str
    seat_number: int
    status: str
    category: str


class InventoryClient:
    """What browsers of events ask the inventory; raises SERVICE_UNAVAILABLE where it is away."""

    def __init__(self, target: str, internal_token: str) -> None:
        self._rpc = RpcClient(SERVICE, target, inventory_pb2_grpc.InventoryStub, internal_token)
        self.ping = HealthProbe(SERVICE, target).ping

    def seats_of(self, event_id: UUID) -> list[Seat]:
        """Every seat of the event, ordered by row and number."""
        answer = self._rpc.call("ListSeats", pb.ListSeatsRequest(event_id=str(event_id)))
        return [
            Seat(
                seat.seat_id,
                seat.row_number,
                seat.seat_number,
                _STATUS_NAME[seat.status],
                seat.category,
            )
            for seat in answer.seats
        ]

    def count_available(self, event_ids: Iterable[UUID]) -> dict[UUID, int]:
        """How many seats of each event are free; one call, whatever the number of events."""
        request = pb.CountAvailableSeatsRequest(event_ids=map(str, event_ids))
        answer = self._rpc.call("CountAvailableSeats", request)
        return {UUID(event_id): count for event_id, count in answer.available.items()}
