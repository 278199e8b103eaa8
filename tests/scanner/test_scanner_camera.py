"""Codes that a camera sees, and what is said where there is no camera."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.testing import wait_for
from chromium import ALLOWED, FAKE_CAMERA, NO_CAMERA, sees
from films import film
from platform_client import Buyer, Records
from scanner_page import ScannerPage
from gate import entries

_POSTER = "https://example.com/a-poster-at-the-gate"
_OTHERWISE = "You can go on with a hand scanner, or type the code below."
_TORCH = """
window.lights = [];
const capabilities = MediaStreamTrack.prototype.getCapabilities;
MediaStreamTrack.prototype.getCapabilities = function () {
  return { ...capabilities.call(this), torch: true };
};
MediaStreamTrack.prototype.applyConstraints = async ({ advanced: [{ torch }] }) => {
  window.lights.push(torch);
  if (window.lights.length > 2) throw new DOMException("no light", "OverconstrainedError");
};
"""
_HIDDEN = """
Object.defineProperty(document, "hidden", { value: arguments[0], configurable: true });
document.dispatchEvent(new Event("visibilitychange"));
"""
# Writes down when the decoder has found a code.
_SIGHTINGS = """
window.sightings = [];
window.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => {
      if (data.codes.length) window.sightings.push(performance.now());
    });
  }
};
"""


def sighted_for(page: ScannerPage) -> float:
    """Milliseconds from the second sighting, the first after the verdict, to the last."""
    script = "const [_, second, ...more] = window.sightings; return (more.at(-1) ?? 0) - second"
    return page.driver.execute_script(script) or 0


def test_the_camera_admits_a_guest_refuses_a_stranger_and_knows_the_guest_again(
    page_in: Callable[..., Any],
    bought: tuple[Buyer, str, str],
    records: Records,
    tmp_path: Path,
) -> None:
    buyer, seat_id, _ = bought
    shown = buyer.api.call("GET", f"/api/tickets/{seat_id}/qr?format=png").content
    guests = film(tmp_path / "guests.y4m", [shown] * 2 + [_POSTER] * 2 + [None] * 3)
    with page_in(*sees(guests)) as page:
        page.at_the_gate()
        page.verdict("SUCCESS", "QR_INVALID")  # wherever in the film it begins
        page.wait_for_text("scans", "Already in", seconds=25)
        assert sum(line.startswith("Admitted") for line in page.scans()) == 1
        assert "Not a ticket" in page.scans()
    assert entries(records, seat_id) == ["SUCCESS", "DUPLICATE"]


def test_a_code_that_stays_before_the_camera_is_sent_once(
    page_in: Callable[..., Any],
    bought: tuple[Buyer, str, str],
    records: Records,
    tmp_path: Path,
) -> None:
    _, seat_id, code = bought
    with page_in(*sees(film(tmp_path / "still.y4m", [code]))) as page:
        with page.prepared(_SIGHTINGS):
            page.at_the_gate()
        page.verdict("SUCCESS")
        page.wait_until_ready()
        wait_for(lambda: sighted_for(page) > 3500, "sightings for longer than a code rests")
        assert page.status() == "Ready for the next guest. (This code was just checked.)"
        assert len(page.scans()) == 1
    assert entries(records, seat_id) == ["SUCCESS"]


def test_of_two_codes_before_the_camera_neither_hides_the_other(
    page_in: Callable[..., Any], bought: tuple[Buyer, str, str], tmp_path: Path
) -> None:
    with page_in(*sees(film(tmp_path / "two.y4m", [(_POSTER, bought[2])]))) as page:
        page.at_the_gate()
        wait_for(lambda: len(page.scans()) == 2, "a verdict of each", seconds=20)
        words = {line.split(" Row")[0] for line in page.scans()}
        assert words == {"Admitted", "Not a ticket"}


def test_a_page_that_nobody_sees_scans_nothing(page: ScannerPage) -> None:
    page.at_the_gate()
    page.wait_for_picture()
    page.driver.execute_script(_HIDDEN, True)
    assert page.driver.execute_script("return document.getElementById('video').srcObject") is None
    page.hand_scan("not one of ours")
    page.driver.execute_script(_HIDDEN, False)
    page.wait_for_picture()
    page.wait_until_ready()
    assert page.scans() == []


def test_a_refused_camera_is_said_in_words_and_typing_goes_on(page_in: Callable[..., Any]) -> None:
    with page_in(FAKE_CAMERA, refuses_camera=True) as page:
        page.at_the_gate()
        page.wait_for_text("camera-message", "The browser does not let this page use the camera.")
        assert _OTHERWISE in page.text("camera-message")
        assert page.element("camera-again").is_displayed()
        page.type_code("not one of ours")
        page.verdict("QR_INVALID")


def test_a_missing_camera_is_said_in_words(page_in: Callable[..., Any]) -> None:
    with page_in(ALLOWED, NO_CAMERA) as page:
        page.at_the_gate()
        page.wait_for_text("camera-message", "This device has no camera that could be used.")
        assert page.serious_violations() == []


def test_an_insecure_page_names_the_secure_one_and_still_scans(
    page_in: Callable[..., Any], page: ScannerPage
) -> None:
    port = page.url.split(":")[2].split("/")[0]
    rules = "--host-resolver-rules=MAP gate.test 127.0.0.1"
    with page_in(ALLOWED, FAKE_CAMERA, rules, base_url=f"http://gate.test:{port}") as insecure:
        insecure.at_the_gate()
        insecure.wait_for_text("camera-message", "https://gate.test:8443/scanner/")
        insecure.type_code("not one of ours")
        insecure.verdict("QR_INVALID")


def test_a_camera_that_stops_is_said_in_words_and_started_again(page: ScannerPage) -> None:
    page.at_the_gate()
    page.wait_for_picture()
    assert not page.element("torch").is_displayed()
    page.driver.execute_script("""
        const [track] = document.getElementById("video").srcObject.getTracks();
        track.dispatchEvent(new Event("ended"));
    """)
    page.wait_for_text("camera-message", "The camera has stopped.")
    page.element("camera-again").click()
    page.wait_for_picture()


def test_the_light_is_switched_where_the_camera_has_one(page: ScannerPage) -> None:
    with page.prepared(_TORCH):
        page.at_the_gate()
    page.wait_for_picture()
    page.element("torch").click()
    assert page.element("torch").get_attribute("aria-pressed") == "true"
    page.element("torch").click()
    page.element("torch").click()  # this time the camera refuses
    page.wait_for_attribute("torch", "aria-pressed", "false")
    assert page.driver.execute_script("return window.lights") == [True, False, True]
