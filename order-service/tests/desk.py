"""Calls the service as the other services do; makes sales and transfers as they come about."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

from flask.testing import FlaskClient
from sqlalchemy import text

from common.database import Database
from common.testing import INTERNAL_TOKEN

Answer = tuple[int, Any]
Record = dict[str, Any]

FIRST_STEPS = {
    "confirm": "confirm.move_credits",
    "dispute": "dispute.freeze",
    "reverse": "reverse.move_credits",
    "dismiss": "dismiss.unfreeze",
    "refund": "refund.release_seat",
}


class Desk:
    """A caller of one service; gives the status and `data` or the error."""

    def __init__(self, client: FlaskClient, database: Database) -> None:
        self._client = client
        self.database = database

    def call(self, method: str, path: str, **body: Any) -> Answer:
        headers = {"X-Internal-Token": INTERNAL_TOKEN}
        response = self._client.open(path, method=method, json=body or None, headers=headers)
        answer = response.get_json()
        return response.status_code, answer.get("data", answer)

    def sql(self, statement: str, **values: Any) -> None:
        with self.database.transaction() as session:
            session.execute(text(statement), values)

    def order(self, **given: Any) -> Record:
        """A PENDING order of a new seat and a new user."""
        ids = {name: str(uuid4()) for name in ("order_id", "user_id", "seat_id", "event_id")}
        return self._made("/orders", **{**ids, "credits_charged": 350.00, **given})

    def sold(self, **given: Any) -> Record:
        """A CONFIRMED order."""
        status, claimed = self.claim_pay(self.order(**given))
        assert status == 200, claimed
        return self.ended(claimed, "CONFIRMED")

    def claim_pay(self, order: Record, **given: Any) -> Answer:
        """Claims an order for its own user's pay, as a new driver."""
        body = {"saga": "pay", "step": "pay.charge", "driver": str(uuid4()), **given}
        return self.call("POST", f"{path_of(order)}/saga", **{"user_id": order["user_id"], **body})

    def initiate(self, order: Record, **given: Any) -> Answer:
        """Asks for a transfer of that order's seat by its buyer, to a new user."""
        body = {
            "transfer_id": str(uuid4()),
            "seat_id": order["seat_id"],
            "seller_user_id": order["user_id"],
            "buyer_user_id": str(uuid4()),
            "initiated_by": "SELLER",
            "credits_amount": 120.00,
        }
        return self.call("POST", "/transfers", **{**body, **given})

    def initiated(self, order: Record, **given: Any) -> Record:
        status, transfer = self.initiate(order, **given)
        assert status == 201, transfer
        return transfer

    def pending(self, order: Record, **given: Any) -> Record:
        """A transfer whose codes were sent."""
        sids = {"seller_verification_sid": "VE-seller", "buyer_verification_sid": "VE-buyer"}
        return self._changed(self.initiated(order, **given), status="PENDING_OTP", **sids)

    def verified(self, order: Record, **given: Any) -> Record:
        """A transfer that both parties have confirmed by their codes."""
        both = {"seller_otp_verified": True, "buyer_otp_verified": True}
        return self._changed(self.pending(order, **given), **both)

    def completed(self, order: Record, **given: Any) -> Record:
        claimed = self.claimed(self.verified(order, **given), "confirm")
        return self.ended(claimed, "COMPLETED")

    def disputed(self, order: Record, **given: Any) -> Record:
        claimed = self.claimed(self.completed(order, **given), "dispute")
        return self.ended(claimed, "DISPUTED")

    def claim(self, record: Record, saga: str, **given: Any) -> Answer:
        """Claims an order for its refund or a transfer for any saga, as a new driver."""
        body = {"driver": str(uuid4()), "step": FIRST_STEPS[saga]}
        if saga == "dispute":
            body |= {"reason": "It never came.", "disputed_by": "BUYER"}
            return self.call("POST", f"{path_of(record)}/dispute", **{**body, **given})
        body |= {"saga": saga} | ({"reason": "No ground for it."} if saga == "dismiss" else {})
        return self.call("POST", f"{path_of(record)}/saga", **{**body, **given})

    def claimed(self, record: Record, saga: str, **given: Any) -> Record:
        status, claimed = self.claim(record, saga, **given)
        assert status == 200, claimed
        return claimed

    def ended(self, claimed: Record, status: str, **given: Any) -> Record:
        """The last write of the saga that `claimed` was claimed for."""
        body = {"saga_version": claimed["saga_version"], **given}
        if status == "REVERSED":
            code, record = self.call("POST", f"{path_of(claimed)}/reverse", **body)
        else:
            code, record = self.call("PATCH", path_of(claimed), status=status, **body)
        assert code == 200, record
        return record

    def now(self, record: Record) -> Record:
        """The record as it stands now."""
        return self.call("GET", path_of(record))[1]

    def leave_untouched(self, transfer: Record, minutes: float) -> None:
        """As if nobody had touched the transfer for so long."""
        self.sql(
            "UPDATE transfers SET saga_touched_at = now() - make_interval(secs => :secs)"
            " WHERE transfer_id = :id",
            secs=minutes * 60,
            id=transfer["transfer_id"],
        )

    def _changed(self, transfer: Record, **change: Any) -> Record:
        status, changed = self.call("PATCH", path_of(transfer), **change)
        assert status == 200, changed
        return changed

    def _made(self, path: str, **body: Any) -> Record:
        status, record = self.call("POST", path, **body)
        assert status == 201, record
        return record


def path_of(record: Record) -> str:
    if "transfer_id" in record:
        return f"/transfers/{record['transfer_id']}"
    return f"/orders/{record['order_id']}"


def assert_refused(answer: Answer, code: str, **details: Any) -> None:
    """The answer is a refusal with that code and exactly those details."""
    status, error = answer
    assert status >= 400, error
    assert (error["error_code"], error.get("details", {})) == (code, details), error


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of `works` gives, all begun at the same moment, in threads of their own."""
    barrier = Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begin, works))
