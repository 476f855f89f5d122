"""Imports of call lists: a file's way into the same intake as every delivery, by batches, never twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.test_services_connections import Firm, crm, firm, sandboxes
from tieline.connectors.call_list.sandbox import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Installation
    from tieline.store.pool import Rows

__all__ = ["firm", "sandboxes"]


@pytest.fixture
def rows(installation: Installation) -> Iterator[Rows]:
    from tieline.store.pool import Rows

    made = Rows(installation.app)
    yield made
    made.close()


def lists(firm: Firm) -> Any:
    from tieline.store.services import connections

    return connections.connect(firm.workspace, firm.user, "call_list", {})


def begun(firm: Firm, source: Any, content: bytes) -> Any:
    from tieline.store.services import imports

    return imports.begin(firm.workspace, firm.user, source.pk, "C:\\calls\\January.csv", content)


def events_of(firm: Firm, source: Any) -> list[Any]:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Event

    with workspace_tx(firm.workspace):
        return list(Event.objects.filter(workspace_id=firm.workspace, connection_id=source.pk).order_by("pk"))


@pytest.mark.proves("CALL-21")
@pytest.mark.parametrize("style", ["plain", "excel", "tabs"])
def test_a_list_is_kept_as_events_and_importing_it_again_doubles_nothing(firm: Firm, rows: Rows, style: str) -> None:
    from tieline.store import import_work
    from tieline.store.services import imports

    target, source = crm(firm), lists(firm)
    content = listed(1234, style)
    for again in (False, True):
        row = begun(firm, source, content)
        assert (row.name, row.rows, row.state) == ("January.csv", 1234, "draft")
        found = imports.preview(row)
        assert (found.lacking, found.wrong, len(found.rows)) == ((), 0, 8)
        assert found.since == "2026-01-05T07:00:00Z" if style != "excel" else found.since == "2026-01-05T06:00:00Z"
        assert found.rows[0].call is not None
        assert found.rows[0].call["number"].startswith("+336")
        imports.start(firm.workspace, firm.user, row.pk)
        import_work.work(rows)
        done = imports.get(firm.workspace, row.pk)
        assert (done.state, done.done, done.wrong, done.content) == ("done", 1234, 0, None)
        assert (done.fresh, done.known) == ((0, 1234) if again else (1234, 0))
    events = events_of(firm, source)
    assert len(events) == 1234
    from tieline.store.connection import workspace_tx
    from tieline.store.models import OpenEvent

    with workspace_tx(firm.workspace):  # live calls go before them
        waiting = OpenEvent.objects.filter(workspace_id=firm.workspace, target_id=target.pk)
        assert {one.backfill for one in waiting} == {True}
        assert waiting.count() == 1234


def test_a_list_arrives_in_the_order_of_its_calls_although_its_newest_stands_first(firm: Firm, rows: Rows) -> None:
    from tieline.store import import_work
    from tieline.store.services import imports

    crm(firm)
    source = lists(firm)
    times = [f"2026-01-05 {hour:02}:30" for hour in reversed(range(7, 19))]
    content = "Date;Direction;Number;Line;Call ID\n" + "\n".join(
        f"{at};in;+4531100001;70100411;{number}" for number, at in enumerate(times)
    )
    imports.start(firm.workspace, firm.user, begun(firm, source, content.encode()).pk)
    import_work.work(rows)
    found = sorted(events_of(firm, source), key=lambda event: event.received_at)
    told = [json.loads(bytes(event.body))[0]["call_key"] for event in found]
    assert told == [str(number) for number in reversed(range(12))]
    arrived = [event.received_at.replace(microsecond=event.received_at.microsecond // 1000 * 1000) for event in found]
    assert len(set(arrived)) == 12  # a subject's order counts milliseconds


def test_rows_that_cannot_be_read_are_named_and_the_others_go_in(firm: Firm, rows: Rows) -> None:
    from tieline.store import import_work
    from tieline.store.services import imports

    source = lists(firm)
    row = begun(
        firm,
        source,
        "Date;Sens;Numéro;Durée;Statut\n15/01/2026 10:30;Entrant;0612345678;65;Répondu\n"
        "demain;Entrant;0612345678;65;Répondu\n15/01/2026 10:40;Sortant;3,36E+10;vite;Bizarre\n\n"
        "16/01/2026 9h05;Entrant;Masqué;0:20;Manqué\n".encode(),
    )
    found = imports.preview(row)
    assert found.wrong == 2
    assert [(line, what, why["code"]) for line, what, why in found.errors] == [
        (3, "time", "call_list.not_a_time"),
        (4, "number", "call_list.not_a_number"),
        (4, "duration", "call_list.not_a_duration"),
    ]
    imports.start(firm.workspace, firm.user, row.pk)
    import_work.work(rows)
    done = imports.get(firm.workspace, row.pk)
    assert (done.state, done.fresh, done.wrong, done.done) == ("done", 2, 2, 4)
    assert [error[:2] for error in done.errors] == [[3, "time"], [4, "number"], [4, "duration"]]
    assert len(events_of(firm, source)) == 2


def test_a_worker_that_died_is_followed_by_another_at_the_same_place(
    firm: Firm, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.store import import_work
    from tieline.store.services import imports

    source = lists(firm)
    row = begun(firm, source, listed(1700))
    imports.start(firm.workspace, firm.user, row.pk)
    keep, calls = import_work._keep, iter((True, True, False))

    def dies(*given: Any) -> None:
        keep(*given)
        if not next(calls):
            raise SystemExit

    monkeypatch.setattr(import_work, "_keep", dies)
    with pytest.raises(SystemExit):
        import_work.work(rows)
    half = imports.get(firm.workspace, row.pk)
    assert (half.state, half.done, half.fresh) == ("running", 1000, 1000)  # the third batch was rolled back whole
    monkeypatch.setattr(import_work, "_keep", keep)
    assert import_work.work(rows) == 700
    done = imports.get(firm.workspace, row.pk)
    assert (done.state, done.done, done.fresh, done.known) == ("done", 1700, 1700, 0)


def test_an_import_is_stopped_by_a_person(firm: Firm, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    from tieline.store import import_work
    from tieline.store.services import imports

    source = lists(firm)
    row = begun(firm, source, listed(1700))
    imports.start(firm.workspace, firm.user, row.pk)
    read, calls = import_work._read, iter((False, True))

    def stopped(*given: Any) -> Any:
        if next(calls, False):
            imports.stop(firm.workspace, firm.user, row.pk)
        return read(*given)

    monkeypatch.setattr(import_work, "_read", stopped)
    assert import_work.work(rows) == 500
    done = imports.get(firm.workspace, row.pk)
    assert (done.state, done.done, done.content) == ("stopped", 500, None)
    assert import_work.work(rows) == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"  \n ", "import.empty"),
        (b"Date;Number\n", "import.empty"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00", "import.not_text"),
        (b"a,b\n" + b"1,2\n" * 50_001, "import.too_many"),
        (b"x" * (20 * 1024 * 1024 + 1), "import.too_large"),
    ],
)
def test_what_is_no_list_is_declined(firm: Firm, content: bytes, code: str) -> None:
    from tieline.store.services.declined import DeclinedError

    with pytest.raises(DeclinedError) as declined:
        begun(firm, lists(firm), content)
    assert declined.value.code == code


def test_only_a_connection_for_lists_takes_one(firm: Firm) -> None:
    from tieline.store.services.declined import DeclinedError

    with pytest.raises(DeclinedError):
        begun(firm, crm(firm), listed(3))


def test_another_reading_is_kept_and_a_started_import_is_not_changed(firm: Firm) -> None:
    from tieline.flows.calls.call_list import Reading
    from tieline.store.services import imports
    from tieline.store.services.declined import DeclinedError

    row = begun(firm, lists(firm), b"when,who\n03/04/2026 10:00,0612345678\n")
    assert Reading.from_json(row.reading).lacking() == ("direction", "number")
    with pytest.raises(DeclinedError) as declined:
        imports.start(firm.workspace, firm.user, row.pk)
    assert declined.value.code == "import.lacking"
    typed = {"column.0": "time", "column.1": "number", "direction": "outbound", "order": "mdy", "zone": "UTC"}
    row = imports.reread(firm.workspace, row.pk, reading=imports.reading_of(typed, zone="UTC"))
    (shown,) = imports.preview(row).rows
    assert shown.call == {"at": "2026-03-04T10:00:00Z", "direction": "outbound", "number": "0612345678"}
    with pytest.raises(DeclinedError) as declined:
        imports.reread(firm.workspace, row.pk, reading=imports.reading_of({**typed, "zone": "Mars/One"}, zone="UTC"))
    assert declined.value.code == "import.zone"
    imports.start(firm.workspace, firm.user, row.pk)
    with pytest.raises(DeclinedError) as declined:
        imports.reread(firm.workspace, row.pk, has_names=False)
    assert declined.value.code == "import.started"


def test_another_encoding_reads_the_columns_anew(firm: Firm) -> None:
    from tieline.store.services import imports

    row = begun(
        firm,
        lists(firm),
        "Date;Sens;Appelant;Appelé\n15/01/2026 10:30;Entrant;0612345678;0198765432\n".encode("mac-roman"),
    )
    assert row.encoding == "cp1252"
    row = imports.reread(firm.workspace, row.pk, encoding="mac-roman")
    assert imports.preview(row).heading == ["Date", "Sens", "Appelant", "Appelé"]
    assert row.reading["columns"] == {"time": 0, "direction": 1, "caller": 2, "called": 3}
