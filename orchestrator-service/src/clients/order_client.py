"""The order service: orders, and the journal of the sagas at work on them."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from pydantic import BaseModel

from common.clients import HttpClient
from common.errors import ErrorCode


class Order(BaseModel):
    """An order as the order service keeps it."""

    order_id: UUID
    user_id: UUID
    seat_id: UUID
    event_id: UUID
    status: str
    failure_reason: str | None
    credits_charged: Decimal
    held_until: datetime
    otp_verified_at: datetime | None
    saga: str | None
    saga_step: str | None
    saga_undoing: bool
    saga_version: int
    created_at: datetime
    confirmed_at: datetime | None


class OrderClient:
    """Internal calls to the order service."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def create(self, **order: Any) -> Order:
        """Book a PENDING order, once; a repeat is answered with what became of it."""
        return Order(**self._http.post("/orders", **order))

    def get(self, order_id: UUID) -> Order:
        """Raises ORDER_NOT_FOUND."""
        return Order(**self._http.get(f"/orders/{order_id}"))

    def page(self, **wanted: Any) -> dict[str, Any]:
        """The answer with one page of the orders that match, newest first."""
        return self._http.get_envelope("/orders", **wanted)

    def fail(self, order_id: UUID, reason: ErrorCode) -> None:
        """End an order that no saga is at work on."""
        self._http.patch(f"/orders/{order_id}", status="FAILED", reason=reason)

    def finish(self, order: Order, status: str, reason: ErrorCode | None = None) -> Order:
        """The saga's own last write: the order's new status, and the saga is over."""
        change = {"status": status, "saga_version": order.saga_version}
        if reason is not None:
            change["reason"] = reason
        return Order(**self._http.patch(f"/orders/{order.order_id}", **change))

    def begin_saga(
        self, order_id: UUID, saga: str, step: str, user_id: UUID, otp_required: bool
    ) -> Order:
        """Claim the order for a saga, its first step begun; refusals say why."""
        claim = {"saga": saga, "step": step, "user_id": user_id, "otp_required": otp_required}
        return Order(**self._http.post(f"/orders/{order_id}/saga", driver=uuid4(), **claim))

    def record_step(self, order: Order, step: str) -> None:
        """Commit that a step begins."""
        self._http.patch(
            f"/orders/{order.order_id}/saga", saga_version=order.saga_version, step=step
        )

    def record_undoing(self, order: Order) -> None:
        """Commit that undoing begins."""
        self._http.patch(
            f"/orders/{order.order_id}/saga", saga_version=order.saga_version, undoing=True
        )

    def end_saga(self, order: Order) -> None:
        """Give the claim back, nothing having happened."""
        self._http.post(f"/orders/{order.order_id}/saga/end", saga_version=order.saga_version)

    def take_over(self, order: Order) -> Order:
        """Claim a saga that its driver has left; refused where somebody else was quicker."""
        claim = {"driver": uuid4(), "saga_version": order.saga_version}
        return Order(**self._http.post(f"/orders/{order.order_id}/saga/take-over", **claim))

    def untouched(self, seconds: float) -> list[Order]:
        """Orders with a saga at work that nobody has touched for so long."""
        found = self._http.get("/orders/sagas", untouched_seconds=seconds)
        return [Order(**one) for one in found]

    def ping(self) -> None:
        """Raises AppError where the service is not healthy."""
        self._http.get_envelope("/health")
