"""A transfer that is interrupted anywhere ends swapped or as it was; never in between."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from common.testing import wait_for
from deals import Deal
from fault_proxy import Fault
from outside import stopped
from local_stack.stack import Stack
from platform_client import Api, Records, refusal
from shaky_orchestrator import STATUS_OF_CALL, ShakyOrchestrator

NewDeal = Callable[..., Deal]
INTERNAL_ERROR = (500, "INTERNAL_ERROR")


def confirm(shaky: ShakyOrchestrator, deal: Deal) -> httpx.Response:
    """Confirm through the shaky orchestrator."""
    body = {"transfer_id": deal.transfer_id}
    return deal.buyer.api.at(shaky.url).call("POST", "/api/transfer/confirm", json=body)


def settled(deal: Deal, status: str) -> None:
    """Wait until no saga is at work and the transfer is that."""
    sql = "SELECT status::text, saga FROM transfers WHERE transfer_id = %s"
    wait_for(
        lambda: deal.records.query("order", sql, deal.transfer_id) == [(status, None)],
        f"the transfer to be {status}",
        seconds=30,
    )


@contextmanager
def no_owner_changes(records: Records, seat_id: str) -> Iterator[None]:
    """The database breaks at every change of this seat's owner."""
    name = "refuse_" + seat_id.replace("-", "")
    records.query(
        "inventory",
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;"
        f" CREATE TRIGGER {name} BEFORE UPDATE OF owner_user_id ON seats FOR EACH ROW"
        f" WHEN (NEW.seat_id = '{seat_id}') EXECUTE FUNCTION {name}()",
    )
    try:
        yield
    finally:
        records.query("inventory", f"DROP FUNCTION {name} CASCADE")


def test_a_failing_update_owner_gives_the_credits_back(new_deal: NewDeal) -> None:
    deal = new_deal().verified()
    before = deal.balances()
    with no_owner_changes(deal.records, deal.seat_id):
        assert refusal(deal.confirm()) == INTERNAL_ERROR
        assert deal.balances() == before
    assert deal.status() == "FAILED"
    deal.assert_with("seller")
    deal.completed()


def test_an_inventory_that_is_away_gives_the_credits_back(new_deal: NewDeal, stack: Stack) -> None:
    deal = new_deal().verified()
    before = deal.balances()
    with stopped(stack, "inventory"):
        assert refusal(deal.confirm()) == INTERNAL_ERROR
        assert deal.balances() == before
    settled(deal, "FAILED")
    deal.assert_with("seller")


def test_a_move_whose_answer_is_lost_is_taken_back(
    shaky: ShakyOrchestrator, new_deal: NewDeal
) -> None:
    deal = new_deal().verified()
    before = deal.balances()
    shaky.inventory.arm(Fault.LOSE_ANSWER, deal.transfer_id.encode())
    assert refusal(confirm(shaky, deal)) == INTERNAL_ERROR
    shaky.inventory.expect_answer(STATUS_OF_CALL)
    assert (deal.status(), deal.balances()) == ("FAILED", before)
    deal.assert_with("seller")


def test_a_move_that_comes_after_its_undoing_is_refused(
    shaky: ShakyOrchestrator, new_deal: NewDeal
) -> None:
    deal = new_deal().verified()
    before = deal.balances()
    shaky.inventory.arm(Fault.HOLD_CALL, deal.transfer_id.encode())
    assert refusal(confirm(shaky, deal)) == INTERNAL_ERROR
    assert (deal.status(), deal.balances()) == ("FAILED", before)
    shaky.inventory.release()
    shaky.inventory.expect_answer(b"TRANSFER_INVALID_STATE")
    deal.assert_with("seller")


def test_a_swap_whose_last_write_fails_is_completed_by_recovery(
    shaky: ShakyOrchestrator, new_deal: NewDeal
) -> None:
    deal = new_deal(price=100).verified()
    seller_had, buyer_had = deal.balances()
    shaky.orders.arm(Fault.HOLD_REQUEST, f"PATCH /transfers/{deal.transfer_id} HTTP".encode())
    answer = confirm(shaky, deal)
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "PENDING_OTP")
    settled(deal, "COMPLETED")
    shaky.orders.release()
    assert deal.balances() == (seller_had + 100, buyer_had - 100)
    deal.assert_with("buyer")


def test_a_driver_that_is_killed_while_the_credits_move_is_undone_by_recovery(
    shaky: ShakyOrchestrator, new_deal: NewDeal
) -> None:
    deal = new_deal().verified()
    before = deal.balances()
    shaky.users.arm(Fault.HOLD_REQUEST, b"/credits/transfer")
    shaky.be_killed(lambda: confirm(shaky, deal), shaky.users)
    settled(deal, "FAILED")
    shaky.users.release()
    shaky.users.expect_answer(b"HTTP/1.1 409")
    assert deal.balances() == before
    deal.assert_with("seller")


def test_a_driver_that_is_killed_while_the_seat_moves_is_followed_forward_by_recovery(
    shaky: ShakyOrchestrator, new_deal: NewDeal
) -> None:
    deal = new_deal(price=100).verified()
    seller_had, buyer_had = deal.balances()
    shaky.inventory.arm(Fault.HOLD_CALL, deal.transfer_id.encode())
    shaky.be_killed(lambda: confirm(shaky, deal), shaky.inventory)
    settled(deal, "COMPLETED")
    assert deal.balances() == (seller_had + 100, buyer_had - 100)
    deal.assert_with("buyer")


def test_while_a_swap_is_not_settled_the_seller_cannot_spend_its_price(
    without_recovery: Callable[[], None], shaky: ShakyOrchestrator, new_deal: NewDeal
) -> None:
    deal = new_deal(price=100).verified()
    seller_had, buyer_had = deal.balances()
    shaky.inventory.arm(Fault.HOLD_CALL, deal.transfer_id.encode())
    shaky.be_killed(lambda: confirm(shaky, deal), shaky.inventory)
    assert deal.balances() == (seller_had, buyer_had - 100)
    without_recovery()
    settled(deal, "COMPLETED")
    assert deal.balances() == (seller_had + 100, buyer_had - 100)


def test_a_reverse_that_cannot_move_the_seat_leaves_the_dispute_as_it_was_and_can_be_tried_again(
    new_deal: NewDeal,
) -> None:
    deal = new_deal(price=100).disputed(by="buyer")
    before, frozen = deal.balances(), deal.frozen()
    with no_owner_changes(deal.records, deal.seat_id):
        assert refusal(deal.settle("reverse", deal.seller.api)) == INTERNAL_ERROR
    assert (deal.status(), deal.balances(), deal.frozen()) == ("DISPUTED", before, frozen)
    assert deal.settle("reverse", deal.seller.api).json()["data"]["status"] == "REVERSED"
    deal.assert_with("seller")


def test_a_refund_whose_last_write_fails_is_completed_by_recovery_and_paid_once(
    shaky: ShakyOrchestrator, new_deal: NewDeal, staff: Api
) -> None:
    deal = new_deal()
    price = deal.seller.order(deal.order_id)["credits_charged"]
    had = deal.seller.balance()
    shaky.orders.arm(Fault.HOLD_REQUEST, f"PATCH /orders/{deal.order_id} HTTP".encode())
    path, body = f"/api/orders/{deal.order_id}/refund", {"reason": "rain"}
    answer = staff.at(shaky.url).call("POST", path, json=body)
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "CONFIRMED")
    wait_for(
        lambda: deal.records.order(deal.order_id) == ("REFUNDED", None), "the refund", seconds=30
    )
    shaky.orders.release()
    assert staff.ok("POST", path, **body)["status"] == "REFUNDED"
    assert deal.seller.balance() == had + price
