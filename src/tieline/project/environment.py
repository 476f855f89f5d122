"""What the environment says about this installation, read once.

TIELINE_HOME          folder of keys, static files and the private database (`tieline.store.postgres.home`)
TIELINE_PUBLIC_URL    the address people and vendors reach it by (default: this machine's own, at --port)
TIELINE_ALLOWED_HOSTS further host names, separated by commas
TIELINE_TRUST_PROXY   1 when a proxy in front sets X-Forwarded-Proto and removes what clients send under that name
TIELINE_SMTP_URL      smtp://user:password@host:587 (STARTTLS; ?starttls=0 without), or smtps://…:465; none: no e-mail is sent
TIELINE_MAIL_FROM     the address e-mails come from (default: tieline@ and the host of the public address)
TIELINE_SAMPLES       1 adds the page /parts/ with every part of the pages
TIELINE_DEBUG         1 shows details of errors to anybody: never on a server that others reach
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tieline.store.postgres import home

DEFAULT_PUBLIC_URL = "http://127.0.0.1:8000"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() in {"1", "true", "yes", "on"}


@dataclass(frozen=True)
class Mail:
    """The server that e-mails are handed to. An empty host: none is sent."""

    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False
    sender: str = ""


def _mail(public_host: str) -> Mail:
    url = os.environ.get("TIELINE_SMTP_URL", "").strip()
    sender = os.environ.get("TIELINE_MAIL_FROM", "").strip() or f"tieline@{public_host}"
    if not url:
        return Mail(sender=sender)
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise SystemExit("TIELINE_SMTP_URL must be smtp://… or smtps://…")
    tls = parts.scheme == "smtps"
    wanted = parse_qs(parts.query).get("starttls", ["1"])[0] not in {"0", "no", "false"}
    return Mail(
        parts.hostname,
        parts.port or (465 if tls else 587),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        starttls=wanted and not tls,
        tls=tls,
        sender=sender,
    )


@dataclass(frozen=True)
class Environment:
    """The settings of this process that come from outside."""

    data: Path
    public_url: str
    hosts: tuple[str, ...]
    trust_proxy: bool
    debug: bool
    samples: bool
    mail: Mail

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
        home(),
        public,
        tuple(hosts),
        _flag("TIELINE_TRUST_PROXY"),
        _flag("TIELINE_DEBUG"),
        _flag("TIELINE_SAMPLES"),
        _mail(parts.hostname),
    )
