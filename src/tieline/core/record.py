"""Records as flows see them: by role and canonical field, never by a vendor's names.

A *role* is what a record is to us ("account", "lead", "contact", "deal", "task", "call", "note");
the connector's manifest says which vendor object plays it. Ids are text, always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PLANNED = "~"
"""An id that starts with this mark is the origin key of a record that is planned but has no vendor id yet."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A record of a system: `id` is the vendor's id as text, or PLANNED + origin key while it is not written yet."""

    role: str
    id: str

    @property
    def is_planned(self) -> bool:
        return self.id.startswith(PLANNED)

    @property
    def origin_key(self) -> str:
        """The origin key of a planned record."""
        return self.id[len(PLANNED) :]


@dataclass(frozen=True, slots=True)
class Local:
    """A record that this very plan creates, by the slot of its operation. The engine turns it into a planned Ref."""

    slot: str


Value = Any
"""A field's value: str, int, float, bool, None, list, dict, Ref or Local. Times are ISO 8601 text in UTC; dates ISO text; links are Ref (or Local inside a plan)."""


@dataclass(frozen=True, slots=True)
class Record:
    """What was read of one record. A missing field was not read; None is empty at the vendor.

    `version` is whatever changes when the record changes (vendor's change time or counter), None where there is none.
    """

    role: str
    id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None

    @property
    def ref(self) -> Ref:
        return Ref(self.role, self.id)

    def get(self, name: str) -> Any:
        return self.fields.get(name)


@dataclass(frozen=True, slots=True)
class User:
    """A person of the CRM who can own records."""

    id: str
    name: str
    email: str = ""
    active: bool = True


def to_json(value: Value) -> Any:
    """A value as plain JSON; links become {"$ref": [role, id]}."""
    if isinstance(value, Ref):
        return {"$ref": [value.role, value.id]}
    if isinstance(value, Local):
        raise TypeError("a Local must be resolved to a Ref before it is stored")
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    return value


def from_json(value: Any) -> Any:
    """The inverse of `to_json`."""
    if isinstance(value, dict):
        ref = value.get("$ref")
        if ref is not None and len(value) == 1:
            return Ref(ref[0], ref[1])
        return {key: from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item) for item in value]
    return value
