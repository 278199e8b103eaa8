"""The README's commands, typed one after the other as a reader would, on a clone of his own."""

import os
import re
from typing import Any

import pytest

from clone import Clone, documents
from readme_text import WALKTHROUGHS, blocks
from steps import CONTAINERS, FIRST, NATIVE, THEN, Step

_HERE = CONTAINERS if os.environ.get("STACK") == CONTAINERS else NATIVE
_MARK = "@@ "
_ASSIGNMENT = re.compile(r"^(\w+)=", re.M)


def typed_here(steps: tuple[Step, ...]) -> pytest.MarkDecorator:
    here = [step for step in steps if _HERE in step.where]
    return pytest.mark.parametrize("step", here, ids=[step.command[:50] for step in here])


@typed_here(FIRST)
def test_a_command_at_the_beginning_does_what_it_says(clone: Clone, step: Step) -> None:
    step.check(clone, step.command)


@pytest.fixture(scope="module")
def printed(clone: Clone) -> dict[str, list[Any]]:
    """What the walkthroughs print, by section; all of them in one shell, in the README's order."""
    sections = WALKTHROUGHS if _HERE == NATIVE else WALKTHROUGHS[:-1]
    script, names = "", []
    for block in blocks():
        if block.section in sections:
            script += f"echo '{_MARK}{block.section}'\n{block.text}"
            names += _ASSIGNMENT.findall(block.text)
    script += f"echo '{_MARK}variables'\n" + "".join(f'echo "${{{name}}}"\n' for name in names)
    said, _, values = clone.run(clone.addressed(script)).partition(f"{_MARK}variables\n")
    assert len(values.split("\n")) == len(names) + 1 and all(values.split("\n")[:-1])
    assert "null" not in f"{said}\n{values}".split("\n")
    parts: dict[str, list[Any]] = {}
    for part in said.split(_MARK)[1:]:
        section, _, text = part.partition("\n")
        parts[section] = parts.get(section, []) + documents(text)
    return parts


def test_a_first_purchase_is_confirmed_and_booked(printed: dict[str, list[Any]]) -> None:
    paid, tickets, ledger = printed["A first purchase"]
    assert paid["data"]["status"] == "CONFIRMED" and paid["data"]["qr_payload"]
    assert [ticket["seat_id"] for ticket in tickets["data"]] == [paid["data"]["seat_id"]]
    assert [entry["kind"] for entry in ledger["data"]] == ["CHARGE", "GRANT"]


def test_a_code_is_asked_for_and_a_top_up_arrives(printed: dict[str, list[Any]]) -> None:
    refused, verified, paid, attached, confirmed, balance = printed["A code, and a top-up"]
    assert refused == "OTP_REQUIRED" and verified["data"]["verified"] is True
    assert paid["data"]["status"] == "CONFIRMED"
    assert (attached, confirmed) == ("requires_confirmation", "succeeded")
    assert balance["data"]["credit_balance"] == paid["data"]["remaining_balance"] + 50


def test_a_ticket_changes_hands(printed: dict[str, list[Any]]) -> None:
    (confirmed,) = printed["A ticket changes hands"]
    assert confirmed["data"]["status"] == "COMPLETED"
    assert confirmed["data"]["credits_transferred"] == 100


def test_the_gate_lets_its_new_owner_in_once(printed: dict[str, list[Any]]) -> None:
    *results, entries = printed["At the gate"]
    assert results == ["NOT_SEAT_OWNER", "WRONG_HALL", "SUCCESS", "DUPLICATE"]
    assert entries["success"] is True and entries["data"]


@pytest.mark.skipif(_HERE == CONTAINERS, reason="the log files are those of processes")
def test_a_request_is_followed_through_the_logs(printed: dict[str, list[Any]]) -> None:
    lines = printed["Following a request"]
    services = {line["service"] for line in lines}
    assert {"gateway", "orchestrator-service", "inventory-service"} <= services
    assert {line["message"] for line in lines} == {"request"}


@typed_here(THEN)
def test_a_command_after_that_does_what_it_says(clone: Clone, step: Step) -> None:
    step.check(clone, step.command)
