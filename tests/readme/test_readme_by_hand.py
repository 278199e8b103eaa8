"""The README's commands for docker compose without make, on a clone of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
from local_stack import engine
from local_stack.compose import BASE, ComposeProject, docker, host_ports
from local_stack.ports import any_free

from common.testing import wait_for
from by_hand import (
    APPLY_SCHEMAS,
    COPY_SETTINGS_AND_UP,
    DOWN,
    DROP,
    FOLLOW,
    RESTART,
    UP_BEHIND_HAPROXY,
    UP_ON_OTHER_PORTS,
    UP_ON_THE_SOURCE,
)
from clone import Clone
from steps import name_at

_SERVICES = ("user", "order", "event", "orchestrator")
_UP_WITHIN_SECONDS = 300


@pytest.fixture(scope="module", autouse=True)
def own_ports(clone: Clone) -> None:
    """Whatever else runs on this machine."""
    clone.variables |= {name: str(any_free()) for name in host_ports(clone.folder)}


@pytest.fixture
def project(clone: Clone) -> ComposeProject:
    """What compose makes of the folder."""
    return ComposeProject(clone.folder, clone.folder.name, (BASE,), clone.variables)


def as_can_be(project: ComposeProject, command: str) -> str:
    """The command; where Kong's image cannot be had, of all but the gateway."""
    if engine.has(engine.KONG):
        return command
    services = project.run("config", "--services").stdout.split()
    return f"{command} {' '.join(one for one in services if one != 'gateway')}"


@contextmanager
def up(clone: Clone, command: str, names: tuple[str, ...] = _SERVICES) -> Iterator[None]:
    """The command runs, and these are healthy."""
    urls = [f"http://127.0.0.1:{clone.variables[f'{one.upper()}_PORT']}/health" for one in names]
    with clone.running(command) as said:
        try:
            wait_for(lambda: all(map(name_at, urls)), command, seconds=_UP_WITHIN_SECONDS)
        except AssertionError:
            raise AssertionError(said()[-5000:]) from None
        yield


def test_with_the_settings_copied_it_comes_up(clone: Clone, project: ComposeProject) -> None:
    copying, _, starting = COPY_SETTINGS_AND_UP.partition("\n")
    clone.run(copying)
    with up(clone, as_can_be(project, starting)):
        pass


def test_it_comes_up_behind_haproxy_and_takes_its_schemas_again(clone: Clone) -> None:
    with up(clone, UP_BEHIND_HAPROXY, (*_SERVICES, "gateway")):
        clone.run(APPLY_SCHEMAS)
        id_of_ours = str(uuid4())
        events = f"http://127.0.0.1:{clone.variables['GATEWAY_PORT']}/api/events"
        assert httpx.get(events, headers={"X-Correlation-ID": id_of_ours}).is_success
        said = wait_for(
            lambda: clone.run(f"id={id_of_ours}; {FOLLOW} || true"), "the lines", seconds=20
        )
        assert '"event-service"' in said and '"gateway"' in said


def test_its_ports_are_chosen(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    command = UP_ON_OTHER_PORTS
    for name, usual in (("GATEWAY", "8100"), ("USER", "5100")):
        chosen = str(any_free())
        command = command.replace(usual, chosen)
        monkeypatch.setitem(clone.variables, f"{name}_PORT", chosen)
    with up(clone, command, ("gateway", "user")):
        pass


def test_the_source_is_mounted_and_the_others_start_again(
    clone: Clone, project: ComposeProject
) -> None:
    with up(clone, as_can_be(project, UP_ON_THE_SOURCE)):
        url = f"http://127.0.0.1:{clone.variables['ORDER_PORT']}/health"
        source = clone.folder / "order-service" / "src" / "app.py"
        source.write_text(source.read_text().replace('service="order-service"', 'service="edited"'))
        wait_for(lambda: name_at(url) == "edited", "the changed answer", seconds=60)
        names = RESTART.split()[3:]
        before = {name: project.inspect()[name]["State"]["StartedAt"] for name in names}
        clone.run(RESTART)
        now = {name: project.inspect()[name]["State"] for name in names}
        assert all(now[name]["Running"] for name in names)
        assert all(now[name]["StartedAt"] > before[name] for name in names)


def test_the_data_is_kept_and_then_dropped(clone: Clone, project: ComposeProject) -> None:
    kept = project.volumes()
    assert kept
    clone.run(DOWN)
    assert project.inspect() == {} and project.volumes() == kept
    clone.run(DROP)
    assert project.volumes() == set()
    assert docker("network", "ls", "-q", "--filter", f"name={project.name}_") == ""
