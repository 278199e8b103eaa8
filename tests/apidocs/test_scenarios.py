"""The scenarios of the task list, every answer of theirs compared with the documentation."""

from collections.abc import Callable

from deals import Deal
from documented import Documented
from gate import Gate
from outside import Smu
from platform_client import EVENT_B, Api, Buyer, Purchase

NOT_FOR_CLIENTS = ("GET /metrics", "GET /audit")
NewBuyer, NewSeat, NewDeal = Callable[..., Buyer], Callable[[], str], Callable[..., Deal]


def test_every_operation_for_clients_succeeds_as_it_is_documented(
    services: dict[str, Documented],
    api: Api,
    admin: Api,
    smu: Smu,
    gate: Gate,
    new_buyer: NewBuyer,
    new_seat: NewSeat,
    new_deal: NewDeal,
) -> None:
    look_at_what_is_on_sale(api)
    buy_with_a_code(new_buyer(), new_seat(), admin, smu)
    get_in_and_get_money_back(new_buyer(), new_seat(), new_seat(), gate, admin)
    settle_transfers_in_every_way(new_deal, admin)
    use_an_account(new_buyer(credits=0), admin)
    assert "clean" in admin.ok("GET", "/api/admin/audit")
    clients = {
        (service, label)
        for service, prefix in {
            "user": "/api/auth",
            "event": "/events",
            "orchestrator": "/",
        }.items()
        for label in services[service].operations
        if label.partition(" ")[2].startswith(prefix) and label not in NOT_FOR_CLIENTS
    }
    assert len(clients) > 30
    assert not {one for one in clients if not {200, 201} & services[one[0]].seen[one[1]]}


def look_at_what_is_on_sale(api: Api) -> None:
    assert api.call("GET", "/health").is_success
    events = api.ok("GET", "/api/events?per_page=1")
    path = f"/api/events/{events[0]['event_id']}"
    etag = api.call("GET", path).headers["ETag"]
    assert api.call("GET", path, headers={"If-None-Match": etag}).status_code == 304
    assert "seats" not in api.ok("GET", f"{path}?seats=false")


def buy_with_a_code(buyer: Buyer, seat_id: str, admin: Api, smu: Smu) -> None:
    admin.ok("PATCH", f"/api/admin/users/{buyer.user_id}", is_flagged=True)
    purchase = Purchase(buyer, buyer.reserve(seat_id))
    assert purchase.pay() == (428, "OTP_REQUIRED")
    purchase.another_code()
    assert purchase.verify("nonsense") == (401, "OTP_INVALID")
    assert purchase.complete(smu.code(buyer.phone))["status"] == "CONFIRMED"
    order = buyer.api.ok("GET", "/api/orders?status=CONFIRMED")[0]
    assert buyer.order(order["order_id"]) == order


def get_in_and_get_money_back(
    buyer: Buyer, seat_id: str, returned: str, gate: Gate, admin: Api
) -> None:
    buyer.pay(buyer.reserve(seat_id)["order_id"])
    assert [one["seat_id"] for one in buyer.api.ok("GET", "/api/tickets")] == [seat_id]
    path = f"/api/tickets/{seat_id}/qr"
    code = buyer.api.ok("GET", path)["qr_payload"]
    for form in ("svg", "png"):
        assert buyer.api.call("GET", f"{path}?format={form}").is_success
    assert gate.scan("nonsense").status_code == 400
    assert [gate.result(code)["result"] for _ in range(2)] == ["SUCCESS", "DUPLICATE"]
    assert gate.staff.ok("GET", f"/api/events/{EVENT_B}/entries")["latest"]
    order_id = buyer.reserve(returned)["order_id"]
    buyer.pay(order_id)
    refund = f"/api/orders/{order_id}/refund"
    assert admin.ok("POST", refund, reason="asked for it")["status"] == "REFUNDED"
    assert {kind for kind, _ in buyer.ledger()} == {"GRANT", "CHARGE", "REFUND"}


def settle_transfers_in_every_way(new_deal: NewDeal, admin: Api) -> None:
    disputed, kept, begun = new_deal().disputed(), new_deal().disputed(), new_deal().begun()
    assert disputed.settle("reverse", admin).is_success
    disputed.assert_with("seller")
    assert kept.settle("dismiss", admin, reason="it was he").is_success
    kept.assert_with("buyer")
    assert begun.confirm().status_code == 428
    assert begun.settle("cancel", admin).status_code == 403
    assert begun.settle("cancel", begun.buyer.api).is_success
    assert begun.status() == begun.buyer.api.ok("GET", "/api/transfers")[0]["status"] == "FAILED"


def use_an_account(buyer: Buyer, admin: Api) -> None:
    assert admin.ok("GET", f"/api/admin/users?email={buyer.email}")["user_id"] == buyer.user_id
    assert buyer.balance() == 0
    assert buyer.api.ok("POST", "/api/credits/topup", amount=20)["client_secret"]
    account = {"email": buyer.email, "password": "password123"}
    refresh_token = admin.ok("POST", "/api/auth/login", **account)["refresh_token"]
    renewal = {"headers": {"Authorization": f"Bearer {refresh_token}"}}
    assert admin.call("POST", "/api/auth/refresh", **renewal).is_success
    assert buyer.api.ok("POST", "/api/auth/logout")["message"]
