"""What people change while a worker runs: it holds from then on, without a restart."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from benchmarks._place import get, post

if TYPE_CHECKING:
    from tests.jobs.conftest import House

LATER_S = 0.5
"""How long nothing must happen where nothing may happen."""


def until(ask: Any, what: str) -> None:
    end = time.monotonic() + 60
    while not ask():
        if time.monotonic() > end:
            pytest.fail(f"waited in vain for: {what}")
        time.sleep(0.02)


def change(house: House, *statements: tuple[str, list[object]]) -> None:
    """As the pages do: rows, and a wake-up, in one transaction."""
    with house.where.tx(house.company.workspace) as link, link.transaction():
        for statement, values in statements:
            link.execute(statement, values)  # type: ignore[arg-type]
        link.execute("SELECT pg_notify('tieline', %s)", [str(house.company.target)])


def settings(house: House, **changes: Any) -> None:
    """A new version of the calls flow's settings."""
    with house.where.tx(house.company.workspace) as link:
        row = link.execute(
            "SELECT setting_id, number, settings FROM store_flowversion ORDER BY number DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    setting, number, raw = row
    for path, value in changes.items():
        rule, _, name = path.partition("__")
        raw[rule][name] = value
    insert = (
        "INSERT INTO store_flowversion (workspace_id, setting_id, number, settings, saved_at)"
        " VALUES (%s, %s, %s, %s, now())"
    )
    change(
        house,
        (insert, [house.company.workspace, setting, number + 1, orjson.dumps(raw).decode()]),
        ("UPDATE store_flowsetting SET version = %s WHERE id = %s", [number + 1, setting]),
    )


@pytest.mark.proves("CALL-1", "CALL-4")
def test_a_lone_stranger_costs_at_most_six_requests(house: House) -> None:
    house.post(1)  # opens connections
    until(lambda: house.done() == 1, "the first call")
    before = get(f"{house.crm}/_control/zoho_crm/counts")
    house.post(3)  # a missed call of another number
    until(lambda: house.done() == 2, "the second call")
    after = get(f"{house.crm}/_control/zoho_crm/counts")
    assert sum(after["requests"].values()) - sum(before["requests"].values()) <= 6
    assert {module: len(house.records(module)) for module in ("Leads", "Tasks", "Calls", "Contacts", "Deals")} == {
        "Leads": 2,
        "Tasks": 1,
        "Calls": 2,
        "Contacts": 0,
        "Deals": 0,
    }


@pytest.mark.proves("CALL-23")
def test_a_hundred_calls_of_one_stranger_at_once_over_two_phone_systems(house: House) -> None:
    other = house.second_source()
    with ThreadPoolExecutor(20) as threads:
        list(
            threads.map(lambda number: house.post(3 * number, "+33186999999", other if number % 2 else ""), range(100))
        )
    until(lambda: house.done() == 100, "a hundred calls")
    assert (len(house.records("Leads")), len(house.records("Calls"))) == (1, 100)
    assert {str(one["Phone"]).replace(" ", "") for one in house.records("Leads")} == {"+33186999999"}
    assert len(house.records("Tasks")) == 100, "one for each call that nobody took"


def test_new_settings_hold_from_the_next_call(house: House) -> None:
    house.post(3)
    until(lambda: house.done() == 1, "the first call")
    settings(house, lead__create=False, task__create=False)
    house.post(6)
    until(lambda: house.done() == 2, "the second call")
    with house.where.tx(house.company.workspace) as link:
        versions = link.execute("SELECT settings_version FROM store_run ORDER BY id").fetchall()
    assert versions == [(1,), (2,)]
    assert (len(house.records("Leads")), len(house.records("Tasks")), len(house.records("Calls"))) == (1, 1, 2)


@pytest.mark.proves("HUB-2")
def test_a_paused_connection_is_left_alone_and_goes_on_where_it_stopped(house: House) -> None:
    house.post(1)
    until(lambda: house.done() == 1, "the first call")
    state = "UPDATE store_connection SET state = %s WHERE id = %s"
    change(house, (state, ["paused", house.company.target]))
    before = get(f"{house.crm}/_control/zoho_crm/counts")
    house.post(2)
    time.sleep(LATER_S)
    assert get(f"{house.crm}/_control/zoho_crm/counts") == before
    assert house.done() == 1
    change(house, (state, ["active", house.company.target]))
    until(lambda: house.done() == 2, "the call that came while it was paused")
    assert len(house.records("Calls")) == 2


def test_watch_mode_decides_and_writes_nothing(house: House) -> None:
    change(house, ("UPDATE store_flowsetting SET live = false", []))
    house.post(3)
    until(lambda: house.done() == 1, "the decision")
    with house.where.tx(house.company.workspace) as link:
        assert link.execute("SELECT state FROM store_run").fetchall() == [("watched",)]
        planned = link.execute("SELECT count(*) FROM store_operation WHERE state = 'planned'").fetchone()
        assert planned == (3,), "what would have been written is kept for the story"
    assert house.records("Calls") == []
    change(house, ("UPDATE store_flowsetting SET live = true", []))
    house.post(6)
    until(lambda: house.done() == 2, "the call after the switch")
    assert len(house.records("Calls")) == 1


@pytest.mark.proves("HUB-2")
def test_credentials_that_are_refused_pause_the_connection_and_lose_nothing(house: House) -> None:
    house.post(1)
    until(lambda: house.done() == 1, "the first call")
    post(f"{house.crm}/_control/zoho_crm/faults", {"kind": "status", "status": 401, "path": "^/api/", "times": None})
    house.post(2)
    with house.where.tx(house.company.workspace) as link:
        query = "SELECT state FROM store_connection WHERE id = %s"
        until(
            lambda: link.execute(query, [house.company.target]).fetchone() == ("needs_reconnect",),
            "the connection to be paused",
        )
        until(lambda: link.execute("SELECT kind FROM store_inboxitem").fetchall() != [], "the notice")
    until_cleared(house)
    change(house, ("UPDATE store_connection SET state = 'active' WHERE id = %s", [house.company.target]))
    until(lambda: house.done() == 2, "the call that waited")
    assert len(house.records("Calls")) == 2


def until_cleared(house: House) -> None:
    """The vendor accepts us again."""
    import urllib.request

    request = urllib.request.Request(f"{house.crm}/_control/zoho_crm/faults", method="DELETE")
    urllib.request.urlopen(request, timeout=10).close()
