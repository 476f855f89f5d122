"""Two and three systems at random: edits, deletes, faults, doubled and late hints, deaths between any two calls. When it is quiet they
agree, no edit is lost without a question, nothing is made twice, and no run deletes more than it may."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.engine.memory import Killed
from tests.engine.sync_bench import BLIND, IDEMPOTENT, NONE, PLAIN, SEARCH, Bench, settings
from tests.engine.sync_memory import MemoryVendor
from tests.engine.test_crashes import Death
from tieline.core.pairing import SIDES, Side, Told
from tieline.engine.sync.ports import AskedRow, RunRow, WaitingRow
from tieline.sdk.manifest import Capabilities

OBJECTS = {"account": "Accounts", "contact": "Contacts"}
FIELDS = ("name", "city", "email")
FAULTS = (
    "",
    "",
    "429",
    "transient",
    "lost before",
    "lost after",
    "killed before",
    "killed after",
    "write 429",
    "write transient",
)
LATE = "lost late"
EDITS = st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 9), st.sampled_from(FIELDS))


@dataclass
class Edit:
    """A person's edit: what they put there, and over what."""

    object: str
    id: str
    field: str
    value: str
    before: Any


@dataclass
class Seen:
    """All edits by people."""

    edits: list[Edit] = field(default_factory=list)
    number: int = 0

    def value(self) -> str:
        self.number += 1
        return f"v{self.number}"


class TwoSystems(RuleBasedStateMachine):
    """A pair."""

    left_can: Capabilities = PLAIN
    right_can: Capabilities = PLAIN
    policy = "ask"
    late = True
    mails = True
    """Whether people change e-mail addresses in the last system: without room for a key, a create that nobody knows of is found by
    them, and one that was changed in the minute before we look is taken for another customer."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.benches = self.make()
        self.vendors: list[MemoryVendor] = []
        for bench in self.benches:
            for vendor in (bench.left, bench.right):
                if vendor not in self.vendors:
                    self.vendors.append(vendor)
        self.seen = Seen()
        self.death = Death()
        for bench in self.benches:
            self.loop.run_until_complete(bench.begin())
            bench.store.before_call = self.death

    def make(self) -> list[Bench]:
        return [Bench(self.left_can, self.right_can, settings(policy=self.policy))]

    @initialize(seed=st.integers(0, 100), lag=st.sampled_from([0.0, 0.0, 30.0]), versions=st.booleans())
    def begin(self, seed: int, lag: float, versions: bool) -> None:
        for bench in self.benches:
            bench.random.seed(seed)
        self.vendors[-1].versions = versions
        for which in (0, 1, 2, 0):
            self.put(which, contact=False, parent=0, number=0)
        for which in (0, 1, 2):
            self.put(which, contact=True, parent=which, number=0)
        self.quiet()
        self.vendors[0].lag_s = lag

    # -- people --------------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 2), contact=st.booleans(), parent=st.integers(0, 5), number=st.integers(0, 4))
    def put(self, which: int, contact: bool, parent: int, number: int) -> None:
        vendor = self.vendors[which % len(self.vendors)]
        values: dict[str, Any] = {"name": self.seen.value(), "email": f"e{self.seen.number}@x.dk"}
        object = "Contacts" if contact else "Accounts"
        accounts = sorted(vendor.records.get("Accounts", {}))
        if contact:
            values["account"] = accounts[parent % len(accounts)] if accounts else None
        elif number:
            values["registration_number"] = f"DK1000000{number}"
        vendor.put(object, **values)

    @rule(edits=st.lists(EDITS, min_size=1, max_size=4))
    def edit(self, edits: list[tuple[int, bool, int, str]]) -> None:
        for one in edits:
            self._edit(*one)

    def _edit(self, which: int, contact: bool, record: int, name: str) -> None:
        vendor = self.vendors[which % len(self.vendors)]
        object = "Contacts" if contact else "Accounts"
        ids = sorted(vendor.records.get(object, {}))
        if (
            not ids
            or (contact and name == "city")
            or (name == "email" and vendor is self.vendors[-1] and not self.mails)
        ):
            return
        id, value = ids[record % len(ids)], self.seen.value()
        value = f"{value}@y.dk" if name == "email" else value
        before = vendor.records[object][id].fields.get(name)
        vendor.edit(object, id, **{name: value})
        self.seen.edits.append(Edit(object, id, name, value, before))

    @rule(
        edits=st.lists(EDITS, min_size=1, max_size=3),
        faults=st.lists(st.sampled_from(FAULTS), max_size=3),
        pair=st.integers(0, 1),
    )
    def edit_in_trouble(self, edits: list[tuple[int, bool, int, str]], faults: list[str], pair: int) -> None:
        self.edit(edits)
        for vendor in self.vendors:
            if len(vendor.faults) < 3:
                vendor.faults.extend(faults)
        self.changes(pair, 1)
        self.edit(edits[:1])

    @rule(
        edits=st.lists(EDITS, min_size=1, max_size=3),
        calls=st.integers(0, 25),
        when=st.sampled_from(["before", "after"]),
        pair=st.integers(0, 1),
    )
    def edit_and_die(self, edits: list[tuple[int, bool, int, str]], calls: int, when: str, pair: int) -> None:
        self.edit(edits)
        self.die_soon(calls, when)
        self.changes(pair, 1)
        self.edit(edits[:1])
        self.changes(pair, 1)

    @rule(
        which=st.integers(0, 2),
        contact=st.booleans(),
        record=st.integers(0, 9),
        hint=st.booleans(),
        really=st.integers(0, 2),
    )
    def delete(self, which: int, contact: bool, record: int, hint: bool, really: int) -> None:
        if really:
            return
        vendor = self.vendors[which % len(self.vendors)]
        object = "Contacts" if contact else "Accounts"
        ids = sorted(vendor.records.get(object, {}))
        if ids:
            id = ids[record % len(ids)]
            vendor.remove(object, id)
            if hint or not vendor.capabilities.deletes_reported:
                self._hint(vendor, "contact" if contact else "account", id, {"event": "deleted"})

    @rule(which=st.integers(0, 2), contact=st.booleans(), record=st.integers(0, 9), gone=st.booleans())
    def hint(self, which: int, contact: bool, record: int, gone: bool) -> None:
        """Doubled, late, or simply wrong: it names a record and proves nothing."""
        vendor = self.vendors[which % len(self.vendors)]
        object = "Contacts" if contact else "Accounts"
        ids = sorted({one[1] for one in vendor.changes.get(object, [])})
        if ids:
            told = {"event": "deleted"} if gone else {"event": "changed"}
            self._hint(vendor, "contact" if contact else "account", ids[record % len(ids)], told)

    def _hint(self, vendor: MemoryVendor, role: str, id: str, told: dict[str, Any]) -> None:
        for bench in self.benches:
            for side in SIDES:
                if bench.vendor(side) is vendor:
                    row = WaitingRow(role, side, id, bench.clock.iso(), None, {**told, "by": side})
                    bench.store.waits.setdefault((role, side, id), row)

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 2), faults=st.lists(st.sampled_from((*FAULTS, LATE)), min_size=1, max_size=3))
    def trouble(self, which: int, faults: list[str]) -> None:
        vendor = self.vendors[which % len(self.vendors)]
        if len(vendor.faults) < 4:
            vendor.faults.extend(one for one in faults if self.late or one != LATE)

    @rule(which=st.integers(0, 2), name=st.sampled_from(("", *FIELDS)))
    def refuse(self, which: int, name: str) -> None:
        self.vendors[which % len(self.vendors)].refuses = name

    @rule(calls=st.integers(0, 14), when=st.sampled_from(["before", "after"]))
    def die_soon(self, calls: int, when: str) -> None:
        self.death.calls, self.death.when = calls, when

    @rule(seconds=st.sampled_from([1.0, 15.0, 61.0, 400.0]))
    def wait(self, seconds: float) -> None:
        for bench in self.benches:
            bench.clock.now += seconds

    # -- work ----------------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 1), times=st.integers(1, 2))
    def changes(self, which: int, times: int) -> None:
        for _ in range(times):
            self._run(self.benches[which % len(self.benches)])

    @rule(which=st.integers(0, 1), side=st.sampled_from(SIDES))
    def transfer(self, which: int, side: Side) -> None:
        bench = self.benches[which % len(self.benches)]
        self._try(bench.sync().transfer({"from": side}))

    @rule(which=st.integers(0, 1))
    def reconcile(self, which: int) -> None:
        bench = self.benches[which % len(self.benches)]
        self._try(bench.sync().reconcile())

    @rule(which=st.integers(0, 1), question=st.integers(0, 5), answer=st.integers(0, 3))
    def answer(self, which: int, question: int, answer: int) -> None:
        bench = self.benches[which % len(self.benches)]
        asked = sorted(bench.store.asked)
        if not asked:
            return
        row = bench.store.asked[asked[question % len(asked)]]
        if row.kind == "limit":
            del bench.store.asked[row.role, row.side, row.id, row.kind]
            self._run(bench, bypass_limit=True)
            return
        self._try(bench.sync().asked(row.role, row.side, row.id, self._told(row, answer)))

    @rule()
    def settle(self) -> None:
        self.quiet()

    def _told(self, row: AskedRow, answer: int) -> Told:
        side: Side = SIDES[answer % 2]
        if row.kind == "conflict":
            return Told(choices={option["line"]: side for option in row.options}, by=row.side)
        if row.kind == "deletion":
            return Told(deletion=("delete", "restore", "unlink")[answer % 3], by=row.side)  # type: ignore[arg-type]
        if row.options and answer:
            return Told(partner=row.options[answer % len(row.options)]["id"], by=row.side)
        return Told(partner="", create=True, by=row.side)

    def _run(self, bench: Bench, **options: Any) -> RunRow | None:
        deleted = [len(vendor.deleted) for vendor in (bench.left, bench.right)]
        size = {role: sum(one.role == role for one in bench.store.rows.values()) for role in OBJECTS}
        row = self._try(bench.changes(**options))
        if not options.get("bypass_limit"):
            for role, object in OBJECTS.items():
                now = [
                    one[0] == object
                    for vendor, before in zip((bench.left, bench.right), deleted, strict=True)
                    for one in vendor.deleted[before:]
                ]
                most = max(1, int(min((size[role] + len(bench.store.operations)) * 0.1, 50)))
                assert sum(now) <= most, "a run deleted more than it may"
        return row

    def _try(self, work: Any) -> RunRow | None:
        try:
            row: RunRow = self.loop.run_until_complete(work)
        except Killed:
            return None
        return row

    # -- what must hold ------------------------------------------------------------------------------------------------

    def quiet(self) -> None:
        for vendor in self.vendors:
            vendor.faults.clear()
            vendor.refuses = ""
        self._ask_again()
        self.death.calls = -1
        for _ in range(6):
            for bench in self.benches:
                bench.clock.now += 61.0
                self.loop.run_until_complete(bench.quiet())
            if all(not self._is_due(bench) for bench in self.benches):
                break
        for bench in self.benches:
            self.loop.run_until_complete(bench.quiet())
        for vendor in self.vendors:
            twice = {key: ids for key, ids in vendor.made_by.items() if len(ids) > 1}
            assert not twice, "made twice"
            for object in OBJECTS.values():
                mails = Counter(fields.get("email") for fields in vendor.all(object).values())
                assert max(mails.values(), default=1) == 1, "one customer stands there twice"
        for bench in self.benches:
            self._agrees(bench)
            assert not [one for one in bench.store.operations.values() if one.state in {"sent", "unknown"}]
        self._nothing_lost()

    def _ask_again(self) -> None:
        """What was refused is looked at again only when somebody says so."""
        for bench in self.benches:
            for row in bench.store.waits.values():
                if row.state == "stuck" and (row.why or {}).get("code") == "sync.rejected":
                    row.state, row.due_at = "due", bench.clock.iso()

    def _is_due(self, bench: Bench) -> bool:
        return any(one.state == "due" for one in bench.store.waits.values())

    def _agrees(self, bench: Bench) -> None:
        for link in bench.store.rows.values():
            object = OBJECTS[link.role]
            left, right = bench.left.all(object).get(link.left_id), bench.right.all(object).get(link.right_id)
            asked = {one.kind: one for one in bench.store.asked.values() if one.id in (link.left_id, link.right_id)}
            parent = bench.store.rows.get(link.parent or "")
            if "stopped" in (link.state, parent.state if parent is not None else ""):  # its customer's word is its own
                continue
            if left is None or right is None:
                assert link.state == "pending", "a record is gone and nobody is asked"
                assert "deletion" in asked or "match" in asked
                continue
            held = {option["line"] for one in asked.values() for option in one.options if "line" in option}
            if "match" in asked:
                continue
            for name in (*FIELDS, "registration_number"):
                if name not in held:
                    assert (left.get(name) or None) == (right.get(name) or None), (name, link, left, right)

    def _nothing_lost(self) -> None:
        """An edit still stands somewhere, or somebody edited it away who saw it; or a person answered, or the record is gone."""
        asked = {id for bench in self.benches for id in bench.store.asked_of}
        for bench in (*self.benches, *self.benches):  # what a person said in one pair goes on to the next
            for link in bench.store.rows.values():
                if {link.left_id, link.right_id} & asked:
                    asked |= {link.left_id, link.right_id}
        seen_over = {(one.object, one.field, one.before) for one in self.seen.edits}
        values = {
            (object, name): {fields.get(name) for vendor in self.vendors for fields in vendor.all(object).values()}
            for object in OBJECTS.values()
            for name in FIELDS
        }
        for one in self.seen.edits:
            there = any(one.id in vendor.records.get(one.object, {}) for vendor in self.vendors)
            if there and one.id not in asked:
                known = values[one.object, one.field]
                assert one.value in known or (one.object, one.field, one.value) in seen_over, one

    def teardown(self) -> None:
        try:
            self.quiet()
        finally:
            self.loop.close()


class ThreeSystems(TwoSystems):
    """Two pairs that share the system in the middle."""

    def make(self) -> list[Bench]:
        first = Bench(self.left_can, self.right_can, settings(policy=self.policy))
        second = Bench(self.right_can, self.left_can, settings(policy=self.policy), clock=first.clock, name="2")
        second.left = first.right
        second.right.name = "C"
        return [first, second]


STEPS = 4_000
"""Of each of the five kinds in the long run: 20,000 in all."""
MACHINES = [
    pytest.param(TwoSystems, {"left_can": PLAIN, "right_can": PLAIN}, id="plain"),
    pytest.param(TwoSystems, {"left_can": SEARCH, "right_can": IDEMPOTENT}, id="search-idempotent"),
    pytest.param(TwoSystems, {"left_can": PLAIN, "right_can": NONE, "mails": False}, id="none"),
    pytest.param(TwoSystems, {"left_can": BLIND, "right_can": PLAIN, "late": False}, id="blind"),
    pytest.param(ThreeSystems, {"left_can": PLAIN, "right_can": PLAIN}, id="three"),
]


def random_days(kind: type[TwoSystems], more: dict[str, Any], examples: int) -> int:
    """How many steps were made, of all days together."""
    steps = Counter[str]()

    def count(machine: TwoSystems) -> None:
        steps["made"] += 1

    machine = type("SomeMachine", (kind,), {**more, "count": invariant()(count)})
    run_state_machine_as_test(
        machine,
        settings=hypothesis_settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    return steps["made"]


@pytest.mark.proves("CUST-10")
@pytest.mark.parametrize(("kind", "more"), MACHINES)
def test_they_agree_when_it_is_quiet(kind: type[TwoSystems], more: dict[str, Any]) -> None:
    random_days(kind, more, 30)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "more"), MACHINES)
def test_they_agree_after_many_days(kind: type[TwoSystems], more: dict[str, Any]) -> None:
    assert random_days(kind, more, 400) >= STEPS
