"""Flows and their settings."""

from datetime import datetime
from typing import Any, Literal

from django.http import Http404
from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.shapes import PROBLEMS, read, reason, shown
from tieline.store.services import flow_settings, flows, trying

router = Router(tags=["Flows"])


class FlowState(Schema):
    """A flow as it stands. `live` false: it decides and writes nothing. `waits_for`: rights that a saved version still lacks."""

    flow: str
    state: str
    live: bool
    live_since: datetime | None
    version: int
    settings: dict[str, Any]
    target: str | None
    sources: list[str]
    waiting_version: int
    waits_for: list[str]
    trouble: dict[str, Any] | None


class Settings(Schema):
    """Settings to be tried or saved. `base`: the version that they were made from; a newer one meanwhile refuses them."""

    settings: dict[str, Any]
    base: int | None = None


class Clash(Schema):
    """A contradiction, with the smallest example that shows it."""

    rules: list[str]
    reason: dict[str, Any] | None
    example: dict[str, Any] | None


class Checked(Schema):
    """What would happen at a save."""

    clashes: list[Clash]
    remarks: list[Clash]
    malformed: list[str]
    missing_rights: list[str]
    surplus_rights: list[str]


class Try(Schema):
    """Settings (null: those in force), and on how many of the last calls."""

    settings: dict[str, Any] | None = None
    only: Literal["", "inbound", "outbound", "unreached", "watched"] = ""
    calls: int = Field(50, ge=1, le=trying.MOST)


class TriedCall(Schema):
    """A call that would come out otherwise than it did."""

    call: str
    about: dict[str, Any]
    kinds: list[str]
    marks: list[str]
    differences: list[Any]


class Tried(Schema):
    """calls: how many were decided again. marks: what is to be known of the answers that it rests on → calls."""

    calls: int
    differing: int
    marks: dict[str, int]
    differences: list[TriedCall]


class Saved(Schema):
    """The version that was made. `waits_for`: the rights that it waits for."""

    version: int
    waits_for: list[str]


class Live(Schema):
    """Whether it writes."""

    live: bool


class At(Schema):
    """A connection."""

    connection: str = Field(max_length=40)


@router.get("/flows", response={200: list[FlowState], **PROBLEMS}, summary="List flows")
@needs("flows.see", "calls", "start", "start-done")
def list_flows(request: Asked) -> Any:
    """Each with its settings."""
    workspace, _ = asker(request)
    return [_state(one) for one in flow_settings.all_flows(workspace)]


@router.get("/flows/{flow}", response={200: FlowState, **PROBLEMS}, summary="One flow")
@needs("flows.see", "calls-rules")
def one_flow(request: Asked, flow: str) -> Any:
    """With its settings in force."""
    workspace, _ = asker(request)
    return _state(flow_settings.current(workspace, _known(flow)))


@router.post("/flows/{flow}/try", response={200: Tried, **PROBLEMS}, summary="Try settings on the last calls")
@needs("flows.try", "calls-try")
def try_flow(request: Asked, flow: str, given: Try) -> Any:
    """By the answers that were stored with them; nothing is asked, written or kept. 409 with the clashes where they contradict."""
    workspace, _ = asker(request)
    view, found = trying.tried(workspace, _known(flow), given.settings, only=given.only, most=given.calls)
    return {
        "calls": view.done,
        "differing": view.differing,
        "marks": dict(view.marks),
        "differences": [
            {
                "call": shown("call", one.subject_id),
                "about": dict(one.subject),
                "kinds": list(one.kinds),
                "marks": list(one.marks),
                "differences": list(one.differences),
            }
            for one in found
        ],
    }


@router.post("/flows/{flow}/check", response={200: Checked, **PROBLEMS}, summary="Check settings without saving them")
@needs("flows.try", "calls-try")
def check_flow(request: Asked, flow: str, given: Settings) -> Any:
    """Contradictions, remarks, and the rights that would be missing."""
    workspace, _ = asker(request)
    found = flow_settings.check(workspace, _known(flow), given.settings)
    return {
        "clashes": [_clash(one) for one in found.clashes],
        "remarks": [_clash(one) for one in found.remarks],
        "malformed": list(found.malformed),
        "missing_rights": list(found.missing),
        "surplus_rights": list(found.surplus),
    }


@router.put("/flows/{flow}/settings", response={200: Saved, **PROBLEMS}, summary="Save settings")
@needs("flows.change", "calls-edit", "start-lines")
def save_flow(request: Asked, flow: str, given: Settings) -> Any:
    """As a new version. 409 with the clashes where they contradict."""
    workspace, user = asker(request)
    saved = flow_settings.save(workspace, user, _known(flow), given.settings, base=given.base)
    return {"version": saved.version, "waits_for": list(saved.waits)}


@router.put("/flows/{flow}/live", response={200: FlowState, **PROBLEMS}, summary="Switch writing on or off")
@needs("flows.live", "calls-live", "start-live")
def switch_flow(request: Asked, flow: str, given: Live) -> Any:
    """Off: it is watched, and nothing is written."""
    workspace, user = asker(request)
    return _state(flow_settings.set_live(workspace, user, _known(flow), given.live))


@router.put("/flows/{flow}/target", response={200: FlowState, **PROBLEMS}, summary="Choose the CRM that it writes to")
@needs("flows.change", "start-crm", "connections-take_over")
def aim_flow(request: Asked, flow: str, given: At) -> Any:
    """Another CRM brings its defaults; the flow is watched until it is switched on."""
    workspace, user = asker(request)
    return _state(flow_settings.set_target(workspace, user, _known(flow), _connection(workspace, given.connection)))


@router.post("/flows/{flow}/sources", response={200: FlowState, **PROBLEMS}, summary="Let a phone system feed it")
@needs("flows.change", "start-phone")
def feed_flow(request: Asked, flow: str, given: At) -> Any:
    """Its events go to the flow from now on."""
    workspace, user = asker(request)
    flow_settings.add_source(workspace, user, _known(flow), _connection(workspace, given.connection))
    return _state(flow_settings.current(workspace, flow))


@router.delete("/flows/{flow}/sources/{connection}", response={200: FlowState, **PROBLEMS}, summary="Feed it no more")
@needs("flows.change")
def starve_flow(request: Asked, flow: str, connection: str) -> Any:
    """Calls that were read by then are worked on."""
    workspace, user = asker(request)
    flow_settings.remove_source(workspace, user, _known(flow), _connection(workspace, connection))
    return _state(flow_settings.current(workspace, flow))


def _known(flow: str) -> str:
    if flow not in flows.found():
        raise Http404
    return flow


def _connection(workspace: int, text: str) -> int:
    from tieline.store.services import connections

    return connections.get(workspace, read("conn", text)).pk


def _state(one: flow_settings.FlowView) -> dict[str, Any]:
    return {
        "flow": one.flow,
        "state": one.state,
        "live": one.live,
        "live_since": one.live_since,
        "version": one.version,
        "settings": dict(one.raw),
        "target": shown("conn", one.target.pk) if one.target else None,
        "sources": [str(shown("conn", source.pk)) for source in one.sources],
        "waiting_version": one.waiting or 0,
        "waits_for": list(one.waiting_scopes),
        "trouble": reason(one.trouble),
    }


def _clash(one: Any) -> dict[str, Any]:
    return {"rules": list(one.rules), "reason": reason(one.reason.to_json()), "example": one.example}
