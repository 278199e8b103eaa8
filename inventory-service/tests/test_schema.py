from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from common.testing import database_from, schema_differences
from common.database import Database
from src.models import entry_log, hold, seat, seat_move  # noqa: F401 (they fill the metadata)
from src.models.base import Base

from calls import Move
from conftest import SERVICE, Store

EVENT_A = "20000000-0000-4000-8000-000000000001"
EVENT_B = "20000000-0000-4000-8000-000000000002"


def test_the_models_say_what_the_schema_says(database):
    assert schema_differences(Base.metadata, database.engine) == []


def test_schema_and_seed_can_be_run_again_and_fill_both_demo_events():
    scripts = [SERVICE / "init.sql", SERVICE / "seed.sql"]
    with database_from(*scripts, *scripts) as own:
        store = Store(Database(own))
        counts = store.sql(
            "SELECT event_id::text, category, count(*) FROM seats GROUP BY 1, 2 ORDER BY 1, 2"
        )
        assert [tuple(row) for row in counts] == [
            (EVENT_A, "CAT1", 12),
            (EVENT_A, "CAT2", 12),
            (EVENT_B, "CAT1", 1000),
            (EVENT_B, "CAT2", 1500),
            (EVENT_B, "CAT3", 2500),
        ]
        [last] = store.sql(
            "SELECT row_number, seat_number FROM seats"
            " WHERE seat_id = '40000000-0000-4000-8000-000000000024'"
        )
        assert tuple(last) == ("D", 6)
        [rows] = store.sql("SELECT max(row_number) AS last FROM seats WHERE length(row_number) = 2")
        assert rows.last == "AX"
        store.database.engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        "status = 'HELD'",
        "status = 'SOLD'",
        "held_by_user_id = gen_random_uuid()",
        "owner_user_id = gen_random_uuid()",
        "hold_id = gen_random_uuid()",
        "price_paid = 1",
    ],
)
def test_a_seat_whose_columns_contradict_its_status_is_refused(store, change):
    seat_id = store.seat()
    with pytest.raises(IntegrityError):
        store.sql(f"UPDATE seats SET {change} WHERE seat_id = :seat", seat=seat_id)


def test_a_seat_has_one_open_hold_at_a_time(store):
    seat_id = store.seat()
    book = (
        "INSERT INTO holds (hold_id, seat_id, user_id, status, held_until)"
        " VALUES (gen_random_uuid(), :seat, gen_random_uuid(), 'HELD', now())"
    )
    store.sql(book, seat=seat_id)
    with pytest.raises(IntegrityError, match="idx_one_open_hold_per_seat"):
        store.sql(book, seat=seat_id)


def test_a_seat_has_one_success_entry_and_any_number_of_others(store):
    seat_id = store.seat()
    scan = (
        "INSERT INTO entry_logs (seat_id, scanned_by_staff_id, result)"
        " VALUES (:seat, gen_random_uuid(), :result)"
    )
    for result in ("SUCCESS", "DUPLICATE", "DUPLICATE"):
        store.sql(scan, seat=seat_id, result=result)
    with pytest.raises(IntegrityError, match="idx_one_success_per_seat"):
        store.sql(scan, seat=seat_id, result="SUCCESS")


def test_a_transfer_has_one_move_in_each_direction_and_any_number_of_undone_ones(store):
    seat_id, transfer = store.seat(), uuid4()
    book = (
        "INSERT INTO seat_moves (move_id, seat_id, hold_id, transfer_id, direction, from_user_id,"
        " to_user_id, status, qr_code_hash_before, settled_at)"
        " VALUES (gen_random_uuid(), :seat, gen_random_uuid(), :transfer, :direction,"
        " gen_random_uuid(), gen_random_uuid(), :status, 'hash',"
        " CASE CAST(:status AS move_status) WHEN 'UNDONE' THEN now() END)"
    )
    of_transfer = {"seat": seat_id, "transfer": transfer}
    for direction in ("FORWARD", "BACK"):
        for status in ("UNDONE", "UNDONE", "MOVED"):
            store.sql(book, **of_transfer, direction=direction, status=status)
        with pytest.raises(IntegrityError, match="idx_one_move_per_transfer_and_direction"):
            store.sql(book, **of_transfer, direction=direction, status="MOVED")


@pytest.mark.parametrize(
    "constraint, change",
    [
        ("move_between_two", "to_user_id = from_user_id"),
        ("move_settled_at", "settled_at = now()"),
        ("move_settled_at", "status = 'UNDONE'"),
        ("move_tombstone", "qr_code_hash_before = NULL"),
    ],
)
def test_a_move_whose_columns_contradict_its_status_is_refused(
    inventory, store, sold, constraint, change
):
    move = Move(*sold)
    inventory.move(move)
    with pytest.raises(IntegrityError, match=constraint):
        store.sql(f"UPDATE seat_moves SET {change} WHERE move_id = :move", move=move.move)
