"""Pairs: two systems that keep their customers the same; their rules, switches and runs."""

from datetime import datetime
from typing import Any, Literal

from ninja import Router, Schema
from pydantic import Field

from tieline.api.v1.access import Asked, asker, needs
from tieline.api.v1.flows import Checked, Live, Saved, Settings
from tieline.api.v1.shapes import PROBLEMS, Ended, Reason, read, reason, shown
from tieline.core.flow import Clash
from tieline.store.services import customers, pair_views, pairs, panel
from tieline.store.services.customers import Pair

router = Router(tags=["Customers"])
Side = Literal["left", "right"]


class PairState(Schema):
    """A pair as it stands. on: the master switch. live: it writes; else it only watches."""

    id: str
    name: str
    left: str
    right: str
    state: str
    on: bool
    live: bool
    version: int
    polled_at: datetime | None
    trouble: Reason | None


class Why(Schema):
    """So many records are in this state for this reason."""

    state: str
    count: int
    reason: Reason | None


class Health(Schema):
    """How many records agree, and how many do not, and why."""

    agree: int
    differ: int
    failing: int
    pending: int
    stopped: int
    waiting: int
    excluded: int
    linked: dict[str, int]
    reasons: list[Why]


class PairDetail(PairState):
    """A pair with its health."""

    health: Health


class Two(Schema):
    """The connections that are to be joined: left is the CRM, right the ERP or address book."""

    left: str = Field(max_length=40)
    right: str = Field(max_length=40)


class Rules(Schema):
    """The rules in force."""

    version: int
    settings: dict[str, Any]


class On(Schema):
    """The master switch."""

    on: bool


class Panel(Schema):
    """The panel for the CRM's own record page. path: below this installation's address, the record's id is put behind ?id=."""

    origins: list[str]
    path: str


class Origins(Schema):
    """Which pages may frame it, each as https://crm.example.com; none switches it off."""

    origins: list[str] = Field(max_length=20)


@router.get("/pairs", response={200: list[PairState], **PROBLEMS}, summary="List pairs")
@needs("flows.see", "customers")
def list_pairs(request: Asked) -> Any:
    """Those that are not taken apart."""
    workspace, _ = asker(request)
    return [_state(one) for one in customers.pairs(workspace)]


@router.post("/pairs", response={200: PairState, **PROBLEMS}, summary="Join two connections")
@needs("flows.change", "customers-new")
def create_pair(request: Asked, given: Two) -> Any:
    """With rules that work unedited; nothing is written before it is switched live."""
    workspace, user = asker(request)
    made = pairs.create(workspace, user, read("conn", given.left), read("conn", given.right))
    return _state(customers.pair(workspace, made))


@router.get("/pairs/{pair}", response={200: PairDetail, **PROBLEMS}, summary="One pair")
@needs("flows.see", "customers-pair", "customers-live")
def one_pair(request: Asked, pair: str) -> Any:
    """With how many agree, and why the others do not."""
    workspace, _ = asker(request)
    found = pair_of(workspace, pair)
    health = pair_views.health(workspace, found.id)
    why = [
        {
            "state": one.state,
            "count": one.count,
            "reason": reason({"code": one.code, "params": dict(one.params)}) if one.code else None,
        }
        for one in health.reasons
    ]
    counts = {name: getattr(health, name) for name in _COUNTS}
    return {**_state(found), "health": {**counts, "linked": dict(health.linked), "reasons": why}}


@router.delete("/pairs/{pair}", response={200: Ended, **PROBLEMS}, summary="Take a pair apart")
@needs("flows.change", "customers-end")
def end_pair(request: Asked, pair: str) -> Any:
    """Nothing is kept the same any more; what was written stays."""
    workspace, user = asker(request)
    by_hand = pairs.end(workspace, user, pair_of(workspace, pair).id)
    return {"done": True, "by_hand": list(by_hand)}


@router.get("/pairs/{pair}/rules", response={200: Rules, **PROBLEMS}, summary="Its rules")
@needs("flows.see", "customers-rules")
def pair_rules(request: Asked, pair: str) -> Any:
    """Those in force."""
    workspace, _ = asker(request)
    found = pair_of(workspace, pair)
    return {"version": found.row.version, "settings": dict(found.settings or {})}


@router.post(
    "/pairs/{pair}/rules/check", response={200: Checked, **PROBLEMS}, summary="Check rules without saving them"
)
@needs("flows.change", "customers-rules-edit")
def check_rules(request: Asked, pair: str, given: Settings) -> Any:
    """Contradictions and remarks."""
    workspace, _ = asker(request)
    found = pairs.checked(workspace, pair_of(workspace, pair).id, given.settings)
    return {
        "clashes": [_clash(one) for one in found.clashes],
        "remarks": [_clash(one) for one in found.remarks],
        "malformed": list(found.malformed),
        "missing_rights": [],
        "surplus_rights": [],
    }


@router.put("/pairs/{pair}/rules", response={200: Saved, **PROBLEMS}, summary="Save its rules")
@needs("flows.change", "customers-rules-edit")
def save_rules(request: Asked, pair: str, given: Settings) -> Any:
    """As a new version. 409 with the clashes where they contradict."""
    workspace, user = asker(request)
    version = pairs.save(workspace, user, pair_of(workspace, pair).id, given.settings, base=given.base)
    return {"version": version, "waits_for": []}


@router.put("/pairs/{pair}/switch", response={200: PairState, **PROBLEMS}, summary="The master switch")
@needs("flows.change", "customers-switch")
def switch_pair(request: Asked, pair: str, given: On) -> Any:
    """Off: nobody is asked anything."""
    workspace, user = asker(request)
    pairs.switch(workspace, user, pair_of(workspace, pair).id, given.on)
    return _state(pair_of(workspace, pair))


@router.put("/pairs/{pair}/live", response={200: PairState, **PROBLEMS}, summary="Switch a pair's writing on or off")
@needs("flows.live", "customers-write")
def live_pair(request: Asked, pair: str, given: Live) -> Any:
    """Off: it is watched, and nothing is written by itself. What a person decides about one customer, approves or undoes is written."""
    workspace, user = asker(request)
    pairs.go_live(workspace, user, pair_of(workspace, pair).id, given.live)
    return _state(pair_of(workspace, pair))


@router.post("/pairs/{pair}/go-on", response={200: PairState, **PROBLEMS}, summary="Go on after trouble")
@needs("flows.change", "customers-go_on")
def resume_pair(request: Asked, pair: str) -> Any:
    """What stopped it has been mended."""
    workspace, user = asker(request)
    pairs.go_on(workspace, user, pair_of(workspace, pair).id)
    return _state(pair_of(workspace, pair))


@router.get("/pairs/{pair}/panel", response={200: Panel, **PROBLEMS}, summary="Its panel for the CRM")
@needs("flows.change", "customers-panel")
def pair_panel(request: Asked, pair: str) -> Any:
    """Its address. Whoever has it can look at customers of this pair, and change nothing."""
    workspace, _ = asker(request)
    return _panel(pair_of(workspace, pair))


@router.put("/pairs/{pair}/panel", response={200: Panel, **PROBLEMS}, summary="Say who may frame the panel")
@needs("flows.change", "customers-panel")
def allow_panel(request: Asked, pair: str, given: Origins) -> Any:
    """None switches it off."""
    workspace, user = asker(request)
    panel.allow(workspace, user, pair_of(workspace, pair).id, given.origins)
    return _panel(pair_of(workspace, pair))


@router.post("/pairs/{pair}/panel/renew", response={200: Panel, **PROBLEMS}, summary="Another address for the panel")
@needs("flows.change", "customers-panel")
def renew_panel(request: Asked, pair: str) -> Any:
    """Those given out before stop at once."""
    workspace, user = asker(request)
    panel.renew(workspace, user, pair_of(workspace, pair).id)
    return _panel(pair_of(workspace, pair))


# -- inside -------------------------------------------------------------------------------------------------------------

_COUNTS = ("agree", "differ", "failing", "pending", "stopped", "waiting", "excluded")


def pair_of(workspace: int, text: str) -> Pair:
    """The pair of an id; DeclinedError pair.gone."""
    return customers.pair(workspace, read("pair", text))


def _state(pair: Pair) -> dict[str, Any]:
    row = pair.row
    return {
        "id": shown("pair", row.pk), "name": row.name, "left": shown("conn", pair.left.pk), "right": shown("conn", pair.right.pk),
        "state": row.state, "on": row.on, "live": row.live, "version": row.version, "polled_at": row.polled_at,
        "trouble": reason(row.trouble),
    }  # fmt: skip


def _clash(one: Clash) -> dict[str, Any]:
    return {"rules": list(one.rules), "reason": reason(one.reason.to_json()), "example": one.example}


def _panel(pair: Pair) -> dict[str, Any]:
    return {"origins": list(panel.origins(pair)), "path": panel.address(pair)}
