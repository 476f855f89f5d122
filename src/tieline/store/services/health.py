"""How a connection does, for its page and for home: state, budget, last events, errors grouped with their next step.

health(connection) -> Health           inside workspace_tx; a few short queries, none over all rows
healths(workspace) -> [(Connection, Health)]
last_event(connection) -> LastEvent | None
silent_intakes() -> [Silent]           of the whole installation
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import connection as database
from django.utils import timezone

from tieline.engine.ports import LISTED
from tieline.store.connection import workspace_tx
from tieline.store.living import Silent, silent
from tieline.store.models import (
    Budget,
    Connection,
    ConnectionState,
    Event,
    Operation,
    RefusedDelivery,
    RefusedEvent,
    Run,
    Subject,
)
from tieline.store.services import connections, scopes
from tieline.store.services.asking import manifest_of

LOOK_BACK = 500
"""Failed runs, refused deliveries and the like are grouped over the newest so many."""

Kind = Literal["ok", "wait", "fail", "off"]


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors of one code. `what`: "operation" (a write was not taken), "subject" (stopped, a person must look),
    "delivery" (an event that was refused at the door), "event" (one that nothing could be made of).

    params are those of the newest; `run`, `subject`: the newest one's, for a link.
    """

    what: Literal["operation", "subject", "delivery", "event"]
    code: str
    params: Mapping[str, Any]
    count: int
    last_at: datetime
    run: int | None = None
    subject: int | None = None


@dataclass(frozen=True, slots=True)
class LastEvent:
    """The newest delivery that was kept, or, if that is newer, one that was refused."""

    at: datetime
    kept: bool
    event: int | None = None
    reason: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """`word` is a code ("healthy", "paused", "needs_reconnect", "stopped", "trouble", "refused_deliveries", "vendor_pause",
    "no_event_yet", "disconnected") and `kind` how it is shown.

    used of limit: the vendor's credits of today (limit 0: none known); requests made and how often the vendor asked for
    silence today. missing, surplus: scopes.
    """

    kind: Kind
    word: str
    since: datetime | None = None
    trouble: Mapping[str, Any] | None = None
    answered_at: datetime | None = None
    used: int = 0
    limit: int = 0
    requests: int = 0
    limited: int = 0
    paused_until: datetime | None = None
    last: LastEvent | None = None
    errors: Sequence[ErrorGroup] = field(default=())
    missing: Sequence[str] = ()
    surplus: Sequence[str] = ()


def healths(workspace: int) -> list[tuple[Connection, Health]]:
    """Every connection that was not ended, with how it does."""
    with workspace_tx(workspace):
        return [(row, health(row)) for row in connections.listed(workspace)]


def health(connection: Connection) -> Health:
    """How it does. Inside `workspace_tx`."""
    manifest = manifest_of(connection.connector)
    last = last_event(connection) if "events" in manifest.facets else None
    kind, word = _word(connection, last, receives="events" in manifest.facets)
    budget = Budget.objects.filter(workspace_id=connection.workspace_id, connection=connection).first()
    today = budget is not None and budget.day == int(time.time() // 86400)
    wanted = scopes.needed(connection)
    return Health(
        kind,
        word,
        connection.trouble_since,
        connection.trouble,
        connection.answered_at,
        round(budget.used) if budget and today else 0,
        manifest.capabilities.credits_per_day,
        budget.requests if budget and today else 0,
        budget.limited if budget and today else 0,
        connection.paused_until if connection.paused_until and connection.paused_until > timezone.now() else None,
        last,
        _errors(connection),
        scopes.missing(connection, wanted),
        scopes.surplus(connection) if manifest.auth.kind == "oauth2" else (),
    )


def last_event(connection: Connection) -> LastEvent | None:
    """The newest delivery. Inside `workspace_tx`."""
    place = {"workspace_id": connection.workspace_id, "connection": connection}
    delivered = Event.objects.filter(**place).exclude(method=LISTED)
    event = delivered.order_by("-id").values_list("id", "received_at").first()
    refused = RefusedDelivery.objects.filter(**place).order_by("-id").values_list("at", "reason").first()
    if refused is not None and (event is None or refused[0] > event[1]):
        return LastEvent(refused[0], kept=False, reason=refused[1])
    return LastEvent(event[1], kept=True, event=event[0]) if event is not None else None


def silent_intakes() -> list[Silent]:
    """Processes of this installation that took deliveries and fell silent."""
    with database.cursor() as cursor:
        return silent(cursor)


_STATES: dict[str, tuple[Kind, str]] = {
    ConnectionState.DISCONNECTED: ("off", "disconnected"),
    ConnectionState.NEEDS_RECONNECT: ("fail", "needs_reconnect"),
    ConnectionState.STOPPED: ("fail", "stopped"),
    ConnectionState.PAUSED: ("off", "paused"),
}


def _word(connection: Connection, last: LastEvent | None, *, receives: bool) -> tuple[Kind, str]:
    if connection.state in _STATES:
        return _STATES[connection.state]
    if last is not None and not last.kept:
        return "fail", "refused_deliveries"
    if connection.trouble:
        return "wait", "trouble"
    if connection.paused_until and connection.paused_until > timezone.now():
        return "wait", "vendor_pause"
    if receives and last is None:
        return "wait", "no_event_yet"
    return "ok", "healthy"


def _errors(connection: Connection) -> list[ErrorGroup]:
    groups: dict[tuple[str, str], ErrorGroup] = {}
    for what, reason, at, run, subject in _raw_errors(connection):
        code = str((reason or {}).get("code", "error.internal"))
        known = groups.get((what, code))
        if known is None or at > known.last_at:
            params = (reason or {}).get("params") or {}
            groups[what, code] = ErrorGroup(what, code, params, (known.count if known else 0) + 1, at, run, subject)
        else:
            groups[what, code] = ErrorGroup(
                known.what, code, known.params, known.count + 1, known.last_at, known.run, known.subject
            )
    return sorted(groups.values(), key=lambda one: one.last_at, reverse=True)


def _raw_errors(connection: Connection) -> list[tuple[Any, Any, datetime, int | None, int | None]]:
    workspace = connection.workspace_id
    out: list[tuple[Any, Any, datetime, int | None, int | None]] = []
    failed = Run.objects.filter(workspace_id=workspace, target=connection).order_by("-id")[:LOOK_BACK]
    runs = {row.pk: row for row in failed if row.state in ("failed", "applying")}
    operations = Operation.objects.filter(
        workspace_id=workspace, run_id__in=list(runs), state__in=["rejected", "unknown", "blocked"]
    )
    for row in operations.only("run_id", "subject_id", "error", "state", "sent_at"):
        if row.error:
            at = row.sent_at or runs[row.run_id].started_at
            out.append(("operation", row.error, at, row.run_id, row.subject_id))
    told = {(subject, error.get("code")) for _what, error, _at, _run, subject in out}  # what parked a call, told once
    parked = Subject.objects.filter(workspace_id=workspace, target=connection, state="parked").order_by("-id")
    alone = [row for row in parked[:LOOK_BACK] if (row.pk, (row.why or {}).get("code")) not in told]
    out += [("subject", row.why, row.arrived_at, None, row.pk) for row in alone]
    refused = RefusedDelivery.objects.filter(workspace_id=workspace, connection=connection).order_by("-id")
    newest = Event.objects.filter(workspace_id=workspace, connection=connection).order_by("-id").first()
    for delivery in refused[:LOOK_BACK]:
        if newest is None or delivery.at > newest.received_at:  # what was accepted since has settled it
            out.append(("delivery", delivery.reason, delivery.at, None, None))
    odd = RefusedEvent.objects.filter(workspace_id=workspace, connection=connection).select_related("event")
    out += [("event", one.reason, one.event.received_at, None, None) for one in odd.order_by("-event")[:LOOK_BACK]]
    return out
