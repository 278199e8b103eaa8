"""The Postman collection: newman runs it on the platform, and nothing is missing from it."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from local_stack import packages, ports
from local_stack.stack import ROOT, Stack

from platform_client import Api

_SOURCE = ROOT / "postman"
_INSTALLED = ROOT / ".local-stack" / "newman"
_PACKAGE = ("package.json", ".npmrc", "package-lock.json")
_COLLECTION = json.loads((_SOURCE / "TicketRemaster.postman_collection.json").read_text())


def requests_of(folder: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every request below a folder, with its way there."""
    for item in folder["item"]:
        name = f"{path}{item['name']}"
        if "request" in item:
            yield name, item
        else:
            yield from requests_of(item, f"{name} / ")


REQUESTS = dict(requests_of(_COLLECTION))


@dataclass(frozen=True)
class Run:
    """What newman says of a run: failures as lines to read, and the requests whose tests ran."""

    failures: list[str]
    tested: list[str]

    @classmethod
    def read(cls, report: Path) -> "Run":
        run = json.loads(report.read_text())["run"]
        failures = [
            f"{one.get('parent', {}).get('name')} / {one.get('source', {}).get('name')}: "
            f"{one['error'].get('test', 'request')}: {one['error']['message']}"
            for one in run["failures"]
        ]
        # what a script calls for its request is listed under that request's name too
        tested = dict.fromkeys(
            one["item"]["name"] for one in run["executions"] if one.get("assertions")
        )
        return cls(failures, list(tested))


@pytest.fixture(scope="session")
def newman() -> Path:
    """newman, as the lockfile pins it; installed when that has changed."""
    stamp = _INSTALLED / "installed"
    wanted = "".join((_SOURCE / name).read_text() for name in _PACKAGE)
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(_INSTALLED, ignore_errors=True)
        _INSTALLED.mkdir(parents=True)
        for name in _PACKAGE:
            shutil.copy(_SOURCE / name, _INSTALLED)
        npm = [str(packages.npm_program()), "ci"]
        done = subprocess.run(npm, cwd=_INSTALLED, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        stamp.write_text(wanted)
    return _INSTALLED / "node_modules" / ".bin" / "newman"


@pytest.fixture
def run(newman: Path, stack: Stack, tmp_path: Path) -> Callable[..., Run]:
    """Runs the collection, or one folder of it, on the platform; `variables` win."""
    report = tmp_path / "report.json"
    usual = {
        "baseUrl": stack.gateway_url,
        "smuUrl": stack.settings["SMU_API_URL"],
        "stripeUrl": stack.settings["STRIPE_API_BASE"],
        "stripeWebhookSecret": stack.settings["STRIPE_WEBHOOK_SECRET"],
    }

    def running(folder: str = "", **variables: str) -> Run:
        report.unlink(missing_ok=True)
        command = [str(newman), "run", "TicketRemaster.postman_collection.json"]
        command += ["-e", "TicketRemaster.postman_environment.json"]
        command += ["--reporters", "json", "--reporter-json-export", str(report)]
        command += ["--folder", folder] if folder else []
        for name, value in {**usual, **variables}.items():
            command += ["--env-var", f"{name}={value}"]
        done = subprocess.run(command, cwd=_SOURCE, capture_output=True, text=True, timeout=300)
        assert report.exists(), done.stdout + done.stderr
        outcome = Run.read(report)
        assert (done.returncode == 0) == (not outcome.failures), done.stderr
        return outcome

    return running


def test_it_runs_from_top_to_bottom_and_again_on_the_same_platform(run: Callable[..., Run]) -> None:
    for _ in range(2):
        outcome = run()
        assert outcome.failures == []
        assert outcome.tested == [item["name"] for item in REQUESTS.values()]


@pytest.mark.parametrize("folder", [one["name"] for one in _COLLECTION["item"] if "event" in one])
def test_a_folder_runs_alone(run: Callable[..., Run], folder: str) -> None:
    outcome = run(folder)
    assert outcome.failures == [] and outcome.tested


def test_without_the_webhooks_secret_only_what_has_to_be_signed_is_left_out(
    run: Callable[..., Run],
) -> None:
    outcome = run("Credits", stripeWebhookSecret="")
    names = [item["name"] for path, item in REQUESTS.items() if path.startswith("Credits / ")]
    assert outcome.failures == []
    assert set(names) - set(outcome.tested) == {"Stripe tells of a payment"}


def test_a_platform_that_does_not_answer_is_no_green_run(run: Callable[..., Run]) -> None:
    """The negative control: failures are seen, and named."""
    failures = run("Health", baseUrl=f"http://127.0.0.1:{ports.any_free()}").failures
    assert any(line.startswith("Health / Health: ") for line in failures)


def test_every_endpoint_of_the_public_api_occurs(stack: Stack, api: Api) -> None:
    asked = {
        (item["request"]["method"], path.partition("?")[0])
        for item in REQUESTS.values()
        if (path := item["request"]["url"]["raw"].removeprefix("{{baseUrl}}")).startswith("/")
    }
    endpoints = {("GET", "/scanner/"), *public_endpoints(stack, api)}
    assert len(endpoints) > 30
    missing = [
        endpoint for endpoint in endpoints if not any(is_of(endpoint, request) for request in asked)
    ]
    assert missing == []


def public_endpoints(stack: Stack, api: Api) -> set[tuple[str, str]]:
    """Method and path, names in braces, of what the services document and the gateway routes."""
    documented = set()
    for service, prefix in {"user": "", "event": "/api", "orchestrator": ""}.items():
        spec = httpx.get(f"http://127.0.0.1:{stack.ports[service]}/apispec.json").json()
        for path, operations in spec["paths"].items():
            documented |= {(method.upper(), prefix + path) for method in operations}
    return {one for one in documented if is_routed(api, *one)}


def is_routed(api: Api, method: str, path: str) -> bool:
    """Whether the gateway hands this on to a service; without a token nothing comes of it."""
    answer = api.call(method, re.sub(r"\{[^}]+\}", str(uuid4()), path))
    return answer.is_success or answer.json()["error_code"] != "NOT_FOUND"


def is_of(endpoint: tuple[str, str], request: tuple[str, str]) -> bool:
    """Whether a request is made to that endpoint, whose path has names in braces."""
    pattern = re.sub(r"\{[^}]+\}", "[^/]+", endpoint[1])
    return endpoint[0] == request[0] and re.fullmatch(pattern, request[1]) is not None


def test_every_request_is_explained_and_tested() -> None:
    untold = [name for name, item in REQUESTS.items() if not item["request"]["description"]]
    untested = [name for name, item in REQUESTS.items() if not is_tested(item)]
    assert (untold, untested) == ([], [])


def is_tested(item: dict[str, Any]) -> bool:
    """Whether the request has an assertion of its own."""
    scripts = [one["script"]["exec"] for one in item["event"] if one["listen"] == "test"]
    return any("pm.test(" in line for lines in scripts for line in lines)
