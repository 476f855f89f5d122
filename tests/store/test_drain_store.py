"""The drain's store on Postgres: what its port promises, asked of the rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tieline.engine.ports import NotStorable, OperationRow, OwnKey, Result, RunRow, SubjectRow
from tieline.store.drain_session import RebuildError
from tieline.store.drain_store import DrainStore

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

T0, T1, T2 = "2026-11-21T10:00:00.000Z", "2026-11-21T10:00:01.000Z", "2026-11-21T10:00:02.000Z"
LATER = "2026-11-21T11:00:00.000Z"


@pytest.fixture
def store(installation: Installation, company: Company) -> Iterator[DrainStore]:
    store = DrainStore(installation.app, company.workspace, company.target, uuid.uuid4())
    assert store.hold()
    yield store
    store.release()


def subject(company: Company, key: str, **more: Any) -> SubjectRow:
    values: dict[str, Any] = {"state": "due", "due_at": T0, "lanes": (f"phone:{key}",), "arrived_at": T0, "revision": 1}
    return SubjectRow(0, "calls", company.source, key, {"call": key}, **{**values, **more})


def keep(store: DrainStore, *rows: SubjectRow) -> list[SubjectRow]:
    """The subjects as they are stored, in the given order."""
    store.save_folded(rows, [], [], {})
    found = {row.key: row for row in store.subjects("calls", [(row.source, row.key) for row in rows])}
    return [found[row.key] for row in rows]


def operation(key: str, row: SubjectRow, **more: Any) -> OperationRow:
    values: dict[str, Any] = {
        "slot": "lead",
        "verb": "create",
        "role": "lead",
        "values": {"name": "A"},
        "target_ref": None,
        "before": {},
        "state": "planned",
        "reason": {"code": "x"},
    }
    return OperationRow(key=key, run=0, subject=row.id, **{**values, **more})


def run(row: SubjectRow, *operations: OperationRow, state: str = "applying", **more: Any) -> RunRow:
    values: dict[str, Any] = {"known": {"found": []}, "considered": [], "questions": [], "notices": []}
    return RunRow(0, row.id, row.revision, state, 1, started_at=T1, operations=list(operations), **{**values, **more})


def event(installation: Installation, company: Company, key: str, body: bytes = b"{}") -> None:
    import base64

    from tieline.store.drain_session import dumps

    one = {
        "c": company.source,
        "k": str(uuid.uuid5(uuid.NAMESPACE_OID, key)),
        "t": T0,
        "m": "POST",
        "q": "a=1",
        "h": {"x-one": "1"},
        "b": base64.b64encode(body).decode(),
    }
    with psycopg.connect(installation.app) as connection:
        connection.execute("SELECT store_accept(%s::json)", [dumps([one])])


def test_events_come_as_they_were_sent_and_go_once_folded(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    event(installation, company, "a", b"\x00\xff raw")
    event(installation, company, "b")
    event(installation, company, "a", b"again")
    first, second = store.open_events(10)
    assert (first.body, first.method, first.query, first.headers) == (b"\x00\xff raw", "POST", "a=1", {"x-one": "1"})
    assert (first.source, first.received_at) == (company.source, T0)
    assert store.open_events(1) == [first]
    store.save_folded(
        [subject(company, "c1")], [first.id, second.id], [(first.id, company.source, "c1")], {second.id: {"code": "r"}}
    )
    assert store.open_events(10) == []
    with store.session.ask() as connection:
        assert connection.execute("SELECT event_id FROM store_eventsubject").fetchall() == [(first.id,)]
        assert connection.execute("SELECT event_id, reason FROM store_refusedevent").fetchall() == [
            (second.id, {"code": "r"})
        ]


def test_a_subject_comes_back_as_it_was_given(company: Company, store: DrainStore) -> None:
    row = subject(
        company, "k", live=False, why={"code": "w"}, lanes=("phone:+33 1", 'odd:"x",{y}'), state="waiting", due_at=LATER
    )
    (kept,) = keep(store, row)
    row.id = kept.id
    assert kept == row
    assert kept.id > 0
    assert store.next_due() == LATER


def test_folding_leaves_a_subject_that_is_being_applied_to_its_run(company: Company, store: DrainStore) -> None:
    (row,) = keep(store, subject(company, "k"))
    row.state = "applying"
    decided = run(row, operation("k1" * 12, row))
    store.save_decided([decided], [row], [])
    row.subject, row.revision, row.due_at, row.lanes = {"call": "k", "late": True}, 2, T2, ("phone:other",)
    store.save_folded([row], [], [], {})
    (now,) = store.subjects("calls", [(company.source, "k")])
    assert (now.state, now.revision, now.subject, now.lanes) == ("applying", 2, row.subject, ("phone:other",))
    assert store.take_due(LATER, 10, []) == []
    row.state, row.revision, row.own = "done", 1, {"lead": {"ref": ["lead", "7"], "values": {}}}
    store.finish({decided.id: "done"}, [row], [])
    (now,) = store.subjects("calls", [(company.source, "k")])
    assert (now.state, now.own) == ("due", row.own), "what came while it was applied asks for a new decision"
    assert [one.key for one in store.take_due("2099-01-01T00:00:00.000Z", 10, [])] == ["k"]


def test_due_subjects_come_in_lane_order_without_held_lanes(company: Company, store: DrainStore) -> None:
    keep(
        store,
        subject(company, "late", arrived_at=T2, lanes=("phone:1",)),
        subject(company, "early", arrived_at=T0, lanes=("phone:1", "phone:2"), state="waiting"),
        subject(company, "held", arrived_at=T0, lanes=("phone:3", "phone:9")),
        subject(company, "future", due_at=LATER),
        subject(company, "finished", state="done"),
        subject(company, "never", state="waiting", due_at=None),
    )
    assert [row.key for row in store.take_due(T1, 10, ["phone:9"])] == ["early", "late"]
    assert [row.key for row in store.take_due(T1, 1, ["phone:9"])] == ["early"]
    assert store.take_due("2026-11-21T09:59:59.000Z", 10, []) == []


def test_intent_is_there_before_the_call_and_taken_over_only_while_nothing_happened(
    company: Company, store: DrainStore
) -> None:
    (row,) = keep(store, subject(company, "k"))
    row.state = "applying"
    sent, planned = (
        operation("a" * 24, row),
        operation("b" * 24, row, slot="task", position=1, match_keys=[["phone", "+1"]]),
    )
    first = run(row, sent, planned)
    store.save_decided([first], [row], [sent.key])
    ((kept_subject, kept_run),) = store.unfinished()
    assert (kept_subject.id, kept_run.id, kept_run.known) == (row.id, first.id, {"found": []})
    one, two = kept_run.operations
    assert (one.key, one.state, one.attempts, one.sent_at is not None) == (sent.key, "sent", 1, True)
    assert (two.key, two.state, two.attempts, two.sent_at, two.match_keys) == (
        planned.key,
        "planned",
        0,
        None,
        [["phone", "+1"]],
    )

    store.save_results([Result(sent.key, "done", "77", "v1", requests=0.5)], [planned.key])
    store.save_results([Result(planned.key, "rejected", error={"code": "no"})], [])
    store.finish({first.id: "failed"}, [row], [])
    assert store.unfinished() == []

    again_sent, again_planned = (
        operation(sent.key, row, values={"name": "B"}),
        operation(planned.key, row, values={"name": "C"}),
    )
    second = run(row, again_sent, again_planned)
    store.save_decided([second], [row], [sent.key, planned.key])
    assert (again_sent.run, again_sent.state, again_sent.external_id) == (first.id, "done", "77")
    assert again_planned.run == second.id
    ((_, unfinished),) = store.unfinished()
    assert [(one.key, one.state, one.values, one.attempts) for one in unfinished.operations] == [
        (planned.key, "sent", {"name": "C"}, 1)
    ]


def test_an_unknown_outcome_is_never_taken_over(company: Company, store: DrainStore) -> None:
    (row,) = keep(store, subject(company, "k"))
    row.state = "applying"
    one = operation("u" * 24, row)
    first = run(row, one)
    store.save_decided([first], [row], [one.key])
    store.save_results([Result(one.key, "unknown", error={"code": "lost"})], [])
    again = operation(one.key, row)
    store.save_decided([run(row, again)], [row], [one.key])
    assert (again.run, again.state) == (first.id, "unknown")


def test_a_saved_decision_is_whole_or_not_there(company: Company, store: DrainStore) -> None:
    (row,) = keep(store, subject(company, "k"))
    row.state = "applying"
    broken = operation("x" * 24, row, position="not a number")  # type: ignore[arg-type]
    with pytest.raises(NotStorable):
        store.save_decided([run(row, broken)], [row], [])
    assert store.unfinished() == []
    assert [one.key for one in store.take_due(LATER, 10, [])] == ["k"]


def test_done_creates_are_linked_and_found_under_their_own_keys(company: Company, store: DrainStore) -> None:
    (row,) = keep(store, subject(company, "k"))
    row.state = "applying"
    made = operation("m" * 24, row)
    store.save_decided([run(row, made)], [row], [made.key])
    own = OwnKey("lead", "phone", "+331", "77", {"name": "A"})
    store.save_results([Result(made.key, "done", "77", "v1", own=[own, own])], [])
    assert store.own_keys([("lead", "phone", "+331"), ("lead", "phone", "+339"), ("contact", "phone", "+331")], T0) == [
        own
    ]
    assert store.own_keys([("lead", "phone", "+331")], "2099-01-01T00:00:00.000Z") == []
    with store.session.ask() as connection:
        link = "SELECT role, external_id, subject_id, slot, base, version FROM store_link"
        assert connection.execute(link).fetchall() == [("lead", "77", row.id, "lead", {"name": "A"}, "v1")]
        change = operation(
            "n" * 24, row, verb="update", target_ref=["lead", "77"], values={"phone": "+332"}, slot="lead.phone"
        )
        store.save_decided([run(row, change)], [row], [change.key])
        store.save_results([Result(change.key, "done", "77", "v2")], [])
        assert connection.execute(link).fetchall() == [
            ("lead", "77", row.id, "lead", {"name": "A", "phone": "+332"}, "v2")
        ]


def question(kind: str, option: str) -> dict[str, Any]:
    return {"kind": kind, "topic": "t", "reason": {"code": "q"}, "options": [["contact", option, {}]]}


def test_open_questions_are_those_of_the_newest_run(company: Company, store: DrainStore) -> None:
    (row,) = keep(store, subject(company, "k"))
    row.state = "asked"
    store.save_decided([run(row, state="asked", questions=[question("which", "1"), question("other", "1")])], [row], [])
    second = run(row, state="asked", questions=[question("which", "2")])
    store.save_decided([second], [row], [])
    store.finish({}, [row], [(second.id, question("late", "3"))])
    items = "SELECT kind, options, state, run_id FROM store_inboxitem ORDER BY state, kind"
    with store.session.ask() as connection:
        rows = connection.execute(items).fetchall()
    assert [(kind, options[0][1], state) for kind, options, state, _ in rows] == [
        ("late", "3", "open"),
        ("which", "2", "open"),
        ("other", "1", "overtaken"),
    ]
    assert {run for _, _, state, run in rows if state == "open"} == {second.id}


def test_a_notice_is_one_item_however_often_it_comes(company: Company, store: DrainStore) -> None:
    rows = keep(store, subject(company, "k1"), subject(company, "k2"))
    notice = {"kind": "unknown_line", "topic": "+331", "reason": {"code": "n"}}
    store.save_decided([run(row, state="nothing", notices=[notice]) for row in rows], rows, [])
    store.save_decided([run(rows[0], state="nothing", notices=[notice])], [rows[0]], [])
    with store.session.ask() as connection:
        assert connection.execute("SELECT kind, topic, times FROM store_inboxitem").fetchall() == [
            ("unknown_line", "+331", 3)
        ]


def test_an_answer_given_meanwhile_is_not_lost(company: Company, store: DrainStore) -> None:
    (row,) = keep(store, subject(company, "k"))
    with store.session.ask() as connection:  # as services.inbox does
        connection.execute(
            'UPDATE store_subject SET revision = revision + 1, answers = \'{"which": "9"}\' WHERE id = %s', [row.id]
        )
    row.state = "asked"
    store.save_decided([run(row, state="asked", questions=[question("which", "1")])], [row], [])
    (now,) = store.take_due("2099-01-01T00:00:00.000Z", 10, [])
    assert (now.state, now.answers) == ("due", {"which": "9"})


@pytest.mark.proves("HUB-5")
def test_a_target_has_one_drain_and_a_dead_one_frees_it(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    other = DrainStore(installation.app, company.workspace, company.target, uuid.uuid4())
    assert not other.hold()
    assert store.hold(), "keeping is not taking again"
    with store.session.ask() as connection, psycopg.connect(installation.app, autocommit=True) as killer:
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.info.backend_pid])
    assert other.hold()
    with pytest.raises(psycopg.OperationalError):
        store.save_folded([subject(company, "k")], [], [], {})
    with pytest.raises(psycopg.OperationalError):
        store.hold()
    assert not store.hold(), "who lost the right does not get it back while another has it"
    other.release()
    assert store.hold()


def test_a_paused_target_is_given_back(company: Company, store: DrainStore) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection

    with workspace_tx(company.workspace):
        Connection.objects.filter(pk=company.target).update(state="paused")
    assert not store.hold()


def test_work_of_a_paused_flow_or_source_waits(installation: Installation, company: Company, store: DrainStore) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection, FlowSetting

    event(installation, company, "a")
    keep(store, subject(company, "k"))
    with workspace_tx(company.workspace):
        Connection.objects.filter(pk=company.source).update(state="paused")
    assert store.hold(), "a source that is paused is nothing to build anew for"
    assert store.open_events(10) == []
    assert len(store.take_due(LATER, 10, [])) == 1
    with workspace_tx(company.workspace):
        Connection.objects.filter(pk=company.source).update(state="active")
        FlowSetting.objects.filter(pk=company.setting).update(state="paused")
    with pytest.raises(RebuildError):
        store.hold()
    assert store.hold()
    assert store.open_events(10) == []
    assert store.take_due(LATER, 10, []) == []
    assert store.next_due() is None
