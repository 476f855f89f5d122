"""What a list of calls says beside what was delivered, and sources that go on talking after an end (CALL-19, CALL-21)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flows.test_calls_fold import ANSWERED, KINDS, SAID, TIMES, deliveries, fact, folded
from tieline.flows.calls.fold import DECIDES, fold
from tieline.flows.calls.settings import Settings

S = Settings()
ROW = [
    {
        **fact("ringing", 0, direction="inbound", external_number="0186765432", line_number="0170100411"),
        "listed": True,
    },
    {
        **fact("ended", 70, outcome="answered", talk_s=58, total_s=70, agent_number="0170100412", final=True),
        "listed": True,
    },
]
"""The same call as ANSWERED, as a list shows it: numbers as people write them, times and durations a little off."""


def maybe_listed(kind: str, second: int | None, said: dict[str, Any], listed: bool) -> dict[str, Any]:
    return {**fact(kind, second, **said), **({"listed": True} if listed else {})}


ANY_FACT = st.builds(maybe_listed, KINDS, TIMES, SAID, st.booleans())


@pytest.mark.proves("CALL-19", "CALL-21")
@given(st.lists(ANY_FACT, min_size=1, max_size=8).flatmap(lambda facts: st.tuples(st.just(facts), deliveries(facts))))
def test_lists_and_deliveries_in_any_order_are_the_same_call(
    given_: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]],
) -> None:
    facts, parts = given_
    assert folded(parts) == folded([facts])


@pytest.mark.proves("CALL-21")
@given(st.permutations([*ANSWERED, *ROW]))
def test_a_list_takes_nothing_from_a_call_that_was_delivered(facts: list[dict[str, Any]]) -> None:
    told, both = folded([ANSWERED]), folded([facts])
    assert {name: both.get(name) for name in DECIDES} == {name: told.get(name) for name in DECIDES}


@pytest.mark.proves("CALL-21")
def test_a_call_that_was_told_of_is_not_decided_again_for_its_place_in_a_list() -> None:
    told = fold(None, ANSWERED, S).subject
    assert not fold(told, ROW, S).changed


@pytest.mark.proves("CALL-21")
def test_a_list_gives_the_end_that_never_came() -> None:
    ringing = fold(None, ANSWERED[:5], S)
    assert not ringing.ready
    ended = fold(ringing.subject, ROW, S)
    assert (ended.ready, ended.changed, ended.subject["result"]) == (True, True, "answered")
    assert ended.subject["line"] == "70100411", "the delivery said it first-hand"


@pytest.mark.proves("CALL-21")
def test_links_that_are_signed_anew_are_one_recording() -> None:
    first = {**fact("ended", 60, recording_url="https://r.example/1.mp3?sig=b", final=True), "listed": True}
    again = {**first, "recording_url": "https://r.example/1.mp3?sig=c"}
    call = fold(None, [first], S).subject
    assert not fold(call, [again], S).changed


@pytest.mark.proves("CALL-19")
def test_a_source_with_several_legs_is_waited_for_as_long_as_the_longer_of_both_says() -> None:
    end = {**fact("ended", 60, outcome="missed"), "settle_s": 8}
    for settings, waited in ((S, 8), (Settings(settle_s=30), 30)):
        got = fold(None, [end], settings)
        assert not got.ready
        assert got.due_at == f"2026-11-20T09:01:{waited:02}Z"
        assert got.reason is not None
        assert (got.reason.code, got.reason.params) == ("call.wait.settling", {"seconds": waited})


@pytest.mark.proves("CALL-19")
def test_an_authoritative_end_is_acted_on_at_once_whatever_its_source_waits() -> None:
    assert fold(None, [{**fact("ended", 60, outcome="missed", final=True), "settle_s": 8}], S).ready
