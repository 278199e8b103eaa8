"""A stand-in for the SMU notification API: it shows the codes that it "sent".

python smu.py --port 8090 --bind 127.0.0.1

Everything is in memory. Its switches make it fail, be slow, talk nonsense, or call codes expired.
"""

import argparse
import re
import secrets
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from uuid import uuid4

from flask import Flask, Response, redirect, render_template_string, request
from werkzeug.serving import WSGIRequestHandler, make_server

SLOW_SECONDS = 8
CODE_LIVES_SECONDS = 600
CODES_KEPT = 1000
MODES = {
    "send": ("ok", "fail", "slow", "garbage"),
    "verify": ("ok", "fail", "slow", "garbage", "expired"),
}
_MOBILE = re.compile(r"\+[1-9][0-9]{6,14}")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>Codes by text message (stand-in)</title>
<style>
 body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem }
 table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .4rem .6rem }
 tr:nth-child(even) { background: #f3f4f6 } code { font-size: 1.3rem }
 form { margin: .3rem 0 } button { font: inherit; padding: .2rem .7rem; cursor: pointer }
 button[aria-pressed=true] { background: #1d4ed8; color: #fff }
</style></head><body>
<h1>Codes by text message</h1>
<p>A stand-in for the SMU notification API: nothing leaves this machine. Newest first.</p>
<table><tr><th>sent at</th><th>to</th><th>code</th></tr>
{% for one in codes %}
<tr><td>{{ one.sent_at }}</td><td>{{ one.mobile }}</td><td><code>{{ one.code }}</code></td></tr>
{% else %}<tr><td colspan="3">None yet.</td></tr>{% endfor %}</table>
<h2>Switches</h2>
{% for call, modes in all_modes.items() %}
<form method="post" action="/switches">{{ call }}:
{% for mode in modes %}<button name="{{ call }}" value="{{ mode }}"
 aria-pressed="{{ 'true' if switches[call] == mode else 'false' }}">{{ mode }}</button>
{% endfor %}</form>{% endfor %}
</body></html>"""


@dataclass(frozen=True)
class Code:
    """A code that was "sent"."""

    mobile: str
    code: str = field(default_factory=lambda: f"{secrets.randbelow(1_000_000):06}")
    verification_sid: str = field(default_factory=lambda: f"VE{uuid4().hex}")
    sent_at: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat())
    ends: float = field(default_factory=lambda: time.monotonic() + CODE_LIVES_SECONDS)

    def shown(self) -> dict:
        return {name: value for name, value in asdict(self).items() if name != "ends"}


class State:
    """What was sent, how it is to behave, and how often it was called."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: list[Code] = []
        self.switches = {"send": "ok", "verify": "ok"}
        self.calls = {"send": 0, "verify": 0}

    def called(self, call: str) -> str:
        with self._lock:
            self.calls[call] += 1
            return self.switches[call]

    def send(self, mobile: str) -> Code:
        code = Code(mobile)
        with self._lock:
            self._codes = [code, *self._codes[: CODES_KEPT - 1]]
        return code

    def codes(self, mobile: str | None = None) -> list[Code]:
        with self._lock:
            return [one for one in self._codes if mobile in (None, one.mobile)]

    def find(self, sid: object) -> Code | None:
        return next((one for one in self.codes() if one.verification_sid == sid), None)


def create_app() -> Flask:
    app, state = Flask(__name__), State()
    app.add_url_rule("/health", "health", lambda: {"status": "healthy"})
    app.add_url_rule("/SendOTP", "send", lambda: _send(state), methods=["POST"])
    app.add_url_rule("/VerifyOTP", "verify", lambda: _verify(state), methods=["POST"])
    app.add_url_rule("/", "page", lambda: _page(state))
    app.add_url_rule("/codes", "codes", lambda: _codes(state))
    app.add_url_rule("/switches", "switches", lambda: _shown(state))
    app.add_url_rule("/switches", "switch", lambda: _switch(state), methods=["POST"])
    return app


def _send(state: State) -> object:
    given = _json()
    mode = state.called("send")
    if not request.headers.get("X-Contacts-Key"):
        return _sent(None, "X-Contacts-Key is missing."), 401
    if mode == "garbage":
        return Response("<html>Service Temporarily Unavailable</html>")
    if mode == "slow":
        time.sleep(SLOW_SECONDS)
    mobile = given.get("Mobile")
    if mode == "fail":
        return _sent(None, "The message could not be sent.")
    if not isinstance(mobile, str) or not _MOBILE.fullmatch(mobile):
        return _sent(None, "Mobile is not a phone number.")
    return _sent(state.send(mobile), "")


def _sent(code: Code | None, error: str) -> dict:
    sid = code.verification_sid if code else ""
    return {"VerificationSid": sid, "Success": code is not None, "ErrorMessage": error}


def _verify(state: State) -> object:
    given = _json()
    mode = state.called("verify")
    if not request.headers.get("X-Contacts-Key"):
        return _judged(None, "X-Contacts-Key is missing."), 401
    if mode == "garbage":
        return Response("<html>Service Temporarily Unavailable</html>")
    if mode == "slow":
        time.sleep(SLOW_SECONDS)
    if mode == "fail":
        return _judged(None, "The code could not be checked.")
    code = state.find(given.get("VerificationSid"))
    if mode == "expired" or code is None or code.ends <= time.monotonic():
        return _judged("expired", "")
    return _judged("approved" if given.get("Code") == code.code else "pending", "")


def _judged(status: str | None, error: str) -> dict:
    return {"Success": status is not None, "Status": status or "", "ErrorMessage": error}


def _page(state: State) -> str:
    return render_template_string(
        _PAGE, codes=state.codes()[:100], switches=state.switches, all_modes=MODES
    )


def _codes(state: State) -> list[dict]:
    # a "+" that was not encoded arrives as a space
    mobile = request.args.get("mobile", "").strip().replace(" ", "")
    wanted = mobile if not mobile or mobile.startswith("+") else f"+{mobile}"
    return [one.shown() for one in state.codes(wanted or None)]


def _shown(state: State) -> dict:
    return {**state.switches, "calls": state.calls}


def _switch(state: State) -> object:
    given = request.form or _json()
    if any(mode not in MODES.get(call, ()) for call, mode in given.items()):
        return {"error": "unknown switch", "known": MODES}, 400
    state.switches.update(given)
    return redirect("/", 303) if request.form else _shown(state)


def _json() -> dict:
    given = request.get_json(silent=True)
    return given if isinstance(given, dict) else {}


class _Handler(WSGIRequestHandler):
    """Connections are kept, as the real one keeps them; no line for each request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *args: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--bind", default="127.0.0.1")
    given = parser.parse_args()
    server = make_server(
        given.bind, given.port, create_app(), threaded=True, request_handler=_Handler
    )
    print(f"SMU stand-in: http://{given.bind}:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
