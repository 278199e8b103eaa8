"""What the audit reads: a bounded stretch at a time, by key, each of one snapshot."""

from uuid import UUID

from sqlalchemy import text

from common.database import Database

from ..audit_values import BookedEntry, BookedReference, Stretch, UserSums

_MOST_ENTRIES_OF_A_REFERENCE = 20  # no order or transfer has so many

_USERS = text("""
    WITH these AS (
        SELECT user_id, credit_balance, frozen_credits FROM users
         WHERE CAST(:after AS uuid) IS NULL OR user_id > :after
         ORDER BY user_id LIMIT :limit
    ), booked AS (
        SELECT user_id, sum(amount) AS total FROM credit_ledger
         WHERE user_id IN (SELECT user_id FROM these) GROUP BY user_id
    ), frozen AS (
        SELECT user_id, sum(amount) AS total FROM credit_freezes
         WHERE ended_at IS NULL AND user_id IN (SELECT user_id FROM these) GROUP BY user_id
    )
    SELECT these.user_id, these.credit_balance, coalesce(booked.total, 0) AS ledger_sum,
           these.frozen_credits, coalesce(frozen.total, 0) AS open_freezes
      FROM these LEFT JOIN booked USING (user_id) LEFT JOIN frozen USING (user_id)
     ORDER BY these.user_id
    """)

_ENTRIES = text("""
    SELECT entry.entry_id, entry.reference_id, entry.user_id, entry.kind, entry.amount
      FROM unnest(CAST(:reference_ids AS uuid[])) AS named (reference_id)
     CROSS JOIN LATERAL (
        SELECT * FROM credit_ledger
         WHERE reference_id = named.reference_id AND NOT tombstone
         LIMIT :most
     ) AS entry
    """)

_REFERENCES = text("""
    WITH these AS (
        SELECT DISTINCT reference_id FROM credit_ledger
         WHERE CAST(:after AS uuid) IS NULL OR reference_id > :after
         ORDER BY reference_id LIMIT :limit
    ), of_users AS (
        SELECT reference_id, count(*) AS entries, coalesce(sum(amount) FILTER (WHERE kind IN (
                   'CHARGE', 'REFUND', 'TRANSFER_OUT', 'TRANSFER_IN', 'FREEZE', 'UNFREEZE'
               )), 0) AS moved
          FROM credit_ledger WHERE reference_id IN (SELECT reference_id FROM these)
         GROUP BY reference_id, user_id
    )
    SELECT reference_id, sum(entries) AS entries, bool_or(moved <> 0) AS moves_credits
      FROM of_users GROUP BY reference_id ORDER BY reference_id
    """)


class Audit:
    """The use cases of the audit; they write nothing and take no lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def users(self, wanted: Stretch) -> list[UserSums]:
        """What users have and what explains it, ordered by user_id."""
        with self._database.transaction() as session:
            rows = session.execute(_USERS, wanted.model_dump())
            return [UserSums.model_validate(row) for row in rows]

    def entries(self, reference_ids: list[UUID]) -> list[BookedEntry]:
        """What is booked under these references; tombstones are nothing."""
        values = {"reference_ids": reference_ids, "most": _MOST_ENTRIES_OF_A_REFERENCE}
        with self._database.transaction() as session:
            return [BookedEntry.model_validate(row) for row in session.execute(_ENTRIES, values)]

    def references(self, wanted: Stretch) -> list[BookedReference]:
        """Everything that credits were ever moved under, ordered by reference_id."""
        with self._database.transaction() as session:
            rows = session.execute(_REFERENCES, wanted.model_dump())
            return [BookedReference.model_validate(row) for row in rows]
