"""What staff see of each verdict."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from selenium.webdriver.common.keys import Keys

from platform_client import Buyer, Records
from scanner_page import ScannerPage
from gate import Gate, entries

Bought = tuple[Buyer, str, str]

# Writes down every tone, every shake, and for how long each verdict was on the screen.
_RECORDER = """
window.recorded = { tones: [], shakes: [], shown: [] };
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...when) {
  window.recorded.tones.push(this.frequency.value);
  return start.apply(this, when);
};
navigator.vibrate = (pattern) => window.recorded.shakes.push(pattern);
document.addEventListener("DOMContentLoaded", () => {
  const verdict = document.getElementById("verdict");
  let since = null;
  new MutationObserver(() => {
    if (verdict.childNodes.length) since = performance.now();
    else window.recorded.shown.push(performance.now() - since);
  }).observe(verdict, { childList: true });
});
"""


@pytest.fixture
def recorded(page: ScannerPage) -> Any:
    """What the page has played, shaken and shown since it was loaded."""
    with page.prepared(_RECORDER):
        yield lambda: page.driver.execute_script("return window.recorded")


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


def test_no_two_verdicts_look_alike_and_every_tone_has_its_sound(
    page: ScannerPage, gate: Gate, bought: Bought, new_buyer: Callable[..., Buyer], recorded: Any
) -> None:
    buyer, seat_id, code = bought
    looks, sounds = {}, {}
    page.at_the_gate()
    for result, scanned in {
        "NOT_OWNER": gate.code(seat_id, new_buyer(credits=0)),
        "WRONG_HALL": gate.code(seat_id, buyer, hall_id="ELSEWHERE"),
        "EXPIRED": gate.code(seat_id, buyer, 70),
        "NOT_FOUND": gate.code(str(uuid4()), buyer),
        "QR_INVALID": "not one of ours",
        "SUCCESS": code,
        "DUPLICATE": code,
    }.items():
        before = len(recorded()["tones"])
        page.type_code(scanned)
        page.verdict(result)
        verdict = page.element("verdict")
        shape = page.driver.execute_script(
            "return document.querySelector('#verdict use').getAttribute('href')"
        )
        looks[shape] = result
        tone = verdict.get_attribute("data-tone")
        sounds.setdefault(tone, tuple(recorded()["tones"][before:]))
        assert recorded()["tones"][before:] == list(sounds[tone])
        page.wait_until_ready()
    assert len(looks) == 7
    assert len(set(sounds.values())) == len(sounds) == 5
    assert len(recorded()["shakes"]) == 7
    assert max(recorded()["shown"]) < 2000


def test_muted_it_plays_nothing(page: ScannerPage, recorded: Any) -> None:
    page.at_the_gate()
    page.element("sound").click()
    assert page.element("sound").get_attribute("aria-pressed") == "false"
    page.type_code("not one of ours")
    page.verdict("QR_INVALID")
    assert recorded()["tones"] == []


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
