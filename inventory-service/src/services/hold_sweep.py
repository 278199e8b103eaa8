"""Ends the holds that no message ended, whatever else is down."""

import logging
from collections import deque
from uuid import UUID

from prometheus_client import Counter

from common.errors import AppError
from common.periodic import run_every

from ..clients.order_client import OrderClient
from .hold_expiry import HoldExpiry

log = logging.getLogger(__name__)

_SWEPT = Counter("holds_swept", "Holds that ran out and were ended by the sweep, not by a message")


class HoldSweep:
    """Any number may run at once: what one has locked the others leave alone.

    Seats are freed in one thread and their orders failed in another, so that a slow order service
    holds up no seat.
    """

    EVERY_SECONDS = 2.0
    GRACE_SECONDS = 3.0  # the message of the hold usually comes first
    MOST_ORDERS_WAITING = 10_000

    def __init__(self, expiry: HoldExpiry, orders: OrderClient) -> None:
        self._expiry = expiry
        self._orders = orders
        self._ended: deque[UUID] = deque(maxlen=self.MOST_ORDERS_WAITING)

    def start(self) -> None:
        """Sweep from now on, in daemon threads of this process."""
        run_every(self.EVERY_SECONDS, self.free_seats, "hold sweep")
        run_every(self.EVERY_SECONDS, self.fail_orders, "orders of swept holds")

    def free_seats(self) -> None:
        """End every hold that ran out GRACE_SECONDS ago."""
        while ended := self._expiry.end_batch(self.GRACE_SECONDS):
            self._ended.extend(ended)
            _SWEPT.inc(len(ended))
            log.info("expired holds released", extra={"holds": len(ended)})

    def fail_orders(self) -> None:
        """Fail the orders of those holds; raises AppError where the order service is away.

        Then they are dropped: the order service ends such orders by itself.
        """
        while self._ended:
            try:
                self._orders.fail_expired(self._ended.popleft())
            except AppError:
                self._ended.clear()
                raise
