"""Signing in, choosing where one stands, and that everybody can use the page."""

import re
from collections.abc import Callable

from local_stack.stack import ROOT, Stack
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from chromium import resize
from common.testing import wait_for
from outside import stopped
from platform_client import EVENT_A, Api, Buyer
from scanner_page import ScannerPage

_APP = ROOT / "scanner-app" / "app"


def test_a_customer_is_told_that_the_account_may_not_scan(
    page: ScannerPage, new_buyer: Callable[..., Buyer]
) -> None:
    page.open().sign_in(new_buyer(credits=0).email)
    page.wait_for_text("sign-in-error", "This account may not scan: it is not one of staff.")
    assert page.kept("session") is None


def test_a_wrong_password_is_told(page: ScannerPage) -> None:
    page.open().sign_in("nobody@example.com")
    page.wait_for_text("sign-in-error", "The e-mail or the password is wrong.")


def test_a_locked_account_is_told_for_how_long(
    page: ScannerPage, api: Api, new_buyer: Callable[..., Buyer]
) -> None:
    email = new_buyer(credits=0).email
    for _ in range(10):
        api.refused("POST", "/api/auth/login", email=email, password="a wrong one")
    page.open().sign_in(email)
    page.wait_for_text("sign-in-error", "(429). Wait 15 minutes, then try again.")


def test_a_platform_that_is_away_is_told_and_asked_again(page: ScannerPage, stack: Stack) -> None:
    page.open().sign_in()
    page.wait_for_screen("place-choice")
    wait_for(lambda: Select(page.element("event")).options, "the events")
    with stopped(stack, "event"):
        page.driver.refresh()
        page.wait_for_text("place-error", "(503). Try again in a moment.")
    page.element("events-again").click()
    wait_for(lambda: Select(page.element("event")).options, "the events")
    assert page.text("place-error") == ""


def test_the_hall_is_the_events_own_until_another_is_named(page: ScannerPage, api: Api) -> None:
    page.open().sign_in()
    page.wait_for_screen("place-choice")
    wait_for(lambda: Select(page.element("event")).options, "the events")
    listed = {option.get_attribute("value") for option in Select(page.element("event")).options}
    events = {event["event_id"]: event for event in api.ok("GET", "/api/events?per_page=100")}
    assert listed == set(events)
    for event_id, event in events.items():
        Select(page.element("event")).select_by_value(event_id)
        assert page.element("hall").get_attribute("value") == event["hall_id"]
    page.choose(EVENT_A, hall="A hall whose name is far too long")
    assert page.kept("place")["hall"] == "A hall whose name is"
    assert page.text("place") == f"{events[EVENT_A]['name']} · A hall whose name is"


def test_a_session_outlives_a_reload_and_ends_with_sign_out(page: ScannerPage, api: Api) -> None:
    page.at_the_gate()
    page.driver.refresh()
    page.wait_until_ready()
    token = page.kept("session")["access"]
    page.element("sign-out").click()
    page.wait_for_screen("sign-in")
    names = page.driver.execute_script("return Object.keys(sessionStorage)")
    assert [name for name in names if page.kept(name.removeprefix("scanner.")) is not None] == []
    ended = Api(api.base_url, token)
    wait_for(
        lambda: ended.call("GET", "/api/credits/balance").status_code == 401,
        "the end of the login",
        seconds=3,
    )


def test_a_shift_can_be_done_by_keyboard_alone(page: ScannerPage) -> None:
    page.open()
    assert page.focused() == "email"
    page.press("staff@example.com", Keys.TAB, "password123", Keys.ENTER)
    page.wait_for_screen("place-choice")
    wait_for(lambda: Select(page.element("event")).options, "the events")
    assert page.focused() == "event"
    page.press(Keys.TAB, Keys.TAB, Keys.ENTER)
    page.wait_until_ready()
    reached = []
    while "typed" not in reached:
        page.press(Keys.TAB)
        reached.append(page.focused())
        assert len(reached) < 12, reached
    assert {"sound", "keep"} < set(reached)
    page.press("not one of ours", Keys.TAB, Keys.ENTER)
    page.verdict("QR_INVALID")


def test_every_screen_is_accessible_and_fits_a_small_phone_upright_on_its_side_and_enlarged(
    page: ScannerPage, screenshot: Callable[[ScannerPage, str], None]
) -> None:
    steps = {
        "sign-in": page.open,
        "place": lambda: (page.sign_in(), page.wait_for_screen("place-choice")),
        "gate": page.choose,
        "verdict": lambda: (
            page.keep_refusals(),
            page.type_code("not one of ours"),
            page.verdict("QR_INVALID"),
        ),
    }
    for name, step in steps.items():
        step()
        for size in ((320, 568), (568, 320), (195, 422), (1280, 800)):
            resize(page.driver, *size)
            assert page.serious_violations() == [], (name, size)
            assert not page.is_too_wide(), (name, size)
            screenshot(page, f"{name}-{size[0]}x{size[1]}")
        resize(page.driver, 390, 844)


def test_the_app_can_be_installed(page: ScannerPage) -> None:
    page.open()
    told = page.driver.execute_cdp_cmd("Page.getAppManifest", {})
    assert told["errors"] == []
    assert page.driver.execute_cdp_cmd("Page.getInstallabilityErrors", {}) == {
        "installabilityErrors": []
    }


def test_the_page_runs_nothing_but_its_own_files(page: ScannerPage) -> None:
    page.open()
    page.driver.execute_script("""
        const injected = document.createElement("script");
        injected.textContent = "window.isInjected = true";
        document.body.append(injected);
    """)
    assert page.driver.execute_script("return window.isInjected") is None
    assert ["Content Security Policy" in line for line in page.errors()] == [True]


def test_the_service_worker_keeps_the_page_and_nothing_of_the_api(page: ScannerPage) -> None:
    page.at_the_gate()
    page.type_code("not one of ours")
    page.verdict("QR_INVALID")
    kept = """return caches.open("scanner-shell").then((cache) => cache.keys()).then(
        (requests) => requests.map((request) => new URL(request.url).pathname))"""
    paths = wait_for(lambda: page.driver.execute_script(kept), "what is kept")
    loaded = (
        "return performance.getEntriesByType('resource').map((one) => new URL(one.name).pathname)"
    )
    ours = {one for one in page.driver.execute_script(loaded) if one.startswith("/scanner/")}
    assert ours <= set(paths)
    assert all(path.startswith("/scanner/") for path in paths)


def test_the_service_worker_fetches_every_file_that_the_page_needs() -> None:
    listed = set(re.findall(r'^  "(.+)",$', (_APP / "sw.js").read_text(), re.M))
    files = {str(path.relative_to(_APP)) for path in _APP.rglob("*") if path.is_file()}
    needed = {one for one in files if not one.startswith("icons/") and "LICENSE" not in one}
    assert needed - {"index.html", "sw.js"} <= listed
    assert listed - files == {"./"}
