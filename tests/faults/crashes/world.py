"""A platform, everybody who acts on it, and the watched orchestrator beside it."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from local_stack.audit import Audit
from local_stack.stack import Stack

from deals import Deal
from driver import SOURCE, Orchestrator, Proxies, RecoveryProcess
from gate import Gate
from outside import Smu, Stripe
from platform_client import EVENT_B, Api, Buyer, Records
from watch import Watch

Finding = tuple[int, str, tuple[tuple[str, str], ...]]

# A seat that is noted here has the owner that it has.
_STUBBORN_SEATS = """
    CREATE TABLE IF NOT EXISTS stubborn_seats (seat_id UUID PRIMARY KEY);
    GRANT SELECT ON stubborn_seats TO PUBLIC;
    CREATE OR REPLACE FUNCTION refuse_new_owner() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM stubborn_seats WHERE seat_id = NEW.seat_id) THEN
            RAISE EXCEPTION 'out of order';
        END IF;
        RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER refuse_new_owner BEFORE UPDATE ON seats FOR EACH ROW
        WHEN (NEW.owner_user_id IS NOT NULL
              AND NEW.owner_user_id IS DISTINCT FROM OLD.owner_user_id)
        EXECUTE FUNCTION refuse_new_owner()
    """


class World:
    """`source` is the folder that orchestrator and recovery are started from."""

    def __init__(self, stack: Stack, source: Path = SOURCE) -> None:
        self.stack = stack
        self._source = source
        self.watch = Watch()
        self.proxies = Proxies(stack, self.watch)
        self.orchestrator = Orchestrator(stack.settings | self.proxies.settings, source)
        self.api = Api(stack.gateway_url)
        self.admin = self.api.logged_in("admin@example.com", "password123")
        self.staff = self.api.logged_in("staff@example.com", "password123")
        self.records = Records(stack.database_url)
        self.smu = Smu(stack.settings["SMU_API_URL"])
        self.stripe = Stripe(
            stack.settings["STRIPE_API_BASE"], stack.settings["STRIPE_WEBHOOK_SECRET"]
        )
        self.known: set[Finding] = set()
        self.records.query("inventory", _STUBBORN_SEATS)

    def close(self) -> None:
        """End what is not the stack's."""
        self.orchestrator.close()
        self.proxies.close()

    def watched_recovery(self) -> RecoveryProcess:
        """A recovery whose calls are watched too."""
        return RecoveryProcess(self.stack.settings | self.proxies.settings, self._source)

    def new_buyer(self) -> Buyer:
        """With credits."""
        return Buyer.register(self.api, self.admin, 1000)

    def new_seat(self) -> str:
        """One that nobody has touched."""
        return next(self._free_seats)

    def new_deal(self) -> Deal:
        """A seat just sold, and a buyer for it."""
        parties = self.new_buyer(), self.new_buyer()
        return Deal.of(*parties, self.new_seat(), self.smu, self.records, 100)

    def be_stubborn(self, seat_id: str) -> None:
        """Let the seat take no new owner from now on."""
        self.records.query("inventory", "INSERT INTO stubborn_seats VALUES (%s)", seat_id)

    def new_findings(self) -> list[Finding]:
        """What an audit finds that none has found before."""
        found = {
            (one["rule"], one["what"], tuple(one["ids"].items()))
            for part in Audit.of(self.stack).parts()
            for one in part["findings"]
        }
        new, self.known = sorted(found - self.known), self.known | found
        return new

    @cached_property
    def gate(self) -> Gate:
        """The gate of the hall-sized event."""
        hall = self.api.ok("GET", f"/api/events/{EVENT_B}")["hall_id"]
        return Gate(self.staff, hall, self.stack.settings["QR_ENCRYPTION_KEY"])

    @cached_property
    def _free_seats(self) -> Iterator[str]:
        seats = self.api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
        return iter([seat["seat_id"] for seat in seats if seat["status"] == "AVAILABLE"])


def call(api: Api, url: str, path: str, **body: Any) -> httpx.Response:
    """A POST with that user's token to another address than the gateway's."""
    return api.at(url).call("POST", path, json=body)
