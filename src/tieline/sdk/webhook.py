"""Checking that a delivery is genuine: HMAC over the raw body, in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Literal

TOLERANCE_S = 300.0
"""How far a signed timestamp may be from now, either way."""

Encoding = Literal["hex", "base64"]


def sign(secret: str | bytes, content: bytes, algorithm: str = "sha256") -> bytes:
    """The raw HMAC."""
    return hmac.digest(secret.encode() if isinstance(secret, str) else secret, content, algorithm)


def is_signed(
    secret: str | bytes,
    content: bytes,
    signature: str,
    *,
    encoding: Encoding = "hex",
    algorithm: str = "sha256",
    prefix: str = "",
) -> bool:
    """Whether `signature` (hex or base64 text, behind `prefix`) is the HMAC of `content`. False for an empty secret and
    for text that is no signature at all."""
    if not secret or not signature.startswith(prefix):
        return False
    text = signature[len(prefix) :].strip()
    try:
        given = bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(sign(secret, content, algorithm), given)


def is_recent(timestamp: str, now_s: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Whether a timestamp in Unix seconds or milliseconds is near enough to now."""
    try:
        at = float(timestamp)
    except ValueError:
        return False
    if at > 1e11:
        at /= 1000.0
    return abs(now_s - at) <= tolerance_s


def is_same(given: str, expected: str) -> bool:
    """Whether an echoed token is the one we gave, in constant time; False where we gave none."""
    return bool(expected) and hmac.compare_digest(
        hashlib.sha256(given.encode()).digest(), hashlib.sha256(expected.encode()).digest()
    )
