"""The demo's day: how large it is, and that every phone system's requests are those that its connector takes as genuine."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

import pytest

from tieline.demo.day import DayCall, read
from tieline.demo.nordlys import COUNTRY
from tieline.demo.systems import CONNECTORS, call_list, requests_of, typed
from tieline.sdk import manifest as manifests
from tieline.sdk.contract import Request

ADDRESS = "https://tieline.example.com/in/a-key"
AT = 1_768_000_000.0
DAY = read("nordlys")


def of(system: str) -> list[DayCall]:
    names = {"webhook", "get"} if system == "webhook" else {system}
    return [call for call in DAY if call.contract in names]


def test_the_day_has_300_calls_over_five_phone_systems_and_a_list() -> None:
    assert len(DAY) + len(read("morel")) >= 300
    assert {call.contract for call in DAY} == {*CONNECTORS, "new", "old", "get", "list"}
    assert all(len(of(system)) >= 30 for system in CONNECTORS)
    assert len({call.id for call in DAY}) == len(DAY)


@pytest.mark.parametrize("system", sorted(CONNECTORS))
def test_its_requests_are_genuine_and_tell_the_call(system: str) -> None:
    connector = manifests.load(system)(None)
    proof = "token" if system == "aircall" else "verified"
    other = typed(system) | {list(typed(system))[-1]: "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="}
    for call in of(system):
        sent = requests_of(call, ADDRESS, AT, AT, "https://audio.example.com", COUNTRY)
        assert sent
        calls = set()
        for one in sent:
            url = urlsplit(one.url)
            headers = {name.lower(): value for name, value in one.headers.items()}
            request = Request(one.method, url.query, headers, one.body, ADDRESS)
            assert connector.arrive(request, typed(system), AT).signature == proof, (call.id, one.event)
            assert connector.arrive(request, other, AT).signature == "failed"
            calls |= {fact.call_key for fact in connector.parse(request)}
        assert len(calls) == 1, call.id


def test_doubled_and_late_calls_are_sent_so() -> None:
    def sent(call: DayCall) -> list[tuple[bool, bytes, str]]:
        made = requests_of(call, ADDRESS, AT, AT, "https://audio.example.com", COUNTRY)
        return [(one.late, one.body, one.url) for one in made]

    for call in DAY:
        if call.contract in ("new", "old", "list"):
            continue
        late = [is_late for is_late, _, _ in sent(call)]
        assert late == [call.delivery == "late" and number > 0 for number in range(len(late))]
        if call.delivery == "dbl" and call.contract != "ringover":  # Ringover counts its attempts in the body
            assert set(Counter(sent(call)).values()) == {2}, call.id


def test_one_caller_over_several_systems_is_expected_as_one_lead() -> None:
    leads = Counter(call.number for call in DAY for one in call.expected if one.kind == "L")
    assert set(leads.values()) == {1}
    systems = {number: {call.contract for call in DAY if call.number == number} for number in leads}
    assert sum(len(names - {"new", "old"}) > 1 for names in systems.values()) >= 10


def test_the_list_is_one_that_a_person_would_export() -> None:
    rows = call_list([call for call in DAY if call.contract == "list"], "2026-11-20").decode().splitlines()
    assert rows[0].split(";")[0] == "Date"
    assert len(rows) == 13
    assert rows[1].startswith("2026-11-20 12:00:00;in;+4532190001;70100411;61;answered;nordlys-")
