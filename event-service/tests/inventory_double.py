"""A small inventory behind a real gRPC socket: seats in memory, calls counted, delays on demand."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from common import correlation
from common.rpc import MAX_MESSAGE_BYTES, ServerInterceptor


class InventoryDouble(inventory_pb2_grpc.InventoryServicer):
    """What the event service needs of inventory.proto; a context manager that serves it."""

    def __init__(self, internal_token: str) -> None:
        self.seats: dict[str, list[pb.Seat]] = {}
        self.calls: Counter[tuple[str, ...]] = Counter()
        self.correlation_ids: list[str] = []
        self.delay_seconds = 0.0
        self.health = health.HealthServicer()
        self._lock = threading.Lock()
        self._server = grpc.server(
            ThreadPoolExecutor(8),
            interceptors=(ServerInterceptor(internal_token),),
            options=(("grpc.max_send_message_length", MAX_MESSAGE_BYTES),),
        )
        inventory_pb2_grpc.add_InventoryServicer_to_server(self, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> "InventoryDouble":
        self._server.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.stop(None).wait()

    def give_seats(self, event_id: UUID, rows: str = "AB", per_row: int = 2) -> list[pb.Seat]:
        """Free seats for the event, CAT1 in the first row, CAT2 behind it."""
        self.seats[str(event_id)] = [
            pb.Seat(
                seat_id=str(uuid4()),
                category="CAT1" if row == rows[0] else "CAT2",
                row_number=row,
                seat_number=number,
                status=pb.AVAILABLE,
            )
            for row in rows
            for number in range(1, per_row + 1)
        ]
        return self.seats[str(event_id)]

    def be_healthy(self, serving: bool) -> None:
        """What grpc.health.v1 answers from now on."""
        states = health_pb2.HealthCheckResponse
        self.health.set("", states.SERVING if serving else states.NOT_SERVING)

    def ListSeats(self, request: pb.ListSeatsRequest, context: Any) -> pb.SeatList:
        self._book("ListSeats", request.event_id)
        return pb.SeatList(seats=self.seats.get(request.event_id, ()))

    def CountAvailableSeats(
        self, request: pb.CountAvailableSeatsRequest, context: Any
    ) -> pb.CountAvailableSeatsResponse:
        self._book("CountAvailableSeats", *request.event_ids)
        return pb.CountAvailableSeatsResponse(
            available={
                event_id: sum(s.status == pb.AVAILABLE for s in self.seats.get(event_id, ()))
                for event_id in request.event_ids
            }
        )

    def _book(self, *call: str) -> None:
        with self._lock:
            self.calls[call] += 1
            self.correlation_ids.append(correlation.current())
        time.sleep(self.delay_seconds)
