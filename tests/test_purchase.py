"""Scenario 1 of the task list, through the gateway."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from common.testing import wait_for
from platform_client import EVENT_A, EVENT_B, Api, Buyer, Records

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]


def seat_of(api: Api, seat_id: str) -> dict:
    seats = api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
    return next(seat for seat in seats if seat["seat_id"] == seat_id)


def test_browse_reserve_pay_and_the_ticket_is_there(
    api: Api, new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    buyer, seat_id = new_buyer(credits=1000), new_seat()
    price = seat_of(api, seat_id)["price"]
    held = buyer.reserve(seat_id)
    assert (held["status"], held["seat_id"]) == ("HELD", seat_id)
    assert 0 < held["ttl_seconds"] <= 6
    paid = buyer.pay(held["order_id"])
    assert paid["status"] == "CONFIRMED"
    assert (paid["credits_charged"], paid["remaining_balance"]) == (price, 1000 - price)
    assert paid["qr_payload"]
    records.assert_sold(buyer, held, str(price))
    assert buyer.balance() == 1000 - price
    assert buyer.ledger() == [("GRANT", 1000), ("CHARGE", -price)]
    (ticket,) = buyer.api.ok("GET", "/api/tickets")
    assert (ticket["seat_id"], ticket["status"], ticket["price_paid"]) == (seat_id, "SOLD", price)
    assert ticket["event"]["event_id"] == EVENT_B
    assert ticket["purchased_at"].endswith("Z")
    (order,) = buyer.api.ok("GET", "/api/orders?status=CONFIRMED")
    assert order["order_id"] == held["order_id"] and order["confirmed_at"]


def test_a_seeded_user_buys_a_seat_of_the_small_event(api: Api, records: Records) -> None:
    user = api.logged_in("user1@example.com", "password123")
    events = {event["event_id"]: event for event in api.ok("GET", "/api/events")}
    assert set(events) == {EVENT_A, EVENT_B}
    assert all(
        one["event_date"] > datetime.now(timezone.utc).isoformat() for one in events.values()
    )
    before = events[EVENT_A]["available_seats"]
    seat = api.ok("GET", f"/api/events/{EVENT_A}")["seats"][0]
    held = user.ok("POST", "/api/reserve", seat_id=seat["seat_id"])
    paid = user.ok("POST", "/api/pay", order_id=held["order_id"])
    assert paid["remaining_balance"] == 1000 - seat["price"]
    wait_for(
        lambda: api.ok("GET", f"/api/events/{EVENT_A}")["available_seats"] == before - 1,
        "the change to show",
        seconds=1,
    )


def test_a_hold_shows_on_the_map_and_in_the_count_within_a_second(
    api: Api, new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    buyer, seat_id = new_buyer(), new_seat()
    assert seat_of(api, seat_id)["status"] == "AVAILABLE"
    buyer.reserve(seat_id)

    def shows() -> bool:
        event = api.ok("GET", f"/api/events/{EVENT_B}")
        statuses = {seat["seat_id"]: seat["status"] for seat in event["seats"]}
        free = sum(status == "AVAILABLE" for status in statuses.values())
        return statuses[seat_id] == "HELD" and event["available_seats"] == free

    wait_for(shows, "the hold to show", seconds=1)


def test_a_large_seat_map_is_compressed_and_sent_again_only_when_it_has_changed(
    api: Api, new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    path, buyer = f"/api/events/{EVENT_B}", new_buyer()

    def asked_again() -> httpx.Response:
        first = api.call("GET", path)
        assert len(first.json()["data"]["seats"]) == 5000
        assert first.headers["Content-Encoding"] == "gzip"
        return api.call("GET", path, headers={"If-None-Match": first.headers["ETag"]})

    # the holds that other tests left behind end meanwhile
    again = wait_for(
        lambda: answer if (answer := asked_again()).status_code == 304 else None, "304", seconds=20
    )
    assert again.content == b""
    buyer.reserve(new_seat())
    known = {"If-None-Match": again.headers["ETag"]}
    wait_for(
        lambda: api.call("GET", path, headers=known).status_code == 200, "the change", seconds=1
    )


def test_of_two_buyers_at_once_exactly_one_gets_the_seat_a_hundred_times(
    new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    for _ in range(10):
        pair = new_buyer(), new_buyer()
        for _ in range(10):
            seat_id, barrier = new_seat(), threading.Barrier(2)

            def reserve(buyer: Buyer) -> tuple[int, str]:
                barrier.wait()
                answer = buyer.api.call("POST", "/api/reserve", json={"seat_id": seat_id})
                return answer.status_code, answer.json().get("error_code", "")

            with ThreadPoolExecutor(2) as pool:
                answers = dict(zip(pair, pool.map(reserve, pair)))
            winner, loser = sorted(pair, key=lambda buyer: answers[buyer])
            assert answers[winner] == (200, "")
            assert answers[loser] in [(409, "SEAT_UNAVAILABLE"), (409, "SEAT_ALREADY_SOLD")]
            assert records.hold(seat_id) == ("HELD", winner.user_id)


def test_the_seat_one_holds_is_answered_with_the_same_order(
    new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    buyer, seat_id = new_buyer(), new_seat()
    first, again = buyer.reserve(seat_id), buyer.reserve(seat_id)
    assert again["order_id"] == first["order_id"]
    assert again["held_until"] == first["held_until"]


def test_a_sold_seat_is_refused_as_sold(new_buyer: NewBuyer, new_seat: NewSeat) -> None:
    buyer, other, seat_id = new_buyer(), new_buyer(), new_seat()
    buyer.pay(buyer.reserve(seat_id)["order_id"])
    refused = other.api.refused("POST", "/api/reserve", seat_id=seat_id)
    assert refused == (409, "SEAT_ALREADY_SOLD")


def test_without_enough_credits_the_seat_stays_held_and_can_be_paid_later(
    new_buyer: NewBuyer, new_seat: NewSeat, admin: Api, records: Records
) -> None:
    buyer, seat_id = new_buyer(credits=10), new_seat()
    held = buyer.reserve(seat_id)
    refused = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    assert refused == (402, "INSUFFICIENT_CREDITS")
    assert records.hold(seat_id) == ("HELD", buyer.user_id)
    assert records.order(held["order_id"]) == ("PENDING", None)
    assert records.movements(held["order_id"]) == {} and buyer.balance() == 10
    grant = {"user_id": buyer.user_id, "amount": 990, "reason": "for a test"}
    admin.ok("POST", "/api/admin/credits/grant", **grant)
    paid = buyer.pay(held["order_id"])
    records.assert_sold(buyer, held, str(paid["credits_charged"]))


def test_a_double_clicked_pay_charges_once(
    new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    for _ in range(10):
        buyer = new_buyer()
        held, barrier = buyer.reserve(new_seat()), threading.Barrier(4)

        def pay(_: int) -> tuple[int, str]:
            barrier.wait()
            answer = buyer.api.call("POST", "/api/pay", json={"order_id": held["order_id"]})
            return answer.status_code, answer.json().get("error_code", "")

        with ThreadPoolExecutor(4) as pool:
            answers = set(pool.map(pay, range(4)))
        assert (200, "") in answers
        assert answers <= {(200, ""), (409, "ORDER_ALREADY_CONFIRMED")}
        records.assert_sold(buyer, held, str(buyer.order(held["order_id"])["credits_charged"]))


def test_a_paid_order_is_not_paid_again(new_buyer: NewBuyer, new_seat: NewSeat) -> None:
    buyer = new_buyer()
    held = buyer.reserve(new_seat())
    buyer.pay(held["order_id"])
    balance = buyer.balance()
    answer = buyer.api.call("POST", "/api/pay", json={"order_id": held["order_id"]})
    assert answer.status_code == 409
    assert answer.json()["error_code"] == "ORDER_ALREADY_CONFIRMED"
    assert answer.json()["details"]["order_id"] == held["order_id"]
    assert buyer.balance() == balance


def test_the_eleventh_hold_of_one_event_is_refused(new_buyer: NewBuyer, new_seat: NewSeat) -> None:
    buyer = new_buyer()
    for _ in range(10):
        buyer.reserve(new_seat())
    refused = buyer.api.refused("POST", "/api/reserve", seat_id=new_seat())
    assert refused == (409, "HOLD_LIMIT_REACHED")


def test_a_flagged_buyer_is_asked_for_a_code_and_nothing_is_charged(
    new_buyer: NewBuyer, new_seat: NewSeat, admin: Api, records: Records
) -> None:
    buyer = new_buyer()
    admin.ok("PATCH", f"/api/admin/users/{buyer.user_id}", is_flagged=True)
    held = buyer.reserve(new_seat())
    refused = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    assert refused == (428, "OTP_REQUIRED")
    assert records.order(held["order_id"]) == ("PENDING", None)
    assert records.movements(held["order_id"]) == {}


def test_a_seat_of_an_event_that_is_over_is_refused_and_left_free(
    new_buyer: NewBuyer, records: Records
) -> None:
    sql = (
        "INSERT INTO events (event_id, name, venue_id, hall_id, event_date, total_seats,"
        " pricing_tiers) SELECT gen_random_uuid(), 'Over', venue_id, 'OLD', %s, 1,"
        """ '{"CAT1": 10.00}' FROM venues LIMIT 1 RETURNING event_id"""
    )
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    ((event_id,),) = records.query("event", sql, yesterday)
    sql = (
        "INSERT INTO seats (event_id, category, row_number, seat_number)"
        " VALUES (%s, 'CAT1', 'A', 1) RETURNING seat_id::text"
    )
    ((seat_id,),) = records.query("inventory", sql, event_id)
    refused = new_buyer().api.refused("POST", "/api/reserve", seat_id=seat_id)
    assert refused == (410, "EVENT_ENDED")
    assert records.hold(seat_id) == ("AVAILABLE", None)
    records.query("event", "DELETE FROM events WHERE event_id = %s", event_id)


def test_many_buyers_of_many_seats_all_get_theirs(
    new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    buyers = [new_buyer() for _ in range(20)]
    seats = [new_seat() for _ in buyers]

    def buy(buyer: Buyer, seat_id: str) -> dict:
        held = buyer.reserve(seat_id)
        buyer.pay(held["order_id"])
        return held

    with ThreadPoolExecutor(10) as pool:
        for buyer, held in zip(buyers, pool.map(buy, buyers, seats)):
            price = buyer.order(held["order_id"])["credits_charged"]
            records.assert_sold(buyer, held, str(price))


@pytest.mark.parametrize("service", ["inventory", "user", "order", "event", "rabbitmq"])
def test_health_names_every_part(api: Api, service: str) -> None:
    health = api.call("GET", "/health")
    assert health.status_code == 200
    assert health.json()["checks"][service] == "connected"
