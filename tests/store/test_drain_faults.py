"""The drain's store when a value, or the session, is not what it should be; and when a page writes at the same time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tieline.engine.ports import NotStorable, Result
from tieline.store.drain_session import RebuildError, is_lost
from tieline.store.drain_store import DrainStore

from .test_drain_store import keep, operation, run, subject

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


@pytest.fixture
def store(installation: Installation, company: Company) -> Iterator[DrainStore]:
    store = DrainStore(installation.app, company.workspace, company.target, uuid.uuid4())
    assert store.hold()
    yield store
    store.release()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("a\0secret", {}),
        ("".join(uuid.uuid4().hex for _ in range(400)), {}),
        ("a", {"call": "\ud800secret"}),
    ],
    ids=["NUL", "longer than an index takes", "no UTF-8"],
)
@pytest.mark.proves("HUB-5")
def test_a_value_that_cannot_be_kept_is_told_from_a_lost_session(
    company: Company, store: DrainStore, key: str, said: dict[str, Any]
) -> None:
    bad = subject(company, key)
    bad.subject.update(said)
    with pytest.raises(NotStorable) as raised:
        store.save_folded([subject(company, "sound"), bad], [], [], {})
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert store.subjects("calls", [(company.source, "sound")]) == [], "nothing of the call is kept"
    assert [row.key for row in keep(store, subject(company, "sound"))] == ["sound"], "the session goes on"


def test_only_what_took_the_session_away_is_a_loss() -> None:
    errors = psycopg.errors
    assert is_lost(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert is_lost(errors.AdminShutdown())
    assert is_lost(errors.ConnectionFailure())
    assert not is_lost(errors.ProgramLimitExceeded())
    assert not is_lost(errors.DiskFull())
    assert not is_lost(errors.UndefinedColumn())


def cut(installation: Installation, store: DrainStore) -> None:
    with store.session.ask() as link:
        backend = link.info.backend_pid
    with psycopg.connect(installation.admin, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


@pytest.mark.proves("HUB-5")
def test_a_lost_session_is_not_taken_again_unseen(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    """Another may have worked meanwhile: what the drain remembers is worth nothing, so it must hear of the loss."""
    cut(installation, store)
    with pytest.raises(psycopg.OperationalError) as raised:
        store.hold()
    assert is_lost(raised.value)
    assert store.hold(), "begun anew"


def test_a_session_that_goes_in_mid_call_is_a_loss(
    installation: Installation, company: Company, store: DrainStore
) -> None:
    cut(installation, store)
    with pytest.raises(psycopg.OperationalError) as raised:
        store.save_folded([subject(company, "a")], [], [], {})
    assert is_lost(raised.value)


ANSWER = "UPDATE store_subject SET answers = '{\"who\": 1}', revision = revision + 1, state = 'due', due_at = now() WHERE id = %s"
"""As a page writes an answer or a retry."""


@pytest.mark.parametrize("raised", [0, 1])
@pytest.mark.parametrize("state", ["asked", "parked", "waiting"])
@pytest.mark.proves("CALL-15")
def test_an_answer_given_while_events_are_folded_is_not_overwritten(
    installation: Installation, company: Company, store: DrainStore, state: str, raised: int
) -> None:
    keep(store, subject(company, "a", state=state, due_at=None))
    [row] = store.subjects("calls", [(company.source, "a")])
    with store.session.ask() as link:
        link.execute(ANSWER, [row.id])
    row.subject, row.revision = {"call": "later"}, row.revision + raised
    store.save_folded([row], [], [], {})
    [kept] = store.subjects("calls", [(company.source, "a")])
    assert (kept.state, kept.answers, kept.subject) == ("due", {"who": 1}, {"call": "later"})
    assert kept.due_at is not None
    assert kept.revision == row.read + 1 + raised  # type: ignore[operator]
    assert kept.revision > row.revision, "what is decided on the row that was read is overtaken"


def test_a_fold_that_nobody_crossed_moves_the_subject(company: Company, store: DrainStore) -> None:
    keep(store, subject(company, "a", state="asked", due_at=None))
    [row] = store.subjects("calls", [(company.source, "a")])
    row.state, row.due_at, row.revision = "due", "2026-11-21T10:00:00.000Z", row.revision + 1
    store.save_folded([row], [], [], {})
    [kept] = store.subjects("calls", [(company.source, "a")])
    assert (kept.state, kept.due_at, kept.revision) == ("due", row.due_at, row.revision)


@pytest.mark.proves("HUB-5")
def test_an_operation_that_is_done_is_not_marked_sent_again(company: Company, store: DrainStore) -> None:
    """The guard behind the lock: a drain that remembers it as planned hears of it before anything leaves."""
    [row] = keep(store, subject(company, "a"))
    decided = run(row, operation("k", row))
    row.state = "applying"
    store.save_decided([decided], [row], ["k"])
    store.save_results([Result("k", "done", external_id="7")], [])
    with pytest.raises(RebuildError):
        store.save_results([], ["k"])
    assert store.written(["k"]) == {"k": "7"}
