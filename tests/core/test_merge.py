"""Three-way merge per line: tables of each case, and properties over random records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.core import merge as m
from tieline.core.merge import Rules, base_after, merge, written
from tieline.core.pairing import LEFT, RIGHT, SIDES, Base, Direction, Joined, Line, LineResult, Side, other
from tieline.core.same import agree, for_side, is_empty, same

EARLY, LATE = "2026-11-20T09:00:00Z", "2026-11-20T09:00:05+00:00"


def line(**more: Any) -> Line:
    return Line(**{"name": "it", "left": "l", "right": "r", "kind": "text", **more})


def one(of: Line, left: Any, right: Any, base: Any = None, **rules: Any) -> LineResult:
    known: Base = {} if base is None else {of.name: base}
    (found,) = merge([of], {"l": left}, {"r": right}, known, Rules(**rules))
    return found


BOTH = ("A", "A")


@pytest.mark.proves("CUST-11")
@pytest.mark.parametrize("policy", ["right", "ask"])
def test_emptying_the_one_address_of_a_side_keeps_the_others_that_it_never_held(policy: str) -> None:
    mail = line(kind="email", right_form="one", policy=policy)
    emptied = one(mail, "a@x.dk b@x.dk", "", ("a@x.dk b@x.dk", "a@x.dk"))
    assert (emptied.state, emptied.reason.code) == ("held", m.HELD_NOT_EMPTIED)
    assert one(mail, "a@x.dk", "", ("a@x.dk", "a@x.dk")).state == "to_left"
    assert one(mail, None, "a@x.dk", ("a@x.dk b@x.dk", "a@x.dk")).state == "to_right"
    if policy == "right":
        both = one(mail, "a@x.dk c@x.dk", "", ("a@x.dk b@x.dk", "a@x.dk"))
        assert (both.state, both.reason.code) == ("held", m.HELD_NOT_EMPTIED)


@pytest.mark.proves("CUST-10")
@pytest.mark.parametrize(
    ("left", "right", "base", "state", "value", "code"),
    [
        ("A", "A", BOTH, "same", "A", m.SAME),
        ("B", "A", BOTH, "to_right", "B", m.CHANGED),
        ("A", "B", BOTH, "to_left", "B", m.CHANGED),
        ("B", "B", BOTH, "same", "B", m.SAME),
        ("B", "C", BOTH, "conflict", None, m.ASK_POLICY),
        (None, "A", BOTH, "to_right", None, m.EMPTIED),
        ("A", "", BOTH, "to_left", "", m.EMPTIED),
        (None, "B", BOTH, "conflict", None, m.ASK_POLICY),
        ("A ", "A", BOTH, "same", "A ", m.SAME),
        ("A", "Xyz", ("A", "Xyz"), "same", "A", m.SAME),  # each as it last was
        # linked just now
        ("A", "A", None, "same", "A", m.SAME),
        ("A", None, None, "to_right", "A", m.FILLED),
        ("", "B", None, "to_left", "B", m.FILLED),
        ("A", "B", None, "conflict", None, m.ASK_FIRST),
        (None, "", None, "same", None, m.SAME),
    ],
)
def test_each_case_of_a_line(left: Any, right: Any, base: Any, state: str, value: Any, code: str) -> None:
    found = one(line(), left, right, base)
    assert (found.state, found.value, found.reason.code) == (state, value, code)
    assert (found.left, found.right) == (left, right)


@pytest.mark.proves("CUST-10")
@pytest.mark.parametrize(
    ("policy", "times", "state", "code"),
    [
        ("left", {}, "to_right", m.WINS),
        ("right", {}, "to_left", m.WINS),
        ("ask", {LEFT: EARLY, RIGHT: LATE}, "conflict", m.ASK_POLICY),
        ("newest", {LEFT: EARLY, RIGHT: LATE}, "to_left", m.NEWEST),
        ("newest", {LEFT: LATE, RIGHT: EARLY}, "to_right", m.NEWEST),
        ("newest", {LEFT: EARLY, RIGHT: "2026-11-20T10:00:02+01:00"}, "conflict", m.ASK_TOO_CLOSE),  # two seconds
        ("newest", {LEFT: EARLY, RIGHT: "2026-11-20T10:00:02.500+01:00"}, "to_left", m.NEWEST),
        ("newest", {LEFT: EARLY, RIGHT: EARLY}, "conflict", m.ASK_TOO_CLOSE),
        ("newest", {LEFT: EARLY}, "conflict", m.ASK_NO_TIME),
        ("newest", {LEFT: None, RIGHT: LATE}, "conflict", m.ASK_NO_TIME),
        ("newest", {LEFT: "yesterday", RIGHT: LATE}, "conflict", m.ASK_NO_TIME),
    ],
)
@pytest.mark.parametrize("base", [BOTH, None])
def test_who_wins_a_conflict(policy: Any, times: Mapping[Side, str], state: str, code: str, base: Any) -> None:
    found = one(line(policy=policy), "B", "C", base, times=times)
    expected = m.ASK_FIRST if (policy, base) == ("ask", None) else code
    assert (found.state, found.reason.code) == (state, expected)


@pytest.mark.parametrize(
    ("direction", "left", "right", "base", "state", "code"),
    [
        ("to_right", "B", "A", BOTH, "to_right", m.CHANGED),
        ("to_right", "A", "B", BOTH, "held", m.HELD_ONE_WAY),
        ("to_right", "B", "C", BOTH, "to_right", m.ONE_WAY_WINS),
        ("to_right", "A", "B", None, "to_right", m.ONE_WAY_WINS),
        ("to_right", None, "B", None, "held", m.HELD_ONE_WAY),
        ("to_left", "A", "B", BOTH, "to_left", m.CHANGED),
        ("to_left", "B", "A", BOTH, "held", m.HELD_ONE_WAY),
        ("to_left", "A", None, None, "held", m.HELD_ONE_WAY),
        ("to_left", None, "B", None, "to_left", m.FILLED),
    ],
)
def test_a_line_that_goes_one_way(
    direction: Direction, left: Any, right: Any, base: Any, state: str, code: str
) -> None:
    found = one(line(direction=direction), left, right, base)
    assert (found.state, found.reason.code) == (state, code)


@pytest.mark.proves("CUST-2")
def test_a_side_whose_switch_is_off_keeps_its_changes_to_itself() -> None:
    found = one(line(), "B", "A", BOTH, moves=frozenset((RIGHT,)))
    assert (found.state, found.reason.code) == ("held", m.HELD_SWITCH)
    assert one(line(), "A", "B", BOTH, moves=frozenset((RIGHT,))).state == "to_left"
    assert one(line(), "B", "A", BOTH, moves=frozenset(), choices={"it": LEFT}).state == "to_right"  # a person may


@pytest.mark.proves("CUST-6")
def test_a_persons_choice_beats_base_and_policy() -> None:
    for side, state in ((LEFT, "to_right"), (RIGHT, "to_left")):
        for base in (BOTH, None, ("B", "A"), ("A", "B")):
            found = one(line(policy=other(side)), "B", "C", base, choices={"it": side})
            assert (found.state, found.reason.code) == (state, m.CHOSEN)
    assert one(line(), "B", "B ", BOTH, choices={"it": RIGHT}).state == "same"
    assert one(line(direction="to_right"), "B", "C", BOTH, choices={"it": RIGHT}).state == "held"


def test_what_is_emptied_empties_the_other_side_only_where_the_line_says_so() -> None:
    found = one(line(clears=False), None, "A", BOTH)
    assert (found.state, found.reason.code) == ("held", m.HELD_NOT_EMPTIED)
    assert one(line(clears=False, policy="left"), None, "C", BOTH).state == "held"
    assert one(line(kind="bool"), False, True, (True, True)).state == "to_right"
    assert one(line(kind="bool", clears=False), None, True, (True, True)).state == "to_right"


@pytest.mark.proves("CUST-11")
def test_a_field_that_was_not_read_is_left_alone() -> None:
    of = [line(name="a", left="a", right="a"), line(name="b", left="b", right="b")]
    found = merge(of, {"a": "B"}, {"a": "A", "b": "B"}, {"a": BOTH, "b": BOTH}, Rules())
    assert [(each.state, each.reason.code) for each in found] == [("to_right", m.CHANGED), ("held", m.HELD_NOT_READ)]
    assert base_after(of, found, {"a": BOTH, "b": BOTH}, "DK") == {"a": ("B", "B"), "b": BOTH}


@pytest.mark.proves("CUST-11")
def test_a_field_that_cannot_be_held_in_full_does_not_ping_pong() -> None:
    short = line(kind="name", right_length=7)
    found = one(short, "Nordlys Ventilation", "Nordlys", ("Nordlys", "Nordlys"))
    assert found.state == "same"  # what would be written stands there already
    base = base_after([short], [found], {}, "DK")
    assert base == {"it": ("Nordlys Ventilation", "Nordlys")}
    assert one(short, "Nordlys Ventilation", "Nordlys", base["it"]).state == "same"
    edited = one(short, "Nordlys Ventilation", "Nordlyn", base["it"])
    assert (edited.state, edited.value) == ("to_left", "Nordlyn")


def test_a_value_without_a_counterpart_stays_where_it_is() -> None:
    terms = line(kind="choice", values={"net30": "2"})
    found = one(terms, "cash", "2", ("net30", "2"))
    assert (found.state, found.reason.code) == ("held", m.HELD_NO_VALUE)
    assert one(terms, "net30", None, None).state == "to_right"


def test_a_link_waits_for_its_parent() -> None:
    leads = line(kind="link", role="account")
    waiting = one(leads, Joined(side=LEFT, id="7"), None, None)
    assert (waiting.state, waiting.reason.code) == ("held", m.HELD_PARENT)
    assert one(leads, Joined("k1"), Joined("k1"), None).state == "same"
    moved = one(leads, Joined("k2"), Joined("k1"), (Joined("k1"), Joined("k1")))
    assert (moved.state, moved.value) == ("to_right", Joined("k2"))


@pytest.mark.proves("CUST-10")
def test_edits_of_different_fields_on_both_sides_both_survive() -> None:
    of = [line(name=name, left=name, right=name) for name in ("name", "city")]
    base = {"name": BOTH, "city": ("X", "X")}
    found = merge(of, {"name": "B", "city": "X"}, {"name": "A", "city": "Y"}, base, Rules())
    assert written(of, found, RIGHT, "DK") == {"name": "B"}
    assert written(of, found, LEFT, "DK") == {"city": "Y"}
    assert base_after(of, found, base, "DK") == {"name": ("B", "B"), "city": ("Y", "Y")}


# -- properties ------------------------------------------------------------------------------------------------------------

VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "text": st.sampled_from([None, "", "A", "B ", "Nordlys Ventilation", "Nordlys", "Ærø\r\nBy"]),
    "phone": st.sampled_from([None, "12345678", "+45 12 34 56 78", "+4587654321", "102"]),
    "email": st.sampled_from([None, "a@x.dk", "A@X.dk", "b@x.dk a@x.dk", "c@x.dk d@x.dk"]),
    "country": st.sampled_from([None, "DK", "Danmark", "Tyskland", "FR", "Atlantis"]),
    "choice": st.sampled_from([None, "x", "y", "z", "1", "2", 1]),
    "bool": st.sampled_from([None, True, False, "ja", "0"]),
    "number": st.sampled_from([None, 0, 1, "1.0", 12.5, "12,50"]),
    "code": st.sampled_from([None, "12345679", "DK12345679", "SE123456789"]),
}


@st.composite
def worlds(draw: Any) -> tuple[list[Line], dict[str, Any], dict[str, Any], Base, Rules]:
    lines, left, right, base = [], {}, {}, {}
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(VALUES)))
        name = f"f{number}"
        lines.append(
            Line(
                name, name, name, kind,
                draw(st.sampled_from(["both", "both", "to_right", "to_left"])),
                draw(st.sampled_from(["left", "right", "newest", "ask"])),
                draw(st.none() | st.integers(2, 8)), draw(st.none() | st.integers(2, 8)),
                draw(st.sampled_from([{}, {"x": "1", "y": "1", "z": "2"}])) if kind == "choice" else {},
                "", draw(st.booleans()),
                draw(st.sampled_from(["", "one"])) if kind == "email" else "", draw(st.sampled_from(["", "code"])),
            )
        )  # fmt: skip
        left[name], right[name] = draw(VALUES[kind]), draw(VALUES[kind])
        if draw(st.booleans()):
            base[name] = (
                draw(st.sampled_from([left[name], right[name]]) | VALUES[kind]),
                draw(st.sampled_from([left[name], right[name]]) | VALUES[kind]),
            )
    times = draw(
        st.sampled_from([{}, {LEFT: EARLY, RIGHT: LATE}, {LEFT: LATE, RIGHT: EARLY}, {LEFT: EARLY, RIGHT: EARLY}])
    )
    choices = {one.name: draw(st.sampled_from(SIDES)) for one in lines if draw(st.integers(0, 4)) == 0}
    moves = frozenset(draw(st.sampled_from([SIDES, SIDES, (LEFT,), (RIGHT,), ()])))
    return lines, left, right, base, Rules("DK", choices, times, moves)


def applied(
    lines: Sequence[Line], found: Sequence[LineResult], left: Mapping[str, Any], right: Mapping[str, Any], base: Base
) -> tuple[dict[str, Any], dict[str, Any], Base]:
    return (
        {**left, **written(lines, found, LEFT, "DK")},
        {**right, **written(lines, found, RIGHT, "DK")},
        base_after(lines, found, base, "DK"),
    )


@pytest.mark.proves("CUST-10", "CUST-11")
@given(worlds())
@settings(max_examples=500, deadline=None)
def test_once_written_nothing_is_written_again(
    world: tuple[list[Line], dict[str, Any], dict[str, Any], Base, Rules],
) -> None:
    lines, left, right, base, rules = world
    found = merge(lines, left, right, base, rules)
    left, right, base = applied(lines, found, left, right, base)
    again = merge(lines, left, right, base, rules)
    assert not written(lines, again, LEFT, "DK")
    assert not written(lines, again, RIGHT, "DK")
    assert [one.state for one in again] == [one.state if one.state in ("conflict", "held") else "same" for one in found]
    assert base_after(lines, again, base, "DK") == base
    # nor when nobody chooses any more
    third = merge(lines, left, right, base, Rules("DK", {}, rules.times, rules.moves))
    settled = {one.line for one in again if one.state == "same"}
    assert {one.line for one in third if one.state == "same"} >= settled


@pytest.mark.proves("CUST-10")
@given(worlds())
@settings(max_examples=500, deadline=None)
def test_no_edit_is_lost_without_a_conflict(
    world: tuple[list[Line], dict[str, Any], dict[str, Any], Base, Rules],
) -> None:
    lines, left, right, base, rules = world
    found = merge(lines, left, right, base, Rules("DK", {}, rules.times, rules.moves))
    after_left, after_right, _ = applied(lines, found, left, right, base)
    for of, result in zip(lines, found, strict=True):
        now = {LEFT: left[of.name], RIGHT: right[of.name]}
        after = {LEFT: after_left[of.name], RIGHT: after_right[of.name]}
        if of.name not in base:
            changed = {side for side in SIDES if not is_empty(now[side])}
        else:
            before = dict(zip(SIDES, base[of.name], strict=True))
            changed = {side for side in SIDES if not same(of.kind, now[side], before[side])}
        for side in changed:
            if result.state in ("conflict", "held"):
                assert after == now  # everything stays, and is named
            elif after[side] != now[side]:  # it was overwritten
                assert changed == set(SIDES), "only what both changed, or never agreed on, can be overwritten"
                assert of.direction != "both" or of.policy != "ask"
            else:
                coming = for_side(of, other(side), now[side], held=after[other(side)])
                assert agree(of, after[LEFT], after[RIGHT]) or same(of.kind, coming, after[other(side)])


@given(worlds())
@settings(max_examples=200, deadline=None)
def test_lines_do_not_know_of_each_other(world: tuple[list[Line], dict[str, Any], dict[str, Any], Base, Rules]) -> None:
    lines, left, right, base, rules = world
    together = merge(lines, left, right, base, rules)
    assert together == tuple(one for of in lines for one in merge([of], left, right, base, rules))
