"""Imported call lists: cells of many systems, columns found by name, rows as calls, and what the connector makes of them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.connectors.call_list import events
from tieline.connectors.call_list.connector import Connector
from tieline.connectors.call_list.sandbox import FRENCH, HEADINGS, listed
from tieline.core import table
from tieline.core.errors import ProtocolError
from tieline.engine.events.fold import fold as engine_fold
from tieline.engine.events.fold import parse
from tieline.engine.ports import LISTED, EventRow
from tieline.flows.calls import list_cells as cells
from tieline.flows.calls.call_list import KNOWN, Reading, call_of, has_heading, suggested
from tieline.flows.calls.flow import FLOW
from tieline.flows.calls.settings import Settings
from tieline.sdk.contract import Request

PARIS = "Europe/Paris"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-15T10:30:00Z", "2026-01-15T10:30:00Z"),
        ("2026-01-15T10:30:00.123+01:00", "2026-01-15T09:30:00Z"),
        ("2026-01-15 10:30", "2026-01-15T09:30:00Z"),
        ("20260115T103000Z", "2026-01-15T10:30:00Z"),
        ("15/01/2026 10:30", "2026-01-15T09:30:00Z"),
        ("15.01.26 10.30", "2026-01-15T09:30:00Z"),
        ("15-07-2026 10:30:45", "2026-07-15T08:30:45Z"),
        ("2026/1/5 9:05", "2026-01-05T08:05:00Z"),
        ("03/04/2026 09h05", "2026-04-03T07:05:00Z"),
        ("01/15/2026 10:30 PM", "2026-01-15T21:30:00Z"),
        ("15/01/2026 12:05 am", "2026-01-14T23:05:00Z"),
        ("15 janv. 2026 10:30", "2026-01-15T09:30:00Z"),
        ("1er août 2026, 10:30", "2026-08-01T08:30:00Z"),
        ("15. maj 2026 10:30", "2026-05-15T08:30:00Z"),
        ("15 gennaio 2026 10:30:05", "2026-01-15T09:30:05Z"),
        ("Jan 15, 2026, 10:30 AM", "2026-01-15T09:30:00Z"),
        ("Thu, 15 Jan 2026 10:30:00 +0000", "2026-01-15T10:30:00Z"),
        ("15/01/2026 10:30 UTC", "2026-01-15T10:30:00Z"),
        ("1768473000", "2026-01-15T10:30:00Z"),
        ("1768473000123", "2026-01-15T10:30:00Z"),
        ("25/10/2026 02:30", "2026-10-25T00:30:00Z"),
    ],
)
def test_times_of_many_systems(text: str, expected: str) -> None:
    assert cells.moment(text, "", PARIS, "dmy") == expected


@pytest.mark.parametrize("text", ["tomorrow", "15/01/2026", "31/02/2026 10:00", "15/01/2026 25:00", "0001-01-01T00:00:00Z", "10:30",
                                  "15/01/2026 13:00 PM", "99999999999999", "9999-12-31 23:59", "15 Foo 2026 10:30"])  # fmt: skip
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(cells.CellError) as wrong:
        cells.moment(text, "", PARIS, "dmy")
    assert wrong.value.reason.code == "call_list.not_a_time"
    assert wrong.value.reason.params["value"] == text


def test_a_date_and_its_time_of_day_may_stand_apart() -> None:
    assert cells.moment("03/04/2026", "10:30", "UTC", "mdy") == "2026-03-04T10:30:00Z"
    assert cells.moment("03/04/2026", "10:30", "UTC", "dmy") == "2026-04-03T10:30:00Z"


def test_the_order_of_day_and_month_is_seen_where_it_can_be() -> None:
    assert cells.order_of(["03/04/2026", "05/13/2026"]) == "mdy"
    assert cells.order_of(["03/04/2026", "13/05/2026"]) == "dmy"
    assert cells.order_of(["03/04/2026", "2026-05-13"]) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("65", 65), ("65.9", 65), ("1:05", 65), ("00:01:05", 65), ("1:00:05", 3605), ("1 min 5 s", 65), ("1m05", 65), ("2h", 7200),
     ("65 sec.", 65), ("0", 0), ("", None), ("-", None)],
)  # fmt: skip
def test_durations(text: str, seconds: int | None) -> None:
    assert cells.duration(text, minutes=False) == seconds


def test_minutes_where_the_list_counts_them() -> None:
    assert cells.duration("1,5", minutes=True) == 90
    assert cells.duration("1:05", minutes=True) == 65


@pytest.mark.parametrize("text", ["soon", "1:2:3:4", "-5", "1e9"])
def test_what_is_no_duration_is_said(text: str) -> None:
    with pytest.raises(cells.CellError):
        cells.duration(text, minutes=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("+33 6 12 34 56 78", "+33 6 12 34 56 78"), ("'0612345678", "0612345678"), ('="0612345678"', "0612345678"), ("101", "101"),
     ("Anonymous", ""), ("Masqué", ""), ("", ""), ("-", "")],
)  # fmt: skip
def test_numbers(text: str, expected: str) -> None:
    assert cells.number(text) == expected


@pytest.mark.parametrize("text", ["3,36E+10", "3.3612E+10", "call me", "x" * 61 + "1"])
def test_what_is_no_number_is_said(text: str) -> None:
    with pytest.raises(cells.CellError):
        cells.number(text)


@pytest.mark.parametrize(
    ("text", "direction", "outcome"),
    [("Inbound", "inbound", None), ("SORTANT", "outbound", None), ("Udgående", "outbound", None), ("in uscita", "outbound", None),
     ("Manqué", "inbound", "missed"), ("Ubesvaret", "inbound", "missed"), ("Voicemail", "inbound", "voicemail"), ("interne", "internal", None)],
)  # fmt: skip
def test_kinds_of_calls_in_four_languages(text: str, direction: str, outcome: str | None) -> None:
    assert cells.way(text) == (direction, outcome)


def test_how_it_ended_depends_on_who_called() -> None:
    assert cells.outcome("No answer", "inbound") == "missed"
    assert cells.outcome("NO ANSWER", "outbound") == "no_answer"
    assert cells.outcome("Manqué", "outbound") == "no_answer"
    assert cells.outcome("Optaget", "outbound") == "busy"
    assert cells.outcome("", "inbound") is None
    for unknown in ("exploded", "inbound"):
        with pytest.raises(cells.CellError):
            cells.outcome(unknown, "inbound")


@pytest.mark.parametrize(
    "heading",
    [HEADINGS, FRENCH,
     ("Tidspunkt", "Retning", "Fra", "Til", "Varighed", "Udfald", "Medarbejder", "Opkalds-id", "Optagelse"),
     ("Data e ora", "Direzione", "Chiamante", "Chiamato", "Durata", "Esito", "Operatore", "ID chiamata", "Registrazione")],
)  # fmt: skip
def test_columns_are_found_by_name_in_four_languages(heading: tuple[str, ...]) -> None:
    found = suggested(heading, [], zone=PARIS)
    expected = ["time", "direction", "caller", "called", "duration", "outcome", "agent", "call_id", "recording_url"]
    assert dict(found.columns) == {what: index for index, what in enumerate(expected)}
    assert found.lacking() == ()


def test_columns_are_found_by_what_stands_in_them() -> None:
    rows = [["x", "15/01/2026 10:30", "Entrant", "https://x/1"], ["y", "16/01/2026 10:30", "Sortant", ""]]
    found = suggested(["a", "b", "c", "d"], rows, zone=PARIS)
    assert dict(found.columns) == {"time": 1, "direction": 2, "recording_url": 3}
    assert found.lacking() == ("number",)


def test_a_unit_in_the_heading_counts_and_no_name_means_two_things() -> None:
    assert suggested(["Date", "Duration (min)"], [], zone="UTC").minutes
    assert not suggested(["Date", "Duration (s)"], [], zone="UTC").minutes
    assert len(KNOWN) > 200
    for name in KNOWN:
        assert table.plain(name) == name


def test_a_first_row_of_values_is_no_heading() -> None:
    assert has_heading(["Date", "Number"])
    assert has_heading(["Kolonne A", "Kolonne B"])
    assert not has_heading(["2026-01-15T10:30:00Z", "in", "0612345678"])
    assert not has_heading(["x", "+33 6 12 34 56 78"])


def test_a_missed_call_that_rang_has_no_talk() -> None:
    reading = Reading({"time": 0, "direction": 1, "number": 2, "duration": 3, "outcome": 4}, "UTC")
    row = ["2026-01-15T10:30:00Z", "in", "0612345678", "25", "missed"]
    found = call_of(row, reading)
    assert isinstance(found, dict)
    assert (found["outcome"], found["talk_s"], found["total_s"]) == ("missed", 0, 25)
    found = call_of([*row[:4], ""], reading)
    assert isinstance(found, dict)
    assert (found.get("outcome"), found["talk_s"]) == (None, 25)


def test_everything_that_is_wrong_with_a_row_is_said_at_once() -> None:
    reading = Reading({"time": 0, "direction": 1, "number": 2, "duration": 3, "recording_url": 4, "call_id": 5}, "UTC")
    wrong = call_of(["never", "up", "call me", "long", "ftp://x", "i" * 161], reading)
    assert [what for what, _ in wrong] == ["time", "direction", "number", "duration", "call_id", "recording_url"]
    future = call_of(["2027-01-01T00:00:00Z", "in", "1234567"], reading, now="2026-12-01T00:00:00Z")
    assert [(what, why.code) for what, why in future] == [("time", "call_list.future")]  # type: ignore[misc, union-attr]
    assert call_of([], reading)[0][0] == "time"  # type: ignore[index]


@given(st.lists(st.text(max_size=40), max_size=12))
def test_whatever_a_row_holds_it_is_a_call_or_is_said_to_be_none(row: list[str]) -> None:
    reading = Reading({what: index for index, what in enumerate(("time", "clock", "direction", "number", "duration", "outcome", "agent", "call_id", "recording_url", "line"))}, PARIS)  # fmt: skip
    found = call_of(row, reading)
    if isinstance(found, dict):
        Connector(None).parse(Request("POST", "", {}, orjson.dumps(found)))  # type: ignore[arg-type]
    else:
        assert found


def facts(**row: Any) -> list[Any]:
    base = {"at": "2026-01-15T10:30:00Z", "direction": "inbound", "number": "0612345678"}
    return events.parse(Request("POST", "", {}, orjson.dumps({**base, **row})))


def test_a_row_is_a_start_and_an_authoritative_end() -> None:
    start, end = facts(talk_s=65, line="0198765432", agent="Anna", outcome="answered", call_id="7")
    assert (start.type, start.call_key, start.line_number) == ("ringing", "7", "0198765432")
    assert (end.occurred_at, end.talk_s, end.agent_number, end.final) == ("2026-01-15T10:31:05Z", 65, "Anna", True)


def test_the_key_is_the_call_id_or_the_content() -> None:
    def key(**row: Any) -> str:
        return events.arrive(
            Request("POST", "", {}, orjson.dumps({"at": "2026-01-15T10:30:00Z", "direction": "inbound", **row})),
            {},
            0.0,
        ).event_key

    assert key(call_id="7", talk_s=1) == key(call_id="7", talk_s=2)
    assert key(number="1") == key(number="1")
    assert len({key(number="1"), key(number="2"), key(call_id="7"), key()}) == 4


@pytest.mark.parametrize(
    "row", [{"at": None}, {"at": "soon"}, {"at": "x0Z"}, {"direction": "up"}, {"call_id": 7}, {"call_id": "x" * 161}]
)
def test_a_row_that_the_import_never_made_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        facts(**row)


@pytest.mark.proves("CALL-21")
@pytest.mark.parametrize("style", ["plain", "excel", "tabs"])
def test_a_list_comes_to_calls_through_the_engine(style: str) -> None:
    """As the import keeps it: facts in events of the method LIST, which live calls go before."""
    text, _ = table.text_of(listed(60, style))
    (_, heading), *rows = table.rows(text, table.separator_of(text))
    reading = suggested(heading, [row for _, row in rows], zone="UTC")
    connector = Connector(None)  # type: ignore[arg-type]
    kept = []
    for number, (_, row) in enumerate(rows):
        request = Request("POST", "", {}, orjson.dumps(call_of(row, reading)))
        said = orjson.dumps([one.to_json() for one in connector.parse(request)])
        kept.append(EventRow(number, 1, LISTED, "", {}, said, "2026-11-22T03:00:00Z"))
    parsed = parse(kept, {1: connector})
    assert not parsed.refused
    changes = engine_fold(parsed, {}, FLOW, Settings(), live=True, now="2026-11-22T03:00:00Z")
    assert len(changes.subjects) == 60
    assert {row.backfill for row in changes.subjects} == {True}
    assert {row.state for row in changes.subjects} == {"due"}
    results = {row.subject["result"] for row in changes.subjects}
    assert results == {"answered", "missed", "no_answer"}
    answered = [row.subject for row in changes.subjects if row.subject["result"] == "answered"]
    assert all(one["talk_s"] and one["recordings"] and one["line"] == "+33198765432" for one in answered)
