"""A seat that one user has bought and passes on to another, through the gateway."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from outside import Smu
from platform_client import Api, Buyer, Records

PARTIES = ("seller", "buyer")


@dataclass
class Deal:
    """A seller with a seat, a buyer, and the transfer between them once it is initiated."""

    seller: Buyer
    buyer: Buyer
    seat_id: str
    order_id: str
    smu: Smu
    records: Records
    price: float = 100
    transfer_id: str = field(default="")

    @classmethod
    def of(
        cls, seller: Buyer, buyer: Buyer, seat_id: str, smu: Smu, records: Records, price: float
    ) -> "Deal":
        """The seller buys the seat first."""
        order_id = seller.reserve(seat_id)["order_id"]
        seller.pay(order_id)
        return cls(seller, buyer, seat_id, order_id, smu, records, price)

    def initiate(self, by: Buyer | None = None, **body: Any) -> httpx.Response:
        """Begin the transfer, as the seller if nobody else is named."""
        offer = {
            "seat_id": self.seat_id,
            "seller_user_id": self.seller.user_id,
            "buyer_user_id": self.buyer.user_id,
            "credits_amount": self.price,
            **body,
        }
        answer = (by or self.seller).api.call("POST", "/api/transfer/initiate", json=offer)
        if answer.is_success:
            self.transfer_id = answer.json()["data"]["transfer_id"]
        return answer

    def begun(self, by: Buyer | None = None) -> "Deal":
        """Initiated, as it must be possible."""
        answer = self.initiate(by)
        assert answer.status_code == 201, answer.text
        return self

    def party(self, name: str) -> Buyer:
        return self.seller if name == "seller" else self.buyer

    def code(self, name: str) -> str:
        """The code that this party was sent last."""
        return self.smu.code(self.party(name).phone)

    def give_code(self, name: str, code: str | None = None) -> httpx.Response:
        """Give a party's code, the right one unless another is named, as that party."""
        given = {"context": "transfer", "reference_id": self.transfer_id}
        return self.party(name).api.call(
            "POST", "/api/verify-otp", json={**given, "otp_code": code or self.code(name)}
        )

    def confirm(self, by: Buyer | None = None, **codes: str) -> httpx.Response:
        """Confirm, as the buyer if nobody else is named."""
        body = {"transfer_id": self.transfer_id, **codes}
        return (by or self.buyer).api.call("POST", "/api/transfer/confirm", json=body)

    def verified(self) -> "Deal":
        """Begun, and both have given their codes."""
        self.begun()
        for name in PARTIES:
            assert self.give_code(name).is_success
        return self

    def completed(self) -> "Deal":
        """Confirmed by the buyer."""
        answer = self.verified().confirm()
        assert answer.status_code == 200, answer.text
        return self

    def settle(self, what: str, by: Api, **body: str) -> httpx.Response:
        """Cancel, dispute, reverse or dismiss."""
        body = {"transfer_id": self.transfer_id, **body}
        return by.call("POST", f"/api/transfer/{what}", json=body)

    def disputed(self, by: str = "buyer") -> "Deal":
        """Completed, and disputed by that party."""
        answer = self.completed().settle("dispute", self.party(by).api, reason="it was not I")
        assert answer.status_code == 200, answer.text
        return self

    def status(self) -> str:
        return self.buyer.api.ok("GET", f"/api/transfers/{self.transfer_id}")["status"]

    def balances(self) -> tuple[float, float]:
        """What seller and buyer can spend."""
        return self.seller.balance(), self.buyer.balance()

    def assert_with(self, name: str) -> None:
        """The seat is that party's, and every balance is explained by its ledger."""
        owner = self.party(name)
        assert self.records.seat(self.seat_id) == ("SOLD", owner.user_id)
        other = self.party("buyer" if name == "seller" else "seller")
        assert self.seat_id in [one["seat_id"] for one in owner.api.ok("GET", "/api/tickets")]
        assert self.seat_id not in [one["seat_id"] for one in other.api.ok("GET", "/api/tickets")]
        for one in (owner, other):
            self.records.assert_balance_is_ledger(one)

    def frozen(self) -> Decimal:
        """What is frozen of the seller, as the table has it."""
        sql = "SELECT frozen_credits FROM users WHERE user_id = %s"
        return self.records.query("user", sql, self.seller.user_id)[0][0]
