"""The documentation page /apidocs/ and its specification, /apispec.json."""

from collections.abc import Mapping
from typing import Any

from flasgger import Swagger
from flask import Flask
from jinja2 import DictLoader

from common.auth import INTERNAL_TOKEN_HEADER
from common.correlation import HEADER
from common.openapi import bare_answer
from common.schemas import SCHEMAS, closed_object

# In the place of flasgger's own page, which loads its fonts from elsewhere and runs into an error.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>{{ title }}</title>
  <link rel="icon" type="image/png" href="{{ favicon }}">
  <link rel="stylesheet" href="{{ swagger_ui_css }}">
</head>
<body style="margin: 0">
  <div id="swagger-ui"></div>
  <script src="{{ swagger_ui_bundle_js }}"></script>
  <script>
    SwaggerUIBundle({
      url: {{ specs[0].url | tojson }},
      dom_id: "#swagger-ui",
      deepLinking: true,
      displayRequestDuration: true,
      validatorUrl: null,
    });
  </script>
</body>
</html>
"""

_DESCRIPTION = """\
Every answer but `/health`, `/metrics` and what says otherwise is an envelope: `success` and `data`,
with `pagination` where it is a page; or `success`, `error_code`, `message` and sometimes `details`.
Every answer carries `X-Correlation-ID`; one that the caller sends (8 to 64 letters, digits, `-`) is
kept.

To try what needs a token, press **Authorize**: `bearer` takes the `access_token` of
`POST /api/auth/login` at the user service, `refreshToken` its `refresh_token`, `internalToken` the
setting `INTERNAL_API_TOKEN`. The examples are of the demo data. Through the gateway every endpoint
also answers 429 `RATE_LIMITED` to a caller who asks too often.
"""

_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access_token of a login.",
    },
    "refreshToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The refresh_token of a login.",
    },
    "internalToken": {
        "type": "apiKey",
        "in": "header",
        "name": INTERNAL_TOKEN_HEADER,
        "description": "The setting INTERNAL_API_TOKEN, which only the services know.",
    },
}
_CORRELATION_ID = {
    "description": f"Of the request; the caller's own {HEADER}, or one made for it.",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{8,64}$"},
}

METRICS: Mapping[str, Any] = {
    "tags": ["health"],
    "summary": "What Prometheus reads.",
    "security": [],
    "responses": {
        "200": {
            "description": "Counters and histograms, as text.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
    },
}


def health_operation(checks: list[str]) -> dict[str, Any]:
    """The description of /health, for a service that makes these checks."""
    state = {"type": "string", "enum": ["connected", "disconnected"]}
    answers = {"200": ("healthy", "Everything is connected."), "503": ("unhealthy", "Not so.")}
    return {
        "tags": ["health"],
        "summary": "Whether the service and what it depends on work.",
        "security": [],
        "responses": {
            status: bare_answer(
                says,
                closed_object(
                    {
                        "status": {"type": "string", "enum": [word]},
                        "service": {"type": "string"},
                        "timestamp": {"type": "string", "format": "date-time"},
                        "checks": closed_object(dict.fromkeys(checks, state)),
                    }
                ),
            )
            for status, (word, says) in answers.items()
        },
    }


def install(app: Flask, service: str) -> None:
    """Serve page and specification of everything that `app` declares."""
    app.jinja_loader = DictLoader({"flasgger/index.html": _PAGE})
    template = {
        "components": {
            "schemas": SCHEMAS,
            "headers": {"CorrelationId": _CORRELATION_ID},
            "securitySchemes": _SECURITY_SCHEMES,
        }
    }
    title = f"TicketRemaster {service}"
    config = {
        "openapi": "3.0.3",
        "title": title,
        "info": {"title": title, "version": "1.0.0", "description": _DESCRIPTION},
        "specs": [{"endpoint": "apispec", "route": "/apispec.json", "rule_filter": lambda _: True}],
    }
    Swagger(app, config=config, template=template, merge=True)
