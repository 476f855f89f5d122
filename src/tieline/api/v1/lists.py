"""Lists of calls that a person brings."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import File, Router, Schema, UploadedFile
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, Reason, read, reason, shown
from tieline.flows.calls.call_list import Reading
from tieline.store.models import Import
from tieline.store.services import imports
from tieline.store.services.declined import DeclinedError

router = Router(tags=["Imports"])


class ImportState(Schema):
    """A list of calls. errors: [line, what, reason]."""

    id: str
    name: str
    state: str
    rows: int
    done: int
    fresh: int
    known: int
    wrong: int
    errors: list[Any]
    columns: dict[str, Any]


Column = Literal[
    "time", "clock", "direction", "number", "line", "caller", "called", "duration", "outcome", "agent", "call_id",
    "recording_url",
]  # fmt: skip


class Read(Schema):
    """How a list is read; what is left out stays. columns: what → its place, from 0. direction: of every call, where no column
    says it. minutes: durations count minutes. Another encoding, separator or heading guesses the columns anew."""

    columns: dict[Column, Annotated[int, Field(ge=0, lt=imports.MOST_COLUMNS)]] | None = None
    zone: str | None = Field(None, max_length=60, description="IANA name, of times without a zone")
    order: Literal["dmy", "mdy"] | None = Field(None, description="which of 03/04 is the day")
    direction: Literal["inbound", "outbound"] | None = None
    minutes: bool | None = None
    encoding: str = Field("", max_length=20)
    separator: str = Field("", max_length=1)
    has_names: bool | None = None


class WrongCell(Schema):
    """A cell that cannot be read: its line in the file, what it should be, why it is not."""

    line: int
    what: str
    reason: Reason | None


class PreviewRow(Schema):
    """A row: its cells, and the call that it would be."""

    line: int
    cells: list[str]
    call: dict[str, Any] | None


class ImportPreview(Schema):
    """What a list would bring. lacking: what must be said before anything can be read. checked: rows that were tried."""

    heading: list[str]
    lacking: list[str]
    rows: list[PreviewRow]
    checked: int
    wrong: int
    errors: list[WrongCell]
    since: datetime | None
    until: datetime | None


@router.get("/connections/{connection}/imports", response={200: list[ImportState], **PROBLEMS}, summary="List imports")
@needs("connections.change", "connections-imports")
def list_imports(request: Asked, connection: str) -> Any:
    """Of one connection, the newest first."""
    workspace, _ = asker(request)
    return [_import(one) for one in imports.listed(workspace, read("conn", connection))]


@router.post(
    "/connections/{connection}/imports", response={200: ImportState, **PROBLEMS}, summary="Bring a list of calls"
)
@needs("connections.change")
def begin_import(request: Asked, connection: str, file: File[UploadedFile]) -> Any:
    """CSV or TSV; its columns are guessed, and nothing is read in before it is started."""
    workspace, user = asker(request)
    if file.size is None or file.size > imports.LARGEST:
        raise DeclinedError("import.too_large", megabytes=imports.LARGEST >> 20)
    return _import(imports.begin(workspace, user, read("conn", connection), file.name or "calls.csv", file.read()))


@router.get("/imports/{import_id}", response={200: ImportState, **PROBLEMS}, summary="One import")
@needs("connections.change", "connections-import", "connections-import_progress")
def one_import(request: Asked, import_id: str) -> Any:
    """As it stands."""
    workspace, _ = asker(request)
    return _import(imports.get(workspace, read("imp", import_id)))


@router.get("/imports/{import_id}/preview", response={200: ImportPreview, **PROBLEMS}, summary="What it would bring")
@needs("connections.change")
def preview_import(request: Asked, import_id: str) -> Any:
    """Before it is started: the first rows, and every cell that cannot be read."""
    workspace, _ = asker(request)
    found = imports.preview(imports.get(workspace, read("imp", import_id)))
    return {
        "heading": list(found.heading),
        "lacking": list(found.lacking),
        "rows": [{"line": one.line, "cells": list(one.cells), "call": one.call} for one in found.rows],
        "checked": found.checked,
        "wrong": found.wrong,
        "errors": [{"line": line, "what": what, "reason": reason(why)} for line, what, why in found.errors],
        "since": found.since,
        "until": found.until,
    }


@router.put("/imports/{import_id}/reading", response={200: ImportState, **PROBLEMS}, summary="Say what its columns are")
@needs("connections.change", "connections-import")
def read_import(request: Asked, import_id: str, given: Read) -> Any:
    """Before it is started."""
    workspace, _ = asker(request)
    id = read("imp", import_id)
    row = imports.reread(
        workspace, id, encoding=given.encoding, separator=given.separator, has_names=given.has_names
    )  # other columns come of it: what is said of them counts afterwards
    said = given.dict(exclude_unset=True, include={"columns", "zone", "order", "direction", "minutes"})
    if said:
        row = imports.reread(workspace, id, reading=replace(Reading.from_json(row.reading), **said))
    return _import(row)


@router.post("/imports/{import_id}/start", response={200: ImportState, **PROBLEMS}, summary="Start an import")
@needs("connections.change")
def start_import(request: Asked, import_id: str) -> Any:
    """From here on a worker hands its rows in; the same list twice doubles nothing."""
    workspace, user = asker(request)
    return _import(imports.start(workspace, user, read("imp", import_id)))


@router.post("/imports/{import_id}/stop", response={200: ImportState, **PROBLEMS}, summary="Stop an import")
@needs("connections.change", "connections-import_stop")
def stop_import(request: Asked, import_id: str) -> Any:
    """What was handed in stays."""
    workspace, user = asker(request)
    return _import(imports.stop(workspace, user, read("imp", import_id)))


@router.delete("/imports/{import_id}", response={200: Done, **PROBLEMS}, summary="Discard a list")
@needs("connections.change", "connections-import_discard")
def discard_import(request: Asked, import_id: str) -> Any:
    """One that was not started."""
    workspace, _ = asker(request)
    imports.discard(workspace, read("imp", import_id))
    return {"done": True}


def _import(row: Import) -> dict[str, Any]:
    return {
        "id": shown("imp", row.pk),
        "name": row.name,
        "state": row.state,
        "rows": row.rows,
        "done": row.done,
        "fresh": row.fresh,
        "known": row.known,
        "wrong": row.wrong,
        "errors": list(row.errors),
        "columns": dict(row.reading),
    }
