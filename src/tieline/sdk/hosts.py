"""Where requests may go: hosts of the manifest only, and for files no address that the internet cannot reach.

A URL that comes from outside (a recording's link in an event) must not make the server ask its own network for
something (server-side request forgery). Names are resolved by `PublicResolver`, so that what was checked is what is
connected to.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from tieline.core.errors import ConfigError, ProtocolError


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: no private, loopback, link-local, shared, multicast or reserved one,
    also not inside an IPv6 address that maps or tunnels to it."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of the host; OSError where it has none."""
        found = [entry for entry in await self._inner.resolve(host, port, family) if is_public(entry["host"])]
        if not found:
            raise OSError(None, "the name leads to no public address")
        return found

    async def close(self) -> None:
        await self._inner.close()


def checked_base(url: str) -> SplitResult:
    """A base URL as typed or configured: http(s), a host, no user, query or fragment; else a ConfigError."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ConfigError("a base URL needs https:// (or http://), a host and nothing but a path", setting="url")
    return parts


def origin(parts: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port of a URL; ProtocolError for a port that is none."""
    try:
        port = parts.port
    except ValueError:
        raise ProtocolError("a link has an impossible port") from None
    return parts.scheme, (parts.hostname or "").lower(), port or (443 if parts.scheme == "https" else 80)
