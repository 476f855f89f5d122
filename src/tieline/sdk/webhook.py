"""Checking that a delivery is genuine: HMAC over the raw body, in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, Literal

import orjson

from tieline.core.errors import ProtocolError

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


DEEPEST = 64
"""Levels of lists and objects in a delivery; no contract comes near it."""


def json_of(body: bytes) -> Any:
    """A delivery's JSON. ProtocolError for what is none, and for what is nested so deep that handling it would fail somewhere."""
    try:
        value = orjson.loads(body)
    except ValueError:
        raise ProtocolError("a body that should be JSON and is none") from None
    if body.count(b"[") + body.count(b"{") > DEEPEST and not _is_shallow(value, DEEPEST):
        raise ProtocolError("nested too deep")
    return value


def _is_shallow(value: Any, levels: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(one, levels - 1) for one in inner if isinstance(one, (dict, list)))


def digest(value: Any, size: int = 12) -> str:
    """A short name (hex, two signs for each byte of `size`) of a delivery's fields, whatever their order: for event keys where the
    vendor gives no id. `value` as `json_of` gives it."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=size).hexdigest()
