"""The scanner app in real Chromium, on the platform that the other end-to-end tests use."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from local_stack.stack import ROOT, Stack
from selenium.webdriver import Chrome

sys.path.insert(0, str(Path(__file__).parent))

from chromium import ALLOWED, FAKE_CAMERA, chromium, resize  # noqa: E402
from scanner_page import ScannerPage  # noqa: E402

# kept after the tests, beside the suites' logs
_SCREENSHOTS = ROOT / ".local-stack" / "test-logs" / "scanner"

Screenshot = Callable[[ScannerPage, str], None]


@pytest.fixture(scope="session")
def screenshot() -> Screenshot:
    """Keeps a picture of the page under a name."""
    _SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def taking(page: ScannerPage, name: str) -> None:
        assert page.driver.save_screenshot(str(_SCREENSHOTS / f"{name}.png"))

    return taking


@pytest.fixture(scope="session")
def _browser() -> Iterator[Chrome]:
    with chromium(ALLOWED, f"{FAKE_CAMERA}=fps=5") as driver:
        yield driver


@pytest.fixture
def page(_browser: Chrome, stack: Stack) -> Iterator[ScannerPage]:
    """The app in a browser whose camera works and sees no code."""
    page = ScannerPage(_browser, stack.gateway_url)
    yield page
    resize(_browser, 390, 844)
    assert page.errors() == []


@pytest.fixture
def at_the_gate(page: ScannerPage) -> ScannerPage:
    """Signed in, ready for the first guest."""
    return page.at_the_gate()


@pytest.fixture
def page_in(stack: Stack) -> Callable[..., object]:
    """The app in a browser of its own, started with these arguments."""

    @contextmanager
    def opening(*arguments: str, base_url: str = "", **options: bool) -> Iterator[ScannerPage]:
        with chromium(*arguments, **options) as driver:
            page = ScannerPage(driver, base_url or stack.gateway_url)
            yield page
            assert page.errors() == []

    return opening
