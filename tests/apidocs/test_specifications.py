"""Whatever is asked of a service, its answer is one of those documented: by schemathesis."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deals import Deal
from documented import SERVICES, Documented, Tokens
from outside import Smu
from platform_client import Api, Buyer, Records

Ids = dict[str, list[str]]
Run = Callable[..., tuple[int, str, dict[str, Any]]]

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
)
# of each operation, beside its examples and the edges of all it takes, which are tried one by one
_CASES_MADE_UP = 25
# how many of the IDs that are made up are of something that there is, and of what
_KNOWN = 0.7
_PLACES = {
    "orders": ("path.order_id", "body.order_id"),
    "transfers": ("path.transfer_id", "body.transfer_id"),
    "records": ("path.record_id", "body.reference_id"),
    "seats": ("path.seat_id", "body.seat_id"),
    "users": ("path.user_id", "body.seller_user_id", "body.buyer_user_id"),
}


@pytest.fixture(scope="module")
def known(api: Api, admin: Api, smu: Smu, records: Records, _free_seats: Iterator[str]) -> Ids:
    """Orders, seats and transfers in every state, to most of which the admin is a party."""
    account = admin.ok("GET", "/api/admin/users?email=admin@example.com")
    grant = {"user_id": account["user_id"], "amount": 10_000, "reason": "for a test"}
    admin.ok("POST", "/api/admin/credits/grant", **grant)
    me = Buyer(admin, account["user_id"], account["email"], account["phone"])
    buyers = [Buyer.register(api, admin, 1000) for _ in range(5)]
    deals = [Deal.of(me, one, next(_free_seats), smu, records, 100) for one in buyers]
    for deal, reach in zip(deals, (Deal.begun, Deal.verified, Deal.completed, Deal.disputed)):
        reach(deal)
    held = me.reserve(next(_free_seats))
    orders = [held["order_id"], *(deal.order_id for deal in deals)]
    transfers = [deal.transfer_id for deal in deals if deal.transfer_id]
    return {
        "orders": orders,
        "transfers": transfers,
        "records": orders + transfers,
        "seats": [next(_free_seats), held["seat_id"], *(deal.seat_id for deal in deals)],
        "users": [buyer.user_id for buyer in buyers],
    }


@pytest.fixture
def schemathesis(
    tokens_of: Callable[[str], Tokens], known: Ids, tmp_path: Path, records: Records
) -> Iterator[Run]:
    """Runs it on a specification; exit status, what it says to people, and its report."""

    def running(specification: str, *arguments: str) -> tuple[int, str, dict[str, Any]]:
        config, report = tmp_path / "schemathesis.toml", tmp_path / "report.json"
        # only of an admin is everything admitted
        config.write_text(settings(tokens_of("admin@example.com"), known))
        finished = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", f"--config-file={config}"]
            + ["run", specification, f"--checks={','.join(_CHECKS)}", *arguments]
            + ["--phases=examples,coverage,fuzzing", f"--max-examples={_CASES_MADE_UP}"]
            + ["--generation-deterministic", "--no-color", f"--report-json-path={report}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        said = finished.stdout[-20_000:] + finished.stderr
        return finished.returncode, said, json.loads(report.read_text())

    yield running
    # by wrong passwords it has locked the demo users out
    records.query("user", "DELETE FROM login_attempts")


def settings(tokens: Tokens, known: Ids) -> str:
    """The tokens, and what there is, as TOML."""
    lines = []
    for scheme, token in tokens.items():
        kind = "api_key" if scheme == "internalToken" else "bearer"
        lines += [f"[auth.openapi.{scheme}]", f"{kind} = {json.dumps(token)}"]
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    for name, places in _PLACES.items():
        binding = f'{{dictionary = "{name}", probability = {_KNOWN}}}'
        lines += [f'"{place}" = {binding}' for place in places]
    return "\n".join(lines)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_answers_as_it_is_documented(
    services: dict[str, Documented], schemathesis: Run, service: str
) -> None:
    failed, said, report = schemathesis(f"{services[service].url}/apispec.json")
    assert not failed, said
    operations = services[service].operations
    assert report["operations"]["tested"] == len(operations)
    rates = report["valid_rates"].values()
    accepted = [one for one in rates if any(phase["accepted"] for phase in one.values())]
    assert len(accepted) > len(operations) / 2  # it does not only run into refusals


def without_an_answer(specification: dict[str, Any]) -> None:
    del specification["paths"]["/orders/{order_id}"]["get"]["responses"]["400"]


def without_a_field(specification: dict[str, Any]) -> None:
    order = specification["components"]["schemas"]["OrderRecord"]
    order["required"].remove("saga")
    del order["properties"]["saga"]


@pytest.mark.parametrize(
    ("take", "words"),
    [
        (without_an_answer, "Undocumented status code"),
        (without_a_field, "Response violates schema"),
    ],
)
def test_what_is_not_documented_is_found(
    services: dict[str, Documented],
    schemathesis: Run,
    tmp_path: Path,
    take: Callable[[dict[str, Any]], None],
    words: str,
) -> None:
    """The negative control: a specification that lacks something."""
    url = services["order"].url
    specification = httpx.get(f"{url}/apispec.json").json()
    take(specification)
    lacking = tmp_path / "lacking.json"
    lacking.write_text(json.dumps(specification))
    only = "--include-name=GET /orders/{order_id}"
    failed, said, _ = schemathesis(str(lacking), f"--url={url}", only)
    assert failed and words in said, said
