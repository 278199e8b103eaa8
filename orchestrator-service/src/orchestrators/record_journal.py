"""The order as the journal of the saga at work on it, and the journal of a saga that needs none."""

from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import AppError, ErrorCode

from ..clients.order_client import Order, OrderClient
from .saga import Overtaken


class OrderJournal:
    """Writes under the version that the order was claimed with (saga.Journal)."""

    def __init__(self, orders: OrderClient, order: Order) -> None:
        self._orders = orders
        self._order = order

    def begin(self, step: str) -> None:
        with _overtaken_is_no_failure():
            self._orders.record_step(self._order, step)

    def undoing(self) -> None:
        with _overtaken_is_no_failure():
            self._orders.record_undoing(self._order)

    def abandon(self) -> None:
        with _overtaken_is_no_failure():
            self._orders.end_saga(self._order)

    def failed(self, reason: ErrorCode) -> None:
        with _overtaken_is_no_failure():
            self._orders.finish(self._order, "FAILED", reason)


class NoJournal:
    """For a saga that leaves nothing behind which does not end by itself (saga.Journal)."""

    def begin(self, step: str) -> None:
        """A hold ends at its `held_until`, and its order with it."""

    def undoing(self) -> None:
        """See begin."""

    def abandon(self) -> None:
        """See begin."""

    def failed(self, reason: ErrorCode) -> None:
        """See begin."""


@contextmanager
def _overtaken_is_no_failure() -> Iterator[None]:
    try:
        yield
    except AppError as error:
        if error.code is ErrorCode.ORDER_INVALID_STATE:
            raise Overtaken from error
        raise
