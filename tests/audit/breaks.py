"""Each rule broken by hand in the databases, constraints out of the way, and mended again."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from deals import Deal
from history import History

Ids, Sql = dict[str, str], tuple[str, str]
SOMEBODY = "99999999-0000-4000-8000-000000000001"
SOMETHING = "99999999-0000-4000-8000-000000000002"


@dataclass(frozen=True)
class Break:
    """Which rule, the IDs to be named, and by service what breaks and what mends its database."""

    rule: int
    ids: Ids
    sql: dict[str, Sql]


BREAKS: dict[str, Callable[[History], Break]] = {}


def _break(make: Callable[[History], Break]) -> Callable[[History], Break]:
    BREAKS[make.__name__.removeprefix("_").replace("_", " ")] = make
    return make


def _copied(table: str, where: str, **changed: str) -> str:
    """Inserts a copy of a row, some of its columns changed to these expressions."""
    values = ", ".join(f"{value} AS {name}" for name, value in changed.items())
    return f"""
        INSERT INTO {table}
        SELECT copy.*
          FROM (SELECT * FROM {table} WHERE {where}) AS one, (SELECT {values}) AS other,
               jsonb_populate_record(NULL::{table}, to_jsonb(one) || to_jsonb(other)) AS copy;
        """


def _entry_taken_out(reference: str, kind: str) -> Sql:
    """Its user's balance goes with it: the two still agree."""
    return (
        f"""
        ALTER TABLE credit_ledger DISABLE TRIGGER credit_ledger_append_only;
        CREATE TABLE taken AS SELECT * FROM credit_ledger
         WHERE reference_id = '{reference}' AND kind = '{kind}';
        DELETE FROM credit_ledger WHERE entry_id IN (SELECT entry_id FROM taken);
        UPDATE users SET credit_balance = credit_balance - amount FROM taken
         WHERE users.user_id = taken.user_id;
        """,
        """
        INSERT INTO credit_ledger SELECT * FROM taken;
        UPDATE users SET credit_balance = credit_balance + amount FROM taken
         WHERE users.user_id = taken.user_id;
        DROP TABLE taken;
        ALTER TABLE credit_ledger ENABLE TRIGGER credit_ledger_append_only;
        """,
    )


def _entry_put_in(user: str, kind: str, amount: int, reference: str) -> Sql:
    """The same the other way round; the key that should prevent it is dropped."""
    entry = uuid4()
    return (
        f"""
        ALTER TABLE credit_ledger DROP CONSTRAINT ledger_key;
        DROP INDEX idx_one_refund_per_reference;
        INSERT INTO credit_ledger (entry_id, user_id, kind, amount, balance_after, reference_id)
        VALUES ('{entry}', '{user}', '{kind}', {amount}, 0, '{reference}');
        UPDATE users SET credit_balance = credit_balance + {amount} WHERE user_id = '{user}';
        """,
        f"""
        ALTER TABLE credit_ledger DISABLE TRIGGER credit_ledger_append_only;
        DELETE FROM credit_ledger WHERE entry_id = '{entry}';
        ALTER TABLE credit_ledger ENABLE TRIGGER credit_ledger_append_only;
        UPDATE users SET credit_balance = credit_balance - {amount} WHERE user_id = '{user}';
        ALTER TABLE credit_ledger
            ADD CONSTRAINT ledger_key UNIQUE (reference_id, kind, user_id);
        CREATE UNIQUE INDEX idx_one_refund_per_reference ON credit_ledger (reference_id)
            WHERE kind = 'REFUND';
        """,
    )


def _changed(table: str, key: str, record: str, **values: str) -> Sql:
    """The columns of a row take these expressions, and what they had again."""
    sets = ", ".join(f"{name} = {value}" for name, value in values.items())
    back = ", ".join(f"{name} = was.{name}" for name in values)
    return (
        f"""
        CREATE TABLE was AS SELECT * FROM {table} WHERE {key} = '{record}';
        UPDATE {table} SET {sets} WHERE {key} = '{record}';
        """,
        f"UPDATE {table} SET {back} FROM was WHERE {table}.{key} = was.{key}; DROP TABLE was;",
    )


def _of_order(order: dict[str, str], history: History) -> Ids:
    return {"order_id": order["order_id"], "user_id": history.buyer.user_id}


def _of_transfer(deal: Deal) -> Ids:
    names = ("transfer_id", "order_id", "seat_id")
    return {name: getattr(deal, name) for name in names}


# rule 1


@_break
def _two_confirmed_orders_of_a_seat(history: History) -> Break:
    """The other one cost nothing, so that nothing else is wrong with it."""
    first, other = history.confirmed["order_id"], SOMETHING
    copied = {"order_id": f"'{other}'", "credits_charged": "0"}
    breaking = "DROP INDEX idx_one_confirmed_order_per_seat;"
    mending = f"""
        DELETE FROM orders WHERE order_id = '{other}';
        CREATE UNIQUE INDEX idx_one_confirmed_order_per_seat ON orders (seat_id)
            WHERE status = 'CONFIRMED';
        """
    orders = breaking + _copied("orders", f"order_id = '{first}'", **copied), mending
    charges = _entry_put_in(history.buyer.user_id, "CHARGE", 0, other)
    named = dict(zip(("order_id", "other_order_id"), sorted((first, other))))
    ids = {"seat_id": history.confirmed["seat_id"], **named}
    return Break(1, ids, {"order": orders, "user": charges})


# rule 2


@_break
def _a_balance_that_is_not_its_ledger(history: History) -> Break:
    user = history.bystander.user_id
    sql = _changed("users", "user_id", user, credit_balance="credit_balance + 0.01")
    return Break(2, {"user_id": user}, {"user": sql})


@_break
def _frozen_credits_of_no_freeze(history: History) -> Break:
    user = history.bystander.user_id
    sql = _changed("users", "user_id", user, frozen_credits="frozen_credits + 1")
    return Break(2, {"user_id": user}, {"user": sql})


@_break
def _a_confirmed_order_without_a_charge(history: History) -> Break:
    order = history.confirmed
    sql = _entry_taken_out(order["order_id"], "CHARGE")
    return Break(2, _of_order(order, history), {"user": sql})


@_break
def _a_confirmed_order_that_is_charged_twice(history: History) -> Break:
    order = history.confirmed
    sql = _entry_put_in(history.buyer.user_id, "CHARGE", -1, order["order_id"])
    return Break(2, _of_order(order, history), {"user": sql})


@_break
def _a_failed_order_that_was_charged(history: History) -> Break:
    order = history.failed
    sql = _entry_put_in(history.buyer.user_id, "CHARGE", -1, order["order_id"])
    return Break(2, _of_order(order, history), {"user": sql})


@_break
def _a_pending_order_that_was_charged(history: History) -> Break:
    order = history.held
    sql = _entry_put_in(history.buyer.user_id, "CHARGE", -1, order["order_id"])
    return Break(2, _of_order(order, history), {"user": sql})


@_break
def _a_refunded_order_without_its_refund(history: History) -> Break:
    order = history.refunded
    sql = _entry_taken_out(order["order_id"], "REFUND")
    return Break(2, _of_order(order, history), {"user": sql})


@_break
def _a_refunded_order_that_is_refunded_twice(history: History) -> Break:
    order = history.refunded
    sql = _entry_put_in(history.bystander.user_id, "REFUND", 1, order["order_id"])
    return Break(2, _of_order(order, history), {"user": sql})


@_break
def _a_charge_for_an_order_that_is_not_there(history: History) -> Break:
    sql = _entry_put_in(history.bystander.user_id, "CHARGE", -1, SOMETHING)
    return Break(2, {"reference_id": SOMETHING}, {"user": sql})


# rule 3

_AVAILABLE = {"status": "'AVAILABLE'"} | dict.fromkeys(
    ("hold_id", "held_by_user_id", "held_until", "owner_user_id", "price_paid", "qr_code_hash"),
    "NULL",
)


@_break
def _a_confirmed_order_whose_seat_is_free(history: History) -> Break:
    order = history.confirmed
    sql = _changed("seats", "seat_id", order["seat_id"], **_AVAILABLE)
    ids = {name: order[name] for name in ("seat_id", "order_id")}
    return Break(3, ids, {"inventory": sql})


@_break
def _a_seat_that_is_sold_by_another_order(history: History) -> Break:
    order = history.confirmed
    sql = _changed("seats", "seat_id", order["seat_id"], hold_id=f"'{SOMETHING}'")
    ids = {"seat_id": order["seat_id"], "order_id": SOMETHING}
    return Break(3, ids, {"inventory": sql})


@_break
def _a_seat_that_is_sold_by_no_order(history: History) -> Break:
    seat = next(history.free_seats)
    sale = {"status": "'SOLD'", "hold_id": f"'{SOMETHING}'", "owner_user_id": f"'{SOMEBODY}'"}
    sale |= {"price_paid": "350", "qr_code_hash": "repeat('a', 64)"}
    sql = _changed("seats", "seat_id", seat, **sale)
    return Break(3, {"seat_id": seat, "order_id": SOMETHING}, {"inventory": sql})


@_break
def _a_seat_that_a_stranger_owns(history: History) -> Break:
    order = history.confirmed
    sql = _changed("seats", "seat_id", order["seat_id"], owner_user_id=f"'{SOMEBODY}'")
    owners = {"owner_user_id": SOMEBODY, "rightful_user_id": history.buyer.user_id}
    ids = {name: order[name] for name in ("seat_id", "order_id")}
    return Break(3, ids | owners, {"inventory": sql})


@_break
def _a_seat_that_went_back_along_its_chain(history: History) -> Break:
    deal = history.passed_on
    owner = deal.seller.user_id
    sql = _changed("seats", "seat_id", deal.seat_id, owner_user_id=f"'{owner}'")
    owners = {"owner_user_id": owner, "rightful_user_id": deal.buyer.user_id}
    ids = {"seat_id": deal.seat_id, "order_id": deal.order_id}
    return Break(3, ids | owners, {"inventory": sql})


# rule 4


@_break
def _a_hold_that_outlives_its_end(history: History) -> Break:
    """The sweep is kept from it, or it would mend that before anybody looks."""
    order = history.held
    breaking, mending = _changed(
        "seats", "seat_id", order["seat_id"], held_until="now() - interval '11 seconds'"
    )
    never = """
        CREATE FUNCTION leave_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER leave_it BEFORE UPDATE ON seats FOR EACH ROW
            WHEN (OLD.status = 'HELD' AND NEW.status = 'AVAILABLE') EXECUTE FUNCTION leave_it();
        """
    gone = "DROP TRIGGER leave_it ON seats; DROP FUNCTION leave_it();"
    ids = {"seat_id": order["seat_id"], "hold_id": order["order_id"]}
    return Break(4, ids, {"inventory": (never + breaking, mending + gone)})


@_break
def _a_release_that_took_a_later_hold(history: History) -> Break:
    order = history.held
    sql = _changed("seats", "seat_id", order["seat_id"], **_AVAILABLE)
    ids = {"seat_id": order["seat_id"], "hold_id": order["order_id"]}
    return Break(4, ids, {"inventory": sql})


# rule 5


def _moves_taken_out(deal: Deal, direction: str) -> Sql:
    where = f"transfer_id = '{deal.transfer_id}' AND direction = '{direction}'"
    return (
        f"UPDATE seat_moves SET status = 'UNDONE', settled_at = now() WHERE {where};",
        f"UPDATE seat_moves SET status = 'MOVED', settled_at = NULL WHERE {where};",
    )


@_break
def _a_completed_transfer_that_moved_no_seat(history: History) -> Break:
    sql = _moves_taken_out(history.completed, "FORWARD")
    return Break(5, _of_transfer(history.completed), {"inventory": sql})


@_break
def _a_completed_transfer_that_moved_its_seat_twice(history: History) -> Break:
    deal = history.completed
    copy = _copied("seat_moves", f"transfer_id = '{deal.transfer_id}'", move_id=f"'{SOMETHING}'")
    breaking = "DROP INDEX idx_one_move_per_transfer_and_direction;" + copy
    mending = f"""
        DELETE FROM seat_moves WHERE move_id = '{SOMETHING}';
        CREATE UNIQUE INDEX idx_one_move_per_transfer_and_direction
            ON seat_moves (transfer_id, direction) WHERE status = 'MOVED';
        """
    return Break(5, _of_transfer(deal), {"inventory": (breaking, mending)})


@_break
def _a_cancelled_transfer_that_moved_its_seat(history: History) -> Break:
    deal, of = history.cancelled, history.completed
    changed = {"move_id": SOMETHING, "transfer_id": deal.transfer_id}
    copy = {name: f"'{value}'" for name, value in changed.items()}
    breaking = _copied("seat_moves", f"transfer_id = '{of.transfer_id}'", **copy)
    mending = f"DELETE FROM seat_moves WHERE move_id = '{SOMETHING}';"
    return Break(5, _of_transfer(deal), {"inventory": (breaking, mending)})


@_break
def _a_completed_transfer_that_the_seller_got_nothing_for(history: History) -> Break:
    sql = _entry_taken_out(history.completed.transfer_id, "TRANSFER_IN")
    return Break(5, _of_transfer(history.completed), {"user": sql})


@_break
def _a_completed_transfer_that_the_buyer_paid_twice(history: History) -> Break:
    deal = history.completed
    sql = _entry_put_in(deal.buyer.user_id, "TRANSFER_OUT", -1, deal.transfer_id)
    return Break(5, _of_transfer(deal), {"user": sql})


@_break
def _a_cancelled_transfer_that_was_paid(history: History) -> Break:
    deal = history.cancelled
    sql = _entry_put_in(deal.buyer.user_id, "TRANSFER_OUT", -1, deal.transfer_id)
    return Break(5, _of_transfer(deal), {"user": sql})


@_break
def _a_pending_transfer_that_was_paid(history: History) -> Break:
    deal = history.begun
    sql = _entry_put_in(deal.buyer.user_id, "TRANSFER_OUT", -1, deal.transfer_id)
    return Break(5, _of_transfer(deal), {"user": sql})


@_break
def _a_disputed_transfer_that_moved_its_seat_back(history: History) -> Break:
    deal = history.disputed
    where = f"transfer_id = '{deal.transfer_id}'"
    copy = _copied("seat_moves", where, move_id=f"'{SOMETHING}'", direction="'BACK'")
    mending = f"DELETE FROM seat_moves WHERE move_id = '{SOMETHING}';"
    return Break(5, _of_transfer(deal), {"inventory": (copy, mending)})


@_break
def _a_dismissed_dispute_whose_credits_stayed_frozen(history: History) -> Break:
    deal = history.dismissed
    ((dispute,),) = deal.records.query(
        "order", "SELECT dispute_id FROM transfers WHERE transfer_id = %s", deal.transfer_id
    )
    return Break(5, _of_transfer(deal), {"user": _entry_taken_out(dispute, "UNFREEZE")})


@_break
def _a_reversed_transfer_whose_seat_did_not_go_back(history: History) -> Break:
    sql = _moves_taken_out(history.reversed, "BACK")
    return Break(5, _of_transfer(history.reversed), {"inventory": sql})


@_break
def _a_reversed_transfer_whose_buyer_got_nothing_back(history: History) -> Break:
    deal = history.reversed
    ((reversal,),) = deal.records.query(
        "order", "SELECT reversal_id FROM transfers WHERE transfer_id = %s", deal.transfer_id
    )
    return Break(5, _of_transfer(deal), {"user": _entry_taken_out(reversal, "TRANSFER_IN")})


# rule 6


@_break
def _two_success_entries_of_a_seat(history: History) -> Break:
    seat = history.admitted["seat_id"]
    where = f"seat_id = '{seat}' AND result = 'SUCCESS'"
    copy = _copied("entry_logs", where, log_id=f"'{SOMETHING}'", scan_id=f"'{SOMETHING}'")
    breaking = "DROP INDEX idx_one_success_per_seat;" + copy
    mending = f"""
        DELETE FROM entry_logs WHERE log_id = '{SOMETHING}';
        CREATE UNIQUE INDEX idx_one_success_per_seat ON entry_logs (seat_id)
            WHERE result = 'SUCCESS';
        """
    return Break(6, {"seat_id": seat}, {"inventory": (breaking, mending)})


@_break
def _a_guest_who_went_in_without_an_entry(history: History) -> Break:
    seat = history.admitted["seat_id"]
    sql = _changed("entry_logs", "seat_id", seat, result="'DUPLICATE'")
    return Break(6, {"seat_id": seat}, {"inventory": sql})


@_break
def _an_entry_of_a_guest_who_did_not_go_in(history: History) -> Break:
    seat = history.admitted["seat_id"]
    sql = _changed("seats", "seat_id", seat, status="'SOLD'")
    return Break(6, {"seat_id": seat}, {"inventory": sql})
