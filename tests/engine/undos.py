"""Undo on memory ports: `UndoStore` over the memory store, and a bench whose drain undoes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.engine.bench import Bench
from tests.engine.crm import ZOHO
from tests.engine.memory import ROLE_MAPS, MemoryStore
from tieline.core.record import PLANNED
from tieline.engine.access import Access, at_once
from tieline.engine.effects.journal import real, resolved
from tieline.engine.effects.undo import Act, Item, Key, Wrote
from tieline.engine.effects.undoing import Undoing, UndoRow
from tieline.engine.events.decide import Rules
from tieline.engine.events.drain import Drain
from tieline.engine.events.lookup import numbers_of
from tieline.engine.ports import OperationRow, RunRow, SubjectRow
from tieline.sdk.manifest import Capabilities

DELETES = ("account", "contact", "lead", "deal", "task", "call")
UNDOES = ZOHO.model_copy(update={"deletes": DELETES, "search_lag_s": 0})


@dataclass
class Kept:
    """An undo as it is kept."""

    id: int
    kind: str
    runs: list[int]
    state: str = "reading"
    items: list[Item] = field(default_factory=list)
    states: dict[int, str] = field(default_factory=dict)
    keys: dict[int, str] = field(default_factory=dict)
    why: dict[int, Mapping[str, Any]] = field(default_factory=dict)

    def told(self) -> dict[tuple[str, str], str]:
        """(role, state) → reason codes, for comparing."""
        out: dict[tuple[str, str], str] = {}
        for item in self.items:
            why = self.why.get(item.id) or item.reason or {}
            code = "" if self.states[item.id] in {"planned", "done"} else why.get("code", "")
            out[item.role, item.record] = f"{self.states[item.id]}:{code}"
        return out


@dataclass
class MemoryUndos:
    """`UndoStore`. Every method is one transaction around which the process may die."""

    store: MemoryStore
    undos: dict[int, Kept] = field(default_factory=dict)

    def begin(self, kind: str, runs: Sequence[int]) -> Kept:
        """What the service does."""
        kept = Kept(len(self.undos) + 1, kind, sorted(runs))
        self.undos[kept.id] = kept
        return kept

    def _ids(self) -> dict[str, str]:
        return {row.key: row.external_id for row in self.store.operations.values() if row.external_id is not None}

    def _call(self, name: str, work: Callable[[], Any]) -> Any:
        return self.store._call(name, work)

    def open_undos(self) -> list[UndoRow]:
        rows = [one for one in self.undos.values() if one.state in {"reading", "approved"}]
        return self._call("open_undos", lambda: [UndoRow(one.id, one.kind, one.state) for one in rows])  # type: ignore[arg-type]

    def undo_acts(self, undo: int) -> list[Act]:
        def work() -> list[Act]:
            ids = self._ids()
            runs = [self.store.runs[id] for id in self.undos[undo].runs]
            return [_act(run, one, ids) for run in runs for one in run.operations if one.state == "done"]

        return self._call("undo_acts", work)

    def undo_history(self, records: Sequence[Key]) -> dict[Key, list[Wrote]]:
        def work() -> dict[Key, list[Wrote]]:
            ids, out, wanted = self._ids(), {}, set(records)
            for row in sorted(self.store.operations.values(), key=lambda one: one.run):
                key = (row.role, row.external_id or "")
                if row.state == "done" and row.verb in {"create", "update"} and key in wanted:
                    values = {name: resolved(value, ids) for name, value in row.values.items()}
                    out.setdefault(key, []).append(
                        Wrote(row.run, row.verb, values, self.store.versions.get(row.key), row.subject)
                    )
            return out

        return self._call("undo_history", work)

    def undo_now(self, subjects: Sequence[int]) -> dict[tuple[int, str], list[str]]:
        def work() -> dict[tuple[int, str], list[str]]:
            return {
                (id, slot): entry["ref"]
                for id in subjects
                for slot, entry in self.store.rows[id].own.items()
                if entry.get("ref")
            }

        return self._call("undo_now", work)

    def made_by_us(self, records: Sequence[Key]) -> set[Key]:
        made = {(row.role, row.external_id) for row in self.store.operations.values() if row.verb == "create"}
        return self._call("made_by_us", lambda: {key for key in records if key in made})

    def save_preview(self, undo: int, items: Sequence[Item]) -> None:
        def work() -> None:
            kept = self.undos[undo]
            kept.items = [replace(item, id=number) for number, item in enumerate(items, 1)]
            kept.states = {one.id: "left" if one.do == "leave" else "planned" for one in kept.items}
            kept.state = "ready"

        self._call("save_preview", work)

    def approved_items(self, undo: int) -> list[Item]:
        kept = self.undos[undo]
        return self._call("approved_items", lambda: [one for one in kept.items if kept.states[one.id] == "planned"])

    def begun_items(self, undo: int) -> dict[Key, tuple[str, bool]]:
        kept = self.undos[undo]

        def work() -> dict[Key, tuple[str, bool]]:
            return {
                one.key: (kept.keys[one.id], self.store.operations[kept.keys[one.id]].state == "done")
                for one in kept.items
                if one.id in kept.keys and one.do != "attach"
            }

        return self._call("begun_items", work)

    def undo_subjects(self, ids: Sequence[int]) -> list[SubjectRow]:
        return self._call("undo_subjects", lambda: [self.store._copy(self.store.rows[id]) for id in ids])

    def begin_undo(
        self,
        undo: int,
        runs: Sequence[RunRow],
        subjects: Sequence[SubjectRow],
        keys: Mapping[int, str],
        moved: Mapping[int, Mapping[str, Any]],
    ) -> None:
        def work() -> None:
            before, self.store.before_call = self.store.before_call, lambda name, when: None
            try:
                self.store.save_decided(runs, subjects, [])
            finally:
                self.store.before_call = before
            kept = self.undos[undo]
            for id, key in keys.items():
                kept.keys[id], kept.states[id] = key, "begun"
            for id, why in moved.items():
                kept.why[id], kept.states[id] = why, "moved"

        self._call("begin_undo", work)

    def settle_undo(self, undo: int) -> int:
        def work() -> int:
            kept = self.undos[undo]
            for id, key in kept.keys.items():
                row = self.store.operations[key]
                if kept.states[id] == "begun" and row.state in {"done", "rejected", "blocked"}:
                    kept.states[id] = "done" if row.state == "done" else "stays"
                    kept.why[id] = row.error or {}
            left = sum(state == "planned" for state in kept.states.values())
            if not left and "begun" not in kept.states.values() and kept.state == "approved":
                kept.state = "done"
            return left

        return self._call("settle_undo", work)


def _act(run: RunRow, row: OperationRow, ids: Mapping[str, str]) -> Act:
    target = row.target_ref
    record = row.external_id or "" if row.verb == "create" else real(target[1], ids) if target else ""
    values = {name: resolved(value, ids) for name, value in row.values.items()}
    found_by = [[by, real(value, ids)] for by, value in row.match_keys if not by.startswith(PLANNED)]
    return Act(
        run.id * 1000 + row.position, run.id, run.revision, run.subject, row.slot, row.verb, row.role, record, values,
        row.before, found_by if row.verb == "create" else [],
    )  # fmt: skip


@dataclass
class UndoBench(Bench):
    """A bench whose drain undoes too."""

    capabilities: Capabilities = UNDOES
    decides: bool = True
    lacks: Callable[[str, str], str | None] = lambda role, verb: None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.undos = MemoryUndos(self.store)

    def drain(self) -> Drain:
        access = Access(
            self.crm,
            ROLE_MAPS,
            self.capabilities,
            clock=self.clock,
            chance=self.random.random,
            requests=lambda: self.crm.requests,
        )
        return Drain(
            self.store,
            Rules(self.flow, self.settings, 1, self.target, 7, self.users),
            access,
            sources=self.sources,
            numbers=numbers_of("FR"),
            files=self.files,
            live=self.live,
            limits=self.limits,
            undoing=Undoing(
                self.undos, access, at_once, workspace=7, version=1, lacks=self.lacks, decides=self.decides
            ),
        )

    def live_runs(self) -> list[int]:
        """Runs that wrote something, undos apart."""
        return [run.id for run in self.store.runs.values() if run.kind != "undo" and run.operations]
