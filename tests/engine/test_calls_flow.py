"""The calls flow through the whole drain: its records, what it costs, who waits for whom."""

from __future__ import annotations

import json

import pytest

from tests.engine.bench import Bench
from tests.engine.calls import ALL_ON, calls_bench, end, recording
from tieline.core.facts import CallFact
from tieline.engine.access import LEAVES_S


def number(index: int) -> str:
    return f"+3361{index:07d}"


def counts(bench: Bench) -> dict[str, int]:
    return {name: bench.crm.count(name) for name in ("Accounts", "Leads", "Contacts", "Deals", "Tasks", "Calls")}


async def test_a_missed_call_of_a_stranger_makes_lead_task_and_call_in_few_requests() -> None:
    bench = calls_bench()
    end(bench, "c1", number(1), outcome="missed")
    await bench.quiet()
    assert counts(bench) == {"Accounts": 0, "Leads": 1, "Contacts": 0, "Deals": 0, "Tasks": 1, "Calls": 1}
    assert bench.crm.requests <= 6
    lead = next(iter(bench.crm.records["Leads"]))
    assert bench.crm.all("Calls")[0]["What_Lead"] == bench.crm.all("Tasks")[0]["What_Lead"] == lead
    assert bench.crm.all("Leads")[0]["Owner"] == "anna"


async def test_with_every_rule_on_a_stranger_costs_eight_requests_at_most() -> None:
    bench = calls_bench(**ALL_ON)
    end(bench, "c1", number(1), outcome="missed", recording_url="https://sip.example/r/1")
    await bench.quiet()
    assert counts(bench) == dict.fromkeys(("Accounts", "Leads", "Contacts", "Deals", "Tasks", "Calls"), 1)
    assert bench.crm.requests <= 8
    (account,) = bench.crm.records["Accounts"]
    (contact,) = bench.crm.records["Contacts"]
    assert bench.crm.all("Contacts")[0]["Account_Name"] == account
    deal, call = bench.crm.all("Deals")[0], bench.crm.all("Calls")[0]
    assert (deal["Account_Name"], deal["Contact_Name"]) == (account, contact) == (call["What_Account"], call["Who"])
    assert call["Recording"] == "https://sip.example/r/1"


@pytest.mark.parametrize("rules", [{}, ALL_ON], ids=["defaults", "all rules"])
async def test_under_a_backlog_a_call_costs_a_fifth_of_a_request(rules: dict[str, object]) -> None:
    bench = calls_bench(**rules)
    for index in range(500):
        end(bench, f"c{index}", number(index), outcome="missed" if index % 2 else "answered")
    await bench.quiet()
    assert bench.crm.count("Calls") == 500
    assert bench.crm.count("Leads") == 500
    assert bench.crm.count("Tasks") == 250
    assert bench.crm.requests / 500 <= 0.2
    spent = sum(run.requests for run in bench.store.runs.values())
    spent += sum(one.requests for one in bench.store.operations.values())
    assert spent == pytest.approx(bench.crm.requests)


@pytest.mark.proves("CALL-23")
@pytest.mark.parametrize("rules", [{}, ALL_ON], ids=["defaults", "all rules"])
async def test_a_hundred_calls_at_once_from_one_stranger_over_two_phone_systems(rules: dict[str, object]) -> None:
    bench = calls_bench(**rules)
    for index in range(100):
        end(bench, f"c{index}", number(1), source=1 + index % 2)
    await bench.quiet()
    made = 1 if rules else 0
    assert counts(bench) == {
        "Accounts": made,
        "Leads": 1,
        "Contacts": made,
        "Deals": made,
        "Tasks": 0,
        "Calls": 100,
    }
    parents = {(call.get("Who"), call.get("What_Lead")) for call in bench.crm.all("Calls")}
    assert len(parents) == 1
    assert bench.states() == {"done": 100}


@pytest.mark.proves("CALL-23")
async def test_calls_that_come_one_by_one_do_not_wait_for_the_vendors_index() -> None:
    bench = calls_bench(**ALL_ON)
    drain = bench.drain()
    for index in range(5):
        end(bench, f"c{index}", number(1))
        await bench.quiet(drain)
        bench.clock.now += 20
    assert counts(bench) == {"Accounts": 1, "Leads": 1, "Contacts": 1, "Deals": 1, "Tasks": 0, "Calls": 5}
    bench.clock.now += 400
    end(bench, "late", number(1))
    await bench.quiet(drain)
    assert counts(bench) == {"Accounts": 1, "Leads": 1, "Contacts": 1, "Deals": 1, "Tasks": 0, "Calls": 6}


async def test_two_numbers_of_one_account_share_its_one_deal() -> None:
    """Their lanes differ; what is planned for one is laid over what the other finds."""
    bench = calls_bench(deal={"when": "no_active"}, lead={"create": False})
    account = bench.crm.put("Accounts", Account_Name="Two phones", Phone="+33 1 44 00 00 00")
    for index in (1, 2):
        bench.crm.put("Contacts", Last_Name=f"P{index}", Phone=number(index), Account_Name=account)
        end(bench, f"c{index}", number(index))
    await bench.quiet()
    assert bench.crm.count("Deals") == 1
    assert bench.crm.count("Calls") == 2


@pytest.mark.proves("CALL-19")
async def test_a_recording_that_comes_later_joins_the_one_call_record() -> None:
    bench = calls_bench()
    drain = bench.drain()
    end(bench, "c1", number(1))
    await bench.quiet(drain)
    bench.clock.now += 86_400 * 29
    before = bench.crm.requests
    recording(bench, "c1", "https://sip.example/r/1")
    await bench.quiet(drain)
    assert bench.crm.requests == before + 1
    assert [one["Recording"] for one in bench.crm.all("Calls")] == ["https://sip.example/r/1"]
    end(bench, "c1", number(1))
    await bench.quiet(drain)
    assert counts(bench) == {"Accounts": 0, "Leads": 1, "Contacts": 0, "Deals": 0, "Tasks": 0, "Calls": 1}
    assert bench.crm.requests == before + 1


class Recordings:
    """Files of a phone system."""

    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        return "audio/mpeg", url.encode()[:limit]


async def test_a_recording_is_copied_once() -> None:
    bench = calls_bench(call={"recording": "copy"})
    bench.files = {1: Recordings()}
    end(bench, "c1", number(1), recording_url="https://sip.example/r/1")
    await bench.quiet()
    end(bench, "c1", number(1))
    await bench.quiet()
    (call,) = bench.crm.all("Calls")
    assert [one["content"] for one in call["files"]] == [b"https://sip.example/r/1"]


@pytest.mark.parametrize("content", [b"sound", b""], ids=["long", "empty"])
async def test_a_recording_that_takes_longer_than_a_write_may_wait_is_fetched_once_and_copied(content: bytes) -> None:
    bench = calls_bench(call={"recording": "copy"})
    fetched: list[str] = []

    class Slow(Recordings):
        async def open(self, url: str, limit: int) -> tuple[str, bytes]:
            fetched.append(url)
            bench.clock.now += LEAVES_S + 5.0
            return "audio/mpeg", content[:limit]

    bench.files = {1: Slow()}
    end(bench, "c1", number(1), recording_url="https://sip.example/r/1")
    await bench.quiet()
    (call,) = bench.crm.all("Calls")
    assert [one["content"] for one in call["files"]] == [content]
    assert fetched == ["https://sip.example/r/1"]


@pytest.mark.proves("CALL-17")
async def test_several_matches_go_to_the_inbox_and_the_answer_is_followed() -> None:
    bench = calls_bench(several={"decide": "inbox"})
    bench.crm.put("Contacts", Last_Name="A", Phone=number(1))
    second = bench.crm.put("Contacts", Last_Name="B", Mobile="06 10 00 00 01")
    end(bench, "c1", number(1))
    await bench.quiet()
    assert bench.states() == {"asked": 1}
    assert bench.crm.count("Calls") == 0
    (item,) = [one for one in bench.store.inbox if one.open]
    assert {option[1] for option in item.question["options"]} >= {second}
    bench.store.answer(item.subject, item.question["kind"], {"role": "contact", "id": second})
    await bench.quiet()
    assert [one["Who"] for one in bench.crm.all("Calls")] == [second]
    assert not [one for one in bench.store.inbox if one.open]


async def test_watch_mode_decides_and_writes_nothing() -> None:
    bench = calls_bench()
    bench.live = False
    end(bench, "c1", number(1), outcome="missed")
    await bench.quiet()
    assert counts(bench) == dict.fromkeys(counts(bench), 0)
    (run,) = bench.store.runs.values()
    assert run.state == "watched"
    assert [one.slot for one in run.operations] == ["lead", "task", "call"]
    assert bench.states() == {"done": 1}


async def test_a_call_without_an_end_is_decided_when_its_wait_is_over() -> None:
    bench = calls_bench()
    fact = CallFact("c1", "ringing", bench.clock.iso(), "inbound", external_number=number(1)).to_json()
    bench.store.arrive(1, "e1", json.dumps([fact]).encode())
    progress = await bench.drain().run_until_quiet()
    assert bench.states() == {"waiting": 1}
    assert progress.next_s == pytest.approx(bench.clock.now + 4 * 3600, abs=1)
    bench.clock.now += 4 * 3600 + 1
    await bench.quiet()
    assert bench.states() == {"done": 1}
    assert bench.crm.count("Calls") == 1
