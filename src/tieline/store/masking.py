"""Deliveries as they may be shown: without what is secret or personal."""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST = 4096
"""Characters of a body that are kept."""
_TELLING = r"[\w.-]*(?:secret|token|password|passwd|signature|authorization|api_?key|cookie|hash)[\w.-]*"
_SECRETS = re.compile(rf'("?{_TELLING}"?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|[^&\s,}}]+)', re.IGNORECASE)
_SECRET_HEADER = re.compile(_TELLING, re.IGNORECASE)
_DIGITS = re.compile(r"\d{3,}(?=\d{2})")
_MAIL = re.compile(r"[^\s\"'<>=&:,]+(?=@|%40)")


def masked(text: str) -> str:
    """Text without what is secret or personal: values of secret names, all but the last two digits, names of mailboxes."""
    text = _SECRETS.sub(r"\1•••", text)
    return _MAIL.sub("•••", _DIGITS.sub("•••", text))[:MOST]


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers alike."""
    return {name: "•••" if _SECRET_HEADER.fullmatch(name) else masked(value)[:200] for name, value in headers.items()}
