"""Top-ups: begun with Stripe, credited and settled as Stripe's events tell."""

import logging

from common.database import Database

from ..values import Topup, TopupCall
from .payments import Payments
from .settlement import settle
from .user_service import UserService

log = logging.getLogger(__name__)


class TopupService:
    """The use cases of top-ups."""

    def __init__(self, database: Database, payments: Payments) -> None:
        self._database = database
        self._payments = payments
        self._users = UserService(database)

    def begin(self, call: TopupCall) -> Topup:
        """Begin a payment; raises USER_NOT_FOUND, VALIDATION_ERROR and SERVICE_UNAVAILABLE.

        Nothing is written down here: the payment itself carries the user.
        """
        self._users.get(call.user_id)
        return self._payments.begin(call)

    def receive(self, raw: bytes, signature: str | None) -> None:
        """Take an event of Stripe, each once; raises VALIDATION_ERROR on a bad signature."""
        event = self._payments.read_event(raw, signature)
        if event.intent_id is None:
            log.info("event of no interest", extra={"stripe_type": event.type})
            return
        with self._database.transaction() as session:
            settle(session, event)
