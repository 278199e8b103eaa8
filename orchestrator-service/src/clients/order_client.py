"""Orders, and the journal of the sagas at work on them."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.clients import HttpClient
from common.errors import ErrorCode

from .saga_records import SagaRecord, SagaRecords


class Order(SagaRecord):
    """An order as the order service keeps it."""

    order_id: UUID
    user_id: UUID
    seat_id: UUID
    event_id: UUID
    credits_charged: Decimal
    held_until: datetime
    otp_verified_at: datetime | None
    refund_to_user_id: UUID | None
    created_at: datetime
    confirmed_at: datetime | None

    @property
    def record_id(self) -> UUID:
        return self.order_id


class OrderClient(SagaRecords[Order]):
    """Internal calls about orders."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(http, "/orders", Order, overtaken=ErrorCode.ORDER_INVALID_STATE)

    def create(self, **order: Any) -> Order:
        """Book a PENDING order, once; a repeat is answered with what became of it."""
        return Order(**self._http.post("/orders", **order))

    def code_sent(self, order_id: UUID, verification_sid: str) -> None:
        """Keep what the provider calls the code that was sent for this order."""
        self._http.put(f"/orders/{order_id}/code", verification_sid=verification_sid)

    def code_verified(self, order_id: UUID) -> None:
        """The buyer has confirmed a PENDING order by its code."""
        self._http.post(f"/orders/{order_id}/code/verified")

    def ping(self) -> None:
        """Raises AppError where the service is not healthy."""
        self._http.get_envelope("/health")
