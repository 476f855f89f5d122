"""Where messages of outgoing webhooks may go: over TLS to addresses of the internet; on an installation with sandboxes also to
this machine itself. Names are looked at when they are resolved (`sdk.hosts.PublicResolver`)."""

from __future__ import annotations

import os
from typing import Literal
from urllib.parse import urlsplit

from yarl import URL

from tieline.sdk.hosts import is_public

Kind = Literal["public", "loopback", "private", "malformed"]
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST = 500


def kind_of(url: str) -> Kind:
    """What an address is. malformed: no https (http to this machine goes), no host, or with a user or a fragment."""
    try:
        parts = urlsplit(url)
        # as the client reads it: other signs for dots and digits are those of an address, too
        host = (URL(url).host or "").lower().rstrip(".")
        port = parts.port
    except ValueError:
        return "malformed"
    if parts.username or parts.password or parts.fragment or not host or port == 0 or len(url) > LONGEST:
        return "malformed"
    if any(one <= " " or one == "\x7f" for one in url):
        return "malformed"
    if host in LOOPBACK:
        loops = parts.scheme in ("http", "https") and bool(os.environ.get("TIELINE_SANDBOX_URL", "").strip())
        return "loopback" if loops else "private"
    if parts.scheme != "https":
        return "malformed"
    looks_like_address = host.replace(".", "").isdigit() or ":" in host
    return "private" if looks_like_address and not is_public(host) else "public"
