"""A hall's gate as its staff has it, codes of any age, and what was booked there."""

import base64
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from platform_client import Api, Buyer, Records


@dataclass
class Gate:
    """A member of staff at a hall's gate, and codes of any age, as the contract has them."""

    staff: Api
    hall: str
    key: str

    def scan(self, payload: str, **body: Any) -> httpx.Response:
        body = {"qr_payload": payload, "hall_id": self.hall, **body}
        return self.staff.call("POST", "/api/verify", json=body)

    def result(self, payload: str, **body: Any) -> dict[str, Any]:
        """`data` of a scan that has an outcome."""
        answer = self.scan(payload, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def code(self, seat_id: str, user: Buyer, age_seconds: float = 0, **other: str) -> str:
        """A code for that seat and user, by our own hand."""
        made = datetime.now(timezone.utc) - timedelta(seconds=age_seconds)
        content = {
            "seat_id": seat_id,
            "user_id": user.user_id,
            "hall_id": self.hall,
            "generated_at": made.strftime("%Y-%m-%dT%H:%M:%SZ"),
            **other,
        }
        iv = os.urandom(12)
        sealed = AESGCM(self.key.encode()).encrypt(iv, json.dumps(content).encode(), None)
        return base64.b64encode(iv + sealed).decode()


def entries(records: Records, seat_id: str) -> list[str]:
    """The results that are booked for a seat, oldest first."""
    sql = "SELECT result::text FROM entry_logs WHERE seat_id = %s ORDER BY scanned_at"
    return [result for (result,) in records.query("inventory", sql, seat_id)]
