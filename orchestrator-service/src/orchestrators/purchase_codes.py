"""The codes by which flagged buyers confirm their purchases (contract.md, "Decided: codes")."""

from uuid import UUID

from common.errors import AppError, ErrorCode

from ..clients.inventory_client import InventoryClient
from ..clients.order_client import Order, OrderClient
from ..clients.user_client import CodeOf, UserClient, tries_are_over

_CONTEXT = "purchase"


class PurchaseCodes:
    """Sends and checks them; three wrong ones, and the order is over."""

    def __init__(self, users: UserClient, orders: OrderClient, inventory: InventoryClient) -> None:
        self._users = users
        self._orders = orders
        self._inventory = inventory

    def send(self, user_id: UUID, order_id: UUID, resend: bool = False) -> None:
        """Send a code for a PENDING order, unless one lives that `resend` does not replace."""
        code = CodeOf(user_id, _CONTEXT, order_id)
        try:
            sid = self._users.send_code(code, user_id, resend)
        except AppError as error:
            self._end_if_over(error, order_id)
            raise
        self._orders.code_sent(order_id, sid)

    def resend(self, user_id: UUID, order_id: UUID) -> None:
        """Send another code. Raises ORDER_NOT_FOUND, ORDER_INVALID_STATE where none is needed."""
        order = self._own(user_id, order_id)
        self._refuse_unless_pending(order)
        if order.otp_verified_at is not None or not self._users.is_flagged(user_id):
            raise AppError(
                ErrorCode.ORDER_INVALID_STATE,
                "This order needs no code: pay for it.",
                order_id=str(order_id),
            )
        self.send(user_id, order_id, resend=True)

    def verify(self, user_id: UUID, order_id: UUID, given: str) -> None:
        """Return where the code is right, or the order was confirmed by one before.

        Raises ORDER_NOT_FOUND, OTP_INVALID, OTP_EXPIRED, OTP_MAX_RETRIES, ORDER_INVALID_STATE.
        """
        order = self._own(user_id, order_id)
        if order.otp_verified_at is not None and order.status != "FAILED":
            return
        self._refuse_unless_pending(order)
        try:
            self._users.verify_code(CodeOf(user_id, _CONTEXT, order_id), given, user_id)
        except AppError as error:
            self._end_if_over(error, order_id)
            raise
        self._orders.code_verified(order_id)

    def _end_if_over(self, error: AppError, order_id: UUID) -> None:
        """After the last try: the order fails and its seat is free. A repeat changes nothing."""
        if tries_are_over(error):
            self._inventory.release_seat(self._orders.get(order_id).seat_id, order_id)
            self._orders.fail(order_id, ErrorCode.OTP_MAX_RETRIES)

    def _own(self, user_id: UUID, order_id: UUID) -> Order:
        order = self._orders.get(order_id)
        if order.user_id != user_id:
            raise AppError(ErrorCode.ORDER_NOT_FOUND, "There is no such order.")
        return order

    @staticmethod
    def _refuse_unless_pending(order: Order) -> None:
        if order.failure_reason == ErrorCode.OTP_MAX_RETRIES:
            raise AppError(
                ErrorCode.OTP_MAX_RETRIES, "Three codes were wrong: reserve the seat again."
            )
        if order.status != "PENDING":
            raise AppError(
                ErrorCode.ORDER_INVALID_STATE,
                f"This order is {order.status}: a code changes nothing any more.",
                order_id=str(order.order_id),
                status=order.status,
            )
