"""What is said where a scan gets no answer, and that nothing is counted twice."""

import time
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from local_stack.stack import Stack

from common.auth import Role
from common.testing import access_token, wait_for
from outside import stopped
from platform_client import Buyer, Records
from scanner_page import ScannerPage
from gate import entries

Bought = tuple[Buyer, str, str]
Token = Callable[..., str]

_ENDED = "Your session has ended. Sign in again"
_KEPT = "the scan you made is kept and will be sent then."
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


@pytest.fixture
def token(stack: Stack, records: Records) -> Token:
    """A token for the member of staff, or for somebody with another role."""
    sql = "SELECT user_id FROM users WHERE email = 'staff@example.com'"
    ((user_id,),) = records.query("user", sql)

    def making(lifetime_seconds: float, role: Role = Role.STAFF, **claims: object) -> str:
        secret = stack.settings["JWT_SECRET"]
        return access_token(UUID(str(user_id)), role, secret, lifetime_seconds, **claims)

    return making


@pytest.fixture
def at_the_gate(page: ScannerPage) -> Iterator[ScannerPage]:
    """Signed in, ready for the first guest."""
    yield page.at_the_gate()


def replace_tokens(page: ScannerPage, **tokens: object) -> None:
    page.keep("session", {**page.kept("session"), **tokens})


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


def test_an_access_token_is_renewed_before_it_expires_and_when_it_is_refused(
    at_the_gate: ScannerPage, token: Token, records: Records, bought: Bought
) -> None:
    page = at_the_gate
    expired = token(-10)
    replace_tokens(page, access=expired)
    page.type_code("not one of ours")
    page.verdict("QR_INVALID")
    page.wait_until_ready()
    renewed = page.kept("session")
    assert renewed["access"] != expired
    replace_tokens(page, access=token(20), expiresAt=time.time() * 1000 + 20_000)
    page.type_code(bought[2])
    page.verdict("SUCCESS")
    assert page.kept("session")["expiresAt"] > time.time() * 1000 + 800_000
    assert page.kept("session")["refresh"] == renewed["refresh"]


def test_a_session_that_ends_mid_shift_asks_to_sign_in_and_then_sends_the_scan(
    at_the_gate: ScannerPage,
    bought: Bought,
    token: Token,
    records: Records,
    screenshot: Callable[[ScannerPage, str], None],
) -> None:
    page, (_, seat_id, code) = at_the_gate, bought
    replace_tokens(page, access=token(-10), refresh=token(-10, type="refresh"))
    page.type_code(code)
    page.wait_for_screen("sign-in")
    assert page.text("notice").startswith(_ENDED) and page.text("notice").endswith(_KEPT)
    screenshot(page, "session-ended")
    assert entries(records, seat_id) == []
    page.sign_in()
    page.verdict("SUCCESS")
    page.wait_until_ready()
    assert entries(records, seat_id) == ["SUCCESS"]


def test_an_account_that_may_not_scan_any_more_is_told_and_another_can_be_used(
    at_the_gate: ScannerPage, bought: Bought, token: Token, records: Records
) -> None:
    page, (_, seat_id, code) = at_the_gate, bought
    replace_tokens(page, access=token(900, Role.CUSTOMER))
    page.type_code(code)
    page.wait_for_trouble("This account may not scan (403).")
    page.element("other-account").click()
    page.wait_for_screen("sign-in")
    page.sign_in()
    page.verdict("SUCCESS")
    assert entries(records, seat_id) == ["SUCCESS"]
