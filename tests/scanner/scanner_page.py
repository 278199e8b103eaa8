"""The scanner app as staff use it: what they press and what they see."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from common.testing import wait_for
from platform_client import EVENT_B

_AXE = Path(__file__).with_name("vendor") / "axe-core" / "axe.min.js"
# The browser reports every refused or failed request, also those that a test provokes.
_OF_THE_NETWORK = "Failed to load resource"
# The next answer of that path waits for `release()`.
_HELD = """
const ask = window.fetch, path = arguments[0];
const gate = new Promise((resolve) => { window.release = resolve; });
window.fetch = async (...request) => {
  const answer = await ask(...request);
  if (request[0] !== path) return answer;
  window.fetch = ask;
  window.isHeld = true;
  await gate;
  setTimeout(() => { window.isHeld = false; }, 100);
  return answer;
};
"""
_VERDICT = """const shown = document.querySelector('#verdict:not(:empty)');
    return shown && [shown.dataset.result, shown.innerText]"""


class ScannerPage:
    """The page in a browser; `open` begins with nobody signed in."""

    def __init__(self, driver: Chrome, base_url: str) -> None:
        self.driver = driver
        self.url = f"{base_url}/scanner/"

    def open(self) -> "ScannerPage":
        self.driver.get(self.url)
        self.driver.execute_script("sessionStorage.clear()")
        self.driver.refresh()
        self.wait_for_screen("sign-in")
        return self

    def sign_in(self, email: str = "staff@example.com") -> None:
        for field, value in (("email", email), ("password", "password123")):
            self.element(field).clear()
            self.element(field).send_keys(value)
        self.driver.find_element(By.CSS_SELECTOR, "#sign-in-form button").click()

    def at_the_gate(self, event_id: str = EVENT_B, hall: str | None = None) -> "ScannerPage":
        """Opened, signed in, and ready for the first guest."""
        self.open().sign_in()
        self.choose(event_id, hall)
        return self

    def choose(self, event_id: str = EVENT_B, hall: str | None = None) -> None:
        self.wait_for_screen("place-choice")
        wait_for(lambda: Select(self.element("event")).options, "the events")
        Select(self.element("event")).select_by_value(event_id)
        if hall is not None:
            self.element("hall").clear()
            self.element("hall").send_keys(hall)
        self.element("start").click()
        self.wait_until_ready()

    def type_code(self, code: str) -> None:
        """Into the field for it, at once as if pasted."""
        script = "arguments[0].value = arguments[1]"
        self.driver.execute_script(script, self.element("typed"), code)
        self.element("typed").send_keys(Keys.ENTER)

    def hand_scan(self, code: str) -> None:
        """As a hand scanner does: keys, wherever the focus is."""
        ActionChains(self.driver, duration=0).send_keys(code, Keys.ENTER).perform()

    def verdict(self, *results: str) -> list[str]:
        """Wait for a verdict, which is one of these; what it says, line by line."""

        def shown() -> tuple[str, str] | None:
            return self.driver.execute_script(_VERDICT)

        result, lines = wait_for(shown, f"a verdict, {results}", seconds=20)
        assert result in results
        return lines.split("\n\n")

    def wait_until_ready(self) -> None:
        """The next guest can come: no verdict, no message, and the status says so."""
        self.wait_for_screen("gate")
        WebDriverWait(self.driver, 10, 0.05).until(
            lambda driver: self.status().startswith("Ready for the next guest.")
            and driver.execute_script(_VERDICT) is None
            and not self.is_in_trouble()
        )

    def keep_refusals(self) -> None:
        """Let them stay until they are tapped."""
        self.element("keep").click()

    def dismiss(self) -> None:
        self.element("verdict").click()

    def wait_for_picture(self) -> None:
        """The camera shows something."""
        script = "return document.getElementById('video').videoWidth"
        wait_for(lambda: self.driver.execute_script(script), "a picture of the camera")

    @contextmanager
    def prepared(self, script: str) -> Iterator[None]:
        """Every page that is opened meanwhile runs this first."""
        source = {"source": script}
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
        yield
        self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    @contextmanager
    def held(self, path: str) -> Iterator[None]:
        """The next answer of that path comes at the end of the block."""
        self.driver.execute_script(_HELD, path)
        yield
        self.driver.execute_script("window.release()")
        wait_for(lambda: not self._is_held(), "the answer")

    def wait_until_held(self) -> None:
        wait_for(self._is_held, "the answer to be held")

    def _is_held(self) -> bool:
        return self.driver.execute_script("return window.isHeld")

    def wait_for_trouble(self, words: str) -> None:
        """The message over a scan without an answer says this."""

        def said() -> bool:
            return self.is_in_trouble() and words in self.text("trouble-message")

        wait_for(said, f"the message {words!r}", seconds=15)

    def is_in_trouble(self) -> bool:
        return self.driver.execute_script("return document.getElementById('trouble').open")

    def wait_for_screen(self, screen: str) -> None:
        wait_for(lambda: self.element(screen).is_displayed(), f"the screen {screen}")

    def wait_for_text(self, name: str, words: str, seconds: float = 10) -> None:
        """That element says this."""
        wait_for(lambda: words in self.text(name), f"{words!r} in {name}", seconds)

    def wait_for_attribute(self, name: str, attribute: str, value: str) -> None:
        """That element's attribute is this."""
        wait_for(
            lambda: self.element(name).get_attribute(attribute) == value, f"{attribute} {value!r}"
        )

    def element(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        return self.element(name).text

    def status(self) -> str:
        return self.text("status")

    def scans(self) -> list[str]:
        """The list of the last scans, newest first: result and seat."""
        script = """return [...document.querySelectorAll('#scans li')].map(
            (one) => one.children[1].textContent + ' ' + one.children[2].textContent)"""
        return [line.strip() for line in self.driver.execute_script(script)]

    def kept(self, name: str) -> Any:
        """What the page keeps over a reload under that name."""
        script = "return sessionStorage.getItem('scanner.' + arguments[0])"
        return json.loads(self.driver.execute_script(script, name) or "null")

    def keep(self, name: str, value: Any) -> None:
        """Put something else in its place."""
        script = "sessionStorage.setItem('scanner.' + arguments[0], arguments[1])"
        self.driver.execute_script(script, name, json.dumps(value))

    def focused(self) -> str:
        """The ID, else the text, of what has the focus."""
        return self.driver.execute_script(
            "const one = document.activeElement; return one.id || one.textContent.trim()"
        )

    def press(self, *keys: str) -> None:
        ActionChains(self.driver, duration=0).send_keys(*keys).perform()

    def serious_violations(self, *more_rules: str) -> list[str]:
        """What axe-core finds on the page as it is, by rule and element."""
        if not self.driver.execute_script("return 'axe' in window"):
            self.driver.execute_script(_AXE.read_text())
        rules = {rule: {"enabled": True} for rule in more_rules}
        found = self.driver.execute_async_script(
            "const [rules, done] = arguments; axe.run(document, {rules}).then(done)", rules
        )
        return [
            f"{violation['id']}: {node['target']}"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def is_too_wide(self) -> bool:
        """Whether one has to scroll sideways."""
        return self.driver.execute_script(
            "const { scrollWidth, clientWidth } = document.documentElement;"
            " return scrollWidth > clientWidth"
        )

    def errors(self) -> list[str]:
        """What the console has had of errors since it was last asked, the network's left out."""
        lines = [one["message"] for one in self.driver.get_log("browser") if _is_error(one)]
        return [line for line in lines if _OF_THE_NETWORK not in line]


def _is_error(entry: dict[str, Any]) -> bool:
    return entry["level"] == "SEVERE"
