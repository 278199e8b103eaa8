"""What a platform has been through: one order or transfer in each state there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deals import Deal
from gate import Gate
from outside import Smu
from platform_client import Api, Buyer, Records


@dataclass
class History:
    """The orders (as `reserve` answered them), the deals, and whose they are."""

    bystander: Buyer
    buyer: Buyer
    held: dict[str, Any]
    failed: dict[str, Any]
    confirmed: dict[str, Any]
    refunded: dict[str, Any]
    admitted: dict[str, Any]
    begun: Deal
    cancelled: Deal
    completed: Deal
    disputed: Deal
    dismissed: Deal
    reversed: Deal
    passed_on: Deal
    free_seats: Iterator[str]

    @classmethod
    def made(
        cls,
        api: Api,
        admin: Api,
        gate: Gate,
        smu: Smu,
        records: Records,
        seats: Iterator[str],
    ) -> "History":
        buyer, bystander = (Buyer.register(api, admin, 10_000) for _ in range(2))
        orders = {name: buyer.reserve(next(seats)) for name in ("held", "failed")}
        records.query("order", _FAIL, orders["failed"]["order_id"])
        for name in ("confirmed", "refunded", "admitted"):
            orders[name] = buyer.reserve(next(seats))
            paid = buyer.pay(orders[name]["order_id"])
        assert gate.result(paid["qr_payload"])["result"] == "SUCCESS"
        path = f"/api/orders/{orders['refunded']['order_id']}/refund"
        assert admin.ok("POST", path, reason="rain")["status"] == "REFUNDED"

        def deal() -> Deal:
            other = Buyer.register(api, admin, 1000)
            return Deal.of(buyer, other, next(seats), smu, records, price=100)

        cancelled, reversed_, dismissed = deal().begun(), deal().disputed(), deal().disputed()
        assert cancelled.settle("cancel", buyer.api).is_success
        assert reversed_.settle("reverse", admin).is_success
        assert dismissed.settle("dismiss", admin, reason="it was he").is_success
        first = deal().completed()
        passed_on = Deal(
            first.buyer, bystander, first.seat_id, first.order_id, smu, records, price=50
        ).completed()
        return cls(
            bystander,
            buyer,
            **orders,
            begun=deal().begun(),
            cancelled=cancelled,
            completed=deal().completed(),
            disputed=deal().disputed(),
            dismissed=dismissed,
            reversed=reversed_,
            passed_on=passed_on,
            free_seats=seats,
        )


_FAIL = """
    UPDATE orders SET status = 'FAILED', failure_reason = 'HOLD_EXPIRED' WHERE order_id = %s
    """
