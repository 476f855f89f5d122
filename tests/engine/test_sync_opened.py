"""Promises of settings that are opened: what was held back until then moves, as if it had been changed now."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import settings
from tests.engine.test_sync_promises import linked
from tieline.flows.customers.opening import opens
from tieline.flows.customers.settings import Settings

pytestmark = pytest.mark.proves("CUST-2")
CLOSED: list[dict[str, Any]] = [
    {"crm_changed": False},
    {"more": {"city": {"direction": "to_left"}}},
    {"on": False},
]


@pytest.mark.parametrize("closed", CLOSED)
async def test_what_was_held_back_moves_once_it_may(closed: dict[str, Any]) -> None:
    bench, left, right = await linked(3)
    was = bench.settings
    bench.left.edit("Accounts", left[0], city="Undone")
    await bench.quiet()
    run = next(one.run for one in bench.store.operations.values() if one.verb == "update")
    await bench.sync().undo({"of": run})
    bench.settings = settings(**closed)
    bench.left.edit("Accounts", left[1], city="Odense")
    bench.left.edit("Accounts", left[2], city="Skagen")
    await bench.quiet()
    bench.right.edit("Accounts", right[2], city="Ribe")
    assert {one["city"] for id, one in bench.right.all("Accounts").items() if id != right[2]} == {"Aarhus"}
    assert opens(bench.settings, was)
    bench.settings = was
    alone = bench.left.put("Accounts", name="Alone", email="alone@x.dk")
    row = await bench.sync().reconcile({"mend": 2})
    assert (row.state, row.counts["differs"]) == ("done", 3)
    assert alone not in {one.left_id for one in bench.store.reports[row.id]}  # only what is linked is gone through
    await bench.quiet()
    here = bench.right.all("Accounts")
    assert [here[id]["city"] for id in right] == ["Aarhus", "Odense", "Ribe"]  # what was undone stays undone
    assert [key[2] for key in bench.store.asked] == [left[2]]  # both sides changed it


def test_only_settings_that_let_more_through_are_opened() -> None:
    usual = settings()
    for closed in CLOSED:
        narrow = settings(**closed)
        assert not opens(usual, narrow)
        assert not opens(narrow, narrow)
    one = {"city": {"direction": "to_left", "clears": False}}
    narrow = settings(more=one)
    for wider in ({"direction": "to_right"}, {"direction": "both"}, {"clears": True}, {"values": {"1": "2"}}):
        assert opens(narrow, settings(more={"city": {**one["city"], **wider}})), wider
    without = usual.model_dump()
    without["roles"][0]["lines"] = without["roles"][0]["lines"][:-1]
    assert not opens(Settings.model_validate(without), usual)
    assert not opens(settings(crm_new="off"), usual)
