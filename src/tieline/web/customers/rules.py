"""The page of a pair's rules: directions, who is kept the same, fields, matching, new records, deletions. Contradictions show at
once; nothing is kept before Save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from tieline.core.flow import Clash, Target
from tieline.core.pairing import SIDES, Side
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers.lines import top_role
from tieline.flows.customers.settings import Settings
from tieline.store.services import pairs
from tieline.store.services.customers import Pair
from tieline.store.services.declined import DeclinedError
from tieline.store.services.flow_settings import ClashesError
from tieline.store.services.pairs import Checked
from tieline.web import permissions
from tieline.web.connections.words import declined
from tieline.web.customers import active, labels, posted, shown
from tieline.web.customers import words as own
from tieline.web.customers.addressed import pair_of
from tieline.web.parts import words
from tieline.web.request import PageRequest
from tieline.web.words import customers as sides
from tieline.web.words import say

Texts = dict[str, str | Promise]


@dataclass(frozen=True, slots=True)
class Option:
    """A choice of a field's list."""

    value: str
    label: str
    on: bool = False


@dataclass(frozen=True, slots=True)
class LineShown:
    """A row of the table of fields. at: the beginning of its inputs' names; trouble: of a contradiction that it takes part in."""

    at: str
    label: str
    left: Sequence[Option]
    right: Sequence[Option]
    direction: Sequence[Option]
    policy: Sequence[Option]
    trouble: bool = False


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A card of one role."""

    role: str
    title: str
    at: str
    on: bool
    lines: Sequence[LineShown]
    left: Sequence[Option]
    right: Sequence[Option]
    match: Sequence[Mapping[str, Any]]
    more_match: Sequence[Option]
    values: Sequence[Mapping[str, Any]] = field(default=())


@permissions.needs("flows.see")
@require_safe
def rules(request: PageRequest, pair: str) -> HttpResponse:
    """The rules in force."""
    kept = pair_of(request, pair)
    return render(request, "customers/rules.html", _context(request, kept, dict(kept.settings or {})))


@permissions.needs("flows.change")
@require_POST
def edit(request: PageRequest, pair: str) -> HttpResponse:
    """What was changed, judged; with the button also kept. htmx gets the form anew."""
    kept = pair_of(request, pair)
    raw = posted.read(request.POST, kept.settings or {})
    act = request.POST.get("act", "")
    if act.startswith("way:"):
        for path, value in _way(kept, raw, act).items():
            _put(raw, path, value)
    if act == "save":
        try:
            base = request.POST.get("base", "")
            version = pairs.save(
                request.workspace.pk, request.user, kept.id, raw, base=int(base) if base.isdecimal() else None
            )
        except ClashesError:
            pass
        except DeclinedError as error:
            messages.error(request, declined(error))
        else:
            messages.success(request, gettext("Saved as version %(version)s.") % {"version": version})
            there = reverse("customers-rules", args=[pair])
            return _sent(request, there)
    context = _context(request, kept, raw)
    if request.htmx:
        return HttpResponse(render_to_string("customers/rules_form.html", context, request).strip())
    return render(request, "customers/rules.html", context)


def _sent(request: PageRequest, url: str) -> HttpResponse:
    return HttpResponse(status=204, headers={"HX-Redirect": url}) if request.htmx else HttpResponseRedirect(url)


# -- inside -------------------------------------------------------------------------------------------------------------


def _context(request: PageRequest, pair: Pair, raw: dict[str, Any]) -> dict[str, Any]:
    with sides.named(pair.left.title, pair.right.title):
        return _shown(request, pair, raw)


def _shown(request: PageRequest, pair: Pair, raw: dict[str, Any]) -> dict[str, Any]:
    found = pairs.checked(request.workspace.pk, pair.id, raw)
    targets = pairs.targets(pair)
    settings = found.settings or CUSTOMERS.load(dict(pair.settings or {}))
    touched = {rule for clash in found.clashes for rule in clash.rules}
    return {
        "pair": {
            "id": shown.pair_id(pair), "left_title": pair.left.title, "right_title": pair.right.title,
            "version": pair.row.version, "edit_url": reverse("customers-rules-edit", args=[shown.pair_id(pair)]),
            "url": reverse("customers-pair", args=[shown.pair_id(pair)]),
        },
        "raw": raw,
        "may_change": permissions.may(request.member, "flows.change"),
        "changed": raw != (pair.settings or {}),
        "clashes": [_clash(clash, number) for number, clash in enumerate(found.clashes)],
        "remarks": [_remark(one) for one in found.remarks],
        "malformed": found.malformed,
        "crm_new": _options(_NEW, raw.get("crm_new", "at_creation")),
        "marks": _options(_MARKS, raw.get("mark", {}).get("kind", "all")),
        "mark_fields": _fields(pair, "left", targets["left"], top_role(settings), str(raw.get("mark", {}).get("field", ""))),
        "mark_values": ", ".join(raw.get("mark", {}).get("values", ())),
        "active": _active(pair, raw, settings, targets["left"]),
        "roles": [_role(pair, role, number, targets, touched) for number, role in enumerate(raw.get("roles", ()))],
        "deletions": [
            {"side": side, "title": pair.connection(side).title,
             "options": _options(_DELETIONS, raw.get("deletions", {}).get(side, "ask"))}
            for side in SIDES
        ],
        "share": round(100 * raw.get("deletions", {}).get("share", 0.1)),
        "count": raw.get("deletions", {}).get("count", 50),
        "checked": found,
    }  # fmt: skip


_NEW: Texts = {
    "at_creation": _("as soon as it is created"), "when_active": _("when it becomes active"), "by_hand": _("only by hand"),
    "off": _("never"),
}  # fmt: skip
_MARKS: Texts = {
    "all": _("every customer, except those that were stopped"), "own": _("those that were marked here"),
    "field": _("those that a field of the CRM says"),
}  # fmt: skip
_DIRECTIONS: Texts = {"both": "↔", "to_right": "→", "to_left": "←"}
_DELETIONS: Texts = {
    "ask": _("ask in the inbox"), "delete": _("delete it on the other side too"), "restore": _("create it again"),
    "unlink": _("leave the other one and end the link"),
}  # fmt: skip
_RULES: Texts = {
    "registration_number": _("registration number"), "email": _("e-mail"), "phone": _("phone"), "name": _("name"),
}  # fmt: skip
_OPERATORS: Texts = {
    "is": _("is"), "is_not": _("is not"), "in": _("is one of"), "not_in": _("is none of"), "contains": _("contains"),
    "filled": _("is filled"), "empty": _("is empty"), "yes": _("is yes"), "no": _("is no"), "more": _("is more than"),
    "less": _("is less than"),
}  # fmt: skip


def _options(texts: Texts, chosen: str) -> list[Option]:
    return [Option(value, str(label), value == chosen) for value, label in texts.items()]


def _fields(pair: Pair, side: Side, target: Target, role: str, chosen: str) -> list[Option]:
    """Every field that can stand on this side of a line: the standard ones, then the vendor's own."""
    canonical = sorted(target.roles.get(role, ()), key=own.line_name)
    named = labels.of_fields(pair, side, role)
    theirs = sorted(named.items(), key=lambda one: one[1])
    there = [(name, own.line_name(name)) for name in canonical]
    return _chosen([*there, *((name, f"{label} ({name[1:]})") for name, label in theirs)], chosen)


def _role(
    pair: Pair, raw: Mapping[str, Any], number: int, targets: Mapping[Side, Target], touched: set[str]
) -> RoleShown:
    role, at = str(raw["role"]), f"r{number}."
    lines = []
    for place, line in enumerate(raw.get("lines", ())):
        here = f"{at}l{place}."
        lines.append(
            LineShown(
                here,
                own.line_name(line["name"], line.get("label", "")),
                _fields(pair, "left", targets["left"], role, line["left"]),
                _fields(pair, "right", targets["right"], role, line["right"]),
                _options(_DIRECTIONS, line.get("direction", "both")),
                _policies(pair, line.get("policy", "ask")),
                any(rule.startswith(f"{role}.{line['name']}") for rule in touched),
            )
        )
    rules_there = {rule["rule"] for rule in raw.get("match", ())}
    return RoleShown(
        role,
        own.text(own.ROLES, role),
        at,
        bool(raw.get("on", True)),
        lines,
        _fields(pair, "left", targets["left"], role, ""),
        _fields(pair, "right", targets["right"], role, ""),
        [
            {"at": f"{at}m{place}.", "label": own.text(_RULES, rule["rule"]), "decides": rule.get("decides", True)}
            for place, rule in enumerate(raw.get("match", ()))
        ],
        [Option(name, str(label)) for name, label in _options_left(rules_there)],
        [one for side in SIDES for one in _new_values(pair, side, raw, targets[side], at)],
    )


def _options_left(there: set[str]) -> list[tuple[str, str]]:
    return [(name, str(label)) for name, label in _RULES.items() if name not in there]


def _policies(pair: Pair, chosen: str) -> list[Option]:
    return [
        Option("ask", gettext("ask"), chosen == "ask"),
        Option("newest", gettext("the newest"), chosen == "newest"),
        Option("left", pair.left.title, chosen == "left"),
        Option("right", pair.right.title, chosen == "right"),
    ]


def _new_values(pair: Pair, side: Side, raw: Mapping[str, Any], target: Target, at: str) -> list[Mapping[str, Any]]:
    """What a new record gets on this side: what it requires and no line fills, and what is chosen already."""
    role = str(raw["role"])
    out: list[Mapping[str, Any]] = []
    chosen: Mapping[str, Any] = raw.get(f"{side}_values", {})
    filled = {line["left" if side == "left" else "right"] for line in raw.get("lines", ())}
    required = [name for names in target.required.get(role, {}).values() for name in names if name not in filled]
    for name in dict.fromkeys([*required, *chosen]):
        now = chosen.get(name)
        value = now.get("id") if isinstance(now, dict) else now
        choices = [
            Option(f"{id}|{label}", label or id, id == str(value or ""))
            for id, label in target.choices.get((role, name), ())
        ]
        out.append(
            {
                "name": f"{at}{side}.{name}", "label": own.line_name(name), "system": pair.connection(side).title,
                "choices": choices, "value": "" if value is None else str(value), "required": name in required,
            }
        )  # fmt: skip
    return out


def _active(pair: Pair, raw: Mapping[str, Any], settings: Settings, target: Target) -> Mapping[str, Any]:
    kept = raw.get("active") or {}
    of = active.of(kept)
    tests = [*kept.get("tests", ()), {"field": "", "operator": "is", "values": ()}]
    role = active.role_of(settings, of)
    there = active.fields(pair, target, role)
    return {
        "of": [Option(value, label, value == of) for value, label in active.choices(settings, target, of)],
        "shown": of, "match": kept.get("match", "all"),
        "tests": [
            {
                "at": f"active.{number}.", "fields": _chosen(there, test["field"]), "is_new": not test["field"],
                "operators": _options(_OPERATORS, test.get("operator", "is")), "values": ", ".join(test.get("values", ())),
                "choices": [
                    Option(value, label, value in test.get("values", ()))
                    for value, label in active.values(target, role, test["field"], test.get("values", ()))
                ],
            }
            for number, test in enumerate(tests)
        ],
    }  # fmt: skip


def _chosen(there: Sequence[tuple[str, str]], chosen: str) -> list[Option]:
    """(name, label) as a choice; what is chosen stands in it whether or not it is there."""
    found = [Option(name, label, name == chosen) for name, label in there]
    if chosen and all(not one.on for one in found):
        found.insert(0, Option(chosen, own.line_name(chosen), on=True))
    return found


def _clash(clash: Clash, number: int) -> Mapping[str, Any]:
    ways = [(f"way:{number}:{place}", say(reason)) for place, (reason, _changes) in enumerate(clash.ways_out)]
    example = ", ".join(f"{own.line_name(str(name))}: {value}" for name, value in (clash.example or {}).items())
    return {"title": say(clash.reason), "example": example, "ways": ways}


def _remark(remark: Clash) -> str:
    """A remark; about one field it says of which records: customers and contact persons both have a name."""
    role = remark.rules[0].partition(".")[0] if remark.rules and "what" in remark.reason.params else ""
    return words.titled(own.text(own.ROLES, role), say(remark.reason)) if role in own.ROLES else say(remark.reason)


def _way(pair: Pair, raw: Mapping[str, Any], act: str) -> Mapping[str, Any]:
    found: Checked = pairs.checked(pair.row.workspace_id, pair.id, raw)
    try:
        _kind, clash, way = act.split(":")
        return found.clashes[int(clash)].ways_out[int(way)][1]
    except (ValueError, IndexError):
        return {}


def _put(raw: dict[str, Any], path: str, value: Any) -> None:
    """A value at a dotted path; a number in it is a place in a list, a name in a list the item of that name or role."""
    *above, last = path.split(".")
    here: Any = raw
    for part in above:
        here = _inside(here, part)
        if here is None:
            return
    if isinstance(here, list):
        found = next(
            (place for place, one in enumerate(here) if last in (str(place), one.get("name"), one.get("role"))), None
        )
        if found is not None:
            if value is None:
                del here[found]
            else:
                here[found] = value
    else:
        here[last] = value


def _inside(here: Any, part: str) -> Any:
    if isinstance(here, list):
        return next(
            (one for place, one in enumerate(here) if part in (str(place), one.get("name"), one.get("role"))), None
        )
    if isinstance(here, dict):
        return here.setdefault(part, {})
    return None
