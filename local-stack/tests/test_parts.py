"""Ports, settings, definitions, packages: the parts a stack is made of."""

import json
import os
import socket
import sys
import sysconfig
from pathlib import Path

import pytest
from dotenv import dotenv_values

import bootstrap
from local_stack import packages, ports, processes, rabbitmq, settings
from local_stack.stack import ROOT

EXAMPLE = (ROOT / ".env.example").read_text()


def test_a_taken_standard_port_is_replaced_by_a_free_one_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        usual = {"gateway": taken.getsockname()[1], "user": ports.any_free()}
        monkeypatch.setattr(ports, "STANDARD", usual)
        chosen, replaced = ports.choose(tmp_path / "ports.json", standard=True)
        assert replaced == ["gateway"]
        assert chosen["gateway"] != usual["gateway"] and chosen["user"] == usual["user"]
        again, _ = ports.choose(tmp_path / "ports.json", standard=True)
        assert again == chosen


def test_a_port_of_our_own_is_none_that_an_outgoing_connection_could_take() -> None:
    first_ephemeral = int(ports._EPHEMERAL.read_text().split()[0])
    chosen = [ports.any_free() for _ in range(200)]
    assert all(20000 <= port < first_ephemeral for port in chosen)
    assert len(set(chosen)) > 100


def test_a_process_that_is_new_in_the_table_gets_a_port_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    chosen, _ = ports.choose(path, standard=False)
    path.write_text(json.dumps({k: v for k, v in chosen.items() if k != "recovery_health"}))
    completed = ports.remembered(path)
    assert {**completed, "recovery_health": 0} == {**chosen, "recovery_health": 0}
    assert ports.remembered(path) == completed


def test_the_number_of_worker_processes_is_two_unless_a_setting_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    chosen, _ = ports.choose(tmp_path / "ports.json", standard=False)

    def workers() -> set[str]:
        given, _ = settings.load(tmp_path)
        reached = processes.found_at(chosen, {})
        table = processes.services(ROOT, tmp_path, chosen, reached, given)
        return {process.environment["WEB_CONCURRENCY"] for process in table}

    assert workers() == {"2"}
    monkeypatch.setenv("WEB_CONCURRENCY", "5")
    assert workers() == {"5"}


def test_whoever_asks_a_part_finds_it_at_the_port_that_is_named(tmp_path: Path) -> None:
    chosen, _ = ports.choose(tmp_path / "ports.json", standard=False)
    given = settings.fresh(ROOT)
    reached = processes.found_at(chosen, {"order": 1, "rabbitmq": 2, "user_db": 3})
    places = processes.addresses(reached)
    assert (places["ORDER_SERVICE_URL"], places["RABBITMQ_PORT"]) == ("http://127.0.0.1:1", "2")
    assert places["USER_SERVICE_URL"] == f"http://127.0.0.1:{chosen['user']}"
    table = {one.name: one for one in processes.services(ROOT, tmp_path, chosen, reached, given)}
    assert table["order"].port == chosen["order"]
    assert table["user"].environment["DB_PORT"] == "3"
    assert table["order"].environment["DB_PORT"] == str(chosen["postgres"])


def test_a_new_env_has_random_secrets_and_keeps_everything_else() -> None:
    first, second = (settings.fresh(ROOT) for _ in range(2))
    example = dotenv_values(ROOT / ".env.example")
    changed = {name for name, value in example.items() if value and first[name] != value}
    secret = {name for name in first if first[name] != second[name]}
    assert changed - {"FLASK_ENV"} == secret
    assert {"JWT_SECRET", "QR_ENCRYPTION_KEY", "INTERNAL_API_TOKEN", "USER_DB_PASS"} <= secret
    assert first["FLASK_ENV"] == "production"
    assert len(first["QR_ENCRYPTION_KEY"].encode()) == 32 and len(first["JWT_SECRET"]) >= 32


def test_env_is_made_once_for_its_owner_alone_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env.example").write_text(EXAMPLE)
    monkeypatch.setenv("HOLD_TTL_SECONDS", "20")
    first, made = settings.load(tmp_path)
    assert made and (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    second, made = settings.load(tmp_path)
    assert not made and second == first
    assert first["HOLD_TTL_SECONDS"] == "20"


def test_the_example_works_as_it_stands_and_explains_every_setting() -> None:
    example = dotenv_values(ROOT / ".env.example")
    assert example["FLASK_ENV"] == "development"
    assert len(example["QR_ENCRYPTION_KEY"].encode()) == 32 and len(example["JWT_SECRET"]) >= 32
    lines = EXAMPLE.splitlines()
    blocks = [number for number, line in enumerate(lines) if line and lines[number - 1] == ""]
    assert all(lines[number].startswith("#") for number in blocks)


def test_definitions_take_any_user_and_password() -> None:
    template = (ROOT / "rabbitmq" / "definitions.json").read_text()
    odd = {"RABBITMQ_USER": 'a"b', "RABBITMQ_PASS": "c\\d${e}"}
    (user,) = json.loads(rabbitmq.fill(template, odd))["users"]
    assert (user["name"], user["password"]) == ('a"b', "c\\d${e}")


def test_without_root_it_says_what_to_install_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as stopped:
        packages.install(["postgresql", "haproxy"])
    assert "sudo apt-get install" in str(stopped.value)
    assert "postgresql haproxy" in str(stopped.value)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["local_stack", "up"], []),
        (["local_stack.run_tests", "lint"], []),
        (["local_stack.run_tests", "order-service"], ["servers"]),
        (["local_stack.run_tests", "containers"], ["tools"]),
        (["local_stack.run_tests", "tests"], ["servers", "tools"]),
        (["local_stack.run_tests"], ["servers", "tools"]),
    ],
)
def test_nobody_installs_what_he_does_not_use(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], wanted: list[str]
) -> None:
    monkeypatch.setattr(packages, "missing_for_python", lambda: ["python"])
    monkeypatch.setattr(packages, "missing_servers", lambda: ["servers"])
    monkeypatch.setattr(packages, "missing_test_tools", lambda: ["tools"])
    assert bootstrap._missing_for(*arguments) == ["python", *wanted]


def test_a_slow_python_gives_way_to_the_distributions_and_a_quick_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = {"fit": "exit 0", "unfit": "exit 1"}
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)

    def chosen(built_with: str, program: str, venv_is_of_it: bool = False) -> Path | None:
        monkeypatch.setattr(bootstrap, "_is_of_this_python", lambda: venv_is_of_it)
        monkeypatch.setattr(sysconfig, "get_config_var", lambda _: built_with)
        monkeypatch.setattr(bootstrap, "DISTRIBUTIONS_PYTHON", tmp_path / program)
        return bootstrap.quicker_interpreter()

    assert chosen("'--enable-shared'", "fit") == tmp_path / "fit"
    assert chosen("'--enable-shared'", "unfit") is None
    assert chosen("'--enable-shared'", "absent") is None
    assert chosen("'--enable-optimizations'", "fit") is None
    assert chosen("'--enable-shared'", "fit", venv_is_of_it=True) is None


def test_a_python_environment_of_another_python_is_made_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert bootstrap._is_whole()
    monkeypatch.setattr(sys, "version", "another")
    assert not bootstrap._is_whole()
