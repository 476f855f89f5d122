"""Parents of records: which link a vendor's id of a parent stands for, and which id a link stands for on a side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tieline.core.pairing import Joined, Side
from tieline.core.record import Record
from tieline.engine.access import Run
from tieline.engine.sync.items import Planned
from tieline.engine.sync.ports import LinkRow, SyncStore
from tieline.engine.sync.rows import JOINED, id_of
from tieline.engine.sync.sides import Shape
from tieline.sdk.contract import VendorRecord


class Parents:
    """Links of the parents that a batch's records name. One query per parent role and side for all of them."""

    def __init__(self, store: SyncStore, run: Run, planned: Planned | None = None) -> None:
        self._store = store
        self._run = run
        self._planned = planned or Planned()
        self._by_id: dict[tuple[str, Side, str], str | None] = {}
        self._by_key: dict[str, LinkRow] = {}

    async def load(self, shape: Shape, side: Side, records: Iterable[VendorRecord]) -> None:
        """Looks up the parents that these records of a side name."""
        if not shape.links:
            return
        wanted: dict[str, dict[str, None]] = {}
        for one in records:
            for name, role in shape.links.items():
                id = one.fields.get(shape.vendor[name])
                if id and (role, side, str(id)) not in self._by_id:
                    wanted.setdefault(role, {})[str(id)] = None
        for role, ids in wanted.items():
            rows = await self._run(lambda role=role, ids=ids: self._store.links(role, side, list(ids)))  # type: ignore[misc]
            self._by_id.update({(role, side, id): self._planned.keys.get((role, side, id)) for id in ids})
            for row in rows:
                self._by_key[row.key] = row
                self._by_id[role, side, id_of(row, side)] = row.key

    async def load_keys(self, keys: Iterable[str]) -> None:
        """Looks up links by their keys, for values that go to the other side."""
        missing = [key for key in dict.fromkeys(keys) if key and key not in self._by_key]
        if missing:
            for row in await self._run(lambda: self._store.links_by_key(missing)):
                self._by_key[row.key] = row

    def joined(self, role: str, side: Side, value: Any) -> Joined | None:
        """The value of a link line, from the id that this side has there."""
        if not value:
            return None
        id = str(value)
        key = self._by_id.get((role, side, id))
        return Joined(key) if key else Joined("", side, id)

    def is_base(self, role: str, side: Side, value: Any, base: Any) -> bool:
        """Whether an id is what the base (as kept) says of this side."""
        if not value or base is None:
            return not value and base is None
        return type(base) is dict and base.get(JOINED) == [self._by_id.get((role, side, str(value))) or "", "", ""]

    def record(self, shape: Shape, side: Side, one: VendorRecord) -> Record:
        """As deciding sees it."""
        record = shape.record(one)
        if not shape.links:
            return record
        fields = dict(record.fields)
        for name, role in shape.links.items():
            if name in fields:
                fields[name] = self.joined(role, side, fields[name])
        return Record(record.role, record.id, fields, record.version)

    def are_stopped(self, *records: Record | None) -> bool:
        """Whether every customer that these (the two sides of one contact person) belong to is not kept the same."""
        joined = [
            value for one in records if one is not None for value in one.fields.values() if isinstance(value, Joined)
        ]
        rows = [self._by_key.get(value.key) if value.key else None for value in joined]
        return bool(rows) and all(row is not None and row.state == "stopped" for row in rows)

    def id_on(self, side: Side, value: Joined) -> str | None:
        """The id of a joined record on a side; None where it has none there (yet)."""
        if value.key:
            row = self._by_key.get(value.key)
            return (id_of(row, side) or None) if row is not None else None
        return value.id if value.side == side else None

    def crm_id(self, value: Joined) -> str | None:
        """The id of a joined record in the CRM (left), of one that a dry run would have made too where it is there."""
        return self.id_on("left", value) or (self._planned.ids.get((value.key, "left")) if value.key else None)

    def name(self, side: Side, value: Joined) -> str:
        """A joined record named by its id on a side, the same before and after its link is made."""
        if not value.key:
            return f"{value.side}:{value.id}"
        row = self._by_key.get(value.key)
        if row is not None and id_of(row, side):
            return f"{side}:{id_of(row, side)}"
        known = self._planned.ids.get((value.key, side))
        return f"{side}:{known}" if known is not None else value.key


def joined_keys(values: Iterable[Any]) -> Sequence[str]:
    """Keys of the links among values."""
    return [value.key for value in values if isinstance(value, Joined) and value.key]
