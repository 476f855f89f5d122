"""What is planned and not yet seen at the vendor, laid over what look-ups found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tieline.core.mapping import RoleMap
from tieline.core.plan import Find
from tieline.core.record import PLANNED, Record, Ref, from_json
from tieline.engine.effects.journal import real
from tieline.engine.ports import OperationRow


class Overlay:
    """Records that open operations will make, by what they will be found by, and changes that they will make.

    ids: origin key → vendor's id of what is written already, so that a record has one name.
    """

    def __init__(self, role_maps: Mapping[str, RoleMap], ids: Mapping[str, str]) -> None:
        self._role_maps = role_maps
        self._ids = ids
        self._found: dict[tuple[str, str, str], list[Record]] = {}
        self._records: dict[tuple[str, str], Record] = {}
        self._changes: dict[tuple[str, str], dict[str, Any]] = {}

    def add(self, rows: Iterable[OperationRow]) -> None:
        """Lays these planned, sent, unknown or done operations over, in their order."""
        ids = self._ids
        for row in rows:
            if row.verb == "create":
                if row.match_keys:
                    self._add_record(row)
            elif row.verb == "update" and row.target_ref is not None:
                ref = (row.target_ref[0], real(row.target_ref[1], ids))
                self._change(ref, self._values(row))

    def _add_record(self, row: OperationRow) -> None:
        ids = self._ids
        id = row.external_id or ids.get(row.key) or PLANNED + row.key
        record = Record(row.role, id, self._values(row))
        self._records[row.role, id] = record
        for by, value in row.match_keys:
            self._found.setdefault((row.role, by, real(value, ids)), []).append(record)

    def _values(self, row: OperationRow) -> dict[str, Any]:
        """The row's values as a look-up would give them: links as Ref, several vendor fields as a list."""
        mapped = self._role_maps.get(row.role)
        fields = mapped.fields if mapped is not None else {}
        out: dict[str, Any] = {}
        for name, value in row.values.items():
            read = _with_ids(from_json(value), self._ids) if type(value) in {dict, list} else value
            out[name] = [read] if len(fields.get(name, ())) > 1 and read and type(read) is not list else read
        return out

    def _change(self, ref: tuple[str, str], values: Mapping[str, Any]) -> None:
        self._changes.setdefault(ref, {}).update(values)

    def lay(self, find: Find, records: tuple[Record, ...], origins: Mapping[str, str]) -> tuple[Record, ...]:
        """The answer to `find` with what is planned. origins: origin key → id of records that look-ups saw, so that a
        record whose write nobody heard back from is not there twice."""
        if find.by == "id":
            planned = self._records.get((find.role, find.value))
            extra = [planned] if planned is not None else []
        else:
            extra = self._found.get((find.role, find.by, find.value), [])
        if extra:
            there = {record.id for record in records}
            more = []
            for record in extra:
                seen = origins.get(record.id[1:]) if record.id.startswith(PLANNED) else record.id
                if seen not in there:
                    more.append(record)
            records = (*records, *more)
        if self._changes:
            records = tuple(self._changed(record) for record in records)
        return records

    def _changed(self, record: Record) -> Record:
        changes = self._changes.get((record.role, record.id))
        if not changes:
            return record
        # Ours is about to be another version than the one that was read.
        return Record(record.role, record.id, {**record.fields, **changes})


def _with_ids(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, Ref):
        return Ref(value.role, real(value.id, ids)) if value.is_planned else value
    if isinstance(value, list):
        return [_with_ids(item, ids) for item in value]
    return value
