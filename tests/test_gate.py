"""Scenario 3 of the task list, through the gateway: one person in per ticket."""

import base64
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from deals import Deal
from fault_proxy import Fault
from gate import Gate, entries
from outside import stopped
from platform_client import EVENT_B, Buyer, Records, refusal
from shaky_orchestrator import ShakyOrchestrator, shaky_orchestrator

_REMEMBERED_SECONDS = 5.2  # an event, by the orchestrator
NewDeal, NewBuyer, NewSeat = Callable[..., Deal], Callable[..., Buyer], Callable[[], str]


def test_a_valid_code_lets_its_owner_in_once(
    gate: Gate, bought: tuple[Buyer, str, str], records: Records
) -> None:
    buyer, seat_id, payload = bought
    first = gate.result(payload)
    assert (first["result"], first["seat_id"]) == ("SUCCESS", seat_id)
    assert first["row_number"] and first["seat_number"] and first["message"]
    assert first["owner_name"] == f"{buyer.email[0]}***@example.com"
    assert records.seat(seat_id) == ("CHECKED_IN", buyer.user_id)
    again = gate.result(payload)
    assert again["result"] == "DUPLICATE"
    ((entered,),) = records.query(
        "inventory",
        "SELECT scanned_at FROM entry_logs WHERE seat_id = %s AND result = 'SUCCESS'",
        seat_id,
    )
    assert abs(datetime.fromisoformat(again["scanned_at"]) - entered) < timedelta(milliseconds=1)
    assert entries(records, seat_id) == ["SUCCESS", "DUPLICATE"]


def test_each_outcome_is_told_and_booked(
    gate: Gate,
    bought: tuple[Buyer, str, str],
    new_buyer: NewBuyer,
    new_seat: NewSeat,
    records: Records,
) -> None:
    buyer, seat_id, payload = bought
    assert gate.result(gate.code(seat_id, buyer, age_seconds=70))["result"] == "EXPIRED"
    assert gate.result(gate.code(seat_id, buyer, age_seconds=-10))["result"] == "EXPIRED"
    assert gate.result(gate.code(seat_id, new_buyer(credits=0)))["result"] == "NOT_OWNER"
    elsewhere = gate.result(payload, hall_id="ELSEWHERE")
    assert (elsewhere["result"], elsewhere["expected_hall"]) == ("WRONG_HALL", gate.hall)
    forged = gate.code(seat_id, buyer, hall_id="ELSEWHERE")
    assert gate.result(forged, hall_id="ELSEWHERE")["result"] == "WRONG_HALL"
    assert entries(records, seat_id) == ["EXPIRED"] * 2 + ["NOT_OWNER"] + ["WRONG_HALL"] * 2
    free = new_seat()
    assert gate.result(gate.code(free, buyer))["result"] == "NOT_FOUND"
    assert gate.result(gate.code(str(uuid4()), buyer))["result"] == "NOT_FOUND"
    buyer.reserve(free)
    assert gate.result(gate.code(free, buyer))["result"] == "UNPAID"
    assert gate.result(gate.code(seat_id, buyer, age_seconds=-2))["result"] == "SUCCESS"


def test_a_code_that_is_none_of_ours_is_refused_and_booked(gate: Gate, records: Records) -> None:
    count = "SELECT count(*) FROM entry_logs WHERE result = 'INVALID'"
    ((before,),) = records.query("inventory", count)
    for payload in ("", "not a code", "A" * 10_000, base64.b64encode(os.urandom(99)).decode()):
        assert refusal(gate.scan(payload)) == (400, "QR_INVALID")
    assert records.query("inventory", count) == [(before + 4,)]


def test_a_code_altered_in_any_one_byte_is_refused(
    gate: Gate, bought: tuple[Buyer, str, str]
) -> None:
    raw = base64.b64decode(bought[2])
    for position in range(len(raw)):
        changed = raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
        answer = gate.scan(base64.b64encode(changed).decode())
        assert refusal(answer) == (400, "QR_INVALID"), position


def test_the_same_scan_is_answered_the_same_again(
    gate: Gate, bought: tuple[Buyer, str, str], records: Records
) -> None:
    buyer, seat_id, payload = bought
    scan_id = str(uuid4())
    first = gate.result(payload, scan_id=scan_id)
    assert gate.result(payload, scan_id=scan_id) == first
    assert gate.result(gate.code(seat_id, buyer, age_seconds=70), scan_id=scan_id) == first
    assert first["result"] == "SUCCESS"
    assert entries(records, seat_id) == ["SUCCESS"]
    other = gate.code(str(uuid4()), buyer)
    assert refusal(gate.scan(other, scan_id=scan_id)) == (400, "VALIDATION_ERROR")


def test_two_scanners_at_once_let_one_person_in(
    gate: Gate, new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    buyer = new_buyer(credits=100_000)
    for _ in range(50):
        seat_id = new_seat()
        payload = buyer.pay(buyer.reserve(seat_id)["order_id"])["qr_payload"]
        barrier = threading.Barrier(2)

        def scan(_: int) -> str:
            barrier.wait()
            return gate.result(payload)["result"]

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(scan, range(2))) == ["DUPLICATE", "SUCCESS"]
        assert sorted(entries(records, seat_id)) == ["DUPLICATE", "SUCCESS"]


def test_the_old_owners_code_is_refused_once_the_swap_has_committed(
    gate: Gate, new_deal: NewDeal
) -> None:
    deal = new_deal()
    old = gate.code(deal.seat_id, deal.seller)
    deal.verified()
    assert deal.confirm().is_success
    assert gate.result(old)["result"] == "NOT_OWNER"
    assert gate.result(gate.code(deal.seat_id, deal.buyer))["result"] == "SUCCESS"


def test_a_pending_transfer_blocks_nobody_and_ends_once_its_seat_is_checked_in(
    gate: Gate, new_deal: NewDeal
) -> None:
    deal = new_deal(price=100).verified()
    before = deal.balances()
    assert gate.result(gate.code(deal.seat_id, deal.seller))["result"] == "SUCCESS"
    assert refusal(deal.confirm()) == (409, "TRANSFER_INVALID_STATE")
    assert deal.status() == "FAILED"
    assert deal.balances() == before
    assert refusal(deal.initiate()) == (409, "SEAT_UNAVAILABLE")


def test_a_checked_in_seat_is_neither_reversed_nor_refunded(gate: Gate, new_deal: NewDeal) -> None:
    deal = new_deal(price=100).disputed(by="buyer")
    before = deal.balances()
    assert gate.result(gate.code(deal.seat_id, deal.buyer))["result"] == "SUCCESS"
    assert refusal(deal.settle("reverse", deal.seller.api)) == (409, "SEAT_UNAVAILABLE")
    assert (deal.status(), deal.balances()) == ("DISPUTED", before)
    assert deal.settle("dismiss", gate.staff, reason="he is in").is_success
    path = f"/api/orders/{deal.order_id}/refund"
    assert gate.staff.refused("POST", path, reason="rain") == (409, "SEAT_UNAVAILABLE")


def test_only_staff_scans(gate: Gate, bought: tuple[Buyer, str, str]) -> None:
    buyer, _, payload = bought
    body = {"qr_payload": payload, "hall_id": gate.hall}
    assert buyer.api.refused("POST", "/api/verify", **body) == (403, "FORBIDDEN")
    other = {"staff_id": buyer.user_id}
    assert refusal(gate.scan(payload, **other)) == (403, "FORBIDDEN")


def test_a_code_cut_short_or_of_another_key_is_refused(
    gate: Gate, bought: tuple[Buyer, str, str]
) -> None:
    buyer, seat_id, payload = bought
    for length in range(len(payload.rstrip("="))):
        assert refusal(gate.scan(payload[:length])) == (400, "QR_INVALID"), length
    other = Gate(gate.staff, gate.hall, "another key of exactly 32 bytes!")
    assert refusal(gate.scan(other.code(seat_id, buyer))) == (400, "QR_INVALID")


def test_codes_of_the_previous_key_pass_while_it_is_set(
    gate: Gate, stack: Stack, bought: tuple[Buyer, str, str]
) -> None:
    buyer, seat_id, payload = bought
    keys = {"QR_ENCRYPTION_KEY": "a".rjust(32), "QR_ENCRYPTION_KEY_PREVIOUS": gate.key}
    with shaky_orchestrator(stack, **keys) as rotated:
        there = Gate(gate.staff.at(rotated.url), gate.hall, keys["QR_ENCRYPTION_KEY"])
        assert there.result(payload)["result"] == "SUCCESS"
        assert there.result(there.code(seat_id, buyer))["result"] == "DUPLICATE"


@pytest.mark.parametrize("service", ["order", "event", "user", "inventory"])
def test_while_a_service_is_away_nobody_is_let_in_and_afterwards_they_are(
    gate: Gate, stack: Stack, bought: tuple[Buyer, str, str], records: Records, service: str
) -> None:
    buyer, seat_id, _ = bought
    scan = {"scan_id": str(uuid4())}
    with stopped(stack, service):
        if service == "event":
            away_since = time.monotonic()
            # each process of the orchestrator by itself, and nobody sees which one answers
            wait_for(
                lambda: time.monotonic() > away_since + _REMEMBERED_SECONDS, "all to forget it"
            )
        refused = refusal(gate.scan(gate.code(seat_id, buyer), **scan))
        assert refused == (503, "SERVICE_UNAVAILABLE")
    assert records.seat(seat_id) == ("SOLD", buyer.user_id)
    assert gate.result(gate.code(seat_id, buyer), **scan)["result"] == "SUCCESS"


def test_a_ticket_shows_a_fresh_code_as_json_and_as_a_picture(
    gate: Gate, bought: tuple[Buyer, str, str]
) -> None:
    buyer, seat_id, _ = bought
    path = f"/api/tickets/{seat_id}/qr"
    answer = buyer.api.call("GET", path)
    code = answer.json()["data"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert code["ttl_seconds"] == 60
    made, ends = (datetime.fromisoformat(code[name]) for name in ("generated_at", "expires_at"))
    assert ends - made == timedelta(seconds=60)
    for asked in ({"params": {"format": "svg"}}, {"headers": {"Accept": "image/svg+xml"}}):
        picture = buyer.api.call("GET", path, **asked)
        assert picture.headers["Content-Type"].startswith("image/svg+xml")
        assert b"<svg" in picture.content
        assert picture.headers["Cache-Control"] == "no-store"
    for asked in ({"params": {"format": "png"}}, {"headers": {"Accept": "image/png"}}):
        picture = buyer.api.call("GET", path, **asked)
        assert (picture.headers["Content-Type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    assert gate.result(code["qr_payload"])["result"] == "SUCCESS"
    assert buyer.api.refused("GET", path) == (409, "SEAT_UNAVAILABLE")


def test_only_the_owner_of_a_sold_seat_gets_its_code(
    bought: tuple[Buyer, str, str], new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    buyer, seat_id, _ = bought
    other = new_buyer()
    assert other.api.refused("GET", f"/api/tickets/{seat_id}/qr") == (403, "NOT_SEAT_OWNER")
    free = new_seat()
    assert other.api.refused("GET", f"/api/tickets/{free}/qr") == (409, "SEAT_UNAVAILABLE")
    other.reserve(free)
    assert other.api.refused("GET", f"/api/tickets/{free}/qr") == (409, "SEAT_UNAVAILABLE")
    assert other.api.refused("GET", f"/api/tickets/{uuid4()}/qr") == (404, "SEAT_NOT_FOUND")
    bad = buyer.api.refused("GET", f"/api/tickets/{seat_id}/qr?format=gif")
    assert bad == (400, "VALIDATION_ERROR")


def test_the_entries_of_an_event_agree_with_the_log_to_the_row(
    gate: Gate, bought: tuple[Buyer, str, str], records: Records
) -> None:
    buyer, seat_id, payload = bought
    for _ in range(2):
        gate.result(payload)
    told = gate.staff.ok("GET", f"/api/events/{EVENT_B}/entries")
    seats = records.query(
        "inventory", "SELECT seat_id::text, status::text FROM seats WHERE event_id = %s", EVENT_B
    )
    logged = records.query(
        "inventory",
        "SELECT result::text, count(*) FROM entry_logs"
        " WHERE seat_id::text = ANY(%s) GROUP BY result",
        [seat for seat, _ in seats],
    )
    results = dict(logged)
    (hall,) = told["halls"]
    assert (told["event_id"], hall["hall_id"]) == (EVENT_B, gate.hall)
    assert hall["expected"] == sum(status in ("SOLD", "CHECKED_IN") for _, status in seats)
    assert hall["admitted"] == results.pop("SUCCESS")
    assert told["refusals"] == results
    newest, before = told["latest"][:2]
    assert (newest["seat_id"], newest["result"]) == (seat_id, "DUPLICATE")
    assert (before["seat_id"], before["result"]) == (seat_id, "SUCCESS")
    assert newest["hall_id"] == gate.hall and newest["scanned_at"] >= before["scanned_at"]
    refused = buyer.api.refused("GET", f"/api/events/{EVENT_B}/entries")
    assert refused == (403, "FORBIDDEN")
    nowhere = gate.staff.refused("GET", f"/api/events/{uuid4()}/entries")
    assert nowhere == (404, "EVENT_NOT_FOUND")


def test_a_seat_that_is_sold_again_is_paid_by_its_new_order_and_no_older_one(
    gate: Gate, shaky: ShakyOrchestrator, new_deal: NewDeal, new_buyer: NewBuyer
) -> None:
    deal, buyer = new_deal(), new_buyer()
    shaky.users.arm(Fault.HOLD_REQUEST, b"/credits/refund")
    path, body = f"/api/orders/{deal.order_id}/refund", {"reason": "rain"}
    refunding = gate.staff.at(shaky.url).call("POST", path, json=body)
    assert refunding.status_code == 202
    held = buyer.reserve(deal.seat_id)
    deal.records.prolong(held)
    paid = buyer.api.call("POST", "/api/pay", json={"order_id": held["order_id"]})
    assert paid.status_code == 202
    assert gate.result(gate.code(deal.seat_id, buyer))["result"] == "UNPAID"
    wait_for(
        lambda: buyer.order(held["order_id"])["status"] == "CONFIRMED", "the order", seconds=30
    )
    assert gate.result(gate.code(deal.seat_id, buyer))["result"] == "SUCCESS"
