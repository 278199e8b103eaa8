"""The SMU notification API: sends codes by text message, and judges them."""

import logging
import re
import time
from enum import StrEnum
from typing import Any

import httpx

from common import encoding
from common.errors import AppError, ErrorCode

log = logging.getLogger(__name__)

# Together below the 5 s after which a caller must know that it does not answer.
_TIMEOUT = httpx.Timeout(connect=1.0, read=3.0, write=0.4, pool=0.4)
_DEADLINE_SECONDS = 4.0
_ANSWER_BYTES = 64 * 1024
_DIGITS = re.compile(r"\d{4,}")


class Verdict(StrEnum):
    """What became of a code."""

    APPROVED = "approved"
    WRONG = "pending"
    EXPIRED = "expired"


class SmuClient:
    """Calls the API; safe to share between threads.

    Raises SERVICE_UNAVAILABLE within 5 s on anything but a documented answer. Nothing is sent
    twice: a broken connection does not say whether the message went out.
    """

    def __init__(self, base_url: str, api_key: str) -> None:
        self._client = httpx.Client(
            base_url=base_url,
            headers={"X-Contacts-Key": api_key},
            timeout=_TIMEOUT,
            # an idle connection that the other side closes meanwhile would fail the next call
            limits=httpx.Limits(max_connections=32, keepalive_expiry=2),
        )

    def send(self, mobile: str) -> str:
        """Send a new code; its VerificationSid."""
        answer = self._post("/SendOTP", Mobile=mobile)
        sid = answer.get("VerificationSid")
        if answer.get("Success") is not True or not isinstance(sid, str) or not sid:
            raise _unavailable("refused to send", str(answer.get("ErrorMessage")))
        return sid

    def verify(self, sid: str, code: str) -> Verdict:
        """What the code is worth."""
        answer = self._post("/VerifyOTP", VerificationSid=sid, Code=code)
        status, success = answer.get("Status"), answer.get("Success") is True
        known = status in tuple(Verdict)
        if not known or (status == Verdict.APPROVED and not success):
            raise _unavailable("gave no verdict", str(answer.get("ErrorMessage")))
        return Verdict(status)

    def _post(self, path: str, **body: str) -> dict[str, Any]:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        try:
            with self._client.stream("POST", path, json=body) as response:
                content = _read(response, deadline)
        except httpx.HTTPError as error:
            raise _unavailable(type(error).__name__) from error
        if response.status_code != 200:
            raise _unavailable(f"answered {response.status_code}")
        try:
            answer = encoding.loads(content)
        except ValueError as error:
            raise _unavailable("did not answer in JSON") from error
        if not isinstance(answer, dict):
            raise _unavailable("did not answer with an object")
        return answer


def _read(response: httpx.Response, deadline: float) -> bytes:
    """The body; httpx bounds each read, this the whole of it."""
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if time.monotonic() > deadline or len(content) > _ANSWER_BYTES:
            raise _unavailable("answered too slowly or too much")
    return content


def _unavailable(reason: str, told: str = "") -> AppError:
    told = _DIGITS.sub("…", told[:200])  # neither a number nor a code in the log
    log.warning("SMU call failed", extra={"reason": reason, "told": told})
    return AppError(
        ErrorCode.SERVICE_UNAVAILABLE, "Codes cannot be sent or checked right now: try again."
    )
