"""What somebody does on a page /apidocs/, in a real browser."""

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from common.testing import wait_for

_SECONDS = 30


class SwaggerPage:
    """The documentation of one service, opened."""

    def __init__(self, driver: Chrome, base_url: str) -> None:
        self.driver = driver
        self.base_url = base_url
        driver.get(f"{base_url}/apidocs/")
        self._shown(".opblock")

    def operations(self) -> set[str]:
        """Method and path of every operation that is listed."""
        script = (
            "return [...document.querySelectorAll('.opblock')].map(one =>"
            " one.querySelector('.opblock-summary-method').textContent + ' '"
            " + one.querySelector('.opblock-summary-path').dataset.path)"
        )
        return set(self.driver.execute_script(script))

    def authorize(self, scheme: str, token: str) -> None:
        """Give the token of one security scheme, as the page asks for it."""
        self._click(self._shown(".btn.authorize"))
        form = self._shown(".auth-container", scheme)
        form.find_element(By.TAG_NAME, "input").send_keys(token)
        self._click(form.find_element(By.CSS_SELECTOR, "button.authorize"))
        self._click(self._shown(".btn-done"))

    def try_out(self, label: str) -> tuple[int, str]:
        """Send what is filled in already; the status and the body that are shown."""
        method, path = label.split()
        block = f".opblock-{method.lower()}:has([data-path='{path}'])"
        self._click(self._shown(f"{block} .opblock-summary"))
        self._click(self._shown(f"{block} .try-out__btn"))
        self._click(self._shown(f"{block} .execute"))
        answer = f"{block} .live-responses-table .response"
        status = self._shown(f"{answer} .response-col_status").text.split()[0]
        return int(status), self._shown(f"{answer} .microlight").text

    def resources(self) -> list[str]:
        """The addresses of all that the page has loaded or called."""
        script = "return performance.getEntriesByType('resource').map(one => one.name)"
        return self.driver.execute_script(script)

    def errors(self) -> list[str]:
        """What the console says that is more than a warning."""
        log = self.driver.get_log("browser")
        return [one["message"] for one in log if one["level"] == "SEVERE"]

    def _click(self, element: WebElement) -> None:
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def _shown(self, selector: str, words: str = "") -> WebElement:
        """The first that is visible and has these words, once there is one."""

        def found() -> WebElement | None:
            some = self.driver.find_elements(By.CSS_SELECTOR, selector)
            return next((one for one in some if one.is_displayed() and words in one.text), None)

        return wait_for(found, f"{selector} {words}", seconds=_SECONDS)
