"""How a delivery of Ringover proves that it is one: a JWT that carries the message (version 1), or a signature over the body (version 3)."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from tieline.core.errors import ProtocolError
from tieline.sdk.contract import Request
from tieline.sdk.webhook import is_recent, is_same, is_signed, json_of, sign

SIGNATURE = "x-ringover-webhook-signature"
SIGNATURE_3 = "x-ringover-webhook-signature-v3"
TIMESTAMP_3 = "x-ringover-request-signature-v3-timestamp"
ALGORITHM = "HS512"


def is_genuine(key: str, request: Request, now_s: float) -> bool:
    """Whether the delivery is signed with this key and was meant for us. The token is checked wherever there is one, since it is
    what is read then."""
    token = request.headers.get(SIGNATURE)
    if token:
        return _is_token(key, token, request)
    stamp = request.headers.get(TIMESTAMP_3, "")
    if not is_recent(stamp, now_s):
        return False
    address = f"{request.url}?{request.query}" if request.query else request.url
    signed = f"{request.method}{address}".encode() + request.body + stamp.encode("utf-8", "replace")
    return is_signed(key, signed, request.headers.get(SIGNATURE_3, ""), encoding="base64")


def _is_token(key: str, token: str, request: Request) -> bool:
    head, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    try:
        header, claims = _opened(head), _opened(payload)
    except ProtocolError:
        return False
    # the algorithm is ours to say: a token that names another one, or none, is no proof
    if header.get("alg") != ALGORITHM:
        return False
    expected = base64.urlsafe_b64encode(sign(key, f"{head}.{payload}".encode(), "sha512")).rstrip(b"=").decode()
    if not is_same(signature.rstrip("="), expected):
        return False
    address = claims.get("url")
    return address is None or (isinstance(address, str) and _is_ours(address, request))


def _is_ours(address: str, request: Request) -> bool:
    """Whether the signed address is the one at which this arrived, whatever scheme a proxy made of it."""
    try:
        signed, ours = urlsplit(address), urlsplit(request.url)
        same_host = (signed.hostname, signed.port or _port(signed.scheme)) == (
            ours.hostname,
            ours.port or _port(ours.scheme),
        )
    except ValueError:
        return False
    return same_host and signed.path == ours.path and signed.query == request.query


def _port(scheme: str) -> int:
    return 80 if scheme == "http" else 443


def message_of(token: str) -> Any:
    """The message inside a token, which `is_genuine` has verified: under "payload", or the claims themselves."""
    claims = _opened(token.partition(".")[2].partition(".")[0])
    message = claims.get("payload", claims)
    if isinstance(message, str):
        return json_of(message.encode())
    return message


def _opened(part: str) -> dict[str, Any]:
    try:
        found = json_of(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error):
        raise ProtocolError("a signature that is no token") from None
    if not isinstance(found, dict):
        raise ProtocolError("a signature that is no token")
    return found
