"""What staff see of each verdict."""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

from selenium.webdriver.common.keys import Keys

from platform_client import Buyer, Records
from scanner_page import ScannerPage
from gate import Gate, entries

Bought = tuple[Buyer, str, str]

# A hand scanner is amid a code when the verdict of the one before comes.
_AMID = """
const done = arguments[0];
const press = (key) => document.body.dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })
);
const verdict = document.getElementById("verdict");
[..."the first half "].forEach(press);
new MutationObserver((_, observer) => {
  observer.disconnect();
  [..."and the other", "Enter"].forEach(press);
  done();
}).observe(verdict, { childList: true });
window.release();
"""


def seat_line(gate: Gate, records: Records, seat_id: str) -> str:
    sql = "SELECT row_number, seat_number FROM seats WHERE seat_id = %s"
    ((row, number),) = records.query("inventory", sql, seat_id)
    return f"Row {row} · Seat {number}"


def masked(buyer: Buyer) -> str:
    return f"{buyer.email[0]}***@example.com"


def test_a_guest_is_admitted_and_the_second_time_is_already_in(
    page: ScannerPage,
    gate: Gate,
    bought: Bought,
    records: Records,
    screenshot: Callable[[ScannerPage, str], None],
) -> None:
    buyer, seat_id, code = bought
    seat = seat_line(gate, records, seat_id)
    page.at_the_gate()
    page.type_code(code)
    assert page.verdict("SUCCESS") == ["Admitted", seat, masked(buyer)]
    screenshot(page, "SUCCESS")
    page.wait_until_ready()
    assert page.status() == f"Ready for the next guest. Last: Admitted · {seat}"
    page.keep_refusals()
    page.hand_scan(code)
    word, where, when, who = page.verdict("DUPLICATE")
    assert (word, where, who) == ("Already in", seat, masked(buyer))
    sql = "SELECT scanned_at FROM entry_logs WHERE seat_id = %s AND result = 'SUCCESS'"
    ((first,),) = records.query("inventory", sql, seat_id)
    offset = page.driver.execute_script("return new Date().getTimezoneOffset()")
    assert offset == -datetime.now().astimezone().utcoffset().total_seconds() / 60
    assert when == f"First entry at {first.astimezone():%H:%M:%S}."
    screenshot(page, "DUPLICATE")
    page.dismiss()
    page.wait_until_ready()
    assert page.scans() == [f"Already in {seat}", f"Admitted {seat}"]
    assert page.text("device-counts") == "This device: 1 admitted, 1 refused"
    assert entries(records, seat_id) == ["SUCCESS", "DUPLICATE"]


def test_every_refusal_says_what_to_do(
    page: ScannerPage,
    gate: Gate,
    bought: Bought,
    new_buyer: Callable[..., Buyer],
    new_seat: Callable[[], str],
    records: Records,
    screenshot: Callable[[ScannerPage, str], None],
) -> None:
    buyer, seat_id, _ = bought
    owner, other, held = masked(buyer), new_buyer(), new_seat()
    seat, held_seat = (seat_line(gate, records, one) for one in (seat_id, held))
    records.prolong(other.reserve(held))
    fresh = "Ask for a fresh code: the ticket shows a new one every minute."
    gone = "This ticket belongs to somebody else now."
    nothing = "There is no ticket for this seat."
    elsewhere = gate.code(seat_id, buyer, hall_id="ELSEWHERE")
    expected = {
        "WRONG_HALL": (elsewhere, ["Wrong hall", seat, f"Send them to {gate.hall}.", owner]),
        "EXPIRED": (gate.code(seat_id, buyer, 70), ["Code expired", seat, fresh, owner]),
        "UNPAID": (gate.code(held, other), ["Not paid", held_seat, "This seat is not paid for."]),
        "NOT_OWNER": (gate.code(seat_id, other), ["Not the owner", seat, gone, owner]),
        "NOT_FOUND": (gate.code(str(uuid4()), other), ["Not found", nothing]),
        "QR_INVALID": ("not one of ours", ["Not a ticket", "This code is none of ours."]),
    }
    page.at_the_gate()
    page.keep_refusals()
    for result, (code, lines) in expected.items():
        page.type_code(code)
        assert page.verdict(result) == lines
        assert page.serious_violations("color-contrast-enhanced") == [], result
        screenshot(page, result)
        page.dismiss()
        page.wait_until_ready()
    assert [line.split(" Row")[0] for line in page.scans()] == [
        lines[0] for _, lines in reversed(expected.values())
    ]
    assert page.text("device-counts") == "This device: 0 admitted, 6 refused"
    assert records.seat(seat_id) == ("SOLD", buyer.user_id)


def test_a_verdict_is_an_alert_and_a_key_ends_it_at_once(page: ScannerPage) -> None:
    page.at_the_gate()
    page.keep_refusals()
    assert page.element("verdict").get_attribute("role") == "alert"
    page.type_code("not one of ours")
    page.verdict("QR_INVALID")
    page.press(Keys.ENTER)
    page.wait_until_ready()
    assert page.scans() == ["Not a ticket"]


def test_the_next_code_of_a_hand_scanner_ends_the_verdict_before(page: ScannerPage) -> None:
    page.at_the_gate()
    page.keep_refusals()
    page.hand_scan("not one of ours")
    page.verdict("QR_INVALID")
    page.driver.execute_script("document.getElementById('torch').focus()")
    page.hand_scan("nor is this one")
    page.verdict("QR_INVALID")
    page.dismiss()
    page.wait_until_ready()
    assert page.scans() == ["Not a ticket"] * 2


def test_a_verdict_that_comes_amid_a_code_of_a_hand_scanner_stays(
    page: ScannerPage, bought: Bought
) -> None:
    page.at_the_gate()
    page.keep_refusals()
    with page.held("/api/verify"):
        page.type_code("not one of ours")
        page.wait_until_held()
        page.driver.execute_async_script(_AMID)
    page.verdict("QR_INVALID")
    page.press(Keys.ENTER)
    page.wait_until_ready()
    assert page.scans() == ["Not a ticket"]
    page.hand_scan(bought[2])
    page.verdict("SUCCESS")


def test_a_code_of_any_characters_is_not_a_ticket(page: ScannerPage) -> None:
    page.at_the_gate()
    for code in ("with\\0nothing in it", "half a \\ud800 character", "é" * 10_000):
        page.driver.execute_script(f"document.getElementById('typed').value = '{code}'")
        page.element("typed").send_keys(Keys.ENTER)
        page.verdict("QR_INVALID")
        page.wait_until_ready()


def test_the_last_fifty_scans_are_listed(page: ScannerPage) -> None:
    page.at_the_gate()
    one = {"at": 0, "result": "NOT_FOUND", "seat": ""}
    page.keep("scans", {"admitted": 0, "refused": 50, "latest": [one] * 50})
    page.driver.refresh()
    page.wait_until_ready()
    page.type_code("not one of ours")
    page.verdict("QR_INVALID")
    assert page.scans() == ["Not a ticket"] + ["Not found"] * 49
    assert page.text("device-counts") == "This device: 0 admitted, 51 refused"


def test_the_counts_agree_with_the_platform(page: ScannerPage, gate: Gate, bought: Bought) -> None:
    page.at_the_gate()
    page.wait_for_text("halls", "admitted")
    admitted, expected = map(int, re.findall(r"(\d+) of (\d+)", page.text("halls"))[0])
    page.type_code(bought[2])
    page.verdict("SUCCESS")
    page.wait_until_ready()
    page.driver.refresh()  # the list outlives it, and the counts are asked for at once
    page.wait_for_text("halls", f"{gate.hall}: {admitted + 1} of {expected} admitted")
    assert page.text("device-counts") == "This device: 1 admitted, 0 refused"
    assert len(page.scans()) == 1
