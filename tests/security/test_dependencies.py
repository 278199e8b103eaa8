"""Nothing that the platform is made of has a hole that PyPI's advisories know: pip-audit."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from local_stack.stack import ROOT

KNOWN = "jinja2==2.4.1"  # old enough to have several
_PIN = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.]+)$")
_OURS = "distribution marked as editable"
_PYTHONS_OWN = "pip"  # it comes with Python, and installs what stands in our files
_PATIENCE_SECONDS = 120


def audited(*arguments: str) -> dict[str, str]:
    """What pip-audit has to say, by package: known holes, or why it could not look."""
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"]
    finished = subprocess.run(
        [*command, "--timeout=10", *arguments],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
    )
    if not finished.stdout:
        return {"everything": finished.stderr.strip().rpartition("\n")[2]}
    return {
        one["name"]: one.get("skip_reason") or ", ".join(hole["id"] for hole in one["vulns"])
        for one in json.loads(finished.stdout)["dependencies"]
        if one["name"] != _PYTHONS_OWN
        and (one.get("vulns") or one.get("skip_reason", _OURS) != _OURS)
    }


def audited_pin(folder: Path, pin: str, *arguments: str) -> dict[str, str]:
    """The same of one requirement alone, without what it needs itself."""
    (file := folder / "requirements.txt").write_text(f"{pin}\n")
    return audited("--disable-pip", "--no-deps", f"--requirement={file}", *arguments)


@pytest.fixture(scope="module")
def advisories(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What PyPI tells of a version with known holes; without that, nothing is audited."""
    found = audited_pin(tmp_path_factory.mktemp("known"), KNOWN)
    if not re.match("(PYSEC|CVE|GHSA)-", told := found.get("jinja2", "")):
        reason = told or found.get("everything") or "none are known of jinja2 2.4.1"
        pytest.skip(f"NOT AUDITED: PyPI's advisories cannot be had here ({reason})")
    return told


def test_a_known_hole_is_found(advisories: str) -> None:
    """The negative control."""
    assert advisories.count(",") > 0


@pytest.mark.usefixtures("advisories")
def test_nothing_that_is_installed_has_a_known_hole() -> None:
    assert audited("--skip-editable") == {}


def test_what_is_installed_is_what_every_requirements_file_says() -> None:
    """So that the audit of what is installed is one of all of them, and of what they need."""
    files = [path for path in ROOT.rglob("requirements*.txt") if ".venv" not in path.parts]
    lines = [(path, line) for path in files for line in path.read_text().split()]
    assert len(files) > 8 and len(lines) > 40
    for path, line in lines:
        pin = _PIN.match(line)
        assert pin, f"{path}: {line} is no pin"
        assert version(pin[1]) == pin[2], f"{path}: {line} is not installed"


class _Advisories(BaseHTTPRequestHandler):
    """A stand-in of OSV's, which knows of one hole."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        package = {"name": "jinja2", "ecosystem": "PyPI"}
        hole: dict[str, Any] = {"id": "GHSA-of-a-test", "modified": "2020-01-01T00:00:00Z"}
        hole["affected"] = [{"package": package, "versions": ["2.4.1"]}]
        known = (asked["package"]["name"], asked["version"]) == ("jinja2", "2.4.1")
        body = json.dumps({"vulns": [hole]} if known else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not to standard error."""


@pytest.fixture
def own_advisories() -> Iterator[tuple[str, ...]]:
    """Arguments that have pip-audit ask a stand-in."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Advisories) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v1/query"
        yield "--vulnerability-service=osv", f"--osv-url={address}"
        server.shutdown()


def test_a_hole_is_told_and_so_is_what_could_not_be_looked_at(
    own_advisories: tuple[str, ...], tmp_path: Path
) -> None:
    """The negative control where PyPI cannot be reached."""
    assert audited_pin(tmp_path, KNOWN, *own_advisories) == {"jinja2": "GHSA-of-a-test"}
    assert audited_pin(tmp_path, "jinja2==3.1.6", *own_advisories) == {}
    nowhere = "--osv-url=http://127.0.0.1:1/v1/query"
    unreachable = audited_pin(tmp_path, KNOWN, "--vulnerability-service=osv", nowhere)
    assert unreachable.keys() == {"everything"} and unreachable["everything"]
