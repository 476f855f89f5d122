"""Questions of pairs in words: two records that may be one, lines that differ, deletions, plans that moved, limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.core.pairing import Side
from tieline.core.pairing import other as _across
from tieline.engine.sync.reasons import LIKELY
from tieline.store.services import customers
from tieline.store.services.customers import Pair
from tieline.store.services.declined import DeclinedError
from tieline.store.services.inbox import Case
from tieline.web.customers import compare, labels, shown
from tieline.web.customers import words as own
from tieline.web.inbox.shapes import Asked, Candidate, Evidence, Way
from tieline.web.parts import words
from tieline.web.words import customers as sides
from tieline.web.words import say


def pair_of(workspace: int, case: Case) -> Pair | None:
    """The pair of a case, None where it is gone."""
    try:
        return customers.pair(workspace, case.pair or 0)
    except DeclinedError:
        return None


def title(case: Case) -> str:
    """The case in a few words."""
    name = case.name or case.record
    return {
        "match": _("Is it the same: %(name)s?"), "conflict": _("%(name)s differs"), "deletion": _("%(name)s was deleted"),
        "moved": _("%(name)s has moved since"), "limit": _("Too many would be deleted"), "unknown": _("Was %(name)s made?"),
    }.get(case.kind, say(case.reason)) % {"name": name}  # fmt: skip


def said(case: Case, pair: Pair | None) -> str:
    """The reason, with the sides by their names."""
    if pair is None:
        return say(case.reason)
    with sides.named(pair.left.title, pair.right.title):
        return say(case.reason)


def fill(out: Asked, case: Case, pair: Pair | None, group: int) -> None:
    """What the right half of the inbox shows of it."""
    out.question, out.why = title(case), said(case, pair)
    out.can_always = False  # which two are one is remembered by their link, who wins on a line by the rules
    out.alike = max(group - 1, 0) if case.kind in ("conflict", "deletion") else 0
    if out.alike:
        count = words.number(out.alike)
        alike = (
            _("Settle the %(count)s alike too: same question, same field")
            if case.kind == "conflict"
            else _("Settle the %(count)s alike too: same question")
        )
        out.alike_said = alike % {"count": count}
    if pair is None:
        return
    across = pair.right.title if case.side == "left" else pair.left.title
    out.system = across if case.kind in ("match", "unknown") else ""
    out.icon = "customers"
    side: Side = "right" if case.side == "right" else "left"
    if case.record:
        out.ways = [Way(_("Look at both side by side"), shown.url_of(pair, case.role, side, case.record))]
        out.arrived = (
            f"{own.text(own.ROLE, case.role)} {case.name or case.record} · {pair.connection(side).title} {case.record}"
        )
    else:
        out.ways = [Way(_("See the pair"), reverse("customers-pair", args=[shown.pair_id(pair)]))]
    if case.state == "open":
        with sides.named(pair.left.title, pair.right.title):
            out.candidates = _candidates(case, pair, across)


def _candidates(case: Case, pair: Pair, across: str) -> list[Candidate]:
    if case.kind == "conflict":
        return _by_side(case, pair)
    if case.kind in ("match", "unknown"):
        found = [_one(option) for option in case.options]
        if (case.reason or {}).get("code") == LIKELY:  # nobody meant to make it there
            return [
                *found,
                _choice({"partner": ""}, _("None of them"), _("it stays as it is, and is not asked about again")),
            ]
        other = _("create it in %(system)s") if case.kind == "match" else _("Tieline makes it in %(system)s")
        found.append(_choice({"create": True, "partner": ""}, _("None of them"), other % {"system": across}))
        return found
    if case.kind == "deletion":
        gone, here = pair.connection(_gone(case)).title, pair.connection(_across(_gone(case))).title
        return [
            _choice({"deletion": "unlink"}, _("Keep it"), _("it stays in %(system)s, and the link ends") % {"system": here}),
            _choice({"deletion": "restore"}, _("Make it again"), _("in %(system)s, with the values of %(other)s") % {"system": gone, "other": here}),
            _choice({"deletion": "delete"}, _("Delete it"), _("in %(system)s too") % {"system": here}),
        ]  # fmt: skip
    if case.kind == "limit":
        return [
            _choice({"bypass": True}, _("Go on this once"), _("the next run is held by the limit again")),
            _choice({"leave": True}, _("Leave them"), _("nothing of it is deleted")),
        ]
    return [
        _choice({"again": True}, _("Do what follows now"), _("from the values as they are today")),
        _choice({"leave": True}, _("Leave it"), _("both stay as they are")),
    ]


def _gone(case: Case) -> Side:
    """Where it was deleted. The reason says so: a linked customer's question stands under its record of the left, wherever it is gone."""
    return own.gone_side((case.reason or {}).get("params")) or ("right" if case.side == "left" else "left")


def _by_side(case: Case, pair: Pair) -> list[Candidate]:
    """One side wins on every line of the question; field by field is for the customer's page."""
    named = labels.of(pair, case.role)
    out = []
    for side in ("left", "right"):
        choices = {str(line["line"]): side for line in case.options}
        evidence = tuple(
            Evidence(
                words.titled(own.line_name(str(line["line"]), named.get(str(line["line"]), "")), compare.value(line.get(side), str(line["line"]))),
                yes=None,
            )
            for line in case.options
        )  # fmt: skip
        about = _("its values go to both")
        out.append(
            Candidate(
                _text({"choices": choices}),
                pair.connection("left" if side == "left" else "right").title,
                about,
                evidence,
            )
        )
    return out


def _one(option: Mapping[str, Any]) -> Candidate:
    fields = option.get("fields") or {}
    evidence = tuple(
        Evidence(say(one.get("reason")), yes=bool(one.get("agrees")))
        for one in option.get("evidence", ())
        if one.get("reason")
    )
    id = str(option.get("id", ""))
    name = str(fields.get("name") or option.get("name") or id)
    return Candidate(_text({"partner": id}), name, "", evidence, _("id %(id)s") % {"id": id})


def _choice(value: Mapping[str, Any], name: str, about: str) -> Candidate:
    return Candidate(_text(value), name, about, ())


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True)


def choice(text: str) -> Any:
    """What the form sent, None for what it cannot have sent."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def chosen(answer: Any, options: Any) -> str:
    """An answer by name."""
    if not isinstance(answer, Mapping):
        return ""
    if "choices" in answer:
        picked = set(answer["choices"].values())
        count = len(answer["choices"])
        if len(picked) == 1:
            return ngettext("%(count)s field from %(side)s", "%(count)s fields from %(side)s", count) % {
                "count": count, "side": sides.side_name(next(iter(picked))),
            }  # fmt: skip
        return ngettext("%(count)s field chosen", "%(count)s fields chosen", count) % {"count": count}
    if answer.get("deletion"):
        return {"delete": _("delete it there too"), "restore": _("make it again"), "unlink": _("keep it")}.get(
            str(answer["deletion"]), ""
        )
    if answer.get("create"):
        return _("make it")
    if "partner" in answer:
        wanted = str(answer["partner"])
        for option in options:
            if isinstance(option, Mapping) and str(option.get("id")) == wanted:
                return str((option.get("fields") or {}).get("name") or option.get("name") or wanted)
        return wanted or _("none of them")
    if answer.get("bypass"):
        return _("go on this once")
    return _("do what follows now") if answer.get("again") else _("leave it")
