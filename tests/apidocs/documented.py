"""A service as its own specification describes it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import schemathesis
from schemathesis.schemas import APIOperation, BaseSchema

from platform_client import Api

# /health of the gateway is that of the first
SERVICES = ("orchestrator", "user", "event", "order")
Tokens = Mapping[str, str]  # by the name of the security scheme that takes them


@dataclass
class Documented:
    """A running service, its specification, and which statuses it was seen to answer with."""

    url: str
    schema: BaseSchema
    seen: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def at(cls, url: str) -> "Documented":
        return cls(url, schemathesis.openapi.from_url(f"{url}/apispec.json"))

    @property
    def operations(self) -> list[str]:
        """Method and path of each, as the page lists them."""
        return [result.ok().label for result in self.schema.get_all_operations()]

    def operation(self, method: str, path: str) -> APIOperation | None:
        """What is documented under that path, if anything is."""
        return self.schema.find_operation_by_path(method, path)

    def try_out(self, label: str, tokens: Tokens) -> httpx.Response:
        """The answer to what the page has filled in already."""
        operation = self.schema.find_operation_by_label(label)
        said = operation.definition.raw
        body = said.get("requestBody", {"content": {"application/json": {}}})["content"]
        response = httpx.request(
            operation.method,
            self.url + operation.path.format_map(dict(_examples(said, "path"))),
            params=dict(_examples(said, "query")),
            json=body["application/json"].get("example"),
            headers=_headers(said["security"], tokens),
            timeout=30,
        )
        self.check(operation, response)
        return response

    def check(self, operation: APIOperation, response: httpx.Response) -> None:
        """Status, form and headers of an answer must be among those that the operation says."""
        status, said = response.status_code, operation.definition.raw["responses"]
        assert str(status) in said, (operation.label, status, response.text)
        operation.validate_response(response)
        self.seen[operation.label].add(status)


class DocumentedApi(Api):
    """Calls through the gateway, each answer checked against what its service says of it."""

    def __init__(
        self, base_url: str, services: Mapping[str, Documented], token: str | None = None
    ) -> None:
        super().__init__(base_url, token)
        self._services = services

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        response = super().call(method, path, **request)
        service, operation = self._described(method, path.partition("?")[0])
        service.check(operation, response)
        return response

    def logged_in(self, email: str, password: str) -> "DocumentedApi":
        login = self.ok("POST", "/api/auth/login", email=email, password=password)
        return DocumentedApi(self.base_url, self._services, login["access_token"])

    def _described(self, method: str, path: str) -> tuple[Documented, APIOperation]:
        for name, service in self._services.items():
            inner = path.removeprefix("/api") if name == "event" else path
            if (operation := service.operation(method, inner)) is not None:
                return service, operation
        raise AssertionError(f"nobody documents {method} {path}")


def _examples(said: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for parameter in said.get("parameters", ()):
        if parameter["in"] == where and parameter["required"]:
            yield parameter["name"], parameter["schema"]["example"]


def _headers(security: list[dict[str, Any]], tokens: Tokens) -> dict[str, str]:
    headers = {}
    for scheme in (name for one in security for name in one):
        if scheme == "internalToken":
            headers["X-Internal-Token"] = tokens[scheme]
        else:
            headers["Authorization"] = f"Bearer {tokens[scheme]}"
    return headers
