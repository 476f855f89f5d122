"""What a vendor can do to us, one thing at a time: nothing lost, nothing doubled, and the run says what happened."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import pytest

from tests.engine.bench import Bench
from tests.engine.crm import LANDS, ZOHO
from tests.engine.memory import Killed
from tieline.core.errors import AuthError
from tieline.engine.access import LEAVES_S
from tieline.engine.effects.pool import Work
from tieline.engine.effects.settle import Settle
from tieline.engine.events.drain import Limits
from tieline.engine.ports import Result
from tieline.engine.times import seconds
from tieline.sdk.contract import Gone, Outcome, PushOperation, Rejected, Stale
from tieline.sdk.manifest import Capabilities

SEARCH = ZOHO.model_copy(update={"origin": "search", "push_dependent": 0, "search_lag_s": 20})
NONE = ZOHO.model_copy(update={"origin": "none", "push_dependent": 0, "search_lag_s": 20})


def number(index: int) -> str:
    return f"+3361{index:07d}"


def exactly(bench: Bench, calls: int, numbers: int) -> None:
    assert Counter(one["Subject"] for one in bench.crm.all("Calls")) == Counter(f"c{n}" for n in range(calls))
    assert bench.crm.count("Leads") == numbers == bench.crm.count("Deals")
    assert bench.states() == {"done": calls}


WRITES = {
    "429": "error.rate_limited",
    "429 for 7": "error.rate_limited",
    "transient": "error.transient",
    "500 before": "error.unknown_outcome",
    "500 after": "error.unknown_outcome",
    "lost before": "outcome.unknown",  # a hang: the connector's time-out is over and nobody answered
    "lost after": "outcome.unknown",
    "lost late": "outcome.unknown",
    "lost slow": "outcome.unknown",
    "html after": "error.protocol",
    "unknown after": "outcome.unknown",  # an error inside a 200
    "short": "outcome.unknown",
    "bug after": "error.internal",
}


@pytest.mark.proves("HUB-5")
@pytest.mark.parametrize("capabilities", [ZOHO, SEARCH], ids=["unique", "search"])
@pytest.mark.parametrize("load", [1, 40])
@pytest.mark.parametrize("fault", WRITES)
async def test_a_write_that_goes_wrong(fault: str, load: int, capabilities: Capabilities) -> None:
    bench = Bench(capabilities=capabilities)
    for index in range(load):
        bench.event(f"c{index}", number(index // 2))
    bench.crm.faults.extend(["", fault])
    told: set[str] = set()
    save = bench.store.save_results

    def listen(results: list[Result], send: list[str]) -> None:
        told.update(result.error["code"] for result in results if result.error is not None)
        save(results, send)

    bench.store.save_results = listen  # type: ignore[method-assign]
    await bench.quiet()
    assert bench.crm.seen == [fault]
    exactly(bench, load, -(-load // 2))
    assert WRITES[fault] in told


READS = {
    "429": "error.rate_limited",
    "429 for 7": "error.rate_limited",
    "transient": "error.transient",
    "html": "error.protocol",
}


@pytest.mark.parametrize("fault", READS)
async def test_a_look_up_that_goes_wrong(fault: str) -> None:
    bench = Bench()
    bench.event("c0", number(0))
    bench.crm.faults.append(fault)
    await bench.drain().run_until_quiet()
    (row,) = bench.store.rows.values()
    assert row.state == "due"
    assert (row.why or {}).get("params", {}).get("error", "") == READS[fault]
    assert row.attempts == (not fault.startswith("429")), "a limit of the connection is no try of the call"
    await bench.quiet()
    exactly(bench, 1, 1)
    (run,) = bench.store.runs.values()
    assert run.known["trouble"]["params"]["error"] == READS[fault], "the run says what was in its way"


@pytest.mark.proves("HUB-6")
async def test_retry_after_is_honoured() -> None:
    bench = Bench()
    bench.event("c0", number(0))
    bench.crm.faults.extend(["", "429 for 7"])
    drain = bench.drain()
    progress = await drain.run_until_quiet()
    start, asked = bench.clock.now, bench.crm.requests
    assert progress.next_s == start + 7.0
    bench.clock.now += 6.9
    bench.event("c1", number(1))
    await drain.run_until_quiet()
    assert bench.crm.requests == asked
    assert bench.store.rows[2].state == "due"
    bench.clock.now += 0.2
    await bench.quiet(drain)
    exactly(bench, 2, 2)
    assert max(one.attempts for one in bench.store.operations.values()) == 2


async def test_rate_limits_without_a_word_pause_longer_each_time() -> None:
    bench = Bench()
    bench.event("c0", number(0))
    bench.crm.faults.extend(["429"] * 5)
    drain, waits = bench.drain(), []
    for _ in range(5):
        progress = await drain.run_until_quiet()
        assert progress.next_s is not None
        waits.append(progress.next_s - bench.clock.now)
        bench.clock.now = progress.next_s
    assert waits == sorted(waits)
    assert waits[-1] > 4 * waits[0]
    await bench.quiet(drain)
    exactly(bench, 1, 1)


@pytest.mark.parametrize("reads", [0, 1], ids=["look-up", "write"])
async def test_refused_credentials_stop_the_drain_and_keep_everything(reads: int) -> None:
    bench = Bench()
    bench.event("c0", number(0))
    bench.crm.faults.extend([*[""] * reads, "auth"])
    drain = bench.drain()
    progress = await drain.run_until_quiet()
    assert isinstance(progress.stopped, AuthError)
    assert bench.crm.count("Leads") == 0
    assert {one.state for one in bench.store.operations.values()} <= {"planned"}
    await bench.quiet(drain)
    exactly(bench, 1, 1)


def refuse(role: str, outcome: Outcome, times: int = 1):
    left = [times]

    def check(operation: PushOperation) -> Outcome | None:
        if operation.object == role and left[0] > 0:
            left[0] -= 1
            return outcome
        return None

    return check


@pytest.mark.parametrize("dependent", [0, 5])
async def test_a_refused_parent_blocks_its_children_and_who_shares_it_is_decided_again(dependent: int) -> None:
    bench = Bench(capabilities=ZOHO.model_copy(update={"push_dependent": dependent}))
    bench.event("c0", number(0))
    bench.event("c1", number(0))
    bench.event("c2", number(1))
    bench.crm.reject = refuse("Leads", Rejected("MANDATORY_NOT_FOUND", "Company", "required"))
    await bench.quiet()
    states = {row.key: row.state for row in bench.store.rows.values()}
    assert states == {"c0": "parked", "c1": "done", "c2": "done"}
    parked = bench.store.rows[1]
    assert parked.why == {
        "code": "outcome.rejected",
        "params": {
            "slot": "lead",
            "vendor_code": "MANDATORY_NOT_FOUND",
            "field": "Company",
            "detail": "required",
        },
    }
    first = bench.store.runs[1]
    assert first.state == "failed"
    assert [one.state for one in first.operations] == ["rejected", "blocked", "blocked"]
    assert {run.state for run in bench.store.runs.values() if run.subject == 2} == {"superseded", "done"}
    assert bench.crm.count("Leads") == 2
    bench.store.retry(1)
    await bench.quiet()
    assert bench.crm.count("Leads") == 2
    assert Counter(one["Subject"] for one in bench.crm.all("Calls")) == Counter(["c0", "c1", "c2"])


async def test_a_call_with_a_record_that_is_refused_for_ever_is_parked_and_blocks_nobody_else() -> None:
    bench = Bench()
    for index in range(4):
        bench.event(f"c{index}", number(0))
    bench.event("other", number(1))
    bench.crm.reject = lambda one: Rejected("NO") if one.values.get("Phone") == number(0) else None
    await bench.quiet()
    assert bench.states() == {"parked": 4, "done": 1}
    assert [one["Subject"] for one in bench.crm.all("Calls")] == ["other"]


@pytest.mark.parametrize("outcome", [Stale(), Gone()], ids=["stale", "gone"])
async def test_a_record_that_moved_or_went_is_decided_about_again(outcome: Outcome) -> None:
    bench = Bench()
    drain = bench.drain()
    bench.event("c0", number(0))
    await bench.quiet(drain)
    bench.crm.reject = refuse("Calls", outcome)
    bench.event("c0", number(0), "recording_ready", url="https://a/1")
    await bench.quiet(drain)
    assert [one["Recording"] for one in bench.crm.all("Calls")] == ["https://a/1"]
    assert [run.state for run in bench.store.runs.values()] == ["done", "superseded", "done"]


async def test_a_record_that_stays_away_parks_its_call_in_the_end() -> None:
    bench = Bench()
    drain = bench.drain()
    bench.event("c0", number(0))
    await bench.quiet(drain)
    bench.crm.records["Calls"].clear()
    bench.event("c0", number(0), "recording_ready", url="https://a/1")
    await bench.quiet(drain)
    (row,) = bench.store.rows.values()
    assert (row.state, (row.why or {})["code"]) == ("parked", "outcome.gone")


@pytest.mark.parametrize("reads", [0, 1], ids=["look-up", "write"])
async def test_a_dead_vendor_parks_what_was_tried_too_often_and_leaves_the_rest_due(reads: int) -> None:
    bench = Bench(limits=Limits(lookups=4))
    bench.event("c0", number(0))
    bench.crm.faults.extend([*[""] * reads, *["transient"] * 40])
    await bench.quiet()
    (row,) = bench.store.rows.values()
    assert row.state == "parked"
    bench.crm.faults.clear()
    bench.store.retry(1)
    await bench.quiet()
    exactly(bench, 1, 1)


async def test_one_record_that_the_vendor_chokes_on_is_found_by_halving() -> None:
    bench = Bench(capabilities=ZOHO.model_copy(update={"push_dependent": 0}))
    for index in range(40):
        bench.event(f"c{index}", number(index))
    push = bench.crm.push

    async def choke(operations: list[PushOperation]) -> list[Outcome]:
        if any(one.values.get("Phone") == number(7) for one in operations):
            bench.crm.faults.insert(0, "transient")
        return await push(operations)

    bench.crm.push = choke  # type: ignore[method-assign]
    await bench.quiet()
    assert bench.states() == {"done": 39, "parked": 1}
    assert bench.crm.count("Leads") == 39
    assert bench.store.rows[8].state == "parked"


@pytest.mark.proves("HUB-5")
async def test_the_harness_sees_doubles_when_nobody_looks_before_sending_again() -> None:
    """The control: the same death with and without the look."""

    async def run(look: bool) -> int:
        bench = Bench(capabilities=SEARCH)
        for index in range(50):
            bench.event(f"c{index}", number(index))
        bench.crm.faults.extend(["", "killed after"])
        with pytest.raises(Killed):
            await bench.drain().run_until_quiet()

        async def blind(settle: Settle, group: list[Work]) -> list[Result]:
            return [settle._send_again(work) for work in group]

        if look:
            await bench.quiet()
        else:
            with patch.object(Settle, "_by_origin", blind):
                await bench.quiet()
        return bench.crm.count("Leads")

    assert await run(look=True) == 50
    assert await run(look=False) == 100


@pytest.mark.proves("HUB-5")
@pytest.mark.parametrize("lands", [0.9, 1.9, 2.5], ids=["in time", "after we gave up", "between two looks"])
@pytest.mark.parametrize("capabilities", [SEARCH, NONE], ids=["search", "none"])
async def test_a_write_that_lands_when_nobody_waits_for_it_any_more_is_not_doubled(
    capabilities: Capabilities, lands: float
) -> None:
    bench = Bench(capabilities=capabilities.model_copy(update={"search_lag_s": 0}))
    bench.event("c0", number(0))
    bench.crm.faults.extend(["", "lost slow"])
    with patch.dict(LANDS, slow=lands):
        await bench.quiet()
    bench.clock.now += 300.0
    exactly(bench, 1, 1)


@pytest.mark.proves("HUB-5")
async def test_a_unique_key_makes_waiting_needless() -> None:
    bench = Bench()
    bench.event("c0", number(0))
    bench.crm.faults.extend(["", "killed slow"])
    start = bench.clock.now
    with pytest.raises(Killed):
        await bench.drain().run_until_quiet()
    await bench.quiet()
    exactly(bench, 1, 1)
    assert bench.clock.now - start < 10.0


@pytest.mark.proves("HUB-5")
@pytest.mark.parametrize("stopped", [False, True], ids=["waits for its turn", "stopped"])
@pytest.mark.parametrize("capabilities", [SEARCH, NONE], ids=["search", "none"])
async def test_no_write_leaves_long_after_it_was_marked_as_sent(capabilities: Capabilities, stopped: bool) -> None:
    bench = Bench(capabilities=capabilities.model_copy(update={"concurrency": 1, "write_batch": 1}))
    for index in range(6):
        bench.event(f"c{index}", number(index))
    push, left, stops = bench.crm.push, [], ["save_decided", "save_results"]

    async def slow(operations: list[PushOperation]) -> list[Outcome]:
        for one in operations:
            sent_at = bench.store.operations[one.key].sent_at
            assert sent_at is not None
            left.append(bench.clock.now - seconds(sent_at))
        outcomes = await push(operations)
        bench.clock.now += 4.0
        return outcomes

    def stop(name: str, when: str) -> None:
        if stopped and when == "after" and name in stops:
            stops.remove(name)
            bench.clock.now += 60.0

    bench.crm.push = slow  # type: ignore[method-assign]
    bench.store.before_call = stop
    await bench.quiet()
    exactly(bench, 6, 6)
    assert stops == ([] if stopped else ["save_decided", "save_results"])
    assert max(left) <= LEAVES_S + 0.001, "times are kept to the millisecond"


async def test_where_there_is_no_room_for_a_key_match_keys_decide_and_else_a_person() -> None:
    bench = Bench(capabilities=NONE)
    bench.event("c0", number(0))
    # The lead is found again by its number and the deal by its lead; of the call nothing tells it from another.
    bench.crm.faults.extend(["", "lost after", "", "lost before", "lost after"])
    await bench.quiet()
    assert (bench.crm.count("Leads"), bench.crm.count("Deals"), bench.crm.count("Calls")) == (1, 1, 1)
    (row,) = bench.store.rows.values()
    assert (row.state, (row.why or {})["code"]) == ("asked", "outcome.unknown")
    (item,) = [one for one in bench.store.inbox if one.open]
    assert item.question["kind"] == "outcome:call:call"
    bench.store.answer(1, "outcome:call:call", next(iter(bench.crm.records["Calls"])))
    await bench.quiet()
    assert bench.states() == {"done": 1}
    assert bench.crm.count("Calls") == 1
    bench.event("c0", number(0), "recording_ready", url="https://a/1")
    await bench.quiet()
    assert [one["Recording"] for one in bench.crm.all("Calls")] == ["https://a/1"]


async def test_what_nobody_heard_of_and_hangs_on_a_refused_record_is_not_waited_for() -> None:
    bench = Bench(capabilities=NONE.model_copy(update={"push_dependent": 5}))
    bench.event("c0", number(0))
    bench.crm.faults.extend(["", "lost before"])
    bench.crm.reject = refuse("Leads", Rejected("NO"))
    await bench.quiet()
    states = {one.slot: one.state for one in bench.store.operations.values()}
    assert states["lead"] == "rejected"
    assert states["deal"] == "blocked", "it is looked for by its lead, which never will be"
    assert bench.states() == {"asked": 1}


async def test_a_person_may_say_that_it_is_not_there() -> None:
    bench = Bench(capabilities=NONE)
    bench.event("c0", number(0))
    bench.crm.faults.extend(["", "", "", "lost before"])
    await bench.quiet()
    assert bench.states() == {"asked": 1}
    bench.store.answer(1, "outcome:call:call", "none")
    await bench.quiet()
    exactly(bench, 1, 1)


async def test_an_update_of_which_nobody_knows_is_compared_before_it_is_sent_again() -> None:
    for fault, pushes in (("lost after", 0), ("lost before", 1)):
        bench = Bench()
        drain = bench.drain()
        bench.event("c0", number(0))
        await bench.quiet(drain)
        bench.event("c0", number(0), "recording_ready", url="https://a/1")
        bench.crm.faults.append(fault)
        await drain.run_until_quiet()
        before = bench.crm.asked["push"]
        await bench.quiet(drain)
        assert bench.crm.asked["push"] - before == pushes
        assert [one["Recording"] for one in bench.crm.all("Calls")] == ["https://a/1"]


async def test_an_event_that_cannot_be_read_is_kept_and_keeps_nobody_up() -> None:
    bench = Bench()
    bench.store.arrive(1, "broken", b"<html>")
    bench.event("c0", number(0))
    await bench.quiet()
    exactly(bench, 1, 1)
    assert bench.store.refused == {1: {"code": "event.unreadable", "params": {"error": "JSONDecodeError"}}}


UNSTORABLE = {
    "a key with NUL": {"key": "a\0b"},
    "a key without end": {"key": "k" * 3000},
    "NUL elsewhere": {"url": "https://a/\0"},
    "half a letter": {"url": "https://a/\ud800"},
}


@pytest.mark.parametrize("what", UNSTORABLE)
async def test_a_fact_that_no_store_takes_is_refused_as_it_is_read(what: str) -> None:
    bench = Bench()
    more = {"key": "c0", "number": number(0), **UNSTORABLE[what]}
    saved: list[int] = []
    save = bench.store.save_folded

    def listen(subjects, events, links, refused) -> None:  # type: ignore[no-untyped-def]
        saved.append(len(events))
        save(subjects, events, links, refused)

    bench.store.save_folded = listen  # type: ignore[method-assign]
    bench.event(**more)
    bench.event("c0", number(0))
    await bench.quiet()
    exactly(bench, 1, 1)
    assert list(bench.store.refused) == [1]
    assert bench.store.refused[1]["code"] == "event.unreadable"
    assert saved == [2], "and costs the others of its batch nothing"


async def test_an_event_that_the_store_refuses_keeps_nobody_up() -> None:
    bench = Bench()
    fold = bench.flow.fold

    def noted(subject, facts, settings):  # type: ignore[no-untyped-def]
        folded = fold(subject, facts, settings)
        spoilt = "\0" if folded.subject["key"] == "bad" else ""
        return replace(folded, subject={**folded.subject, "note": spoilt})

    bench.flow.fold = noted
    for key, index in (("c0", 0), ("bad", 1), ("c1", 0), ("c2", 1)):
        bench.event(key, number(index))
    await bench.quiet()
    exactly(bench, 3, 2)
    assert not bench.store.open
    assert bench.store.refused == {2: {"code": "event.not_folded", "params": {"error": "NotStorable"}}}


async def test_a_mistake_in_the_flow_parks_its_subject_and_keeps_nobody_up() -> None:
    bench = Bench()
    decide = bench.flow.decide

    def broken(subject, known, settings, target):  # type: ignore[no-untyped-def]
        if subject["key"] == "bad":
            raise ZeroDivisionError
        return decide(subject, known, settings, target)

    bench.flow.decide = broken
    bench.event("bad", number(0))
    bench.event("c0", number(0))
    await bench.quiet()
    assert bench.states() == {"parked": 1, "done": 1}
    assert bench.store.rows[1].why == {"code": "decide.failed", "params": {"error": "ZeroDivisionError"}}


async def test_an_unknown_write_holds_its_lane_and_nobody_elses() -> None:
    bench = Bench(capabilities=SEARCH)
    drain = bench.drain()
    bench.event("c0", number(0))
    bench.crm.faults.extend(["", "lost late"])
    await drain.run_until_quiet()
    bench.event("c1", number(0))
    bench.event("c2", number(1))
    await drain.run_until_quiet()
    assert {row.key: row.state for row in bench.store.rows.values()} == {
        "c0": "applying",
        "c1": "due",
        "c2": "done",
    }
    await bench.quiet(drain)
    exactly(bench, 3, 2)


async def test_what_came_while_a_run_was_applied_is_decided_anew_by_the_next_process() -> None:
    bench = Bench()
    first = bench.drain()
    bench.event("c0", number(0))
    bench.crm.faults.extend(["", "transient"])
    await first.run_until_quiet()
    assert bench.states() == {"applying": 1}
    bench.event("c0", number(0), "recording_ready", url="https://a/1")
    await first.step()
    await bench.quiet(bench.drain())
    assert [one["Recording"] for one in bench.crm.all("Calls")] == ["https://a/1"]
    exactly(bench, 1, 1)


async def test_a_run_that_refers_to_what_a_finished_one_wrote_is_taken_up_by_the_next_process() -> None:
    bench = Bench(capabilities=ZOHO.model_copy(update={"push_dependent": 0, "write_batch": 1}))
    bench.event("c0", number(0))
    bench.event("c1", number(0))
    # Look-up, lead; then the deal, the first call and the second one side by side.
    bench.crm.faults.extend(["", "", "", "", "transient"])
    await bench.drain().run_until_quiet()
    assert {row.key: row.state for row in bench.store.rows.values()} == {"c0": "done", "c1": "applying"}
    await bench.quiet(bench.drain())
    exactly(bench, 2, 1)
    assert len({one["What_Lead"] for one in bench.crm.all("Calls")}) == 1
    assert len(bench.store.runs) == 2


async def test_a_run_that_refers_to_what_never_was_written_is_decided_again_by_the_next_process() -> None:
    bench = Bench()
    bench.event("c0", number(0))
    bench.event("c1", number(0))
    bench.crm.reject = refuse("Leads", Rejected("NO"))
    died = []

    def die(name: str, when: str) -> None:
        if name == "finish" and when == "before" and not died:
            died.append(name)
            raise Killed(name)

    bench.store.before_call = die
    with pytest.raises(Killed):
        await bench.drain().run_until_quiet()
    await bench.quiet(bench.drain())
    assert {row.key: row.state for row in bench.store.rows.values()} == {"c0": "parked", "c1": "done"}
