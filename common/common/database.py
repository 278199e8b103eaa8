"""A service's own PostgreSQL: one bounded pool, one transaction per use case."""

import logging
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import OperationalError as NoAnswer
from psycopg2 import errors, extensions
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DisconnectionError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from common import deadline, encoding
from common.errors import AppError, ErrorCode, OutOfTime, RowLocked
from common.prepared import Prepared
from common.settings import DatabaseSettings

log = logging.getLogger(__name__)

# Bounds on everything that could hang: a statement, a wait for a lock, a transaction left open.
_SESSION_OPTIONS = (
    "-c timezone=UTC -c statement_timeout=3000 -c lock_timeout=2000"
    " -c idle_in_transaction_session_timeout=5000"
)
# The same as seen from here, where the server or the way to it is silent and ends nothing itself.
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 4.0
# For a statement that is under way when the time is up: it was sent, so it may be answered.
_LEAST_SECONDS = 0.5
_AWAITED = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


class _TimeIsUp(NoAnswer):
    """A statement was not waited for any longer, because the time of the request was over."""


class _BoundedConnection(extensions.connection):
    """Waits for its server as `_wait` says, as no other connection of this process does."""


def _wait(connection: extensions.connection) -> None:
    """Wait until a connection is made, or a statement answered, for as long as that may take.

    libpq by itself waits without end, and TCP sees no fault in a server that takes and is silent.
    What is raised here closes the connection: nobody can get the late answer to another question.
    """
    ends_at, failure = None, NoAnswer
    if isinstance(connection, _BoundedConnection):
        is_new = connection.status == extensions.STATUS_SETUP
        at_most = _CONNECT_SECONDS if is_new else _ANSWER_SECONDS
        seconds = max(deadline.left(at_most), _LEAST_SECONDS)
        ends_at = time.monotonic() + seconds
        failure = NoAnswer if seconds == at_most else _TimeIsUp
    while (state := connection.poll()) != extensions.POLL_OK:
        # made anew each time: while connecting, the socket may become another one
        poller = select.poll()
        poller.register(connection.fileno(), _AWAITED[state])
        if ends_at is None:
            poller.poll()
        elif not poller.poll(max(0.0, ends_at - time.monotonic()) * 1000):
            raise failure("the server does not answer in time")


extensions.set_wait_callback(_wait)


class Database:
    """The engine and the transaction scope of one service."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.engine = create_engine(
            settings.database_url,
            pool_size=settings.db_pool_size,
            max_overflow=0,
            hide_parameters=True,  # no password hash, e-mail or code in a logged error
            pool_timeout=2,
            pool_use_lifo=True,
            # money in JSONB is read as Decimal too
            json_serializer=encoding.dumps,
            json_deserializer=encoding.loads,
            connect_args={
                "options": _SESSION_OPTIONS,
                "connection_factory": _BoundedConnection,
            },
        )
        event.listen(self.engine, "handle_error", _keep_other_connections)
        event.listen(self.engine, "checkout", _replace_if_ended)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end of the block, rolled back by any exception.

        Never hold it over a network call. Raises SERVICE_UNAVAILABLE where the database cannot be
        reached, has no free connection or does not answer in time; whether a commit that failed so
        took effect is unknown. Nothing is begun where the time of the request is over (OutOfTime).
        """
        if not deadline.left(_LEAST_SECONDS):
            raise OutOfTime
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise _unavailable(error) from error

    def run(self, statement: Prepared, **values: Any) -> list[Any]:
        """The rows of a statement that is a transaction of its own: one round trip, without ORM.

        Raises as `transaction` does, but that any statement which failed so, and not only a commit,
        may have taken effect; RowLocked where a lock is not to be had (NOWAIT, or not in time);
        psycopg2's own IntegrityError and DataError.
        """
        if not deadline.left(_LEAST_SECONDS):
            raise OutOfTime
        try:
            pooled = self.engine.raw_connection()
        except (PoolTimeout, psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            raise _unavailable(error) from error
        try:
            planned = pooled.info.setdefault("planned", set())
            with _committing_itself(pooled.driver_connection) as connection:
                return statement.execute(connection, planned, values)
        except errors.LockNotAvailable as error:
            raise RowLocked(
                ErrorCode.SERVICE_UNAVAILABLE, "Somebody else is at work on this: try again."
            ) from error
        except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
            if pooled.driver_connection.closed:
                pooled.invalidate(error)
            raise _unavailable(error) from error
        finally:
            pooled.close()

    def ping(self) -> None:
        """Raises AppError where the database does not answer."""
        with self.transaction() as session:
            session.execute(text("SELECT 1"))


@contextmanager
def _committing_itself(connection: extensions.connection) -> Iterator[extensions.connection]:
    """Each message is a transaction, which the server begins and ends."""
    connection.autocommit = True
    try:
        yield connection
    finally:
        if not connection.closed:
            connection.autocommit = False


def _unavailable(error: Exception) -> AppError:
    log.error("database unavailable", extra={"reason": str(error).splitlines()[0]})
    return AppError(ErrorCode.SERVICE_UNAVAILABLE, "The database cannot be reached right now.")


def _keep_other_connections(failure: ExceptionContext) -> None:
    """Of a server that is only not waited for any longer, the connections are sound."""
    if isinstance(failure.original_exception, _TimeIsUp):
        failure.invalidate_pool_on_disconnect = False


def _replace_if_ended(connection: extensions.connection, *_: object) -> None:
    """A connection that was ended while nobody used it costs nobody an answer.

    Unasked, a server has nothing to say but that; to ask it each time would be a round trip.
    """
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    if poller.poll(0):
        raise DisconnectionError("ended while it was idle")


def violated_constraint(error: IntegrityError | psycopg2.IntegrityError) -> str | None:
    """The name of the constraint or unique index that refused the write."""
    refusal = error.orig if isinstance(error, IntegrityError) else error
    return refusal.diag.constraint_name if refusal else None
