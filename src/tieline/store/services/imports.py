"""Imports of call lists: a person's file, what its columns are, and its way into the same intake as every delivery.

    begin(workspace, user, connection, name, content) -> Import     the file is kept, its columns are guessed
    reread(workspace, import_id, …) -> Import                       other columns, another zone, another encoding
    preview(row) -> Preview                                         the first rows as cells and as calls, and every wrong cell
    start(workspace, user, import_id) -> Import                     from here on a worker hands the rows in
    stop(workspace, user, import_id), discard(workspace, import_id)
    listed(workspace, connection), get(workspace, import_id)

`import_work` is what the worker does. A row's event key is its call id or its content, so importing twice doubles nothing.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

from tieline.core import table
from tieline.flows.calls import call_list
from tieline.flows.calls.call_list import COLUMNS, Reading, Wrong
from tieline.sdk import manifest as manifests
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, ConnectionState, Import, ImportState
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.team.models import Workspace

if TYPE_CHECKING:
    from tieline.store.team.models import User

LARGEST = 20 * 1024 * 1024
MOST_ROWS = 50_000
MOST_COLUMNS = 100
CHECKED_ROWS = 10_000
"""Of a long list the page tries so many rows; the import tries all."""
SHOWN_ROWS = 8
SHOWN_ERRORS = 50
KEPT_DRAFTS = 3
"""Files of a connection that wait for a person; older ones go."""


def takes_lists(connection: Connection) -> bool:
    """Whether a person brings its calls as a file."""
    return manifests.connector(connection.connector).events.imports


def listed(workspace: int, connection: int) -> list[Import]:
    """The last imports of a connection, newest first, without their files."""
    with workspace_tx(workspace):
        rows = Import.objects.filter(workspace_id=workspace, connection_id=connection)
        return list(rows.defer("content").select_related("by").order_by("-pk")[:50])


def get(workspace: int, import_id: int) -> Import:
    """One import; DeclinedError where there is none in this workspace."""
    with workspace_tx(workspace):
        return _row(workspace, import_id)


def begin(workspace: int, user: User | None, connection: int, name: str, content: bytes) -> Import:
    """Keeps a file and guesses what its columns are; nothing is imported yet."""
    with workspace_tx(workspace):
        source = Connection.objects.filter(workspace_id=workspace, pk=connection).first()
        if source is None or not takes_lists(source):
            raise DeclinedError("connection.gone")
        if source.state == ConnectionState.DISCONNECTED:
            raise DeclinedError("connection.disconnected", title=source.title)
        zone = Workspace.objects.get(pk=workspace).zone
    if not content.strip():
        raise DeclinedError("import.empty", field="file")
    if len(content) > LARGEST:
        raise DeclinedError("import.too_large", field="file", megabytes=LARGEST // (1024 * 1024))
    text, encoding = _text(content, "")
    separator = table.separator_of(text)
    first, count = _counted(text, separator)
    has_names = call_list.has_heading(first[0])
    heading = call_list.named(first[0], has_names=has_names)
    sample = first[1:] if has_names else first
    reading = call_list.suggested(heading, sample, zone=zone)
    rows = count - has_names
    if rows < 1:
        raise DeclinedError("import.empty", field="file")
    with workspace_tx(workspace):
        drafts = Import.objects.filter(workspace_id=workspace, connection_id=connection, state=ImportState.DRAFT)
        keep = drafts.order_by("-pk").values_list("pk", flat=True)[: KEPT_DRAFTS - 1]
        drafts.exclude(pk__in=list(keep)).delete()
        return Import.objects.create(
            workspace_id=workspace, connection_id=connection, name=_file_name(name), content=gzip.compress(content, 3),
            encoding=encoding, separator=separator, has_names=has_names, reading=reading.to_json(), rows=rows, by=user,
        )  # fmt: skip


def reread(
    workspace: int,
    import_id: int,
    *,
    reading: Reading | None = None,
    encoding: str = "",
    separator: str = "",
    has_names: bool | None = None,
) -> Import:
    """A draft with another reading. Another encoding, separator or heading guesses the columns anew."""
    with workspace_tx(workspace):
        row = _draft(workspace, import_id)
        again = (
            encoding not in ("", row.encoding) or separator not in ("", row.separator) or has_names not in (None, row.has_names)
        )  # fmt: skip
        if again:
            row.encoding, row.separator = encoding or row.encoding, separator or row.separator
            if row.separator not in table.SEPARATORS:
                raise DeclinedError("import.not_text", field="separator")
            text, _ = _text(gzip.decompress(bytes(row.content or b"")), row.encoding)
            first, count = _counted(text, row.separator)
            row.has_names = row.has_names if has_names is None else has_names
            row.rows = count - row.has_names
            heading = call_list.named(first[0], has_names=row.has_names)
            old = Reading.from_json(row.reading)
            new = call_list.suggested(heading, first[row.has_names :], zone=old.zone)
            row.reading = replace(new, order=old.order, direction=old.direction).to_json()
        elif reading is not None:
            _check(reading)
            row.reading = reading.to_json()
        row.save()
        return row


@dataclass(frozen=True, slots=True)
class Shown:
    """A row of the preview: its line in the file, its cells, and the call (or None) with what is wrong by column."""

    line: int
    cells: Sequence[str]
    call: Mapping[str, Any] | None
    wrong: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Preview:
    """A file as it would be imported.

    lacking   what must be said before anything can be read; then nothing below is known
    checked   rows that were tried: all of them, or the first CHECKED_ROWS
    wrong     rows that cannot be read; errors: the first of them as (line, what, reason as JSON)
    since, until   when the first and the last call began (UTC text)
    """

    heading: Sequence[str]
    reading: Reading
    rows: Sequence[Shown]
    lacking: Sequence[str]
    checked: int
    wrong: int
    errors: Sequence[tuple[int, str, Mapping[str, Any]]]
    since: str | None
    until: str | None
    directions: Mapping[str, int]


def preview(row: Import) -> Preview:
    """Reads the file and keeps nothing."""
    reading = Reading.from_json(row.reading)
    lacking = reading.lacking()
    now = _now()
    heading: list[str] = []
    shown: list[Shown] = []
    errors: list[tuple[int, str, Mapping[str, Any]]] = []
    wrong = checked = 0
    since: str | None = None
    until: str | None = None
    directions: Counter[str] = Counter()
    for number, (line, cells) in enumerate(table.rows(_content(row), row.separator)):
        if number == 0:
            heading = call_list.named(cells[:MOST_COLUMNS], has_names=row.has_names)
            if row.has_names:
                continue
        if checked == CHECKED_ROWS or (lacking and len(shown) == SHOWN_ROWS):
            break
        checked += 1
        found = None if lacking else call_list.call_of(cells, reading, now=now)
        faults: list[Wrong] = found if isinstance(found, list) else []
        if len(shown) < SHOWN_ROWS:
            call = found if isinstance(found, dict) else None
            shown.append(Shown(line, cells[:MOST_COLUMNS], call, {what: why.to_json() for what, why in faults}))
        wrong += bool(faults)
        errors.extend((line, what, why.to_json()) for what, why in faults if len(errors) < SHOWN_ERRORS)
        if isinstance(found, dict):
            since, until = min(since or found["at"], found["at"]), max(until or found["at"], found["at"])
            directions[found["direction"]] += 1
    return Preview(heading, reading, shown, lacking, checked, wrong, errors, since, until, dict(directions))


def start(workspace: int, user: User | None, import_id: int) -> Import:
    """Confirms the reading: from now on a worker hands the rows in, whoever looks."""
    with workspace_tx(workspace):
        row = _draft(workspace, import_id)
        if Reading.from_json(row.reading).lacking():
            raise DeclinedError("import.lacking")
        row.state, row.started_at, row.by = ImportState.RUNNING, timezone.now(), user
        row.save()
        note(workspace, user, "import.started", title=row.connection.title, name=row.name, rows=row.rows)
        return row


def stop(workspace: int, user: User | None, import_id: int) -> Import:
    """Ends an import under way; what was handed in stays."""
    with workspace_tx(workspace):
        row = _row(workspace, import_id, lock=True)
        if row.state == ImportState.RUNNING:
            row.state, row.ended_at, row.content = ImportState.STOPPED, timezone.now(), None
            row.save()
            note(workspace, user, "import.stopped", title=row.connection.title, name=row.name, rows=row.done)
        return row


def discard(workspace: int, import_id: int) -> None:
    """Forgets a draft with its file."""
    with workspace_tx(workspace):
        Import.objects.filter(workspace_id=workspace, pk=import_id, state=ImportState.DRAFT).delete()


def reading_of(typed: Mapping[str, str], *, zone: str) -> Reading:
    """A reading from a form: "column.<index>" → what it is ("" for nothing), "order", "zone", "direction", "minutes". The first
    of two columns that are called the same counts."""
    columns: dict[str, int] = {}
    for name, what in typed.items():
        index = name.removeprefix("column.")
        if name.startswith("column.") and index.isdecimal() and int(index) < MOST_COLUMNS and what in COLUMNS:
            columns[what] = min(int(index), columns.get(what, MOST_COLUMNS))
    direction = typed.get("direction", "")
    return Reading(
        columns,
        typed.get("zone", "") or zone,
        "mdy" if typed.get("order") == "mdy" else "dmy",
        direction if direction in ("inbound", "outbound") else None,  # type: ignore[arg-type]
        bool(typed.get("minutes")),
    )


# ---------------------------------------------------------------------------------------------------------------------


def _row(workspace: int, import_id: int, *, lock: bool = False) -> Import:
    rows = Import.objects.filter(workspace_id=workspace, pk=import_id).select_related("connection")
    row = (rows.select_for_update(of=("self",)) if lock else rows).first()
    if row is None:
        raise DeclinedError("import.gone")
    return row


def _draft(workspace: int, import_id: int) -> Import:
    row = _row(workspace, import_id, lock=True)
    if row.state != ImportState.DRAFT:
        raise DeclinedError("import.started")
    return row


def _check(reading: Reading) -> None:
    try:
        ZoneInfo(reading.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise DeclinedError("import.zone", field="zone", zone=reading.zone[:60]) from None


def _text(content: bytes, encoding: str) -> tuple[str, str]:
    try:
        return table.text_of(content, encoding)
    except table.NotTextError:
        raise DeclinedError("import.not_text", field="file") from None


def _content(row: Import) -> str:
    if row.content is None:
        raise DeclinedError("import.started")
    return _text(gzip.decompress(bytes(row.content)), row.encoding)[0]


def _counted(text: str, separator: str) -> tuple[list[list[str]], int]:
    """The first rows, and how many there are; DeclinedError for too many."""
    first: list[list[str]] = []
    count = 0
    for count, (_, cells) in enumerate(table.rows(text, separator), 1):
        if len(first) <= 20:
            first.append(cells[:MOST_COLUMNS])
        if count > MOST_ROWS + 1:
            raise DeclinedError("import.too_many", field="file", most=MOST_ROWS)
    if not first or not first[0]:
        raise DeclinedError("import.empty", field="file")
    return first, count


def _file_name(name: str) -> str:
    bare = name.replace("\\", "/").rpartition("/")[2].replace("\x00", "").strip()
    return bare[:120] or "calls.csv"


def _now() -> str:
    """No call of a list begins later than tomorrow: zones and clocks differ by less."""
    return (timezone.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
