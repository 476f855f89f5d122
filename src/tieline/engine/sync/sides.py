"""One of the two systems as keeping customers the same uses it: records by role with the fields of the lines, pages of changes,
look-ups, writes. A canonical field stands for the first of its vendor fields here: that is the one that is written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tieline.core.errors import ConfigError
from tieline.core.mapping import RoleMap
from tieline.core.match import FURTHER
from tieline.core.pairing import Line, Side
from tieline.core.record import Record
from tieline.engine.access import Access
from tieline.engine.sync.customers import Customers
from tieline.sdk.contract import Page, VendorRecord

MANY = ("phone", "email")
"""Kinds of which a system may hold several."""
CREATED_AT = "created_at"
"""Read where there is such a field: a feed does not say which records are new."""
CRM: Final[Side] = "left"
WATCHED = "watched:"


@dataclass(frozen=True, slots=True)
class Shape:
    """A role of a side.

    vendor    field as lines name it → vendor field
    lines     line → vendor field, with the place of this side in a base (0 left, 1 right): what an echo is told by
    links     field → the role that it leads to
    """

    role: str
    object: str
    vendor: Mapping[str, str]
    lines: tuple[tuple[str, str, str], ...]
    """(line, its field on this side, role that it leads to or "")."""
    links: Mapping[str, str]
    origin: str
    fields: tuple[str, ...]
    """All vendor fields to read."""
    led: frozenset[str] = frozenset()
    """Lines against whose direction this side is: a change here goes nowhere."""
    further: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field of a line → more vendor fields of the same meaning (other phone numbers): read for matching, never written."""

    def record(self, one: VendorRecord) -> Record:
        """As deciding sees it, but for links: those are the other's id as text still."""
        given = one.fields
        values = {name: given[vendor] for name, vendor in self.vendor.items() if vendor in given}
        for name, more in self.further.items():
            if held := [given[vendor] for vendor in more if given.get(vendor)]:
                values[FURTHER + name] = held
        return Record(self.role, one.id, values, one.version)


def vendor_field(mapped: RoleMap, name: str) -> str | None:
    """The vendor field of a name, None where the vendor has none."""
    if name.startswith("="):
        return name[1:]
    found = mapped.fields.get(name)
    return found[0] if found else None


def shape(mapped: RoleMap, lines: Iterable[Line], reads: Iterable[str], side: Side) -> Shape:
    vendor: dict[str, str] = {}
    links: dict[str, str] = {}
    kept: list[tuple[str, str, str]] = []
    led: set[str] = set()
    further: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name = line.field_of(side)
        found = vendor_field(mapped, name)
        if found is None:
            continue
        vendor[name] = found
        if line.direction == f"to_{side}":
            led.add(line.name)
        kept.append((line.name, name, line.role if line.kind == "link" else ""))
        if line.kind == "link":
            links[name] = line.role
        if line.kind in MANY and (more := mapped.fields.get(name, ())[1:]):
            further[name] = more
    for name in (*reads, CREATED_AT):
        found = vendor_field(mapped, name)
        if found is not None:
            vendor.setdefault(name, found)
    own = (mapped.origin,) if mapped.origin else ()
    fields = tuple(dict.fromkeys((*vendor.values(), *(one for more in further.values() for one in more), *own)))
    return Shape(mapped.role, mapped.object, vendor, tuple(kept), links, mapped.origin, fields, frozenset(led), further)


@dataclass(slots=True)
class End:
    """A side: its connection and shapes. `place`: 0 left, 1 right (in a base)."""

    side: Side
    access: Access
    shapes: dict[str, Shape] = field(default_factory=dict)

    @property
    def place(self) -> int:
        return 0 if self.side == "left" else 1

    def shape(self, role: str) -> Shape:
        return self.shapes[role]

    async def fetch(self, role: str, ids: Sequence[str]) -> dict[str, VendorRecord]:
        """Those of these ids that are there."""
        if not ids:
            return {}
        shape = self.shapes[role]
        found = await self.access.fetch(shape.object, list(dict.fromkeys(ids)), shape.fields)
        return {one.id: one for one in found}

    async def find(self, role: str, by: str, values: Sequence[str]) -> list[VendorRecord]:
        """By a field as lines name it; all vendor fields of a canonical one are searched."""
        shape = self.shapes[role]
        mapped = self.access.role_maps[shape.role]
        fields = (by[1:],) if by.startswith("=") else mapped.fields.get(by, ())
        if not fields or not values:
            return []
        return await self.access.find(shape.object, fields, list(dict.fromkeys(values)), shape.fields)

    async def find_origin(self, role: str, keys: Sequence[str]) -> dict[str, VendorRecord]:
        """Origin key → record."""
        shape = self.shapes[role]
        found = await self.access.find(shape.object, (shape.origin,), list(keys), shape.fields)
        return {str(one.fields.get(shape.origin) or ""): one for one in found}

    async def pull(self, role: str, cursor: str | None) -> AsyncIterator[Page]:
        """Pages of changes; each is asked for under the connection's rules."""
        shape = self.shapes[role]
        pages = self.access.connector.pull(shape.object, shape.fields, cursor).__aiter__()
        try:
            while True:
                try:
                    page = await self.access.ask(pages.__anext__)
                except StopAsyncIteration:
                    return
                yield page
        finally:
            close = getattr(pages, "aclose", None)
            if close is not None:
                await close()

    def values(self, role: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Under the vendor's names; a field that it lacks is left out."""
        vendor, mapped = self.shapes[role].vendor, self.access.role_maps[role]
        names = {name: vendor.get(name) or vendor_field(mapped, name) for name in values}
        return {own: values[name] for name, own in names.items() if own is not None}


def ends(customers: Customers, left: Access, right: Access) -> dict[Side, End]:
    """Both sides with the shapes of every role, and of what is watched. A role that a side does not have is a ConfigError."""
    out: dict[Side, End] = {"left": End("left", left), "right": End("right", right)}
    for side, end in out.items():
        for role in customers.roles:
            mapped = end.access.role_maps.get(role)
            if mapped is None:
                raise ConfigError(f"the {side} side has no {role}", setting="roles", value=role)
            end.shapes[role] = shape(mapped, customers.lines(role), customers.reads(role, side), side)
    for one in customers.watched:
        mapped = left.role_maps.get(one.role)
        if mapped is None or vendor_field(mapped, one.link) is None:
            raise ConfigError(
                f"the left side has no {one.role} that leads to a customer", setting="active", value=one.role
            )
        # nothing is written there, so there need be no room for our key
        made = shape(replace(mapped, origin=""), (), (one.link, *one.fields), CRM)
        out[CRM].shapes[watched_name(one.role)] = made
    return out


def watched_name(role: str) -> str:
    """Under which the shape and the feed of watched records stand: a role that is kept the same may be watched too."""
    return f"{WATCHED}{role}"
