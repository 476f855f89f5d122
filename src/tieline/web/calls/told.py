"""A plan beside what happened, in words: what one call would make now, what differs, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from tieline.core.plan import Considered, Operation, Plan
from tieline.core.record import Local, Ref, User
from tieline.flows.calls import reasons as why
from tieline.flows.calls.call import Call, call_of
from tieline.store.models import Operation as OperationRow
from tieline.web.calls.desk import Desk
from tieline.web.calls.words import DIRECTIONS, FIELDS, RESULTS, ROLES, RULES, said, text
from tieline.web.parts.words import lasted, phone, titled

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
    role: str = ""
    state: str = "made"
    """made: as it was (or would be), not: a rule that does not apply, other: what differs, and what nobody decides."""


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
    url: str = ""
    """Where its story stands."""
    rules: list[tuple[str, bool, str]] = field(default_factory=list)
    """Every rule that was weighed: its name, whether it applies, why."""
    alone: str = ""
    """Where it is tried by itself, with every rule."""

    @property
    def itself(self) -> list[Trial]:
        """A list of one, for who shows lists."""
        return [self]

    @property
    def brief(self) -> list[Row]:
        """For the panel: what differs with its reasons, the rest in one line; where nothing does, what comes of the call."""
        if not (self.differs or self.undecided):
            return [row for row in self.rows if row.state != "not" or row.role in ("lead", "call", "")]
        kept = [row for row in self.rows if row.state == "other"]
        same = [text(ROLES, row.role) for row in self.rows if row.state == "made"]
        return [*kept, Row(_("as before"), [Part("plain", ", ".join(same))])] if same else kept


Written = Mapping[str, OperationRow]


def shown(
    desk: Desk,
    subject: Mapping[str, Any],
    plan: Plan,
    users: Mapping[str, User],
    before: Written | None,
    when: datetime | None = None,
) -> Trial:
    """One call. `before`: the records that it made then, by slot; None where there is nothing to compare with."""
    call = call_of(subject, desk.settings)  # type: ignore[arg-type]
    number = (
        phone(call.person.international) if call.person.raw and call.person.kind != "withheld" else _("number withheld")
    )
    at = datetime.fromisoformat(call.started_at) if call.started_at else when
    trial = Trial(number, at, _note(call), "ok", _("Same"))
    if call.ignored is not None or call.direction == "internal":
        trial.state, trial.word = "off", _("Ignored")
        trial.rows = [Row(_("nothing"), [], said(plan.considered[0].reason))]
        _gone(trial, before or {}, (), users)
    elif plan.questions:
        trial.state, trial.word = "wait", _("Asks")
        trial.rows = [Row(_("inbox"), [Part("plain", _("a person decides"))], said(plan.questions[0].reason))]
    else:
        _planned(trial, plan, before, _Labels(desk, users))
        if before is None and not trial.undecided:
            trial.state, trial.word = ("note", _("Would write")) if plan.operations else ("off", _("Nothing"))
    trial.rules = [(text(RULES, one.rule), one.applied, said(one.reason)) for one in plan.considered]
    if trial.differs and not trial.undecided:
        trial.state, trial.word = "wait", _("Differs")
    return trial


def _planned(trial: Trial, plan: Plan, before: Written | None, labels: _Labels) -> None:
    """Role by role: made, changed, gone, or not made and why."""
    stuck = _stuck(trial, plan)
    creates = {one.slot: one for one in plan.operations if one.verb == "create"}
    reasons = {one.rule: one for one in plan.considered}
    _gone(trial, before or {}, {*creates, *stuck}, labels.users)
    for role in _ROLES:
        operation, rule = creates.get(role), reasons.get("call.log" if role == "call" else f"{role}.create")
        if operation is not None:
            owner = reasons.get(f"{role}.owner")
            _made(trial, operation, before, labels, said(owner.reason) if owner is not None else "")
        elif rule is not None and rule.reason.code != why.RULE_OFF and role not in stuck and role not in (before or {}):
            trial.rows.append(_not_made(role, rule))
    for one in plan.operations:
        if one.slot == "contact.link":
            linked = [Part("plain", _("linked to the new account"))]
            trial.rows.append(Row(text(ROLES, "contact"), linked, said(one.reason), "contact"))
        elif one.role == "task" and one.verb == "update":
            what = _("closed") if one.slot.startswith("task.close") else _("the open one, with this call added")
            trial.rows.append(Row(text(ROLES, "task"), [Part("plain", what)], said(one.reason), "task"))


def _not_made(role: str, rule: Considered) -> Row:
    return Row(_("no %(role)s") % {"role": text(ROLES, role)}, [], said(rule.reason), role, "not")


def _note(call: Call) -> str:
    if call.unreached or call.result == "unknown":
        word = text(RESULTS, call.result)
        return word if call.direction == "inbound" else f"{text(DIRECTIONS, call.direction)}, {word}"
    return lasted(call.duration_s) if call.duration_s else text(DIRECTIONS, call.direction)


def _stuck(trial: Trial, plan: Plan) -> frozenset[str]:
    """Rules that wait for each other choose nobody; the roles that they would make."""
    stuck = [one for one in plan.considered if one.reason.code == why.OWNER_CYCLE]
    for one in stuck:
        role = one.rule.partition(".")[0]
        parts = [Part("plain", _("new, owner:")), Part("fail", _("nobody"))]
        trial.rows.append(Row(text(ROLES, role), parts, role=role, state="other"))
    if stuck:
        trial.rows[-1].why = _("the rules wait for each other")
        trial.state, trial.word, trial.undecided = "fail", _("No owner"), True
    return frozenset(one.rule.partition(".")[0] for one in stuck)


def _gone(trial: Trial, before: Written, now: Sequence[str] | set[str], users: Mapping[str, User]) -> None:
    """What the call made then and would not make now."""
    for slot, row in before.items():
        if slot in now:
            continue
        owner = users.get(str(row.values.get("owner") or ""))
        words = _("made, owner %(user)s") % {"user": owner.name} if owner is not None else _("made")
        parts = [Part("del", words), Part("plain", _("not now"))]
        trial.rows.append(Row(text(ROLES, row.role), parts, role=row.role, state="other"))
        trial.differs = True


class _Labels:
    """Ids of the CRM as people call them."""

    def __init__(self, desk: Desk, users: Mapping[str, User]) -> None:
        self._desk, self.users = desk, users

    def of(self, role: str, name: str, value: Any) -> str:
        if value is None:
            return _("nobody") if name == "owner" else _("nothing")
        if isinstance(value, Ref | Local):
            return text(ROLES, value.role if isinstance(value, Ref) else value.slot)
        if name == "owner":
            user = self.users.get(str(value))
            return user.name if user is not None else str(value)
        return dict(self._desk.target.choices.get((role, name), ())).get(str(value), str(value))


def _made(trial: Trial, operation: Operation, before: Written | None, labels: _Labels, owner_why: str) -> None:
    """A record that the call makes now, beside what it made then."""
    role, values, term = operation.role, operation.values, text(ROLES, operation.role)
    owner = labels.of(role, "owner", values["owner"]) if values.get("owner") else ""
    if role == "call":
        fresh = _("logged, owner %(user)s") % {"user": owner} if owner else _("logged")
    else:
        fresh = _("new, owner %(user)s") % {"user": owner} if owner else _("new")
    row = before.get(operation.slot) if before is not None else None
    reason = said(operation.reason)
    if before is not None and row is None:
        trial.rows.append(Row(term, [Part("ins", fresh)], reason, role, "other"))
        trial.differs = True
        return
    other = False
    then = row.values if row is not None else values
    for name in _COMPARED:
        was, now = then.get(name), values.get(name)
        if was == now or (was is None and name not in values):
            continue
        parts = [Part("was", labels.of(role, name, was)), Part("ins", labels.of(role, name, now))]
        field = titled(term, text(FIELDS, name))
        trial.rows.append(Row(field, parts, owner_why if name == "owner" else "", role, "other"))
        trial.differs = other = True
    if not other:
        trial.rows.append(Row(term, [Part("plain", fresh)], reason, role))


def summary(trials: Sequence[Trial]) -> str:
    """How many cannot be decided and how many would differ, in one sentence."""
    stuck = sum(one.undecided for one in trials)
    counts = {"stuck": stuck, "of": len(trials), "other": sum(one.differs and not one.undecided for one in trials)}
    if not trials:
        return ""
    if stuck:
        return (
            _(
                "As these settings stand now, before saving. %(stuck)s of %(of)s cannot be decided, %(other)s would differ from what happened."
            )
            % counts
        )
    if counts["other"]:
        return (
            _("As these settings stand now, before saving. %(other)s of %(of)s would differ from what happened.")
            % counts
        )
    return _("As these settings stand now, before saving. Nothing would differ from what happened.")
