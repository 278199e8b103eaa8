"""Logs: one JSON object a line, whatever is logged."""

import json
import subprocess
import sys
from typing import Any


def lines_of(program: str) -> list[dict[str, Any]]:
    """What a process that logs as a service does writes to its standard output."""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_line_has_service_correlation_id_level_time_and_the_given_fields() -> None:
    [line] = lines_of("""
import logging
from common import correlation, logs
logs.configure("things")
correlation.adopt("given-by-the-caller")
logging.getLogger("a.b").info("thing made", extra={"thing_id": "1"})
""")
    assert line["timestamp"]
    assert {name: line[name] for name in line if name != "timestamp"} == {
        "level": "INFO",
        "logger": "a.b",
        "message": "thing made",
        "service": "things",
        "correlation_id": "given-by-the-caller",
        "thing_id": "1",
    }


def test_an_exception_is_inside_its_line() -> None:
    [line] = lines_of("""
import logging
from common import logs
logs.configure("things")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("two\\nlines")
""")
    assert line["message"] == "two\nlines"
    assert line["level"] == "ERROR"
    assert "ZeroDivisionError" in line["exc_info"] and "\n" in line["exc_info"]


def test_what_has_no_json_form_does_not_lose_the_line() -> None:
    [line] = lines_of("""
import logging, uuid, decimal
from common import logs
logs.configure("things")
logging.warning("odd", extra={"id": uuid.UUID(int=1), "of": object, "price": decimal.Decimal(1)})
""")
    assert line["message"] == "odd"


def test_a_request_is_one_line_and_a_bug_one_more_under_the_same_id() -> None:
    bug, request = lines_of("""
from flask import Flask
from common import flask_defaults
app = Flask("things")
flask_defaults.install(app, service="things", internal_token="t", checks={})
app.add_url_rule("/bug", view_func=lambda: 1 / 0, endpoint="bug")
client = app.test_client()
client.get("/bug?token=secret", headers={"X-Correlation-ID": "given-by-the-caller"})
client.get("/health")
client.get("/metrics")
""")
    assert "ZeroDivisionError" in bug["exc_info"]
    assert (request["method"], request["path"], request["status"]) == ("GET", "/bug", 500)
    assert request["milliseconds"] >= 0
    assert bug["correlation_id"] == request["correlation_id"] == "given-by-the-caller"
    assert "secret" not in json.dumps(request)


def test_what_python_itself_says_is_a_line_too() -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            """
import threading, warnings
from common import logs
logs.configure("things")
warnings.warn("this will go")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
[].pop()
""",
        ],
        capture_output=True,
        text=True,
        timeout=30,
    )
    warning, of_thread, of_main = map(json.loads, ended.stdout.splitlines())
    assert (ended.returncode, ended.stderr) == (1, "")
    assert (warning["level"], warning["logger"]) == ("WARNING", "py.warnings")
    assert "this will go" in warning["message"]
    assert "ZeroDivisionError" in of_thread["exc_info"] and "IndexError" in of_main["exc_info"]
    assert {line["service"] for line in (warning, of_thread, of_main)} == {"things"}


def test_a_line_does_not_wait_for_the_next() -> None:
    program = """
import logging, sys
from common import logs
logs.configure("things")
logging.info("made")
sys.stdin.read()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert json.loads(process.stdout.readline())["message"] == "made"
        process.stdin.close()


def test_what_waits_at_a_fork_is_written_once() -> None:
    lines = lines_of("""
import logging, os
from common import logs
logs.configure("things")
logging.info("before")
if child := os.fork():
    os.waitpid(child, 0)
logging.info("of the %s", "parent" if child else "child")
""")
    written = sorted(line["message"] for line in lines)
    assert written == ["before", "of the child", "of the parent"]


def test_lines_of_processes_that_share_a_pipe_do_not_mix() -> None:
    lines = lines_of("""
import logging, os
from common import logs
logs.configure("things")
child = os.fork()
for number in range(3000):
    logging.info("line %d", number, extra={"filler": "x" * (number % 700)})
if child:
    os.waitpid(child, 0)
""")
    assert len(lines) == 6000
