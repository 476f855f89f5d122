"""A case in words: its question, what arrived, the candidates with what speaks for and against each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.core.values import phones
from tieline.store import public_ids
from tieline.store.models import Connection, Run
from tieline.store.services import remembered
from tieline.store.services.customers import Pair
from tieline.store.services.inbox import OUTCOME, Case, Group
from tieline.web.calls import words as calls
from tieline.web.inbox import pair_cases
from tieline.web.inbox.shapes import Asked, Candidate, Entry, Evidence, Way
from tieline.web.parts import words
from tieline.web.runs import told
from tieline.web.runs.line import call_id, run_id
from tieline.web.runs.lines import Names
from tieline.web.runs.values import Shown
from tieline.web.words import next_step, say
from tieline.web.words.say import flow_name, slot_name

RECENT = timedelta(days=30)
THERE = "there"
"""What the form sends where a person found what was written."""


def case_id(case: Case) -> str:
    """The public id of a case; of a subject that stopped, the call's."""
    if case.item is None:
        return call_id(case.subject_id or 0)
    return public_ids.of("case").show(case.item)


def entry(group: Group, names: Names, pairs: Mapping[int, Pair] | None = None) -> Entry:
    """A group of like cases in the list. pairs: by id; a question of one of them calls its systems by their names."""
    first = group.cases[0]
    count = len(group.cases)
    if count > 1:
        mark = _("%(count)s alike") % {"count": words.number(count)}
    elif first.times > 1:
        mark = _("%(count)s times") % {"count": words.number(first.times)}
    else:
        mark = words.short(first.last_at)
    return Entry(
        case_id(first),
        reverse("inbox-case", args=[case_id(first)]),
        title(first),
        _sub(first, names, pairs or {}),
        mark,
    )


def settled(case: Case, names: Names, connections: Mapping[int, Connection]) -> Entry:
    """A case that was decided."""
    who = case.decided_by or "Tieline"
    return Entry(
        case_id(case),
        reverse("inbox-case", args=[case_id(case)]),
        title(case),
        words.titled(str(who), chosen(case)),
        words.short(case.decided_at) if case.decided_at else "",
    )


def title(case: Case) -> str:
    """The case in a few words."""
    params = case.reason.get("params") or {}
    if case.pair is not None:
        return pair_cases.title(case)
    if case.kind == "several":
        return _("Who is %(number)s?") % {"number": words.phone(case.topic)}
    if case.kind.startswith(OUTCOME):
        return _("Was it written: %(slot)s?") % {"slot": slot_name(case.kind.split(":", 2)[2])}
    if case.kind.startswith("safety:"):
        return _("May Tieline go on with it: %(slot)s?") % {"slot": slot_name(case.kind.partition(":")[2])}
    if case.kind == "stopped":
        return _("A call stopped")
    if case.kind == "unknown_line":
        return _("Line %(line)s has no manager") % {"line": words.phone(case.topic)}
    if case.kind == "deal_place_missing":
        return _("No pipeline for deals of %(user)s") % {"user": params.get("user") or case.topic}
    if case.kind == "connection.needs_reconnect":
        return _("%(title)s wants to be reconnected") % {"title": params.get("title", "")}
    if case.kind == "connection.stopped":
        return _("%(title)s is stopped") % {"title": params.get("title", "")}
    if case.kind == "flow.paused":
        return _("%(flow)s is paused") % {"flow": flow_name(case.flow)}
    return calls.first_up(say(case.reason))


def _sub(case: Case, names: Names, pairs: Mapping[int, Pair]) -> str:
    if case.subject is not None:
        return told.call_said(case.subject, names)
    if case.pair is not None:
        return calls.first_up(pair_cases.said(case, pairs.get(case.pair)))
    return calls.first_up(say(case.reason))


def asked(
    case: Case,
    group: Sequence[Case],
    run: Run | None,
    connections: Mapping[int, Connection],
    names: Names,
    target: int | None,
    country: str = "FR",
    workspace: int = 0,
) -> Asked:
    """Everything about one case."""
    out = Asked(case_id(case), title(case), _question(case, names), "", case.created, flow_name(case.flow))
    out.notice, out.times = not case.waits, case.times
    out.alike = max(len(group) - 1, 0) if case.waits else 0
    out.can_always = case.waits and case.kind != "stopped" and remembered.can(case.kind)
    if case.pair is not None:
        pair_cases.fill(out, case, pair_cases.pair_of(workspace, case), len(group))
        out.decided = decided(case) if case.state != "open" else ""
        return out
    system = connections.get(target) if target is not None else None
    out.system = system.title if system is not None else _("the CRM")
    if case.subject is not None:
        out.arrived = _arrived(case.subject, names)
    if case.run is not None:
        out.run = reverse("runs-run", args=[run_id(case.run)])
    elif case.subject_id is not None:
        out.run = reverse("runs-call", args=[call_id(case.subject_id)])
    if case.state != "open":
        out.decided = decided(case)
    elif case.kind == "stopped":
        out.stopped, out.step = say(case.reason), next_step(case.reason).text
    elif case.waits:
        shown = Shown(names, target or 0, _found(run))
        out.candidates = [_candidate(case, option, shown, country) for option in case.options]
        if case.kind.startswith(OUTCOME):
            out.candidates.append(_there(case))
        out.candidates.append(_nobody(case))
    out.ways = _ways(case)
    return out


def _question(case: Case, names: Names) -> str:
    if case.kind == "several" and case.subject is not None:
        count = len(case.options)
        return ngettext(
            "%(call)s fits %(count)s record. Whose call is it?",
            "%(call)s fits %(count)s records. Whose call is it?",
            count,
        ) % {"call": told.call_said(case.subject, names), "count": words.number(count)}
    if case.kind.startswith(OUTCOME):
        return calls.first_up(say(case.reason)) + " " + _("Look there and say what you find.")
    if case.kind == "stopped" and case.subject is not None:
        return _("%(call)s stopped.") % {"call": told.call_said(case.subject, names)}
    return calls.first_up(say(case.reason))


def _arrived(subject: Mapping[str, Any], names: Names) -> str:
    when = _moment(subject.get("started_at") or subject.get("ended_at"))
    call = told.call_said(subject, names)
    parts = [words.titled(words.full(when), call) if when is not None else call]
    if subject.get("talk_s"):
        parts.append(_("talked for %(time)s") % {"time": words.lasted(subject["talk_s"])})
    elif subject.get("total_s"):
        parts.append(_("rang for %(time)s") % {"time": words.lasted(subject["total_s"])})
    return ", ".join(parts) + "."


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None


def _found(run: Run | None) -> dict[str, str]:
    if run is None:
        return {}
    return {
        str(id): str(fields.get("name"))
        for _role, _by, _value, records in run.known.get("found", ())
        for id, fields in records
        if fields.get("name")
    }


def _candidate(case: Case, option: Sequence[Any], shown: Shown, country: str) -> Candidate:
    role, id, fields = str(option[0]), str(option[1]), option[2] or {}
    account = fields.get("account")
    about = [calls.text(calls.ROLES, role)]
    if account and (name := shown.found.get(_plain(account))):
        about.append(name)
    sub = []
    if fields.get("owner"):
        sub.append(_("Owner %(user)s") % {"user": shown.names.user(shown.target, _plain(fields["owner"]))})
    sub.append(_("id %(id)s") % {"id": id})
    return Candidate(
        f"{role}:{id}",
        str(fields.get("name") or id),
        ", ".join(about),
        tuple(_evidence(case, role, fields, country)),
        " · ".join(sub),
    )


def _plain(value: Any) -> str:
    return str(value["$ref"][1]) if isinstance(value, Mapping) and "$ref" in value else str(value)


def _evidence(case: Case, role: str, fields: Mapping[str, Any], country: str) -> list[Evidence]:
    out = []
    number = case.topic if case.topic.startswith("+") else ""
    if number and "phone" in fields:
        texts = fields["phone"] if isinstance(fields["phone"], list) else [fields["phone"]]
        same = any(one.e164 == number for text in texts for one in phones(str(text or ""), country))
        out.append(Evidence(_("same number") if same else _("the number stands there in another form"), yes=True))
    if role == "contact":
        out.append(
            Evidence(_("belongs to an account"), yes=True)
            if fields.get("account")
            else Evidence(_("belongs to no account"), yes=False)
        )
    if "last_activity" in fields:
        last = _moment(fields["last_activity"])
        if last is None:
            out.append(Evidence(_("never in touch"), yes=False))
        elif timezone.now() - last <= RECENT:
            out.append(Evidence(_("in touch %(when)s") % {"when": words.short(last)}, yes=True))
        else:
            out.append(Evidence(_("last in touch %(when)s") % {"when": words.short(last)}, yes=False))
    return out


def _nobody(case: Case) -> Candidate:
    if case.kind == "several":
        count = len(case.options) + 1
        then = _("the number would then be on %(count)s records") % {"count": words.number(count)}
        return Candidate(
            "none", _("Somebody new"), _("the rules decide as for an unknown number"), (Evidence(then, yes=False),)
        )
    return Candidate("none", _("It is not there"), _("Tieline writes it again"), ())


def _there(case: Case) -> Candidate:
    """What a person found by looking: a record by its id; a file says enough by being there."""
    then = _("Tieline does not write it again")
    return Candidate(THERE, _("It is there"), then, (), asks_id=not is_file(case.kind))


def is_file(kind: str) -> bool:
    """Whether an outcome is that of a file on a record: its slot stands behind the record's."""
    return "." in kind.rpartition(":")[2]


def _ways(case: Case) -> list[Way]:
    if case.kind in ("unknown_line", "deal_place_missing"):
        tab = "managers" if case.kind == "unknown_line" else "deals"
        label = _("Give this line a manager") if tab == "managers" else _("Choose a pipeline")
        return [Way(label, reverse("calls-rules", args=[tab]))]
    step = next_step(case.reason)
    if case.kind.startswith("connection.") and step.page != "connections":
        return [Way(_("Connections"), reverse("connections"))]
    if step.page and step.page != "inbox":
        return [Way(step.label, reverse(step.page))]
    return []


def decided(case: Case) -> str:
    """Who decided what, in one sentence."""
    when = words.full(case.decided_at) if case.decided_at else ""
    if case.state == "overtaken":
        return _("More came, so this question is not asked any more.")
    if case.state == "dismissed":
        return _("%(who)s put it aside, %(when)s.") % {"who": case.decided_by or _("Somebody"), "when": when}
    if case.remembered_from is not None:
        return _("Decided as %(who)s did on %(day)s: %(choice)s.") % {
            "who": case.decided_by or _("Somebody"),
            "day": words.full(case.remembered_from),
            "choice": chosen(case),
        }
    return _("%(who)s decided, %(when)s: %(choice)s.") % {
        "who": case.decided_by or _("Somebody"),
        "when": when,
        "choice": chosen(case),
    }


def chosen(case: Case) -> str:
    """The answer by name."""
    if case.pair is not None and case.state == "answered":
        return pair_cases.chosen(case.answer, case.options)
    return choice_name(case.answer, case.options, case.kind, case.state)


def choice_name(answer: Any, options: Sequence[Any], kind: str, state: str = "answered") -> str:
    """An answer as it was offered."""
    if state == "dismissed":
        return _("put aside")
    if state == "overtaken":
        return _("not asked any more")
    if isinstance(answer, Mapping) and "role" not in answer:
        return pair_cases.chosen(answer, options)
    if isinstance(answer, Mapping):
        for role, id, fields in options:
            if str(id) == str(answer.get("id")) and role == answer.get("role", role):
                return str((fields or {}).get("name") or id)
        return _("it is there") if answer.get("id") == THERE else str(answer.get("id", ""))
    return _("somebody new") if kind == "several" else _("it is not there")
