"""A login over a shift: renewed unseen, and its end said in words."""

import time
from collections.abc import Callable
from uuid import UUID

import pytest
from local_stack.stack import Stack

from common.auth import Role
from common.testing import access_token
from platform_client import Buyer, Records
from scanner_page import ScannerPage
from gate import entries

Bought = tuple[Buyer, str, str]
Token = Callable[..., str]

_ENDED = "Your session has ended. Sign in again"
_KEPT = "the scan you made is kept and will be sent then."
_HOTSPOT = """
window.ask = window.fetch;
window.fetch = async () => new Response("<p>Log in to use this network.", { status: 401 });
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


def replace_tokens(page: ScannerPage, **tokens: object) -> None:
    page.keep("session", {**page.kept("session"), **tokens})


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


def test_a_login_that_ended_while_it_was_renewed_does_not_come_back(
    at_the_gate: ScannerPage,
) -> None:
    page = at_the_gate
    replace_tokens(page, expiresAt=0)
    with page.held("/api/auth/refresh"):
        page.type_code("not one of ours")
        page.wait_until_held()
        page.element("sign-out").click()
        page.wait_for_screen("sign-in")
    assert page.kept("session") is None


def test_a_page_in_between_ends_no_session(at_the_gate: ScannerPage, bought: Bought) -> None:
    page = at_the_gate
    page.driver.execute_script(_HOTSPOT)
    page.type_code(bought[2])
    page.wait_for_trouble("The platform cannot be reached.")
    page.driver.execute_script("window.fetch = window.ask")
    page.element("try-again").click()
    page.verdict("SUCCESS")


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
