"""From a manifest and what is kept of a connection to a Client: the same few lines for every connector."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from tieline.core.errors import ConfigError
from tieline.sdk.auth import FieldCredentials, OAuth2, OAuth2Credentials, Tokens
from tieline.sdk.http import Budget, Client, Credentials
from tieline.sdk.manifest import Manifest


def oauth2(
    manifest: Manifest,
    session: aiohttp.ClientSession,
    fields: Mapping[str, str],
    *,
    data_centre: str = "",
    base_url: str = "",
) -> OAuth2:
    """The consent of a connection. `fields` hold client_id and client_secret; `base_url` stands for every host (a sandbox)."""
    place = manifest.place(data_centre, {**fields, "base_url": base_url})
    return OAuth2(
        manifest,
        place,
        fields.get("client_id", ""),
        fields.get("client_secret", ""),
        lambda hosts: Client(session, hosts, timeout_s=manifest.capabilities.request_timeout_s),
    )


def open_client(
    manifest: Manifest,
    session: aiohttp.ClientSession,
    fields: Mapping[str, str],
    *,
    data_centre: str = "",
    base_url: str = "",
    tokens: Tokens | None = None,
    granted: Mapping[str, str] | None = None,
    scopes: frozenset[str] = frozenset(),
    budget: Budget | None = None,
    priority: int = 0,
) -> Client:
    """A client for one connection.

    fields   what was typed, secrets in clear; defaults of the manifest are filled in
    tokens   where the grant is kept (oauth2); `granted` is its `Grant.place`, `scopes` its scopes
    base_url stands for every host (a sandbox, a proxy)
    """
    typed = {field.name: fields.get(field.name) or field.default for field in manifest.auth.fields}
    values = {**typed, **fields, **(granted or {}), "base_url": base_url}
    hosts = manifest.base_urls(manifest.place(data_centre, values))
    credentials: Credentials
    if manifest.auth.kind == "oauth2":
        if tokens is None:
            raise ConfigError(f"{manifest.name} needs a consent", setting="tokens")
        consent = oauth2(manifest, session, fields, data_centre=data_centre, base_url=base_url)
        credentials = OAuth2Credentials(consent, tokens, manifest.auth.header)
    else:
        credentials = FieldCredentials(manifest.auth.header, typed)
    return Client(
        session,
        hosts,
        credentials=credentials,
        budget=budget,
        fields=typed,
        scopes=scopes,
        is_allowed=manifest.is_allowed,
        timeout_s=manifest.capabilities.request_timeout_s,
        concurrency=manifest.capabilities.concurrency,
        priority=priority,
    )
