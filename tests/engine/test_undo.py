"""Undo: what was written is taken back where it is still ours, whatever breaks on the way, and made anew by a second undo."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.engine.crm import WRITE_FAULTS
from tests.engine.memory import Killed
from tests.engine.undos import UNDOES, Kept, UndoBench

NUMBERS = 3
OBJECTS = ("Leads", "Deals", "Calls")


def run(work: Any) -> Any:
    return asyncio.run(work)


def company(calls: int = 6, **more: Any) -> UndoBench:
    """Calls of three people, written."""
    bench = UndoBench(**more)
    for number in range(calls):
        bench.event(f"c{number}", f"+3361200000{number % NUMBERS}")
    run(bench.quiet())
    assert set(bench.states()) == {"done"}
    return bench


def content(bench: UndoBench) -> Counter[tuple[str, str]]:
    """What is there, by name, and that each link leads to a record of the same number."""
    there = {object: bench.crm.records.get(object, {}) for object in OBJECTS}
    for object in OBJECTS:
        for kept in there[object].values():
            link = kept.fields.get("Lead") or kept.fields.get("What_Lead")
            if link is not None:
                lead = there["Leads"][link].fields["Phone"]
                assert lead == kept.fields.get("Caller_ID", kept.fields.get("Deal_Name"))
    return Counter(
        (object, kept.fields.get("Last_Name") or kept.fields.get("Deal_Name") or kept.fields["Subject"])
        for object in OBJECTS
        for kept in there[object].values()
    )


def edit(bench: UndoBench, object: str, number: int, **fields: Any) -> str:
    """Somebody changes a record by hand."""
    id, kept = sorted(bench.crm.records[object].items())[number]
    kept.fields.update(fields)
    kept.version += 1
    return id


def undo(bench: UndoBench, kind: str = "undo", runs: list[int] | None = None, *, approve: bool = True) -> Kept:
    """An undo of everything so far, planned and approved; not applied yet."""
    kept = bench.undos.begin(kind, bench.live_runs() if runs is None else runs)
    run(bench.quiet(until=lambda: kept.state == "ready"))
    assert kept.state == "ready"
    if approve:
        kept.state = "approved"
    return kept


def applied(bench: UndoBench, kept: Kept) -> Kept:
    run(bench.quiet())
    assert kept.state == "done"
    assert not [one for one in bench.store.runs.values() if one.state == "applying"]
    return kept


def runs_of(bench: UndoBench, kept: Kept) -> list[int]:
    return sorted({bench.store.operations[key].run for key in kept.keys.values()})


@pytest.mark.proves("HUB-3")
def test_undo_takes_back_and_a_second_one_makes_anew() -> None:
    bench = company()
    before = content(bench)
    assert sum(before.values()) == 2 * NUMBERS + 6
    first = applied(bench, undo(bench))
    assert not content(bench)
    assert set(first.states.values()) == {"done"}
    assert set(bench.states()) == {"undone"}
    second = applied(bench, undo(bench, "redo", runs_of(bench, first)))
    assert content(bench) == before
    assert set(second.states.values()) == {"done"}
    assert set(bench.states()) == {"done"}
    third = applied(bench, undo(bench, "undo", runs_of(bench, second)))
    assert not content(bench)
    applied(bench, undo(bench, "redo", runs_of(bench, third)))
    assert content(bench) == before
    made = [row.key for row in bench.store.operations.values() if row.verb == "create"]
    assert len(set(made)) == 3 * (2 * NUMBERS + 6), "each generation has keys of its own"


def test_children_go_before_their_parents() -> None:
    bench = company()
    applied(bench, undo(bench))
    order = [object for object, _ in bench.crm.deleted]
    assert order[-NUMBERS:] == ["Leads"] * NUMBERS


@pytest.mark.proves("HUB-3")
def test_what_was_edited_stays_and_is_said_before() -> None:
    bench = company()
    before = content(bench)
    deal = edit(bench, "Deals", 0, Stage="Won")
    theirs = bench.crm.put("Calls", Subject="By hand", Caller_ID="+33612000001", What_Lead=leads(bench)[1])
    kept = undo(bench, approve=False)
    told = kept.told()
    assert told["deal", deal] == "left:undo.edited"
    assert told["lead", leads(bench)[0]] == "left:undo.ours_hang"
    assert told["lead", leads(bench)[1]] == "left:undo.theirs_hang"
    assert content(bench) == before + Counter({("Calls", "By hand"): 1}), "a plan changes nothing"
    kept.state = "approved"
    applied(bench, kept)
    assert kept.told()["deal", deal] == "left:undo.edited"
    left = content(bench)
    assert Counter(object for object, _ in left) == {"Leads": 2, "Deals": 1, "Calls": 1}
    assert theirs in bench.crm.records["Calls"]
    applied(bench, undo(bench, "redo", runs_of(bench, kept)))
    assert content(bench) == before + Counter({("Calls", "By hand"): 1})


def leads(bench: UndoBench) -> list[str]:
    return sorted(bench.crm.records["Leads"])


def test_what_moves_after_the_plan_was_read_is_listed_and_not_written() -> None:
    bench = company()
    kept = undo(bench)
    call = edit(bench, "Calls", 0, Subject="c0 corrected")
    lead = bench.crm.records["Calls"][call].fields["What_Lead"]
    other = leads(bench)[-1]
    bench.crm.put("Deals", Deal_Name="+33612000002", Lead=other)
    applied(bench, kept)
    told = kept.told()
    assert told["call", call] == "moved:undo.edited"
    assert told["lead", lead] == "moved:undo.ours_hang"
    assert told["lead", other] == "moved:undo.theirs_hang"
    assert sum(content(bench).values()) == 1 + 2 + 1


def test_an_undone_call_stays_undone_whatever_comes_later() -> None:
    bench = company(3)
    first = applied(bench, undo(bench))
    bench.event("c0", "+33612000000", "recording_ready", url="https://a/c0")
    bench.event("c1", "+33612000001", "ended")
    run(bench.quiet())
    assert set(bench.states()) == {"undone"}
    assert not content(bench)
    applied(bench, undo(bench, "redo", runs_of(bench, first)))
    urls = {kept.fields["Subject"]: kept.fields["Recording"] for kept in bench.crm.records["Calls"].values()}
    assert urls == {"c0": "https://a/c0", "c1": None, "c2": None}, "what came meanwhile is brought in"


def test_an_event_while_it_is_being_undone_does_not_bring_it_back() -> None:
    bench = company(3)
    kept = undo(bench)
    bench.crm.faults.append("lost after")
    run(bench.drain().step())
    bench.event("c0", "+33612000000", "recording_ready", url="https://a/c0")
    applied(bench, kept)
    assert set(bench.states()) == {"undone"}
    assert not content(bench)


def test_a_new_call_of_an_undone_number_is_decided_on_its_own() -> None:
    bench = company(3)
    applied(bench, undo(bench))
    bench.event("new", "+33612000000")
    run(bench.quiet())
    assert content(bench) == {("Leads", "+33612000000"): 1, ("Deals", "+33612000000"): 1, ("Calls", "new"): 1}


def test_undo_of_one_run_leaves_what_later_calls_hang_on() -> None:
    bench = company(6)
    first = min(bench.live_runs())
    kept = applied(bench, undo(bench, runs=[first]))
    states = Counter(code for code in kept.told().values())
    assert states == {"left:undo.ours_hang": 1, "done:": 2}
    assert Counter(object for object, _ in content(bench)) == {"Leads": 3, "Deals": 2, "Calls": 5}


def test_where_a_right_is_missing_it_is_said_and_nothing_is_asked_of_the_vendor() -> None:
    bench = company(1, lacks=lambda role, verb: f"{role}.{verb}" if (role, verb) == ("call", "delete") else None)
    kept = undo(bench)
    applied(bench, kept)
    told = {role: code for (role, _), code in kept.told().items()}
    assert told == {"call": "left:undo.no_right", "deal": "done:", "lead": "left:undo.ours_hang"}


def test_a_vendor_that_deletes_nothing_is_said_before() -> None:
    bench = company(1, capabilities=UNDOES.model_copy(update={"deletes": ()}))
    kept = applied(bench, undo(bench))
    assert set(kept.told().values()) == {"left:undo.cannot_delete"}
    assert set(bench.states()) == {"done"}


def test_a_paused_flow_undoes_and_decides_nothing() -> None:
    bench = company(2)
    bench.decides = False
    kept = undo(bench)
    bench.event("c9", "+33612000009")
    run(bench.quiet(until=lambda: kept.state == "done"))
    assert not content(bench)
    assert bench.states() == {"undone": 2, "due": 1}


SETTINGS = {
    "unique": UNDOES,
    "waves": UNDOES.model_copy(update={"push_dependent": 0, "write_batch": 2}),
    "search": UNDOES.model_copy(update={"origin": "search", "push_dependent": 0}),
}


@pytest.mark.proves("HUB-3")
@pytest.mark.parametrize("capabilities", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_death_around_any_port_call_changes_nothing_of_the_outcome(capabilities: Any, when: str) -> None:
    """Undo and redo, killed at the n-th port call of all that there are."""
    deaths = 0
    while True:
        bench = company(4, capabilities=capabilities)
        before = content(bench)
        edit(bench, "Deals", 0, Stage="Won")
        left = [deaths]

        def die(name: str, at: str, left: list[int] = left) -> None:
            if at == when and left[0] >= 0:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed(name)

        first = through(bench, "undo", bench.live_runs(), die)
        assert Counter(object for object, _ in content(bench)) == {"Leads": 1, "Deals": 1}, deaths
        assert Counter(first.states.values()) == {"done": 8, "left": 2}
        through(bench, "redo", runs_of(bench, first), die)
        assert content(bench) == before
        assert max(Counter(bench.crm.deleted).values()) == 1
        if left[0] >= 0:
            break
        deaths += 1
    assert deaths > 20


def through(bench: UndoBench, kind: str, runs: list[int], die: Any) -> Kept:
    """An undo to its end, the process started anew after each death."""
    bench.store.before_call = die
    kept = bench.undos.begin(kind, runs)
    for _ in range(5):
        try:
            run(bench.quiet())
            if kept.state == "ready":
                kept.state = "approved"
                run(bench.quiet())
        except Killed:
            continue
        if kept.state == "done":
            break
    bench.store.before_call = lambda name, at: None
    return applied(bench, kept)


@pytest.mark.parametrize("fault", WRITE_FAULTS)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_answer_that_is_lost_changes_nothing_of_the_outcome(fault: str, which: int) -> None:
    bench = company(4)
    before = content(bench)
    kept: Kept | None = None
    for kind in ("undo", "redo"):
        kept = undo(bench, kind, bench.live_runs() if kept is None else runs_of(bench, kept))
        reads = 6 if kind == "undo" else 0
        bench.crm.faults = [""] * (reads + which) + [fault]
        for _ in range(6):
            try:
                progress = run(bench.quiet())
            except Killed:
                continue
            if progress.stopped is None:
                break
        assert fault in bench.crm.seen
        applied(bench, kept)
        assert content(bench) == (before if kind == "redo" else Counter())
        assert set(kept.states.values()) == {"done"}
