"""What the audit reads, over HTTP; internal. A POST because a list of IDs fits no address."""

from typing import Any

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint

from ..audit_values import SalesStretch, SeatSale, SomeIds, Stretch, UnknownIds
from ..services.audit import Audit
from ..services.records import ORDERS, TRANSFERS, RecordKind


def audit_blueprint(audit: Audit) -> Blueprint:
    """The endpoints below /audit; they change nothing."""
    routes = Blueprint("audit", __name__)
    for kind in (ORDERS, TRANSFERS):
        _add_records(routes, audit, kind)

    @routes.post("/audit/sales")
    @endpoint(access=Access.INTERNAL, body=SalesStretch, returns=list[SeatSale])
    def sales(body: SalesStretch) -> list[SeatSale]:
        """The seats that are sold by CONFIRMED orders, or those named, and who owns them."""
        return audit.sales(body)

    @routes.post("/audit/unknown")
    @endpoint(access=Access.INTERNAL, body=SomeIds, returns=UnknownIds)
    def unknown(body: SomeIds) -> UnknownIds:
        """Which of these IDs are of no order, transfer, dispute or reversal."""
        return UnknownIds(ids=audit.unknown(body.ids))

    return routes


def _add_records(routes: Blueprint, audit: Audit, kind: RecordKind[Any, Any]) -> None:
    @routes.post(f"/audit/{kind.name}s", endpoint=f"{kind.name}s")
    @endpoint(access=Access.INTERNAL, body=Stretch, returns=list[kind.answer])
    def records(body: Stretch) -> Any:
        """Records with their journals in the order of their IDs, or those named."""
        return audit.records(kind, body)
