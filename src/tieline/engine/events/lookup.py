"""Look-ups of a whole batch: one request per role and field, the answers confirmed and given back per Find."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tieline.core.errors import TielineError
from tieline.core.mapping import RoleMap
from tieline.core.plan import Find
from tieline.core.record import PLANNED, Record, Ref, from_json
from tieline.core.values import phones
from tieline.engine.access import Access, Run
from tieline.engine.ports import Store
from tieline.engine.times import iso
from tieline.sdk.contract import VendorRecord

Numbers = Callable[[str], Iterable[str]]
"""A phone field's text in any format → the numbers in it, E.164."""


def numbers_of(country: str) -> Numbers:
    """Numbers as read where they are dialled from this country (ISO 3166 alpha-2)."""
    return lambda text: [found.e164 for found in phones(text, country)]


class Lookups:
    """The answers of one batch. `found` is what the vendor and our own keys say; planned records are not in it."""

    def __init__(
        self, access: Access, store: Store, run: Run, reads: Mapping[str, Sequence[str]], numbers: Numbers
    ) -> None:
        self.found: dict[Find, tuple[Record, ...]] = {}
        self.failed: dict[Find, BaseException] = {}
        self.origins: dict[str, str] = {}
        """Origin key → id of every record seen."""
        self.answered = 0
        """Requests that succeeded."""
        self._access = access
        self._store = store
        self._run = run
        self._reads = reads
        self._numbers = numbers
        self._shapes: dict[str, Shape] = {}

    async def ask(self, finds: Iterable[Find]) -> None:
        """Looks these up, side by side; what could not be looked up is in `failed` afterwards."""
        groups: dict[tuple[str, str], list[str]] = {}
        for find in finds:
            if find in self.found or find in self.failed:
                continue
            mapped = self._access.role_maps.get(find.role)
            if find.value.startswith(PLANNED) or mapped is None or (find.by != "id" and not mapped.fields.get(find.by)):
                self.found[find] = ()
            else:
                groups.setdefault((find.role, find.by), []).append(find.value)
        if not groups:
            return
        own = await self._own(groups)
        outcomes = await asyncio.gather(
            *(self._group(role, by, values, own) for (role, by), values in groups.items()), return_exceptions=True
        )
        for (role, by), values, outcome in zip(groups, groups.values(), outcomes, strict=True):
            if outcome is None:
                self.answered += 1
                continue
            if not isinstance(outcome, Exception):
                raise outcome
            for value in values:
                self.failed[Find(role, by, value)] = outcome

    async def _own(self, groups: Mapping[tuple[str, str], Sequence[str]]) -> dict[Find, list[Record]]:
        """Records of ours that the vendor's index may not show yet."""
        lag = self._access.capabilities.search_lag_s
        finds = [(role, by, value) for (role, by), values in groups.items() if by != "id" for value in values]
        if not lag or not finds:
            return {}
        since = iso(self._access.clock() - lag)
        out: dict[Find, list[Record]] = {}
        for key in await self._run(lambda: self._store.own_keys(finds, since)):
            if (key.role, key.id) in self._access.gone:
                continue
            values = self._shape(key.role).own(key.values)
            out.setdefault(Find(key.role, key.by, key.value), []).append(Record(key.role, key.id, values))
        return out

    def _shape(self, role: str) -> Shape:
        shape = self._shapes.get(role)
        if shape is None:
            shape = self._shapes[role] = Shape(self._access.role_maps[role], tuple(self._reads.get(role, ())))
        return shape

    async def _group(self, role: str, by: str, values: list[str], own: Mapping[Find, Sequence[Record]]) -> None:
        shape = self._shape(role)
        access = self._access
        if by == "id":
            records = await access.fetch(shape.object, values, shape.fields)
            hits = {vendor.id: [shape.record(vendor)] for vendor in records}
        else:
            fields = shape.by(by)
            records = await access.find(shape.object, fields, values, shape.fields)
            hits = self._confirmed(shape, by, fields, records)
        if shape.origin:
            for vendor in records:
                key = vendor.fields.get(shape.origin)
                if key:
                    self.origins[key] = vendor.id
        for value in values:
            find = Find(role, by, value)
            there = hits.get(value if by != "email" else value.casefold(), [])
            mine = own.get(find)
            if mine:
                ids = {record.id for record in there}
                there = [*there, *(record for record in mine if record.id not in ids)]
            self.found[find] = tuple(there)

    def _confirmed(
        self, shape: Shape, by: str, fields: Sequence[str], records: Iterable[VendorRecord]
    ) -> dict[str, list[Record]]:
        """Records by the value that they were looked for by, once each, whatever else the vendor's search let through."""
        hits: dict[str, list[Record]] = {}
        for vendor in records:
            record: Record | None = None
            values: set[str] = set()
            for name in fields:
                raw = vendor.fields.get(name)
                if not raw:
                    continue
                for one in raw if type(raw) is list else (raw,):
                    if by == "phone":
                        values.update(self._numbers(one))
                    else:
                        values.add(one.casefold() if by == "email" else one)
            for value in values:
                record = record or shape.record(vendor)
                there = hits.setdefault(value, [])
                if all(other.id != record.id for other in there):
                    there.append(record)
        return hits


class Shape:
    """How one role is read: the vendor fields asked for, and the way back to canonical ones."""

    def __init__(self, mapped: RoleMap, names: tuple[str, ...]) -> None:
        self.role = mapped.role
        self.object = mapped.object
        self.origin = mapped.origin
        fields = dict.fromkeys(mapped.vendor_fields(names))
        if mapped.origin:
            fields[mapped.origin] = None
        self.fields = tuple(fields)
        self._mapped = mapped
        self._names = names
        self._asks_origin = "origin" in names
        self._plan = [(name, mapped.fields[name], mapped.links.get(name)) for name in names if mapped.fields.get(name)]

    def by(self, name: str) -> tuple[str, ...]:
        return tuple(self._mapped.fields[name])

    def record(self, vendor: VendorRecord) -> Record:
        """What was read, by canonical names; links as Ref."""
        raw = vendor.fields
        out: dict[str, Any] = {}
        for name, mapped, link in self._plan:
            if len(mapped) > 1:
                out[name] = [raw[field] for field in mapped if raw.get(field)]
            elif mapped[0] in raw:
                value = raw[mapped[0]]
                out[name] = Ref(link, value) if link and value else value
        if self._asks_origin:
            out["origin"] = raw.get(self.origin) or None if self.origin else None
        return Record(self.role, vendor.id, out, vendor.version)

    def own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as we wrote them, as far as a look-up would read them."""
        out: dict[str, Any] = {}
        for name, mapped, _ in self._plan:
            if name in values:
                value = from_json(values[name])
                out[name] = [value] if len(mapped) > 1 and value and type(value) is not list else value
        return out


def why_failed(error: BaseException) -> str:
    """The code of an error that a look-up ended with."""
    return error.code if isinstance(error, TielineError) else type(error).__name__
