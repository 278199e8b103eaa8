"""Passwords and codes cannot be guessed, and no refusal tells who or what there is."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from uuid import uuid4

import httpx
import pytest
from local_stack import packages, ports
from local_stack.stack import ROOT, Stack
from render_haproxy import render

from common.testing import wait_for
from deals import Deal
from http_raw import request, send
from kong_config import load
from outside import Smu, wrong_codes
from platform_client import Api, Buyer, Purchase, Records, refusal

NewBuyer, NewSeat, NewDeal = Callable[..., Buyer], Callable[[], str], Callable[..., Deal]
_LOGIN = "/api/auth/login"
_FEW = 5
# what a caller says of where he comes from
_DISGUISES = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP", "Via")


def other_callers() -> Iterator[dict[str, str]]:
    """Headers of somebody who says that he is somebody else each time."""
    number = 0
    while number := number + 1:
        address = f"203.0.113.{number % 250}"
        yield {
            **dict.fromkeys(_DISGUISES, address),
            "Forwarded": f"for={address}",
            "User-Agent": f"browser {number}",
            "Authorization": f"Bearer {number}",
        }


def guess(url: str, email: str, password: str, headers: dict[str, str]) -> httpx.Response:
    body = {"email": email, "password": password}
    return httpx.post(f"{url}{_LOGIN}", json=body, headers=headers, timeout=30)


def test_ten_failures_close_an_account_whoever_says_that_he_comes(
    stack: Stack, new_buyer: NewBuyer
) -> None:
    for url in (stack.gateway_url, f"http://127.0.0.1:{stack.ports['user']}"):
        buyer, callers = new_buyer(credits=0), other_callers()
        spellings = (buyer.email, buyer.email.upper(), f"  {buyer.email} ", buyer.email.title())
        for number, headers in zip(range(10), callers):
            answer = guess(url, spellings[number % 4], f"password{number}", headers)
            assert refusal(answer) == (401, "UNAUTHORIZED")
        for spelling, headers in zip(spellings, callers):
            answer = guess(url, spelling, "password123", headers)
            assert refusal(answer) == (429, "RATE_LIMITED")
        assert buyer.balance() == 0, "who is logged in already stays so"


def test_nothing_tells_whether_there_is_an_account(stack: Stack, new_buyer: NewBuyer) -> None:
    known, unknown = new_buyer(credits=0).email, f"{uuid4().hex}@example.com"
    for url in (stack.gateway_url, f"http://127.0.0.1:{stack.ports['user']}"):
        for _ in range(6):  # beyond the tenth failure too
            answers = [guess(url, email, "password124", {}) for email in (known, unknown)]
            assert len({answer.status_code for answer in answers}) == 1
            bodies = [answer.json() | {"details": None} for answer in answers]
            assert bodies[0] == bodies[1]
            assert set(answers[0].headers) == set(answers[1].headers)
    assert answers[0].status_code == 429


@pytest.fixture(scope="module")
def strict_gateway(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Another gateway before the same services, which lets few through; its port."""
    settings = {**stack.settings, "RATE_LIMIT_AUTH_PER_MINUTE": str(_FEW)}
    port, folder = ports.any_free(), tmp_path_factory.mktemp("strict")
    upstreams = {
        f"{name}-service": f"127.0.0.1:{stack.ports[name]}"
        for name in ("user", "event", "orchestrator")
    }
    config = load((ROOT / "api-gateway" / "kong.yml").read_text(), settings)
    (file := folder / "haproxy.cfg").write_text(render(config, upstreams, f"127.0.0.1:{port}"))
    process = subprocess.Popen(
        [packages.haproxy_program(), "-db", "-f", str(file)],
        env={**os.environ, "JWT_SECRET": settings["JWT_SECRET"]},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: not ports.is_free(port), "the gateway")
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("path", [_LOGIN, "/api/auth/register"])
def test_an_address_gets_a_few_tries_a_minute_over_all_accounts(
    strict_gateway: int, path: str
) -> None:
    # a minute may end meanwhile: within twice as many, and one more, one refusal is certain
    answers = []
    for _, headers in zip(range(2 * _FEW + 1), other_callers()):
        body = f'{{"email": "{uuid4().hex}@example.com", "password": "password123"}}'.encode()
        lines = [f"{name}: {value}" for name, value in headers.items()]
        sent = request("POST", path, *lines, f"Content-Length: {len(body)}", body=body)
        answers += send(strict_gateway, sent)
    assert (429, "RATE_LIMITED") in [one.refusal for one in answers if one.status >= 400]


@pytest.fixture
def purchase(new_buyer: NewBuyer, new_seat: NewSeat, admin: Api) -> Purchase:
    """An order of a flagged buyer's, who was sent a code."""
    buyer = new_buyer()
    admin.ok("PATCH", f"/api/admin/users/{buyer.user_id}", is_flagged=True)
    purchase = Purchase(buyer, buyer.reserve(new_seat()))
    assert purchase.pay() == (428, "OTP_REQUIRED")
    return purchase


def at_once(calls: list[Callable[[], httpx.Response]]) -> list[tuple[int, str]]:
    """What each is answered: the code of a refusal, or nothing."""
    barrier = threading.Barrier(len(calls))

    def begun_together(call: Callable[[], httpx.Response]) -> tuple[int, str]:
        barrier.wait()
        answer = call()
        return (answer.status_code, "") if answer.is_success else refusal(answer)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begun_together, calls))


def test_of_many_codes_at_once_from_many_logins_three_are_tried(
    purchase: Purchase, api: Api, smu: Smu, records: Records
) -> None:
    """Its negative control is user-service's: codes that are counted late outrun the counter."""
    buyer, held = purchase.buyer, purchase.held
    logins = [api.logged_in(buyer.email, "password123").token for _ in range(3)]
    given = {"context": "purchase", "reference_id": held["order_id"]}

    def guessing(code: str, token: str) -> Callable[[], httpx.Response]:
        url, headers = f"{api.base_url}/api/verify-otp", {"Authorization": f"Bearer {token}"}
        body = {**given, "otp_code": code}
        return lambda: httpx.post(url, json=body, headers=headers, timeout=30)

    wrong = list(islice(wrong_codes(smu.code(buyer.phone)), 12))
    answers = at_once([guessing(code, logins[i % 3]) for i, code in enumerate(wrong)])
    assert sorted(answers) == [(401, "OTP_INVALID")] * 2 + [(429, "OTP_MAX_RETRIES")] * 10
    assert purchase.verify(smu.code(buyer.phone)) == (429, "OTP_MAX_RETRIES")
    records.assert_undone(buyer, held)


def test_a_party_has_three_tries_over_both_ways_to_give_a_code(new_deal: NewDeal) -> None:
    deal = new_deal().begun()
    first, second, third = islice(wrong_codes(deal.code("buyer")), 3)
    assert refusal(deal.give_code("buyer", first)) == (401, "OTP_INVALID")
    assert refusal(deal.confirm(by=deal.seller, buyer_otp=second)) == (401, "OTP_INVALID")
    assert refusal(deal.give_code("buyer", third)) == (429, "OTP_MAX_RETRIES")
    assert deal.status() == "FAILED"
    assert refusal(deal.confirm(buyer_otp=deal.code("buyer"))) == (409, "TRANSFER_INVALID_STATE")
    deal.assert_with("seller")


def test_of_many_resends_at_once_three_codes_are_sent(
    purchase: Purchase, api: Api, smu: Smu
) -> None:
    body = {"context": "purchase", "reference_id": purchase.held["order_id"]}
    headers = {"Authorization": f"Bearer {purchase.buyer.api.token}"}
    url = f"{api.base_url}/api/otp/resend"
    resend = [lambda: httpx.post(url, json=body, headers=headers, timeout=30)] * 10
    # who waits for another's code is content with that: a crowd has one sent at least
    answers = {answer for _ in range(3) for answer in at_once(resend)}
    assert answers == {(200, ""), (429, "RATE_LIMITED")}
    assert len(smu.codes(purchase.buyer.phone)) == 3


@pytest.mark.parametrize("context", ["purchase", "transfer"])
def test_what_is_anothers_is_answered_like_what_is_not_there(
    new_deal: NewDeal, new_buyer: NewBuyer, context: str
) -> None:
    stranger, deal = new_buyer().api, new_deal().begun()
    anothers = deal.order_id if context == "purchase" else deal.transfer_id
    code = {"context": context, "otp_code": "123456"}
    there, nothing = (
        [
            stranger.call(
                "GET", f"/api/{'orders' if context == 'purchase' else 'transfers'}/{one}"
            ),
            stranger.call("POST", "/api/pay", json={"order_id": one}),
            stranger.call("POST", "/api/verify-otp", json={**code, "reference_id": one}),
            stranger.call(
                "POST", "/api/otp/resend", json={"context": context, "reference_id": one}
            ),
        ]
        for one in (anothers, str(uuid4()))
    )
    assert [one.json() for one in there] == [one.json() for one in nothing]
    assert [one.status_code for one in there + nothing] == [404] * 8
