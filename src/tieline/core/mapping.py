"""From roles and canonical fields to a vendor's objects and fields, and back.

The manifest declares a RoleMap per role. A canonical field may stand for several vendor fields (phone → Phone, Mobile):
the first is written, all are read and searched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RoleMap:
    """How a vendor plays one role.

    object   the vendor's object
    fields   canonical field → vendor fields, the first of which is written
    origin   vendor field that holds our origin key; "" where there is no room for one
    links    canonical link fields → the role they lead to ("account" → "account")
    """

    role: str
    object: str
    fields: Mapping[str, tuple[str, ...]]
    origin: str = ""
    links: Mapping[str, str] = field(default_factory=dict)

    def vendor_fields(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The vendor fields to read for these canonical ones; a field that the vendor lacks is left out."""
        return tuple(dict.fromkeys(vendor for name in names for vendor in self.fields.get(name, ())))

    def to_vendor(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Canonical values under the vendor's names; a field that it lacks is left out. A name the map does not know but
        that starts with "=" is a vendor field given by settings ("=Industry")."""
        out: dict[str, Any] = {}
        for name, value in values.items():
            if name.startswith("="):
                out[name[1:]] = value
            elif mapped := self.fields.get(name):
                out[mapped[0]] = value
        return out

    def from_vendor(self, fields: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        """Canonical values of what was read. Several vendor fields: a list of those that are not empty."""
        out: dict[str, Any] = {}
        for name in names:
            mapped = self.fields.get(name, ())
            if len(mapped) > 1:
                out[name] = [fields[vendor] for vendor in mapped if fields.get(vendor)]
            elif mapped and mapped[0] in fields:
                out[name] = fields[mapped[0]]
        return out
