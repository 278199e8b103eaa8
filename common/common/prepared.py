"""Statements that are a whole use case: put together once, planned once per connection."""

import hashlib
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import ClauseElement, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect

# Of SQLAlchemy's dialects the one that numbers parameters and says their types, as PREPARE wants.
_NUMBERED = dialect()


@dataclass(frozen=True)
class _Part:
    """One statement as the server knows it, and how it is called with its parameters."""

    name: str
    sql: str
    call: str
    constants: dict[str, Any]


class Prepared:
    """What Database.run runs: one statement, or several that travel as one.

    `source` is a construct of SQLAlchemy, or SQL with `:name` for what is given each time. Several
    statements are separated by `;` (which is in no literal). They are one transaction, in which
    each sees what was committed before it began: what follows a lock sees what the lock was waiting
    for. The rows are those of the last; of two columns of one name the later has a place and no
    name.

    PostgreSQL parses and plans each once per connection (PREPARE); the ORM, which costs more than
    the statement does, is not asked when it runs.
    """

    def __init__(self, source: str | ClauseElement) -> None:
        self.source = source
        sources = source.split(";") if isinstance(source, str) else [source]
        self._parts = [_part(one) for one in sources]
        self._message = "; ".join(part.call for part in self._parts)
        self._constants = {
            name: value for part in self._parts for name, value in part.constants.items()
        }
        self._row: Any = None

    def execute(self, connection: Connection, planned: set[str], values: dict[str, Any]) -> list:
        """Run it; `planned`: what this connection has planned already, which is added to."""
        with connection.cursor() as cursor:
            for part in self._parts:
                if part.name not in planned:
                    _plan(cursor, part.name, part.sql)
                    planned.add(part.name)
            cursor.execute(self._message, {**self._constants, **values})
            if self._row is None:
                names = [column.name for column in cursor.description]
                self._row = namedtuple("Row", names, rename=True)
            return [self._row._make(row) for row in cursor.fetchall()]


def _part(source: str | ClauseElement) -> _Part:
    statement = text(source) if isinstance(source, str) else source
    compiled = statement.compile(dialect=_NUMBERED)
    sql = str(compiled)
    # of its text, so that the same statement has the same name
    name = f"p{hashlib.sha256(sql.encode()).hexdigest()[:16]}"
    parameters = ", ".join(f"%({one})s" for one in compiled.positiontup)
    constants = {key: one.value for key, one in compiled.binds.items() if not one.required}
    return _Part(name, sql, f"EXECUTE {name}" + f"({parameters})" * bool(parameters), constants)


def _plan(cursor: Cursor, name: str, sql: str) -> None:
    cursor.execute(f"PREPARE {name} AS {sql}")
