"""A stack comes up whole, comes back after faults, and leaves nothing behind."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest

from common.testing import wait_for
from local_stack import leftovers
from local_stack.postgres import DATABASES
from local_stack.native_stack import NativeStack
from local_stack.processes import SERVERS
from local_stack.stack import StackError

NewStack = Callable[..., NativeStack]


def marked(stack: NativeStack) -> list[int]:
    return leftovers._marked(stack.state_dir)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_up_twice_is_harmless_and_down_leaves_nothing_running_but_the_data(
    new_stack: NewStack,
) -> None:
    told: list[str] = []
    stack = new_stack(tell=told.append)
    stack.up()
    assert sorted(line.split()[0] for line in told if " ok " in line) == sorted(SERVERS)
    with psycopg2.connect(stack.database_url()) as connection:
        connection.cursor().execute("CREATE TABLE kept (id int)")
    first = {name: stack.pid(name) for name in SERVERS}
    again = NativeStack(stack.state_dir, isolated=True, only=SERVERS, durable=False)
    again._own = stack._own
    again.up()
    assert {name: again.pid(name) for name in SERVERS} == first
    assert stack.down() is True
    assert marked(stack) == []
    assert not any(listening(port) for port in stack.ports.values())
    assert stack.down() is False and stack.status() == []
    stack.up()
    with psycopg2.connect(stack.database_url()) as connection:
        connection.cursor().execute("SELECT FROM kept")


@pytest.mark.parametrize("name", SERVERS)
def test_what_is_killed_is_started_again(new_stack: NewStack, name: str) -> None:
    stack = new_stack()
    stack.up()
    killed = stack.pid(name)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: stack.pid(name) not in (0, killed), f"a new {name}", seconds=20)
    wait_for(stack.is_healthy, "health", seconds=40)


def test_what_a_killed_supervisor_left_behind_is_ended(new_stack: NewStack) -> None:
    stack = new_stack()
    stack.up()
    supervisor = int((stack.state_dir / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not stack._supervisor.is_running(), "the supervisor's end")
    assert len(marked(stack)) >= len(SERVERS)
    stack.up()
    assert stack.is_healthy()
    os.kill(int((stack.state_dir / "supervisord.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: not stack._supervisor.is_running(), "the supervisor's end")
    assert stack.down() is True
    assert marked(stack) == []


def test_an_initdb_that_was_killed_is_done_anew(new_stack: NewStack) -> None:
    stack = new_stack(only=["postgres"])
    stack.up()
    stack.down()
    folder = stack._postgres.folder
    (folder / "data").rename(folder / "data.new")
    (folder / "data.new" / "global" / "pg_control").unlink()
    stack.up()
    assert stack.is_healthy()


def test_a_process_that_dies_at_once_is_reported_with_its_log(new_stack: NewStack) -> None:
    stack = new_stack(only=["postgres"])
    stack.up()
    stack.down()
    (stack._postgres.folder / "data" / "postgresql.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(StackError, match="no_such_setting"):
        stack.up()


def test_each_service_opens_its_own_database_and_no_other(new_stack: NewStack) -> None:
    stack = new_stack(only=["postgres"])
    stack.up()
    stack._postgres.create_databases(stack.settings)
    stack._postgres.create_databases(stack.settings)
    for service, (_, owner, password) in DATABASES.items():
        for database, *_ in DATABASES.values():
            credentials = {"user": owner, "password": stack.settings[password]}
            where = {"host": "127.0.0.1", "port": stack.ports["postgres"], "dbname": database}
            if database == DATABASES[service][0]:
                psycopg2.connect(**credentials, **where).close()
            else:
                with pytest.raises(psycopg2.OperationalError, match="permission denied"):
                    psycopg2.connect(**credentials, **where)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
def test_a_clone_that_the_postgres_user_cannot_enter_keeps_its_data_elsewhere(
    new_stack: NewStack, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    told: list[str] = []
    stack = new_stack(only=["postgres"], tell=told.append)
    stack.up()
    folder = stack._postgres.folder
    assert folder.is_relative_to("/var/lib/ticketremaster")
    assert any(str(folder) in line for line in told)
    stack.reset()
    assert not folder.exists()


def test_a_state_folder_with_a_long_name_works(tmp_path: Path) -> None:
    stack = NativeStack(tmp_path / ("long" * 25), isolated=True, only=["postgres"], durable=False)
    try:
        stack.up()
        assert stack.is_healthy()
    finally:
        stack.reset()
