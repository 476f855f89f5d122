"""Back-fills: calls that a phone system's list has and no event told of."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, read, reason
from tieline.store.services import backfill

router = Router(tags=["Fetching"])


class Fetch(Schema):
    """Calls that a phone system's list has and no event told of. part: 0 to 1."""

    why: str
    state: str
    since: datetime
    until: datetime
    reached: datetime
    listed: int
    missing: int
    completed: int
    part: float
    trouble: dict[str, Any] | None


class Fetches(Schema):
    """What was fetched. lacks: why nothing can be, "" where it can."""

    lacks: str
    running: Fetch | None
    runs: list[Fetch]


class Span(Schema):
    """From when to when."""

    since: datetime
    until: datetime | None = None


class WouldFetch(Schema):
    """What there would be to fetch."""

    listed: int
    missing: int
    completed: int
    more: bool


class LinesFound(Schema):
    """The lines that the phone system lists; new: those that no flow knows."""

    lines: list[tuple[str, str]]
    new: list[str]


@router.get("/connections/{connection}/fetching", response={200: Fetches, **PROBLEMS}, summary="What was fetched")
@needs("connections.see", "connections-fetch")
def fetches(request: Asked, connection: str) -> Any:
    """From the list of calls of a phone system."""
    workspace, _ = asker(request)
    found = backfill.overview(workspace, read("conn", connection))
    return {
        "lacks": found.lacks,
        "running": _fetch(found.running) if found.running else None,
        "runs": [_fetch(one) for one in found.runs],
    }


@router.post("/connections/{connection}/fetching/preview", response={200: WouldFetch, **PROBLEMS}, summary="Look first")
@needs("connections.change")
def preview_fetch(request: Asked, connection: str, given: Span) -> Any:
    """How much there would be to fetch."""
    workspace, _ = asker(request)
    found = backfill.preview(workspace, read("conn", connection), given.since, given.until)
    return {"listed": found.listed, "missing": found.missing, "completed": found.completed, "more": found.more}


@router.post("/connections/{connection}/fetching", response={200: Fetch, **PROBLEMS}, summary="Fetch lost calls")
@needs("connections.change", "connections-fetch_start")
def start_fetch(request: Asked, connection: str, given: Span) -> Any:
    """Live calls go first all the while."""
    workspace, user = asker(request)
    return _fetch(backfill.start(workspace, user, read("conn", connection), given.since, given.until))


@router.delete("/connections/{connection}/fetching", response={200: Fetch, **PROBLEMS}, summary="Stop fetching")
@needs("connections.change", "connections-fetch_stop")
def stop_fetch(request: Asked, connection: str) -> Any:
    """What was fetched stays."""
    workspace, user = asker(request)
    return _fetch(backfill.stop(workspace, user, read("conn", connection)))


@router.post("/connections/{connection}/lines/fetch", response={200: LinesFound, **PROBLEMS}, summary="Fetch its lines")
@needs("connections.change", "connections-lines_fetch")
def fetch_lines(request: Asked, connection: str) -> Any:
    """As the phone system lists them now."""
    workspace, user = asker(request)
    found = backfill.fetch_lines(workspace, user, read("conn", connection))
    return {"lines": [tuple(line) for line in found.lines], "new": list(found.new)}


def _fetch(one: backfill.BackfillView) -> dict[str, Any]:
    return {
        "why": one.why,
        "state": one.state,
        "since": one.since,
        "until": one.until,
        "reached": one.reached,
        "listed": one.listed,
        "missing": one.missing,
        "completed": one.completed,
        "part": one.part,
        "trouble": reason(one.trouble),
    }
