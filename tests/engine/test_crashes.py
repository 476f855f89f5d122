"""Calls, faults and deaths at random: afterwards each acknowledged call has exactly its records."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.engine.bench import Bench
from tests.engine.calls import ALL_ON, calls_bench, end, recording, say
from tests.engine.crm import READ_FAULTS, WRITE_FAULTS, ZOHO
from tests.engine.memory import Item, Killed
from tieline.engine.events.drain import Drain
from tieline.sdk.manifest import Capabilities

UNIQUE = ZOHO
SEARCH = ZOHO.model_copy(update={"origin": "search", "push_dependent": 0, "search_lag_s": 20, "write_batch": 3})
NONE = ZOHO.model_copy(update={"origin": "none", "push_dependent": 0, "search_lag_s": 20, "write_batch": 3})
KEYED = ZOHO.model_copy(update={"attach_keys": True})
WAVES = ZOHO.model_copy(update={"push_dependent": 0, "write_batch": 2, "search_lag_s": 0})


@dataclass
class Death:
    """Dies at the n-th port call from now, before or after it."""

    calls: int = -1
    when: str = "before"
    deaths: int = 0

    def __call__(self, name: str, when: str) -> None:
        if when == "before" and self.calls >= 0:
            self.calls -= 1
        if self.calls == -1 or self.calls > 0 or when != self.when:
            return
        self.calls = -1
        self.deaths += 1
        raise Killed(name)


@dataclass
class Expected:
    """What was acknowledged, by hand: the records follow from the small flow's rules."""

    ended: dict[tuple[int, str], str] = field(default_factory=dict)
    """(source, call) → number."""
    urls: dict[tuple[int, str], str] = field(default_factory=dict)

    def check(self, bench: Bench) -> None:
        numbers = set(self.ended.values())
        assert Counter(one["Phone"] for one in bench.crm.all("Leads")) == Counter(dict.fromkeys(numbers, 1))
        assert Counter(one["Deal_Name"] for one in bench.crm.all("Deals")) == Counter(dict.fromkeys(numbers, 1))
        calls = Counter(one["Subject"] for one in bench.crm.all("Calls"))
        assert calls == Counter(key for _, key in self.ended)
        leads = {id: kept.fields["Phone"] for id, kept in bench.crm.records.get("Leads", {}).items()}
        for deal in bench.crm.all("Deals"):
            assert leads[deal["Lead"]] == deal["Deal_Name"]
        for call in bench.crm.all("Calls"):
            assert leads[call["What_Lead"]] == call["Caller_ID"]
            key = next(one for one in self.ended if one[1] == call["Subject"])
            assert call["Recording"] == self.urls.get(key)
        for object in ("Leads", "Deals", "Calls"):
            keys = Counter(one.get("Key") or id(one) for one in bench.crm.all(object))
            assert max(keys.values(), default=1) == 1


class Machine(RuleBasedStateMachine):
    """The drain on memory ports, with everything that goes wrong."""

    capabilities: Capabilities = UNIQUE

    expected_of: type[Expected] = Expected

    def make(self) -> Bench:
        return Bench(capabilities=self.capabilities)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bench = self.make()
        self.expected = self.expected_of()
        self.death = Death()
        self.drain: Drain = self.bench.drain()
        self.bench.store.before_call = self.death
        self.calls: list[tuple[int, str, str]] = []

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.bench.random.seed(seed)

    @rule(number=st.integers(0, 3), source=st.sampled_from([1, 2]), copies=st.integers(1, 2), ringing=st.booleans())
    def call(self, number: int, source: int, copies: int, ringing: bool) -> None:
        key, text = f"c{len(self.calls)}", f"+3361200000{number}"
        self.calls.append((source, key, text))
        if ringing:
            self.ring(key, text, source)
        for _ in range(copies):
            self.end(key, text, source)
        self.expected.ended[source, key] = text

    @rule(which=st.integers(0, 30), again=st.booleans())
    def recording(self, which: int, again: bool) -> None:
        if not self.calls:
            return
        source, key, text = self.calls[which % len(self.calls)]
        if (source, key) in self.expected.urls:
            return
        self.record(key, text, source, f"https://a/{key}")
        self.expected.urls[source, key] = f"https://a/{key}"
        if again:
            self.bench.clock.now += 0.001
            self.end(key, text, source, again=True)

    def ring(self, key: str, number: str, source: int) -> None:
        self.bench.event(key, number, "ringing", source)

    def end(self, key: str, number: str, source: int, *, again: bool = False) -> None:
        more = {} if again else {"event_key": f"{key}-end"}
        self.bench.event(key, number, "ended", source, **more)

    def record(self, key: str, number: str, source: int, url: str) -> None:
        self.bench.event(key, number, "recording_ready", source, url=url)

    @rule(faults=st.lists(st.sampled_from(("", *READ_FAULTS, *WRITE_FAULTS)), min_size=1, max_size=3))
    def trouble(self, faults: list[str]) -> None:
        if len(self.bench.crm.faults) < 4:
            self.bench.crm.faults.extend(faults)

    @rule(calls=st.integers(0, 12), when=st.sampled_from(["before", "after"]))
    def die_soon(self, calls: int, when: str) -> None:
        self.death.calls, self.death.when = calls, when

    @rule(steps=st.integers(1, 3))
    def work(self, steps: int) -> None:
        for _ in range(steps):
            self._step()

    @rule(seconds=st.sampled_from([0.5, 2.0, 8.0, 31.0, 60.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.bench.clock.now += seconds

    @rule()
    def restart(self) -> None:
        self.drain = self.bench.drain()

    @rule()
    def settle(self) -> None:
        self._quiet()

    @invariant()
    def nothing_parked(self) -> None:
        parked = [row.why for row in self.bench.store.rows.values() if row.state in {"parked", "asked"}]
        assert not parked

    def _step(self) -> None:
        try:
            self.loop.run_until_complete(self.drain.step())
        except Killed:
            self.drain = self.bench.drain()

    def _quiet(self) -> None:
        self.bench.crm.faults.clear()
        self.death.calls = -1
        progress = self.loop.run_until_complete(self.bench.quiet(self.drain))
        while self.answer_all():
            progress = self.loop.run_until_complete(self.bench.quiet(self.drain))
        assert progress.stopped is None
        self.expected.check(self.bench)
        assert set(self.bench.states()) <= {"done", "waiting"}
        assert not self.bench.store.open
        assert not [run for run in self.bench.store.runs.values() if run.state == "applying"]

    def answer_all(self) -> bool:
        """Questions are asked only where nobody but a person can tell."""
        return False

    def teardown(self) -> None:
        try:
            self._quiet()
        finally:
            self.loop.close()


class CallsExpected(Expected):
    """The calls flow with an account, a lead, a contact and a deal for each stranger, and a task for each missed call."""

    def check(self, bench: Bench) -> None:
        numbers = Counter(dict.fromkeys(self.ended.values(), 1))
        for object in ("Accounts", "Leads", "Contacts"):
            assert Counter(one["Phone"] for one in bench.crm.all(object)) == numbers
        by_account = {id: kept.fields["Phone"] for id, kept in bench.crm.records.get("Accounts", {}).items()}
        by_contact = {id: kept.fields["Phone"] for id, kept in bench.crm.records.get("Contacts", {}).items()}
        assert Counter(by_account[one["Account_Name"]] for one in bench.crm.all("Deals")) == numbers
        for one in bench.crm.all("Contacts"):
            assert by_account[one["Account_Name"]] == one["Phone"]
        calls = Counter(self.ended.values())
        assert Counter(one["Caller_ID"] for one in bench.crm.all("Calls")) == calls
        missed = Counter(number for (_, key), number in self.ended.items() if is_missed(key))
        assert Counter(by_contact[one["Who"]] for one in bench.crm.all("Tasks")) == missed
        for one in bench.crm.all("Calls"):
            assert by_contact[one["Who"]] == one["Caller_ID"] == by_account[one["What_Account"]]
        urls = Counter(one["Recording"] for one in bench.crm.all("Calls") if one.get("Recording"))
        assert urls == Counter(url for key, url in self.urls.items() if key in self.ended)


def is_missed(key: str) -> bool:
    return int(key[1:]) % 3 == 0


class CallsMachine(Machine):
    """The same with the calls flow."""

    expected_of = CallsExpected

    def make(self) -> Bench:
        return calls_bench(**ALL_ON, capabilities=self.capabilities)

    def ring(self, key: str, number: str, source: int) -> None:
        say(self.bench, key, "ringing", source=source, external_number=number, direction="inbound")

    def end(self, key: str, number: str, source: int, *, again: bool = False) -> None:
        outcome = "missed" if is_missed(key) else "answered"
        event_key = None if again else f"{key}-end"
        end(self.bench, key, number, outcome=outcome, source=source, event_key=event_key)

    def record(self, key: str, number: str, source: int, url: str) -> None:  # noqa: ARG002
        recording(self.bench, key, url, source=source)


class Told(Machine):
    """The small flow at a vendor without room for our key: a person looks there and says what was written."""

    @rule()
    def answer(self) -> None:
        self.answer_all()

    @invariant()
    def nothing_parked(self) -> None:
        rows = self.bench.store.rows.values()
        assert not [row.why for row in rows if row.state == "parked"]
        asked = {item.subject for item in self.bench.store.inbox if item.open}
        assert not [row.key for row in rows if row.state == "asked" and row.id not in asked], "nobody can answer"

    def answer_all(self) -> bool:
        asked = [item for item in self.bench.store.inbox if item.open]
        for item in asked:
            item.open = False
            self.bench.store.answer(item.subject, item.question["kind"], self.seen(item))
        return bool(asked)

    def seen(self, item: Item) -> str:
        """The id of the record, as a person finds it."""
        object, field, of = {
            "call": ("Calls", "Subject", "key"),
            "lead": ("Leads", "Phone", "n"),
            "deal": ("Deals", "Deal_Name", "n"),
        }[item.question["kind"].split(":")[1]]
        self.bench.crm.all(object)  # what is late has landed
        wanted = self.bench.store.rows[item.subject].subject[of]
        there = self.bench.crm.records.get(object, {})
        return next((id for id, kept in there.items() if kept.fields[field] == wanted), "none")


class CopiesExpected(CallsExpected):
    """Each recording is a file on its call, once."""

    def check(self, bench: Bench) -> None:
        CallsExpected(self.ended).check(bench)
        files = Counter(one["content"].decode() for call in bench.crm.all("Calls") for one in call.get("files", ()))
        urls = [url for key, url in self.urls.items() if key in self.ended]
        assert files == Counter([*urls, *(f"{url}/2" for url in urls)])


class Recordings:
    """Files of a phone system."""

    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        return "audio/mpeg", url.encode()[:limit]


class Copies(CallsMachine):
    """The calls flow that copies recordings; each call has two."""

    expected_of = CopiesExpected

    def make(self) -> Bench:
        bench = calls_bench(**ALL_ON, call={"recording": "copy"}, capabilities=self.capabilities)
        bench.files = {1: Recordings(), 2: Recordings()}
        return bench

    def record(self, key: str, number: str, source: int, url: str) -> None:  # noqa: ARG002
        recording(self.bench, key, url, source=source)
        recording(self.bench, key, f"{url}/2", source=source)


MACHINES = [
    pytest.param(Machine, UNIQUE, id="unique"),
    pytest.param(Machine, SEARCH, id="search"),
    pytest.param(Machine, WAVES, id="waves"),
    pytest.param(CallsMachine, UNIQUE, id="calls-unique"),
    pytest.param(CallsMachine, SEARCH, id="calls-search"),
    pytest.param(Told, NONE, id="none"),
    pytest.param(Copies, KEYED, id="copy"),
]


@pytest.mark.proves("CALL-19", "CALL-23", "HUB-5")
@pytest.mark.parametrize(("kind", "capabilities"), MACHINES)
def test_each_acknowledged_call_has_exactly_its_records_at_any_crash(
    kind: type[Machine], capabilities: Capabilities
) -> None:
    random_days(kind, capabilities, 40)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "capabilities"), MACHINES)
def test_many_random_days(kind: type[Machine], capabilities: Capabilities) -> None:
    random_days(kind, capabilities, 1500)


def random_days(kind: type[Machine], capabilities: Capabilities, examples: int) -> None:
    machine = type("SomeMachine", (kind,), {"capabilities": capabilities})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
