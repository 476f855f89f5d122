"""Connections: what they are, how they are, and changing them."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, Done, Ended, read, reason, shown
from tieline.sdk import manifest as manifests
from tieline.store.models import Connection
from tieline.store.services import connection_ends, connections, health, oauth_clients

router = Router(tags=["Connections"])


class Connector(Schema):
    """What can be connected. `fields`: what a person types; consent in the browser needs the pages."""

    name: str
    title: str
    categories: list[str]
    facets: list[str]
    checked: str
    consent: bool
    fields: list[str]


class ConnectionState(Schema):
    """A connection and how it is."""

    id: str
    connector: str
    title: str
    environment: str
    state: str
    is_main_crm: bool
    lines: list[list[str]]
    health: str
    trouble: dict[str, Any] | None
    answered_at: datetime | None
    requests_today: int
    credits_used: int
    credits_a_day: int
    missing_rights: list[str]
    surplus_rights: list[str]


class Typed(Schema):
    """A new connection whose connector is connected by typed fields."""

    connector: str = Field(max_length=60)
    fields: dict[str, str]
    title: str = Field("", max_length=80)
    environment: str = Field("production", max_length=20)


class Fields(Schema):
    """Fields to be replaced."""

    fields: dict[str, str]


class Title(Schema):
    """A new name."""

    title: str = Field(max_length=80)


class Lines(Schema):
    """The company's lines."""

    lines: list[tuple[str, str]] = Field(max_length=2000, description="(number, label)")


class Secret(Schema):
    """A secret; empty takes it away."""

    name: str = Field(max_length=60)
    value: str = Field(max_length=4000)


class Address(Schema):
    """Where events go now. Whoever knows it can deliver."""

    address: str


class OAuthClient(Schema):
    """The client that the vendor knows Tieline by."""

    client_id: str = Field(min_length=1, max_length=400)
    client_secret: str = Field(min_length=1, max_length=400)
    environment: str = Field("production", max_length=20)


class WouldStop(Schema):
    """What a pause or an end would stop."""

    writing: list[str]
    listening: list[str]
    waiting_events: int
    pairs: list[str]


@router.get("/connectors", response={200: list[Connector], **PROBLEMS}, summary="List what can be connected")
@needs("connections.see", "connections")
def list_connectors(request: Asked) -> Any:  # noqa: ARG001 - the same for everybody
    """The marketplace."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "categories": list(one.categories),
            "facets": list(one.facets),
            "checked": one.checked,
            "consent": one.auth.kind == "oauth2",
            "fields": [field.name for field in one.auth.fields],
        }
        for one in manifests.connectors().values()
    ]


@router.get("/connections", response={200: list[ConnectionState], **PROBLEMS}, summary="List connections")
@needs("connections.see", "start-events", "start-arrived")
def list_connections(request: Asked) -> Any:
    """Each with its health."""
    workspace, _ = asker(request)
    return [_state(*one) for one in health.healths(workspace)]


@router.post("/connections", response={200: ConnectionState, **PROBLEMS}, summary="Connect by typed fields")
@needs("connections.change", "connections-new", "start-connect", "connections-sandbox", "start-practise")
def connect(request: Asked, given: Typed) -> Any:
    """What is typed is checked at the vendor before it is kept."""
    workspace, user = asker(request)
    made = connections.connect(
        workspace, user, given.connector, given.fields, title=given.title, environment=given.environment
    )
    return _whole(workspace, made.pk)


@router.get("/connections/{connection}", response={200: ConnectionState, **PROBLEMS}, summary="One connection")
@needs("connections.see", "connections-one", "connections-pulse", "connections-event")
def one_connection(request: Asked, connection: str) -> Any:
    """With its health."""
    workspace, _ = asker(request)
    return _whole(workspace, read("conn", connection))


@router.patch("/connections/{connection}", response={200: ConnectionState, **PROBLEMS}, summary="Rename")
@needs("connections.change", "connections-rename")
def rename_connection(request: Asked, connection: str, given: Title) -> Any:
    """Its name on the pages."""
    workspace, user = asker(request)
    connections.rename(workspace, user, read("conn", connection), given.title)
    return _whole(workspace, read("conn", connection))


@router.put("/connections/{connection}/fields", response={200: ConnectionState, **PROBLEMS}, summary="Replace fields")
@needs("connections.change", "connections-reconnect", "connections-access")
def retype_connection(request: Asked, connection: str, given: Fields) -> Any:
    """Checked at the vendor before they replace the old ones."""
    workspace, user = asker(request)
    connections.retype(workspace, user, read("conn", connection), given.fields)
    return _whole(workspace, read("conn", connection))


@router.put("/connections/{connection}/secret", response={200: Done, **PROBLEMS}, summary="Replace a secret")
@needs("connections.change", "connections-secret")
def set_secret(request: Asked, connection: str, given: Secret) -> Any:
    """Stored encrypted and never shown again."""
    workspace, user = asker(request)
    connections.set_secret(workspace, user, read("conn", connection), given.name, given.value)
    return {"done": True}


@router.put("/connections/{connection}/lines", response={200: ConnectionState, **PROBLEMS}, summary="Type its lines")
@needs("connections.change", "connections-lines")
def set_lines(request: Asked, connection: str, given: Lines) -> Any:
    """Of a phone system that does not list them."""
    workspace, user = asker(request)
    connections.set_lines(workspace, user, read("conn", connection), given.lines)
    return _whole(workspace, read("conn", connection))


@router.post("/connections/{connection}/address", response={200: Address, **PROBLEMS}, summary="Make a new address")
@needs("connections.change", "connections-address")
def new_address(request: Asked, connection: str) -> Any:
    """For events, after the old one became known to others; the old one stops at once."""
    workspace, user = asker(request)
    return {"address": connections.new_intake_key(workspace, user, read("conn", connection))}


@router.delete("/connections/{connection}/address/old", response={200: Done, **PROBLEMS}, summary="End the old address")
@needs("connections.change", "connections-old_address")
def end_old_address(request: Asked, connection: str) -> Any:
    """The one before the present one, which may still work for a while."""
    workspace, user = asker(request)
    connections.end_old_address(workspace, user, read("conn", connection))
    return {"done": True}


@router.put("/connectors/{connector}/client", response={200: Done, **PROBLEMS}, summary="Keep an own OAuth client")
@needs("oauth_clients.change", "connections-client")
def keep_client(request: Asked, connector: str, given: OAuthClient) -> Any:
    """Of this workspace, in place of the installation's."""
    workspace, user = asker(request)
    oauth_clients.keep(workspace, user, connector, given.client_id, given.client_secret, given.environment)
    return {"done": True}


@router.delete(
    "/connectors/{connector}/client", response={200: Done, **PROBLEMS}, summary="Forget the own OAuth client"
)
@needs("oauth_clients.change", "connections-client_forget")
def forget_client(request: Asked, connector: str, environment: str = "production") -> Any:
    """The installation's again."""
    workspace, user = asker(request)
    oauth_clients.forget(workspace, user, connector, environment)
    return {"done": True}


@router.post("/connections/{connection}/refresh", response={200: ConnectionState, **PROBLEMS}, summary="Look again")
@needs("connections.change", "connections-refresh")
def refresh_connection(request: Asked, connection: str) -> Any:
    """Asks the vendor for fields, layouts, people and lines."""
    workspace, user = asker(request)
    connections.refresh(workspace, user, read("conn", connection))
    return _whole(workspace, read("conn", connection))


@router.post("/connections/{connection}/pause", response={200: ConnectionState, **PROBLEMS}, summary="Pause")
@needs("connections.change", "connections-pause")
def pause_connection(request: Asked, connection: str) -> Any:
    """Nothing is asked or written there; what arrives is kept."""
    workspace, user = asker(request)
    connections.pause(workspace, user, read("conn", connection))
    return _whole(workspace, read("conn", connection))


@router.post("/connections/{connection}/resume", response={200: ConnectionState, **PROBLEMS}, summary="Resume")
@needs("connections.change", "connections-resume")
def resume_connection(request: Asked, connection: str) -> Any:
    """What waited goes on."""
    workspace, user = asker(request)
    connections.resume(workspace, user, read("conn", connection))
    return _whole(workspace, read("conn", connection))


@router.get("/connections/{connection}/stops", response={200: WouldStop, **PROBLEMS}, summary="What an end would stop")
@needs("connections.see")
def would_stop(request: Asked, connection: str) -> Any:
    """Asked before a pause or an end."""
    workspace, _ = asker(request)
    found = connection_ends.stops(workspace, read("conn", connection))
    return {
        "writing": list(found.writing),
        "listening": list(found.listening),
        "waiting_events": found.waiting,
        "pairs": list(found.pairs),
    }


@router.delete("/connections/{connection}", response={200: Ended, **PROBLEMS}, summary="Disconnect")
@needs("connections.change", "connections-disconnect")
def disconnect(request: Asked, connection: str) -> Any:
    """Its pairs are taken apart, the vendor is told to forget our grant, secrets are deleted; runs stay for the story."""
    workspace, user = asker(request)
    by_hand = connection_ends.disconnect(workspace, user, read("conn", connection))
    return {"done": True, "by_hand": list(by_hand)}


def _whole(workspace: int, id: int) -> dict[str, Any]:
    row = connections.get(workspace, id)
    return _state(row, health.health(row))


def _state(row: Connection, how: health.Health) -> dict[str, Any]:
    return {
        "id": shown("conn", row.pk),
        "connector": row.connector,
        "title": row.title,
        "environment": row.environment,
        "state": row.state,
        "is_main_crm": row.is_main_crm,
        "lines": [list(line) for line in row.lines or ()],
        "health": how.word,
        "trouble": reason(how.trouble),
        "answered_at": how.answered_at,
        "requests_today": how.requests,
        "credits_used": how.used,
        "credits_a_day": how.limit,
        "missing_rights": list(how.missing),
        "surplus_rights": list(how.surplus),
    }
