"""What the platform's processes have written: by process, by ID, and what must not be in it."""

import json
import re
from dataclasses import dataclass
from typing import Any

from local_stack.stack import Stack

SERVICES = ("user", "order", "event", "orchestrator", "inventory")
FIELDS = {"timestamp", "level", "logger", "message", "service", "correlation_id"}
# what a secret looks like, whoever's it is
SHAPES = {
    "a token": r"eyJ[\w-]{10,}\.eyJ",
    "a password's hash": r"\$2[aby]\$\d\d\$",
    "a signature of Stripe": r"\bt=\d{10},v1=[0-9a-f]{64}",
    "a webhook's secret": r"\bwhsec_\w",
    "an Authorization header": r"(?i)\bauthorization\W+bearer",
}
_TIMESTAMP = re.compile(r'"timestamp": ?"[^"]*"')  # microseconds look like a code


@dataclass(frozen=True)
class Logbook:
    """The logs of a platform."""

    stack: Stack

    def lines(self, name: str) -> list[str]:
        """The whole lines that a process has written until now."""
        text = self.stack.log(name).read_text(errors="replace")
        return text[: text.rfind("\n") + 1].splitlines()

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Those of them that are JSON."""
        return [json.loads(line) for line in self.lines(name) if line.startswith("{")]

    def under(self, name: str, correlation_id: str) -> list[dict[str, Any]]:
        """What a process has written under that ID."""
        return [one for one in self.objects(name) if one["correlation_id"] == correlation_id]

    def lengths(self) -> dict[str, int]:
        """How many lines each process of the platform has written."""
        return {name: len(self.lines(name)) for name, *_ in self.stack.status()}

    def since(self, lengths: dict[str, int]) -> str:
        """What has been written since there were so many lines."""
        return "\n".join(
            line for name, length in lengths.items() for line in self.lines(name)[length:]
        )


def misshapen(lines: list[str]) -> list[str]:
    """The lines that are not one JSON object with what every line has to have."""
    return [line for line in lines if not _is_whole(line)]


def _is_whole(line: str) -> bool:
    try:
        told = json.loads(line)
    except ValueError:
        return False
    return isinstance(told, dict) and all(told.get(field) for field in FIELDS)


def leaks(text: str, secrets: dict[str, str]) -> list[str]:
    """The names of what is in `text` and must not be: these secrets, and whatever looks like one.

    A code of six digits is looked for on its own, not in a longer number.
    """
    text = _TIMESTAMP.sub("", text)
    given = {name: rf"(?<!\w){re.escape(value)}(?!\w)" for name, value in secrets.items()}
    return [name for name, pattern in {**given, **SHAPES}.items() if re.search(pattern, text)]
