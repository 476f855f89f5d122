"""The workspace itself: who asks, its settings, search."""

from datetime import datetime
from typing import Any

from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, shown
from tieline.core.values import phone
from tieline.store.services import search, workspaces

router = Router(tags=["Workspace"])


class Me(Schema):
    """Whose token it is, where, and what it may do."""

    name: str
    email: str
    role: str
    workspace: str
    actions: list[str]


class Workspace(Schema):
    """A company. country: ISO 3166 alpha-2; zone: IANA; language: of texts written into the CRM."""

    name: str = Field(min_length=1, max_length=80)
    zone: str = Field(max_length=60)
    country: str = Field(max_length=2)
    language: str = Field(max_length=5)


class Whole(Workspace):
    """With its key in addresses."""

    key: str
    second_factor: bool


class Factor(Schema):
    """Whether everybody needs a second factor."""

    required: bool


class FoundRecord(Schema):
    """A record at a CRM that Tieline has written or met."""

    connection: str
    role: str
    external_id: str
    name: str
    email: str
    at: datetime | None


class Found(Schema):
    """What was found, as far as the token may see it: records and runs with runs.see, connections with connections.see."""

    records: list[FoundRecord]
    runs: list[str]
    connections: list[str]


class Wanted(Schema):
    """A name, a number in any form, an e-mail or an id."""

    q: str = Field(min_length=1, max_length=200)
    limit: int = Field(20, ge=1, le=100)


@router.get("/me", response={200: Me, **PROBLEMS}, summary="Who asks")
@needs("home.see", "home-live")
def me(request: Asked) -> Any:
    """And what the token may do."""
    bearer = request.auth
    member = bearer.member
    return {
        "name": member.user.name,
        "email": member.user.email,
        "role": member.role,
        "workspace": member.workspace.key,
        "actions": sorted(bearer.actions),
    }


@router.get("/workspace", response={200: Whole, **PROBLEMS}, summary="The workspace")
@needs("workspace.see", "settings")
def one_workspace(request: Asked) -> Any:
    """Its name, country, zone and language."""
    workspace, _ = asker(request)
    return _shape(workspaces.read(workspace))


@router.put("/workspace", response={200: Whole, **PROBLEMS}, summary="Change the workspace")
@needs("workspace.change", "start-company")
def change_workspace(request: Asked, given: Workspace) -> Any:
    """All four at once."""
    workspace, user = asker(request)
    workspaces.change(workspace, user, name=given.name, zone=given.zone, country=given.country, language=given.language)
    return _shape(workspaces.read(workspace))


@router.put("/workspace/second-factor", response={200: Whole, **PROBLEMS}, summary="Require a second factor")
@needs("team.change", "settings-second_factor")
def require_factor(request: Asked, given: Factor) -> Any:
    """Of everybody in the workspace."""
    from tieline.store.services import team

    workspace, user = asker(request)
    team.require_second_factor(workspace, user, given.required)
    return _shape(workspaces.read(workspace))


@router.get("/search", response={200: Found, **PROBLEMS}, summary="Search")
@needs("search", "search", "search-found")
def find(request: Asked, wanted: Query[Wanted]) -> Any:
    """Records by name, number, e-mail or id; runs by their id, their call's number or their records; connections by name."""
    workspace, _ = asker(request)
    may = request.auth.actions
    text = wanted.q.replace("\x00", " ")  # in no text that is kept
    number = phone(text, request.auth.member.workspace.country or "FR").e164 or ""
    records = search.records(workspace, text, number, wanted.limit) if "runs.see" in may else ()
    runs = search.runs(workspace, text, number, records, wanted.limit) if "runs.see" in may else ()
    found = search.connections(workspace, text) if "connections.see" in may else ()
    return {
        "records": [
            {
                "connection": shown("conn", one.target),
                "role": one.role,
                "external_id": one.external_id,
                "name": one.name,
                "email": one.email,
                "at": one.at,
            }
            for one in records
        ],
        "runs": [shown("run", one) for one in runs],
        "connections": [shown("conn", one.pk) for one in found],
    }


def _shape(one: workspaces.Shape) -> dict[str, Any]:
    return {
        "key": one.key,
        "name": one.name,
        "zone": one.zone,
        "country": one.country,
        "language": one.language,
        "second_factor": one.second_factor,
    }
