"""Promises of the proof of agreement: it lists every record that does not agree, whatever the reason that nothing moves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import Bench, settings
from tests.engine.test_sync_promises import linked

pytestmark = pytest.mark.proves("CUST-15")


async def differing(bench: Bench) -> list[tuple[str, str, list[str]]]:
    """What a reconciliation lists: (left id, status, lines)."""
    row = await bench.sync().reconcile()
    assert row.state == "done"
    found = bench.store.reports.get(row.id, [])
    assert row.counts.get("same", 0) + len(found) == len(bench.store.rows)
    return [(one.left_id, one.status, [line["line"] for line in one.lines]) for one in found]


async def test_reconciliation_lists_what_an_undo_left_apart() -> None:
    bench, (left, other), (right, _) = await linked(2)
    bench.left.edit("Accounts", left, city="Odense")
    await bench.quiet()
    assert await differing(bench) == []
    run = next(one.run for one in bench.store.operations.values() if one.verb == "update")
    await bench.sync().undo({"of": run})
    await bench.quiet()
    assert bench.left.all("Accounts")[left]["city"] != bench.right.all("Accounts")[right]["city"]
    assert await differing(bench) == [(left, "differs", ["city"])]
    assert other in bench.left.all("Accounts")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"right_length": 5}, {}),
        ({"kind": "address", "right_form": "line"}, {"kind": "text"}),
        ({"kind": "choice", "values": {"A, B": "A, B"}}, {"kind": "choice", "values": {"A, B": "2", "C": "A, B"}}),
    ],
)
async def test_reconciliation_goes_by_the_settings_of_now(before: dict[str, Any], after: dict[str, Any]) -> None:
    city = "A\nB" if before.get("kind") == "address" else "A, B" if "kind" in before else "Copenhagen"
    bench = Bench(settings=settings(more={"city": before}))
    await bench.begin()
    left = bench.left.put("Accounts", name="Holm", email="a@holm.dk", city=city)
    await bench.quiet()
    assert await differing(bench) == []
    bench.settings = settings(more={"city": after})
    requests = bench.left.requests + bench.right.requests
    assert await differing(bench) == [(left, "differs", ["city"])]
    read = bench.left.requests + bench.right.requests - requests
    bench.settings = settings(more={"city": before})
    requests = bench.left.requests + bench.right.requests
    assert await differing(bench) == []
    assert bench.left.requests + bench.right.requests - requests == read  # what differs costs no request more


async def test_what_each_side_writes_its_own_way_agrees() -> None:
    bench = Bench(settings=settings(more={"phone": {"kind": "phone", "right_length": 12}, "city": {"right_length": 5}}))
    await bench.begin()
    bench.left.put("Accounts", name="Holm", email="a@holm.dk", phone="+45 12 34 56 78", city="Copenhagen")
    account = bench.left.put("Accounts", name="Lund", email="b@holm.dk")
    bench.left.put("Contacts", name="Ann", email="ann@holm.dk", account=account)
    await bench.quiet()
    assert len(bench.store.rows) == 3
    assert await differing(bench) == []
