"""A platform to be measured: started for that, filled in bulk, audited after each load."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pika
import psutil
import psycopg2
from local_stack.audit import Audit, AuditError
from local_stack.native_stack import NativeStack

from common.auth import Role
from common.testing import access_token

PRICE = 100
HALL = "BENCH"
_UNLIMITED = ("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_SCAN_PER_MINUTE", "RATE_LIMIT_AUTH_PER_MINUTE")
_TOKENS_LIVE_SECONDS = 86_400
_DRAINED_WITHIN_SECONDS = 60.0  # of the end of the last hold
SERVICES = ("event", "user", "order", "inventory")
# Short, so that what a hold costs when its message comes back need not be waited for long.
HOLD_SECONDS = 30
_HOLD_QUEUES = ("seat.hold.queue", "seat.release.queue")

_USERS = """
    WITH made AS (
        INSERT INTO users (email, full_name, phone, credit_balance, password_hash)
        SELECT 'bench-' || gen_random_uuid() || '@example.com', 'A buyer of the bench',
               '+65' || lpad((%(first)s + n)::text, 11, '0'), %(credits)s, 'none: they never log in'
          FROM generate_series(1, %(count)s) AS n
        RETURNING user_id, phone, credit_balance
    ), booked AS (
        INSERT INTO credit_ledger (user_id, kind, amount, balance_after, reference_id, reason)
        SELECT user_id, 'GRANT', credit_balance, credit_balance, user_id, 'for the bench' FROM made
    )
    SELECT user_id::text, phone FROM made
    """
_EVENT = """
    INSERT INTO events (event_id, name, venue_id, hall_id, event_date, total_seats, pricing_tiers)
    SELECT gen_random_uuid(), 'The Measured Night', venue_id, %(hall)s, now() + interval '30 days',
           %(seats)s, jsonb_build_object('CAT1', %(price)s)
      FROM venues LIMIT 1
    RETURNING event_id::text
    """
_SEATS = """
    INSERT INTO seats (event_id, category, row_number, seat_number)
    SELECT %(event_id)s, 'CAT1', upper(lpad(to_hex(n / 100), 4, '0')), n %% 100 + 1
      FROM generate_series(0, %(seats)s - 1) AS n
    RETURNING seat_id::text
    """


class NotClean(Exception):
    """The figures of a load do not count: the audit found something, or it did not settle."""


@dataclass(frozen=True)
class Buyer:
    """Somebody with credits, logged in."""

    user_id: str
    phone: str
    token: str


@dataclass
class Site:
    """A stack, and what a load needs of it."""

    stack: NativeStack
    _phones: int = field(default_factory=lambda: int(time.time()) % 10**6 * 10**5)
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    @property
    def url(self) -> str:
        return self.stack.gateway_url

    def pids(self) -> dict[str, int]:
        """The main process of each part of the platform, by its name.

        What stands in for the world outside is none of it.
        """
        parts = {name for name, *_ in self.stack.status()} - self.stack.standins
        return {name: self.stack.pid(name) for name in parts}

    def log_keeper(self) -> dict[str, int]:
        """The supervisor, whose children they all are, and who writes down what they say."""
        return {"logs": psutil.Process(self.stack.pid("gateway")).ppid()}

    def query(self, service: str, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement in the database of a service."""
        with closing(psycopg2.connect(self.stack.database_url(service))) as connection:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall() if cursor.description else []

    def settle(self) -> None:
        """Wait for what earlier loads have left to do, and make PostgreSQL do it.

        That is the messages of their holds, and the vacuum that it starts by itself some time
        after many rows were written.
        """
        self.drain()
        for service in SERVICES:
            connection = psycopg2.connect(self.stack.database_url(service))
            connection.autocommit = True
            with closing(connection), connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")

    def drain(self) -> None:
        """Wait until the message of every hold has come back and was dealt with.

        Raises NotClean where that takes longer than it may.
        """
        may_take = int(self.stack.settings["HOLD_TTL_SECONDS"]) + _DRAINED_WITHIN_SECONDS
        ends_at = time.monotonic() + may_take
        with closing(pika.BlockingConnection(pika.URLParameters(self.stack.amqp_url))) as broker:
            channel = broker.channel()
            quiet = 0
            while quiet < 3:  # what is being dealt with is in no queue
                found = [channel.queue_declare(name, passive=True) for name in _HOLD_QUEUES]
                quiet = 0 if any(one.method.message_count for one in found) else quiet + 1
                if time.monotonic() > ends_at:
                    raise NotClean("the messages of the holds do not come back")
                broker.sleep(0.2)

    def buyers(self, count: int, credits: int = 100_000) -> list[Buyer]:
        """So many new users: rows, and tokens as the user service signs them."""
        made = self.query("user", _USERS, count=count, credits=credits, first=self._phones)
        self._phones += count
        return [Buyer(user_id, phone, self.token(user_id)) for user_id, phone in made]

    def event(self, seats: int) -> tuple[str, list[str]]:
        """A new event, and its seats in no order of their places."""
        ((event_id,),) = self.query("event", _EVENT, seats=seats, price=PRICE, hall=HALL)
        made = self.query("inventory", _SEATS, event_id=event_id, seats=seats)
        return event_id, [seat_id for (seat_id,) in made]

    def staff(self) -> str:
        """A token of somebody at the gate."""
        return self.token(str(uuid4()), Role.STAFF)

    def token(self, user_id: str, role: Role = Role.CUSTOMER) -> str:
        """An access token that outlasts the bench."""
        secret = self.stack.settings["JWT_SECRET"]
        return access_token(UUID(user_id), role, secret, _TOKENS_LIVE_SECONDS)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._client.get(f"{self.url}{path}", headers=headers).raise_for_status()

    def audit(self) -> None:
        """Raises NotClean where a rule is broken, something does not settle, or nobody can see."""
        try:
            for part in Audit.of(self.stack).parts():
                if part["findings"]:
                    raise NotClean(f"the audit found {part['findings']}")
                if part["unsettled"]:
                    raise NotClean(f"does not settle: {part['unsettled']}")
        except AuditError as error:
            raise NotClean(str(error)) from error


@contextmanager
def platform(folder: Path, workers: int = 1, hold_seconds: int = HOLD_SECONDS) -> Iterator[Site]:
    """A stack of its own with `workers` processes per service, as it is in earnest but for the
    limits per minute and the length of a hold: data safe on disk, log lines written.
    """
    given = {"WEB_CONCURRENCY": str(workers), "GRPC_WORKERS": str(workers)}
    given["HOLD_TTL_SECONDS"] = str(hold_seconds)
    given |= dict.fromkeys(_UNLIMITED, "1000000")
    with NativeStack(folder, given, isolated=True).running() as stack:
        yield Site(stack)
