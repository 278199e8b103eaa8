"""The code has no mistake that bandit knows, or says where it is none, and why."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from local_stack.stack import ROOT

_EXPLAINED = re.compile(r"# nosec B\d{3} # \w.+")
_MISTAKES = {
    "B602": "import subprocess\nsubprocess.run('ls ' + input(), shell=True)\n",
    "B608": "def f(cursor, name):\n    cursor.execute(f\"SELECT 1 FROM a WHERE b = '{name}'\")\n",
    "B506": "import yaml\nyaml.load(input())\n",
    "B307": "eval(input())\n",
    "B324": "import hashlib\nhashlib.md5(b'password')\n",
    "B501": "import requests\nrequests.get('https://a.example', verify=False, timeout=1)\n",
}


def bandit(*paths: Path | str) -> dict[str, Any]:
    """Its report, by the project's own configuration."""
    command = [sys.executable, "-m", "bandit", "-q", "-c", "pyproject.toml", "-f", "json", "-r"]
    finished = subprocess.run([*command, *map(str, paths)], cwd=ROOT, capture_output=True)
    return json.loads(finished.stdout)


def test_the_code_has_no_finding() -> None:
    report = bandit(".")
    findings = [(one["filename"], one["line_number"], one["test_id"]) for one in report["results"]]
    assert (findings, report["errors"]) == ([], [])
    looked_at = {Path(name) for name in report["metrics"] if name != "_totals"}
    assert set(our_code()) <= looked_at


def our_code() -> list[Path]:
    """Every file of Python that is no test, as git has them."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True)
    paths = [Path(line) for line in listed.stdout.splitlines()]
    return [path for path in paths if "tests" not in path.parts]


def test_what_is_no_finding_says_why() -> None:
    explained = 0
    for path in our_code():
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
            if "nosec" in line:
                assert _EXPLAINED.search(line), f"{path}:{number}"
                explained += 1
    assert explained
    said = (ROOT / "pyproject.toml").read_text().partition("[tool.bandit]")[2]
    skipped = re.findall(r'^ +"B\d{3}",(.*)$', said, re.MULTILINE)
    assert skipped and all(re.match(r" # \w.+", why) for why in skipped)


def test_mistakes_are_found(tmp_path: Path) -> None:
    """The negative control: one of each kind, where they are not expected."""
    for kind, code in _MISTAKES.items():
        (tmp_path / f"{kind}.py").write_text(code)
    found = {(Path(one["filename"]).stem, one["test_id"]) for one in bandit(tmp_path)["results"]}
    assert {(kind, kind) for kind in _MISTAKES} <= found
