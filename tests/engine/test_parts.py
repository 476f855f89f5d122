# ruff: noqa: ARG002  (the shapes of protocols)
"""The engine's small parts, each by itself."""

from __future__ import annotations

import importlib
import pkgutil
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tieline.sdk
from tests.engine.bench import TinyFlow
from tests.engine.crm import MemoryCrm
from tests.engine.memory import ROLE_MAPS, Clock
from tieline.core import errors
from tieline.core.errors import ProtocolError, TielineError
from tieline.core.facts import CallFact
from tieline.core.flow import Target
from tieline.core.plan import Find, Known, Operation, Plan
from tieline.core.reasons import because
from tieline.core.record import Local, Record, Ref
from tieline.engine.effects import budget
from tieline.engine.effects.journal import depends_on, origin_key, own_after, own_by_answer, resolved, rows
from tieline.engine.effects.pool import Pool, batches
from tieline.engine.effects.recovery import RECOVERY, recovery
from tieline.engine.events import fold
from tieline.engine.events.decide import Rules, decide
from tieline.engine.events.overlay import Overlay
from tieline.engine.look import Unreachable, look
from tieline.engine.ports import OperationRow, RunRow, SubjectRow
from tieline.engine.times import backoff, iso, seconds
from tieline.sdk import manifest

if TYPE_CHECKING:
    from tieline.engine.events.lookup import Lookups

BECAUSE = because("outcome.gone", slot="x")


def subject(**more: object) -> SubjectRow:
    return SubjectRow(1, "tiny", 2, "c1", {}, "due", None, **more)  # type: ignore[arg-type]


# -- keys -------------------------------------------------------------------------------------------------------------


def test_an_origin_key_is_short_text_and_differs_with_every_part() -> None:
    one = origin_key(1, "calls", 2, "c1", "lead")
    assert len(one) == 24
    assert one.isalnum()
    assert one == origin_key(1, "calls", 2, "c1", "lead")
    others = {
        origin_key(2, "calls", 2, "c1", "lead"),
        origin_key(1, "call", 2, "sc1", "lead"),
        origin_key(1, "calls", 22, "c1", "lead"),
        origin_key(1, "calls", 2, "c", "1lead"),
        origin_key(1, "calls", 2, "c1", "deal"),
        origin_key(1, "calls", 2, "c1", "lead", "1"),
    }
    assert len(others | {one}) == 7


# -- recovery ---------------------------------------------------------------------------------------------------------


def subclasses(kind: type[BaseException]) -> set[type[BaseException]]:
    return {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))


def test_every_error_has_a_row_of_its_own_or_of_its_nearest_parent() -> None:
    ours = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, TielineError)}
    assert ours <= RECOVERY.keys()
    for found in pkgutil.iter_modules(tieline.sdk.__path__, "tieline.sdk."):
        importlib.import_module(found.name)
    for name in manifest.connectors():
        manifest.load(name)
    for kind in subclasses(TielineError):
        # What the floors above the engine raise among themselves never comes out of a connector.
        if kind.__module__.startswith(("tieline.core.", "tieline.sdk.", "tieline.connectors.", "tieline.engine.")):
            if kind in ours:
                continue
            nearest = next(one for one in kind.__mro__ if one in RECOVERY)
            assert nearest is not TielineError, f"{kind} would be handled as an unknown error"


def test_a_write_is_sent_again_unseen_only_where_it_surely_did_not_happen() -> None:
    for kind, row in RECOVERY.items():
        if row.write == "retry":
            assert kind is errors.TransientError
    assert recovery(ValueError()).write == "look"
    assert recovery(ProtocolError()).write == "look"


# -- journal ----------------------------------------------------------------------------------------------------------


def test_rows_resolve_local_references_and_leave_out_what_is_there() -> None:
    plan = Plan(
        (
            Operation("account", "create", "account", {"name": "A"}, BECAUSE, match_keys=(("phone", "+331"),)),
            Operation("contact", "create", "contact", {"account": Local("account")}, BECAUSE),
            Operation("call", "create", "call", {"contact": Local("contact"), "lead": Ref("lead", "9")}, BECAUSE),
        )
    )
    row = subject(own={"account": {"ref": ["account", "77"], "values": {"name": "A"}}})
    contact, call = rows(plan, row, 1)
    assert contact.values == {"account": {"$ref": ["account", "77"]}}
    assert call.values == {"contact": {"$ref": ["contact", "~" + contact.key]}, "lead": {"$ref": ["lead", "9"]}}
    assert depends_on(contact) == ()
    assert depends_on(call) == (contact.key,)
    assert resolved(call.values, {contact.key: "5"})["contact"] == {"$ref": ["contact", "5"]}


def test_an_update_to_what_is_written_already_is_left_out_and_each_revision_writes_anew() -> None:
    own = {"call": {"ref": ["call", "5"], "values": {"url": "a", "name": "n"}}}

    def of(url: str, revision: int) -> list[OperationRow]:
        update = Operation("call.update", "update", "call", {"url": url}, BECAUSE, Ref("call", "5"))
        return rows(Plan((update,)), subject(own=own, revision=revision), 1)

    assert of("a", 1) == []
    (one,), (two,) = of("b", 1), of("b", 2)
    assert one.key != two.key
    one.state = "done"
    after = own_after(subject(own=own), [one], {})
    assert after["call"]["values"] == {"url": "b", "name": "n"}
    assert after["call.update"]["ref"] == ["call", "5"]


def test_a_plan_that_refers_to_nothing_is_a_mistake() -> None:
    plan = Plan((Operation("call", "create", "call", {"lead": Local("lead")}, BECAUSE),))
    with pytest.raises(ValueError, match="lead"):
        rows(plan, subject(), 1)


@pytest.mark.parametrize(
    ("answer", "ref"),
    [("7", "7"), ("call:7", "7"), ({"role": "call", "id": "7"}, "7"), ("none", None), ("", None), (None, None)],
)
def test_what_a_person_said_is_there(answer: object, ref: str | None) -> None:
    row = subject(own={"call.recording": {"values": {"url": "a"}}}, answers={"outcome:call:call.recording": answer})
    own_by_answer(row)
    expected = {"values": {"url": "a"}} | ({"ref": ["call", ref]} if ref else {})
    assert row.own == {"call.recording": expected}


# -- pool -------------------------------------------------------------------------------------------------------------


def operation(key: str, *needs: str, role: str = "lead", verb: str = "create", tries: int = 0) -> OperationRow:
    values = {f"v{n}": {"$ref": ["lead", "~" + need]} for n, need in enumerate(needs)}
    target = ["call", "1"] if verb != "create" else None
    return OperationRow(key, 1, 1, key, verb, role, values, target, {}, "planned", {})


def pool_of(*operations: OperationRow) -> Pool:
    pool = Pool()
    run = RunRow(1, 1, 1, "applying", 1, {}, [], [], [], "", operations=list(operations))
    pool.add(subject(), run)
    return pool


def keys(groups: list[list[object]]) -> list[list[str]]:
    return [[work.row.key for work in group] for group in groups]  # type: ignore[attr-defined]


def test_waves_go_by_dependency_object_and_verb() -> None:
    pool = pool_of(
        operation("a"), operation("b"), operation("c", role="call"), operation("d", "a"), operation("e", "d")
    )
    works, levels = pool.sendable(0.0)
    assert levels == [0, 0, 0, 1, 2]
    groups, dependent = batches(works, levels, write_batch=1, dependent=0)
    assert (keys(groups), dependent) == ([["a"], ["b"], ["c"]], False)
    groups, dependent = batches(works, levels, write_batch=100, dependent=0)
    assert keys(groups) == [["a", "b"], ["c"]]


def test_few_operations_go_in_one_dependent_push_and_many_in_waves() -> None:
    few = pool_of(*(operation(str(n), *([str(n - 1)] if n else [])) for n in range(6)))
    groups, dependent = batches(*few.sendable(0.0), write_batch=100, dependent=5)
    assert (keys(groups), dependent) == ([["0", "1", "2", "3", "4"]], True)
    many = pool_of(*(operation(f"a{n}") for n in range(50)), *(operation(f"b{n}", f"a{n}") for n in range(50)))
    groups, dependent = batches(*many.sendable(0.0), write_batch=100, dependent=5)
    assert (len(groups), dependent) == (1, False)


def test_attachments_go_alone_and_failures_halve_a_group() -> None:
    pool = pool_of(*(operation(str(n)) for n in range(8)), operation("file", verb="attach", role="call"))
    for work in pool.work():
        work.tries = 2
    groups, _ = batches(*pool.sendable(0.0), write_batch=8, dependent=5)
    assert keys(groups) == [["0", "1"], ["2", "3"], ["4", "5"], ["6", "7"], ["file"]]


# -- budget -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("HUB-6")
@given(rate=st.sampled_from([1.0, 2.0, 3.5, 10.0, 25.0, 100.0]), start=st.floats(0, 1))
def test_the_bucket_uses_nine_tenths_of_the_rate_and_never_more_than_it_in_any_second(
    rate: float, start: float
) -> None:
    begin = now = 1_795_000_000.0 + start
    bucket, taken = budget.full(rate, now), []
    while now < begin + 10.0:
        bucket, wait = budget.take(bucket, 1.0, budget.LIVE, now, rate)
        if wait:
            now += wait
        else:
            taken.append(now)
    assert len(taken) >= 0.9 * rate * 10
    most = max(bisect_left(taken, at + 1.0) - index for index, at in enumerate(taken))
    assert most <= rate + 0.5


def test_a_pause_stops_everybody_and_brings_no_burst_afterwards() -> None:
    bucket = budget.pause(budget.full(100.0, 50.0), 7.0, 50.0)
    _, wait = budget.take(bucket, 1.0, budget.LIVE, 52.0, 100.0)
    assert wait == 5.0
    _, wait = budget.take(bucket, 1.0, budget.LIVE, 57.0, 100.0)
    assert 0 < wait < 0.02
    assert budget.pause(bucket, 1.0, 51.0).paused_until_s == 57.0


def test_back_fill_leaves_a_reserve_of_the_days_credits_to_live_work() -> None:
    bucket = budget.Bucket(1.0, 0.0, used=95.0, spent=((0, 95.0),))
    free = 97 * 900.0
    assert budget.take(bucket, 1.0, budget.BACKFILL, 1.0, 0, 100)[1] == free - 1
    assert budget.take(bucket, 1.0, budget.LIVE, 1.0, 0, 100)[1] == 0.0
    assert budget.take(bucket, 6.0, budget.LIVE, 1.0, 0, 100)[1] == free - 1
    assert budget.take(bucket, 6.0, budget.LIVE, free, 0, 100)[0].used == 6.0
    assert budget.give_back(bucket, 5.0, 1.0).spent == ((0, 90.0),)


@pytest.mark.proves("HUB-6")
@given(st.lists(st.tuples(st.floats(0, 20_000), st.floats(1, 9)), min_size=5, max_size=80))
def test_no_day_back_from_any_moment_has_more_than_its_credits(steps: list[tuple[float, float]]) -> None:
    """Vendors count a day back from now: what was used before midnight counts after it."""
    now = 1_795_000_000.0
    bucket, taken = budget.Bucket(0.0, now), []
    for wait, cost in steps:
        now += wait
        bucket, refused = budget.take(bucket, cost, budget.LIVE, now, 0, 40)
        if not refused:
            taken.append((now, cost))
        else:
            assert 0 < refused <= 86_400 + 900
            assert budget.take(bucket, cost, budget.LIVE, now + refused, 0, 40)[1] < 86_400
    for end, _ in taken:
        assert sum(cost for at, cost in taken if end - 86_400 < at <= end) <= 40


# -- times, looks -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 4_000_000_000_000))
def test_times_come_back(milliseconds: int) -> None:
    assert seconds(iso(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=0.0011)
    assert len(iso(milliseconds / 1000)) == 24


def test_backoff_doubles_up_to_its_most() -> None:
    assert [backoff(n, 0.999999, first_s=2, most_s=60) for n in (1, 2, 3, 9)] == pytest.approx([2, 4, 8, 60], rel=1e-3)
    assert backoff(3, 0.0) == 4.0


async def test_a_look_reads_one_record_and_never_waits_long() -> None:
    crm = MemoryCrm(Clock())
    id = crm.put("Contacts", Last_Name="Ann", Phone="1", Account_Name="55")
    found = await look(crm, ROLE_MAPS["contact"], id, ["name", "account"])
    assert found == Record("contact", id, {"name": "Ann", "account": Ref("account", "55")}, "1")
    assert await look(crm, ROLE_MAPS["contact"], "nobody", ["name"]) is None
    crm.faults.append("auth")
    assert await look(crm, ROLE_MAPS["contact"], id, ["name"]) == Unreachable({"code": "error.auth"})
    crm.latency_s = 30.0
    assert await look(crm, ROLE_MAPS["contact"], id, ["name"], limit_s=0.01) == Unreachable({"code": "error.timeout"})


# -- deciding ---------------------------------------------------------------------------------------------------------


class Rounds(TinyFlow):
    """Each subject asks for one value after the other, and plans nothing."""

    def lookups(self, subject: Mapping[str, Any], known: Known, settings: Any) -> tuple[Find, ...]:
        finds = (Find("lead", "phone", value) for value in subject["asks"])
        return tuple(find for find in finds if find not in known.found)[:1]

    def decide(self, subject: Mapping[str, Any], known: Known, settings: Any, target: Target) -> Plan:
        return Plan()


class Answers:
    """Look-ups of which the one for "bad" fails."""

    def __init__(self) -> None:
        self.found: dict[Find, tuple[Record, ...]] = {}
        self.failed: dict[Find, BaseException] = {}
        self.origins: dict[str, str] = {}

    async def ask(self, finds: Iterable[Find]) -> None:
        for find in finds:
            if find.value == "bad":
                self.failed[find] = errors.TransientError("down")
            else:
                self.found[find] = ()


async def test_nobody_passes_a_failed_look_up_of_its_lane_while_others_are_still_asked_about() -> None:
    def row(id: int, lane: str, *asks: str) -> SubjectRow:
        return SubjectRow(id, "tiny", 1, f"c{id}", {"asks": asks}, "due", None, lanes=(lane,))

    rows = [row(1, "one", "bad"), row(2, "one", "x"), row(3, "other", "x", "y", "z")]
    rules = Rules(Rounds(), None, 1, Target(), 7)
    decided = await decide(rows, rules, cast("Lookups", Answers()), Overlay({}, {}), "2026-11-18T10:00:00Z")
    assert [one.id for one in decided.subjects] == [3]
    assert [one.id for one, _ in decided.failed] == [1, 2]


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("2026-11-20T09:59:00Z", "2026-11-20T09:59:00Z"),
        ("2026-11-20T10:04:00Z", "2026-11-20T10:04:00Z"),
        ("2027-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
        ("0001-01-01T00:00:00Z", "2026-11-20T10:00:00Z"),
        ("later", "2026-11-20T10:00:00Z"),
        (None, "2026-11-20T10:00:00Z"),
    ],
)
def test_nothing_waits_for_the_clock_of_a_source(said: str | None, taken: str) -> None:
    found = fold.fact(CallFact("c", "ringing", said), "2026-11-20T10:00:00Z")
    assert found["occurred_at"] == taken
