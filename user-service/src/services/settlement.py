"""A payment is settled to received minus the larger of refunded and disputed.

Events come in any order and again; each is taken once, and what it tells only grows. What is no
longer in the balance to be taken back stands as the intent's `owed` until a top-up pays it.

Locks, in this order: the event's row, the intent (by its name, for it may have no row yet), the
user's row, then intents' rows of that user alone.
"""

import logging
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ..models.credit_ledger import LedgerKind
from ..models.stripe import StripeEvent, StripeIntent
from ..models.user import User
from .ledger import book
from .stripe_events import PaymentEvent

log = logging.getLogger(__name__)


def settle(session: Session, event: PaymentEvent) -> None:
    """Take one event into account; the second time it comes nothing happens."""
    settlement_id = _first_time(session, event)
    if settlement_id is None:
        return
    name = func.hashtextextended(f"stripe:{event.intent_id}", 0)
    session.execute(select(func.pg_advisory_xact_lock(name)))
    user = _lock_user(session, event)
    _write_down(session, event)
    if user is None:
        return  # what was told waits for the payment itself
    topped_up, balance = _credit(session, event, user)
    if topped_up:
        _take_back(session, user.user_id, settlement_id, _debts(session, event, user), topped_up)
    else:
        _take_back(session, user.user_id, settlement_id, _debt(session, event), balance)


def _first_time(session: Session, event: PaymentEvent) -> UUID | None:
    """The event's settlement_id; None, after waiting for whoever is at it, if it was taken."""
    row = insert(StripeEvent).values(event_id=event.event_id, type=event.type)
    return session.scalar(row.on_conflict_do_nothing().returning(StripeEvent.settlement_id))


def _lock_user(session: Session, event: PaymentEvent) -> Row[tuple[UUID, Decimal]] | None:
    known = session.scalar(
        select(StripeIntent.user_id).where(StripeIntent.intent_id == event.intent_id)
    )
    user_id = known or event.user_id
    user = session.execute(
        select(User.user_id, User.credit_balance).where(User.user_id == user_id).with_for_update()
    ).one_or_none()
    if user is None and user_id is not None:
        log.error(
            "payment of nobody we know", extra={"intent_id": event.intent_id, "user_id": user_id}
        )
    return user


def _write_down(session: Session, event: PaymentEvent) -> None:
    told = {"refunded": event.refunded, "disputed": event.disputed}
    row = insert(StripeIntent).values(intent_id=event.intent_id, **told)
    grown = {name: func.greatest(getattr(StripeIntent, name), row.excluded[name]) for name in told}
    session.execute(row.on_conflict_do_update(index_elements=["intent_id"], set_=grown))


def _credit(
    session: Session, event: PaymentEvent, user: Row[tuple[UUID, Decimal]]
) -> tuple[Decimal, Decimal]:
    """What the event's payment adds, the first time it is told, and the balance then."""
    topup_id = event.received and session.scalar(
        update(StripeIntent)
        .where(StripeIntent.intent_id == event.intent_id, StripeIntent.received == 0)
        .values(received=event.received, user_id=user.user_id)
        .returning(StripeIntent.topup_id)
    )
    if not topup_id:
        return Decimal(0), user.credit_balance
    booked = book(
        session,
        user.user_id,
        LedgerKind.TOPUP,
        event.received,
        topup_id,
        reason=f"Stripe {event.intent_id}",
    )
    return event.received, booked.credit_balance


def _debt(session: Session, event: PaymentEvent) -> list[tuple[str, Decimal]]:
    """What the event's own intent owes: only a top-up pays for others."""
    own = StripeIntent.intent_id == event.intent_id
    found = session.execute(select(StripeIntent.intent_id, StripeIntent.owed).where(own))
    return [tuple(row) for row in found]


def _debts(
    session: Session, event: PaymentEvent, user: Row[tuple[UUID, Decimal]]
) -> list[tuple[str, Decimal]]:
    """What all intents of the user owe, the event's own first, then the oldest."""
    found = session.execute(
        select(StripeIntent.intent_id, StripeIntent.owed)
        .where(StripeIntent.user_id == user.user_id, StripeIntent.owed > 0)
        .order_by(StripeIntent.intent_id != event.intent_id, StripeIntent.created_at)
    )
    return [tuple(row) for row in found]


def _take_back(
    session: Session,
    user_id: UUID,
    settlement_id: UUID,
    debts: list[tuple[str, Decimal]],
    available: Decimal,
) -> None:
    """Pay the debts as far as `available` reaches, in one entry."""
    left = available
    for intent_id, owed in debts:
        paid = min(owed, left)
        left -= paid
        session.execute(
            update(StripeIntent)
            .where(StripeIntent.intent_id == intent_id)
            .values(taken_back=StripeIntent.taken_back + paid)
        )
    if left < available:
        book(session, user_id, LedgerKind.TOPUP_REVERSAL, left - available, settlement_id)
