"""The order service, as far as holds that ran out concern it."""

from uuid import UUID

from common.clients import HttpClient
from common.errors import AppError, ErrorCode

# no such order (its reservation was undone), or a saga is at work on it, or it is settled already:
# then the order is not ours to end
_NOT_OURS = (ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE)


class OrderClient:
    """Calls the order service's internal API."""

    def __init__(self, base_url: str, internal_token: str) -> None:
        self._http = HttpClient("order-service", base_url, internal_token)

    def fail_expired(self, order_id: UUID) -> None:
        """Set the order of a hold that ran out FAILED, unless it is settled or a saga's.

        Raises AppError on a passing fault; may be repeated.
        """
        try:
            self._http.patch(f"/orders/{order_id}", status="FAILED", reason="HOLD_EXPIRED")
        except AppError as error:
            if error.code not in _NOT_OURS:
                raise
