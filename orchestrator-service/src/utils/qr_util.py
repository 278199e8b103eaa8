"""The code on a ticket: base64 of IV, ciphertext and tag, AES-256-GCM over JSON (contract, QR)."""

import base64
import hashlib
import os
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common import encoding
from common.errors import AppError, ErrorCode

CODE_LIVES = timedelta(seconds=60)

_IV_BYTES = 12
_TAG_BYTES = 16
_LONGEST_PAYLOAD = 2048
_URL_SAFE_TO_STANDARD = str.maketrans("-_", "+/")


class QrCodec:
    """Makes codes with the present key; reads those of the present and of the previous key."""

    def __init__(self, key: str, previous_key: str | None = None) -> None:
        self._cipher = AESGCM(key.encode())
        keys = [key] if previous_key is None else [key, previous_key]
        self._readers = [AESGCM(one.encode()) for one in keys]

    def generate_qr(
        self, seat_id: UUID, user_id: UUID, hall_id: str, generated_at: datetime | None = None
    ) -> str:
        """A fresh code for this seat and owner, made now unless `generated_at` says otherwise."""
        moment = (generated_at or datetime.now(timezone.utc)).astimezone(timezone.utc)
        content = {
            "seat_id": seat_id,
            "user_id": user_id,
            "hall_id": hall_id,
            "generated_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        iv = os.urandom(_IV_BYTES)
        sealed = self._cipher.encrypt(iv, encoding.dumps(content).encode(), None)
        return base64.b64encode(iv + sealed).decode()

    def decrypt_qr(self, payload: str) -> dict[str, Any]:
        """What the code says; QR_INVALID where it is not one of ours, or not as it was made."""
        raw = _decoded(payload)
        for cipher in self._readers:
            try:
                return encoding.loads(cipher.decrypt(raw[:_IV_BYTES], raw[_IV_BYTES:], None))
            except InvalidTag:
                continue
        raise _invalid()


def qr_hash(payload: str) -> str:
    """SHA-256 of a code, in hex: what seats_db keeps of it."""
    return hashlib.sha256(payload.encode()).hexdigest()


def _decoded(payload: str) -> bytes:
    if len(payload) > _LONGEST_PAYLOAD:
        raise _invalid()
    text = payload.strip().translate(_URL_SAFE_TO_STANDARD).rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise _invalid() from None
    if len(raw) <= _IV_BYTES + _TAG_BYTES:
        raise _invalid()
    return raw


def _invalid() -> AppError:
    return AppError(ErrorCode.QR_INVALID, "This is not a ticket of ours.")
