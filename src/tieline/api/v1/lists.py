"""Lists of calls that a person brings."""

from typing import Any

from ninja import File, Router, Schema, UploadedFile

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, read, shown
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
