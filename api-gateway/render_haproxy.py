"""Renders kong.yml as a HAProxy configuration: the same gateway where Kong cannot run.

The settings named in kong.yml come from the environment, all but the JWT secret: that one HAProxy
takes from its own environment when it starts, and it stands in no file.
"""

import argparse
import ipaddress
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from kong_config import ConfigError, KongConfig, Route, Service, is_regex, load

FOLDER = Path(__file__).parent
ADDRESS = re.compile(r"[\w.:\[\]*-]+:\d+")


@dataclass(frozen=True)
class Match:
    """Which path leads to which route."""

    route: str
    condition: str


def main() -> int:
    """Write the configuration, or say what in kong.yml, the environment or the options is wrong."""
    options = _options().parse_args()
    try:
        config = load(options.config.read_text(), os.environ)
        text = render(
            config,
            upstreams=_upstreams(config, options.upstream),
            bind=options.bind,
            tls_bind=options.tls_bind,
            tls_cert=options.tls_cert,
        )
    except ConfigError as error:
        print(f"{options.config}: {error}", file=sys.stderr)
        return 1
    options.output.write_text(text)
    return 0


def render(
    config: KongConfig,
    upstreams: Mapping[str, str],
    bind: str,
    tls_bind: str = "",
    tls_cert: Path | None = None,
) -> str:
    """The whole HAProxy configuration; `upstreams` gives host:port by service name."""
    templates = Environment(  # nosec B701 # this makes no HTML
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("haproxy.cfg.j2").render(
        config=config,
        upstreams=upstreams,
        bind=bind,
        tls_bind=tls_bind,
        tls_cert=tls_cert and tls_cert.resolve(),
        matches=_matches(config),
        rewrites=_rewrites,
        has_name=_has_name,
        upstreams_have_names=any(map(_has_name, upstreams.values())),
    )


def _matches(config: KongConfig) -> list[Match]:
    """Every path in the order in which Kong tries them: expressions first, then the longest."""
    paths = [
        (path, route.name)
        for service in config.services
        for route in service.routes
        for path in route.paths
    ]
    paths.sort(
        key=lambda entry: (not is_regex(entry[0]), 0 if is_regex(entry[0]) else -len(entry[0]))
    )
    return [
        Match(name, f"path -m reg '^{path[1:]}'" if is_regex(path) else f"path -m beg {path}")
        for path, name in paths
    ]


def _rewrites(service: Service, route: Route) -> Iterator[str]:
    """What replace-path needs so that the service sees the path that Kong would send it."""
    for path in route.paths:
        if not route.strip_path:
            if service.path:
                yield rf"'^(.*)$' '{service.path}\1'"
                return
        elif is_regex(path):
            yield f"'^{path[1:]}' '{service.path or '/'}'"
        else:
            yield rf"'^{re.escape(path)}(.*)$' '{service.path}/\1'"


def _has_name(upstream: str) -> bool:
    """Whether an upstream has a host name that a name server has to be asked for."""
    host = upstream.rpartition(":")[0].strip("[]")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host != "localhost"
    return False


def _upstreams(config: KongConfig, overrides: list[str]) -> dict[str, str]:
    """host:port by service: kong.yml's own, unless an option says otherwise."""
    upstreams = {service.name: service.address for service in config.services}
    for override in overrides:
        name, _, address = override.partition("=")
        if name not in upstreams or not ADDRESS.fullmatch(address):
            raise ConfigError(
                f"--upstream {override}: wanted is SERVICE=HOST:PORT of {list(upstreams)}"
            )
        upstreams[name] = address
    return upstreams


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not host:port")
    return text


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Render kong.yml as a HAProxy configuration.")
    parser.add_argument("--config", type=Path, default=FOLDER / "kong.yml")
    parser.add_argument("--upstream", action="append", default=[], metavar="SERVICE=HOST:PORT")
    parser.add_argument("--bind", type=_address, default="0.0.0.0:8000", metavar="HOST:PORT")
    parser.add_argument("--tls-bind", type=_address, default="0.0.0.0:8443", metavar="HOST:PORT")
    parser.add_argument("--tls-cert", type=Path, metavar="PEM", help="certificate with its key")
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
