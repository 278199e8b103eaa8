"""The list of operations that the other tests go over is whole, and the gateway leads there."""

from collections.abc import Callable
from uuid import uuid4

from local_stack.stack import Stack

from common.testing import wait_for
from logs import Logs, complaints
from operations import Operation, kong_config, leads_to
from platform_client import Buyer

_MONITORING = ("/health", "/metrics")


def test_the_gateway_leads_to_the_service_and_path_that_the_list_says(
    all_operations: list[Operation], new_buyer: Callable[..., Buyer], logs: Logs
) -> None:
    api, some_id, expected = new_buyer(credits=0).api, str(uuid4()), {}
    for operation in (one for one in all_operations if one.public_path):
        if operation.path in _MONITORING:
            continue
        places = {field.name: some_id for field in operation.fields if field.where == "path"}
        headers = {"X-Correlation-ID": (own := f"the-list-{uuid4()}")}
        path = operation.filled(operation.public_path, **places)
        api.call(operation.method, path, headers=headers)
        inside = operation.service, operation.method, operation.filled(**places)
        expected[own] = {inside, ("gateway", operation.method, path)}
    for own, seen in expected.items():
        wait_for(lambda: seen <= logs.requests()[own], f"{seen} to be logged")


def test_every_route_of_the_gateway_leads_to_something_that_is_documented(
    stack: Stack, all_operations: list[Operation]
) -> None:
    kong = kong_config(stack)
    found = [leads_to(kong, one.public_path) for one in all_operations if one.public_path]
    routes = {route.name for service in kong.services for route in service.routes}
    assert {route.name for _, route, _ in found} == routes


def test_the_gateway_asks_for_a_token_where_the_service_does(
    stack: Stack, all_operations: list[Operation]
) -> None:
    kong = kong_config(stack)
    for operation in all_operations:
        if operation.public_path is None:
            assert operation.needs == "internal" or operation.path in _MONITORING, operation
            continue
        _, route, _ = leads_to(kong, operation.public_path)
        assert route.needs_token == (operation.needs == "login"), operation


def test_a_bug_and_a_line_that_is_no_record_are_noticed() -> None:
    """The negative control of what every other test ends with."""
    fine = '{"level": "INFO", "service": "user-service", "message": "request"}'
    bug = fine.replace("INFO", "ERROR")
    assert complaints([fine, bug, "Traceback", "{}", "[]"]) == [bug, "Traceback", "{}", "[]"]
