"""What the processes of the platform have written since a moment."""

import json
from collections import defaultdict
from typing import Any
from uuid import uuid4

from local_stack.stack import Stack

from common.testing import wait_for
from http_raw import request, send
from operations import REST_SERVICES

OURS = (*REST_SERVICES, "inventory", "recovery", "gateway")


class Logs:
    """The logs of the platform's own processes from now on, and from each `begin_anew`."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what there is."""
        self._begin = {name: self._stack.log(name).stat().st_size for name in OURS}

    def lines(self, name: str) -> list[str]:
        """Every line that a process has written, whole ones only."""
        with self._stack.log(name).open("rb") as log:
            log.seek(self._begin[name])
            return log.read().decode(errors="replace").split("\n")[:-1]

    def records(self, name: str) -> list[dict[str, Any]]:
        """The same, read; every line must be one record."""
        return [json.loads(line) for line in self.lines(name)]

    def requests(self) -> dict[str, set[tuple[str, str, str]]]:
        """Who has seen which request, by its correlation ID: process, method and path."""
        seen: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
        for name in (*REST_SERVICES, "gateway"):
            for record in self.records(name):
                if record["message"] == "request":
                    request = name, record["method"], record["path"]
                    seen[record["correlation_id"]].add(request)
        return seen

    def complete(self) -> "Logs":
        """Wait until what was asked for so far has been written down."""
        last = f"/until-here-{uuid4().hex}"
        for name in (*REST_SERVICES, "gateway"):
            send(self._stack.ports[name], request("GET", last))
        for name in (*REST_SERVICES, "gateway"):
            wait_for(lambda: any(last in line for line in self.lines(name)), f"the log of {name}")
        return self


def complaints(lines: list[str]) -> list[str]:
    """Lines that are no record of a service, and those that tell of a bug."""
    return [line for line in lines if not _is_fine(line)]


def _is_fine(line: str) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    is_record = isinstance(record, dict) and bool(record.get("service"))
    return is_record and record.get("level") in ("INFO", "WARNING")
