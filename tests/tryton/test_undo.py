"""Undo in a real Tryton: what Tieline made is taken back but for what somebody changed, and made anew."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.engine.memory import access_of
from tests.engine.undos import Kept, MemoryUndos
from tests.tryton.test_calls import Open, Phone, leads_of, notes_of, number
from tests.tryton.test_calls import office as office  # noqa: PLC0414 - the fixture
from tieline.connectors.tryton.server import TrytonServer
from tieline.engine.access import at_once
from tieline.engine.effects.undoing import Undoing
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.sdk.manifest import connector as manifest_of

pytestmark = pytest.mark.real


class Undos:
    """An office whose drain undoes."""

    def __init__(self, it: Any) -> None:
        self.it = it
        self.kept = MemoryUndos(it.store)
        crm = it.drain._access.connector
        access = access_of(crm, manifest_of("tryton"), it.client, it.clock, random.Random(1))
        phone: Any = Phone()
        self.drain = Drain(
            it.store,
            it.drain._rules,
            access,
            sources={1: phone},
            numbers=numbers_of("FR"),
            undoing=Undoing(self.kept, access, at_once, workspace=7, version=1),
        )

    async def run(self, kind: str, runs: list[int]) -> Kept:
        kept = self.kept.begin(kind, runs)
        for _ in range(100):
            progress = await self.drain.run_until_quiet()
            assert progress.stopped is None
            if kept.state == "ready":
                kept.state = "approved"
            elif kept.state == "done":
                return kept
            if progress.next_s is not None:
                self.it.clock.now = max(self.it.clock.now, progress.next_s) + 0.001
        raise AssertionError(f"it never comes to an end: {kept}")

    def written(self) -> list[int]:
        return [run.id for run in self.it.store.runs.values() if run.kind != "undo" and run.operations]

    def of(self, kept: Kept) -> list[int]:
        return sorted({self.it.store.operations[key].run for key in kept.keys.values()})


def party(tryton: TrytonServer, caller: str) -> list[dict[str, Any]]:
    domain = [["contact_mechanisms.value_compact", "=", caller]]
    found: list[dict[str, Any]] = tryton.admin().call("model.party.party.search_read", domain, 0, None, None, ["name"])
    return found


@pytest.mark.proves("HUB-3")
async def test_leads_and_notes_are_taken_back_and_made_anew(office: Open, tryton: TrytonServer) -> None:
    it = office()
    undos = Undos(it)
    first, second = number(), number()
    for caller in (first, first, second):
        it.call(caller)
    await it.work()
    (edited,) = leads_of(tryton, second)
    tryton.admin().call("model.sale.opportunity.write", [edited["id"]], {"description": "Called back by hand"})

    kept = await undos.run("undo", undos.written())
    assert leads_of(tryton, first) == []
    (stays,) = leads_of(tryton, second)
    assert stays["description"] == "Called back by hand"
    assert len(notes_of(tryton, f"sale.opportunity,{stays['id']}")) == 1, "a note goes with its record or not at all"
    states = sorted((role, said) for (role, _), said in kept.told().items())
    assert states == [
        ("call", "done:"),
        ("call", "done:"),
        ("call", "left:undo.cannot_delete"),
        ("lead", "done:"),
        ("lead", "left:undo.edited"),
    ]

    await undos.run("redo", undos.of(kept))
    (lead,) = leads_of(tryton, first)
    assert lead["employee."]["rec_name"] == "Alice Martin"
    assert len(notes_of(tryton, f"sale.opportunity,{lead['id']}")) == 2
    assert len(notes_of(tryton, f"sale.opportunity,{stays['id']}")) == 1


@pytest.mark.proves("HUB-3")
async def test_parties_go_after_what_hangs_on_them(office: Open, tryton: TrytonServer) -> None:
    it = office(account__create=True, contact__create=True, lead__create=False)
    undos = Undos(it)
    caller = number()
    it.call(caller)
    await it.work()
    assert len(party(tryton, caller)) == 2
    kept = await undos.run("undo", undos.written())
    assert set(kept.told().values()) == {"done:"}, [(one.role, one.reason) for one in kept.items]
    assert party(tryton, caller) == []
    await undos.run("redo", undos.of(kept))
    assert len(party(tryton, caller)) == 2
