"""The platform needs neither SMU nor Stripe for anything but codes and top-ups."""

from collections.abc import Callable

from local_stack.stack import Stack

from outside import stopped
from platform_client import Api, Buyer

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]


def test_without_smu_and_stripe_the_user_service_starts_and_tickets_are_sold(
    stack: Stack, api: Api, new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    with stopped(stack, "smu"), stopped(stack, "stripe"):
        stack.restart("user")
        assert api.call("GET", "/health").json()["checks"]["user"] == "connected"
        buyer = new_buyer()
        assert buyer.pay(buyer.reserve(new_seat())["order_id"])["status"] == "CONFIRMED"
        healthy = {name: healthy for name, *_, healthy in stack.status()}
        assert [name for name in healthy if not healthy[name]] == ["smu", "stripe"]
