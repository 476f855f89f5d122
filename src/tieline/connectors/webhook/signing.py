"""Signatures in the manner of Standard Webhooks (standardwebhooks.com, specification 1.0.0).

webhook-id         the delivery's id, the same when it is tried again
webhook-timestamp  Unix seconds of this try
webhook-signature  "v1," and the base64 of HMAC-SHA256 over id + "." + timestamp + "." + body; several, separated by blanks, while
                   a secret is being replaced. A delivery by GET signs its query string in the body's place
The secret is base64 behind "whsec_"; one that is not is taken as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from tieline.sdk.webhook import is_recent, is_signed, sign

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
MOST_SIGNATURES = 10


def key_of(secret: str) -> bytes:
    """The bytes of a secret."""
    if secret.startswith(PREFIX):
        text = secret[len(PREFIX) :]
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def signature(secret: str, webhook_id: str, timestamp: str, content: bytes) -> str:
    """The value of webhook-signature."""
    signed = f"{webhook_id}.{timestamp}.".encode() + content
    return f"v1,{base64.b64encode(sign(key_of(secret), signed)).decode()}"


def is_genuine(secret: str, headers: Mapping[str, str], content: bytes, now_s: float) -> bool:
    """Whether one of the signatures is right and the time of sending is near."""
    webhook_id, timestamp = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not webhook_id or not re.fullmatch(r"\d{1,12}", timestamp) or not is_recent(timestamp, now_s):
        return False
    key = key_of(secret)
    signed = f"{webhook_id}.{timestamp}.".encode() + content
    given = headers.get(SIGNATURE, "").split()[:MOST_SIGNATURES]
    return any(one.startswith("v1,") and is_signed(key, signed, one, encoding="base64", prefix="v1,") for one in given)
