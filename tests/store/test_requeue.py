"""What arrived while a flow had no target, or had one that is no more, goes to the target that it gets."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.engine.test_on_postgres import deliver, ended

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


def new_crm(company: Company) -> int:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection

    with workspace_tx(company.workspace):
        return Connection.objects.create(
            workspace_id=company.workspace, connector="zoho_crm", title="The new CRM", state="active"
        ).pk


def queue(installation: Installation, company: Company) -> list[Any]:
    with psycopg.connect(installation.admin) as link:
        found = link.execute(
            "SELECT target_id, event_id FROM store_openevent WHERE workspace_id = %s ORDER BY 2", [company.workspace]
        )
        return found.fetchall()


@pytest.mark.proves("HUB-5")
def test_events_and_calls_of_a_crm_that_is_gone_go_to_the_next(installation: Installation, company: Company) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Subject
    from tieline.store.services import connection_ends, flow_settings

    deliver(installation, company, [ended(1, "+33612345678")])
    with workspace_tx(company.workspace):
        common = {
            "workspace_id": company.workspace,
            "target_id": company.target,
            "source_id": company.source,
            "epoch": 1,
            "flow": "calls",
        }
        for key, state in ("waits", "waiting"), ("is decided", "done"):
            Subject.objects.create(**common, key=key, subject={}, state=state, arrived_at="2026-11-18T10:00:00Z")
    connection_ends.disconnect(company.workspace, None, company.target)
    deliver(installation, company, [ended(2, "+33612345679")])
    target = new_crm(company)
    flow_settings.set_target(company.workspace, None, "calls", target)
    assert [row[0] for row in queue(installation, company)] == [target, target]
    with workspace_tx(company.workspace):
        found = {row.key: (row.target_id, row.live) for row in Subject.objects.filter(workspace_id=company.workspace)}
    assert found == {"waits": (target, False), "is decided": (company.target, True)}


@pytest.mark.proves("HUB-5")
def test_events_that_came_before_there_was_a_target_are_queued_once_there_is(
    installation: Installation, company: Company
) -> None:
    from tieline.store.services import flow_settings

    deliver(installation, company, [ended(1, "+33612345678"), ended(2, "+33612345679")])
    with psycopg.connect(installation.admin) as link:
        link.execute("DELETE FROM store_openevent WHERE workspace_id = %s", [company.workspace])
        folded = link.execute("SELECT min(id) FROM store_event WHERE workspace_id = %s", [company.workspace]).fetchone()
        assert folded is not None
        link.execute(
            "INSERT INTO store_eventsubject (subject_id, event_id, workspace_id) VALUES (1, %s, %s)",
            [folded[0], company.workspace],
        )
    target = new_crm(company)
    flow_settings.set_target(company.workspace, None, "calls", target)
    assert [(row[0], row[1] > folded[0]) for row in queue(installation, company)] == [(target, True)]


@pytest.mark.proves("HUB-5")
def test_a_delivery_that_saw_the_old_target_is_found_by_the_drain_of_the_new_one(
    installation: Installation, company: Company
) -> None:
    from tieline.store.drain_session import DrainSession
    from tieline.store.services import flow_settings

    target = new_crm(company)
    flow_settings.set_target(company.workspace, None, "calls", target)
    deliver(installation, company, [ended(1, "+33612345678")])  # queued for the target of a moment ago
    session = DrainSession(installation.app, company.workspace, target, uuid.uuid4())
    assert session.hold()
    session.release()
    assert [row[0] for row in queue(installation, company)] == [target]


def test_a_source_that_is_attached_again_brings_what_came_meanwhile(
    installation: Installation, company: Company
) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import FlowSetting, FlowSource
    from tieline.store.services import flow_settings

    flow_settings.remove_source(company.workspace, None, "calls", company.source)
    deliver(installation, company, [ended(1, "+33612345678")])
    with psycopg.connect(installation.admin) as link:
        link.execute("DELETE FROM store_openevent WHERE workspace_id = %s", [company.workspace])
    flow_settings.add_source(company.workspace, None, "calls", company.source)
    assert [row[0] for row in queue(installation, company)] == [company.target]
    with workspace_tx(company.workspace):
        assert FlowSource.objects.filter(workspace_id=company.workspace).count() == 1
        assert FlowSetting.objects.get(workspace_id=company.workspace).target_id == company.target
