"""How a connection is kept: its rows after the vendor said yes, whichever way it was connected. Inside `workspace_tx`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone

from tieline.core.errors import TielineError
from tieline.sdk.auth import Grant
from tieline.sdk.contract import Identity, ObjectSchema, VendorUser
from tieline.sdk.manifest import Manifest
from tieline.store import models
from tieline.store.models import Connection, ConnectionState, Secret
from tieline.store.public_ids import intake_hash
from tieline.store.secrets import GRANT, INTAKE_KEY, installed
from tieline.store.services import flow_settings, flows, schemas

if TYPE_CHECKING:
    from tieline.store.team.models import User


@dataclass(frozen=True, slots=True)
class Told:
    """What a vendor told when it was connected. `user_id`: who consented, where the vendor says it.

    origin  object → field made for our key; `origin_trouble` the code of why there is none
    """

    identity: Identity
    schemas: Sequence[ObjectSchema] = ()
    users: Sequence[VendorUser] = ()
    lines: Sequence[tuple[str, str]] = ()
    origin: Mapping[str, str] = field(default_factory=dict)
    origin_trouble: str = ""


async def tell(connector: Any, manifest: Manifest, *, prepare: bool, has_api: bool = True) -> Told:
    """Asks for everything that a connection begins with. has_api False: nothing was typed that it could be asked with."""
    identity = await connector.check() if has_api else Identity("", "")
    described: list[ObjectSchema] = []
    people: list[VendorUser] = []
    lines: list[tuple[str, str]] = []
    origin: dict[str, str] = {}
    trouble = ""
    if "records" in manifest.facets:
        objects = list(dict.fromkeys(role.object for role in manifest.roles.values()))
        if prepare:
            held = [role.object for role in manifest.roles.values() if role.origin]
            for object in dict.fromkeys(held):
                try:
                    origin |= await connector.prepare([object])
                except TielineError as error:  # a weaker connection is better than none: its page says so
                    trouble = error.code
        described = await connector.describe(objects)
        people = await connector.users()
    if "history" in manifest.facets and has_api:
        lines = await connector.lines()
    return Told(identity, described, people, lines, origin, trouble)


def keep_secret(connection: Connection, name: str, value: Any) -> None:
    """Seals one secret in place of what was there."""
    place = (connection.workspace_id, connection.pk, name)
    Secret.objects.update_or_create(
        workspace_id=connection.workspace_id,
        connection=connection,
        name=name,
        defaults={"sealed": installed().close(value, *place), "changed": timezone.now()},
    )


def keep_grant(connection: Connection, user: User | None, grant: Grant) -> None:
    """The grant in place of the old one, and who gave it."""
    keep_secret(connection, GRANT, grant.to_json())
    rows = models.Grant.objects.filter(workspace_id=connection.workspace_id, connection=connection, ended=None)
    rows.update(ended=timezone.now())
    models.Grant.objects.create(
        workspace_id=connection.workspace_id, connection=connection, user=user, scopes=list(grant.scopes)
    )


def keep_told(connection: Connection, told: Told) -> None:
    """What the vendor told, after a connection was made, renewed or refreshed."""
    now = timezone.now()
    if told.identity.account_id:
        connection.identity = {"account_id": told.identity.account_id, "name": told.identity.name}
    if told.lines:
        connection.lines = [[number, label] for number, label in told.lines]
    if told.origin:
        connection.origin_fields = {**connection.origin_fields, **told.origin}
    connection.trouble = (
        {"code": "connection.no_origin", "params": {"why": told.origin_trouble}} if told.origin_trouble else None
    )
    connection.trouble_since = now if connection.trouble else None
    connection.answered_at = now
    connection.save()
    if told.schemas or told.users:
        schemas.keep(connection, told.schemas, told.users)


def give_intake_key(connection: Connection, *, grace_s: float = 0) -> str:
    """A new key for /in/<key>; the address before it, if there was one, works for so many seconds more."""
    key = secrets.token_urlsafe(24)
    keep_secret(connection, INTAKE_KEY, key)
    connection.intake_hash_before = connection.intake_hash if grace_s > 0 else None
    connection.intake_until = timezone.now() + timedelta(seconds=grace_s) if connection.intake_hash_before else None
    connection.intake_hash = intake_hash(key)
    connection.save(update_fields=["intake_hash", "intake_hash_before", "intake_until"])
    return key


def intake_url(connection: Connection) -> str:
    """Where the vendor delivers its events, "" where it has none to deliver."""
    place = (connection.workspace_id, connection.pk, INTAKE_KEY)
    row = Secret.objects.filter(workspace_id=connection.workspace_id, connection=connection, name=INTAKE_KEY).first()
    return f"{settings.TIELINE_PUBLIC_URL}/in/{installed().open(bytes(row.sealed), *place)}" if row else ""


def settle_in(connection: Connection, manifest: Manifest, user: User | None, crm_user: str = "") -> None:
    """Flows that have nowhere to write yet write here; flows that it feeds listen to it."""
    take_over(connection, manifest, user, crm_user)
    for flow in flows.fed_by(manifest):
        flow_settings.add_source(connection.workspace_id, user, flow, connection.pk)


def take_over(
    connection: Connection, manifest: Manifest, user: User | None, crm_user: str = "", *, chosen: bool = False
) -> tuple[str, ...]:
    """Flows that have nowhere to write (any more) write here, if this is the main CRM or somebody chose it; their names."""
    workspace = connection.workspace_id
    if "crm" in manifest.categories:
        others = Connection.objects.filter(workspace_id=workspace, is_main_crm=True)
        if not others.exclude(state=ConnectionState.DISCONNECTED).exclude(pk=connection.pk).exists():
            others.exclude(pk=connection.pk).update(is_main_crm=False)
            connection.is_main_crm = True
            connection.save(update_fields=["is_main_crm"])
    taken = free_flows(workspace, manifest) if connection.is_main_crm or chosen else ()
    for flow in taken:
        flow_settings.set_target(workspace, user, flow, connection.pk, crm_user=crm_user)
    return taken


def free_flows(workspace: int, manifest: Manifest) -> tuple[str, ...]:
    """Flows that could write to this connector and have nowhere to write: no connection yet, or one that was ended."""
    if "crm" not in manifest.categories:
        return ()
    targets = {name: flow_settings.current(workspace, name).target for name in flows.written_by(manifest)}
    return tuple(
        name for name, target in targets.items() if target is None or target.state == ConnectionState.DISCONNECTED
    )
