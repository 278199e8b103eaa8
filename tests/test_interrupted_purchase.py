"""A purchase that is interrupted anywhere ends sold and charged, or neither; never in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from fault_proxy import Fault, FaultProxy
from outside import frozen
from platform_client import Buyer, Records, refusal
from shaky_orchestrator import STATUS_OF_CALL, ShakyOrchestrator

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]


@pytest.fixture
def bought(new_buyer: NewBuyer, new_seat: NewSeat) -> tuple[Buyer, dict]:
    """A buyer, and a seat that is held for him and not paid yet."""
    buyer = new_buyer()
    return buyer, buyer.reserve(new_seat())


CHARGE = b"/credits/deduct"
INTERNAL_ERROR = (500, "INTERNAL_ERROR")


def pay(shaky: ShakyOrchestrator, buyer: Buyer, held: dict) -> httpx.Response:
    """Pay through the shaky orchestrator."""
    body = {"order_id": held["order_id"]}
    return buyer.api.at(shaky.url).call("POST", "/api/pay", json=body)


def pay_and_be_killed(
    shaky: ShakyOrchestrator, buyer: Buyer, held: dict, proxy: FaultProxy
) -> None:
    shaky.be_killed(lambda: pay(shaky, buyer, held), proxy)


def settled(records: Records, held: dict, status: str) -> None:
    wait_for(
        lambda: records.order(held["order_id"]) == (status, None),
        f"the order to be {status}",
        seconds=30,
    )


def kinds(records: Records, held: dict) -> set[str]:
    return set(records.movements(held["order_id"]))


def assert_sold_for_its_price(records: Records, buyer: Buyer, held: dict) -> None:
    records.assert_sold(buyer, held, str(buyer.order(held["order_id"])["credits_charged"]))


def test_a_charge_whose_answer_is_lost_is_refunded(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.users.arm(Fault.LOSE_ANSWER, CHARGE)
    assert refusal(pay(shaky, buyer, held)) == INTERNAL_ERROR
    shaky.users.expect_answer(b"HTTP/1.1 200")
    records.assert_undone(buyer, held)
    assert kinds(records, held) == {"CHARGE", "REFUND"}


def test_a_sale_whose_answer_is_lost_is_undone_and_refunded(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.inventory.arm(Fault.LOSE_ANSWER, held["order_id"].encode())
    assert refusal(pay(shaky, buyer, held)) == INTERNAL_ERROR
    shaky.inventory.expect_answer(STATUS_OF_CALL)
    records.assert_undone(buyer, held)
    assert kinds(records, held) == {"CHARGE", "REFUND"}


def test_a_charge_that_comes_after_its_undoing_is_refused(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.users.arm(Fault.HOLD_REQUEST, CHARGE)
    assert refusal(pay(shaky, buyer, held)) == INTERNAL_ERROR
    records.assert_undone(buyer, held)
    shaky.users.release()
    shaky.users.expect_answer(b"HTTP/1.1 409")
    records.assert_undone(buyer, held)
    assert kinds(records, held) == set()


def test_a_sale_that_comes_after_its_undoing_is_refused(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.inventory.arm(Fault.HOLD_CALL, held["order_id"].encode())
    assert refusal(pay(shaky, buyer, held)) == INTERNAL_ERROR
    records.assert_undone(buyer, held)
    shaky.inventory.release()
    shaky.inventory.expect_answer(b"SEAT_NOT_HELD")
    records.assert_undone(buyer, held)


def test_a_failing_sale_refunds_and_fails_the_order(
    bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    name = "refuse_" + held["seat_id"].replace("-", "")
    records.query(
        "inventory",
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;"
        f" CREATE TRIGGER {name} BEFORE UPDATE ON seats FOR EACH ROW"
        f" WHEN (NEW.status = 'SOLD' AND NEW.seat_id = '{held['seat_id']}')"
        f" EXECUTE FUNCTION {name}()",
    )
    refused = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    records.query("inventory", f"DROP FUNCTION {name} CASCADE")
    assert refused == INTERNAL_ERROR
    records.assert_undone(buyer, held)
    assert kinds(records, held) == {"CHARGE", "REFUND"}
    refused = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    assert refused == (409, "SEAT_NOT_HELD")


def test_a_sold_order_whose_last_write_fails_is_completed_by_recovery_and_charged_once(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.orders.arm(Fault.HOLD_REQUEST, f"PATCH /orders/{held['order_id']} HTTP".encode())
    answer = pay(shaky, buyer, held)
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "PENDING")
    settled(records, held, "CONFIRMED")
    shaky.orders.release()
    shaky.orders.expect_answer(b"HTTP/1.1")
    assert_sold_for_its_price(records, buyer, held)


def test_a_driver_that_is_killed_before_the_sale_is_undone_by_recovery(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.users.arm(Fault.HOLD_REQUEST, CHARGE)
    pay_and_be_killed(shaky, buyer, held, shaky.users)
    settled(records, held, "FAILED")
    shaky.users.release()
    shaky.users.expect_answer(b"HTTP/1.1 409")
    records.assert_undone(buyer, held)
    assert kinds(records, held) == set()


def test_a_driver_that_is_killed_at_the_sale_is_followed_forward_by_recovery(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    records.prolong(held)
    shaky.inventory.arm(Fault.HOLD_CALL, held["order_id"].encode())
    pay_and_be_killed(shaky, buyer, held, shaky.inventory)
    settled(records, held, "CONFIRMED")
    shaky.inventory.release()
    shaky.inventory.expect_answer(STATUS_OF_CALL)
    assert_sold_for_its_price(records, buyer, held)


def test_while_a_pay_before_the_sale_is_not_settled_another_one_is_refused(
    without_recovery: Callable[[], None],
    shaky: ShakyOrchestrator,
    bought: tuple[Buyer, dict],
    records: Records,
) -> None:
    buyer, held = bought
    shaky.users.arm(Fault.HOLD_REQUEST, CHARGE)
    pay_and_be_killed(shaky, buyer, held, shaky.users)
    answer = buyer.api.call("POST", "/api/pay", json={"order_id": held["order_id"]})
    assert refusal(answer) == (409, "ORDER_INVALID_STATE")
    assert answer.json()["details"]["order_id"] == held["order_id"]
    without_recovery()
    settled(records, held, "FAILED")
    records.assert_undone(buyer, held)


def test_while_a_pay_at_the_sale_is_not_settled_another_one_is_pending(
    without_recovery: Callable[[], None],
    shaky: ShakyOrchestrator,
    bought: tuple[Buyer, dict],
    records: Records,
) -> None:
    buyer, held = bought
    records.prolong(held)
    shaky.inventory.arm(Fault.HOLD_CALL, held["order_id"].encode())
    pay_and_be_killed(shaky, buyer, held, shaky.inventory)
    answer = buyer.api.call("POST", "/api/pay", json={"order_id": held["order_id"]})
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "PENDING")
    without_recovery()
    settled(records, held, "CONFIRMED")
    assert_sold_for_its_price(records, buyer, held)


def test_a_charge_in_a_user_service_that_freezes_is_undone_once_it_thaws(
    stack: Stack, shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.users.arm(Fault.HOLD_REQUEST, CHARGE)
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay, shaky, buyer, held)
        assert shaky.users.struck.wait(10)
        with frozen(stack, "user"):
            shaky.users.release()
            assert refusal(paying.result()) == INTERNAL_ERROR
    shaky.users.expect_answer(b"HTTP/1.1")
    settled(records, held, "FAILED")
    records.assert_undone(buyer, held)


def test_a_sale_in_an_inventory_that_freezes_is_undone_once_it_thaws(
    stack: Stack, shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    records.prolong(held)
    shaky.inventory.arm(Fault.HOLD_CALL, held["order_id"].encode())
    with ThreadPoolExecutor(1) as pool:
        paying = pool.submit(pay, shaky, buyer, held)
        assert shaky.inventory.struck.wait(10)
        with frozen(stack, "inventory"):
            shaky.inventory.release()
            assert refusal(paying.result()) == INTERNAL_ERROR
    shaky.inventory.expect_answer(STATUS_OF_CALL)
    settled(records, held, "FAILED")
    records.assert_undone(buyer, held)
    assert kinds(records, held) == {"CHARGE", "REFUND"}
