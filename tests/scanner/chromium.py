"""Real Chromium, driven by Selenium, with a camera that shows what a test wants it to show."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import segno
from local_stack import packages
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PHONE = (390, 844)
ALLOWED = "--use-fake-ui-for-media-stream"
FAKE_CAMERA = "--use-fake-device-for-media-stream"
NO_CAMERA = f"{FAKE_CAMERA}=device-count=0"
_WIDTH, _HEIGHT = 640, 480
_WHITE, _BLACK, _GREY = b"\xeb", b"\x10", b"\x80"


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


def film(path: Path, seconds: Iterable[str | None]) -> Path:
    """A film of one picture a second (YUV4MPEG2): the QR code of a text, or nothing."""
    header = b"YUV4MPEG2 W%d H%d F1:1 Ip A1:1 C420jpeg\n" % (_WIDTH, _HEIGHT)
    colourless = _GREY * (_WIDTH * _HEIGHT // 2)
    with path.open("wb") as file:
        file.write(header)
        for content in seconds:
            file.write(b"FRAME\n" + _picture(content) + colourless)
    return path


def _picture(content: str | None) -> bytes:
    """The brightness of each pixel, the code in the middle as large as it fits."""
    if content is None:
        return _WHITE * (_WIDTH * _HEIGHT)
    rows = [bytes(row) for row in segno.make_qr(content).matrix]
    scale = _HEIGHT // (len(rows) + 8)  # a code needs four modules of white around it
    margin = (_HEIGHT - scale * len(rows)) // 2
    side = (_WIDTH - scale * len(rows)) // 2
    lines = [_WHITE * _WIDTH] * margin
    for row in rows:
        code = b"".join((_BLACK if dark else _WHITE) * scale for dark in row)
        line = _WHITE * side + code
        lines += [line.ljust(_WIDTH, _WHITE)] * scale
    lines += [_WHITE * _WIDTH] * (_HEIGHT - len(lines))
    return b"".join(lines)
