"""Real Chromium, driven by Selenium, with a camera that shows what a test wants it to show."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_stack import packages
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PHONE = (390, 844)
ALLOWED = "--use-fake-ui-for-media-stream"
FAKE_CAMERA = "--use-fake-device-for-media-stream"
NO_CAMERA = f"{FAKE_CAMERA}=device-count=0"


@contextmanager
def chromium(*arguments: str, refuses_camera: bool = False) -> Iterator[Chrome]:
    """A browser with an empty profile and the size of a phone, in English."""
    options = ChromeOptions()
    options.binary_location = packages.chromium_program()
    usual = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
    for argument in (*usual, "--lang=en", *arguments):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if refuses_camera:
        refused = {"profile.default_content_setting_values.media_stream_camera": 2}
        options.add_experimental_option("prefs", refused)
    driver = Chrome(options, Service(packages.chromedriver_program()))
    try:
        resize(driver, *PHONE)
        yield driver
    finally:
        driver.quit()


def resize(driver: Chrome, width: int, height: int) -> None:
    """Make the page, not the window around it, of that size in CSS pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def sees(video: Path) -> tuple[str, ...]:
    """The arguments for a camera that shows this film over and over."""
    return ALLOWED, FAKE_CAMERA, f"--use-file-for-fake-video-capture={video}"
