"""A stand-in for Stripe: localstripe on one address, which tells its events to one webhook.

python stripe_server.py --port 8420 --webhook http://localhost:8000/api/webhooks/stripe

STRIPE_WEBHOOK_SECRET signs the events. Everything is in memory. GET /_config/health answers once it
is up. localstripe's own command listens on every address and keeps its state in /tmp.
"""

import argparse
import os
import sys

from aiohttp import web
from localstripe.resources import store
from localstripe.server import app
from localstripe.webhooks import register_webhook


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8420)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--webhook", required=True)
    given = parser.parse_args()
    secret = os.environ.get("STRIPE_WEBHOOK_SECRET")
    if not secret:
        sys.exit("STRIPE_WEBHOOK_SECRET is missing")
    store.dump_to_disk = lambda: None
    register_webhook("ours", given.webhook, secret, None)
    app.router.add_get("/_config/health", _health)
    web.run_app(app, host=given.bind, port=given.port, access_log=None)


if __name__ == "__main__":
    main()
