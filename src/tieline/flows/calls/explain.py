"""The plan of a sample call with its reasons, as lines of text (`tieline explain FILE`).

A sample is JSON:

    {"about": "…",
     "settings": {…},                      what differs from the defaults
     "target": {"lacks": ["task"], "limits": {…}},    optional; else everything
     "users": [{"id", "name", "active"}],
     "crm": {"contact": [{"id": "1", "phone": "01 86 76 54 32", "account": "7", …}], …},
     "facts": [{"type": "ended", …}, …]}   core.facts.CallFact, call_key may be left out
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tieline.core.flow import Target
from tieline.core.plan import Find, Known, Operation, Plan
from tieline.core.reasons import Reason, because, declare
from tieline.core.record import Local, Record, Ref, User
from tieline.core.values import phones
from tieline.flows.calls.flow import FLOW
from tieline.flows.calls.settings import Settings

ABOUT = declare("call.story.about", "about")
ARRIVED = declare("call.story.arrived", "direction", "number", "line", "result")
WAITS = declare("call.story.waits", "until", "why")
LOOKED = declare("call.story.looked", "role", "by", "value", "found")
APPLIED = declare("call.story.applied", "rule", "why")
NOT_APPLIED = declare("call.story.not_applied", "rule", "why")
ASKS = declare("call.story.asks", "why", "options")
NOTICE = declare("call.story.notice", "why")
WRITES = declare("call.story.writes", "verb", "role", "slot", "values")
NOTHING = declare("call.story.nothing")
REFUSED = declare("call.story.refused", "rules", "why")

Words = Callable[[Reason], str]
"""A reason in somebody's language."""

WHOLE = Target(
    roles={
        "account": frozenset(("name", "phone", "owner", "layout")),
        "lead": frozenset(("name", "company", "phone", "owner", "status", "layout")),
        "contact": frozenset(("name", "phone", "owner", "account", "layout")),
        "deal": frozenset(("name", "owner", "account", "contact", "layout", "pipeline", "stage", "closing_date")),
        "task": frozenset(("name", "owner", "due", "contact", "account", "lead", "deal", "description", "status")),
        "call": frozenset((
            "name", "owner", "direction", "outcome", "started_at", "duration_s", "external_number", "line_number", "contact",
            "account", "lead", "deal", "recording_url", "description",
        )),
    },
    limits={"task_closed": "Completed"},
)  # fmt: skip
"""A CRM with room for everything."""


def codes(reason: Reason) -> str:
    """The words of a reason where there is no language: its code and parameters."""
    return " ".join([reason.code, *(f"{name}={value}" for name, value in reason.params.items())])


def explain(text: str, words: Words = codes) -> list[str]:
    """The story of a sample file's text; raises ValueError (pydantic's among them) for what is no sample."""
    sample = json.loads(text)
    if not isinstance(sample, dict) or not sample.get("facts"):
        raise ValueError("a sample has facts")
    facts = [{"call_key": "sample", **fact} for fact in sample["facts"]]
    raw = sample.get("settings", {})
    users = {
        one["id"]: User(one["id"], one.get("name", one["id"]), active=one.get("active", True))
        for one in sample.get("users", ())
    }
    if "default_user" not in raw and users:
        first = next(iter(users.values()))
        raw = {"default_user": {"id": first.id, "label": first.name}, **raw}
    settings = FLOW.load(raw)
    target = _target(sample.get("target", {}))
    about = [words(because(ABOUT, about=sample["about"]))] if sample.get("about") else []
    clashes = [
        words(because(REFUSED, rules=list(clash.rules), why=words(clash.reason)))
        for clash in FLOW.check(settings, target)
    ]
    return [*about, *clashes, *story(facts, records_of(sample.get("crm", {})), users, settings, target, words)]


def story(
    facts: Sequence[Mapping[str, Any]],
    records: Sequence[Record],
    users: Mapping[str, User],
    settings: Settings,
    target: Target,
    words: Words = codes,
) -> list[str]:
    """What would become of these facts in a CRM that holds these records."""
    folded = FLOW.fold(None, facts, settings)
    lines = []
    if not folded.ready:
        why = words(folded.reason) if folded.reason is not None else ""
        lines.append(words(because(WAITS, until=folded.due_at or "", why=why)))
        folded = FLOW.expire(folded.subject, settings)
    call = folded.subject
    said = {"direction": call.get("direction", ""), "number": call.get("external", ""), "line": call.get("line", "")}
    lines.insert(0, words(because(ARRIVED, **said, result=call.get("result", ""))))
    known = look_up(call, records, settings, Known(users=users))
    for find, found in known.found.items():
        names = [str(record.get("name") or record.id) for record in found]
        lines.append(words(because(LOOKED, role=find.role, by=find.by, value=find.value, found=names)))
    return lines + told(FLOW.decide(call, known, settings, target), words)


def told(plan: Plan, words: Words = codes) -> list[str]:
    """A plan as lines: every rule with its reason, then what is asked and written."""
    lines = [
        words(because(APPLIED if one.applied else NOT_APPLIED, rule=one.rule, why=words(one.reason)))
        for one in plan.considered
    ]
    lines.extend(words(because(NOTICE, why=words(notice.reason))) for notice in plan.notices)
    for question in plan.questions:
        names = [str(option.get("name") or option.id) for option in question.options]
        lines.append(words(because(ASKS, why=words(question.reason), options=names)))
    lines.extend(words(_written(operation)) for operation in plan.operations)
    if not plan.operations and not plan.questions:
        lines.append(words(because(NOTHING)))
    return lines


def look_up(subject: Mapping[str, Any], records: Sequence[Record], settings: Settings, known: Known) -> Known:
    """Answers the flow's look-ups from these records, round after round, as the engine does from a CRM."""
    found = dict(known.found)
    while True:
        now = Known(found, known.own, known.answers_given, known.users, known.decided)
        finds = FLOW.lookups(subject, now, settings)
        if not finds:
            return now
        found.update({find: tuple(record for record in records if _fits(record, find, settings)) for find in finds})


def records_of(crm: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Record]:
    """Records from a sample's "crm"; links are given by id."""
    links = {"account": "account", "contact": "contact", "converted_contact": "contact", "lead": "lead", "deal": "deal"}
    return [
        Record(role, str(raw["id"]), {
            name: Ref(links[name], str(value)) if name in links and value is not None else value
            for name, value in raw.items() if name != "id"
        })
        for role, several in crm.items() for raw in several
    ]  # fmt: skip


def _fits(record: Record, find: Find, settings: Settings) -> bool:
    if record.role != find.role:
        return False
    if find.by == "id":
        return record.id == find.value
    value = record.get(find.by)
    if find.by == "phone":
        texts = value if isinstance(value, list) else [value]
        return any(
            one.e164 == find.value and not one.ext for text in texts for one in phones(text, settings.default_country)
        )
    return isinstance(value, Ref) and value.id == find.value


def _target(raw: Mapping[str, Any]) -> Target:
    lacks = raw.get("lacks", ())
    roles = {
        role: frozenset(field for field in fields if f"{role}.{field}" not in lacks)
        for role, fields in WHOLE.roles.items()
        if role not in lacks
    }
    return Target(roles=roles, limits={**WHOLE.limits, **raw.get("limits", {})})


def _written(operation: Operation) -> Reason:
    values = {name: _plain(value) for name, value in operation.values.items()}
    return because(WRITES, verb=operation.verb, role=operation.role, slot=operation.slot, values=values)


def _plain(value: Any) -> Any:
    if isinstance(value, Local):
        return f"({value.slot})"
    return f"{value.role} {value.id}" if isinstance(value, Ref) else value
