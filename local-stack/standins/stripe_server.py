"""A stand-in for Stripe: localstripe on one address, which tells its events to one webhook.

python stripe_server.py --port 8420 --webhook http://localhost:8000/api/webhooks/stripe

STRIPE_WEBHOOK_SECRET signs the events. What it knows is in memory, and with --data also in a file,
which it reads at its next start. GET /_config/health answers once it is up. localstripe's own
command listens on every address, keeps its state in /tmp, and knows no idempotency keys.
"""

import argparse
import asyncio
import hashlib
import os
import pickle  # nosec B403 # its own file alone
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from localstripe.resources import store
from localstripe.server import app
from localstripe.webhooks import register_webhook

Handler = Callable[[web.Request], Awaitable[web.Response]]

_one_at_a_time = asyncio.Lock()


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "healthy"})


@web.middleware
async def _idempotency(request: web.Request, handler: Handler) -> web.Response:
    """A key that began something is answered with it again, and refused for anything else."""
    key = request.headers.get("Idempotency-Key")
    if request.method != "POST" or not key:
        return await handler(request)
    asked = hashlib.sha256(request.path.encode() + b"\n" + await request.read()).hexdigest()
    async with _one_at_a_time:
        asked_before, answer = store.get(f"idempotency_key:{key}", (asked, None))
        if asked_before != asked:
            return _key_is_taken()
        if answer is None:
            answer = (await handler(request)).text
            store[f"idempotency_key:{key}"] = (asked, answer)
    return web.Response(text=answer, content_type="application/json")


def _key_is_taken() -> web.Response:
    error = {"type": "idempotency_error", "message": "This key was used with other parameters."}
    return web.json_response({"error": error}, status=400)


def _keep_in(data: Path | None) -> None:
    """Take up what the file has, and write every change to it; None: keep nothing."""
    if data is None:
        store.dump_to_disk = lambda: None
        return
    if data.exists():
        store.update(pickle.loads(data.read_bytes()))  # nosec B301 # what it has written itself
    half_written = data.with_name(f"{data.name}.new")

    def dump() -> None:
        half_written.write_bytes(pickle.dumps(dict(store)))
        half_written.replace(data)

    store.dump_to_disk = dump


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8420)
    parser.add_argument("--bind", default="127.0.0.1")
    parser.add_argument("--webhook", required=True)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    secret = os.environ.get("STRIPE_WEBHOOK_SECRET")
    if not secret:
        sys.exit("STRIPE_WEBHOOK_SECRET is missing")
    _keep_in(given.data)
    register_webhook("ours", given.webhook, secret, None)
    app.middlewares.append(_idempotency)
    app.router.add_get("/_config/health", _health)
    web.run_app(app, host=given.bind, port=given.port, access_log=None)


if __name__ == "__main__":
    main()
