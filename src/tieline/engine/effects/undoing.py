"""Undo, step by step, beside the other work of a drain: read what is there now and plan; once a person has approved the plan,
plan again, and hand what both plans say alike to the pool as runs of their own. Between any two port calls the process may
die: the journal and the items say where it was.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tieline.core.errors import TielineError
from tieline.core.record import Record
from tieline.engine.access import Access, Run
from tieline.engine.effects import undo_rows
from tieline.engine.effects.pool import Pool
from tieline.engine.effects.recovery import recovery
from tieline.engine.effects.undo import Act, Facts, Item, Key, Wrote, plan
from tieline.engine.effects.undo_still import still
from tieline.engine.events.lanes import Lanes
from tieline.engine.ports import RunRow, SubjectRow
from tieline.engine.times import backoff, iso
from tieline.sdk.contract import VendorRecord

log = logging.getLogger(__name__)

CONVERTED = "converted_contact"
FROM_LEADS = (CONVERTED, "converted_account")
"""What a lead became does not hang on the lead: the lead hangs on nothing of it either."""
LOOK_AGAIN_S = 1.0
"""While subjects are being written that an approved undo waits for."""


@dataclass(frozen=True, slots=True)
class UndoRow:
    """An undo that something is to be done for. reading: to be planned · approved: to be applied."""

    id: int
    kind: Literal["undo", "redo"]
    state: Literal["reading", "approved"]


class UndoStore(Protocol):
    """What undoing needs kept, for one target and flow. Every method is one transaction and safe to call again."""

    def open_undos(self) -> list[UndoRow]:
        """Undos being read or approved, oldest first."""

    def undo_acts(self, undo: int) -> list[Act]:
        """The writes of its runs that are done (or of which nobody knows), in the order of runs and positions."""

    def undo_history(self, records: Sequence[Key]) -> dict[Key, list[Wrote]]:
        """All done creates and updates of these records, in order."""

    def undo_now(self, subjects: Sequence[int]) -> dict[tuple[int, str], list[str]]:
        """(subject, slot) → the record that stands for it, of slots that have one."""

    def made_by_us(self, records: Sequence[Key]) -> set[Key]:
        """Those among these that are linked to a subject of ours."""

    def save_preview(self, undo: int, items: Sequence[Item]) -> None:
        """The plan, to be approved; replaces an earlier one."""

    def approved_items(self, undo: int) -> list[Item]:
        """Approved items that nothing has become of."""

    def begun_items(self, undo: int) -> dict[Key, tuple[str, bool]]:
        """Record → (origin key, whether it is done) of what was begun of this undo, files apart."""

    def undo_subjects(self, ids: Sequence[int]) -> list[SubjectRow]:
        """These subjects as they are."""

    def begin_undo(
        self,
        undo: int,
        runs: Sequence[RunRow],
        subjects: Sequence[SubjectRow],
        keys: Mapping[int, str],
        moved: Mapping[int, Mapping[str, Any]],
    ) -> None:
        """At once: the runs with their operations (as `Store.save_decided`), items with their keys, and items that are left
        with their reasons."""

    def settle_undo(self, undo: int) -> int:
        """Brings items to what became of their operations; how many are approved and not begun. With none of these, and none
        under way, the undo is done."""


class Undoing:
    """Undos of one target and flow.

    lacks    (role, verb) → a scope that is missing for it, None where none is
    decides  False: the flow is paused; what it was writing stays as it is and is not waited for
    """

    def __init__(
        self,
        store: UndoStore,
        access: Access,
        run: Run,
        *,
        workspace: int,
        version: int,
        lacks: Callable[[str, str], str | None] = lambda role, verb: None,  # noqa: ARG005
        decides: bool = True,
    ) -> None:
        self._store = store
        self._access = access
        self._run = run
        self._workspace = workspace
        self._version = version
        self._lacks = lacks
        self.decides = decides
        self._tries = 0
        self.not_before = 0.0
        """When to look again (seconds since the epoch), 0 where nothing waits."""

    async def step(self, pool: Pool, lanes: Lanes) -> int:
        """Plans what is to be planned; how many runs were begun now, which are in the pool and hold their lanes. Raises only for
        what a person must put right first."""
        if self._access.is_paused or self._access.clock() < self.not_before:
            return 0
        self.not_before = 0.0
        begun = 0
        try:
            for undo in await self._run(self._store.open_undos):
                if undo.state == "reading":
                    await self._preview(undo)
                else:
                    begun += await self._begin(undo, pool, lanes)
        except TielineError as error:
            if recovery(error).read == "stop":
                raise
            self._tries += 1
            self.not_before = self._access.clock() + backoff(self._tries, self._access.chance(), most_s=60.0)
            log.warning("an undo waits: %s", error.code)
        else:
            self._tries = 0
        return begun

    async def _preview(self, undo: UndoRow) -> None:
        acts = await self._run(lambda: self._store.undo_acts(undo.id))
        items = plan(acts, await self._facts(acts, {}))
        await self._run(lambda: self._store.save_preview(undo.id, items))

    async def _begin(self, undo: UndoRow, pool: Pool, lanes: Lanes) -> int:
        left = await self._run(lambda: self._store.settle_undo(undo.id))
        if not left:
            return 0
        approved = await self._run(lambda: self._store.approved_items(undo.id))
        ids = sorted({item.subject for item in approved})
        subjects = {row.id: row for row in await self._run(lambda: self._store.undo_subjects(ids))}
        busy = {id for id, row in subjects.items() if row.state == "applying" or id in pool.runs}
        waits = {id for id, row in subjects.items() if lanes.blocks(row.lanes)} | busy
        if not self.decides:
            waits -= busy
        if not waits >= set(ids):
            begun = await self._run(lambda: self._store.begun_items(undo.id))
            acts = await self._run(lambda: self._store.undo_acts(undo.id))
            stuck = frozenset(busy) if not self.decides else frozenset()
            facts = await self._facts(acts, begun, stuck)
            go, moved = still(approved, plan(acts, facts))
            ready = _ready(go, waits | stuck)
            if ready or moved:
                return await self._write(undo, acts, ready, moved, subjects, begun, pool, lanes)
        self.not_before = self._access.clock() + LOOK_AGAIN_S
        return 0

    async def _write(
        self,
        undo: UndoRow,
        acts: Sequence[Act],
        items: Sequence[Item],
        moved: Mapping[int, Mapping[str, Any]],
        subjects: Mapping[int, SubjectRow],
        begun: Mapping[Key, tuple[str, bool]],
        pool: Pool,
        lanes: Lanes,
    ) -> int:
        heard = {act.subject: act.revision for act in acts}
        late = frozenset(id for id, row in subjects.items() if row.revision > heard.get(id, row.revision))
        runs, keys = undo_rows.runs(
            items,
            subjects,
            workspace=self._workspace,
            undo=undo.id,
            kind=undo.kind,
            version=self._version,
            now=iso(self._access.clock()),
            begun={key: origin for key, (origin, _) in begun.items()},
            late=late,
        )
        rows = [subjects[run.subject] for run in runs]
        await self._run(lambda: self._store.begin_undo(undo.id, runs, rows, keys, moved))
        for row, run in zip(rows, runs, strict=True):
            pool.add(row, run)
            lanes.hold(row.lanes)
        if not runs:  # what moved may have been the last
            await self._run(lambda: self._store.settle_undo(undo.id))
        return len(runs)

    async def settle(self, undos: Iterable[int]) -> None:
        """Tells what became of these undos' runs, which have ended."""
        for undo in dict.fromkeys(undos):
            await self._run(lambda undo=undo: self._store.settle_undo(undo))  # type: ignore[misc]

    # -- what is there now ---------------------------------------------------------------------------------------------

    async def _facts(
        self, acts: Sequence[Act], begun: Mapping[Key, tuple[str, bool]], busy: frozenset[int] = frozenset()
    ) -> Facts:
        """Everything that the plan needs, by a few requests for all of it: the records by id, and what links to those that
        would be deleted."""
        maps, able = self._access.role_maps, self._access.capabilities
        gone = frozenset(key for key, (_, is_done) in begun.items() if is_done)
        records = [key for key in dict.fromkeys(act.key for act in acts if act.verb != "delete") if key[0] in maps]
        history = await self._run(lambda: self._store.undo_history(records))
        made = {act.key for act in acts if act.verb == "create" and act.known and act.key not in gone}
        made = {key for key in made if key[0] in able.deletes and key[0] in maps}
        lacks = {role: scope for role in sorted({role for role, _ in made}) if (scope := self._scope(role)) is not None}
        read = await self._read([key for key in records if key not in gone], acts, history)
        there = {key for key in made if read.get(key) is not None and key[0] not in lacks}
        hanging = await self._hanging(there)
        others = sorted({one for found in hanging.values() for one in found} - made)
        subjects = sorted({act.subject for act in acts if act.verb == "delete"})
        return Facts(
            read=read,
            hanging=hanging,
            deletes=frozenset(able.deletes),
            goes_with=frozenset(able.deleted_with),
            lacks=lacks,
            history=history,
            now=await self._run(lambda: self._store.undo_now(subjects)) if subjects else {},
            gone=gone,
            busy=busy,
            ours=frozenset(await self._run(lambda: self._store.made_by_us(others))) if others else frozenset(),
        )

    def _scope(self, role: str) -> str | None:
        """What is missing to delete a record of this role: the right itself, or that to see what hangs on it."""
        found = self._lacks(role, "delete")
        if found is not None:
            return found
        linking = [name for name, mapped in self._access.role_maps.items() if role in _links(mapped.links).values()]
        return next((scope for name in linking if (scope := self._lacks(name, "read")) is not None), None)

    async def _read(
        self, records: Sequence[Key], acts: Sequence[Act], history: Mapping[Key, Sequence[Wrote]]
    ) -> dict[Key, Record | None]:
        out: dict[Key, Record | None] = {}
        names: dict[str, dict[str, None]] = {}
        for act in acts:
            if act.verb == "update":
                names.setdefault(act.role, {}).update(dict.fromkeys(act.values))
        for (role, _), wrote in history.items():
            for one in wrote:
                names.setdefault(role, {}).update(dict.fromkeys(one.values))
        for role, ids in _by_role(records).items():
            mapped = self._access.role_maps[role]
            wanted = tuple(name for name in (*names.get(role, ()), CONVERTED) if name in mapped.fields)
            found = await self._access.fetch(mapped.object, ids, mapped.vendor_fields(wanted))
            there = {one.id: one for one in found}
            for id in ids:
                now = there.get(id)
                out[role, id] = (
                    Record(role, id, mapped.from_vendor(now.fields, wanted), now.version) if now is not None else None
                )
        return out

    async def _hanging(self, records: set[Key]) -> dict[Key, frozenset[Key]]:
        """Record → what links to it. Found by its links, then read by id, which is what counts: an index may lag."""
        out: dict[Key, set[Key]] = {}
        by_role = _by_role(sorted(records))
        for role, mapped in self._access.role_maps.items():
            links = {link: to for link, to in _links(mapped.links).items() if to in by_role and mapped.fields.get(link)}
            ids: dict[str, None] = {}
            for to in dict.fromkeys(links.values()):
                by = mapped.vendor_fields(tuple(link for link, other in links.items() if other == to))
                found = await self._access.find(mapped.object, by, by_role[to], by)
                ids.update(dict.fromkeys(one.id for one in found))
            ids.update(dict.fromkeys(id for own, id in records if own == role and links))
            if not ids:
                continue
            fields = mapped.vendor_fields(tuple(links))
            for one in await self._access.fetch(mapped.object, list(ids), fields):
                for link, to in links.items():
                    for id in _ids(one, mapped.fields[link]):
                        if (to, id) in records:
                            out.setdefault((to, id), set()).add((role, one.id))
        return {key: frozenset(found) for key, found in out.items()}


def _ready(items: Sequence[Item], waits: set[int]) -> list[Item]:
    """Items of subjects that nobody is writing; one that comes after another comes with it, or later."""
    ready = [item for item in items if item.subject not in waits]
    while True:
        later = {item.key for item in items} - {item.key for item in ready}
        held = {item.subject for item in ready if any(key in later for key in item.after)}
        if not held:
            return ready
        ready = [item for item in ready if item.subject not in held]


def _links(links: Mapping[str, str]) -> dict[str, str]:
    return {link: to for link, to in links.items() if link not in FROM_LEADS}


def _by_role(records: Iterable[Key]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for role, id in records:
        out.setdefault(role, []).append(id)
    return out


def _ids(one: VendorRecord, fields: Sequence[str]) -> list[str]:
    return [str(value) for name in fields if (value := one.fields.get(name))]
