"""The platform without what keeps its callers apart, for the negative controls.

Three services are started again from copies of their code in which locks and guards are taken out,
one piece of text at a time, so that a piece which is no longer there is noticed; their databases
lose the indexes and constraints. A caller by himself is served as ever. Where a look and the write
that rests on it lie too close together for others to come between, the look is made slow, as a busy
database would.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local_stack.stack import Stack

from platform_client import Records
from source_copy import Change, copy_changed, run_copies

_LOCKS = "inventory-service/src/services/lock_service.py"
_SALES = "inventory-service/src/services/ownership_service.py"
_MOVES = "inventory-service/src/services/seat_moves.py"
_GATE = "inventory-service/src/services/verification_service.py"
_SALE = "order-service/src/services/sale.py"
_CLAIMS = "order-service/src/services/transfer_claims.py"
_LEDGER = "user-service/src/services/ledger.py"
_TOPUPS = "user-service/src/services/settlement.py"

# that a seat is held for one
_HOLDS = (
    Change(
        _LOCKS,
        "    SELECT pg_advisory_xact_lock"
        "(hashtextextended(CAST(CAST(:user_id AS uuid) AS text), 0));\n",
    ),
    Change(_LOCKS, " FOR UPDATE NOWAIT;", ";"),
    Change(_LOCKS, "clock_timestamp() AS at\n", "clock_timestamp() AS at FROM pg_sleep(0.1)\n"),
    Change(
        _LOCKS,
        """
           AND (seats.status = 'AVAILABLE'
                OR seats.status = 'HELD' AND seats.held_until <= granted.at)""",
    ),
)
# that it is sold to the one who holds it, and to one order
_SOLD_ONCE = (
    Change(
        _SALES,
        "owner_user_id = held_by_user_id,",
        "owner_user_id = CAST(:user_id AS uuid), hold_id = CAST(:hold_id AS uuid),",
    ),
    Change(
        _SALES,
        """ AND status = 'HELD' AND hold_id = :hold_id
           AND held_by_user_id = :user_id AND held_until > clock_timestamp()
           AND EXISTS (SELECT FROM holds WHERE hold_id = :hold_id AND status = 'HELD')""",
    ),
    Change(_SALES, " AND holds.status = 'HELD'\n"),
)
# that one thing at a time is done with a sale
_SALE_AS_A_WHOLE = (
    Change(_SALE, "_ORDERS = select(Order).with_for_update()", "_ORDERS = select(Order)"),
    Change(_SALE, "    .with_for_update()\n"),
    Change(
        _SALE,
        "    return Sale(order, list(transfers))",
        "    sale = Sale(order, list(transfers))\n"
        "    __import__('time').sleep(0.3)\n"
        "    return sale",
    ),
    Change(
        "order-service/src/services/transfer_initiation.py", "    _lock_initiator(session, new)\n"
    ),
    Change(
        _CLAIMS,
        """            Transfer.status == _STARTS_FROM[values["saga"]],
            Transfer.saga.is_(None),
""",
    ),
    Change(
        "order-service/src/services/transfer_moves.py",
        "legal=Transfer.status.in_(ACTIVE) & Transfer.saga.is_(None),",
        "legal=Transfer.status.in_(ACTIVE),",
    ),
)
# that a seat goes to one: to the next owner, through the gate, or back
_SEAT_GOES_ONE_WAY = (
    Change(_MOVES, " FOR UPDATE;", ";"),
    Change(_MOVES, "SELECT seat.status,", "SELECT pg_sleep(0.3), seat.status,"),
    Change(
        _MOVES,
        """
       AND seats.status = 'SOLD' AND seats.hold_id = booked.hold_id
       AND seats.owner_user_id = booked.from_user_id""",
    ),
    Change(
        _GATE,
        """
           AND status = 'SOLD'
           AND owner_user_id = :owner_user_id""",
    ),
    Change(
        _LOCKS,
        """
           AND seats.owner_user_id = coalesce(CAST(:owner_user_id AS uuid), named.user_id)""",
    ),
)
# that a balance is changed by one at a time, and a payment credited once
_CREDITS = (
    Change(
        _LEDGER,
        "SELECT user_id, credit_balance FROM users WHERE user_id = :user_id FOR UPDATE",
        "SELECT user_id, credit_balance, pg_sleep(0.03) FROM users WHERE user_id = :user_id",
    ),
    Change(
        _TOPUPS,
        "select(User.user_id, User.credit_balance).where(User.user_id == user_id)"
        ".with_for_update()",
        "select(User.user_id, User.credit_balance).where(User.user_id == user_id)",
    ),
    Change(_TOPUPS, ", StripeIntent.received == 0"),
)

_CONSTRAINTS = {
    "inventory": """
        DROP INDEX idx_one_open_hold_per_seat;
        DROP INDEX idx_one_success_per_seat;
        ALTER TABLE seats DROP CONSTRAINT seat_owner, DROP CONSTRAINT seat_price,
            DROP CONSTRAINT seat_qr_code;
        ALTER TABLE seat_moves DROP CONSTRAINT move_tombstone;
        """,
    "order": """
        DROP INDEX idx_one_confirmed_order_per_seat;
        DROP INDEX idx_one_active_transfer_per_seat;
        DROP INDEX idx_one_disputed_transfer_per_order;
        DROP INDEX idx_one_transfer_at_work_per_order;
        ALTER TABLE transfers DROP CONSTRAINT transfer_saga_status;
        """,
    "user": """
        ALTER TABLE credit_ledger DROP CONSTRAINT ledger_key;
        ALTER TABLE stripe_events DROP CONSTRAINT stripe_events_pkey;
        """,
}
_SERVICES = tuple(_CONSTRAINTS)


def unguard(stack: Stack, records: Records, folder: Path) -> None:
    """Take all of it away from a platform that is up, for good."""
    changes = (*_HOLDS, *_SOLD_ONCE, *_SALE_AS_A_WHOLE, *_SEAT_GOES_ONE_WAY, *_CREDITS)
    copy_changed(folder, _SERVICES, *changes)
    with ThreadPoolExecutor(len(_SERVICES)) as pool:
        list(pool.map(stack.stop, _SERVICES))
    for name, sql in _CONSTRAINTS.items():
        records.query(name, sql)
    run_copies(stack, folder, _SERVICES)
