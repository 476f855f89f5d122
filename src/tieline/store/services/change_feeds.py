"""Deliveries by which a system tells of changes (CUST-4): the address, made there by us or pasted by a person, and whether it works.

    shown(workspace, connection) -> Feed          how it stands; `how` "" where nothing is set up
    set_up(workspace, user, connection) -> Feed   made there by its API; DeclinedError says what the vendor said
    paste(workspace, user, connection) -> Feed    an address and a secret to paste there
    renew(workspace, user, connection) -> Feed    another address; the old one works for a day
    end(workspace, user, connection)              taken away there, and here
    release(workspace, user, connection) -> bool  the same once no pair uses it, whether or not the vendor answers

It is proven by the first delivery that comes, and looked at again every day (`jobs.feeds`). Where there is none, the system is
asked for its changes every so often.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tieline.sdk.manifest import Manifest
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, Secret, Subscription
from tieline.store.services import asking, customers, keeping
from tieline.store.services.asking import manifest_of, opening_of
from tieline.store.services.audit import note
from tieline.store.services.connections import locked, still
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tieline.store.team.models import User

log = logging.getLogger(__name__)
GRACE_S = 24 * 3600.0
"""How long an address works beside the one that has taken its place."""


@dataclass(frozen=True, slots=True)
class Feed:
    """how: "api", "pasted", "" for none. address, secret: what is pasted there. proven_at: when the first delivery came.
    active: what the vendor said when it was last asked, None where it cannot be asked."""

    can: bool
    how: str = ""
    address: str = ""
    secret: str = ""
    made_at: datetime | None = None
    proven_at: datetime | None = None
    checked_at: datetime | None = None
    active: bool | None = None
    trouble: Any = None


def shown(workspace: int, connection: int) -> Feed:
    """How the deliveries of a connection stand."""
    with workspace_tx(workspace):
        return _feed(_found(workspace, connection))


def set_up(workspace: int, user: User | None, connection: int) -> Feed:
    """Has the vendor tell us. The secret and the address are kept before it is asked: an answer that gets lost loses nothing."""
    with workspace_tx(workspace):
        row, manifest = _prepared(workspace, connection)
        opening, url = opening_of(row), keeping.intake_url(row)
        secret = opening.fields.get(manifest.events.secret, "")
    asking.ask(opening, lambda one: one.subscribe(url, secret), limit_s=asking.SET_UP_S)
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        _keep(row, "api", active=True)
        note(workspace, user, "connection.feed_made", title=row.title)
        return _feed(row)


def paste(workspace: int, user: User | None, connection: int) -> Feed:
    """An address and a secret, for a person who sets the deliveries up there."""
    with workspace_tx(workspace):
        row, _ = _prepared(workspace, connection)
        _keep(row, "pasted", active=None)
        note(workspace, user, "connection.feed_pasted", title=row.title)
        return _feed(row)


def renew(workspace: int, user: User | None, connection: int) -> Feed:
    """Another address, after the present one became known to others; where Tieline made it there, it is put right there."""
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        known = Subscription.objects.filter(workspace_id=workspace, connection=row).first()
        if known is None:
            raise DeclinedError("connection.no_feed", title=row.title)
        keeping.give_intake_key(row, grace_s=GRACE_S)
    return set_up(workspace, user, connection) if known.how == "api" else paste(workspace, user, connection)


def end(workspace: int, user: User | None, connection: int) -> None:
    """No deliveries any more; what is set up there is taken away as far as the vendor answers."""
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        known = Subscription.objects.filter(workspace_id=workspace, connection=row).first()
        if known is None:
            return
        opening = opening_of(row)
    if known.how == "api":
        asking.ask(opening, lambda one: one.unsubscribe(), limit_s=asking.SET_UP_S)
    _forget(workspace, user, connection)


def release(workspace: int, user: User | None, connection: int) -> bool:
    """No deliveries any more, of a connection that no pair uses; of one that a pair uses they stay. True: what is set up there could
    not be taken away, since the vendor did not answer or a person has put it there: they take it away by hand."""
    with workspace_tx(workspace):
        row = _found(workspace, connection)
        known = Subscription.objects.filter(workspace_id=workspace, connection=row).first()
        if known is None or customers.using(workspace, connection).exists():
            return False
        opening = opening_of(row)
    left = known.how != "api"
    if not left:
        try:
            asking.ask(opening, lambda one: one.unsubscribe(), limit_s=asking.CHECK_S)
        except DeclinedError as error:
            log.warning("the deliveries of connection %s could not be taken away there: %s", connection, error.code)
            left = True
    _forget(workspace, user, connection)
    return left


def _forget(workspace: int, user: User | None, connection: int) -> None:
    with workspace_tx(workspace):
        row = still(locked(workspace, connection))
        Subscription.objects.filter(workspace_id=workspace, connection=row).delete()
        Secret.objects.filter(workspace_id=workspace, connection=row, name=keeping.INTAKE_KEY).delete()
        row.intake_hash, row.intake_hash_before, row.intake_until = None, None, None
        row.save(update_fields=["intake_hash", "intake_hash_before", "intake_until"])
        note(workspace, user, "connection.feed_ended", title=row.title)


def _found(workspace: int, connection: int) -> Connection:
    row = Connection.objects.filter(workspace_id=workspace, pk=connection).first()
    if row is None:
        raise DeclinedError("connection.gone")
    return row


def _prepared(workspace: int, connection: int) -> tuple[Connection, Manifest]:
    """The connection with an address and a secret. Inside `workspace_tx`."""
    row = still(locked(workspace, connection))
    manifest = manifest_of(row.connector)
    if "changes" not in manifest.facets:
        raise DeclinedError("connection.no_feed", title=row.title)
    if row.intake_hash is None:
        keeping.give_intake_key(row)
    name = manifest.events.secret
    if name and not Secret.objects.filter(workspace_id=workspace, connection=row, name=name).exists():
        keeping.keep_secret(row, name, secrets.token_urlsafe(24))
    return row, manifest


def _keep(row: Connection, how: str, *, active: bool | None) -> None:
    now = timezone.now()
    Subscription.objects.update_or_create(
        connection=row,
        defaults={
            "workspace_id": row.workspace_id, "how": how, "made_at": now, "proven_at": None, "checked_at": now,
            "active": active, "trouble": None,
        },
    )  # fmt: skip


def _feed(row: Connection) -> Feed:
    manifest = manifest_of(row.connector)
    can = "changes" in manifest.facets
    known = Subscription.objects.filter(workspace_id=row.workspace_id, connection=row).first()
    if known is None:
        return Feed(can)
    fields = opening_of(row).fields
    return Feed(
        can,
        known.how,
        keeping.intake_url(row),
        fields.get(manifest.events.secret, ""),
        known.made_at,
        known.proven_at,
        known.checked_at,
        known.active,
        known.trouble,
    )
