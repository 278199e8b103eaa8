"""What the services tell only each other: shut without their token, and not behind the gateway."""

import re
from collections.abc import Iterator
from uuid import uuid4

import grpc
import pytest
from local_stack.stack import ROOT, Stack

from asking import Keys
from http_raw import request, send
from logs import Logs
from operations import REST_SERVICES, Operation
from platform_client import Api

_PROTO = ROOT / "inventory-service" / "src" / "proto" / "inventory.proto"
REFUSED = (401, "UNAUTHORIZED")
# ways to write a path so that the gateway reads another one than the service behind it
_DISGUISES = (
    "{path}",
    "/{path}",
    "/.{path}",
    "{path}/",
    "{path}//",
    "{path};x=1",
    "{path}%00",
    "{path}%20",
    "{path}?/api/orders",
    "{path}%3F",
    "{path}#/api/orders",
    "/api/..{path}",
    "/api/events/..{path}",
    "/api/events/../..{path}",
    "/api/events/..;{path}",
    "/api/orders/../..{path}",
    "/api/orders/%2e%2e/%2e%2e{path}",
    "/api/orders/%2E./.%2e{path}",
    "/api/orders/%252e%252e/%252e%252e{path}",
    "/api/orders/..%2f..{encoded}",
    "/api/orders/..%5c..{path}",
    "/api/orders/..\\..{path}",
    "/api/orders/..%c0%af..{path}",
    "/api/orders/{path}",
    "/API/EVENTS/..{path}",
    "/scanner/..{path}",
    "/scanner/%2e%2e{path}",
    "/health/..{path}",
    "http://127.0.0.1{path}",
    "http://{service}-service{path}",
)
# a gateway that believed one of these would take the request for another one
_DECOYS = (
    "X-Original-URL: {path}",
    "X-Rewrite-URL: {path}",
    "X-Original-URI: {path}",
    "X-Forwarded-URI: {path}",
    "X-Forwarded-Path: {path}",
    "X-Forwarded-Prefix: {path}",
    "X-Forwarded-Host: {service}-service:5000",
    "Forwarded: host={service}-service:5000",
    "Host: {service}-service:5000",
    "X-Script-Name: {path}",
    "X-HTTP-Method-Override: {method}",
)


@pytest.fixture(scope="module")
def internal(all_operations: list[Operation]) -> list[Operation]:
    """What the services ask of each other."""
    found = [one for one in all_operations if one.needs == "internal"]
    assert len(found) > 40
    return found


@pytest.fixture(scope="module")
def everything(keys: Keys) -> tuple[str, ...]:
    """Headers of who has it all: an admin's token and the services' own."""
    return keys["login"] + keys["internal"]


def almost(token: str) -> Iterator[tuple[str, ...]]:
    """Headers that have the token, but not as it should be."""
    yield (f"Authorization: Bearer {token}",)
    yield (f"Cookie: X-Internal-Token={token}",)
    yield (f"X_Internal_Token: {token}",)
    yield (f"Internal-Token: {token}",)
    for wrong in ("", token[:-1], token[1:], f"{token}x", f"x{token}", token.swapcase(), "\xe9"):
        yield (f"X-Internal-Token: {wrong}",)
    for first, second in ((token, "x"), ("x", token)):
        yield (f"X-Internal-Token: {first}", f"X-Internal-Token: {second}")
        yield (f"X-Internal-Token: {first},{second}",)


def test_the_internal_token_is_wanted_whole_and_in_its_place(
    internal: list[Operation], stack: Stack, admin: Api
) -> None:
    token = stack.settings["INTERNAL_API_TOKEN"]
    for operation in internal:
        port, path = stack.ports[operation.service], operation.filled()
        for headers in (*almost(token), (f"Authorization: Bearer {admin.token}",)):
            (answer,) = send(port, request(operation.method, path, *headers))
            assert answer.refusal == REFUSED, (operation, headers)
        for query in (f"?X-Internal-Token={token}", f"?internal_token={token}"):
            (answer,) = send(port, request(operation.method, path + query))
            assert answer.refusal == REFUSED, (operation, query)
        whole = f"X-Internal-Token: {token}"
        (answer,) = send(port, request(operation.method, path, whole))
        assert answer.status != 401, f"{operation}: the token itself must open it"


def disguised(way: str, path: str, service: str) -> str:
    return way.format(path=path, service=service, encoded=path.replace("/", "%2f"))


def test_no_call_over_grpc_is_answered_without_the_internal_token(stack: Stack) -> None:
    methods = re.findall(r"^\s*rpc (\w+)", _PROTO.read_text(), re.MULTILINE)
    service = re.search(r"^service (\w+)", _PROTO.read_text(), re.MULTILINE)[1]
    package = re.search(r"^package ([\w.]+);", _PROTO.read_text(), re.MULTILINE)[1]
    token = stack.settings["INTERNAL_API_TOKEN"]
    assert len(methods) > 9
    with grpc.insecure_channel(f"127.0.0.1:{stack.ports['inventory']}") as channel:
        for method in methods:
            call = channel.unary_unary(f"/{package}.{service}/{method}")
            for given in ("", "wrong", token[:-1], f"{token}x"):
                with pytest.raises(grpc.RpcError) as refused:
                    call(b"", metadata=(("internal-token", given),), timeout=10)
                assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED, method
            assert is_let_in(call, token), f"{method}: the token itself must open it"


def is_let_in(call: grpc.UnaryUnaryMultiCallable, token: str) -> bool:
    try:
        call(b"", metadata=(("internal-token", token),), timeout=10)
    except grpc.RpcError as error:
        return error.code() is not grpc.StatusCode.UNAUTHENTICATED
    return True


def inside(logs: Logs, asked: dict[str, str]) -> list[str]:
    """Which of these paths, by correlation ID, a service got to see."""
    seen = logs.complete().requests()
    return [
        path
        for own, path in asked.items()
        if any(one.rstrip("/") == path for name, _, one in seen[own] if name in REST_SERVICES)
    ]


def test_the_gateway_leads_to_none_of_them_however_it_is_asked(
    internal: list[Operation], stack: Stack, everything: tuple[str, ...], logs: Logs
) -> None:
    asked: dict[str, str] = {}
    for operation in internal:
        asked[own := f"disguised-{uuid4()}"] = path = operation.filled()
        for disguise in _DISGUISES:
            way = disguised(disguise, path, operation.service)
            headers = (*everything, f"X-Correlation-ID: {own}")
            answers = send(stack.ports["gateway"], request(operation.method, way, *headers))
            assert [answer.status < 500 for answer in answers] == [True], way
    assert inside(logs, asked) == []


@pytest.mark.parametrize("path", ["/metrics", "/apispec.json", "/apidocs/", "/static/x"])
def test_nor_to_what_only_monitoring_and_developers_read(
    stack: Stack, everything: tuple[str, ...], path: str
) -> None:
    for service in REST_SERVICES:
        for disguise in _DISGUISES:
            way = disguised(disguise, path, service)
            (answer,) = send(stack.ports["gateway"], request("GET", way, *everything))
            assert 400 <= answer.status < 500, way


def test_no_header_leads_the_gateway_astray(
    internal: list[Operation], stack: Stack, everything: tuple[str, ...], logs: Logs
) -> None:
    asked: dict[str, str] = {}
    for operation in internal:
        asked[own := f"decoy-{uuid4()}"] = path = operation.filled()
        for decoy in _DECOYS:
            words = {"path": path, "service": operation.service, "method": operation.method}
            headers = (*everything, decoy.format(**words), f"X-Correlation-ID: {own}")
            send(stack.ports["gateway"], request("GET", "/api/tickets", *headers))
    assert inside(logs, asked) == []


def test_who_comes_past_the_gateway_is_seen_inside(
    internal: list[Operation], stack: Stack, everything: tuple[str, ...], logs: Logs
) -> None:
    """The negative control: the same straight at the services."""
    asked: dict[str, str] = {}
    for operation in internal:
        asked[own := f"control-{uuid4()}"] = path = operation.filled()
        headers = (*everything, f"X-Correlation-ID: {own}")
        send(stack.ports[operation.service], request(operation.method, path, *headers))
    assert inside(logs, asked) == list(asked.values())
