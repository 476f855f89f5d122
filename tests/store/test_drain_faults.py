"""The drain's store when a value, or the session, is not what it should be; and when a page writes at the same time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tieline.engine.ports import NotStorable
from tieline.store.drain_session import is_lost
from tieline.store.drain_store import DrainStore

from .test_drain_store import keep, subject

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
