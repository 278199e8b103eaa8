"""What was asked and answered in a test, and the table that tells of all tests."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

_HEAD = ("test", "clients", "requests", "answers", "winners", "audit")


def kind(answer: httpx.Response) -> str:
    """A refusal's status and code, an outcome's status and what came of it."""
    body = answer.json()
    if not answer.is_success:
        return f"{answer.status_code} {body['error_code']}"
    data = body.get("data")
    outcome = data.get("result") if isinstance(data, dict) else None
    return f"{answer.status_code} {outcome}" if outcome else str(answer.status_code)


def assert_definite(answers: Iterable[httpx.Response], *refusals: str) -> None:
    """Each is a success or one of these refusals."""
    kinds = Counter(kind(answer) for answer in answers if not answer.is_success)
    others = {one: count for one, count in kinds.items() if one not in refusals}
    assert not others, f"answered {others}"


@dataclass
class Tally:
    """What is counted in one test; `winners` of as many `rounds`, where there is a race."""

    clients: int = 0
    rounds: int = 0
    winners: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hear(self, answer: httpx.Response) -> httpx.Response:
        """Count an answer, which is given back."""
        with self._lock:
            self.answers[kind(answer)] += 1
        return answer

    def won(self, winners: int) -> None:
        """Count a round and its winners."""
        self.rounds += 1
        self.winners += winners

    def row(self, test: str, audit: str) -> tuple[str, ...]:
        """Its line of the table."""
        answers = ", ".join(f"{count}× {one}" for one, count in self.answers.most_common())
        winners = f"{self.winners} in {self.rounds} rounds" if self.rounds else "–"
        counts = str(self.clients), str(self.answers.total())
        return test, *counts, answers or "–", winners, audit


def write_table(path: Path, about: str, rows: list[tuple[str, ...]]) -> None:
    """A line for each test, as markdown."""
    lines = [_HEAD, ("---",) * len(_HEAD), *rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    path.write_text(f"{about}\n\n{table}\n")
