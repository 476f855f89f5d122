"""Deliveries that were refused at the door: no event came of them."""

from datetime import datetime
from typing import Any

from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Reason, read, reason, shown
from tieline.store.connection import workspace_tx
from tieline.store.models import RefusedDelivery

router = Router(tags=["Runs"])


class Refused(Schema):
    """A delivery as it is kept: masked. `status`: what it was answered with."""

    id: str
    connection: str | None
    at: datetime
    status: int
    reason: Reason | None
    method: str
    headers: dict[str, str]
    body: str


class RefusedPage(Schema):
    """A page of them, the newest first."""

    items: list[Refused]
    next: str | None


class Wanted(Schema):
    """Which of them."""

    connection: str = Field("", max_length=40)
    after: str = Field("", max_length=40)
    limit: int = Field(25, ge=1, le=100)


@router.get("/refused", response={200: RefusedPage, **PROBLEMS}, summary="List refused deliveries")
@needs("events.see", "events-refused")
def list_refused(request: Asked, wanted: Query[Wanted]) -> Any:
    """The last hundred of each connection, and why they were refused."""
    workspace, _ = asker(request)
    rows = RefusedDelivery.objects.filter(workspace_id=workspace)
    if wanted.connection:
        rows = rows.filter(connection_id=read("conn", wanted.connection))
    if wanted.after:
        rows = rows.filter(pk__lt=read("refused", wanted.after))
    with workspace_tx(workspace):
        page = list(rows.order_by("-pk")[: wanted.limit + 1])
    return {
        "items": [
            {
                "id": shown("refused", row.pk),
                "connection": shown("conn", row.connection_id),
                "at": row.at,
                "status": row.status,
                "reason": reason(row.reason),
                "method": row.method,
                "headers": dict(row.headers),
                "body": row.body,
            }
            for row in page[: wanted.limit]
        ],
        "next": shown("refused", page[wanted.limit - 1].pk) if len(page) > wanted.limit else None,
    }
