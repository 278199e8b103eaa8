"""What is said where a scan gets no answer, and that nothing is counted twice."""

from collections.abc import Callable

from local_stack.stack import Stack
from selenium.webdriver.common.keys import Keys

from common.testing import wait_for
from outside import stopped
from platform_client import Buyer, Records
from scanner_page import ScannerPage
from gate import entries

Bought = tuple[Buyer, str, str]

# The platform gets the scan and books it; its first answer does not arrive.
_FIRST_ANSWER_IS_LOST = """
const ask = window.fetch;
window.fetch = async (...request) => {
  const answer = await ask(...request);
  if (request[0] !== "/api/verify") return answer;
  window.fetch = ask;
  throw new TypeError("the answer is lost");
};
"""
_REFUSED_ONCE = """
const ask = window.fetch;
window.fetch = async (...request) => {
  if (request[0] !== "/api/verify") return ask(...request);
  window.fetch = ask;
  const body = { success: false, error_code: "RATE_LIMITED", message: "Too many requests." };
  return Response.json(body, { status: 429, headers: { "Retry-After": "7" } });
};
"""


def test_the_gateway_is_down_and_the_scan_is_kept_even_over_a_reload(
    at_the_gate: ScannerPage,
    bought: Bought,
    stack: Stack,
    records: Records,
    screenshot: Callable[[ScannerPage, str], None],
) -> None:
    page, (_, seat_id, code) = at_the_gate, bought
    shell = (
        "return caches.keys().then((names) => names.length && navigator.serviceWorker.controller"
    )
    wait_for(lambda: page.driver.execute_script(f"{shell} !== null)"), "the shell to be kept")
    with stopped(stack, "gateway"):
        page.type_code(code)
        page.wait_for_trouble("The platform cannot be reached.")
        screenshot(page, "no-network")
        assert page.serious_violations() == []
        assert page.focused() == "try-again"
        page.element("try-again").click()
        page.wait_for_trouble("The platform cannot be reached.")
        page.driver.refresh()
        page.wait_for_trouble("The platform cannot be reached.")
    page.element("try-again").click()
    page.verdict("SUCCESS")
    page.wait_until_ready()
    assert entries(records, seat_id) == ["SUCCESS"]


def test_a_lost_answer_is_asked_for_again_and_the_guest_is_admitted_once(
    at_the_gate: ScannerPage, bought: Bought, records: Records
) -> None:
    page, (_, seat_id, code) = at_the_gate, bought
    page.driver.execute_script(_FIRST_ANSWER_IS_LOST)
    page.type_code(code)
    page.wait_for_trouble("The platform cannot be reached.")
    assert entries(records, seat_id) == ["SUCCESS"]
    page.element("try-again").click()
    page.verdict("SUCCESS")
    page.wait_until_ready()
    assert (page.scans()[0].split(" ")[0], len(page.scans())) == ("Admitted", 1)
    assert entries(records, seat_id) == ["SUCCESS"]
    page.type_code(code)  # another scan is another scan
    page.verdict("DUPLICATE")


def test_a_service_is_away_and_the_guest_is_admitted_once_it_is_back(
    at_the_gate: ScannerPage, bought: Bought, stack: Stack, records: Records
) -> None:
    page, (_, seat_id, code) = at_the_gate, bought
    with stopped(stack, "order"):
        page.type_code(code)
        page.wait_for_trouble("The platform cannot check tickets right now (503).")
    page.element("try-again").click()
    page.verdict("SUCCESS")
    assert entries(records, seat_id) == ["SUCCESS"]


def test_too_many_requests_says_how_long_to_wait(
    at_the_gate: ScannerPage, bought: Bought, records: Records
) -> None:
    page, (_, seat_id, code) = at_the_gate, bought
    page.driver.execute_script(_REFUSED_ONCE)
    page.type_code(code)
    page.wait_for_trouble("Too many requests (429). Wait 7 seconds, then try again.")
    page.element("try-again").click()
    page.verdict("SUCCESS")
    assert entries(records, seat_id) == ["SUCCESS"]


def test_a_scan_can_be_dropped_and_the_next_one_made(
    at_the_gate: ScannerPage, bought: Bought
) -> None:
    page = at_the_gate
    page.driver.execute_script(_REFUSED_ONCE)
    page.type_code("a code of a guest who has gone")
    page.wait_for_trouble("Too many requests")
    page.element("leave").click()
    page.wait_until_ready()
    page.hand_scan(bought[2])
    page.verdict("SUCCESS")


def test_a_verdict_that_comes_after_sign_out_is_not_shown_to_the_next_guest(
    at_the_gate: ScannerPage, bought: Bought
) -> None:
    page, (_, _, code) = at_the_gate, bought
    with page.held("/api/verify"):
        page.type_code(code)
        page.wait_until_held()
        page.element("sign-out").click()
        page.wait_for_screen("sign-in")
        page.sign_in()
        page.choose()
        page.type_code("a code of the next guest")
        page.verdict("QR_INVALID")
        page.wait_until_ready()
    assert page.scans() == ["Not a ticket"]
    assert page.status() == "Ready for the next guest. Last: Not a ticket"


def test_what_is_typed_while_a_scan_is_on_its_way_is_replaced_by_the_next_code(
    at_the_gate: ScannerPage, bought: Bought
) -> None:
    page = at_the_gate
    with page.held("/api/verify"):
        page.type_code("not one of ours")
        page.wait_until_held()
        page.element("typed").send_keys("too early", Keys.ENTER)
    page.verdict("QR_INVALID")
    page.wait_until_ready()
    page.element("typed").send_keys(bought[2], Keys.ENTER)
    page.verdict("SUCCESS")


def test_a_hand_scanner_does_not_press_try_again(at_the_gate: ScannerPage, bought: Bought) -> None:
    page = at_the_gate
    page.driver.execute_script(_REFUSED_ONCE)
    page.type_code(bought[2])
    page.wait_for_trouble("Too many requests")
    assert page.focused() == "try-again"
    page.hand_scan("the code of the next guest")
    assert "Too many requests" in page.text("trouble-message")
    page.press(Keys.ENTER)  # as a person does
    page.verdict("SUCCESS")
