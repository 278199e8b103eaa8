"""No token but a live one of the platform's own opens anything, at whatever door."""

from collections.abc import Callable
from uuid import uuid4

import httpx
import jwt
import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from forgery import Claims, forged
from http_raw import RawAnswer, request, send
from logs import Logs
from operations import Operation
from platform_client import Api, Buyer, refusal

NewBuyer = Callable[..., Buyer]
REFUSED = (401, "UNAUTHORIZED")
EXPIRED = (401, "TOKEN_EXPIRED")
# of tokens that the platform itself has signed: the gateway looks at signature, issuer and end
JUDGED_BY_SERVICES = {
    "not valid yet",
    "issued in the future",
    "the type refresh",
    "a type of its own",
    "a role of its own",
    "no role",
    "nobody",
    "no user's ID",
    "no login",
}
_ELSEWHERE = ("?jwt={0}", "?access_token={0}", "?token={0}", "?Authorization=Bearer%20{0}")
_OTHER_HEADERS = {
    "Cookie": "access_token_cookie={0}; jwt={0}; Authorization=Bearer {0}",
    "Proxy-Authorization": "Bearer {0}",
    "X-Authorization": "Bearer {0}",
    "X-Access-Token": "{0}",
}


@pytest.fixture(scope="module")
def sign(stack: Stack) -> Callable[[Claims], str]:
    """Signs as the platform does."""
    return lambda claims: jwt.encode(claims, stack.settings["JWT_SECRET"], "HS256")


@pytest.fixture(scope="module")
def genuine(api: Api) -> dict[str, str]:
    """The tokens of an admin's login: whatever there is would be open to them."""
    account = {"email": "admin@example.com", "password": "password123"}
    login = api.ok("POST", "/api/auth/login", **account)
    return {"login": login["access_token"], "refresh": login["refresh_token"]}


@pytest.fixture(scope="module")
def forgeries(
    stack: Stack, genuine: dict[str, str], sign: Callable[[Claims], str]
) -> dict[str, dict[str, str]]:
    """What is tried in the place of either."""
    secret = stack.settings["JWT_SECRET"]
    claims = {
        kind: jwt.decode(token, secret, ["HS256"], issuer="ticketremaster")
        for kind, token in genuine.items()
    }
    return {kind: forged(those, secret, sign) for kind, those in claims.items()}


@pytest.fixture(scope="module")
def ended(api: Api, admin: Api) -> dict[str, str]:
    """Genuine tokens of a login that has ended, and of a role that was taken away."""
    logged_out, demoted = (Buyer.register(api, admin, 0) for _ in range(2))
    path = f"/api/admin/users/{demoted.user_id}"
    admin.ok("PATCH", path, role="admin")
    as_admin = api.logged_in(demoted.email, "password123")
    admin.ok("PATCH", path, role="customer")
    logged_out.api.ok("POST", "/api/auth/logout")
    return {"logged out": logged_out.api.token, "no admin any more": as_admin.token}


def ask(port: int, operation: Operation, path: str, token: str, *headers: str) -> RawAnswer:
    """What the operation answers to this token, without a body."""
    headers = f"Authorization: Bearer {token}", *headers
    (answer,) = send(port, request(operation.method, operation.filled(path), *headers))
    return answer


def guarded(operations: list[Operation]) -> list[Operation]:
    return [one for one in operations if one.needs in ("login", "refresh")]


def test_no_forged_token_opens_an_operation_at_its_service(
    all_operations: list[Operation], stack: Stack, forgeries: dict[str, dict[str, str]]
) -> None:
    for operation in guarded(all_operations):
        port = stack.ports[operation.service]
        for wrong, token in forgeries[operation.needs].items():
            expected = EXPIRED if wrong == "expired" else REFUSED
            answer = ask(port, operation, operation.path, token)
            assert answer.refusal == expected, (operation, wrong)


def test_no_forged_token_passes_the_gateway(
    all_operations: list[Operation],
    stack: Stack,
    forgeries: dict[str, dict[str, str]],
    logs: Logs,
) -> None:
    """What only a service can judge, it refuses; all else it does not get to see."""
    kept_out = {}
    for operation in guarded(all_operations):
        for wrong, token in forgeries[operation.needs].items():
            own = f"X-Correlation-ID: {uuid4()}"
            answer = ask(stack.ports["gateway"], operation, operation.public_path, token, own)
            assert answer.refusal in (REFUSED, EXPIRED), (operation, wrong)
            if operation.needs == "login" and wrong not in JUDGED_BY_SERVICES:
                kept_out[own.partition(" ")[2]] = operation, wrong
    seen = logs.complete().requests()
    inside = {own: {name for name, *_ in seen[own]} - {"gateway"} for own in kept_out}
    assert {str(kept_out[own]): names for own, names in inside.items() if names} == {}


def test_a_genuine_token_opens_every_operation(
    all_operations: list[Operation], stack: Stack, genuine: dict[str, str], api: Api
) -> None:
    """The negative control: nothing above is refused for another reason."""
    account = {"email": "staff@example.com", "password": "password123"}
    for operation in guarded(all_operations):
        token = genuine[operation.needs]
        if operation.path == "/api/auth/logout":  # it would end the login
            token = api.ok("POST", "/api/auth/login", **account)["access_token"]
        for port in (stack.ports["gateway"], stack.ports[operation.service]):
            assert ask(port, operation, operation.path, token).status != 401, operation


def test_what_has_ended_opens_nothing_any_more(
    all_operations: list[Operation], stack: Stack, ended: dict[str, str]
) -> None:
    for why, token in ended.items():
        for operation in (one for one in all_operations if one.needs == "login"):
            for port in (stack.ports["gateway"], stack.ports[operation.service]):
                wait_for(
                    lambda: ask(port, operation, operation.path, token).status == 401,
                    f"{operation} to be closed to who is {why}",
                    seconds=4,
                )


def test_a_token_counts_in_the_authorization_header_alone(
    stack: Stack, genuine: dict[str, str]
) -> None:
    token = genuine["login"]
    for url in (stack.gateway_url, f"http://127.0.0.1:{stack.ports['orchestrator']}"):
        for place in _ELSEWHERE:
            response = httpx.get(f"{url}/api/orders{place.format(token)}")
            assert refusal(response) == REFUSED, place
        for name, value in _OTHER_HEADERS.items():
            response = httpx.get(f"{url}/api/orders", headers={name: value.format(token)})
            assert refusal(response) == REFUSED, name
        form = {"access_token": token, "jwt": token, "Authorization": f"Bearer {token}"}
        assert refusal(httpx.post(f"{url}/api/pay", data=form)) == REFUSED
        assert refusal(httpx.post(f"{url}/api/pay", json=form)) == REFUSED


def test_a_second_authorization_header_makes_nobody_of_another(
    stack: Stack, new_buyer: NewBuyer, forgeries: dict[str, dict[str, str]]
) -> None:
    """Gateway and service may each look at another one of both; neither takes the forged one."""
    own, email = new_buyer(credits=0).api.token, "admin@example.com"
    path = f"/api/admin/users?email={email}"
    for port in (stack.ports["gateway"], stack.ports["orchestrator"]):
        for forgery in forgeries["login"].values():
            both = [f"Authorization: Bearer {token}" for token in (own, forgery)]
            joined = f"Authorization: Bearer {own}, Bearer {forgery}"
            turned = f"Authorization: Bearer {forgery}, Bearer {own}"
            for headers in (both, both[::-1], [joined], [turned]):
                (given,) = send(port, request("GET", path, *headers))
                assert given.refusal in (REFUSED, EXPIRED, (403, "FORBIDDEN"))
                assert email.encode() not in given.body
