"""From a posted page to the draft. Only what stands on the page is touched; controls that cannot be used are not posted."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from django.http import QueryDict

from tieline.core.flow import Place
from tieline.web.calls import draft as drafts

if TYPE_CHECKING:
    from tieline.web.calls.desk import Desk

OWN: Final = "own"
"""Chosen in the list of names: typed in own words."""
SWITCH: Final = "_switch"
"""Hidden beside each switch: one that is off is not posted by itself."""
ROLES: Final = ("account", "lead", "contact", "deal", "task", "call")
NUMBERS: Final = frozenset({"task.due_days", "call.retention_days", "settle_s"})
TEXTS: Final = frozenset({"default_country", "zone", "language", "several.decide", "task.per"})
WHOLE: Final = {"deal.when": ("never", "no_active"), "call.log": ("none", "all"), "call.recording": ("none", "link")}
"""Settings with an off: (off, what "on" means where nothing was chosen before)."""


def apply(desk: Desk, post: QueryDict) -> None:
    """Lays what was posted over the draft."""
    raw = copy.deepcopy(desk.raw)
    for place in post.getlist(SWITCH):
        _switch(raw, place, on=place in post, post=post)
    for place in post:
        _one(desk, raw, place, str(post[place]))
    lines(desk, raw, post)
    _places(desk, raw, post)
    desk.raw = raw


def _switch(raw: dict[str, Any], place: str, *, on: bool, post: QueryDict) -> None:
    group, _, name = place.partition(".")
    if group not in ROLES:
        return
    if name == "create" and group in ("account", "lead", "contact", "task"):
        raw[group]["create"] = on
        return
    setting = {"deal.on": "deal.when", "call.logs": "call.log", "call.records": "call.recording"}.get(place)
    if setting is None:
        return
    off, usual = WHOLE[setting]
    group, _, name = setting.partition(".")
    if not on:
        raw[group][name] = off
    else:
        chosen = post.get(setting, "")
        raw[group][name] = chosen if chosen and chosen != off else usual


def _one(desk: Desk, raw: dict[str, Any], place: str, value: str) -> None:
    group, _, name = place.partition(".")
    if place in NUMBERS:
        typed = value.strip()
        is_whole = typed.isascii() and typed.isdigit() and len(typed) < 10
        drafts.put(raw, place, int(typed) if is_whole else typed[:100])
    elif place in TEXTS:
        drafts.put(raw, place, value.strip().upper() if place == "default_country" else value.strip())
    elif place == "default_user":
        raw["default_user"] = _user(desk, value)
    elif group in ROLES:
        _of_rule(desk, raw, group, name, value)


def _of_rule(desk: Desk, raw: dict[str, Any], role: str, name: str, value: str) -> None:
    rule = raw[role]
    if name == "owner":
        kind, _, user = value.partition(":")
        rule["owner"] = {"kind": kind, "user": _user(desk, user) if kind == "user" and user else None}
    elif name == "name":
        place = f"{role}.name"
        if value == OWN:
            desk.own_names.add(place)
        else:
            desk.own_names.discard(place)
            rule["name"] = value
    elif name == "name.text" and f"{role}.name" in desk.own_names:
        rule["name"] = value.strip()[:200]
    elif name in ("layout", "status") and name in rule:
        choices = dict(desk.target.choices.get((role, name), ()))
        rule[name] = _pick(value, choices.get(value), rule[name])
    elif name == "done" and "done" in rule:  # the status of a closed task
        rule["done"] = _pick(value, dict(desk.target.choices.get((role, "status"), ())).get(value), rule["done"])
    elif name.startswith("values."):
        field = name.removeprefix("values.")
        typed = _typed(desk, role, field, value)
        if typed is None:
            rule["values"].pop(field, None)
        else:
            rule["values"][field] = typed


def _pick(id: str, label: str | None, held: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A thing of the CRM by its id; one that is not offered any more stays what it was."""
    if not id:
        return None
    if label is None and held and held.get("id") == id:
        return dict(held)
    return {"id": id, "label": label or ""}


def _user(desk: Desk, id: str) -> dict[str, Any] | None:
    if not id:
        return None
    names = {one.id: one.name for one in desk.users}
    label = names.get(id)
    return {"id": id, "label": label if label is not None else _label_held(desk.raw, id)}


def _label_held(raw: Mapping[str, Any], user: str) -> str:
    """What somebody who is gone from the CRM was called when they were chosen."""
    held = [raw.get("default_user"), *(line.get("manager") for line in raw.get("lines", ()))]
    held += [raw[role]["owner"].get("user") for role in ROLES]
    return next((str(one.get("label", "")) for one in held if one and one.get("id") == user), "")


def _typed(desk: Desk, role: str, name: str, value: str) -> Any:
    """A value in the type of its field; nothing typed is no value."""
    text = value.strip()
    if not text:
        return None
    field = desk.vendor_field(role, name)
    kind = field.type if field is not None else "text"
    if kind == "bool":
        return text == "true"
    if kind in ("number", "money"):
        try:
            return int(text)
        except ValueError:
            try:
                number = float(text.replace(",", "."))
            except ValueError:
                return text
            return number if math.isfinite(number) else text
    return [text] if kind == "choices" else text


def lines(desk: Desk, raw: dict[str, Any], post: QueryDict, but: Collection[str] = ()) -> None:
    """The table of company lines; a row is posted whole, with the number of its line. Another page may have taken lines off
    or put some on since: rows without a line are let go, lines without a row stay. `but`: keys of lines to leave alone."""
    given = post.get("lines.count", "")
    if not (given.isascii() and given.isdigit() and len(given) < 5):
        return
    rows = {str(post.get(f"lines.{at}.number", "")): f"lines.{at}." for at in range(int(given))}
    for key, line in zip(drafts.line_keys(raw["lines"]), raw["lines"], strict=True):
        row = rows.get(key)
        if row is None or key in but:
            continue
        if row + "label" in post:
            line["label"] = str(post[row + "label"]).strip()[:120]
        if row + "country" in post:
            line["country"] = str(post[row + "country"]).strip().upper() or None
        if row + "manager" in post:
            line["manager"] = _user(desk, str(post[row + "manager"]))
        line["ignore"] = row + "ignore" in post


def add_line(raw: dict[str, Any], number: str, label: str = "") -> None:
    """A line more; who manages it is chosen in its row."""
    raw["lines"].append(
        {"number": number.strip()[:40], "label": label.strip()[:120], "manager": None, "ignore": False, "country": None}
    )


# -- where deals stand -------------------------------------------------------------------------------------------------


def _places(desk: Desk, raw: dict[str, Any], post: QueryDict) -> None:
    deal, mode = raw["deal"], post.get("deal.mode")
    if mode is None:
        return
    deal["per_manager"] = mode == "manager"
    if mode == "crm":
        deal["place"] = None
    elif mode == "all":
        deal["place"] = placed(desk, deal["place"], post, "deal.place")
    else:
        for user in post.getlist("deal.manager"):
            found = placed(desk, deal["places"].get(user), post, f"deal.places.{user}")
            if found is None:
                deal["places"].pop(user, None)
            else:
                deal["places"][user] = found


def placed(desk: Desk, held: Mapping[str, Any] | None, post: QueryDict, at: str) -> dict[str, Any] | None:
    """Layout, pipeline and stage as posted; what no longer fits the part before it becomes the first that does."""
    parts = ("layout", "pipeline", "stage")
    asked = [post.get(f"{at}.{part}", "") for part in parts]
    if held is not None and asked == [held[part]["id"] for part in parts]:
        return dict(held)
    if held is None and not any(asked) and f"{at}.layout" in post:
        return None  # still to be chosen
    if f"{at}.layout" in post and not asked[0] and held is not None:
        return None
    place = fitting(desk.target.places, asked)
    if place is None:
        return None
    labels = place_labels(desk)
    return {
        part: {"id": id, "label": labels.get((part, id), id)}
        for part, id in zip(parts, (place.layout, place.pipeline, place.stage), strict=True)
    }


def fitting(places: Sequence[Place], asked: Sequence[str]) -> Place | None:
    """The place that keeps as much as it can of what was asked, from the layout on."""
    kept = list(places)
    for name, wanted in zip(("layout", "pipeline", "stage"), asked, strict=True):
        kept = [one for one in kept if getattr(one, name) == wanted] or kept
    return kept[0] if kept else None


def place_labels(desk: Desk) -> dict[tuple[str, str], str]:
    """("layout" | "pipeline" | "stage", id) → what the CRM calls it."""
    out: dict[tuple[str, str], str] = {}
    thing = desk.objects.get("deal")
    for layout in thing.layouts if thing is not None else ():
        out["layout", layout.id] = layout.label
        for pipeline, label, stages in layout.pipelines:
            out["pipeline", pipeline] = label
            out.update({("stage", stage[0]): stage[1] for stage in stages})
    return out
