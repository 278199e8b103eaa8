"""How verdicts look and sound."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from chromium import ALLOWED, FAKE_CAMERA, resize
from common.testing import wait_for
from platform_client import Buyer
from scanner_page import ScannerPage
from gate import Gate

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
# The next scan's answer.
_ANSWER = """
const data = arguments[0], ask = window.fetch;
window.fetch = async (...request) => {
  if (request[0] !== "/api/verify") return ask(...request);
  window.fetch = ask;
  return Response.json({ success: true, data });
};
"""
_LONG_NAME = "<b>Wolfeschlegelsteinhausenbergerdorff</b> " * 4


@pytest.fixture
def recorded(page: ScannerPage) -> Any:
    """What the page has played, shaken and shown since it was loaded."""
    with page.prepared(_RECORDER):
        yield lambda: page.driver.execute_script("return window.recorded")


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


def test_a_browser_that_plays_no_sound_before_a_touch_says_so(
    page_in: Callable[..., Any],
) -> None:
    policy = "--autoplay-policy=document-user-activation-required"
    with page_in(ALLOWED, FAKE_CAMERA, policy) as page:
        page.at_the_gate()
        kept = {name: page.kept(name) for name in ("session", "place")}
        page.driver.switch_to.new_window("tab")
        page.driver.get(page.url)
        for name, value in kept.items():
            page.keep(name, value)
        page.driver.refresh()
        page.wait_for_text("sound-hint", "The browser plays no sound yet: tap the page once.")
        page.element("status").click()
        wait_for(lambda: page.text("sound-hint") == "", "the sound")


def test_the_longest_name_is_text_and_hides_no_verdict(
    page: ScannerPage, screenshot: Callable[[ScannerPage, str], None]
) -> None:
    page.at_the_gate()
    page.keep_refusals()
    where = {"row_number": "AAAA", "seat_number": 99999}
    verdict = {"result": "NOT_OWNER", "owner_name": _LONG_NAME, **where}
    page.driver.execute_script(_ANSWER, verdict)
    page.type_code("not one of ours")
    assert page.verdict("NOT_OWNER")[-1] == _LONG_NAME.strip()
    for size in ((320, 568), (568, 320), (422, 195), (195, 422)):
        resize(page.driver, *size)
        screenshot(page, f"long-name-{size[0]}x{size[1]}")
        top = "return document.querySelector('#verdict .word').getBoundingClientRect().top"
        assert page.driver.execute_script(top) >= 0, size
        assert not page.is_too_wide(), size
