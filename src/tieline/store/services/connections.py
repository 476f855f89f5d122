"""Connections of a workspace: made by typed fields, kept, paused, renewed, ended. Consent is in `consent`.

    listed(workspace), get(workspace, id) -> Connection
    connect(workspace, user, connector, typed, title="", environment="production", prepare=True) -> Connection
    retype(workspace, user, id, typed)      the same fields anew, after the vendor refused the old ones
    refresh(workspace, user, id)            asks again who we are, what is there, who works there, which lines
    pause, resume, rename(workspace, user, id)      an end is in `connection_ends`
    free_flows(connection), take_over(workspace, user, id)     flows whose CRM was ended go on with this one
    intake_url, new_intake_key, set_secret, set_lines      phone systems
    target_of(connection) -> core.flow.Target

Each asks the vendor at most for SET_UP_S and before any row is written: what fails leaves nothing behind.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tieline.core.errors import TielineError
from tieline.sdk.auth import Grant
from tieline.sdk.manifest import Manifest
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState, FlowSetting, Secret
from tieline.store.secrets import GRANT, SealBrokenError, installed
from tieline.store.services import asking, flow_settings, keeping
from tieline.store.services.asking import SANDBOX, SET_UP_S, Opening, manifest_of, opening_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.services.keeping import intake_url
from tieline.store.services.schemas import target_of, users_of

if TYPE_CHECKING:
    from tieline.store.team.models import User

__all__ = ["intake_url", "target_of", "users_of"]

log = logging.getLogger(__name__)
LONGEST_FIELD = 4000


def listed(workspace: int, *, ended: bool = False) -> list[Connection]:
    """The connections of a workspace, oldest first; `ended` ones too."""
    with workspace_tx(workspace):
        rows = Connection.objects.filter(workspace_id=workspace).order_by("pk")
        return list(rows if ended else rows.exclude(state=ConnectionState.DISCONNECTED))


def get(workspace: int, connection: int) -> Connection:
    """One connection; DeclinedError where there is none in this workspace."""
    with workspace_tx(workspace):
        return _row(workspace, connection)


def connect(
    workspace: int,
    user: User | None,
    connector: str,
    typed: Mapping[str, str],
    *,
    title: str = "",
    environment: str = "production",
    prepare: bool = True,
) -> Connection:
    """A connection by what was typed, after the vendor took it. `prepare`: let Tieline make its field there."""
    manifest = manifest_of(connector)
    fields = checked_fields(manifest, typed)
    base_url = base_of(manifest, environment)
    opening = Opening(manifest, workspace, 0, fields, base_url=base_url)
    told = asking.ask(
        opening,
        lambda one: keeping.tell(one, manifest, prepare=prepare, has_api=has_api(manifest, fields)),
        limit_s=SET_UP_S,
    )
    with workspace_tx(workspace):
        connection = Connection.objects.create(
            workspace_id=workspace,
            connector=connector,
            title=title.strip() or manifest.title,
            environment=environment,
            config={"fields": plain_fields(manifest, fields), "base_url": base_url},
        )
        _keep_secrets(connection, manifest, fields)
        if "events" in manifest.facets and not manifest.events.imports:
            keeping.give_intake_key(connection)
        keeping.keep_told(connection, told)
        keeping.settle_in(connection, manifest, user, told.identity.user_id)
        note(workspace, user, "connection.made", title=connection.title, connector=connector)
    return connection


def retype(workspace: int, user: User | None, connection: int, typed: Mapping[str, str]) -> Connection:
    """The fields of a connection anew; a secret that is left empty stays as it was."""
    with workspace_tx(workspace):
        row = still(_row(workspace, connection))
        before = opening_of(row)
    manifest = before.manifest
    fields = checked_fields(manifest, {**before.fields, **{name: value for name, value in typed.items() if value}})
    opening = Opening(manifest, workspace, row.pk, fields, base_url=before.base_url)
    told = asking.ask(
        opening,
        lambda one: keeping.tell(one, manifest, prepare=bool(row.origin_fields), has_api=has_api(manifest, fields)),
        limit_s=SET_UP_S,
    )
    with workspace_tx(workspace):
        row = locked(workspace, connection)
        same_account(row, manifest, told)
        row.config = {**row.config, "fields": plain_fields(manifest, fields)}
        row.state = ConnectionState.ACTIVE
        _keep_secrets(row, manifest, fields)
        keeping.keep_told(row, told)
        for flow in FlowSetting.objects.filter(workspace_id=workspace, sources__source=row):
            flow_settings.add_lines(flow, user)
        flow_settings.fulfil(row)
        keeping.take_over(row, manifest, user, told.identity.user_id)
        flow_settings.wake(row.pk)
        note(workspace, user, "connection.renewed", title=row.title)
    return row


def refresh(workspace: int, user: User | None, connection: int, *, prepare: bool = False) -> Connection:
    """Asks the vendor again what is there. `prepare`: make our field where it is missing."""
    with workspace_tx(workspace):
        row = still(_row(workspace, connection))
        opening = opening_of(row)
    manifest = opening.manifest
    told = asking.ask(
        opening,
        lambda one: keeping.tell(one, manifest, prepare=prepare, has_api=has_api(manifest, opening.fields)),
        limit_s=SET_UP_S,
    )
    with workspace_tx(workspace):
        row = locked(workspace, connection)
        same_account(row, manifest, told)
        if row.state in (ConnectionState.NEEDS_RECONNECT, ConnectionState.STOPPED):
            row.state = ConnectionState.ACTIVE  # it answers again
        keeping.keep_told(row, told)
        for flow in FlowSetting.objects.filter(workspace_id=workspace, sources__source=row):
            flow_settings.add_lines(flow, user)
        keeping.take_over(row, manifest, user, told.identity.user_id)
        flow_settings.wake(row.pk)
        note(workspace, user, "connection.refreshed", title=row.title)
    return row


def free_flows(connection: Connection) -> tuple[str, ...]:
    """Flows that have nowhere to write and could write to this connection."""
    if connection.state == ConnectionState.DISCONNECTED:
        return ()
    return keeping.free_flows(connection.workspace_id, manifest_of(connection.connector))


def take_over(workspace: int, user: User | None, connection: int) -> tuple[str, ...]:
    """Flows that have nowhere to write, their CRM being ended, write here from now on, by its defaults and watching; their
    names. Declined: `connection.gone`, `connection.disconnected`, `flow.none_free`."""
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        taken = keeping.take_over(row, manifest_of(row.connector), user, chosen=True)
    if not taken:
        raise DeclinedError("flow.none_free", title=row.title)
    return taken


def pause(workspace: int, user: User | None, connection: int) -> Connection:
    """Nothing is asked of it and nothing that came by it is worked on; events are kept."""
    return _move(workspace, user, connection, ConnectionState.PAUSED, "connection.paused")


def resume(workspace: int, user: User | None, connection: int) -> Connection:
    """Work goes on, with what came meanwhile."""
    return _move(workspace, user, connection, ConnectionState.ACTIVE, "connection.resumed")


def rename(workspace: int, user: User | None, connection: int, title: str) -> Connection:
    """What people call it."""
    with workspace_tx(workspace):
        row = locked(workspace, connection)
        if title.strip():
            row.title = title.strip()[:120]
            row.save(update_fields=["title"])
            note(workspace, user, "connection.renamed", title=row.title)
    return row


def new_intake_key(workspace: int, user: User | None, connection: int, *, grace_s: float = 0) -> str:
    """A new address for its events. The old one goes on working for `grace_s` seconds, so that it can be replaced at the
    vendor without losing an event; after it became known to others: 0, and it stops at once."""
    with workspace_tx(workspace):
        row = locked(workspace, connection)
        manifest = manifest_of(row.connector)
        if row.state == ConnectionState.DISCONNECTED or "events" not in manifest.facets or manifest.events.imports:
            raise DeclinedError("connection.gone")
        keeping.give_intake_key(row, grace_s=grace_s)
        note(workspace, user, "connection.new_address", title=row.title)
        return intake_url(row)


def end_old_address(workspace: int, user: User | None, connection: int) -> Connection:
    """The address before the present one stops now."""
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        if row.intake_hash_before is not None:
            row.intake_hash_before, row.intake_until = None, None
            row.save(update_fields=["intake_hash_before", "intake_until"])
            note(workspace, user, "connection.old_address_ended", title=row.title)
    return row


def set_secret(workspace: int, user: User | None, connection: int, name: str, value: str) -> None:
    """One typed secret of a connection, without asking the vendor: a signing secret proves itself with the next event.
    Empty takes it away."""
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        fields = {one.name: one for one in manifest_of(row.connector).auth.fields if one.secret}
        if name not in fields:
            raise DeclinedError("connection.gone")
        if value.strip():
            keeping.keep_secret(row, name, value.strip())
        elif fields[name].required:
            raise DeclinedError("connection.field_required", field=name, label=fields[name].label)
        else:
            Secret.objects.filter(workspace_id=workspace, connection=row, name=name).delete()
        note(workspace, user, "connection.secret_changed", title=row.title, name=name)


def set_lines(workspace: int, user: User | None, connection: int, lines: Sequence[tuple[str, str]]) -> Connection:
    """The company's lines of a phone system that cannot list them: (number, label)."""
    with workspace_tx(workspace):
        row = locked(workspace, connection)
        for number, _ in lines:  # extensions and lines of other countries are lines too
            if not any(sign.isdigit() for sign in number):
                raise DeclinedError("connection.line_invalid", field="lines", line=number)
        row.lines = [[number.strip(), label.strip()] for number, label in lines]
        row.save(update_fields=["lines"])
        for flow in FlowSetting.objects.filter(workspace_id=workspace, sources__source=row):
            flow_settings.add_lines(flow, user)
        note(workspace, user, "connection.lines", title=row.title, count=len(lines))
    return row


# -- shared with consent ----------------------------------------------------------------------------------------------


def locked(workspace: int, connection: int) -> Connection:
    """The row, nobody else changing it. Inside `workspace_tx`."""
    row = Connection.objects.select_for_update().filter(workspace_id=workspace, pk=connection).first()
    if row is None:
        raise DeclinedError("connection.gone")
    return row


def still(connection: Connection) -> Connection:
    """The same connection; DeclinedError where it was ended: that cannot be taken back, only connected anew."""
    if connection.state == ConnectionState.DISCONNECTED:
        raise DeclinedError("connection.disconnected", title=connection.title)
    return connection


def base_of(manifest: Manifest, environment: str) -> str:
    """The address that stands for all of a vendor's hosts: the sandbox's, "" for the vendor itself."""
    if environment != SANDBOX:
        return ""
    base = asking.sandbox_url(manifest.name)
    if not base:
        raise DeclinedError("connection.no_sandbox", vendor=manifest.title)
    return base


def has_api(manifest: Manifest, fields: Mapping[str, str]) -> bool:
    """Whether there is anything to ask the vendor with: some phone systems only deliver."""
    return "records" in manifest.facets or manifest.can_ask(name for name, value in fields.items() if value)


def same_account(connection: Connection, manifest: Manifest, told: keeping.Told) -> None:
    """Another account under the same connection would mix two companies' records."""
    known, found = connection.identity.get("account_id", ""), told.identity.account_id
    if known and found and known != found:
        raise DeclinedError(
            "connection.other_account",
            vendor=manifest.title,
            known=connection.identity.get("name") or known,
            found=told.identity.name or found,
        )


def checked_fields(manifest: Manifest, typed: Mapping[str, str]) -> dict[str, str]:
    """What was typed, as the manifest asks for it, with its defaults."""
    out: dict[str, str] = {}
    for one in manifest.auth.fields:
        value = str(typed.get(one.name) or one.default).strip()
        if one.required and not value:
            raise DeclinedError("connection.field_required", field=one.name, label=one.label)
        if len(value) > LONGEST_FIELD:
            raise DeclinedError("connection.field_long", field=one.name, label=one.label)
        if value:
            out[one.name] = value
    return out


def plain_fields(manifest: Manifest, fields: Mapping[str, str]) -> dict[str, str]:
    """Those that are no secrets."""
    secret = {one.name for one in manifest.auth.fields if one.secret}
    return {name: value for name, value in fields.items() if name not in secret}


def grant_of(connection: Connection) -> Grant | None:
    """The stored grant, opened. Inside `workspace_tx`."""
    row = Secret.objects.filter(workspace_id=connection.workspace_id, connection=connection, name=GRANT).first()
    if row is None:
        return None
    try:
        return Grant.from_json(installed().open(bytes(row.sealed), connection.workspace_id, connection.pk, GRANT))
    except SealBrokenError:
        return None


def revoke(opening: Opening, grant: Grant) -> bool:
    """Tells the vendor to forget a grant; what it answers changes nothing here."""
    try:
        asking.ask_accounts(opening, lambda oauth: oauth.revoke(grant))
    except (TielineError, TimeoutError) as error:
        log.warning("a grant of %s could not be revoked: %s", opening.manifest.name, type(error).__name__)
        return False
    return True


def _keep_secrets(connection: Connection, manifest: Manifest, fields: Mapping[str, str]) -> None:
    for one in manifest.auth.fields:
        if one.secret and one.name in fields:
            keeping.keep_secret(connection, one.name, fields[one.name])


def _move(workspace: int, user: User | None, connection: int, state: ConnectionState, action: str) -> Connection:
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        if row.state != state:
            row.state = state
            row.save(update_fields=["state"])
            note(workspace, user, action, title=row.title)
        flow_settings.wake(row.pk)
        for target in FlowSetting.objects.filter(workspace_id=workspace, sources__source=row).values_list(
            "target", flat=True
        ):
            if target is not None:
                flow_settings.wake(target)
    return row


def _row(workspace: int, connection: int) -> Connection:
    row = Connection.objects.filter(workspace_id=workspace, pk=connection).first()
    if row is None:
        raise DeclinedError("connection.gone")
    return row
