"""Containers where an engine answers and can get its images, processes of this machine else."""

from pathlib import Path

import pytest

from local_stack import __main__ as command_line
from local_stack import compose, engine, settings, standins
from local_stack.container_stack import ContainerStack
from local_stack.native_stack import NativeStack
from local_stack.stack import ROOT, StackError


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only program on the path: an engine that agrees to all it is asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "docker"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("STACK", raising=False)
    return program


def test_containers_where_an_engine_answers(docker: Path, tmp_path: Path) -> None:
    assert isinstance(command_line._stack(tmp_path / "state"), ContainerStack)


def test_processes_where_none_does(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker.write_text("#!/bin/sh\nexit 1\n")
    assert isinstance(command_line._stack(tmp_path / "state"), NativeStack)
    docker.unlink()
    assert isinstance(command_line._stack(tmp_path / "state"), NativeStack)
    monkeypatch.setenv("STACK", "containers")
    with pytest.raises(StackError, match="No container engine answers"):
        command_line._stack(tmp_path / "state")


def test_processes_where_the_engine_cannot_get_its_images(
    docker: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docker.write_text('#!/bin/sh\ncase "$*" in *postgres*) exit 1;; esac\n')
    assert isinstance(command_line._stack(tmp_path / "state"), NativeStack)
    assert "postgres:16" in capsys.readouterr().out


def test_what_the_user_says_is_done(
    docker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACK", "native")
    assert isinstance(command_line._stack(tmp_path / "state"), NativeStack)
    monkeypatch.setenv("STACK", "somewhere")
    with pytest.raises(StackError, match="native or containers, not somewhere"):
        command_line._stack(tmp_path / "state")


def test_kong_is_the_one_image_that_can_be_done_without(docker: Path) -> None:
    docker.write_text("#!/bin/sh\ntest $1 = info\n")
    missing = engine.missing_images(ROOT)
    assert {"postgres:16", "python:3.11-slim", "rabbitmq:3-management"} <= set(missing)
    assert engine.KONG not in missing


def test_every_port_of_the_host_can_be_chosen() -> None:
    usual = compose.host_ports(ROOT)
    assert (usual["GATEWAY_PORT"], usual["USER_PORT"], usual["SEATS_DB_PORT"]) == (8000, 5000, 5433)
    published = (ROOT / "docker-compose.yml").read_text().count("_PORT:-")
    assert len(usual) == published


def test_containers_are_led_to_the_real_ones_that_the_settings_name() -> None:
    example = settings.example(ROOT)
    assert standins.addresses_in_containers(example, example) == {}
    real = example | {"SMU_API_URL": "https://smu.example", "STRIPE_SECRET_KEY": "sk_live_1"}
    assert standins.addresses_in_containers(real, example) == {
        "SMU_API_URL_IN_COMPOSE": "https://smu.example",
        "STRIPE_API_BASE_IN_COMPOSE": "",
    }
    own = real | {"SMU_API_URL_IN_COMPOSE": "http://smu.internal"}
    assert "SMU_API_URL_IN_COMPOSE" not in standins.addresses_in_containers(own, example)
