"""Back-fill as people ask for it: calls fetched again from a phone system's list. The work itself is `engine.events.backfill`.

    overview(workspace, connection) -> Overview         whether it can, what runs, what was done
    preview(workspace, connection, since, until=None) -> Preview      asks the vendor, keeps nothing
    start(workspace, user, connection, since, until=None) -> BackfillView
    stop(workspace, user, connection) -> BackfillView
    fetch_lines(workspace, user, connection) -> FetchedLines          the list of lines, taken over into the flows' settings

Times are aware datetimes. DeclinedError: "backfill.no_list" (the vendor lists no calls), "backfill.no_access" (what its API is
asked with was not typed), "backfill.no_flow" (no flow listens to it), "backfill.running", "backfill.none_running",
"backfill.no_span" (since is not before until), "backfill.too_long" (more than a year), and those of asking a vendor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tieline.core.flow import Flow
from tieline.engine.events import backfill as engine
from tieline.engine.times import iso
from tieline.store import backfills
from tieline.store.connection import workspace_tx
from tieline.store.models import Backfill, BackfillState, Connection, FlowSetting
from tieline.store.services import asking, connections, flow_settings, flows, scopes
from tieline.store.services.asking import Opening, manifest_of, opening_of
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tieline.store.team.models import User

LONGEST = timedelta(days=366)
PREVIEW_S = 8.0
"""How long a preview counts; then it says "at least"."""
PREVIEW_PAGES = 20
SHOWN = 5


@dataclass(frozen=True, slots=True)
class BackfillView:
    """A back-fill as it stands. `state`: "running", "done", "stopped" or "failed"; `why`: who or what began it
    (`models.Backfill`); `part`: how much of its time is done, 0 to 1; `waits_until`: the vendor is asked again then."""

    id: int
    why: str
    state: str
    since: datetime
    until: datetime
    reached: datetime
    listed: int
    missing: int
    completed: int
    part: float
    started_at: datetime
    ended_at: datetime | None
    by: str
    trouble: Mapping[str, Any] | None
    waits_until: datetime | None


@dataclass(frozen=True, slots=True)
class Overview:
    """`lacks`: "" where it can be done; else "list" (the vendor lists no calls), "access" (its API cannot be asked with what was
    typed) or "flow" (no flow listens). `runs`: the newest first, the one under way apart."""

    lacks: str
    running: BackfillView | None = None
    runs: Sequence[BackfillView] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a back-fill would find: calls listed, of them missing here, and known without something. `more`: there are more
    than were counted."""

    since: datetime
    until: datetime
    listed: int
    missing: int
    completed: int
    more: bool


@dataclass(frozen=True, slots=True)
class FetchedLines:
    """The lines that the vendor lists, the numbers of those that are new in the settings of the flows, and of those that
    stand nowhere, since no flow has settings yet."""

    lines: Sequence[tuple[str, str]]
    new: Sequence[str] = field(default=())
    left: Sequence[str] = field(default=())


def overview(workspace: int, connection: int) -> Overview:
    """Whether calls can be fetched again, what is under way, and what was done."""
    with workspace_tx(workspace):
        row = connections.get(workspace, connection)
        lacks = _lacks(row, opening_of(row)) if row.state != "disconnected" else "access"
        rows = Backfill.objects.filter(workspace_id=workspace, connection=row).select_related("by").order_by("-id")
        views = [_view(one) for one in rows[: SHOWN + 1]]
        running = next((one for one in views if one.state == BackfillState.RUNNING), None)
        return Overview(lacks, running, [one for one in views if one is not running][:SHOWN])


def preview(workspace: int, connection: int, since: datetime, until: datetime | None = None) -> Preview:
    """Counts what a back-fill would find, as far as a person waits for it."""
    end = _checked(since, until)
    with workspace_tx(workspace):
        row = connections.still(connections.get(workspace, connection))
        opening = _able(row)
        listening = _flows(row)
    found = _Count()

    async def count(connector: Any) -> None:
        pages = 0
        listed = connector.list_since(_text(since), _text(end))
        try:
            async with asyncio.timeout(PREVIEW_S):
                async for page in listed:
                    calls = engine.by_call(page)
                    subjects = await asyncio.to_thread(_known, workspace, connection, list(calls))
                    found.add(engine.news(calls, subjects, listening, iso(timezone.now().timestamp())))
                    pages += 1
                    if pages >= PREVIEW_PAGES:
                        found.more = True
                        return
        except TimeoutError:
            if not pages:
                raise
            found.more = True
        finally:
            await listed.aclose()

    asking.ask(opening, count, limit_s=PREVIEW_S + 4)
    return Preview(since, end, found.listed, found.missing, found.completed, found.more)


def start(
    workspace: int, user: User | None, connection: int, since: datetime, until: datetime | None = None
) -> BackfillView:
    """Begins to fetch the calls that began since then; a worker does it. One at a time for each connection."""
    end = _checked(since, until)
    with workspace_tx(workspace):
        row = connections.still(connections.locked(workspace, connection))
        _able(row)
        if Backfill.objects.filter(workspace_id=workspace, connection=row, state=BackfillState.RUNNING).exists():
            raise DeclinedError("backfill.running", title=row.title)
        made = Backfill.objects.create(
            workspace_id=workspace, connection=row, why="hand", since=since, until=end, reached=since, by=user
        )
        note(workspace, user, "backfill.started", title=row.title, since=iso(since.timestamp()))
        return _view(made)


def stop(workspace: int, user: User | None, connection: int) -> BackfillView:
    """Ends the one under way. What it has kept stays and is worked on."""
    with workspace_tx(workspace):
        rows = Backfill.objects.select_for_update(of=("self",)).filter(
            workspace_id=workspace, connection_id=connection, state=BackfillState.RUNNING
        )
        row = rows.select_related("connection").first()
        if row is None:
            raise DeclinedError("backfill.none_running")
        row.state, row.ended_at, row.worker, row.leased_until = BackfillState.STOPPED, timezone.now(), None, None
        row.save(update_fields=["state", "ended_at", "worker", "leased_until"])
        note(workspace, user, "backfill.stopped", title=row.connection.title)
        return _view(row)


def fetch_lines(workspace: int, user: User | None, connection: int) -> FetchedLines:
    """Asks the vendor for the company's lines and puts those that the flows do not know yet into their settings."""
    with workspace_tx(workspace):
        row = connections.still(connections.get(workspace, connection))
        opening = opening_of(row)
        if "history" not in opening.manifest.facets:
            raise DeclinedError("backfill.no_list", vendor=opening.manifest.title)
        if not opening.manifest.can_ask(_typed(opening)):
            raise DeclinedError("backfill.no_access", vendor=opening.manifest.title)
    lines: list[tuple[str, str]] = asking.ask(opening, lambda one: one.lines())
    with workspace_tx(workspace):
        row = connections.locked(workspace, connection)
        row.lines = [[number, label] for number, label in lines]
        row.answered_at = timezone.now()
        row.save(update_fields=["lines", "answered_at"])
        new: list[str] = []
        there: set[str] = set()
        for setting in FlowSetting.objects.filter(workspace_id=workspace, sources__source=row):
            before = _numbers(setting)
            flow_settings.add_lines(setting, user)
            setting.refresh_from_db()
            after = _numbers(setting)
            there.update(after)
            new += [number for number in after if number not in before and number not in new]
        note(workspace, user, "connection.lines", title=row.title, count=len(lines))
    return FetchedLines(lines, new, () if there else [number for number, _ in lines])


# -- inside -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Count:
    listed: int = 0
    missing: int = 0
    completed: int = 0
    more: bool = False

    def add(self, page: engine.Page) -> None:
        self.listed += page.listed
        self.missing += page.missing
        self.completed += len(page.news) - page.missing


def _numbers(setting: FlowSetting) -> list[str]:
    number = setting.waiting_version or setting.version
    raw = scopes.raw_of(setting, [number]).get(number or 0) or {}
    return [line["number"] for line in raw.get("lines", ())]


def _typed(opening: Opening) -> list[str]:
    return [name for name, value in opening.fields.items() if value]


def _lacks(row: Connection, opening: Opening) -> str:
    if "history" not in opening.manifest.facets:
        return "list"
    if not opening.manifest.can_ask(_typed(opening)):
        return "access"
    if not FlowSetting.objects.filter(
        workspace_id=row.workspace_id, sources__source=row, target__isnull=False
    ).exists():
        return "flow"
    return ""


def _able(row: Connection) -> Opening:
    opening = opening_of(row)
    lacks = _lacks(row, opening)
    if lacks:
        raise DeclinedError(f"backfill.no_{lacks}", vendor=manifest_of(row.connector).title)
    return opening


def _flows(row: Connection) -> dict[str, tuple[Flow, Any]]:
    """The flows that listen, with the settings in force."""
    out: dict[str, tuple[Flow, Any]] = {}
    for setting in FlowSetting.objects.filter(workspace_id=row.workspace_id, sources__source=row):
        raw = scopes.raw_of(setting, [setting.version]).get(setting.version or 0)
        if raw is not None:
            room = flows.flow(setting.flow)
            out[setting.flow] = (room, room.load(raw))
    return out


def _known(workspace: int, connection: int, keys: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
    with asking.rows().tx(workspace) as link:
        return backfills.known(link, connection, keys)


def _checked(since: datetime, until: datetime | None) -> datetime:
    now = timezone.now()
    end = min(until or now, now)
    if since >= end:
        raise DeclinedError("backfill.no_span", field="since")
    if end - since > LONGEST:
        raise DeclinedError("backfill.too_long", field="since", days=LONGEST.days)
    return end


def _text(at: datetime) -> str:
    return iso(at.timestamp())[:19] + "Z"


def _view(row: Backfill) -> BackfillView:
    whole = (row.until - row.since).total_seconds() or 1.0
    running = row.state == BackfillState.RUNNING
    return BackfillView(
        row.pk,
        row.why,
        row.state,
        row.since,
        row.until,
        row.reached,
        row.listed,
        row.missing,
        row.completed,
        1.0 if row.state == BackfillState.DONE else (row.reached - row.since).total_seconds() / whole,
        row.started_at,
        row.ended_at,
        row.by.name if row.by is not None else "",
        row.trouble,
        row.due_at if running and row.due_at > timezone.now() else None,
    )
