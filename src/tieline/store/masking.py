"""Deliveries as they may be shown: without what is secret or personal."""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST = 4096
"""Characters of a body that are kept."""
_TELLING = r"(?:secret|token|password|passwd|signature|authorization|api_?key|cookie|hash)"
# Anybody may send these texts: each pattern goes over a text once. A run of signs is begun only where it begins, and what was
# taken is never given back (++).
_SECRETS = re.compile(
    rf'(?<![\w.-])(?=[\w.-]*?{_TELLING})([\w.-]++\\*+"?+\s*+[=:]\s*+)(?:"(?:[^"\\]|\\[\s\S])*+(?:"|\\?\Z)|[^&\s,}}]++)',
    re.IGNORECASE,
)
_SECRET_HEADER = re.compile(_TELLING, re.IGNORECASE)
_DIGITS = re.compile(r"\d{3,}(?=\d{2})")
_RUN = re.compile(r"[^\s\"'<>=&:,]++")


def masked(text: str) -> str:
    """Text without what is secret or personal: values of secret names, all but the last two digits, names of mailboxes."""
    text = _SECRETS.sub(r"\1•••", text)
    return _RUN.sub(_without_mailbox, _DIGITS.sub("•••", text))[:MOST]


def without_secrets(text: str) -> str:
    """The whole text, with nothing taken from it but the values of secret names; JSON stays JSON."""
    return _SECRETS.sub(lambda found: found[1] + ('"•••"' if '"' in found[1] else "•••"), text)


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers alike."""
    return {name: "•••" if _SECRET_HEADER.search(name) else masked(value)[:200] for name, value in headers.items()}


def _without_mailbox(run: re.Match[str]) -> str:
    found = run[0]
    at = max(found.rfind("@", 1), found.rfind("%40", 1))
    return "•••" + found[at:] if at > 0 else found
