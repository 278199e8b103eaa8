"""kong.yml, read whole: every field of it is understood, or the file is refused with its place."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from kong_plugins import GlobalPlugin, JwtPlugin, RateLimitingPlugin, RoutePlugin, Strict

P = TypeVar("P")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
Secret = Annotated[str, StringConstraints(pattern=r"^\$\{[A-Z_]+\}$")]
# A regular expression of Kong's begins with ~. Quotes, blanks and backslashes would leave the
# quoting of HAProxy's file, and no route needs them.
RoutePath = Annotated[str, StringConstraints(pattern=r"""^(~/[^\s'"\\]+|/[\w/.-]*)$""")]
Url = Annotated[str, StringConstraints(pattern=r"^http://[a-z0-9.-]+:\d+(/[\w.-]+)*$")]
PLACEHOLDER = re.compile(r"\$\{([A-Z_]+)\}")


class ConfigError(Exception):
    """kong.yml or the environment makes no gateway; the message says where and why."""


class JwtSecret(Strict):
    """The secret stays a placeholder: HAProxy reads it from its own environment."""

    key: Name
    secret: Secret
    algorithm: Literal["HS256"]

    @property
    def variable(self) -> str:
        """The environment variable that holds the secret."""
        return self.secret[2:-1]


class Consumer(Strict):
    """Whoever holds a token with `iss` equal to the key."""

    username: Name
    jwt_secrets: tuple[JwtSecret]


class Route(Strict):
    """Paths that go to one service; any method, since the service knows which it takes."""

    name: Name
    paths: list[RoutePath] = Field(min_length=1)
    strip_path: bool
    plugins: list[RoutePlugin]

    @model_validator(mode="after")
    def _limits_fit_the_callers(self) -> "Route":
        limit = find(self.plugins, RateLimitingPlugin)
        if limit and (limit.config.limit_by == "header") != self.needs_token:
            raise ValueError("limit_by is header where the route has jwt, and ip where it has not")
        if not limit and not self.needs_token:
            raise ValueError("a route without jwt needs a rate-limiting by ip of its own")
        if self.strip_path and any(is_regex(p) and not p.endswith("$") for p in self.paths):
            raise ValueError("a stripped regular expression has to end in $")
        return self

    @property
    def own_limit(self) -> int | None:
        """Requests a minute where the route has a limit of its own, with counters of its own."""
        plugin = find(self.plugins, RateLimitingPlugin)
        return plugin.config.minute if plugin else None

    @property
    def needs_token(self) -> bool:
        """Whether the route is closed to callers without a token."""
        return find(self.plugins, JwtPlugin) is not None


class Service(Strict):
    """One upstream service; times in milliseconds."""

    name: Name
    url: Url
    connect_timeout: PositiveInt
    read_timeout: PositiveInt
    write_timeout: PositiveInt
    retries: NonNegativeInt
    routes: list[Route] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_time_limit(self) -> "Service":
        if self.read_timeout != self.write_timeout:
            raise ValueError("HAProxy has one time-out for both: read_timeout is not write_timeout")
        return self

    @property
    def address(self) -> str:
        """host:port"""
        return self.url.removeprefix("http://").partition("/")[0]

    @property
    def path(self) -> str:
        """What the url has behind the host: "" or "/…"."""
        _, slash, path = self.url.removeprefix("http://").partition("/")
        return slash + path


class KongConfig(Strict):
    """The whole file."""

    format_version: Literal["3.0"] = Field(alias="_format_version")
    consumers: tuple[Consumer]
    services: list[Service] = Field(min_length=1)
    plugins: list[GlobalPlugin]

    @model_validator(mode="after")
    def _names_are_unique(self) -> "KongConfig":
        routes = [route for service in self.services for route in service.routes]
        lists = [self.services, routes, self.plugins] + [route.plugins for route in routes]
        for entries in lists:
            for name, count in Counter(entry.name for entry in entries).items():
                if count > 1:
                    raise ValueError(f"{name} stands there {count} times")
        return self

    @model_validator(mode="after")
    def _every_global_plugin_is_there(self) -> "KongConfig":
        wanted = {"correlation-id", "cors", "rate-limiting", "request-size-limiting"}
        wanted |= {"request-transformer", "post-function"}
        missing = wanted - {plugin.name for plugin in self.plugins}
        if missing:
            raise ValueError(f"plugins: {', '.join(sorted(missing))} not there")
        if self.plugin("rate-limiting").limit_by != "header":
            raise ValueError("plugins: the global rate-limiting is by token: limit_by: header")
        return self

    def plugin(self, name: str) -> Any:
        """The settings of a global plugin."""
        return next(plugin.config for plugin in self.plugins if plugin.name == name)

    def limit_of(self, route: Route) -> int:
        """Requests a minute, by token or by address: the most specific plugin alone counts."""
        return route.own_limit or self.plugin("rate-limiting").minute


def load(text: str, environment: Mapping[str, str]) -> KongConfig:
    """Read kong.yml with its placeholders filled in, all but the secret. Raises ConfigError."""
    try:
        return KongConfig.model_validate(_fill(yaml.safe_load(text), environment, ""))
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}") from error
    except ValidationError as error:
        places = (f"{_path(e['loc']) or 'the file'}: {e['msg']}" for e in error.errors())
        raise ConfigError("\n".join(places)) from error


def find(plugins: Iterable[object], kind: type[P]) -> P | None:
    """The plugin of a kind, if there is one."""
    return next((plugin for plugin in plugins if isinstance(plugin, kind)), None)


def is_regex(path: str) -> bool:
    """Whether a route's path is a regular expression, Kong's way."""
    return path.startswith("~")


def _fill(node: Any, environment: Mapping[str, str], place: str) -> Any:
    """Fill the placeholders in below a node; after parsing, so that no value can become YAML."""
    if isinstance(node, dict):
        return {
            key: value if key == "secret" else _fill(value, environment, f"{place}.{key}")
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_fill(item, environment, f"{place}[{i}]") for i, item in enumerate(node)]
    if not isinstance(node, str):
        return node

    def value(match: re.Match[str]) -> str:
        if not environment.get(match[1]):
            raise ConfigError(f"{place.lstrip('.')}: {match[1]} is not set")
        return environment[match[1]]

    return PLACEHOLDER.sub(value, node)


def _path(location: tuple[int | str, ...]) -> str:
    """A place in the file, as in services[0].routes[2].plugins[0].jwt.config.minute."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return "".join(steps).lstrip(".")
