"""Settings that contradict are refused, each with its smallest example; the rest is only said (CALL-24)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.flows.desk import BASE, LINES, TARGET, decided, settings
from tieline.core.flow import Clash, Need, Target
from tieline.core.reasons import DECLARED
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import WHOLE
from tieline.flows.calls.settings import Settings


def place(layout: str, pipeline: str, stage: str) -> dict[str, Any]:
    return {"layout": {"id": layout, "label": layout.title()}, "pipeline": {"id": pipeline}, "stage": {"id": stage}}


def lacking(*names: str, **limits: Any) -> Target:
    """TARGET without these roles ("task") or fields ("deal.contact")."""
    roles = {
        role: frozenset(field for field in fields if f"{role}.{field}" not in names)
        for role, fields in TARGET.roles.items()
        if role not in names
    }
    return replace(TARGET, roles=roles, limits=limits)


GOOD = place("standard", "sales", "qualify")
DEAL = {"when": "always", "values": {"Reason": "call"}}

CLASHES: list[tuple[str, dict[str, Any], Target, str, tuple[str, ...], bool]] = [
    # name, settings, target, code, rules, with an example
    ("self", {"account": {"create": True, "owner": {"kind": "account"}}}, TARGET,
     "owner_cycle", ("account.owner",), True),
    ("pair", {"account": {"create": True, "owner": {"kind": "lead"}}, "lead": {"owner": {"kind": "account"}}}, TARGET,
     "owner_cycle", ("account.owner", "lead.owner"), True),
    ("stage of another pipeline", {"deal": {**DEAL, "place": place("standard", "tenders", "qualify")}}, TARGET,
     "place", ("deal.place",), True),
    ("pipeline of another layout", {"deal": {**DEAL, "place": place("big", "sales", "qualify")}}, TARGET,
     "place", ("deal.place",), True),
    ("one manager's stage", {"deal": {**DEAL, "per_manager": True, "places": {
        "anna": place("big", "sales", "won"), **dict.fromkeys(("bruno", "felix", "emma"), GOOD)}}}, TARGET,
     "place", ("deal.places.anna",), True),
    ("no pipelines there", {"deal": {**DEAL, "place": GOOD}}, replace(TARGET, places=(), required={}),
     "place_unsupported", ("deal.place",), True),
    ("a manager without a place", {"deal": {**DEAL, "per_manager": True, "places": dict.fromkeys(("anna", "felix", "emma"), GOOD)}},
     TARGET, "place_missing", ("deal.per_manager", "deal.places.bruno"), True),
    ("the default user without a place",
     {"deal": {**DEAL, "per_manager": True, "places": dict.fromkeys(("anna", "felix", "bruno"), GOOD)}},
     TARGET, "place_missing", ("deal.per_manager", "deal.places.emma"), True),
    ("two layouts", {"deal": {**DEAL, "layout": {"id": "big"}, "place": GOOD}}, TARGET,
     "two_layouts", ("deal.layout", "deal.place"), True),
    ("a line twice", {"lines": [*LINES, {"number": "0045 70 10 04 11"}]}, TARGET,
     "line_twice", ("lines.0", "lines.5"), True),
    ("an extension twice", {"lines": [{"number": "102"}, {"number": " 102"}]}, TARGET,
     "line_twice", ("lines.0", "lines.1"), True),
    ("no line", {"lines": [{"number": " "}]}, TARGET, "line_invalid", ("lines.0",), False),
    ("a withheld line", {"lines": [{"number": "anonymous"}]}, TARGET, "line_invalid", ("lines.0",), False),
    ("a recording of what is not logged", {"call": {"log": "none", "recording": "link"}}, TARGET,
     "recording_without_log", ("call.recording", "call.log"), True),
    ("no room for recordings", {}, lacking("call.recording_url"), "field_missing", ("call.recording",), True),
    ("no attachments there", {"call": {"recording": "copy"}}, lacking(call_attach=False),
     "field_missing", ("call.recording",), True),
    ("a required field", {"lead": {"layout": {"id": "trade"}}}, TARGET,
     "required", ("lead.values", "lead.values.Industry"), True),
    ("a required field of the place's layout", {"deal": {"when": "always", "place": place("big", "tenders", "won")}}, TARGET,
     "required", ("deal.place", "deal.values.Reason"), True),
    ("no default user", {"default_user": None}, TARGET, "no_default_user", ("default_user",), True),
    ("a default user who left", {"default_user": {"id": "felix", "label": "Felix"}}, TARGET,
     "user_gone", ("default_user",), True),
    ("a named user without a name", {"task": {"owner": {"kind": "user"}}}, TARGET, "no_user", ("task.owner",), False),
    *((f"no {role} there", {"account": {"create": True}, "contact": {"create": True}, "deal": DEAL}, lacking(role),
       "role_missing", ({"deal": "deal.when", "call": "call.log"}.get(role, f"{role}.create"),), True)
      for role in ("account", "lead", "contact", "deal", "task", "call")),
    ("no status there", {"lead": {"status": {"id": "new"}}}, lacking("lead.status"), "field_missing", ("lead.status",), False),
    ("no such status", {"lead": {"status": {"id": "hot"}}}, TARGET, "choice", ("lead.status",), False),
    ("no such layout", {"lead": {"layout": {"id": "old"}}}, TARGET, "choice", ("lead.layout",), False),
    ("no layouts there", {"lead": {"layout": {"id": "old"}}}, lacking("lead.layout"), "field_missing", ("lead.layout",), False),
    ("text in a number", {"lead": {"values": {"Employees": "about ten"}}}, replace(TARGET, types={("lead", "=Employees"): "number"}),
     "value", ("lead.values.Employees",), False),
    ("a status that no task has", {"task": {"per": "caller", "done": {"id": "Gone"}}},
     replace(TARGET, choices={**TARGET.choices, ("task", "status"): (("Open", "Open"), ("Completed", "Completed"))}),
     "choice", ("task.done", "task.per"), True),
    ("tasks without a status", {"task": {"per": "caller"}}, lacking("task.status"), "task_status", ("task.per",), True),
    ("nobody knows which status closes a task", {"task": {"per": "caller"}}, replace(TARGET, limits={}),
     "task_status", ("task.per",), True),
    ("tasks that hang on nobody", {"task": {"per": "caller"}}, lacking("task.contact", "task.account", "task.lead"),
     "task_link", ("task.per",), True),
    ("a placeholder that nobody knows", {"lead": {"name": "{caller} {number}"}}, TARGET, "template", ("lead.name",), False),
    ("a placeholder that nobody knows in tasks", {"task": {"name": "{}"}}, TARGET, "template", ("task.name",), False),
    ("a country", {"default_country": "XX"}, TARGET, "country", ("default_country",), False),
    ("a line's country", {"lines": [{"number": "70100411", "country": "dk"}]}, TARGET, "country", ("lines.0.country",), False),
    ("a zone", {"zone": "Europe/Nowhere"}, TARGET, "zone", ("zone",), False),
]  # fmt: skip


def changed(using: Settings, clash: Clash, way: int) -> Settings:
    raw = using.model_dump(mode="json")
    for path, value in clash.ways_out[way][1].items():
        at = raw
        *parts, last = path.split(".")
        for part in parts:
            at = at[part]
        at[last] = value
    return FLOW.load(raw)


@pytest.mark.proves("CALL-24")
@pytest.mark.parametrize(
    ("raw", "target", "code", "rules", "shown"), [one[1:] for one in CLASHES], ids=[one[0] for one in CLASHES]
)
def test_what_contradicts_is_refused(
    raw: dict[str, Any], target: Target, code: str, rules: tuple[str, ...], shown: bool
) -> None:
    using = settings(**raw)
    [clash] = FLOW.check(using, target)
    assert (clash.reason.code, clash.rules) == (f"call.clash.{code}", rules)
    assert (clash.example is not None) == shown
    if clash.example is not None:
        decided(clash.example, using, target=target)
    for way in range(len(clash.ways_out)):
        assert FLOW.check(changed(using, clash, way), target) == ()


def test_every_contradiction_has_an_example_here() -> None:
    shown = {f"call.clash.{one[3]}" for one in CLASHES}
    assert shown == {code for code in DECLARED if code.startswith("call.clash.")}


def test_the_settings_that_the_tests_start_from_are_fine() -> None:
    assert FLOW.check(settings(), TARGET) == ()
    assert FLOW.remarks(settings(), TARGET) != ()  # Felix, a manager, has left


@pytest.mark.proves("CALL-14")
def test_a_missing_place_is_shown_by_a_call_that_asks_for_it() -> None:
    raw = {**DEAL, "per_manager": True, "places": dict.fromkeys(("anna", "felix"), GOOD)}
    using = settings(deal=raw)
    clashes = FLOW.check(using, TARGET)
    assert [clash.rules[1] for clash in clashes] == ["deal.places.bruno", "deal.places.emma"]
    for clash in clashes:
        assert clash.example is not None
        kinds = [notice.kind for notice in decided(clash.example, using).plan.notices]
        assert "deal_place_missing" in kinds


@pytest.mark.proves("CALL-24")
@pytest.mark.parametrize(
    "raw",
    [
        {"lines": [{"number": "70100419", "ignore": True, "manager": {"id": "anna"}}]},
        {"lines": [{"number": "70100419", "ignore": True}]},
        {"account": {"create": False, "owner": {"kind": "account"}}},
        {
            "account": {"create": True, "owner": {"kind": "lead"}},
            "lead": {"create": False, "owner": {"kind": "account"}},
        },
        {
            "account": {"create": True, "owner": {"kind": "deal"}},
            "deal": {"when": "never", "owner": {"kind": "account"}},
        },
        {"task": {"owner": {"kind": "deal"}}, "call": {"owner": {"kind": "lead"}}},
        {"call": {"log": "none", "recording": "none"}},
        {"deal": {"when": "never", "per_manager": True, "place": place("no", "such", "place")}},
        {"lead": {"create": False, "layout": {"id": "no"}, "name": "{no}"}},
        {"deal": {"when": "always", "per_manager": False, "places": {"anna": place("no", "such", "place")}}},
    ],
)
def test_what_does_not_contradict_is_not_refused(raw: dict[str, Any]) -> None:
    assert FLOW.check(settings(**raw), TARGET) == ()


@pytest.mark.proves("CALL-24")
def test_two_rings_are_two_contradictions() -> None:
    using = settings(
        account={"create": True, "owner": {"kind": "lead"}},
        lead={"owner": {"kind": "account"}},
        contact={"create": True, "owner": {"kind": "deal"}},
        deal={**DEAL, "owner": {"kind": "contact"}},
    )
    assert [clash.rules for clash in FLOW.check(using, TARGET)] == [
        ("account.owner", "lead.owner"), ("contact.owner", "deal.owner"),
    ]  # fmt: skip


def test_who_asks_a_ring_is_not_in_it() -> None:
    using = settings(
        account={"create": True, "owner": {"kind": "account"}}, contact={"create": True, "owner": {"kind": "account"}},
    )  # fmt: skip
    assert [clash.rules for clash in FLOW.check(using, TARGET)] == [("account.owner",)]


def test_the_example_is_a_stranger_even_where_a_line_has_that_number() -> None:
    lines = [{"number": "+33612345678"}, {"number": "+33612345679", "ignore": True}]
    using = settings(lines=lines, account={"create": True, "owner": {"kind": "account"}})
    [clash] = FLOW.check(using, TARGET)
    assert clash.example is not None
    assert clash.example["external"] == "+33612345680"
    assert clash.example["line"] == "+33612345678"


@pytest.mark.proves("CALL-15", "CALL-8")
@pytest.mark.parametrize(
    ("raw", "target", "code", "rule"),
    [
        ({"deal": DEAL}, lacking("deal.contact"), "link_missing", "deal.when"),
        ({"contact": {"create": True}}, lacking("contact.account"), "link_missing", "contact.create"),
        ({}, lacking("call.lead"), "link_missing", "call.log"),
        ({}, lacking("task.account"), "link_missing", "task.create"),
        ({}, lacking("task.owner"), "owner_missing", "task.owner"),
        ({"lead": {"owner": {"kind": "contact"}}}, TARGET, "owner_never", "lead.owner"),
        ({"lead": {"create": False}}, lacking(call_needs_parent=True), "not_logged", "call.log"),
        ({"deal": DEAL}, lacking(deal_needs_party=True), "deal_needs_party", "deal.when"),
        ({"task": {"owner": {"kind": "user", "user": {"id": "felix"}}}}, TARGET, "user_gone", "task.owner"),
        ({"lines": LINES}, TARGET, "user_gone", "lines.2.manager"),
    ],
)
def test_what_is_said_and_not_refused(raw: dict[str, Any], target: Target, code: str, rule: str) -> None:
    using = settings(**{"lines": LINES[:2], **raw})
    assert FLOW.check(using, target) == ()
    assert [(one.reason.code, one.rules) for one in FLOW.remarks(using, target)] == [(f"call.remark.{code}", (rule,))]


# -- defaults and needs ------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-4")
@pytest.mark.parametrize(
    ("target", "differs"),
    [
        (TARGET, {}),
        (WHOLE, {}),
        (lacking("task"), {"task": {"create": False}}),
        (lacking("lead"), {"lead": {"create": False}}),
        (lacking("call"), {"call": {"log": "none", "recording": "none"}}),
        (lacking("call.recording_url"), {"call": {"recording": "none"}}),
        (lacking("task", "lead", "deal", "lead.status"), {"task": {"create": False}, "lead": {"create": False}}),
    ],
)
def test_defaults_work_unedited_on_each_target(target: Target, differs: dict[str, Any]) -> None:
    raw = FLOW.defaults(target)
    assert FLOW.load(raw) == FLOW.load(differs)
    at_connect = {**raw, "default_user": BASE["default_user"]}
    assert FLOW.check(FLOW.load(at_connect), target) == ()


@pytest.mark.proves("CALL-4")
def test_the_defaults() -> None:
    using = FLOW.load(FLOW.defaults(TARGET))
    assert (using.call.log, using.lead.create, using.task.create) == ("all", True, True)
    assert (using.account.create, using.contact.create, using.deal.when) == (False, False, "never")


def verbs(using: Settings) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}
    for need in FLOW.needs(using):
        out.setdefault(need.role, set()).add(need.verb)
    return out


OFF: dict[str, Any] = {
    "lead": {"create": False}, "task": {"create": False}, "call": {"log": "none", "recording": "none"},
}  # fmt: skip
MAKE = {"create", "owner", "fields"}


@pytest.mark.proves("CALL-3")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (OFF, {}),
        (
            {},
            {
                "call": MAKE | {"update"},
                "task": MAKE,
                "lead": MAKE | {"read"},
                "contact": {"read"},
                "account": {"read"},
                "deal": {"read"},
            },
        ),
        (
            {**OFF, "task": {}},
            {"task": MAKE, "lead": {"read"}, "contact": {"read"}, "account": {"read"}, "deal": {"read"}},
        ),
        (
            {**OFF, "account": {"create": True}},
            {"account": MAKE | {"read"}, "contact": {"read", "update"}, "lead": {"read"}, "deal": {"read"}},
        ),
        (
            {**OFF, "deal": {"when": "no_active", "place": GOOD}},
            {"deal": MAKE | {"read", "places"}, "contact": {"read"}, "account": {"read"}, "lead": {"read"}},
        ),
        (
            {**OFF, "call": {"recording": "copy"}},
            {
                "call": MAKE | {"update", "attach"},
                "contact": {"read"},
                "account": {"read"},
                "lead": {"read"},
                "deal": {"read"},
            },
        ),
    ],
)
def test_needs_of_the_active_rules(raw: dict[str, Any], expected: dict[str, set[str]]) -> None:
    assert verbs(settings(**raw)) == expected


@pytest.mark.proves("CALL-3")
def test_needs_name_the_rule_that_asks() -> None:
    needs = FLOW.needs(settings(task={"owner": {"kind": "deal"}}))
    assert Need("task", "create", "task.create") in needs
    assert Need("deal", "read", "task.owner") in needs
    assert len(set(needs)) == len(needs)
