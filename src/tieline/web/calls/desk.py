"""What one person has before them: the settings in force, their unsaved changes, what the CRM offers, what contradicts.

The draft lives in the session, by workspace, so that tabs, reloads and a sign-in on the same browser keep it. It carries
the number of the version it began from; when somebody else saves meanwhile, the two are brought together (draft.merged).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import QueryDict
from django.utils import timezone

from tieline.core.flow import Clash, Target
from tieline.flows.calls.settings import Settings
from tieline.sdk.contract import FieldSchema, ObjectSchema, VendorUser
from tieline.sdk.manifest import Manifest
from tieline.store.connection import workspace_tx
from tieline.store.models import FlowVersion
from tieline.store.services import flow_settings, schemas, scopes
from tieline.store.services.asking import manifest_of
from tieline.store.services.flow_settings import Checked, FlowView
from tieline.web.calls import draft as drafts
from tieline.web.calls import posted
from tieline.web.permissions import may
from tieline.web.request import PageRequest

FLOW: Final = "calls"


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Somebody saved while this draft was open. both: place → (mine, theirs)."""

    who: str
    when: Any
    both: Mapping[str, tuple[Any, Any]]


@dataclass
class Desk:
    """See the module. `raw` is the draft; `settings` is it typed, with the saved value where something typed is no valid one."""

    workspace: int
    view: FlowView
    base_number: int
    base: dict[str, Any]
    raw: dict[str, Any]
    may_change: bool
    own_names: set[str]
    settings: Settings | None = None
    clashes: Sequence[Clash] = ()
    remarks: Sequence[Clash] = ()
    malformed: Sequence[str] = ()
    target: Target = field(default_factory=Target)
    manifest: Manifest | None = None
    users: Sequence[VendorUser] = ()
    objects: Mapping[str, ObjectSchema] = field(default_factory=dict)
    """Role → the CRM's object."""
    wanted: Mapping[str, Sequence[scopes.Rule]] = field(default_factory=dict)
    missing: Mapping[str, Sequence[scopes.Rule]] = field(default_factory=dict)
    surplus: Sequence[str] = ()
    meanwhile: Meanwhile | None = None
    is_news: bool = False
    """`meanwhile` was found just now: nobody has seen it yet."""

    @property
    def is_set_up(self) -> bool:
        return bool(self.base)

    @property
    def changes(self) -> dict[str, tuple[Any, Any]]:
        return drafts.changed(self.base, self.raw)

    def vendor_field(self, role: str, name: str) -> FieldSchema | None:
        """The CRM's field behind a canonical or vendor's own name."""
        thing = self.objects.get(role)
        if thing is None or self.manifest is None:
            return None
        mapped = self.manifest.roles[role].fields.get(name)
        wanted = mapped[0] if mapped else name.removeprefix("=")
        return next((one for one in thing.fields if one.name == wanted), None)


def open_desk(request: PageRequest, post: QueryDict | None = None) -> Desk:
    """The desk of this reader, with their draft if they may change anything; `post` is laid over it first.

    What a page posts belongs to the version that the page showed, so it is laid over that one; only then do versions saved
    meanwhile come in. Else an old page would quietly put back what somebody else has changed.
    """
    workspace = request.workspace.pk
    with workspace_tx(workspace):
        view = flow_settings.current(workspace, FLOW)
        number = max(view.version, view.waiting)
        base = _whole(view.waiting_raw if view.waiting > view.version else view.raw)
        desk = Desk(workspace, view, number, base, copy.deepcopy(base), may(request.member, "flows.change"), set())
        _describe(desk)
        if base and desk.may_change:
            _lay(desk, request.session.get(_key(workspace)), post)
        judge(desk)
        return desk


def _describe(desk: Desk) -> None:
    """What the CRM offers, as it was last described."""
    target = desk.view.target
    if target is None:
        return
    desk.manifest = manifest_of(target.connector)
    by_name = {one.name: one for one in schemas.schemas_of(target)}
    desk.users = schemas.users_of(target)
    roles = desk.manifest.roles.items()
    desk.objects = {role: by_name[mapped.object] for role, mapped in roles if mapped.object in by_name}
    desk.target = schemas.target_of(target)


def _lay(desk: Desk, kept: Mapping[str, Any] | None, post: QueryDict | None) -> None:
    """The draft as kept, what was posted, and what others saved since, together."""
    at, both = desk.base_number, dict[str, tuple[Any, Any]]()
    if kept:
        at, desk.raw, desk.own_names = kept["base"], kept["raw"], set(kept.get("own", ()))
        told = kept.get("meanwhile")
        if told:
            desk.meanwhile = Meanwhile(told["who"], told["when"], {p: (m, t) for p, (m, t) in told["both"].items()})
    fresh = False
    if post is not None:
        given = post.get("base", "")
        shown = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else at
        older = _version(desk, shown) if shown != at else None
        if older is None:
            posted.apply(desk, post)
        else:
            draft, base = desk.raw, _whole(older.settings)
            desk.raw = copy.deepcopy(base)
            posted.apply(desk, post)
            result = drafts.merged(base, desk.raw, draft)
            desk.raw, both, fresh = result.raw, result.both, shown < desk.base_number
            posted.lines(desk, desk.raw, post, but=drafts.line_keys(base["lines"]))
    if at != desk.base_number:
        base_row = _version(desk, at)
        if base_row is None:  # of another CRM's settings: nothing to bring together
            desk.raw = copy.deepcopy(desk.base)
        else:
            result = drafts.merged(_whole(base_row.settings), desk.raw, desk.base)
            desk.raw, both, fresh = result.raw, {**both, **result.both}, True
    if fresh:
        last = _version(desk, desk.base_number)
        if last is not None:
            who = last.saved_by.name if last.saved_by else ""
            desk.meanwhile = Meanwhile(who, timezone.localtime(last.saved_at).strftime("%H:%M"), both)
            desk.is_news = True


def _version(desk: Desk, number: int) -> FlowVersion | None:
    rows = FlowVersion.objects.filter(workspace_id=desk.workspace, setting__flow=FLOW, number=number)
    return rows.select_related("saved_by").first()


def judge(desk: Desk) -> None:
    """Checks the draft as it stands. Where something typed is no valid value, the rest is judged with the saved one."""
    if not desk.base:
        return
    with workspace_tx(desk.workspace):
        raw: Mapping[str, Any] = desk.raw
        checked: Checked = flow_settings.check(desk.workspace, FLOW, raw)
        desk.malformed = checked.malformed
        if checked.malformed:
            raw = _without(desk.raw, desk.base, checked.malformed)
            checked = flow_settings.check(desk.workspace, FLOW, raw)
        if checked.settings is None:
            checked = flow_settings.check(desk.workspace, FLOW, desk.base)
        desk.settings, desk.clashes, desk.remarks = checked.settings, checked.clashes, checked.remarks
        desk.missing, desk.surplus = checked.missing, checked.surplus
        if desk.view.target is not None:
            desk.wanted = scopes.of_settings(desk.view.target, FLOW, raw)


def keep(request: PageRequest, desk: Desk) -> None:
    """Keeps the draft in the session; one without changes is forgotten."""
    key = _key(desk.workspace)
    if not desk.changes and not desk.own_names and desk.meanwhile is None:
        request.session.pop(key, None)
        return
    told = desk.meanwhile
    request.session[key] = {
        "base": desk.base_number,
        "raw": desk.raw,
        "own": sorted(desk.own_names),
        "meanwhile": {"who": told.who, "when": told.when, "both": {p: list(v) for p, v in told.both.items()}}
        if told
        else None,
    }


def forget(request: PageRequest, workspace: int) -> None:
    """No unsaved changes any more."""
    request.session.pop(_key(workspace), None)


def _key(workspace: int) -> str:
    return f"calls_draft:{workspace}"


def _whole(raw: Mapping[str, Any]) -> dict[str, Any]:
    """With every setting there is, so that an older version differs only in what somebody changed."""
    if not raw:
        return {}
    whole: dict[str, Any] = Settings.model_validate(dict(raw)).model_dump(mode="json")
    return whole


def _without(raw: Mapping[str, Any], base: Mapping[str, Any], wrong: Sequence[str]) -> dict[str, Any]:
    """The draft with the saved value at every place that is no valid one."""
    found, saved = drafts.places(raw), drafts.places(base)
    if any(one.startswith("lines") for one in wrong):
        found = {place: value for place, value in found.items() if not place.startswith("lines.")}
        found |= {place: value for place, value in saved.items() if place.startswith("lines.")}
    for one in wrong:
        for place in [place for place in found if one == place or one.startswith(place + ".")]:
            if place in saved:
                found[place] = saved[place]
            else:
                found.pop(place)
    return drafts.assembled(found, raw)
