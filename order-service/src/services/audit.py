"""What the audit reads: a bounded stretch at a time, by key, each of one snapshot."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from common.database import Database

from ..audit_values import SalesStretch, SeatSale, Stretch
from .records import A, M, RecordKind

_MOST_ORDERS_OF_A_SEAT = 10  # of which rule 1 allows one

_SOLD_SEATS = """
    SELECT DISTINCT seat_id FROM orders
     WHERE status = 'CONFIRMED'
       AND (CAST(:after AS uuid) IS NULL OR seat_id > :after)
       AND (CAST(:until AS uuid) IS NULL OR seat_id <= :until)
     ORDER BY seat_id LIMIT :limit
    """
_NAMED_SEATS = "SELECT seat_id FROM unnest(CAST(:ids AS uuid[])) AS named (seat_id)"
_SALES_OF = """
    WITH wanted AS ({seats})
    SELECT wanted.seat_id, journal.version, journal.at_work, sold.confirmed
      FROM wanted
     CROSS JOIN LATERAL (
        SELECT coalesce(sum(saga_version), 0) AS version,
               coalesce(bool_or(saga IS NOT NULL), FALSE) AS at_work
          FROM (SELECT saga_version, saga FROM orders WHERE seat_id = wanted.seat_id
                 UNION ALL
                SELECT saga_version, saga FROM transfers WHERE seat_id = wanted.seat_id
               ) AS records
     ) AS journal
     CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_agg(to_jsonb(one)), '[]') AS confirmed
          FROM (SELECT order_id,
                       coalesce((SELECT buyer_user_id FROM transfers
                                  WHERE transfers.order_id = orders.order_id
                                    AND status IN ('COMPLETED', 'DISPUTED')
                                  ORDER BY completed_at DESC LIMIT 1), user_id)
                       AS owner_user_id
                  FROM orders
                 WHERE seat_id = wanted.seat_id AND status = 'CONFIRMED'
                 ORDER BY order_id LIMIT :most
               ) AS one
     ) AS sold
     ORDER BY wanted.seat_id
    """
_SALES = text(_SALES_OF.format(seats=_SOLD_SEATS))
_SALES_OF_NAMED = text(_SALES_OF.format(seats=_NAMED_SEATS))

_NO_RECORDS = text("""
    SELECT id FROM unnest(CAST(:ids AS uuid[])) AS named (id)
     WHERE NOT EXISTS (SELECT FROM orders WHERE order_id = id)
       AND NOT EXISTS (SELECT FROM transfers WHERE transfer_id = id)
    """)
_NO_KEYS = text("""
    SELECT id FROM unnest(CAST(:ids AS uuid[])) AS named (id)
     WHERE id NOT IN (SELECT dispute_id FROM transfers WHERE dispute_id = ANY(:ids))
       AND id NOT IN (SELECT reversal_id FROM transfers WHERE reversal_id = ANY(:ids))
    """)


class Audit:
    """The use cases of the audit; they write nothing and take no lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self, kind: RecordKind[M, A], wanted: Stretch) -> list[A]:
        """Records with their journals, ordered by ID."""
        found = select(kind.model).order_by(kind.key)
        if wanted.ids is not None:
            found = found.where(kind.key.in_(wanted.ids))
        else:
            found = found.limit(wanted.limit)
            if wanted.after is not None:
                found = found.where(kind.key > wanted.after)
        with self._database.transaction() as session:
            return [kind.answer.model_validate(record) for record in session.scalars(found)]

    def sales(self, wanted: SalesStretch) -> list[SeatSale]:
        """The sales of seats that a CONFIRMED order has, or of those that are named, by seat."""
        values: dict[str, Any] = {"most": _MOST_ORDERS_OF_A_SEAT}
        if wanted.ids is None:
            statement = _SALES
            values |= wanted.model_dump(include={"after", "until", "limit"})
        else:
            statement = _SALES_OF_NAMED
            values["ids"] = wanted.ids
        with self._database.transaction() as session:
            return [SeatSale.model_validate(row) for row in session.execute(statement, values)]

    def unknown(self, ids: list[UUID]) -> list[UUID]:
        """Those that are of no order, no transfer, and no dispute or reversal that stands."""
        with self._database.transaction() as session:
            left = session.scalars(_NO_RECORDS, {"ids": ids}).all()
            return list(session.scalars(_NO_KEYS, {"ids": left})) if left else []
