"""What the environment says about this installation, read once.

TIELINE_HOME          folder of keys, static files and the private database (`tieline.store.postgres.home`)
TIELINE_PUBLIC_URL    the address people and vendors reach it by (default http://127.0.0.1:8000)
TIELINE_ALLOWED_HOSTS further host names, separated by commas
TIELINE_TRUST_PROXY   1 when a proxy in front sets X-Forwarded-Proto and removes what clients send under that name
TIELINE_SAMPLES       1 adds the page /parts/ with every part of the pages
TIELINE_DEBUG         1 shows details of errors to anybody: never on a server that others reach
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tieline.store.postgres import home

DEFAULT_PUBLIC_URL = "http://127.0.0.1:8000"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


@dataclass(frozen=True)
class Environment:
    """The settings of this process that come from outside."""

    data: Path
    public_url: str
    hosts: tuple[str, ...]
    trust_proxy: bool
    debug: bool
    samples: bool

    @property
    def https(self) -> bool:
        """Whether people reach it by https, so that cookies are sent only there."""
        return self.public_url.startswith("https://")

    @property
    def origin(self) -> str:
        """Scheme and host of the public address, as browsers send it."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"


def read() -> Environment:
    """The environment as it is now."""
    public = os.environ.get("TIELINE_PUBLIC_URL", "").strip().rstrip("/") or DEFAULT_PUBLIC_URL
    parts = urlsplit(public)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SystemExit(f"TIELINE_PUBLIC_URL must be http://… or https://…, not {public!r}")
    more = [host.strip() for host in os.environ.get("TIELINE_ALLOWED_HOSTS", "").split(",")]
    hosts = dict.fromkeys([parts.hostname, *LOCAL_HOSTS, *filter(None, more)])
    return Environment(
        home(), public, tuple(hosts), _flag("TIELINE_TRUST_PROXY"), _flag("TIELINE_DEBUG"), _flag("TIELINE_SAMPLES")
    )
