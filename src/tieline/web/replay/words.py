"""Differences in words: what a kind of difference is called, and one call's differences as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tieline.core.values import phone as read_phone
from tieline.store import public_ids
from tieline.store.services.replay_views import Differing
from tieline.web.calls.told import Part, Row, Trial
from tieline.web.calls.words import DIRECTIONS, FIELDS, RESULTS, ROLES, first_up, said, text
from tieline.web.parts.words import phone, titled

Texts = Mapping[str, str | Promise]

KINDS: Final[Texts] = {
    "new": gettext_lazy("%(role)s: would be made, and was not"),
    "gone": gettext_lazy("%(role)s: was made, and would not be"),
    "owner": gettext_lazy("%(role)s: another owner"),
    "values": gettext_lazy("%(role)s: other values"),
    "new_update": gettext_lazy("%(role)s: would be changed, and was not"),
    "gone_update": gettext_lazy("%(role)s: was changed, and would not be"),
    "values_update": gettext_lazy("%(role)s: would be changed otherwise"),
    "new_attach": gettext_lazy("Recording: would be copied, and was not"),
    "gone_attach": gettext_lazy("Recording: was copied, and would not be"),
    "values_attach": gettext_lazy("Recording: another file"),
    "asks": gettext_lazy("Would ask a person"),
    "asks_not": gettext_lazy("Asked a person, and would not"),
}
MARKS: Final[Texts] = {
    "missing": gettext_lazy("not looked up at the time"),
    "later": gettext_lazy("looked up later"),
    "forgotten": gettext_lazy("no longer kept"),
    "watched": gettext_lazy("only watched"),
}
MARKS_SAID: Final[Texts] = {
    "missing": gettext_lazy("These settings ask what nobody asked at the time. It counts as “nothing found” here; going live asks the CRM."),
    "later": gettext_lazy("An answer was fetched later, for a later event of the same call. The CRM may have said otherwise before."),
    "forgotten": gettext_lazy("What was looked up is no longer kept, so nobody can tell. These calls are left out."),
    "watched": gettext_lazy("They came in watch mode: nothing was written for them."),
}  # fmt: skip
_FIRST: Final = {"asks": 0, "asks_not": 0, "new": 0, "gone": 0, "owner": 1}
"""What stands first of a call."""
NOTES: Final[Texts] = {
    "missing": gettext_lazy("A look-up that was not made at the time counts as nothing found."),
    "later": gettext_lazy("An answer was fetched later than the call."),
}
ONLY: Final[Texts] = {
    "": gettext_lazy("all calls"),
    "inbound": gettext_lazy("incoming calls"),
    "outbound": gettext_lazy("outgoing calls"),
    "unreached": gettext_lazy("calls that reached nobody"),
    "watched": gettext_lazy("calls of watch mode"),
}


def kind_words(kind: str) -> str:
    """A kind of difference: "Lead: would be made, and was not"."""
    name, _dot, role = kind.partition(".")
    return text(KINDS, name) % {"role": first_up(text(ROLES, role))}


def written(role: str, verb: str) -> str:
    """What applying writes: "new lead", "change to a task"."""
    named = {"role": text(ROLES, role)}
    if verb == "create":
        return _("new: %(role)s") % named
    return _("recording") if verb == "attach" else _("changed: %(role)s") % named


def trial(one: Differing, users: Mapping[str, str], country: str) -> Trial:
    """One call with what differs, as the lines of "Try it"."""
    subject = one.subject
    raw = str(subject.get("external") or "")
    found = read_phone(raw, country)
    number = phone(found.international) if found.raw and found.kind != "withheld" else _("number withheld")
    result = text(RESULTS, str(subject.get("result") or "unknown"))
    direction = text(DIRECTIONS, str(subject.get("direction") or "inbound"))
    out = Trial(number, one.arrived_at, f"{direction}, {result}", "wait", _("Differs"))
    if not one.differences:
        out.state, out.word = ("off", _("Left out")) if "forgotten" in one.marks else ("ok", _("Same"))
    for found_one in sorted(one.differences, key=lambda found: _FIRST.get(str(found["kind"]).partition(".")[0], 2)):
        out.rows.extend(_rows(found_one, users))
    out.asked = [text(NOTES, mark) for mark in one.marks if mark in NOTES]
    out.url = reverse("runs-call", args=[public_ids.of("call").show(one.subject_id)])
    return out


def _rows(one: Mapping[str, Any], users: Mapping[str, str]) -> list[Row]:
    kind, _dot, role = str(one["kind"]).partition(".")
    term = text(ROLES, role) if role else _("inbox")
    why = said(one["why"]) if one.get("why") else ""
    was, now = one.get("was") or {}, one.get("now") or {}
    if kind == "asks":
        return [Row(term, [Part("ins", _("a person decides"))], why)]
    if kind == "asks_not":
        return [Row(term, [Part("del", _("a person decided"))], why)]
    if kind.startswith("new"):
        return [Row(term, [Part("ins", _what(kind, now, users))], why, role)]
    if kind.startswith("gone"):
        parts = [Part("del", _what(kind, was, users)), Part("plain", _("not now"))]
        return [Row(term, parts, why, role)]
    return [
        Row(
            titled(term, text(FIELDS, name.removeprefix("="))),
            _moved(name, was, now, users),
            why if name == "owner" else "",
            role,
        )
        for name in now
    ]


def _moved(name: str, was: Mapping[str, Any], now: Mapping[str, Any], users: Mapping[str, str]) -> list[Part]:
    """A value before and after; nothing is not said of one that is empty on one side."""
    parts = [
        Part(kind, _value(name, side.get(name), users)) for kind, side in (("was", was), ("ins", now)) if side.get(name)
    ]
    return parts or [Part("plain", _value(name, None, users))]


def _what(kind: str, values: Mapping[str, Any], users: Mapping[str, str]) -> str:
    is_new, verb = kind.startswith("new"), kind.partition("_")[2]
    if verb == "update":
        return _("changed")
    if verb == "attach":
        return _("copied")
    if values.get("owner"):
        owner = {"user": _value("owner", values["owner"], users)}
        return _("new, owner %(user)s") % owner if is_new else _("made, owner %(user)s") % owner
    return _("new") if is_new else _("made")


def _value(name: str, value: Any, users: Mapping[str, str]) -> str:
    if value is None or value == "":
        return _("nobody") if name == "owner" else _("nothing")
    if name == "owner":
        return users.get(str(value), str(value))
    if isinstance(value, Mapping) and "$ref" in value:
        role, id = value["$ref"]
        words = text(ROLES, role)
        return _("new %(role)s") % {"role": words} if str(id).startswith("~") else words
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
