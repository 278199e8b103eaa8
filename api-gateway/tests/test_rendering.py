"""kong.yml is understood whole, or refused with the place of what is not."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from conftest import KONG_YML, SETTINGS, Gateway, free_port

from kong_config import ConfigError, load

RENDER = [sys.executable, str(KONG_YML.parent / "render_haproxy.py")]
ENVIRONMENT = os.environ | SETTINGS | {"JWT_SECRET": "x" * 32}
CHANGES = {
    "an unknown plugin": ("name: cors", "name: acl", "plugins[1]"),
    "a misspelt option": ("max_age: 3600", "max_aeg: 3600", "plugins[1].cors.config.max_aeg"),
    "an unknown value": ("policy: local", "policy: redis", "services[0].routes[0].plugins[0]"),
    "another algorithm": ("HS256", "RS256", "consumers[0].jwt_secrets[0].algorithm"),
    "a route's methods": (
        "strip_path: true",
        "strip_path: true\n        methods: [GET]",
        "services[1].routes[0].methods",
    ),
    "a plugin on a service": (
        "    write_timeout: 9000\n",
        "    write_timeout: 9000\n    plugins: []\n",
        "services[0].plugins",
    ),
    "a plugin out of place": (
        "name: jwt",
        "name: cors",
        "services[0].routes[2].plugins[0]",
    ),
    "preflights with tokens": (
        "run_on_preflight: false",
        "run_on_preflight: true",
        "services[0].routes[2].plugins[0].jwt.config.run_on_preflight",
    ),
    "no number": (
        "minute: ${RATE_LIMIT_AUTH_PER_MINUTE}",
        "minute: many",
        "services[0].routes[0].plugins[0].rate-limiting.config.minute",
    ),
    "other Lua": ("status >= 400", "status >= 500", "plugins[5].post-function.config"),
    "a row that is gone": ('["*"] =', '["all"] =', "plugins[5].post-function.config"),
    "the secret itself": ('"${JWT_SECRET}"', "hunter2", "consumers[0].jwt_secrets[0].secret"),
    "a quote in a path": ("~/health$", "~/health'$", "services[2].routes[2].paths[0]"),
    "a newer format": ('"3.0"', '"4.0"', "_format_version"),
}


@pytest.mark.parametrize(("old", "new", "place"), CHANGES.values(), ids=CHANGES.keys())
def test_what_is_not_understood_is_refused_with_its_place(old: str, new: str, place: str) -> None:
    text = KONG_YML.read_text()
    assert old in text
    with pytest.raises(ConfigError) as refused:
        load(text.replace(old, new, 1), SETTINGS)
    assert place in str(refused.value)


def test_a_public_route_has_to_have_a_limit() -> None:
    text = KONG_YML.read_text()
    head, _, tail = text.rpartition("        plugins:\n          - name: rate-limiting")
    tail = tail.partition("limit_by: ip\n")[2]
    with pytest.raises(ConfigError, match=r"services\[2\].routes\[2\].*rate-limiting by ip"):
        load(f"{head}        plugins: []\n{tail}", SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_missing_is_named_with_its_place(name: str) -> None:
    for settings in (SETTINGS | {name: ""}, {k: v for k, v in SETTINGS.items() if k != name}):
        with pytest.raises(ConfigError, match=rf"\[\d\].*: {name} is not set"):
            load(KONG_YML.read_text(), settings)


def test_a_row_of_the_lua_tables_is_taken_over() -> None:
    text = KONG_YML.read_text().replace("There is no such route.", "Nothing here.")
    refusals = load(text, SETTINGS).plugin("post-function").refusals
    assert refusals["404"] == ("NOT_FOUND", "Nothing here.")


def test_haproxy_accepts_the_whole_and_no_secret_stands_in_it(tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    subprocess.run([*RENDER, "-o", config], env=ENVIRONMENT, check=True)
    assert "server user-service user-service:5000" in config.read_text()
    assert ENVIRONMENT["JWT_SECRET"] not in config.read_text()
    subprocess.run(["haproxy", "-c", "-f", config], env=ENVIRONMENT, check=True)


def test_without_the_secret_haproxy_does_not_start(tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    subprocess.run([*RENDER, "-o", config], env=ENVIRONMENT, check=True)
    bare = {name: value for name, value in ENVIRONMENT.items() if name != "JWT_SECRET"}
    check = subprocess.run(["haproxy", "-c", "-f", config], env=bare, capture_output=True)
    assert check.returncode != 0 and b"JWT_SECRET is not set" in check.stderr


def test_upstreams_and_addresses_come_from_the_options(tmp_path: Path) -> None:
    config = tmp_path / "haproxy.cfg"
    options = ["--upstream", "user-service=127.0.0.1:5000", "--bind", "127.0.0.1:8123"]
    subprocess.run([*RENDER, *options, "-o", config], env=ENVIRONMENT, check=True)
    assert "server user-service 127.0.0.1:5000\n" in config.read_text()
    assert "bind 127.0.0.1:8123\n" in config.read_text()


@pytest.mark.parametrize("upstream", ["nobody=127.0.0.1:1", "user-service=nowhere", "user-service"])
def test_a_wrong_upstream_is_refused(tmp_path: Path, upstream: str) -> None:
    command = [*RENDER, "--upstream", upstream, "-o", tmp_path / "haproxy.cfg"]
    run = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert run.returncode == 1 and upstream in run.stderr
    assert not (tmp_path / "haproxy.cfg").exists()


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_with_a_certificate_it_speaks_tls_too(
    start_gateway: Callable[..., Gateway], tmp_path: Path
) -> None:
    certificate, port = tmp_path / "tls.pem", free_port()
    request = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command = ["openssl", *request.split(), "-keyout", certificate, "-out", tmp_path / "crt"]
    subprocess.run(command, check=True, capture_output=True)
    certificate.write_text(certificate.read_text() + (tmp_path / "crt").read_text())
    gateway = start_gateway(tls_cert=certificate, tls_bind=f"127.0.0.1:{port}")
    assert httpx.get(f"https://127.0.0.1:{port}/api/events", verify=False).status_code == 200
    assert gateway.stub.requests[-1].header("X-Forwarded-Proto") == ["https"]
