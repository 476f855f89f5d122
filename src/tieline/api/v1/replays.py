"""Replays: past calls decided again under other settings."""

from datetime import datetime
from typing import Any

from ninja import Query, Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, demand, needs
from tieline.api.v1.shapes import PROBLEMS, read, shown
from tieline.store.services import replay

router = Router(tags=["Replays"])


class Begin(Schema):
    """Which past calls, and under which settings (null: those in force)."""

    flow: str = Field("calls", max_length=32)
    settings: dict[str, Any] | None = None
    since: datetime
    until: datetime | None = None
    only: str = Field("", max_length=12, description="inbound, outbound, unreached, watched, or nothing for all")
    most: int = Field(1000, ge=1, le=10_000)


class Replay(Schema):
    """A replay as it stands. counts: kind of difference → calls."""

    id: str
    flow: str
    state: str
    total: int
    done: int
    differing: int
    counts: dict[str, int]
    marks: dict[str, int]
    confirms: bool | None
    again_of: str | None
    live_version: int
    applied: int
    made_at: datetime
    finished_at: datetime | None


class Differing(Schema):
    """A call that would come out otherwise."""

    call: str
    about: dict[str, Any]
    kinds: list[str]
    marks: list[str]
    differences: list[Any]
    position: int


class WantedCalls(Schema):
    """Which of them."""

    kind: str = Field("", max_length=40)
    after: int = Field(0, ge=0, le=2**31)
    limit: int = Field(50, ge=1, le=200)


class Version(Schema):
    """The version of the settings that is in force or waits."""

    version: int


class Apply(Schema):
    """Which calls: those that were only watched, and the others."""

    watched: bool = True
    others: bool = False


class Applied(Schema):
    """So many calls are decided anew and written."""

    calls: int


@router.get("/replays", response={200: list[Replay], **PROBLEMS}, summary="List replays")
@needs("runs.replay", "runs-replays")
def list_replays(request: Asked) -> Any:
    """The newest first."""
    workspace, _ = asker(request)
    return [_replay(one) for one in replay.listed(workspace)]


@router.post("/replays", response={200: Replay, **PROBLEMS}, summary="Begin a replay")
@needs("runs.replay", "runs-replay-begin")
def begin_replay(request: Asked, given: Begin) -> Any:
    """Nothing is decided yet: step through it."""
    workspace, user = asker(request)
    more = {"since": given.since, "until": given.until, "only": given.only, "most": given.most}
    return _replay(replay.begin(workspace, user, given.flow, given.settings, **more))  # type: ignore[arg-type]


@router.get("/replays/{replay_id}", response={200: Replay, **PROBLEMS}, summary="One replay")
@needs("runs.replay", "runs-replay")
def one_replay(request: Asked, replay_id: str) -> Any:
    """As it stands."""
    workspace, _ = asker(request)
    return _replay(replay.get(workspace, read("replay", replay_id)))


@router.post("/replays/{replay_id}/step", response={200: Replay, **PROBLEMS}, summary="Decide the next part")
@needs("runs.replay", "runs-replay-step")
def step_replay(request: Asked, replay_id: str) -> Any:
    """Some hundred calls; go on until `state` is “done”."""
    workspace, _ = asker(request)
    return _replay(replay.step(workspace, read("replay", replay_id)))


@router.post("/replays/{replay_id}/again", response={200: Replay, **PROBLEMS}, summary="Repeat a replay")
@needs("runs.replay", "runs-replay-again")
def repeat_replay(request: Asked, replay_id: str) -> Any:
    """To confirm it."""
    workspace, user = asker(request)
    return _replay(replay.again(workspace, user, read("replay", replay_id)))


@router.get("/replays/{replay_id}/calls", response={200: list[Differing], **PROBLEMS}, summary="What would differ")
@needs("runs.replay")
def replayed_calls(request: Asked, replay_id: str, wanted: Query[WantedCalls]) -> Any:
    """Call by call."""
    workspace, _ = asker(request)
    found = replay.subjects(
        workspace, read("replay", replay_id), kind=wanted.kind, after=wanted.after, most=wanted.limit
    )
    return [
        {
            "call": shown("call", one.subject_id),
            "about": dict(one.subject),
            "kinds": list(one.kinds),
            "marks": list(one.marks),
            "differences": list(one.differences),
            "position": one.position,
        }
        for one in found
    ]


@router.post("/replays/{replay_id}/live", response={200: Version, **PROBLEMS}, summary="Put its settings into force")
@needs("flows.live", "runs-replay-live")
def live_replay(request: Asked, replay_id: str) -> Any:
    """From now on calls are decided so. It saves settings, and so asks for flows.change too."""
    demand(request, "flows.change")
    workspace, user = asker(request)
    return {"version": replay.go_live(workspace, user, read("replay", replay_id)).version}


@router.post("/replays/{replay_id}/apply", response={200: Applied, **PROBLEMS}, summary="Write it for the past too")
@needs("runs.replay", "runs-replay-apply")
def apply_replay(request: Asked, replay_id: str, given: Apply) -> Any:
    """Those calls are due again."""
    workspace, user = asker(request)
    count = replay.apply(workspace, user, read("replay", replay_id), watched=given.watched, others=given.others)
    return {"calls": count}


def _replay(one: Any) -> dict[str, Any]:
    return {
        "id": shown("replay", one.id),
        "flow": one.flow,
        "state": one.state,
        "total": one.total,
        "done": one.done,
        "differing": one.differing,
        "counts": dict(one.counts),
        "marks": dict(one.marks),
        "confirms": one.confirms,
        "again_of": shown("replay", one.again_of or None),
        "live_version": one.live_version,
        "applied": one.applied,
        "made_at": one.made_at,
        "finished_at": one.finished_at,
    }
