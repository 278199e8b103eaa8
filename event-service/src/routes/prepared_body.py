"""Large JSON bodies, prepared once for many readers: compressed, and revalidated by ETag."""

import gzip
import hashlib
from collections.abc import Callable, Hashable
from typing import NamedTuple

from flask import Response, request

from ..services.fresh_cache import FreshCache

_GZIP_LEVEL = 4


class _Representation(NamedTuple):
    body: bytes
    etag: str


class _Prepared(NamedTuple):
    plain: _Representation
    compressed: _Representation


class PreparedBodies:
    """The bodies of one resource, by key; see FreshCache for how old and how many."""

    def __init__(self, seconds: float, size: int) -> None:
        self._cache: FreshCache[_Prepared] = FreshCache(seconds, size)

    def answer(self, key: Hashable, data_json: Callable[[], str]) -> Response:
        """200 with `data_json` as the envelope's `data`, or 304 where the reader has just that."""
        prepared = self._cache.get(key, lambda: _prepare(data_json()))
        compress = request.accept_encodings.best_match(("gzip", "identity")) == "gzip"
        body, etag = prepared.compressed if compress else prepared.plain
        response = Response(body, mimetype="application/json")
        if compress:
            response.content_encoding = "gzip"
        # Each encoding is a representation with a strong ETag of its own (RFC 9110, 8.8.3.3).
        response.set_etag(etag)
        response.vary.add("Accept-Encoding")
        response.cache_control.no_cache = True  # may be kept, must be revalidated
        return response.make_conditional(request)


def _prepare(data_json: str) -> _Prepared:
    plain = f'{{"success":true,"data":{data_json}}}'.encode()
    # without a time in its header, so that equal content is equal bytes in every process
    compressed = gzip.compress(plain, _GZIP_LEVEL, mtime=0)
    return _Prepared(_represent(plain), _represent(compressed))


def _represent(body: bytes) -> _Representation:
    return _Representation(body, hashlib.blake2b(body, digest_size=16).hexdigest())
