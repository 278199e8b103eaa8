"""The audit of the rules that must never break: for admins, and for `make audit`."""

from typing import Annotated
from uuid import UUID

from flask import Blueprint
from pydantic import BaseModel, Field, StringConstraints, model_validator

from common.auth import Access
from common.endpoint import endpoint
from common.fields import Answer

from .. import demo
from ..audit.walk import Audit, Part, Position

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_START = Annotated[
    str,
    StringConstraints(pattern=rf"^(users|orders|transfers|seats|references)(:{_UUID})?$"),
    Field(examples=[f"orders:{demo.ORDER}"]),
]
_RECORD = Annotated[
    str,
    StringConstraints(pattern=rf"^(orders|transfers|seats):{_UUID}$"),
    Field(examples=[f"orders:{demo.ORDER}"]),
]


class AuditQuery(BaseModel):
    """Where to go on: `next` of the part before; or which of `unsettled` to look at again."""

    after: _START | None = None
    again: _RECORD | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "AuditQuery":
        if self.after is not None and self.again is not None:
            raise ValueError("give after or again, not both")
        return self


class AuditFinding(Answer):
    """What breaks a rule, and where."""

    rule: int = Field(ge=1, le=6)
    what: str
    ids: dict[str, UUID]


class AuditCounts(Answer):
    """How many were checked; `entries` are the ledger's."""

    users: int
    orders: int
    transfers: int
    seats: int
    entries: int


class AuditPart(Answer):
    """What came of one part of the audit; `clean` is true where nothing is broken in it."""

    clean: bool
    checked: AuditCounts
    findings: list[AuditFinding]
    unsettled: list[str]
    next: str | None


def audit_blueprint(audit: Audit) -> Blueprint:
    """The audit under its public and its internal address."""
    routes = Blueprint("audit", __name__)

    @routes.get("/api/admin/audit")
    @endpoint(access=Access.ADMIN, query=AuditQuery, returns=AuditPart)
    def audit_for_admins(query: AuditQuery) -> AuditPart:
        """Check the rules that must never break, on the live system; changes nothing.

        A call takes about five seconds at most and checks the part it gets to: go on with `after`,
        the `next` of the answer, until that is null. A record that looks broken while a saga is at
        work on it is no finding but in `unsettled`: ask for it again, with `again`, until it is
        settled. Rules: 1 a seat is sold to one order, 2 credits are conserved, 3 sold if and only
        if there is a CONFIRMED order, to its rightful owner, 4 no hold outlives its end, 5 a
        transfer moves seat and credits once, 6 one SUCCESS entry per seat.
        """
        return _audited(query)

    @routes.get("/audit")
    @endpoint(access=Access.INTERNAL, query=AuditQuery, returns=AuditPart)
    def audit_for_the_command(query: AuditQuery) -> AuditPart:
        """The same as GET /api/admin/audit, for `make audit`, which has no login."""
        return _audited(query)

    def _audited(query: AuditQuery) -> AuditPart:
        if query.again is not None:
            return _answer(audit.again(Position.of(query.again)))
        return _answer(audit.walk(Position.of(query.after) if query.after else None))

    return routes


def _answer(part: Part) -> AuditPart:
    return AuditPart(
        clean=not part.findings,
        checked=AuditCounts(**part.checked),
        findings=[AuditFinding.model_validate(one) for one in part.findings],
        unsettled=[str(one) for one in part.unsettled],
        next=None if part.next is None else str(part.next),
    )
