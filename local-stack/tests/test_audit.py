"""`make audit`: it walks to the end, asks again for what is in flux, and its status says how."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from local_stack import __main__ as command_line
from local_stack import audit
from local_stack.audit import BROKEN, HOLDS, NOT_SEEN, Audit, report
from local_stack.ports import any_free

ORDER = "50000000-0000-4000-8000-000000000001"
RECORD = f"orders:{ORDER}"
FINDING = {"rule": 2, "what": "It is broken.", "ids": {"order_id": ORDER}}
Answer = dict[str, Any]


def part(**given: Any) -> Answer:
    """An answer of the orchestrator."""
    nothing = {"checked": {"orders": 0}, "findings": [], "unsettled": [], "next": None}
    return {"success": True, "data": {**nothing, **given}}


class Orchestrator:
    """Answers with what it was told to, one after the other, by what it is asked for."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.url = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> Answer:
        query = parse_qs(urlsplit(handler.path).query)
        [asked] = [value for values in query.values() for value in values] or [""]
        self.asked.append(asked)
        self.tokens.add(handler.headers["X-Internal-Token"])
        following = self.answers[asked]
        return following.pop(0) if len(following) > 1 else following[0]


@pytest.fixture
def orchestrator() -> Iterator[Orchestrator]:
    it = Orchestrator()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = it.answer(self)
            self.send_response(200 if answer["success"] else 503)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        it.url = f"http://127.0.0.1:{server.server_port}"
        yield it
        server.shutdown()


@pytest.fixture
def run(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    """Its exit status, and what it prints."""
    monkeypatch.setattr(audit, "_PAUSE_SECONDS", 0.01)

    def running(settled_within: float = 5) -> tuple[int, str]:
        lines: list[str] = []
        status = report(Audit(orchestrator.url, "the token", settled_within), lines.append)
        return status, "\n".join(lines)

    return running


Run = Callable[..., tuple[int, str]]


def test_it_walks_to_the_end_and_says_that_every_rule_holds(
    orchestrator: Orchestrator, run: Run
) -> None:
    orchestrator.answers = {
        "": [part(checked={"orders": 1000}, next=RECORD)],
        RECORD: [part(checked={"orders": 234})],
    }
    status, said = run()
    assert status == HOLDS
    assert orchestrator.asked == ["", RECORD] and orchestrator.tokens == {"the token"}
    assert "checked 1,234 orders" in said
    assert [line.split()[:3] for line in said.splitlines()[-6:]] == [
        ["rule", str(number), "holds"] for number in range(1, 7)
    ]


def test_what_is_broken_is_printed_with_rule_and_ids(orchestrator: Orchestrator, run: Run) -> None:
    orchestrator.answers = {"": [part(findings=[FINDING], next="seats")], "seats": [part()]}
    status, said = run()
    assert status == BROKEN
    assert f"RULE 2 BROKEN  It is broken.  order_id={ORDER}" in said
    assert "rule 2  BROKEN (1)" in said and said.count("holds") == 5


@pytest.mark.parametrize(("settled", "expected"), [([], HOLDS), ([FINDING], BROKEN)])
def test_what_is_in_flux_is_asked_for_until_it_is_settled(
    orchestrator: Orchestrator, run: Run, settled: list[Answer], expected: int
) -> None:
    again = [part(unsettled=[RECORD])] * 3 + [part(findings=settled)]
    orchestrator.answers = {"": [part(unsettled=[RECORD])], RECORD: again}
    status, said = run()
    assert status == expected
    assert orchestrator.asked == [""] + [RECORD] * 4
    assert said.count("BROKEN  ") == len(settled)


def test_what_does_not_settle_is_no_finding_but_was_not_seen(
    orchestrator: Orchestrator, run: Run
) -> None:
    orchestrator.answers = {"": [part(unsettled=[RECORD])], RECORD: [part(unsettled=[RECORD])]}
    status, said = run(settled_within=0.2)
    assert status == NOT_SEEN
    assert f"NOT SETTLED  a saga is still at work on {RECORD}" in said


def test_what_is_in_flux_is_not_piled_up_until_the_end(
    orchestrator: Orchestrator, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_MOST_UNSETTLED", 1)
    orchestrator.answers = {
        "": [part(unsettled=[RECORD], next="seats")],
        RECORD: [part()],
        "seats": [part()],
    }
    assert run()[0] == HOLDS
    assert orchestrator.asked == ["", RECORD, "seats"]


def test_a_service_that_does_not_answer_keeps_it_from_seeing(
    orchestrator: Orchestrator, run: Run
) -> None:
    refusal = {"success": False, "error_code": "SERVICE_UNAVAILABLE", "message": "It is away."}
    orchestrator.answers = {"": [part(next="seats")], "seats": [refusal]}
    status, said = run()
    assert (status, said.splitlines()[-1]) == (
        NOT_SEEN,
        "The orchestrator cannot look: It is away.",
    )
    orchestrator.answers[""] = [part(findings=[FINDING], next="seats")]
    assert run()[0] == BROKEN
    lines: list[str] = []
    assert report(Audit(f"http://127.0.0.1:{any_free()}", "token"), lines.append) == NOT_SEEN
    assert "does not answer" in lines[0]


def test_where_nothing_runs_it_has_not_seen_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK", "native")
    monkeypatch.setattr(sys, "argv", ["local_stack", "audit", "--state", str(tmp_path / "state")])
    assert command_line.main() == NOT_SEEN
    assert "Nothing is running" in capsys.readouterr().err
    monkeypatch.setenv("STACK", "somewhere")
    assert command_line.main() == NOT_SEEN
