"""Where new deals stand (CALL-14): layout, pipeline and stage, one set for all or one per manager. Only what fits is offered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tieline.core.flow import Place
from tieline.web.calls.controls import Choice, Controls, Rule, sentence
from tieline.web.calls.desk import Desk
from tieline.web.calls.posted import place_labels

PARTS = ("layout", "pipeline", "stage")


def rules(desk: Desk, controls: Controls) -> list[Rule]:
    """The rule that says how places are chosen, and below it the place or the table of them."""
    deal = desk.raw["deal"]
    offered = bool(desk.target.places) and "stage" in desk.target.roles.get("deal", ())
    if not offered and deal["place"] is None and not deal["per_manager"]:
        if "deal" not in desk.target.roles:
            return []
        name = desk.manifest.title if desk.manifest is not None else _("The CRM")
        said = _("%(crm)s chooses the stage itself: its deals have no pipelines here.") % {"crm": name}
        return [Rule(sentence("%(said)s", said=said), ["deal.place"])]
    mode = "manager" if deal["per_manager"] else "all" if deal["place"] is not None else "crm"
    modes = [("crm", _("where the CRM puts them")), ("all", _("in one place for all")), ("manager", _("in one place per manager"))]  # fmt: skip
    chosen = controls.select("deal.mode", _("Where new deals stand"), modes, mode, watch=("deal.per_manager",))
    first = Rule(sentence(_("New deals stand %(mode)s."), mode=chosen), ["deal.place", "deal.per_manager"])
    out = [first]
    if mode == "crm":
        layouts = desk.target.choices.get(("deal", "layout"), ())
        if len(layouts) > 1 or deal["layout"]:
            layout = controls.pick("deal.layout", _("Layout"), deal["layout"], layouts, _("the CRM’s own choice"))
            out.append(Rule(sentence(_("Their layout: %(layout)s."), layout=layout), ["deal.layout"]))
    elif mode == "all":
        first.places = ["deal.per_manager"]
        out.append(Rule(_three(desk, controls, "deal.place", deal["place"], _("all")), ["deal.place", "deal.layout"]))
    else:
        first.places = ["deal.per_manager"]
        for user, name in managers(desk):
            hidden = format_html('<input type="hidden" name="deal.manager" value="{}">', user)
            three = _three(desk, controls, f"deal.places.{user}", deal["places"].get(user), name)
            body = format_html("{}<b>{}</b>: {}", hidden, name, three)
            out.append(Rule(body, [f"deal.places.{user}"]))
    return out


def managers(desk: Desk) -> list[tuple[str, str]]:
    """Everybody whose place a call may ask for, once, by id and name; those with a place although nobody asks, last."""
    held = [line["manager"] for line in desk.raw["lines"] if line["manager"] and not line["ignore"]]
    held.append(desk.raw.get("default_user"))
    names = {one.id: one.name for one in desk.users}
    out = {one["id"]: names.get(one["id"]) or one.get("label") or one["id"] for one in held if one}
    for user in desk.raw["deal"]["places"]:
        out.setdefault(user, names.get(user, user))
    return list(out.items())


def _three(desk: Desk, controls: Controls, at: str, held: Mapping[str, Any] | None, whose: str) -> SafeString:
    """Layout, then the pipelines that it has, then the stages of that pipeline."""
    labels = place_labels(desk)
    places = desk.target.places
    ids = [held[part]["id"] if held else "" for part in PARTS]
    whole = any(Place(*ids) == one for one in places)
    out = []
    for depth, part in enumerate(PARTS):
        fits = [one for one in places if all(getattr(one, PARTS[n]) == ids[n] for n in range(depth))]
        offered = dict.fromkeys(getattr(one, part) for one in fits)
        choices: list[Choice] = [(id, labels.get((part, id), id)) for id in offered]
        if not held:
            choices = [("", _("choose…")), *choices] if depth == 0 else [("", "–")]
        missing = _("%(name)s (not offered there)") % {"name": held[part].get("label") or ids[depth]} if held else ""
        title = {"layout": _("Layout"), "pipeline": _("Pipeline"), "stage": _("Stage")}[part]
        watch = () if (held and whole) or (not held and depth) else (at,)
        label = _("%(part)s for %(whose)s") % {"part": title, "whose": whose}
        disabled = not held and depth > 0
        out.append(controls.select(f"{at}.{part}", label, choices, ids[depth], watch=watch, missing=missing, disabled=disabled))  # fmt: skip
    return sentence(_("%(layout)s › %(pipeline)s › %(stage)s"), layout=out[0], pipeline=out[1], stage=out[2])
