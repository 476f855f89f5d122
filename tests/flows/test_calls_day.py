"""A business day written down by hand (demo/nordlys.day) through the rules alone: defaults in the morning (CALL-4)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.flows.desk import applied
from tieline.core.flow import Place, Target
from tieline.core.plan import Known
from tieline.core.record import Record, Ref, User
from tieline.demo.day import DayCall, read
from tieline.demo.nordlys import COUNTRY, DEFAULT_USER, LINES, STAGES_AT_NOON, ZONE
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import WHOLE, look_up, records_of
from tieline.flows.calls.settings import Settings

PEOPLE = ("Anna", "Bruno", "Chloe", "Dario", "Emma", "Felix")
USERS = {name: User(name, name, active=name != "Felix") for name in PEOPLE}
TARGET = Target(roles=WHOLE.roles, places=tuple(Place("", "", stage) for stage in sorted(set(STAGES_AT_NOON.values()))))
SEED: dict[str, list[dict[str, Any]]] = {
    "account": [
        {"id": "duval", "owner": "Anna"},
        {"id": "vestkyst", "phone": "+45 75 12 34 00", "owner": "Bruno"},
        {"id": "skovly", "phone": "86 19 20 21", "owner": "Anna"},
        {"id": "idahus", "owner": "Dario"},
        {"id": "bak", "phone": "45 00 00 01", "owner": "Bruno"},
    ],
    "contact": [
        {"id": "marie", "phone": "+33 1 86 76 54 32", "account": "duval", "owner": "Anna"},
        {"id": "peter", "phone": "20123456", "account": "vestkyst", "owner": "Bruno"},
        {"id": "signe", "phone": "0045 31 22 33 44", "owner": "Chloe"},
        {"id": "ida", "account": "idahus", "owner": "Dario"},
        {"id": "rikke", "phone": "+45 44 55 66 77", "account": "bak", "owner": "Bruno"},
        {"id": "lars", "phone": "+4544556677", "account": "bak", "owner": "Bruno"},
    ],
    "lead": [
        {"id": "bella", "phone": "+39 011 555 0142", "owner": "Dario"},
        {"id": "ida-lead", "phone": "+45 40 40 40 40", "owner": "Dario", "converted_contact": "ida"},
    ],
    "deal": [
        {"id": "garage", "account": "vestkyst", "stage_kind": "open", "created_at": "2026-08-22T00:00:00Z"},
        {"id": "lost", "account": "duval", "stage_kind": "lost", "created_at": "2026-10-21T00:00:00Z"},
        {"id": "old", "account": "skovly", "stage_kind": "open", "created_at": "2024-10-21T00:00:00Z"},
        {"id": "kitchen", "account": "idahus", "contact": "ida", "stage_kind": "open", "created_at": "2026-11-08T00:00:00Z"},
        {"id": "roof", "account": "bak", "contact": "lars", "stage_kind": "open", "created_at": "2026-10-31T00:00:00Z"},
    ],
}  # fmt: skip
OUTCOMES = {"ans": "answered", "miss": "missed", "vm": "missed", "busy": "busy", "noans": "no_answer"}
KINDS = {"C": "call", "L": "lead", "T": "task", "A": "account", "P": "contact", "D": "deal"}


def pick(name: str) -> dict[str, str]:
    return {"id": name, "label": name}


def morning() -> dict[str, Any]:
    lines = [
        {
            "number": number, "label": label, "ignore": manager == "ignore",
            "manager": pick(manager) if manager not in ("", "ignore") else None,
        }
        for number, label, manager in LINES
    ]  # fmt: skip
    return {"default_country": COUNTRY, "zone": ZONE, "default_user": pick(DEFAULT_USER), "lines": lines}


def noon() -> dict[str, Any]:
    def place(name: str) -> dict[str, Any]:
        stage = STAGES_AT_NOON.get(name, STAGES_AT_NOON["*"])
        return {"layout": pick(""), "pipeline": pick(""), "stage": pick(stage)}

    return morning() | {
        "account": {"create": True},
        "contact": {"create": True, "owner": {"kind": "account"}},
        "deal": {"when": "no_active", "per_manager": True, "places": {name: place(name) for name in PEOPLE}},
        "task": {"owner": {"kind": "account"}},
    }


def evening() -> dict[str, Any]:
    return noon() | {"task": {"owner": {"kind": "account"}, "per": "caller", "done": pick("Completed")}}


def subject_of(call: DayCall, using: Settings) -> dict[str, Any]:
    at = f"2026-11-20T{call.time}"
    inbound = call.direction == "in"
    first, *others = call.lines
    facts: list[dict[str, Any]] = [
        {"type": "ringing", "occurred_at": f"{at}:00Z", "direction": "inbound" if inbound else "outbound",
         "external_number": call.number, "line_number": first},
        *({"type": "leg_ringing", "occurred_at": f"{at}:05Z", "agent_number": line} for line in others),
        {"type": "ended", "occurred_at": f"{at}:30Z", "outcome": OUTCOMES[call.outcome], "talk_s": call.talk_s, "final": True},
    ]  # fmt: skip
    if call.outcome == "vm":
        facts.append({"type": "voicemail", "occurred_at": f"{at}:50Z"})
    if call.recording != "-" or call.outcome == "vm":
        facts.append(
            {"type": "recording_ready", "occurred_at": f"{at}:55Z", "recording_url": f"https://phone.example/{call.id}"}
        )
    return FLOW.fold(None, [{"call_key": call.id, **fact} for fact in facts], using).subject


def wanted(call: DayCall) -> Counter[Any]:
    out: Counter[Any] = Counter()
    for one in call.expected:
        links = frozenset(link.partition(":")[2] if not link.endswith(":new") else link[0] for link in one.links)
        out[KINDS[one.kind], one.owner, links, one.call, one.stage, one.recording] += 1
    return out


@pytest.mark.proves(
    "CALL-1", "CALL-4", "CALL-6", "CALL-7", "CALL-9", "CALL-10", "CALL-12", "CALL-13", "CALL-14", "CALL-18", "CALL-20"
)
def test_the_day_at_nordlys() -> None:
    records: list[Record] = records_of(SEED)
    seeded = {record.id for record in records}
    settings = {"morning": FLOW.load(morning()), "noon": FLOW.load(noon()), "evening": FLOW.load(evening())}
    for using in settings.values():
        assert FLOW.check(using, TARGET) == ()
    made_by: dict[str, str] = {}
    for call in read("nordlys"):
        using = settings[call.phase]
        subject = subject_of(call, using)
        known = look_up(subject, records, using, Known(users=USERS))
        plan = FLOW.decide(subject, known, using, TARGET)
        new, _ = applied(plan, call.id)
        for operation in plan.operations:
            if operation.verb == "update":
                [changed] = [record for record in records if record.ref == operation.target]
                if operation.role == "task":
                    records[records.index(changed)] = Record("task", changed.id, changed.fields | operation.values)
                    continue
                account = next(record for record in new if record.role == "account")
                records[records.index(changed)] = Record(
                    "contact", changed.id, {**changed.fields, "account": account.ref}
                )
        records.extend(new)
        made_by |= {record.id: record.role[0] for record in new}
        assert found(new, seeded, made_by) == wanted(call), f"{call.id} {call.time}"
    closed = [
        record.get("owner") for record in records if record.role == "task" and record.get("status") == "Completed"
    ]
    tasks = [one for call in read("nordlys") for one in call.expected if one.kind == "T"]
    assert Counter(closed) == Counter(one.owner for one in tasks if one.closed)


def found(new: list[Record], seeded: set[str], made_by: dict[str, str]) -> Counter[Any]:
    out: Counter[Any] = Counter()
    for record in new:
        links: frozenset[str] = frozenset()
        if record.role in ("call", "task"):
            refs = [value.id for value in record.fields.values() if isinstance(value, Ref)]
            links = frozenset(id if id in seeded else made_by[id] for id in refs)
        kind = ""
        if record.role == "call":
            direction = "In" if record.get("direction") == "inbound" else "Out"
            kind = "Missed" if direction == "In" and record.get("outcome") != "answered" else direction
        stage = record.get("stage") or "" if record.role == "deal" else ""
        out[record.role, record.get("owner"), links, kind, stage, bool(record.get("recording_url"))] += 1
    return out
