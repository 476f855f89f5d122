"""Folding events into one call (CALL-19): any order, doubled, late."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.facts import CallFact
from tieline.flows.calls.call import call_of, lanes
from tieline.flows.calls.fold import expire, fold, instant
from tieline.flows.calls.settings import Line, Settings

S = Settings()
URL = "https://records.example/1.mp3"


def fact(type: str, second: int | None = 0, **said: Any) -> dict[str, Any]:
    at = None if second is None else f"2026-11-20T09:{second // 60:02}:{second % 60:02}Z"
    return CallFact("c1", type, occurred_at=at, **said).to_json()  # type: ignore[arg-type]


ANSWERED = [
    fact("ringing", 0, direction="inbound", external_number="+33186765432", line_number="70100411"),
    fact("leg_ringing", 1, agent_number="201", leg_key="201"),
    fact("leg_ended", 9, agent_number="201", leg_key="201"),
    fact("leg_ringing", 10, agent_number="202", leg_key="202"),
    fact("answered", 15, agent_number="202", external_number="+33186765432"),
    fact("ended", 75, outcome="answered", talk_s=60, total_s=75, agent_number="202", final=True),
    fact("recording_ready", 100, recording_url=URL, recording_s=60),
]
MISSED = [
    fact("ringing", 0, direction="inbound", external_number="+33186765432", line_number="70100411"),
    fact("ended", 22, outcome="missed", talk_s=0, total_s=22, final=True),
    fact("voicemail", 40, recording_url=URL, recording_s=12),
]


@st.composite
def deliveries(draw: st.DrawFn, facts: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The facts in any order, some doubled, cut into any number of deliveries."""
    doubled = facts + draw(st.lists(st.sampled_from(facts), max_size=5))
    shuffled = draw(st.permutations(doubled))
    cuts = sorted(draw(st.sets(st.integers(1, len(shuffled)), max_size=4)))
    edges = [0, *cuts, len(shuffled)]
    return [shuffled[a:b] for a, b in pairwise(edges) if a != b]


def folded(parts: list[list[dict[str, Any]]]) -> dict[str, Any]:
    subject: dict[str, Any] | None = None
    for part in parts:
        subject = fold(subject, part, S).subject
    assert subject is not None
    return subject


@pytest.mark.proves("CALL-19")
@given(st.sampled_from([ANSWERED, MISSED]).flatmap(lambda facts: st.tuples(st.just(facts), deliveries(facts))))
def test_the_same_call_in_any_order(given_: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]) -> None:
    facts, parts = given_
    assert folded(parts) == folded([facts])


TIMES = st.one_of(st.none(), st.integers(0, 30))
SAID = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["inbound", "outbound", "internal"]),
        "external_number": st.sampled_from(["", "anonymous", "+33186765432", "0612345678"]),
        "line_number": st.sampled_from(["70100411", "70100412"]),
        "agent_number": st.sampled_from(["201", "202"]),
        "outcome": st.sampled_from(["answered", "missed", "busy", "voicemail", "unknown"]),
        "talk_s": st.integers(0, 3),
        "total_s": st.integers(0, 3),
        "recording_url": st.sampled_from([URL, URL + "?2"]),
        "recording_s": st.integers(0, 3),
        "final": st.booleans(),
    },
)
KINDS = st.sampled_from(
    [
        "ringing",
        "leg_ringing",
        "leg_ended",
        "answered",
        "transferred",
        "ended",
        "voicemail",
        "recording_ready",
        "enriched",
        "other",
    ]
)
ANY_FACT = st.builds(lambda kind, second, said: fact(kind, second, **said), KINDS, TIMES, SAID)


@pytest.mark.proves("CALL-19")
@given(st.lists(ANY_FACT, min_size=1, max_size=8).flatmap(lambda facts: st.tuples(st.just(facts), deliveries(facts))))
def test_the_same_call_whatever_events_say(given_: tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]) -> None:
    facts, parts = given_
    assert folded(parts) == folded([facts])


@given(st.lists(ANY_FACT, min_size=1, max_size=8))
def test_state_only_moves_forward(facts: list[dict[str, Any]]) -> None:
    states = ("ringing", "answered", "ended")
    subject: dict[str, Any] | None = None
    reached = 0
    for one in facts:
        subject = fold(subject, [one], S).subject
        assert states.index(subject["state"]) >= reached
        reached = states.index(subject["state"])


@given(st.lists(ANY_FACT, min_size=1, max_size=6), ANY_FACT)
def test_folding_again_changes_nothing(facts: list[dict[str, Any]], one: dict[str, Any]) -> None:
    subject = fold(None, [*facts, one], S).subject
    before = repr(subject)
    again = fold(subject, [one], S)
    assert again.subject == subject
    assert not again.changed
    assert repr(subject) == before


@pytest.mark.proves("CALL-19")
def test_what_a_chain_says() -> None:
    got = fold(None, ANSWERED, S)
    assert got.ready
    call = got.subject
    assert (call["line"], call["agent"], call["numbers"]) == ("70100411", "202", ["201", "202", "70100411"])
    assert (call["started_at"], call["answered_at"], call["ended_at"]) == (
        "2026-11-20T09:00:00Z", "2026-11-20T09:00:15Z", "2026-11-20T09:01:15Z",
    )  # fmt: skip
    assert (call["result"], call["talk_s"], call["total_s"]) == ("answered", 60, 75)
    assert call["recordings"] == [{"url": URL, "at": "2026-11-20T09:01:40", "s": 60}]


def test_the_member_who_answered_is_the_agent_though_another_stops_ringing_later() -> None:
    facts = [
        fact("leg_ringing", 1, agent_number="201"),
        fact("leg_ringing", 1, agent_number="202"),
        fact("answered", 5, agent_number="201"),
        fact("leg_ended", 6, agent_number="202"),
    ]
    assert fold(None, facts, S).subject["agent"] == "201"


def test_an_authoritative_end_is_ready_at_once_and_is_not_overruled() -> None:
    got = fold(None, MISSED[:2], Settings(settle_s=30))
    assert (got.ready, got.due_at) == (True, None)
    later = fold(got.subject, [fact("ended", 90, outcome="answered", talk_s=9)], S)
    assert (later.subject["outcome"], later.subject["talk_s"]) == ("missed", 0)


def test_a_later_authoritative_end_corrects_an_earlier_one() -> None:
    first = fold(None, [fact("ended", 22, outcome="missed", total_s=22, final=True)], S)
    later = fold(first.subject, [fact("ended", 30, outcome="answered", talk_s=8, final=True)], S)
    assert (later.subject["result"], later.changed) == ("answered", True)


def test_an_end_of_a_source_with_legs_settles_first() -> None:
    got = fold(None, [fact("ended", 60, outcome="answered")], Settings(settle_s=30))
    assert (got.ready, got.due_at) == (False, "2026-11-20T09:01:30Z")
    assert got.reason is not None
    assert (got.reason.code, got.reason.params) == ("call.wait.settling", {"seconds": 30})
    assert expire(got.subject).subject["result"] == "answered"
    assert expire(got.subject).ready


@pytest.mark.proves("CALL-19")
def test_no_end_after_four_hours() -> None:
    got = fold(None, MISSED[:1], S)
    assert (got.ready, got.due_at) == (False, "2026-11-20T13:00:00Z")
    over = expire(got.subject)
    assert (over.ready, over.subject["result"]) == (True, "unknown")
    late = fold(over.subject, [MISSED[1]], S)
    assert (late.ready, late.changed, late.subject["result"]) == (True, True, "missed")


def test_a_call_without_any_time_does_not_wait_for_ever() -> None:
    got = fold(None, [fact("ringing", None)], S)
    assert (got.ready, got.due_at) == (False, "1970-01-01T00:00:00Z")


@pytest.mark.proves("CALL-19")
def test_a_recording_joins_before_and_after_the_end() -> None:
    early = fold(None, [fact("recording_ready", 5, recording_url=URL)], S)
    assert (early.ready, early.subject["state"]) == (False, "ringing")
    assert fold(early.subject, MISSED[:2], S).subject["recordings"][0]["url"] == URL
    done = fold(None, MISSED[:2], S)
    late = fold(done.subject, [fact("recording_ready", 500, recording_url=URL)], S)
    assert (late.ready, late.changed) == (True, True)


def test_a_late_ringing_fills_gaps_and_reopens_nothing() -> None:
    end = fold(None, [fact("ended", 60, outcome="answered", total_s=50, final=True)], S)
    assert end.subject["started_at"] == "2026-11-20T09:00:10Z"
    late = fold(end.subject, MISSED[:1], S)
    assert (late.ready, late.subject["state"], late.subject["started_at"]) == (True, "ended", "2026-11-20T09:00:00Z")
    assert late.subject["line"] == "70100411"


@pytest.mark.proves("CALL-18")
@pytest.mark.parametrize(
    ("facts", "result"),
    [
        ([fact("ended", 9, direction="inbound", talk_s=0)], "missed"),
        ([fact("ended", 9, direction="outbound", talk_s=0)], "no_answer"),
        ([fact("answered", 3), fact("ended", 9)], "answered"),
        ([fact("answered", None), fact("ended", 9)], "answered"),
        ([fact("ended", 9, talk_s=4)], "answered"),
        ([fact("ended", 9)], "unknown"),
        ([fact("ended", 9, outcome="unknown"), fact("answered", 3)], "answered"),
        ([fact("voicemail", 30), fact("ended", 9, outcome="missed")], "voicemail"),
        ([fact("voicemail", 30), fact("answered", 3), fact("ended", 9, outcome="answered")], "voicemail"),
        ([fact("voicemail", 30)], None),
        ([fact("answered", 3), fact("leg_ended", 9, outcome="missed")], None),
        ([fact("leg_ended", 9, outcome="answered", leg_key="a", talk_s=5)], None),
        ([fact("leg_ended", 8, outcome="answered", leg_key="a"), fact("ended", 9, talk_s=0)], "answered"),
        ([fact("leg_ended", 8, outcome="no_answer", leg_key="a", talk_s=0), fact("ended", 9, talk_s=0)], "missed"),
    ],
)
def test_the_result(facts: list[dict[str, Any]], result: str | None) -> None:
    assert fold(None, facts, S).subject["result"] == result


LEGS = [
    fact("ringing", 0, direction="inbound", external_number="+33186765432", line_number="70100411"),
    fact("leg_ended", 40, leg_key="a", outcome="answered", talk_s=20),
    fact("leg_ended", 55, leg_key="b", outcome="answered", talk_s=15),
    fact("leg_ended", 30, leg_key="c", outcome="no_answer", talk_s=0),
    fact("ended", 60, talk_s=0, total_s=60),
]


@pytest.mark.proves("CALL-19")
@given(deliveries(LEGS))
def test_a_call_talks_as_long_as_its_legs_together(parts: list[list[dict[str, Any]]]) -> None:
    call = folded(parts)
    assert (call["result"], call["talk_s"], call["total_s"]) == ("answered", 35, 60)
    assert call == folded([LEGS])


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z"),
        ("2026-11-20T10:00:00+01:00", "2026-11-20T09:00:00Z"),
        ("2026-11-20T10:00:00.250+01:00", "2026-11-20T09:00:00.25Z"),
        ("2026-11-20T09:00:00.000Z", "2026-11-20T09:00:00Z"),
        ("2026-11-20 09:00:00", "2026-11-20T09:00:00Z"),
        ("soon", None),
        (None, None),
    ],
)
def test_times(text: str | None, utc: str | None) -> None:
    assert instant(text) == utc


@pytest.mark.proves("CALL-23")
def test_lanes_are_numbers_outside_whatever_their_format() -> None:
    settings = Settings(lines=(Line(number="70100411", country="DK"), Line(number="0186765400")))
    for external, line, lane in [
        ("+33186765432", "0186765400", "phone:+33186765432"),
        ("0186765432", "0186765400", "phone:+33186765432"),
        ("20123456", "70100411", "phone:+4520123456"),
        ("anonymous", "70100411", "call:c1"),
        ("102", "70100411", "call:c1"),
        (None, "70100411", "call:c1"),
    ]:
        assert lanes({"key": "c1", "external": external, "line": line}, settings) == (lane,)


@pytest.mark.proves("CALL-7")
@pytest.mark.parametrize(
    "subject",
    [
        {"line": "70100419", "numbers": ["70100419"]},
        {"line": "+45 70 10 04 19", "numbers": ["+45 70 10 04 19"]},
        {"line": "70100411", "numbers": ["70100411", "70100419"]},
        {"line": "70100411", "agent": "205", "numbers": ["205", "70100411"]},
        {"line": "70100411", "numbers": ["70100411"], "external": "+4570100419"},
    ],
)
def test_a_line_left_out_is_seen_in_any_part_of_a_call(subject: dict[str, Any]) -> None:
    settings = Settings(
        default_country="DK",
        lines=(Line(number="+4570100411"), Line(number="+4570100419", ignore=True), Line(number="205", ignore=True)),
    )
    assert call_of({"key": "c1", **subject}, settings).ignored is not None


def test_lines_are_found_in_any_format() -> None:
    settings = Settings(
        default_country="DK", lines=(Line(number="70 10 04 11"), Line(number="102"), Line(number="Salon"))
    )
    for raw in ("+4570100411", "70100411", "004570100411", "102", "sip:102@pbx", "salon"):
        assert call_of({"key": "c1", "line": raw}, settings).line is not None, raw
    for raw in ("70100412", "103", ""):
        assert call_of({"key": "c1", "line": raw}, settings).line is None, raw
    assert call_of({"key": "c1", "agent": "102"}, settings).line is not None


def test_the_index_of_lines_is_not_seen_from_outside_and_never_stale() -> None:
    settings = Settings(lines=(Line(number="102"),))
    assert call_of({"key": "c1", "line": "102"}, settings).line is not None
    assert settings.model_dump() == Settings(lines=(Line(number="102"),)).model_dump()
    assert settings == Settings(lines=(Line(number="102"),))
    assert Settings.model_validate(settings.model_dump()) == settings
    changed = settings.model_copy(update={"lines": (Line(number="103"),)})
    assert call_of({"key": "c1", "line": "102"}, changed).line is None
    assert call_of({"key": "c1", "line": "103"}, changed).line is not None


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize(
    "at", ["2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "yesterday", ""]
)
def test_what_is_no_time_is_the_arrival(at: str) -> None:
    ended = {
        "type": "ended",
        "call_key": "x",
        "occurred_at": at,
        "arrived_at": "2026-11-20T10:00:30Z",
        "talk_s": 30,
        "final": True,
    }
    folded = fold(None, [ended], S)
    assert folded.ready
    assert folded.subject["started_at"] == "2026-11-20T10:00:00Z"


@pytest.mark.proves("CALL-19")
def test_the_wait_for_an_end_counts_from_the_arrival() -> None:
    rings = {
        "type": "ringing",
        "call_key": "x",
        "occurred_at": "2027-12-01T00:00:00Z",
        "arrived_at": "2026-11-18T10:00:00Z",
    }
    assert fold(None, [rings], S).due_at == "2026-11-18T14:00:00Z"
