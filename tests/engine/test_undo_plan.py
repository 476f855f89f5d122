"""The plan of an undo, for what the small flow never writes: changes of records that others made."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.core.record import Record
from tieline.engine.effects.same import same
from tieline.engine.effects.undo import Act, Facts, Item, Wrote, plan
from tieline.engine.effects.undo_still import still

ACCOUNT, CONTACT = ("account", "1"), ("contact", "7")
LINK = {"$ref": ["account", "1"]}


def made(id: int = 1, role: str = "account", record: str = "1", **more: Any) -> Act:
    return Act(id, 10, 1, 100, role, "create", role, record, more.pop("values", {"name": "Duval"}), {}, **more)


def changed(id: int = 2, run: int = 10, values: Any = None, before: Any = None) -> Act:
    given = {"account": LINK} if values is None else values
    return Act(
        id,
        run,
        1,
        100,
        "contact.link",
        "update",
        "contact",
        "7",
        given,
        {"account": None} if before is None else before,
    )


def facts(contact: dict[str, Any], *writes: Wrote, **more: Any) -> Facts:
    return Facts(
        read={ACCOUNT: Record("account", "1", {"name": "Duval"}, "v1"), CONTACT: Record("contact", "7", contact, "v9")},
        deletes=frozenset({"account", "contact"}),
        history={
            ACCOUNT: [Wrote(10, "create", {"name": "Duval"}, "v1")],
            CONTACT: writes or [Wrote(10, "update", {"account": LINK}, "v2")],
        },
        **more,
    )


def told(items: list[Item]) -> list[tuple[str, str, str]]:
    return [(one.do, one.role, (one.reason or {}).get("code", "")) for one in items]


@pytest.mark.proves("HUB-3")
def test_a_link_that_is_put_back_frees_what_it_led_to() -> None:
    hanging = {ACCOUNT: frozenset({CONTACT})}
    items = plan([made(), changed()], facts({"account": "1"}, hanging=hanging))
    assert told(items) == [("delete", "account", "undo.made_here"), ("restore", "contact", "undo.back")]
    delete, restore = items
    assert delete.after == (CONTACT,), "first the link, then the account"
    assert (restore.values, restore.before, restore.version) == ({"account": None}, {"account": LINK}, "v9")


def test_a_link_that_somebody_changed_stays_and_keeps_nothing() -> None:
    items = plan([made(), changed()], facts({"account": "2"}))
    assert told(items) == [("delete", "account", "undo.made_here"), ("leave", "contact", "undo.edited")]


@pytest.mark.parametrize(
    ("now", "writes", "before", "code"),
    [
        ("New", [Wrote(10, "update", {"name": "New"}, None)], {"name": "Old"}, "undo.back"),
        ("Other", [Wrote(10, "update", {"name": "New"}, None)], {"name": "Old"}, "undo.edited"),
        ("Old", [Wrote(10, "update", {"name": "New"}, None)], {"name": "Old"}, "undo.already"),
        ("New", [Wrote(10, "update", {"name": "New"}, None)], {}, "undo.no_before"),
        (
            "Newer",
            [Wrote(10, "update", {"name": "New"}, None), Wrote(11, "update", {"name": "Newer"}, None)],
            {"name": "Old"},
            "undo.later",
        ),
    ],
)
def test_a_field_is_put_back_only_where_its_value_is_still_ours(
    now: str, writes: list[Wrote], before: dict[str, Any], code: str
) -> None:
    (item,) = plan([changed(values={"name": "New"}, before=before)], facts({"name": now}, *writes))
    assert (item.reason or {}).get("code") == code
    assert (item.do == "restore") == (code == "undo.back")


def test_two_changes_of_one_field_go_back_to_what_stood_before_both() -> None:
    writes = [Wrote(10, "update", {"name": "New"}, None), Wrote(11, "update", {"name": "Newer"}, None)]
    acts = [
        changed(2, 10, {"name": "New"}, {"name": "Old"}),
        changed(3, 11, {"name": "Newer"}, {"name": "New"}),
    ]
    (item,) = plan(acts, facts({"name": "Newer"}, *writes))
    assert (item.do, item.values) == ("restore", {"name": "Old"})


def test_what_is_no_longer_kept_is_left() -> None:
    assert told(plan([made(values={})], facts({}))) == [("leave", "account", "undo.forgotten")]
    assert told(plan([changed(values={}, before={})], facts({}))) == [("leave", "contact", "undo.forgotten")]


def test_a_record_that_another_call_goes_on_with_is_that_calls_too() -> None:
    mine = Wrote(10, "create", {"name": "Duval"}, "v0", 100)
    for subject, stays in ((200, True), (100, False)):
        later = Wrote(11, "update", {"name": "Duval"}, "v1", subject)
        known = facts({})
        known = Facts(known.read, {}, known.deletes, {}, {**known.history, ACCOUNT: [mine, later]})
        assert told(plan([made()], known))[0][0] == ("leave" if stays else "delete")


def test_a_lead_that_was_converted_stays() -> None:
    lead = Record("lead", "5", {"name": "Duval", "converted_contact": "8"}, "v1")
    known = Facts(read={("lead", "5"): lead}, deletes=frozenset({"lead"}))
    assert told(plan([made(role="lead", record="5")], known)) == [("leave", "lead", "undo.converted")]


def test_what_goes_with_its_record_goes_after_it_or_stays() -> None:
    call = ("call", "9")
    acts = [made(), made(2, "call", "9")]
    base = facts({}, hanging={ACCOUNT: frozenset({call})}, goes_with=frozenset({"call"}))
    read = {**base.read, call: Record("call", "9", {"name": "Duval"})}
    whole = Facts(base.read | read, base.hanging, base.deletes, {}, base.history, goes_with=base.goes_with)
    account, with_it = plan(acts, whole)
    assert (account.do, account.after) == ("delete", ())
    assert (with_it.do, with_it.after) == ("delete", (ACCOUNT,))
    edited = whole.read | {ACCOUNT: Record("account", "1", {"name": "Duval"}, "v2")}
    stays = Facts(edited, base.hanging, base.deletes, {}, base.history, goes_with=base.goes_with)
    assert [code for _, _, code in told(plan(acts, stays))] == ["undo.edited", "undo.cannot_delete"]


def test_a_file_goes_with_its_record_and_stays_on_others() -> None:
    file = {"name": "a.mp3", "url": "https://a/1"}
    on_ours = Act(3, 10, 1, 100, "call.file", "attach", "account", "1", file, {})
    on_theirs = Act(4, 10, 1, 100, "call.file", "attach", "contact", "7", file, {})
    delete, left = plan([made(), on_ours, on_theirs], facts({}))
    assert delete.before["files"] == [file]
    assert told([left]) == [("leave", "contact", "undo.file_stays")]


def test_only_what_both_plans_say_alike_is_done() -> None:
    hanging = {ACCOUNT: frozenset({CONTACT})}
    read = plan([made(), changed()], facts({"account": "1"}, hanging=hanging))
    approved = [
        Item(**{**{name: getattr(one, name) for name in Item.__dataclass_fields__}, "id": at})
        for at, one in enumerate(read, 1)
    ]
    go, moved = still(approved, plan([made(), changed()], facts({"account": "2"}, hanging=hanging)))
    assert go == []
    assert {id: why["code"] for id, why in moved.items()} == {1: "undo.theirs_hang", 2: "undo.edited"}
    go, moved = still(approved, read)
    assert [one.id for one in go] == [1, 2]
    assert moved == {}


@pytest.mark.parametrize(
    ("ours", "theirs", "alike"),
    [
        ("+33612000000", "06 12 00 00 00", False),
        ("+33 6 12 00 00 00", "+33612000000", True),
        ("+33612000000", ["+33612000000", "01"], True),
        ("+33612000000", [], False),
        (None, "", True),
        ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00+01:00", True),
        (61, 61.0, True),
        ({"$ref": ["account", "1"]}, "1", True),
        ("Two  words", "Two words", True),
        ("Old", "New", False),
    ],
)
def test_values_are_the_same_whichever_way_they_are_spelt(ours: Any, theirs: Any, alike: bool) -> None:
    assert same(ours, theirs) is alike
