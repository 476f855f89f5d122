"""Settings of a pair: what contradicts, what is only said, defaults that need no edit, and what each side is asked for."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from tests.flows.pair import CRM, ERP, TARGETS, crm, decide, raw
from tieline.core.flow import Target
from tieline.core.pairing import LEFT, RIGHT
from tieline.core.reasons import DECLARED
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers import reasons as r


def account(**changes: Any) -> dict[str, Any]:
    """Settings whose first role has these changes; a function of its lines may be given."""
    settings = raw()
    lines = changes.pop("lines", None)
    if lines is not None:
        lines(settings["roles"][0]["lines"])
    settings["roles"][0].update(changes)
    return settings


def line(name: str, left: str, right: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "left": left, "right": right, **more}


def set_of(name: str, **more: Any) -> Any:
    def change(lines: list[dict[str, Any]]) -> None:
        next(one for one in lines if one["name"] == name).update(more)

    return change


CLASHES: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("country", raw(default_country="XX"), r.CLASH_COUNTRY, ("default_country",)),
    ("no role", {**raw(), "roles": [{**one, "on": False} for one in raw()["roles"]]}, r.CLASH_NO_ROLE, ("roles",)),
    ("role twice", {**raw(), "roles": [raw()["roles"][0]] * 2}, r.CLASH_ROLE_TWICE, ("account",)),
    ("role that a side lacks", {**raw(), "roles": [*raw()["roles"], {"role": "deal", "lines": [line("name", "name", "name")]}]},
     r.CLASH_ROLE, ("deal",)),
    ("link to a role that is off", {**raw(), "roles": [{**raw()["roles"][0], "on": False}, raw()["roles"][1]]},
     r.CLASH_PARENT, ("contact.account",)),
    ("roles in a circle", account(lines=lambda lines: lines.append(line("boss", "owner", "group", kind="link", role="contact"))),
     r.CLASH_ROLE_CIRCLE, ("account.boss", "contact.account")),
    ("active without a condition", raw(crm_new="when_active"), r.CLASH_CONDITION, ("crm_new", "active")),
    ("a condition that is never true",
     raw(crm_new="when_active", active={"tests": [{"field": "stage", "values": ["won"]}]}), r.CLASH_CONDITION_VALUE, ("active.tests.0",)),
    ("records that the CRM does not have", raw(crm_new="when_active", active={"role": "lead", "link": "converted_account",
     "tests": [{"field": "converted_account", "operator": "filled"}]}), r.CLASH_CONDITION_ROLE, ("active.role",)),
    ("records that do not lead to a customer", raw(crm_new="when_active", active={"role": "deal", "link": "name", "tests": [
     {"field": "stage_kind", "values": ["won"]}]}), r.CLASH_CONDITION_LINK, ("active.link",)),
    ("a field that such records do not have", raw(crm_new="when_active", active={"role": "deal", "tests": [
     {"field": "=Score", "operator": "more", "values": ["7"]}]}), r.CLASH_CONDITION_FIELD, ("active.tests.0",)),
    ("a stage that is no kind of stage", raw(crm_new="when_active", active={"role": "deal", "tests": [
     {"field": "stage_kind", "values": ["Closed"]}]}), r.CLASH_CONDITION_VALUE, ("active.tests.0",)),
    ("a mark without its field", raw(mark={"kind": "field"}), r.CLASH_MARK, ("mark.kind", "mark.field")),
    ("a line twice", account(lines=lambda lines: lines.append(line("city", "stage", "zip"))), r.CLASH_LINE_TWICE, ("account.city",)),
    ("two lines write one field", account(lines=lambda lines: lines.append(line("town", "stage", "city"))),
     r.CLASH_TWO_WRITERS, ("account.city", "account.town")),
    ("one-way lines in a circle", account(lines=lambda lines: lines.extend((
        line("a", "stage", "vat_zone", direction="to_right"), line("b", "owner", "vat_zone", direction="to_left"),
        line("c", "owner", "group", direction="to_right"), line("d", "stage", "group", direction="to_left")))),
     r.CLASH_CIRCLE, ("account.a", "account.b", "account.c", "account.d")),
    ("there and back again as two lines", account(lines=lambda lines: lines.extend((
        line("a", "owner", "group", direction="to_right"), line("b", "owner", "group", direction="to_left")))),
     r.CLASH_CIRCLE, ("account.a", "account.b")),
    ("a type that nobody told", account(lines=lambda lines: lines.append(line("kept", "kept", "vat_zone"))),
     "", ()),
    ("a yes or no and a phone", account(lines=lambda lines: set_of("phone", left="kept")(lines)), r.CLASH_TYPES, ("account.phone",)),
    ("both are the master", account(lines=set_of("city", direction="to_right", policy="right")), r.CLASH_BOTH_MASTERS, ("account.city",)),
    ("a choice that is not there", account(lines=set_of("currency", kind="choice", values={"DKK": "SEK"})), r.CLASH_CHOICE, ("account.currency",)),
    ("what the ERP asks for", account(right_values={"group": "1", "vat_zone": "1"}), r.CLASH_REQUIRED,
     ("account.right_values.terms",)),
    ("new ones would be empty", account(lines=lambda lines: [one.update(direction="to_right") for one in lines]), r.CLASH_NOTHING_GIVEN,
     ("account.lines",)),
]  # fmt: skip


def found(settings: Mapping[str, Any], targets: Any = TARGETS) -> Any:
    return CUSTOMERS.check(CUSTOMERS.load(settings), targets)


def test_where_only_contact_persons_are_kept_the_same_a_condition_is_of_their_fields() -> None:
    names = ("name", "email")
    book = Target(
        roles={"contact": frozenset(names)}, choices={("contact", "kind"): (("friend", "Friend"),)},
        readable={("contact", name): "text" for name in (*names, "kind")},
    )  # fmt: skip
    targets = {LEFT: book, RIGHT: book}
    for value, codes in (("friend", []), ("foe", [r.CLASH_CONDITION_VALUE])):
        tests = [{"field": "kind", "values": [value]}]
        settings = {**CUSTOMERS.defaults(book, book), "crm_new": "when_active", "active": {"tests": tests}}
        assert [one.reason.code for one in found(settings, targets).clashes] == codes


@pytest.mark.proves("CUST-2", "CUST-9")
@pytest.mark.parametrize(("name", "settings", "code", "rules"), CLASHES, ids=[one[0] for one in CLASHES])
def test_each_contradiction_is_named_with_its_places(
    name: str, settings: dict[str, Any], code: str, rules: tuple[str, ...]
) -> None:
    clashes = {one.reason.code: one for one in found(settings).clashes}
    if not code:
        assert not clashes
        return
    assert code in clashes, clashes
    assert clashes[code].rules == rules
    assert DECLARED[code] >= clashes[code].reason.params.keys()


def test_every_kind_of_contradiction_has_its_case() -> None:
    assert {code for _, _, code, _ in CLASHES if code} == {
        code for code in DECLARED if code.startswith("customers.clash.")
    }


def put(settings: dict[str, Any], path: str, value: Any) -> None:
    """A change as a page makes it: parts of a list are names."""
    here: Any = settings
    *above, last = path.split(".")
    for part in above:
        here = (
            next(one for one in here if part in (one.get("name"), one.get("role")))
            if isinstance(here, list)
            else here[part]
        )
    if isinstance(here, list):
        here[:] = [one for one in here if one["name"] != last]
        assert value is None
    else:
        here[last] = value


WITHOUT_WAY = {r.CLASH_COUNTRY, r.CLASH_ROLE_TWICE, r.CLASH_LINE_TWICE, r.CLASH_CONDITION_VALUE}


@pytest.mark.parametrize(
    ("settings", "code"), [(one[1], one[2]) for one in CLASHES if one[2]], ids=[one[2] for one in CLASHES if one[2]]
)
def test_each_way_out_solves_it(settings: dict[str, Any], code: str) -> None:
    for clash in found(settings).clashes:
        if clash.reason.code != code:
            continue
        assert clash.ways_out or code in WITHOUT_WAY
        for reason, changes in clash.ways_out:
            assert DECLARED[reason.code] >= reason.params.keys()
            changed = copy.deepcopy(settings)
            for path, value in changes.items():
                put(changed, path, copy.deepcopy(value))
            left = [one for one in found(changed).clashes if one.reason == clash.reason]
            assert left == [], (reason, left)


@pytest.mark.parametrize(
    ("settings", "targets", "code"),
    [
        (account(lines=set_of("city", right="balance")), TARGETS, r.REMARK_READ_ONLY),
        (raw(), TARGETS, r.REMARK_TOO_SHORT),
        (account(lines=set_of("city", right_length=5)), TARGETS, r.REMARK_TOO_SHORT),
        (account(lines=set_of("currency", kind="choice", values={"DKK": "DKK"})), TARGETS, r.REMARK_UNMAPPED),
        (account(match=[]), TARGETS, r.REMARK_NO_MATCH),
        (account(lines=lambda lines: lines.pop(next(at for at, one in enumerate(lines) if one["name"] == "phone"))), TARGETS, r.REMARK_RULE_EMPTY),
        (raw(crm_new="off", crm_changed=False, erp_created=False, erp_changed=False), TARGETS, r.REMARK_NOTHING_MOVES),
        (raw(deletions={"left": "delete"}), {LEFT: CRM, RIGHT: Target(ERP.roles, deletes=frozenset(["contact"]))}, r.REMARK_NO_DELETE),
    ],
)  # fmt: skip
def test_what_works_and_does_less_than_it_seems_is_said(settings: dict[str, Any], targets: Any, code: str) -> None:
    assert code in {one.reason.code for one in found(settings, targets).remarks}


def test_what_is_too_short_is_said_of_the_side_that_cuts() -> None:
    short = next(
        one for one in found(raw()).remarks if one.reason.code == r.REMARK_TOO_SHORT and one.rules == ("account.name",)
    )
    assert short.reason.params == {"what": "name", "side": "right", "length": 30}
    assert not [one for one in found(raw()).remarks if one.reason.params.get("side") == "left"]


# -- defaults ------------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CUST-1", "CUST-9")
def test_the_defaults_can_be_saved_and_work_unedited() -> None:
    assert found(raw()).clashes == ()
    settings = CUSTOMERS.load(raw())
    assert [rule.role for rule in settings.roles] == ["account", "contact"]
    assert {one.name for one in settings.roles[0].lines} >= {
        "name",
        "phone",
        "email",
        "city",
        "registration_number",
        "country",
    }
    assert settings.roles[0].right_values["group"].model_dump() == {"id": "1", "label": "Danish customers"}  # type: ignore[union-attr]
    assert settings.roles[0].right_values["currency"].model_dump() == {"id": "DKK", "label": "Danish krone"}  # type: ignore[union-attr]
    assert [one.rule for one in settings.roles[0].match] == ["registration_number", "email", "phone", "name"]
    assert decide(CUSTOMERS.of(settings, TARGETS), crm(), event="created").writes


def test_the_defaults_of_two_address_books_are_contact_persons() -> None:
    book = Target(roles={"contact": frozenset(("name", "email", "phone", "birthday", "note"))})
    other = Target(roles={"contact": frozenset(("name", "email", "notes", "birthday"))})
    settings = CUSTOMERS.load(CUSTOMERS.defaults(book, other))
    assert [rule.role for rule in settings.roles] == ["contact"]
    assert [(one.left, one.right) for one in settings.roles[0].lines] == [
        ("name", "name"), ("email", "email"), ("birthday", "birthday"), ("note", "notes"),
    ]  # fmt: skip
    assert [one.rule for one in settings.roles[0].match] == ["email", "name"]
    assert found(CUSTOMERS.defaults(book, other), {LEFT: book, RIGHT: other}).clashes == ()


@pytest.mark.proves("CUST-9")
def test_where_the_vat_number_is_the_registration_number_one_field_does_for_both() -> None:
    tax = Target(roles={"account": frozenset(("name", "tax_number"))})
    both = Target(roles={"account": frozenset(("name", "tax_number", "registration_number"))})

    def numbers(country: str) -> list[tuple[str, str]]:
        (rule,) = CUSTOMERS.load(CUSTOMERS.defaults(tax, both, country)).roles
        assert rule.match[0].rule == "registration_number"
        return [(one.left, one.right) for one in rule.lines if one.kind == "code"]

    assert numbers("DK") == [("tax_number", "registration_number")]
    assert numbers("FR") == [("tax_number", "tax_number")]
    (rule,) = CUSTOMERS.load(CUSTOMERS.defaults(both, both, "DK")).roles
    assert [one.name for one in rule.lines if one.kind == "code"] == ["registration_number", "tax_number"]


def test_two_systems_with_nothing_in_common_say_so() -> None:
    nothing = CUSTOMERS.defaults(Target(), Target())
    assert [one.reason.code for one in found(nothing).clashes] == [r.CLASH_NO_ROLE]


def test_how_a_side_writes_countries_and_addresses_follows_from_its_description() -> None:
    codes = Target(
        roles={"account": frozenset(("name", "country", "email"))},
        choices={("account", "country"): (("DK", "Denmark"), ("DE", "Germany"))},
        types={("account", "email"): "email"},
    )
    short = Target(roles={"account": frozenset(("name", "country", "email"))}, lengths={("account", "country"): 3})
    (rule,) = CUSTOMERS.load(CUSTOMERS.defaults(codes, short)).roles
    lines = {one.name: one for one in rule.lines}
    assert (lines["country"].left_form, lines["country"].right_form) == ("code", "code3")
    assert (lines["email"].left_form, lines["email"].right_form) == ("one", "")


# -- settings, needs -------------------------------------------------------------------------------------------------------------


def test_settings_survive_being_kept_and_strange_ones_are_refused() -> None:
    settings = CUSTOMERS.load(raw())
    assert CUSTOMERS.load(settings.model_dump(mode="json")) == settings
    assert CUSTOMERS.load({}).on
    for wrong in ({"version": 99}, {"crm_new": "sometimes"}, {"crm": 1}, {"deletions": {"share": 2}}):
        with pytest.raises(ValidationError):
            CUSTOMERS.load(wrong)


@pytest.mark.proves("CUST-2")
def test_each_side_is_asked_for_what_some_rule_needs() -> None:
    def verbs(side: Any, **changes: Any) -> set[tuple[str, str]]:
        return {(one.role, one.verb) for one in CUSTOMERS.needs(CUSTOMERS.load(raw(**changes)), side)}

    assert verbs(LEFT) == {
        (role, verb) for role in ("account", "contact") for verb in ("read", "fields", "create", "update")
    }
    assert verbs(LEFT, on=False) == set()
    reading = {("account", "read"), ("account", "fields"), ("contact", "read"), ("contact", "fields")}
    assert verbs(LEFT, erp_created=False, erp_changed=False) == reading
    assert ("account", "delete") in verbs(RIGHT, deletions={"left": "delete"})
    assert ("account", "delete") not in verbs(LEFT, deletions={"left": "delete"})
    won = {"role": "deal", "tests": [{"field": "stage_kind", "values": ["won"]}]}
    assert ("deal", "read") in verbs(LEFT, crm_new="when_active", active=won)
    assert ("deal", "read") not in verbs(RIGHT, crm_new="when_active", active=won)


def test_what_is_read_of_each_side() -> None:
    of = CUSTOMERS.of(CUSTOMERS.load(raw(mark={"kind": "field", "field": "kept"})), TARGETS)
    assert {"last_activity", "created_at", "kept"} == set(of.reads("account", LEFT))
    assert {"last_activity", "created_at"} == set(of.reads("account", RIGHT))
    assert of.lines("deal") == ()
    assert next(one for one in of.lines("account") if one.name == "name").right_length == 30
