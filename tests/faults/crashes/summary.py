"""The table of what was tried: a row for each boundary, a column for each fault."""

import json
from collections import defaultdict
from typing import Any

from local_stack.stack import ROOT

from faults import Fault

_LOGS = ROOT / ".local-stack" / "test-logs"
_CASES = _LOGS / "crashes.jsonl"
TABLE = _LOGS / "crashes.table"


def begin() -> None:
    """Forget the last run."""
    _LOGS.mkdir(parents=True, exist_ok=True)
    for left in (_CASES, TABLE):
        left.unlink(missing_ok=True)


def add(**case: Any) -> None:
    """Keep what came of a case; processes that share out the tests add to the same file."""
    with _CASES.open("a") as cases:
        cases.write(json.dumps(case) + "\n")


def write() -> str | None:
    """Write the table of the cases that were kept; None where there are none."""
    if not _CASES.exists():
        return None
    cases = [json.loads(line) for line in _CASES.read_text().splitlines()]
    rows: dict[tuple[str, int, str], dict[str, str]] = defaultdict(dict)
    for case in cases:
        cell = "FAILED" if case["seconds"] is None else f"{case['seconds']:.1f} s"
        rows[case["scenario"], case["position"], case["boundary"]][case["fault"]] = cell
    used = [fault.value for fault in Fault if any(fault.value in row for row in rows.values())]
    lines = ["| scenario | call | " + " | ".join(used) + " |", "| --- " * (len(used) + 2) + "|"]
    for (scenario, _, boundary), row in sorted(rows.items()):
        cells = [row.get(fault, "") for fault in used]
        lines.append("| " + " | ".join([scenario, boundary, *cells]) + " |")
    settled = [case["seconds"] for case in cases if case["seconds"] is not None]
    lines += ["", f"{len(cases)} cases, {len(settled)} settled whole, audit clean after each;"]
    lines[-1] += f" the slowest after {max(settled, default=0):.1f} s."
    text = "\n".join(lines) + "\n"
    TABLE.write_text(text)
    return text
