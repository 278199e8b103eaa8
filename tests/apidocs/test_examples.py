"""Every example of the documentation, tried as it stands on a platform that is freshly seeded."""

from collections.abc import Callable

import pytest

from documented import SERVICES, Documented, Tokens

# The operations in the order in which somebody might try them, and the status that comes of it. A
# refusal is of something that only what is made there and then can name: an order that was
# reserved, a code that was sent, a signature of Stripe's.
TRIED = {
    ("user", "user1@example.com"): {
        "GET /health": 200,
        "GET /metrics": 200,
        "POST /api/auth/register": 201,
        "POST /api/auth/login": 200,
        "POST /api/auth/refresh": 200,
        "GET /users": 200,
        "GET /users/{user_id}": 200,
        "PATCH /users/{user_id}": 200,
        "GET /users/{user_id}/risk": 200,
        "POST /credits/deduct": 200,
        "POST /credits/refund": 200,
        "POST /credits/grant": 200,
        "POST /credits/transfer": 200,
        "POST /credits/transfer/complete": 200,
        "POST /credits/transfer/undo": 409,  # it is completed
        "POST /credits/freeze": 200,
        "POST /credits/unfreeze": 200,
        "GET /credits/ledger": 200,
        "POST /otp/send": 200,
        "POST /otp/verify": 401,  # not the code that was sent
        "POST /credits/topup": 200,
        "POST /api/webhooks/stripe": 400,  # not signed
        "POST /audit/users": 200,
        "POST /audit/entries": 200,
        "POST /audit/references": 200,
        "GET /revocations": 200,
        "POST /api/auth/logout": 200,
    },
    ("event", "user1@example.com"): {
        "GET /health": 200,
        "GET /metrics": 200,
        "GET /events": 200,
        "GET /events/{event_id}": 200,
    },
    ("orchestrator", "user1@example.com"): {
        "GET /health": 200,
        "GET /metrics": 200,
        "POST /api/reserve": 200,
        "POST /api/pay": 404,  # the order that was reserved has an ID of its own
        "GET /api/orders": 200,
        "GET /api/orders/{order_id}": 404,
        "POST /api/verify-otp": 404,
        "POST /api/otp/resend": 404,
        "POST /api/transfer/initiate": 409,  # the seat is held, not sold
        "POST /api/transfer/confirm": 404,
        "POST /api/transfer/cancel": 404,
        "GET /api/transfers": 200,
        "GET /api/transfers/{transfer_id}": 404,
        "POST /api/transfer/dispute": 404,
        "POST /api/transfer/reverse": 404,
        "GET /api/tickets": 200,
        "GET /api/tickets/{seat_id}/qr": 409,  # the seat is held, not sold
        "GET /api/credits/balance": 200,
        "GET /api/credits/ledger": 200,
        "POST /api/credits/topup": 200,
    },
    ("orchestrator", "admin@example.com"): {
        "POST /api/orders/{order_id}/refund": 404,
        "POST /api/transfer/dismiss": 404,
        "POST /api/verify": 400,  # none of our codes
        "GET /api/events/{event_id}/entries": 200,
        "POST /api/admin/credits/grant": 201,
        "GET /api/admin/users": 200,
        "PATCH /api/admin/users/{user_id}": 200,
        "GET /api/admin/audit": 200,
        "GET /audit": 200,
    },
    ("order", "user1@example.com"): {
        "GET /health": 200,
        "GET /metrics": 200,
        "POST /orders": 201,
        "GET /orders": 200,
        "GET /orders/{order_id}": 200,
        "PUT /orders/{order_id}/code": 200,
        "POST /orders/{order_id}/code/verified": 200,
        "POST /orders/{record_id}/saga": 200,
        "PATCH /orders/{record_id}/saga": 200,
        "GET /orders/sagas": 200,
        "POST /orders/{record_id}/saga/end": 200,
        "POST /orders/{record_id}/saga/take-over": 409,  # it has ended
        "PATCH /orders/{order_id}": 200,
        "POST /transfers": 409,  # the seat is not sold
        "GET /transfers": 200,
        "GET /transfers/{transfer_id}": 404,
        "PATCH /transfers/{transfer_id}": 404,
        "POST /transfers/{record_id}/saga": 404,
        "PATCH /transfers/{record_id}/saga": 404,
        "GET /transfers/sagas": 200,
        "POST /transfers/{record_id}/saga/end": 404,
        "POST /transfers/{record_id}/saga/take-over": 404,
        "POST /transfers/{transfer_id}/dispute": 404,
        "POST /transfers/{transfer_id}/reverse": 404,
        "POST /audit/orders": 200,
        "POST /audit/transfers": 200,
        "POST /audit/sales": 200,
        "POST /audit/unknown": 200,
    },
}


@pytest.mark.parametrize(("service", "email"), TRIED)
def test_every_example_gives_what_it_should(
    services: dict[str, Documented], tokens_of: Callable[[str], Tokens], service: str, email: str
) -> None:
    tokens, expected = tokens_of(email), TRIED[service, email]
    seen = {label: services[service].try_out(label, tokens).status_code for label in expected}
    assert seen == expected


@pytest.mark.parametrize("service", SERVICES)
def test_no_operation_is_left_untried(services: dict[str, Documented], service: str) -> None:
    tried = [label for (one, _), those in TRIED.items() if one == service for label in those]
    assert sorted(tried) == sorted(services[service].operations)
