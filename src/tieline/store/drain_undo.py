"""`engine.effects.undoing.UndoStore` on Postgres: what a drain reads and keeps of undos, over the session that holds its
target."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tieline.core.record import PLANNED
from tieline.engine.effects.journal import planned_in, real, resolved
from tieline.engine.effects.undo import Act, Item, Key, Wrote
from tieline.engine.effects.undoing import UndoRow
from tieline.engine.ports import RunRow, SubjectRow
from tieline.store.drain_session import DrainSession, dumps
from tieline.store.drain_subjects import SUBJECT, array, subject_row
from tieline.store.pool import Link

_OPEN = """
SELECT id, kind, state FROM store_undo WHERE target_id = %s AND flow = %s AND epoch = %s AND state IN ('reading', 'approved')
 ORDER BY id
"""
# What is known to be written, and what a person was asked about.
_ACTS = """
SELECT o.id, o.run_id, o.revision, o.subject_id, o.slot, o.verb, o.role, o.external_id, o.target_ref, o.values, o.before,
       o.match_keys, o.state
  FROM (SELECT run_id FROM store_undorun WHERE undo_id = %s ORDER BY run_id OFFSET 0) AS u
 CROSS JOIN LATERAL (SELECT o.*, r.revision FROM store_run r JOIN store_operation o ON o.run_id = r.id
                      WHERE r.id = u.run_id AND r.target_id = %s AND r.epoch = %s OFFSET 0) AS o
 WHERE o.state = 'done' OR (o.state = 'rejected' AND o.error->>'code' = 'outcome.unknown')
 ORDER BY o.run_id, o.position
"""
_HISTORY = """
SELECT o.role, o.external_id, o.run_id, o.verb, o.values, o.record_version, o.subject_id
  FROM (SELECT x->>0 AS role, x->>1 AS id FROM json_array_elements(%s::json) AS f(x)) AS f
 CROSS JOIN LATERAL (SELECT * FROM store_operation o
                      WHERE o.workspace_id = %s AND o.external_id = f.id AND o.role = f.role AND o.target_id = %s
                        AND o.epoch = %s AND o.state = 'done' AND o.verb IN ('create', 'update') OFFSET 0) AS o
 ORDER BY o.done_at, o.run_id, o.position
"""
_NOW = """
SELECT s.id, e.key, e.value->'ref'
  FROM (SELECT id, own FROM store_subject WHERE id = ANY(%s::bigint[])) AS s
 CROSS JOIN LATERAL json_each(s.own) AS e WHERE e.value->'ref' IS NOT NULL
"""
_OURS = """
SELECT l.role, l.external_id
  FROM (SELECT x->>0 AS role, x->>1 AS id FROM json_array_elements(%s::json) AS f(x)) AS f
 CROSS JOIN LATERAL (SELECT role, external_id FROM store_link l
                      WHERE l.target_id = %s AND l.role = f.role AND l.external_id = f.id AND l.epoch = %s LIMIT 1) AS l
"""
_FORGET_PLAN = "DELETE FROM store_undoitem WHERE undo_id = %s AND state IN ('planned', 'left')"
_KEEP_PLAN = """
INSERT INTO store_undoitem (workspace_id, undo_id, act_id, run_id, subject_id, slot, "do", role, record, values, before,
                            version, reason, after, found_by, state, key)
SELECT %(workspace)s, %(undo)s, i.act, i.run, i.subject, i.slot, i."do", i.role, i.record, i.values, i.before, i.version,
       i.reason, i.after, i.found_by, CASE WHEN i."do" = 'leave' THEN 'left' ELSE 'planned' END, ''
  FROM json_to_recordset(%(items)s::json) AS i(act bigint, run bigint, subject bigint, slot text, "do" text, role text,
       record text, values json, before json, version text, reason json, after json, found_by json)
 WHERE EXISTS (SELECT 1 FROM store_undo u WHERE u.id = %(undo)s AND u.state = 'reading')
"""
_COUNT = """
coalesce((SELECT json_object_agg(c.state, c.n) FROM (SELECT state, count(*) AS n FROM store_undoitem
           WHERE undo_id = u.id GROUP BY state) AS c), '{}')
"""
_READY = f"""
UPDATE store_undo u SET state = 'ready', ready_at = now(), counts = {_COUNT} WHERE u.id = %s AND u.state = 'reading'
"""
_ITEMS = """
SELECT id, act_id, run_id, subject_id, slot, "do", role, record, values, before, version, reason, after, found_by
  FROM store_undoitem WHERE undo_id = %s AND state = 'planned' ORDER BY id
"""
_BEGUN = """
SELECT i.role, i.record, i.key, o.state = 'done'
  FROM (SELECT role, record, key FROM store_undoitem WHERE undo_id = %s AND "do" <> 'attach' AND key <> '') AS i
 CROSS JOIN LATERAL (SELECT state FROM store_operation o WHERE o.target_id = %s AND o.key = i.key LIMIT 1) AS o
"""
_SUBJECTS = f"SELECT {SUBJECT} FROM store_subject s WHERE s.id = ANY(%s::bigint[]) AND s.target_id = %s ORDER BY s.id"
_BEGIN = """
UPDATE store_undoitem i SET state = 'begun', key = k.value FROM json_each_text(%s::json) AS k
 WHERE i.id = k.key::bigint AND i.undo_id = %s AND i.state = 'planned'
"""
_MOVED = """
UPDATE store_undoitem i SET state = 'moved', why = k.value FROM json_each(%s::json) AS k
 WHERE i.id = k.key::bigint AND i.undo_id = %s AND i.state = 'planned'
"""
_SETTLE = "SELECT store_settle_undo(%s, %s)"


class UndoSide:
    """Plans in, what was approved out, what became of it in."""

    session: DrainSession
    flow: str

    def written(self, keys: Sequence[str]) -> dict[str, str]:
        """As `RunSide`."""
        raise NotImplementedError

    def save_runs(
        self,
        runs: Sequence[RunRow],
        subjects: Sequence[SubjectRow],
        send: Sequence[str] = (),
        more: Callable[[Link], None] | None = None,
    ) -> None:
        """As `RunSide`."""
        raise NotImplementedError

    def open_undos(self) -> list[UndoRow]:
        """Undos that something is to be done for, oldest first."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_OPEN, [session.target, self.flow, session.epoch]).fetchall()
        return [UndoRow(*row) for row in rows]

    def undo_acts(self, undo: int) -> list[Act]:
        """What the runs of an undo wrote, with the vendor's ids instead of planned ones."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_ACTS, [undo, session.target, session.epoch]).fetchall()
        ids = self._ids_in(value for row in rows for value in (*row[9].values(), {"$ref": row[8] or ["", ""]}))
        more = {value[1:] for row in rows for _, value in row[11] if value.startswith(PLANNED)} - set(ids)
        if more:
            ids |= self.written(sorted(more))
        return [_act(row, ids) for row in rows]

    def _ids_in(self, values: Iterable[Any]) -> dict[str, str]:
        keys = {key for value in values for key in planned_in(value)}
        return self.written(sorted(keys)) if keys else {}

    def undo_history(self, records: Sequence[Key]) -> dict[Key, list[Wrote]]:
        """Our writes on these records, in order."""
        session = self.session
        with session.ask() as connection:
            parameters = [dumps(list(records)), session.workspace, session.target, session.epoch]
            rows = connection.execute(_HISTORY, parameters).fetchall()
        ids = self._ids_in(value for row in rows for value in row[4].values())
        out: dict[Key, list[Wrote]] = {}
        for role, id, run, verb, values, version, subject in rows:
            out.setdefault((role, id), []).append(Wrote(run, verb, _resolved(values, ids), version, subject))
        return out

    def undo_now(self, subjects: Sequence[int]) -> dict[tuple[int, str], list[str]]:
        """(subject, slot) → the record that stands for it."""
        with self.session.ask() as connection:
            rows = connection.execute(_NOW, [array(subjects)]).fetchall()
        return {(subject, slot): ref for subject, slot, ref in rows}

    def made_by_us(self, records: Sequence[Key]) -> set[Key]:
        """Those that are linked to a subject."""
        session = self.session
        with session.ask() as connection:
            rows = connection.execute(_OURS, [dumps(list(records)), session.target, session.epoch]).fetchall()
        return {(role, id) for role, id in rows}

    def save_preview(self, undo: int, items: Sequence[Item]) -> None:
        """The plan in place of an earlier one."""
        session = self.session
        with session.tx() as connection:
            connection.execute(_FORGET_PLAN, [undo])
            parameters = {"workspace": session.workspace, "undo": undo, "items": dumps([_plain(one) for one in items])}
            connection.execute(_KEEP_PLAN, parameters)
            connection.execute(_READY, [undo])

    def approved_items(self, undo: int) -> list[Item]:
        """What is still to be begun."""
        with self.session.ask() as connection:
            rows = connection.execute(_ITEMS, [undo]).fetchall()
        return [_item(row) for row in rows]

    def begun_items(self, undo: int) -> dict[Key, tuple[str, bool]]:
        """Record → (origin key, done) of what was begun, files apart."""
        with self.session.ask() as connection:
            rows = connection.execute(_BEGUN, [undo, self.session.target]).fetchall()
        return {(role, record): (key, bool(is_done)) for role, record, key, is_done in rows}

    def undo_subjects(self, ids: Sequence[int]) -> list[SubjectRow]:
        """These subjects."""
        with self.session.ask() as connection:
            rows = connection.execute(_SUBJECTS, [array(ids), self.session.target]).fetchall()
        return [subject_row(row) for row in rows]

    def begin_undo(
        self,
        undo: int,
        runs: Sequence[RunRow],
        subjects: Sequence[SubjectRow],
        keys: Mapping[int, str],
        moved: Mapping[int, Mapping[str, Any]],
    ) -> None:
        """Runs, operations, the subjects' states and the items, at once."""

        def items(connection: Link) -> None:
            if keys:
                connection.execute(_BEGIN, [dumps({str(id): key for id, key in keys.items()}), undo])
            if moved:
                connection.execute(_MOVED, [dumps({str(id): why for id, why in moved.items()}), undo])

        self.save_runs(runs, subjects, more=items)

    def settle_undo(self, undo: int) -> int:
        """What became of the items; how many are still to be begun."""
        with self.session.ask() as connection:
            row = connection.execute(_SETTLE, [self.session.target, undo]).fetchone()
        return int(row[0]) if row else 0


def _act(row: Sequence[Any], ids: Mapping[str, str]) -> Act:
    id, run, revision, subject, slot, verb, role, external_id, target, values, before, match_keys, state = row
    record = external_id if verb == "create" else real(target[1], ids) if target else external_id
    found_by = [[by, real(value, ids)] for by, value in match_keys] if verb == "create" else []
    return Act(
        id, run, revision, subject, slot, verb, target[0] if target else role, record or "", _resolved(values, ids), before,
        found_by, state == "done",
    )  # fmt: skip


def _resolved(values: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    return {name: resolved(value, ids) for name, value in values.items()}


_FIELDS = tuple(name for name in Item.__dataclass_fields__ if name != "id")


def _plain(item: Item) -> dict[str, Any]:
    return {name: getattr(item, name) for name in _FIELDS}


def _item(row: Sequence[Any]) -> Item:
    id, act, run, subject, slot, do, role, record, values, before, version, reason, after, found_by = row
    keys = tuple((one[0], one[1]) for one in after)
    return Item(act, run, subject, slot, do, role, record, values, before, version, reason, keys, found_by, id)
