"""Try it: calls decided again under the settings as they stand now, on the answers stored with them. Nothing is written.

A look-up that was not made at the time has no stored answer: the call is decided as if nothing had been found, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError

from tieline.core.plan import Find, Known, Operation, Plan
from tieline.core.record import Local, Record, Ref, User, from_json
from tieline.core.values import phone as read_phone
from tieline.flows.calls import FLOW
from tieline.flows.calls import reasons as why
from tieline.flows.calls.call import call_of
from tieline.flows.calls.explain import look_up, records_of
from tieline.store.connection import workspace_tx
from tieline.store.models import Operation as OperationRow
from tieline.store.models import Run, Subject
from tieline.web.calls.desk import Desk
from tieline.web.calls.words import DIRECTIONS, FIELDS, RESULTS, ROLES, said, text, the
from tieline.web.parts.words import lasted, phone

MOST_ROUNDS: Final = 6
DAYS: Final = 30
MOST: Final = 50
SAMPLES: Final = ("stranger-missed", "known-contact", "contact-without-account", "withheld", "ignored-line")
_COMPARED: Final = ("owner", "name", "layout", "status", "pipeline", "stage", "due")
_ROLES: Final = ("account", "lead", "contact", "deal", "task", "call")


@dataclass
class Part:
    """A piece of a line: kind plain, ins (new), del (gone), was (before) or fail."""

    kind: str
    text: str


@dataclass
class Row:
    """One line about a call: what, and what would become of it; `why` for the reason below it."""

    term: str
    parts: list[Part]
    why: str = ""


@dataclass
class Trial:
    """One call under the settings of the desk. state: a kind of status; `undecided` when nobody would be chosen."""

    number: str
    when: datetime | None
    note: str
    state: str
    word: str
    rows: list[Row] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Look-ups without a stored answer, in words."""
    differs: bool = False
    undecided: bool = False
    sample: str = ""


@dataclass
class Then:
    """What is stored of a call: its answers and what was written (or, in watch mode, would have been)."""

    subject: Subject
    known: Known
    operations: list[OperationRow]
    watched: bool
    decided: bool


def recent(desk: Desk, most: int = 5, days: int | None = None) -> list[Trial]:
    """The last calls, newest first."""
    if desk.settings is None:
        return []
    users = {one.id: User(one.id, one.name, one.email, one.active) for one in desk.users}
    return [_tried(desk, then, users) for then in _stored(desk, users, most, days)]


def samples(desk: Desk) -> list[Trial]:
    """Invented calls for whoever has none yet, under these settings."""
    if desk.settings is None:
        return []
    out = []
    room = files("tieline.flows.calls") / "samples"
    for name in SAMPLES:
        sample = json.loads((room / f"{name}.json").read_text(encoding="utf-8"))
        facts = [{"call_key": "sample", **fact} for fact in sample["facts"]]
        folded = FLOW.fold(None, facts, desk.settings)
        if not folded.ready:
            folded = FLOW.expire(folded.subject, desk.settings)
        subject = dict(folded.subject)
        line = next((one.number for one in desk.settings.lines if one.ignore == (name == "ignored-line")), None)
        if name == "ignored-line" and line is None:
            continue
        subject |= {"line": line, "numbers": [line]} if line else {"line": "", "numbers": []}
        subject.pop("agent", None)
        users = {one["id"]: User(one["id"], one.get("name", one["id"]), active=one.get("active", True)) for one in sample.get("users", ())}  # fmt: skip
        users |= {one.id: User(one.id, one.name, one.email, one.active) for one in desk.users}
        known = look_up(subject, records_of(sample.get("crm", {})), desk.settings, Known(users=users))
        plan = FLOW.decide(subject, known, desk.settings, desk.target)
        trial = _shown(desk, subject, plan, users, None, None)
        trial.sample = name
        out.append(trial)
    return out


def imagined(desk: Desk, *, number: str, direction: str, answered: bool, line: str) -> Trial | None:
    """A call that nobody made: with the answers stored for that number, else as an unknown caller."""
    if desk.settings is None:
        return None
    at = timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    result = "answered" if answered else "missed" if direction == "inbound" else "no_answer"
    subject = {
        "key": "imagined", "state": "ended", "final": True, "direction": direction, "external": number,
        **({"line": line, "numbers": [line]} if line else {}),
        "outcome": result, "result": result, "talk_s": 60 if answered else 0, "started_at": at, "ended_at": at,
    }  # fmt: skip
    users = {one.id: User(one.id, one.name, one.email, one.active) for one in desk.users}
    found = _found_for(desk, FLOW.lanes(subject, desk.settings))
    plan, asked = _decide(desk, subject, Known(found, {}, {}, users))
    if not found:
        asked = [_("Nothing is stored for this number: decided as an unknown caller.")] if asked else []
    trial = _shown(desk, subject, plan, users, None, None)
    trial.asked = asked
    return trial


# -- what is stored ----------------------------------------------------------------------------------------------------


def _stored(desk: Desk, users: Mapping[str, User], most: int, days: int | None) -> list[Then]:
    """The last calls with their runs and operations: three queries, whatever their number."""
    if desk.view.target is None:
        return []
    with workspace_tx(desk.workspace):
        subjects = Subject.objects.filter(
            workspace_id=desk.workspace, flow="calls", target_id=desk.view.target.pk, epoch=desk.view.target.epoch
        ).exclude(state__in=["waiting", "due"])
        if days is not None:
            subjects = subjects.filter(arrived_at__gte=timezone.now() - timedelta(days=days))
        rows = list(subjects.order_by("-id")[:most])
        ids = [one.pk for one in rows]
        runs: dict[int, list[Run]] = {id: [] for id in ids}
        for run in Run.objects.filter(workspace_id=desk.workspace, subject_id__in=ids).order_by("id"):
            runs[run.subject_id].append(run)
        operations: dict[int, list[OperationRow]] = {id: [] for id in ids}
        for one in OperationRow.objects.filter(workspace_id=desk.workspace, subject_id__in=ids).order_by("id"):
            operations[one.subject_id].append(one)
    return [
        Then(
            one,
            Known(_found(run.known for run in runs[one.pk]), {}, one.answers or {}, users),
            operations[one.pk],
            any(run.state == "watched" for run in runs[one.pk]),
            bool(runs[one.pk]),
        )
        for one in rows
    ]


def _found(answers: Iterable[Mapping[str, Any]]) -> dict[Find, tuple[Record, ...]]:
    """Look-up answers of several runs; the first, from before the call's own records, counts."""
    out: dict[Find, tuple[Record, ...]] = {}
    for known in answers:
        for role, by, value, records in (known or {}).get("found", ()):
            # by a link, the records are of the role; their fields are as they were read
            out.setdefault(Find(role, by, value), tuple(Record(role, id, from_json(fields)) for id, fields in records))
    return out


def _found_for(desk: Desk, lanes: Sequence[str]) -> dict[Find, tuple[Record, ...]]:
    """What the last call of this number found."""
    wanted = [lane for lane in lanes if lane.startswith("phone:")]
    if not wanted or desk.view.target is None:
        return {}
    with workspace_tx(desk.workspace):
        subject = (
            Subject.objects.filter(
                workspace_id=desk.workspace, flow="calls", target_id=desk.view.target.pk,
                epoch=desk.view.target.epoch, lanes__contains=wanted, arrived_at__gte=timezone.now() - timedelta(days=DAYS),
            ).order_by("-id").first()
        )  # fmt: skip
        if subject is None:
            return {}
        runs = Run.objects.filter(workspace_id=desk.workspace, subject_id=subject.pk).order_by("id")
        return _found([run.known for run in runs])


# -- deciding ----------------------------------------------------------------------------------------------------------


def _decide(desk: Desk, subject: Mapping[str, Any], known: Known) -> tuple[Plan, list[str]]:
    """The plan, and the look-ups that had no stored answer."""
    found, asked = dict(known.found), list[str]()
    for _round in range(MOST_ROUNDS):
        now = Known(found, known.own, known.answers_given, known.users)
        finds = FLOW.lookups(subject, now, desk.settings)
        if not finds:
            return FLOW.decide(subject, now, desk.settings, desk.target), asked
        for find in finds:
            asked.append(_looked(find))
            found[find] = ()
    return Plan(), asked


def _looked(find: Find) -> str:
    role = text(ROLES, find.role)
    if find.by == "phone":
        return _("%(role)s by number") % {"role": role}
    if find.by == "id":
        return _("%(role)s by its link") % {"role": role}
    return _("%(role)s of %(owner)s") % {"role": role, "owner": the(find.by)}


def _tried(desk: Desk, then: Then, users: Mapping[str, User]) -> Trial:
    subject = then.subject.subject
    try:
        plan, asked = _decide(desk, subject, then.known)
    except (KeyError, ValueError, ValidationError):
        # a call kept by a later version of Tieline: the page still opens
        return Trial(phone(str(subject.get("external") or "")), then.subject.arrived_at, "", "off", _("Not readable"))
    trial = _shown(desk, subject, plan, users, then, then.subject.arrived_at)
    if asked and then.decided:
        trial.asked = [
            _("Not looked up at the time, taken as none: %(what)s.") % {"what": ", ".join(dict.fromkeys(asked))}
        ]
    return trial


def _shown(
    desk: Desk,
    subject: Mapping[str, Any],
    plan: Plan,
    users: Mapping[str, User],
    then: Then | None,
    when: datetime | None,
) -> Trial:
    call = call_of(subject, desk.settings)  # type: ignore[arg-type]
    number = call.person.international if call.person.raw else _("number withheld")
    started = call.started_at
    trial = Trial(phone(number), datetime.fromisoformat(started) if started else when, _note(call), "ok", _("Same"))
    if call.ignored is not None or call.direction == "internal":
        trial.state, trial.word = "off", _("Ignored")
        trial.rows = [Row(_("nothing"), [], said(plan.considered[0].reason))]
        if then is not None and _written(then):
            _gone(trial, _written(then), {}, users)
        return trial
    if plan.questions:
        trial.state, trial.word = "wait", _("Asks")
        trial.rows = [Row(_("inbox"), [Part("plain", _("a person decides"))], said(plan.questions[0].reason))]
        return trial
    _stuck(trial, plan)
    creates = {one.slot: one for one in plan.operations if one.verb == "create"}
    before = _written(then) if then is not None and then.decided else None
    reasons = {one.rule: one for one in plan.considered}
    labels = _Labels(desk, users)
    if before is not None:
        _gone(trial, before, creates, users)
    for role in _ROLES:
        operation = creates.get(role)
        if operation is not None:
            owner = reasons.get(f"{role}.owner")
            _made(trial, operation, before, labels, said(owner.reason) if owner is not None else "")
        elif (one := reasons.get(_rule(role))) is not None and one.reason.code not in (why.RULE_OFF, why.OWNER_CYCLE):
            if not (before and role in before):
                trial.rows.append(Row(_("no %(role)s") % {"role": text(ROLES, role)}, [], said(one.reason)))
    for one in plan.operations:
        if one.slot == "contact.link":
            trial.rows.append(
                Row(text(ROLES, "contact"), [Part("plain", _("linked to the new account"))], said(one.reason))
            )
    if before is None and not trial.undecided:
        trial.state, trial.word = ("note", _("Would write")) if plan.operations else ("off", _("Nothing"))
    elif trial.differs and not trial.undecided:
        trial.state, trial.word = "wait", _("Differs")
    return trial


def _note(call: Any) -> str:
    if call.unreached or call.result == "unknown":
        word = text(RESULTS, call.result)
        return word if call.direction == "inbound" else f"{text(DIRECTIONS, call.direction)}, {word}"
    return lasted(call.duration_s) if call.duration_s else text(DIRECTIONS, call.direction)


def _rule(role: str) -> str:
    return "call.log" if role == "call" else f"{role}.create"


def _written(then: Then) -> dict[str, OperationRow]:
    """Records that the call made, by slot; what the CRM refused is none."""
    return {
        one.slot: one for one in then.operations if one.verb == "create" and one.state not in ("rejected", "blocked")
    }


def _stuck(trial: Trial, plan: Plan) -> None:
    """Rules that wait for each other choose nobody."""
    stuck = [one for one in plan.considered if one.reason.code == why.OWNER_CYCLE]
    for one in stuck:
        role = one.rule.partition(".")[0]
        trial.rows.append(Row(text(ROLES, role), [Part("plain", _("new, owner:")), Part("fail", _("nobody"))]))
    if stuck:
        trial.rows[-1].why = said(stuck[0].reason)
        trial.state, trial.word, trial.undecided = "fail", _("No owner"), True


def _gone(
    trial: Trial, before: Mapping[str, OperationRow], creates: Mapping[str, Operation], users: Mapping[str, User]
) -> None:
    """What the call made then and would not make now."""
    for slot, row in before.items():
        if slot in creates:
            continue
        owner = users.get(str(row.values.get("owner") or ""))
        words = _("made, owner %(user)s") % {"user": owner.name} if owner is not None else _("made")
        trial.rows.append(Row(text(ROLES, row.role), [Part("del", words), Part("plain", _("not now"))]))
        trial.differs = True
        if trial.state == "off":
            trial.state, trial.word = "wait", _("Differs")


class _Labels:
    """Ids of the CRM as people call them."""

    def __init__(self, desk: Desk, users: Mapping[str, User]) -> None:
        self._desk, self._users = desk, users

    def of(self, role: str, name: str, value: Any) -> str:
        if value is None:
            return _("nobody") if name == "owner" else _("nothing")
        if isinstance(value, Ref | Local):
            return text(ROLES, value.role if isinstance(value, Ref) else value.slot)
        if name == "owner":
            user = self._users.get(str(value))
            return user.name if user is not None else str(value)
        return dict(self._desk.target.choices.get((role, name), ())).get(str(value), str(value))


def _made(
    trial: Trial, operation: Operation, before: Mapping[str, OperationRow] | None, labels: _Labels, owner_why: str
) -> None:
    """A record that the call makes now, beside what it made then."""
    role, values = operation.role, operation.values
    owner = labels.of(role, "owner", values["owner"]) if values.get("owner") else ""
    fresh = _("new, owner %(user)s") % {"user": owner} if owner else _("new")
    if role == "call":
        fresh = _("logged, owner %(user)s") % {"user": owner} if owner else _("logged")
    row = before.get(operation.slot) if before is not None else None
    if before is not None and row is None:
        trial.rows.append(Row(text(ROLES, role), [Part("ins", fresh)], said(operation.reason)))
        trial.differs = True
        return
    if row is None:
        trial.rows.append(Row(text(ROLES, role), [Part("plain", fresh)], said(operation.reason)))
        return
    other = False
    for name in _COMPARED:
        was, now = row.values.get(name), values.get(name)
        if was == now or (was is None and name not in values):
            continue
        parts = [Part("was", labels.of(role, name, was)), Part("ins", labels.of(role, name, now))]
        term = f"{text(ROLES, role)}: {text(FIELDS, name)}"
        trial.rows.append(Row(term, parts, owner_why if name == "owner" else ""))
        trial.differs = other = True
    if not other:
        trial.rows.append(Row(text(ROLES, role), [Part("plain", fresh)], said(operation.reason)))


def summary(trials: Sequence[Trial]) -> str:
    """How many cannot be decided and how many would differ, in one sentence."""
    stuck = sum(one.undecided for one in trials)
    other = sum(one.differs and not one.undecided for one in trials)
    of = len(trials)
    if not of:
        return ""
    if stuck:
        return _("As these settings stand now, before saving. %(stuck)s of %(of)s cannot be decided, %(other)s would differ from what happened.") % {"stuck": stuck, "of": of, "other": other}  # fmt: skip
    if other:
        return _("As these settings stand now, before saving. %(other)s of %(of)s would differ from what happened.") % {"other": other, "of": of}  # fmt: skip
    return _("As these settings stand now, before saving. Nothing would differ from what happened.")


def is_number(number: str, country: str) -> bool:
    """Whether this can be read as somebody's phone number."""
    return read_phone(number, country).is_number
