"""Connecting by consent in the browser (OAuth 2): what is asked for and why, there and back.

    wanted(workspace, connector, connection=None) -> scope → rules      what the page before consent lists
    start(workspace, user, connector, …) -> str                        where the person's browser goes
    workspace_of(query), finish(user, query) -> Finished               what the vendor's redirect brought

A state is used once, by the person who began, within LIVES. A refusal leaves no connection (CALL-2); so does anything that
goes wrong before the vendor has told who we are. `connection` renews or widens an existing one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tieline.core.errors import ConfigError, TielineError
from tieline.sdk.auth import ConsentRefusedError, Grant, OAuth2, new_state, new_verifier
from tieline.sdk.manifest import Manifest
from tieline.store.connection import workspace_of_consent, workspace_tx
from tieline.store.models import Connection, ConnectionState, Consent
from tieline.store.secrets import installed
from tieline.store.services import asking, connections, flow_settings, keeping, oauth_clients, scopes
from tieline.store.services.asking import CHECK_S, SET_UP_S, HeldTokens, Opening, manifest_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError, of_vendor

if TYPE_CHECKING:
    from tieline.store.team.models import User

LIVES = timedelta(minutes=30)
"""How long a person may take at the vendor."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a consent ended. `connection` None: refused, and nothing was kept of it (a renewed one stays as it was).

    missing   scopes that were asked for and not granted
    begun     flows whose settings waited for this consent
    then      where the person wanted to go on, as given to `start`
    """

    workspace: int
    connector: str
    connection: Connection | None
    renewed: int | None = None
    missing: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()
    then: str = ""


def wanted(workspace: int, connector: str, connection: int | None = None) -> dict[str, list[scopes.Rule]]:
    """Scope → the rules that need it, as the consent would ask now (CALL-3)."""
    manifest = manifest_of(connector)
    with workspace_tx(workspace):
        if connection is None:
            return scopes.for_new(workspace, manifest)
        return scopes.needed(connections.locked(workspace, connection))


def start(
    workspace: int,
    user: User,
    connector: str,
    *,
    connection: int | None = None,
    data_centre: str = "",
    environment: str = "production",
    title: str = "",
    prepare: bool = True,
    then: str = "",
) -> str:
    """The vendor's consent page for what the rules need now."""
    manifest = manifest_of(connector)
    if manifest.auth.kind != "oauth2":
        raise DeclinedError("consent.not_oauth", vendor=manifest.title)
    asked = list(wanted(workspace, connector, connection))
    if connection is not None:
        known = connections.still(connections.get(workspace, connection))
        environment, data_centre = known.environment, known.config.get("data_centre", "")
    client = oauth_clients.client_for(workspace, manifest, environment)
    if client is None:
        raise DeclinedError("consent.no_client", vendor=manifest.title)
    state = new_state()
    verifier = new_verifier() if manifest.auth.pkce else ""
    kept = {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "verifier": verifier,
        "data_centre": data_centre,
        "environment": environment,
        "base_url": connections.base_of(manifest, environment),
        "title": title,
        "prepare": prepare,
        "then": then,
    }
    opening = _opening(manifest, workspace, kept)
    redirect = oauth_clients.redirect_uri()
    try:
        url = asking.ask_accounts(
            opening, lambda oauth: _as_coroutine(oauth.authorize_url(asked, redirect, state, verifier))
        )
    except ConfigError as error:
        raise of_vendor(error, manifest.title) from error
    now = timezone.now()
    digest = _digest(state)
    with workspace_tx(workspace):
        Consent.objects.filter(workspace_id=workspace, expires__lt=now).delete()
        Consent.objects.create(
            workspace_id=workspace,
            user=user,
            state_hash=digest,
            connector=connector,
            connection_id=connection,
            scopes=asked,
            sealed=installed().close(kept, workspace, 0, f"consent:{digest}"),
            expires=now + LIVES,
        )
    return url


def workspace_of(query: Mapping[str, str]) -> int | None:
    """The workspace that a redirect belongs to; None where no consent under way is answered by it."""
    return workspace_of_consent(_digest(query["state"])) if query.get("state") else None


def finish(user: User, query: Mapping[str, str]) -> Finished:
    """What came of it: a connection, or none. DeclinedError says why it could not be finished; nothing is left then."""
    state = query.get("state", "")
    under_way, kept = _take(user, state)
    workspace, connector = under_way.workspace_id, under_way.connector
    manifest = manifest_of(connector)
    opening = _opening(manifest, workspace, kept)
    ending = Finished(workspace, connector, None, under_way.connection_id, then=kept["then"])
    try:
        grant = _exchanged(opening, query, state, under_way.scopes, kept["verifier"])
    except ConsentRefusedError as refusal:
        if refusal.detail == "no code":
            raise DeclinedError("consent.no_code", vendor=manifest.title) from None
        with workspace_tx(workspace):
            note(workspace, user, "consent.refused", connector=connector)
        return ending
    location = query.get("location", "")
    if location in manifest.auth.data_centres and not opening.base_url:
        opening = replace(opening, data_centre=location)
    opening = replace(opening, granted=grant.place, scopes=frozenset(grant.scopes))
    tokens = HeldTokens(grant)
    try:
        told = asking.ask(
            opening,
            lambda one: keeping.tell(one, manifest, prepare=kept["prepare"]),
            limit_s=SET_UP_S,
            tokens=tokens,
        )
        return _kept(ending, user, opening, tokens.grant or grant, told, kept, under_way.scopes)
    except DeclinedError:
        connections.revoke(opening, tokens.grant or grant)
        raise


def _kept(
    ending: Finished,
    user: User,
    opening: Opening,
    grant: Grant,
    told: keeping.Told,
    kept: Mapping[str, Any],
    asked: Sequence[str],
) -> Finished:
    manifest, workspace = opening.manifest, ending.workspace
    before: Grant | None = None
    with workspace_tx(workspace):
        if ending.renewed is not None:
            row = connections.still(connections.locked(workspace, ending.renewed))
            connections.same_account(row, manifest, told)
            before = connections.grant_of(row)
        else:
            row = Connection(workspace_id=workspace, connector=ending.connector, environment=kept["environment"])
            row.title = kept["title"].strip() or manifest.title
        row.config = {
            "fields": connections.plain_fields(manifest, opening.fields),
            "data_centre": opening.data_centre,
            "base_url": opening.base_url,
            "granted": dict(grant.place),
        }
        row.scopes = list(grant.scopes)
        row.state = ConnectionState.ACTIVE
        row.save()
        keeping.keep_secret(row, "client_secret", kept["client_secret"])
        keeping.keep_grant(row, user, grant)
        keeping.keep_told(row, told)
        begun = flow_settings.fulfil(row) if ending.renewed is not None else []
        keeping.settle_in(row, manifest, user, told.identity.user_id)
        flow_settings.wake(row.pk)
        note(
            workspace, user, "connection.renewed" if ending.renewed else "connection.made",
            title=row.title, connector=ending.connector,
        )  # fmt: skip
    if before is not None and before.refresh and before.refresh != grant.refresh:
        connections.revoke(opening, before)
    lacking = tuple(scope for scope in asked if scope not in set(grant.scopes))
    return replace(ending, connection=row, missing=lacking, begun=tuple(begun))


def _exchanged(opening: Opening, query: Mapping[str, str], state: str, asked: Sequence[str], verifier: str) -> Grant:
    """The grant for what the redirect brought; ConsentRefusedError for a no."""

    async def inside(oauth: OAuth2) -> Grant:
        consent = oauth.read_redirect(query, state)
        return await oauth.exchange(consent, oauth_clients.redirect_uri(), asked, verifier)

    vendor = opening.manifest.title
    try:
        grant = asking.ask_accounts(opening, inside, limit_s=CHECK_S)
    except ConsentRefusedError:
        raise
    except ConfigError as error:
        setting = str(error.params.get("setting", ""))
        raise DeclinedError("consent.client_wrong", vendor=vendor, setting=setting) from error
    except (TielineError, TimeoutError) as error:
        raise of_vendor(error, vendor, seconds=CHECK_S) from error
    if not grant.refresh and grant.fresh_until != float("inf"):
        connections.revoke(opening, grant)
        raise DeclinedError("consent.no_refresh", vendor=vendor)
    return grant


def _take(user: User, state: str) -> tuple[Consent, dict[str, Any]]:
    """The consent under way, taken away: it is answered once, by the person who began it."""
    digest = _digest(state)
    workspace = workspace_of_consent(digest) if state else None
    if workspace is None:
        raise DeclinedError("consent.unknown")
    with workspace_tx(workspace):
        row = Consent.objects.select_for_update().filter(workspace_id=workspace, state_hash=digest).first()
        if row is None or row.expires <= timezone.now():
            raise DeclinedError("consent.unknown")
        if row.user_id != user.pk:
            raise DeclinedError("consent.other_person")
        kept = installed().open(bytes(row.sealed), workspace, 0, f"consent:{digest}")
        row.delete()
    return row, kept


def _opening(manifest: Manifest, workspace: int, kept: Mapping[str, Any]) -> Opening:
    fields = {"client_id": kept["client_id"], "client_secret": kept["client_secret"]}
    return Opening(manifest, workspace, 0, fields, kept["data_centre"], kept["base_url"])


async def _as_coroutine(value: str) -> str:
    return value


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
