"""Undo of a match: what a run has found to be one is two again, whether anything was written for it or not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.sync_bench import Bench, settings


async def matched(count: int = 3, *, city: str | None = None) -> tuple[Bench, Any]:
    """So many accounts that stand in both systems already, found to be the same by a transfer. city: only the right one has it."""
    bench = Bench(settings=settings(contacts=False))
    for n in range(count):
        bench.left.put("Accounts", name=f"Firm {n}", email=f"f{n}@firm.dk")
        bench.right.put("Accounts", name=f"Firm {n}", email=f"f{n}@firm.dk", **({"city": city} if city else {}))
    return bench, await bench.sync().transfer({"from": "right"})


def links(bench: Bench) -> set[tuple[str, str]]:
    return {(row.left_id, row.right_id) for row in bench.store.rows.values()}


@pytest.mark.proves("CUST-14")
async def test_a_match_that_wrote_nothing_is_undone_and_done_again() -> None:
    bench, run = await matched()
    before = links(bench)
    assert (len(before), run.counts["linked"], bench.left.pushed, bench.right.pushed) == (3, 3, [], [])
    undo = await bench.sync().undo({"of": run.id})
    assert (undo.state, undo.counts["unlinked"], links(bench)) == ("done", 3, set())
    await bench.quiet()
    assert links(bench) == set(), "they are one again though nobody has touched them"
    again = await bench.sync().undo({"of": undo.id}, redo=True)
    assert (again.state, links(bench)) == ("done", before)
    await bench.quiet()
    assert all(row.state == "linked" and row.base["email"][0] for row in bench.store.rows.values())
    assert not bench.left.pushed
    assert not bench.right.pushed
    assert (await bench.sync().undo({"of": again.id})).counts["unlinked"] == 3
    assert links(bench) == set()


@pytest.mark.proves("CUST-14")
async def test_a_match_is_undone_with_what_was_written_for_it() -> None:
    bench, run = await matched(2, city="Odense")
    assert {one["city"] for one in bench.left.all("Accounts").values()} == {"Odense"}
    await bench.sync().undo({"of": run.id})
    assert {one["city"] for one in bench.left.all("Accounts").values()} == {None}
    assert {one["city"] for one in bench.right.all("Accounts").values()} == {"Odense"}
    assert links(bench) == set()
    await bench.quiet()
    assert links(bench) == set()


@pytest.mark.proves("CUST-14")
async def test_a_match_stays_where_the_pair_has_written_since() -> None:
    bench, run = await matched(2)
    await bench.changes()
    (kept, other) = sorted(links(bench))
    bench.right.edit("Accounts", kept[1], city="Odense")
    later = await bench.changes()
    undo = await bench.sync().undo({"of": run.id})
    assert links(bench) == {kept}
    (left,) = bench.store.reports[undo.id]
    assert (left.left_id, left.right_id, left.reason["code"]) == (*kept, "sync.undo_later")
    await bench.sync().undo({"of": later.id})
    await bench.sync().undo({"of": run.id})
    assert links(bench) == set()
    assert other[0] in bench.left.all("Accounts")


@pytest.mark.proves("CUST-14")
async def test_one_match_of_a_run_is_undone_by_itself_and_a_field_of_it_parts_nothing() -> None:
    bench, run = await matched(2, city="Odense")
    key = next(iter(bench.store.rows))
    await bench.sync().undo({"of": run.id, "link": key, "line": "city"})
    assert len(links(bench)) == 2
    await bench.sync().undo({"of": run.id, "link": key})
    assert key not in bench.store.rows
    assert len(links(bench)) == 1


@pytest.mark.proves("CUST-14")
async def test_what_is_gone_or_linked_otherwise_is_not_linked_again() -> None:
    bench, run = await matched(2)
    await bench.changes()
    undo = await bench.sync().undo({"of": run.id})
    first, second = (one for one in bench.store.operations.values() if one.run == undo.id)
    bench.right.remove("Accounts", first.id)
    mate = second.lines[""]["params"]["id"]
    bench.left.edit("Accounts", mate, city="Vejle")  # found to be the same once more
    await bench.quiet()
    assert links(bench) == {(mate, second.id)}
    again = await bench.sync().undo({"of": undo.id}, redo=True)
    assert {one.reason["code"] for one in bench.store.reports[again.id]} == {"sync.undo_gone", "sync.undo_later"}
    assert links(bench) == {(mate, second.id)}
