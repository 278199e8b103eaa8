"""Tokens that must open nothing, by what is wrong with them."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Claims = dict[str, Any]
_THEIR_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def forged(claims: Claims, secret: str, signed: Callable[[Claims], str]) -> dict[str, str]:
    """Tokens with the claims of a good one, whose `secret` is known to the test alone.

    `signed` signs claims as the platform does: for tokens that are genuine but not good.
    """
    return {
        **dict(_without_a_signature(claims)),
        **dict(_by_another_algorithm(claims, secret)),
        **dict(_by_a_key_of_their_own(claims)),
        **dict(_taken_apart(signed(claims))),
        **dict(_with_other_claims(claims, signed)),
    }


def _without_a_signature(claims: Claims) -> Iterator[tuple[str, str]]:
    for algorithm in ("none", "None", "NONE", "nOnE", "", None):
        unsigned = _unsigned({"alg": algorithm, "typ": "JWT"}, claims)
        yield f"alg {algorithm!r} without a signature", f"{unsigned}."
        yield f"alg {algorithm!r} with one", f"{unsigned}.{_hmac(unsigned, '')}"
    yield "no alg", f"{_unsigned({'typ': 'JWT'}, claims)}."
    yield "HS256 without a signature", f"{_unsigned({'alg': 'HS256'}, claims)}."


def _by_another_algorithm(claims: Claims, secret: str) -> Iterator[tuple[str, str]]:
    for algorithm in ("HS384", "HS512"):
        unsigned = _unsigned({"alg": algorithm}, claims)
        digest = f"sha{algorithm[2:]}"
        yield f"{algorithm} with the secret", f"{unsigned}.{_hmac(unsigned, secret, digest)}"
    for algorithm in ("RS256", "ES256", "PS256", "EdDSA", "hs256"):
        unsigned = _unsigned({"alg": algorithm}, claims)
        yield f"HMAC by the secret, called {algorithm}", f"{unsigned}.{_hmac(unsigned, secret)}"
    unsigned = _unsigned({"alg": "ES256"}, claims)
    yield "ES256 of zeros", f"{unsigned}.{_base64(bytes(64))}"


def _by_a_key_of_their_own(claims: Claims) -> Iterator[tuple[str, str]]:
    """Signed well, by a key that the token itself names or brings."""
    public = _THEIR_KEY.public_key().public_numbers()
    number = {"n": _base64(public.n.to_bytes(256, "big")), "e": "AQAB"}
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "own", **number}
    address = "https://keys.example/jwks.json"
    for name, header in {"jwk": jwk, "jku": address, "x5u": address, "kid": "own"}.items():
        yield f"RS256 with {name}", jwt.encode(claims, _THEIR_KEY, "RS256", {name: header})
    pem = _THEIR_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    unsigned = _unsigned({"alg": "HS256"}, claims)
    yield "HS256 by a public key", f"{unsigned}.{_hmac(unsigned, pem.decode())}"
    own = {"kty": "oct", "k": _base64(b"x" * 32)}
    yield "HS256 with jwk", jwt.encode(claims, "x" * 32, "HS256", {"jwk": own})
    for kid in ("../../../dev/null", "ticketremaster", "' UNION SELECT 'x' --", "0"):
        for key in ("", "x" * 32):
            unsigned = _unsigned({"alg": "HS256", "kid": kid}, claims)
            yield f"kid {kid} with the key {key!r}", f"{unsigned}.{_hmac(unsigned, key)}"
    curve = ec.generate_private_key(ec.SECP256R1())
    yield "ES256", jwt.encode(claims, curve, "ES256")


def _taken_apart(token: str) -> Iterator[tuple[str, str]]:
    header, claims, signature = token.split(".")
    another = {"role": "admin", "sub": str(uuid4())}
    as_another = json.loads(base64.urlsafe_b64decode(claims + "==")) | another
    changed = "A" if signature[10] != "A" else "B"
    yield "other claims under the same signature", f"{header}.{_json(as_another)}.{signature}"
    yield "a changed signature", f"{header}.{claims}.{signature[:10]}{changed}{signature[11:]}"
    yield "half a signature", f"{header}.{claims}.{signature[:20]}"
    yield "two parts", f"{header}.{claims}"
    yield "four parts", f"{token}.{signature}"
    yield "five parts", f"{header}..{claims}.{signature}.{signature}"
    yield "a signature of nothing", f"..{signature}"
    yield "no JWT", "nonsense"
    yield "dots", ".."


def _with_other_claims(
    claims: Claims, signed: Callable[[Claims], str]
) -> Iterator[tuple[str, str]]:
    now = int(time.time())
    other_type = "access" if claims["type"] == "refresh" else "refresh"
    for wrong, change in {
        "another issuer": {"iss": "somebody"},
        "no issuer": {"iss": None},
        "expired": {"exp": now - 60, "iat": now - 960},
        "no expiry": {"exp": None},
        "not valid yet": {"nbf": now + 600},
        "issued in the future": {"iat": now + 600},
        f"the type {other_type}": {"type": other_type},
        "a type of its own": {"type": "master"},
        "a role of its own": {"role": "superuser"},
        "no role": {"role": None},
        "nobody": {"sub": None},
        "no user's ID": {"sub": "admin"},
        "no login": {"sid": None},
    }.items():
        given = {name: value for name, value in (claims | change).items() if value is not None}
        yield wrong, signed(given)


def _unsigned(header: Claims, claims: Claims) -> str:
    return f"{_json(header)}.{_json(claims)}"


def _json(value: Claims) -> str:
    return _base64(json.dumps(value).encode())


def _hmac(text: str, key: str, digest: str = "sha256") -> str:
    return _base64(hmac.digest(key.encode(), text.encode(), digest))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
