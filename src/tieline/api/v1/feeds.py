"""Deliveries by which a system tells of changes, so that it need not be asked."""

from datetime import datetime
from typing import Any, Literal

from ninja import Router, Schema

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, Reason, read, reason
from tieline.store.services import change_feeds

router = Router(tags=["Connections"])


class FeedState(Schema):
    """How they stand. how: "api" (made there by Tieline), "pasted" (by a person), "" none. address, secret: what is pasted there.
    proven_at: when the first one came. active: what the vendor said last, null where it cannot be asked."""

    can: bool
    how: str
    address: str
    secret: str
    made_at: datetime | None
    proven_at: datetime | None
    checked_at: datetime | None
    active: bool | None
    trouble: Reason | None


class How(Schema):
    """Made there by its API, or an address to be pasted there."""

    how: Literal["api", "pasted"] = "api"


@router.get(
    "/connections/{connection}/feed", response={200: FeedState, **PROBLEMS}, summary="Its deliveries of changes"
)
@needs("connections.change", "customers-feeds", "customers-feeds-live")
def one_feed(request: Asked, connection: str) -> Any:
    """With the address, which is secret."""
    workspace, _ = asker(request)
    return _feed(change_feeds.shown(workspace, read("conn", connection)))


@router.put("/connections/{connection}/feed", response={200: FeedState, **PROBLEMS}, summary="Have it tell of changes")
@needs("connections.change", "customers-feed")
def set_up_feed(request: Asked, connection: str, given: How) -> Any:
    """It is proven by the first delivery, and looked at again every day."""
    workspace, user = asker(request)
    deed = change_feeds.set_up if given.how == "api" else change_feeds.paste
    return _feed(deed(workspace, user, read("conn", connection)))


@router.post(
    "/connections/{connection}/feed/renew", response={200: FeedState, **PROBLEMS}, summary="Another address for changes"
)
@needs("connections.change", "customers-feed")
def renew_feed(request: Asked, connection: str) -> Any:
    """The old one works for a day."""
    workspace, user = asker(request)
    return _feed(change_feeds.renew(workspace, user, read("conn", connection)))


@router.delete(
    "/connections/{connection}/feed", response={200: Done, **PROBLEMS}, summary="End its deliveries of changes"
)
@needs("connections.change", "customers-feed")
def end_feed(request: Asked, connection: str) -> Any:
    """It is asked for changes instead."""
    workspace, user = asker(request)
    change_feeds.end(workspace, user, read("conn", connection))
    return {"done": True}


def _feed(one: change_feeds.Feed) -> dict[str, Any]:
    return {
        "can": one.can, "how": one.how, "address": one.address, "secret": one.secret, "made_at": one.made_at,
        "proven_at": one.proven_at, "checked_at": one.checked_at, "active": one.active, "trouble": reason(one.trouble),
    }  # fmt: skip
