"""A subject and what became of it, each in one sentence: "Missed call from +33 … to line 04 11: task for Anna"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.flows.calls.call import UNREACHED
from tieline.store.models import Operation, Run
from tieline.web.calls import words as calls
from tieline.web.parts import words
from tieline.web.runs.lines import Names
from tieline.web.words import say

_ORDER = ("account", "contact", "lead", "deal", "task")


def call_said(subject: Mapping[str, Any], names: Names) -> str:
    """What came, in one sentence without its end: who called whom on which line."""
    outside = str(subject.get("external") or "").strip()
    raw = str(subject.get("line") or subject.get("agent") or "")
    said = {"number": names.number(outside, raw) if outside else _("an unknown number"), "line": names.line(raw)}
    if any(one in outside.lower() for one in ("anonymous", "withheld", "restricted", "private")):
        said["number"] = _("a withheld number")
    result, out = subject.get("result"), subject.get("direction") == "outbound"
    if subject.get("direction") == "internal":
        return _("Call between colleagues")
    if not raw:
        return _bare(result, out) % said
    return _on_line(result, out) % said


def _on_line(result: str | None, out: bool) -> str:
    if result is None:
        if out:
            return _("Call in progress to %(number)s from line %(line)s")
        return _("Call in progress from %(number)s to line %(line)s")
    if out:
        if result in UNREACHED:
            return _("Unanswered call to %(number)s from line %(line)s")
        return _("Call to %(number)s from line %(line)s")
    if result == "voicemail":
        return _("Voicemail from %(number)s on line %(line)s")
    if result in UNREACHED:
        return _("Missed call from %(number)s to line %(line)s")
    return _("Call from %(number)s to line %(line)s")


def _bare(result: str | None, out: bool) -> str:
    if result is None:
        return _("Call in progress to %(number)s") if out else _("Call in progress from %(number)s")
    if out:
        return _("Unanswered call to %(number)s") if result in UNREACHED else _("Call to %(number)s")
    if result == "voicemail":
        return _("Voicemail from %(number)s")
    return _("Missed call from %(number)s") if result in UNREACHED else _("Call from %(number)s")


def became(run: Run, operations: Sequence[Operation], names: Names) -> str:
    """What became of it, as a clause after a colon; "" where the state says it all."""
    if run.state == "nothing":
        return _first_reason(run)
    if run.state == "asked":
        return say(run.questions[0]["reason"]) if run.questions else ""
    if run.state == "superseded":
        return _("decided again since")
    if run.kind:
        return _taken_back(run, operations)
    made = _made(operations, names, only_done=run.state not in ("watched", "applying"))
    if run.state == "watched":
        return _("%(what)s. Watched only, nothing was written") % {"what": made} if made else _first_reason(run)
    if run.state == "failed":
        return _("%(what)s, and then it stopped") % {"what": made} if made else _("nothing was written")
    return made


def _taken_back(run: Run, operations: Sequence[Operation]) -> str:
    done = [one for one in operations if one.state == "done"]
    made = listed(list(dict.fromkeys(calls.text(calls.ROLES, one.role) for one in done)))
    if not done:
        return _("undone") if run.state == "applying" else _("nothing was undone")
    return (_("undone: %(what)s") if run.kind == "undo" else _("made anew: %(what)s")) % {"what": made}


def _first_reason(run: Run) -> str:
    reason = run.considered[0][2] if run.considered else None
    return _("nothing, because %(reason)s") % {"reason": say(reason)} if reason else _("nothing to write")


def _made(operations: Sequence[Operation], names: Names, *, only_done: bool) -> str:
    rows = [one for one in operations if one.state == "done" or not only_done]
    created = {one.role: one for one in rows if one.verb == "create"}
    roles = sorted(
        (role for role in created if role != "call"), key=lambda role: _ORDER.index(role) if role in _ORDER else 9
    )
    if not roles:
        if "call" in created:
            return _("logged")
        return _("call record completed") if rows else ""
    nouns = listed([calls.text(calls.ROLES, role) for role in roles])
    owners = {str(created[role].values.get("owner") or "") for role in roles}
    owner = owners.pop() if len(owners) == 1 else ""
    if not owner:
        return nouns
    return _("%(what)s for %(who)s") % {"what": nouns, "who": names.first(created[roles[0]].target_id, owner)}


def listed(items: Sequence[str]) -> str:
    """Items as the reader's language joins them: a, b and c."""
    return str(format_list(list(items), locale=words.locale()))


def requests(count: float) -> str:
    """How many requests. They are made for many calls at once, so a call's share may be a part of one."""
    shown = round(count, 1)
    if shown == int(shown):
        shown = int(shown)
    plural = 1 if words.locale().plural_form(shown) == "one" else 2  # 0,6 is one in French, two in Italian
    return ngettext("%(count)s request", "%(count)s requests", plural) % {"count": words.number(shown)}
