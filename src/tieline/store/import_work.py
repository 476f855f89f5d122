"""The worker's part of an import: rows of the file into kept events, by batches, through the function that intake uses.

Each batch is one transaction with the place that it reached, so a worker that dies leaves nothing half done and another goes
on from there. Two workers never hold one batch: its row is locked, and who finds it moved leaves it to the other.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import orjson

from tieline.core import table
from tieline.core.errors import TielineError
from tieline.engine.ports import LISTED
from tieline.flows.calls import call_list
from tieline.flows.calls.call_list import Reading
from tieline.sdk import manifest as manifests
from tieline.sdk.contract import Request
from tieline.store.pool import Link, Rows
from tieline.store.services.declined import DeclinedError

log = logging.getLogger(__name__)

BATCH = 500
STEP = timedelta(milliseconds=1)
"""Between the arrivals of two rows: the order of subjects counts milliseconds."""
KEPT_ERRORS = 100
_HEADERS = {"content-type": "application/json"}
_ROW = """
SELECT i.connection_id, c.connector, i.reading, i.done, i.encoding, i.separator, i.has_names, i.content
  FROM store_import i JOIN store_connection c ON c.id = i.connection_id
 WHERE i.workspace_id = %s AND i.id = %s AND i.state = 'running'
"""
_TAKE = """
SELECT i.done, i.errors FROM store_import i
 WHERE i.workspace_id = %s AND i.id = %s AND i.state = 'running' FOR UPDATE SKIP LOCKED
"""
_KNOWN = """
SELECT count(*) FROM json_to_recordset(%s::json) AS d(k uuid)
  JOIN store_event e ON e.connection_id = %s AND e.key = d.k
"""
# Fetched from a list: what is live goes before it.
_BEHIND = "UPDATE store_openevent SET backfill = true WHERE workspace_id = %s AND source_id = %s AND NOT backfill"
_MOVED = """
UPDATE store_import SET done = %s, fresh = fresh + %s, known = known + %s, wrong = wrong + %s, errors = %s
 WHERE workspace_id = %s AND id = %s
"""
_DONE = """
UPDATE store_import SET state = %s, ended_at = now(), content = NULL, trouble = %s
 WHERE workspace_id = %s AND id = %s AND state = 'running'
"""


def work(rows: Rows) -> int:
    """Hands in what waits of every import under way; how many rows."""
    with rows.plain() as link:
        running = link.execute("SELECT id, workspace FROM store_running_imports()").fetchall()
    return sum(_import(rows, workspace, import_id) for import_id, workspace in running)


class _Running(NamedTuple):
    """An import under way."""

    workspace: int
    id: int
    source: int
    connector: Any
    reading: Reading


def _import(rows: Rows, workspace: int, import_id: int) -> int:
    with rows.tx(workspace) as link:
        row = link.execute(_ROW, [workspace, import_id]).fetchone()
    if row is None:
        return 0
    source, connector, reading, reached, *file, content = row
    try:
        cells = rows_of(bytes(content), *file)
        made = manifests.load(connector)(None)
        running = _Running(workspace, import_id, source, made, Reading.from_json(reading))
        return _batches(rows, running, cells, reached)
    except (DeclinedError, TielineError) as error:
        log.warning("import %s cannot be read: %s", import_id, error.code)
        with rows.tx(workspace) as link:
            trouble = orjson.dumps({"code": error.code}).decode()
            link.execute(_DONE, ["failed", trouble, workspace, import_id])
        return 0


def _batches(rows: Rows, row: _Running, cells: Iterator[tuple[int, list[str]]], reached: int) -> int:
    """From where it stands to the end of the file, or until somebody stops it."""
    begin = datetime.now(UTC) - STEP * BATCH
    newest = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for _ in islice(cells, reached):
        pass
    handed = 0
    while True:
        batch = list(islice(cells, BATCH))
        begin = max(begin + STEP * BATCH, datetime.now(UTC))
        read = _read(batch, row, newest, begin)
        with rows.tx(row.workspace) as link:
            place = link.execute(_TAKE, [row.workspace, row.id]).fetchone()
            if place is None or place[0] != reached:
                return handed  # stopped, or another worker has it
            if not batch:
                link.execute(_DONE, ["done", None, row.workspace, row.id])
                return handed
            reached += len(batch)
            _keep(link, row, read, reached, place[1])
        handed += len(batch)


class _Read(NamedTuple):
    """A batch: key (hex) → the row's event as intake takes it; rows that are the same as another of the batch; what is wrong."""

    events: dict[str, dict[str, Any]]
    doubled: int
    wrong: int
    errors: list[tuple[int, str, Mapping[str, Any]]]


def _read(batch: Sequence[tuple[int, list[str]]], row: _Running, newest: str, begin: datetime) -> _Read:
    """`begin`: when the batch's first call arrived; the others follow one STEP after another."""
    events: dict[str, dict[str, Any]] = {}
    errors: list[tuple[int, str, Mapping[str, Any]]] = []
    doubled = wrong = 0
    times: dict[str, str] = {}
    for line, cells in batch:
        call = call_list.call_of(cells, row.reading, now=newest)
        if isinstance(call, list):
            wrong += 1
            errors.extend((line, what, why.to_json()) for what, why in call)
            continue
        request = Request("POST", "", _HEADERS, orjson.dumps(call))
        key = hashlib.blake2b(row.connector.arrive(request, {}, 0.0).event_key.encode(), digest_size=16).hexdigest()
        if key in events:
            doubled += 1
            continue
        facts = orjson.dumps([fact.to_json() for fact in row.connector.parse(request)])
        events[key] = {
            "k": key,
            "m": LISTED,
            "q": f"import={row.id}&line={line}",
            "h": _HEADERS,
            "b": base64.b64encode(facts).decode("ascii"),
        }
        times[key] = call["at"]
    # calls of one caller are decided as they arrived: a batch arrives in the order of its calls, whichever way the list is sorted
    for rank, key in enumerate(sorted(events, key=times.__getitem__)):
        events[key]["t"] = (begin + STEP * rank).isoformat()
    return _Read(events, doubled, wrong, errors)


def _keep(link: Link, row: _Running, read: _Read, reached: int, errors: list[Any] | None) -> None:
    known = 0
    if read.events:
        deliveries = [{"c": row.source, **event} for event in read.events.values()]
        keys = orjson.dumps([{"k": key} for key in read.events]).decode()
        known = (link.execute(_KNOWN, [keys, row.source]).fetchone() or (0,))[0]
        link.execute("SELECT store_accept(%s::json)", [orjson.dumps(deliveries).decode()])
        link.execute(_BEHIND, [row.workspace, row.source])
    shown = [*(errors or []), *read.errors][:KEPT_ERRORS]
    link.execute(
        _MOVED,
        [
            reached, len(read.events) - known, known + read.doubled, read.wrong, orjson.dumps(shown).decode(),
            row.workspace, row.id,
        ],
    )  # fmt: skip


def rows_of(content: bytes, encoding: str, separator: str, has_names: bool) -> Iterator[tuple[int, list[str]]]:
    """The rows of a kept file without its heading: (line, cells)."""
    try:
        text = table.text_of(gzip.decompress(content), encoding)[0]
    except table.NotTextError:
        raise DeclinedError("import.not_text", field="file") from None
    found = table.rows(text, separator)
    if has_names:
        next(found, None)
    return found
