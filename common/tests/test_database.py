"""Database: the transaction scope, against a real server."""

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from uuid import uuid4

import psycopg2
import pytest
from doubles import CuttableLine, free_port
from sqlalchemy import DateTime, Integer, MetaData, String, Table, Text, bindparam, select, text
from sqlalchemy import Column as C
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from common import deadline
from common.database import Database, violated_constraint
from common.errors import AppError, ErrorCode, OutOfTime, RowLocked
from common.prepared import Prepared
from common.settings import DatabaseSettings
from common.testing import schema_differences, wait_for


@pytest.fixture(scope="module")
def database(database_settings: DatabaseSettings) -> Iterator[Database]:
    database = Database(database_settings)
    with database.transaction() as session:
        session.execute(
            text(
                "CREATE TABLE things (thing_id TEXT PRIMARY KEY, price JSONB,"
                " amount INTEGER CONSTRAINT thing_amount CHECK (amount >= 0),"
                " made_at TIMESTAMPTZ NOT NULL DEFAULT now())"
            )
        )
    yield database
    database.engine.dispose()


@pytest.fixture
def line(database_settings: DatabaseSettings) -> Iterator[CuttableLine]:
    """The way to the server, which can be silenced."""
    with CuttableLine(f"{database_settings.db_host}:{database_settings.db_port}") as line:
        yield line


@pytest.fixture
def far(database_settings: DatabaseSettings, line: CuttableLine) -> Iterator[Database]:
    """The database at the end of that line."""
    port = int(line.target.rpartition(":")[2])
    change = {"db_host": "127.0.0.1", "db_port": port, "db_pool_size": 1}
    far = Database(database_settings.model_copy(update=change))
    yield far
    line.speak()
    far.engine.dispose()


def assert_unavailable_in_time(database: Database) -> None:
    begun = time.monotonic()
    with pytest.raises(AppError) as raised:
        database.ping()
    assert raised.value.code is ErrorCode.SERVICE_UNAVAILABLE
    assert time.monotonic() - begun < deadline.REQUEST_SECONDS


def add(database: Database, thing_id: str, amount: int = 1) -> None:
    with database.transaction() as session:
        session.execute(
            text("INSERT INTO things (thing_id, amount) VALUES (:id, :amount)"),
            {"id": thing_id, "amount": amount},
        )


def amount_of(database: Database, thing_id: str) -> int | None:
    with database.transaction() as session:
        return session.scalar(
            text("SELECT amount FROM things WHERE thing_id = :id"), {"id": thing_id}
        )


def test_the_end_of_the_block_commits(database: Database) -> None:
    thing_id = str(uuid4())
    add(database, thing_id, 5)
    assert amount_of(database, thing_id) == 5


@pytest.mark.parametrize("error", [AppError(ErrorCode.FORBIDDEN, "No."), RuntimeError("bug")])
def test_any_exception_rolls_back_and_is_raised_as_it_is(
    database: Database, error: Exception
) -> None:
    thing_id = str(uuid4())
    add(database, thing_id, 5)
    with pytest.raises(type(error)) as raised, database.transaction() as session:
        session.execute(text("UPDATE things SET amount = 6 WHERE thing_id = :id"), {"id": thing_id})
        raise error
    assert raised.value is error
    assert amount_of(database, thing_id) == 5


def test_a_refused_write_names_its_constraint(database: Database) -> None:
    with pytest.raises(IntegrityError) as refused:
        add(database, str(uuid4()), -1)
    assert violated_constraint(refused.value) == "thing_amount"


ADD = Prepared("INSERT INTO things (thing_id, amount) VALUES (:id, :amount) RETURNING amount")
PID = Prepared("SELECT pg_backend_pid() AS pid")


def test_a_prepared_statement_is_a_transaction_and_gives_its_rows(database: Database) -> None:
    thing_id = str(uuid4())
    [row] = database.run(ADD, id=thing_id, amount=5)
    assert row.amount == amount_of(database, thing_id) == 5


def test_a_construct_is_prepared_with_what_it_compares_to(database: Database) -> None:
    things = things_table(C("thing_id", Text), C("amount", Integer)).tables["things"]
    dear = select(things).where(things.c.thing_id == bindparam("of"), things.c.amount > 5)
    statement = Prepared(dear)
    for amount in (5, 6):
        thing_id = str(uuid4())
        add(database, thing_id, amount)
        found = [row.amount for row in database.run(statement, of=thing_id)]
        assert found == [amount] * (amount > 5)


def test_statements_that_travel_together_are_one_transaction(database: Database) -> None:
    thing_id = str(uuid4())
    insert = "INSERT INTO things (thing_id, amount) VALUES (:id, 1)"
    both = Prepared(f"{insert}; SELECT amount FROM things WHERE thing_id = :id")
    refused = Prepared(f"{insert}; INSERT INTO things (thing_id, amount) VALUES ('any', -1)")
    with pytest.raises(psycopg2.IntegrityError) as refusal:
        database.run(refused, id=thing_id)
    assert violated_constraint(refusal.value) == "thing_amount"
    assert [row.amount for row in database.run(both, id=thing_id)] == [1]


def test_a_prepared_statement_is_planned_once_per_connection(
    database_settings: DatabaseSettings,
) -> None:
    own = Database(database_settings.model_copy(update={"db_pool_size": 1}))
    plans = Prepared("SELECT count(*) AS them FROM pg_prepared_statements")
    assert [own.run(plans)[0].them for _ in range(3)] == [1, 1, 1]
    own.ping()  # a session has the same connection, and commits as ever
    assert own.run(plans)[0].them == 1
    own.engine.dispose()


def test_a_prepared_statement_is_planned_anew_on_a_new_connection(
    line: CuttableLine, far: Database
) -> None:
    before = far.run(PID)[0].pid
    line.cut()
    assert far.run(PID)[0].pid != before


def test_a_prepared_statement_is_unavailable_where_no_connection_can_be_made(
    database_settings: DatabaseSettings, line: CuttableLine, far: Database
) -> None:
    line.silence()
    for away in (Database(database_settings.model_copy(update={"db_port": free_port()})), far):
        with pytest.raises(AppError) as raised:
            away.run(PID)
        assert raised.value.code is ErrorCode.SERVICE_UNAVAILABLE


def test_to_a_silent_server_a_prepared_statement_is_unavailable_in_time(
    line: CuttableLine, far: Database
) -> None:
    before = far.run(PID)[0].pid
    line.silence()
    with pytest.raises(AppError) as raised, deadline.within(0.1):
        far.run(PID)
    assert raised.value.code is ErrorCode.SERVICE_UNAVAILABLE
    line.speak()
    assert far.run(PID)[0].pid != before


def test_a_prepared_statement_begins_nothing_where_no_time_is_left(database: Database) -> None:
    with deadline.within(0), pytest.raises(OutOfTime):
        database.run(PID)


def test_a_lock_that_is_not_to_be_had_is_told_and_costs_no_connection(
    database: Database, database_settings: DatabaseSettings
) -> None:
    thing_id = str(uuid4())
    other = Database(database_settings.model_copy(update={"db_pool_size": 1}))
    add(database, thing_id)
    lock = "SELECT pg_backend_pid() AS pid FROM things WHERE thing_id = :id FOR UPDATE"
    nowait = Prepared(f"{lock} NOWAIT")
    with database.transaction() as holding:
        holding.execute(text(lock), {"id": thing_id})
        before = other.run(PID)[0].pid
        with pytest.raises(RowLocked):
            other.run(nowait, id=thing_id)
    assert other.run(nowait, id=thing_id)[0].pid == before
    other.engine.dispose()


def test_times_are_utc(database: Database) -> None:
    with database.transaction() as session:
        assert session.scalar(text("SELECT now()")).utcoffset().total_seconds() == 0


def test_money_in_jsonb_is_never_a_float(database: Database) -> None:
    with database.transaction() as session:
        price = session.scalar(
            text("SELECT CAST(:price AS JSONB)").bindparams(price='{"CAT1": 350.10}')
        )
    assert price == {"CAT1": Decimal("350.10")}
    assert isinstance(price["CAT1"], Decimal)


def test_a_server_that_is_not_there_is_unavailable(database_settings: DatabaseSettings) -> None:
    gone = Database(database_settings.model_copy(update={"db_port": free_port()}))
    with pytest.raises(AppError) as raised:
        gone.ping()
    assert raised.value.code is ErrorCode.SERVICE_UNAVAILABLE
    assert "127.0.0.1" not in raised.value.message


def test_connections_that_were_ended_are_replaced_before_anybody_uses_one(
    database: Database, database_settings: DatabaseSettings
) -> None:
    own = Database(database_settings)
    ended = connections(own)
    with database.transaction() as session:
        session.execute(
            text("SELECT pg_terminate_backend(pid) FROM unnest(:pids) AS pid"), {"pids": [*ended]}
        )
    wait_for(lambda: not ended & backends(database), "the server to end them", 5)
    assert not connections(own) & ended
    own.engine.dispose()


def test_connections_that_were_cut_are_replaced_before_anybody_uses_one(
    line: CuttableLine, far: Database
) -> None:
    far.ping()
    line.cut()
    far.ping()


def backends(database: Database) -> set[int]:
    """The server's processes."""
    with database.transaction() as session:
        return set(session.scalars(text("SELECT pid FROM pg_stat_activity")))


def test_a_server_that_falls_silent_is_unavailable_and_its_late_answer_is_nobodys(
    line: CuttableLine, far: Database
) -> None:
    with far.transaction() as session:
        before = session.scalar(text("SELECT pg_backend_pid()"))
    line.silence()
    assert_unavailable_in_time(far)
    line.speak()
    with far.transaction() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != before


def test_a_server_that_is_silent_from_the_start_is_unavailable(
    line: CuttableLine, far: Database
) -> None:
    line.silence()
    assert_unavailable_in_time(far)
    line.speak()
    far.ping()


def connections(database: Database) -> set[int]:
    """The two that the pool has, by the server's process."""
    with database.transaction() as one, database.transaction() as other:
        return {each.scalar(text("SELECT pg_backend_pid()")) for each in (one, other)}


def test_a_request_that_has_no_time_left_begins_nothing(database: Database) -> None:
    before = connections(database)
    with deadline.within(0), pytest.raises(OutOfTime):
        database.ping()
    assert connections(database) == before


def test_a_statement_that_outlasts_its_request_costs_its_own_connection(
    database: Database,
) -> None:
    before = connections(database)
    with deadline.within(0.1), pytest.raises(AppError) as raised:
        with database.transaction() as session:
            session.execute(text("SELECT pg_sleep(2)"))
    assert raised.value.code is ErrorCode.SERVICE_UNAVAILABLE
    assert len(connections(database) & before) == 1


def test_connections_of_others_wait_as_long_as_they_like(
    database_settings: DatabaseSettings,
) -> None:
    url = database_settings.database_url.set(drivername="postgresql")
    other = psycopg2.connect(url.render_as_string(hide_password=False))
    with deadline.within(0), other.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.01)")
    other.close()


def test_a_lock_is_not_waited_for_without_end(
    database: Database, database_settings: DatabaseSettings
) -> None:
    thing_id, other = str(uuid4()), Database(database_settings)
    add(database, thing_id)
    change = text("UPDATE things SET amount = amount + 1 WHERE thing_id = :id")
    with database.transaction() as holding:
        holding.execute(change, {"id": thing_id})
        with pytest.raises(AppError) as raised, other.transaction() as waiting:
            waiting.execute(text("SET LOCAL lock_timeout = '100ms'"))
            waiting.execute(change, {"id": thing_id})
    assert raised.value.code is ErrorCode.SERVICE_UNAVAILABLE
    assert amount_of(database, thing_id) == 2
    other.engine.dispose()


@pytest.mark.parametrize(
    "name", ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"]
)
def test_everything_that_could_hang_is_bounded(database: Database, name: str) -> None:
    with database.transaction() as session:
        assert session.scalar(text(f"SHOW {name}")) != "0"


def test_more_callers_than_connections_wait_for_one(database_settings: DatabaseSettings) -> None:
    small = Database(database_settings.model_copy(update={"db_pool_size": 2}))
    done: list[int] = []

    def work() -> None:
        with small.transaction() as session:
            session.execute(text("SELECT pg_sleep(0.05)"))
        done.append(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 8
    small.engine.dispose()


def things_table(*columns: C) -> MetaData:
    metadata = MetaData()
    Table("things", metadata, *columns)
    return metadata


def test_a_model_that_fits_the_table_shows_no_difference(database: Database) -> None:
    fitting = things_table(
        C("thing_id", Text, primary_key=True),
        C("price", JSONB),
        C("amount", Integer),
        C("made_at", DateTime(timezone=True), nullable=False),
    )
    assert schema_differences(fitting, database.engine) == []


def test_every_kind_of_difference_is_told(database: Database) -> None:
    metadata = things_table(
        C("thing_id", String),
        C("amount", Integer, nullable=False),
        C("extra", Integer),
    )
    Table("others", metadata, C("id", Integer, primary_key=True))
    assert schema_differences(metadata, database.engine) == [
        "tables ['things'] against ['others', 'things']",
        "things.amount: database ('INTEGER', True), model ('INTEGER', False)",
        "things.extra: database None, model ('INTEGER', True)",
        "things.made_at: database ('TIMESTAMP WITH TIME ZONE', False), model None",
        "things.price: database ('JSONB', True), model None",
        "things.thing_id: database ('TEXT', False), model ('VARCHAR', True)",
        "things: primary key ['thing_id']",
    ]
