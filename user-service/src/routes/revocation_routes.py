"""Revoked tokens over HTTP; internal. Every service asks each second (common.auth.Revocations)."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint

from ..services.revocations import RevocationService
from ..values import RevocationList, RevokedQuery


def revocations_blueprint(service: RevocationService) -> Blueprint:
    """The endpoint /revocations."""
    routes = Blueprint("revocations", __name__)

    @routes.get("/revocations")
    @endpoint(access=Access.INTERNAL, query=RevokedQuery, returns=RevocationList)
    def list_revocations(query: RevokedQuery) -> RevocationList:
        """What was revoked since a moment and still matters; some of it a second time."""
        return service.since(query.since)

    return routes
