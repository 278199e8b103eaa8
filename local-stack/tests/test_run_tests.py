"""The test runner's verdict."""

from pathlib import Path

import pytest
import yaml

from local_stack import run_tests
from local_stack.stack import ROOT


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test file of a suite called `sample`."""
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    monkeypatch.setattr(run_tests, "_LOGS", tmp_path)
    (tmp_path / "sample" / "tests").mkdir(parents=True)
    return tmp_path / "sample" / "tests" / "test_sample.py"


@pytest.mark.parametrize(
    ("content", "is_good"),
    [
        ("def test_it(): pass", True),
        ("def test_it(): assert False", False),
        ("import nothing_there", False),
        ("", False),
        ("import os, atexit\natexit.register(os._exit, 139)\ndef test_it(): pass", False),
    ],
    ids=["passes", "fails", "cannot be imported", "has no test", "crashes at its end"],
)
def test_a_suite_is_good_only_when_tests_ran_and_none_failed(
    suite: Path, content: str, is_good: bool
) -> None:
    suite.write_text(content)
    assert run_tests._run("sample", {}).is_good is is_good


def test_a_suite_that_is_missing_is_not_good(suite: Path) -> None:
    assert not run_tests._run("another", {}).is_good


def test_the_workflow_runs_every_suite() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    by_name = workflow["jobs"]["suite"]["strategy"]["matrix"]["suite"]
    assert sorted(by_name) == sorted(
        ["lint", *run_tests.SERVICE_SUITES, *run_tests.OWN_STACK_SUITES]
    )
    steps = workflow["jobs"][run_tests.IN_CONTAINERS]["steps"]
    assert any(f"SUITE={run_tests.IN_CONTAINERS}" in step.get("run", "") for step in steps)
