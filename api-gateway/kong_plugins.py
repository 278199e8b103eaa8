"""The Kong plugins that kong.yml may use, as closed models.

Each admits only what the HAProxy template really does, so that an option which would change Kong's
behaviour can never be dropped on the way to HAProxy.
"""

import hashlib
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StringConstraints, model_validator

HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
Origin = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.-]+(:\d+)?$")]

# The Lua that the template knows, by the SHA-256 of everything but its table rows.
KNOWN_LUA = {
    "access": "ab61bd7fc6c43657db33d60b9df5a12d153517ce4d39e15cdd88290d51e481dc",
    "header_filter": "ac48a7c41420a6c8a9dc20e2a85f746785a9702025d25ec1be5992c1840b761f",
    "body_filter": "855592d086e7674cf3ca805be2c6caa9652f0496231bd0dd77ee6f26f5e4fb3a",
}
KNOWN_REFUSALS = {"400", "401", "expired", "404", "408", "413", "429", "500", "503"}
LIMIT_ROW = re.compile(r'^\s*\["([a-z*-]+)"\] = (\d+),\n', re.MULTILINE)
REFUSAL_ROW = re.compile(
    r'^\s*(?:\[(\d{3})\]|(\w+)) = \{ "([A-Z_]+)", "([\w ,.:()-]+)" \},\n', re.MULTILINE
)


class Strict(BaseModel):
    """A part of kong.yml in which an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class JwtConfig(Strict):
    """Tokens come in the Authorization header alone: in a URL they would end up in logs."""

    key_claim_name: Literal["iss"]
    claims_to_verify: tuple[Literal["exp"]]
    run_on_preflight: Literal[False]
    uri_param_names: tuple[()]


class JwtPlugin(Strict):
    """Only a request with a live token of the platform gets through."""

    name: Literal["jwt"]
    config: JwtConfig


class RateLimitingConfig(Strict):
    """Requests per calendar minute, as Kong's local policy counts them."""

    minute: PositiveInt
    policy: Literal["local"]
    limit_by: Literal["ip", "header"]
    header_name: Literal["authorization"] | None = None

    @model_validator(mode="after")
    def _header_goes_with_limit_by_header(self) -> "RateLimitingConfig":
        if (self.limit_by == "header") != (self.header_name is not None):
            raise ValueError("header_name belongs to limit_by: header, and only to it")
        return self


class RateLimitingPlugin(Strict):
    """How often one token or one address may call."""

    name: Literal["rate-limiting"]
    config: RateLimitingConfig


class CorrelationIdConfig(Strict):
    """The caller's ID is kept, a missing one made up; the answer carries it."""

    header_name: HeaderName
    generator: Literal["uuid"]
    echo_downstream: Literal[True]


class CorrelationIdPlugin(Strict):
    """One ID for a request, in every service's log."""

    name: Literal["correlation-id"]
    config: CorrelationIdConfig


class CorsConfig(Strict):
    """With one origin alone Kong answers every page with it; with two or more it echoes a match."""

    origins: list[Origin] = Field(min_length=2)
    methods: list[Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]]
    headers: list[HeaderName]
    exposed_headers: list[HeaderName]
    credentials: Literal[True]
    max_age: PositiveInt
    preflight_continue: Literal[False]


class CorsPlugin(Strict):
    """Which web pages may call the platform from a browser."""

    name: Literal["cors"]
    config: CorsConfig


class RequestSizeConfig(Strict):
    """Kong's megabyte is 2^20 bytes."""

    allowed_payload_size: PositiveInt
    size_unit: Literal["megabytes"]
    require_content_length: Literal[False]


class RequestSizePlugin(Strict):
    """How large a body may be."""

    name: Literal["request-size-limiting"]
    config: RequestSizeConfig


class RemovedFromRequest(Strict):
    """What is taken out of a request before a service sees it."""

    headers: list[HeaderName]


class RequestTransformerConfig(Strict):
    """Of the plugin's many transformations, removal of headers alone."""

    remove: RemovedFromRequest


class RequestTransformerPlugin(Strict):
    """What outsiders may not send."""

    name: Literal["request-transformer"]
    config: RequestTransformerConfig


class PostFunctionConfig(Strict):
    """Lua that the template repeats: table rows are taken over, the rest is known by its digest."""

    access: tuple[str]
    header_filter: tuple[str]
    body_filter: tuple[str]

    @model_validator(mode="after")
    def _code_is_known(self) -> "PostFunctionConfig":
        for phase, known in KNOWN_LUA.items():
            code = REFUSAL_ROW.sub("", LIMIT_ROW.sub("", getattr(self, phase)[0]))
            digest = hashlib.sha256(code.encode()).hexdigest()
            if digest != known:
                raise ValueError(
                    f"{phase}: the HAProxy template does not know this Lua (sha256 {digest}); "
                    "make haproxy.cfg.j2 do the same, then enter the digest in KNOWN_LUA"
                )
        return self

    @model_validator(mode="after")
    def _tables_are_complete(self) -> "PostFunctionConfig":
        missing = {"*"} - set(self.ceilings) | KNOWN_REFUSALS - set(self.refusals)
        if missing:
            raise ValueError(f"no row, or one that cannot be read, for {sorted(missing)}")
        return self

    @property
    def ceilings(self) -> dict[str, int]:
        """Requests a minute and address, by route; "*" for every other route with a token."""
        return {route: int(limit) for route, limit in LIMIT_ROW.findall(self.access[0])}

    @property
    def refusals(self) -> dict[str, tuple[str, str]]:
        """Error code and message, by HTTP status; "expired" for a token past its time."""
        rows = REFUSAL_ROW.findall(self.body_filter[0])
        return {status or name: (code, message) for status, name, code, message in rows}


class PostFunctionPlugin(Strict):
    """The ceilings by address, and the envelope around the gateway's own refusals."""

    name: Literal["post-function"]
    config: PostFunctionConfig


RoutePlugin = Annotated[JwtPlugin | RateLimitingPlugin, Field(discriminator="name")]
GlobalPlugin = Annotated[
    CorrelationIdPlugin
    | CorsPlugin
    | RateLimitingPlugin
    | RequestSizePlugin
    | RequestTransformerPlugin
    | PostFunctionPlugin,
    Field(discriminator="name"),
]
