"""What the audit reads, over HTTP; internal. A POST because a list of IDs fits no address."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint

from ..audit_values import BookedEntry, BookedReference, SomeReferences, Stretch, UserSums
from ..services.audit import Audit


def audit_blueprint(audit: Audit) -> Blueprint:
    """The endpoints below /audit; they change nothing."""
    routes = Blueprint("audit", __name__, url_prefix="/audit")

    @routes.post("/users")
    @endpoint(access=Access.INTERNAL, body=Stretch, returns=list[UserSums])
    def users(body: Stretch) -> list[UserSums]:
        """Users in the order of their IDs: what they have, and what their ledger adds up to."""
        return audit.users(body)

    @routes.post("/entries")
    @endpoint(access=Access.INTERNAL, body=SomeReferences, returns=list[BookedEntry])
    def entries(body: SomeReferences) -> list[BookedEntry]:
        """The movements of credits under these references."""
        return audit.entries(body.reference_ids)

    @routes.post("/references")
    @endpoint(access=Access.INTERNAL, body=Stretch, returns=list[BookedReference])
    def references(body: Stretch) -> list[BookedReference]:
        """The references of the ledger in the order of their IDs."""
        return audit.references(body)

    return routes
