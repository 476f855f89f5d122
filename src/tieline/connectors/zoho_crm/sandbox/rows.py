"""Where the sandbox keeps records: rows by id, equality indexes built when first asked for, times in the org's zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from tieline.connectors.zoho_crm.sandbox.schema import NAME_FIELDS, Module, Schema

ZONE = ZoneInfo("Europe/Paris")
DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


@lru_cache(maxsize=4096)
def told(seconds: int) -> str:
    """Seconds since 1970 as Zoho writes a time: ISO 8601 to the second, with the org's offset."""
    return datetime.fromtimestamp(seconds, ZONE).isoformat()


@lru_cache(maxsize=65536)
def read(text: str) -> float:
    """A time of ISO 8601 with offset as seconds since 1970; raises ValueError for anything else."""
    if not DATETIME.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text).timestamp()


@dataclass(slots=True)
class Row:
    """One record. Lookups are kept as the other's id; ``None`` and absent are the same."""

    id: str
    values: dict[str, Any]
    created: int
    modified: int
    by: str
    modified_by: str
    layout: str = ""
    se_module: str = ""
    visible_at: float = 0.0


@dataclass(slots=True)
class Deleted:
    """What the list of deleted records remembers."""

    id: str
    name: str | None
    at: int
    by: str


def key_of(value: Any) -> Any:
    """A value as equality sees it: letters' case does not count."""
    return value.casefold() if isinstance(value, str) else value


@dataclass(slots=True)
class Table:
    """The records of one module, oldest first."""

    module: Module
    rows: dict[str, Row] = field(default_factory=dict)
    deleted: list[Deleted] = field(default_factory=list)
    indexes: dict[str, dict[Any, dict[str, None]]] = field(default_factory=dict)
    fresh: dict[str, float] = field(default_factory=dict)
    """Records that searches do not show before the time given."""

    def put(self, row: Row, changed: Iterable[str] | None = None, before: dict[str, Any] | None = None) -> None:
        """Insert ``row``, or bring the indexes up to date after ``changed`` fields of it moved on from ``before``."""
        self.rows[row.id] = row
        for name, index in self.indexes.items():
            if changed is not None:
                if name not in changed:
                    continue
                ids = index.get(key_of((before or {}).get(name)))
                if ids is not None:
                    ids.pop(row.id, None)
            index.setdefault(key_of(row.values.get(name)), {})[row.id] = None

    def take(self, row: Row) -> None:
        """Remove ``row``."""
        del self.rows[row.id]
        self.fresh.pop(row.id, None)
        for name, index in self.indexes.items():
            ids = index.get(key_of(row.values.get(name)))
            if ids is not None:
                ids.pop(row.id, None)

    def having(self, name: str, value: Any) -> Iterable[str]:
        """Ids of the records whose field equals ``value``, oldest first."""
        return self.index(name).get(key_of(value), ())

    def index(self, name: str) -> dict[Any, dict[str, None]]:
        """The field's values as equality sees them, each with the ids of its records, oldest first."""
        index = self.indexes.get(name)
        if index is None:
            index = self.indexes[name] = {}
            for row in self.rows.values():
                index.setdefault(key_of(row.values.get(name)), {})[row.id] = None
        return index

    def hidden(self, row_id: str, now: float) -> bool:
        """Whether searches do not show the record yet."""
        until = self.fresh.get(row_id)
        if until is None:
            return False
        if until <= now:
            del self.fresh[row_id]
            return False
        return True


class Tables:
    """All records of the org, and how the API shows them."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.by_module = {name: Table(module) for name, module in schema.modules.items()}

    def __getitem__(self, module: str) -> Table:
        return self.by_module[module]

    def find(self, row_id: str, modules: Iterable[str] | None = None) -> tuple[str, Row] | None:
        """A record wherever it is."""
        for name in modules or self.by_module:
            row = self.by_module[name].rows.get(row_id)
            if row is not None:
                return name, row
        return None

    def name_of(self, module: str, row: Row) -> str | None:
        """What a lookup to the record shows."""
        value = row.values.get(NAME_FIELDS[module])
        return None if value is None else str(value)

    def reference(self, target: str, row_id: str | None, row: Row) -> dict[str, Any] | None:
        """A lookup as record answers show it: name and id."""
        if row_id is None:
            return None
        found = self.find(
            row_id, [row.se_module] if target == "*" and row.se_module else None if target == "*" else [target]
        )
        return {"name": self.name_of(*found) if found else None, "id": row_id}

    def value(self, module: str, row: Row, name: str) -> Any:
        """One field as record answers show it."""
        match name:
            case "id":
                return row.id
            case "Created_Time":
                return told(row.created)
            case "Modified_Time":
                return told(row.modified)
            case "Created_By":
                return self.schema.user_ref(row.by)
            case "Modified_By":
                return self.schema.user_ref(row.modified_by)
            case "Owner":
                return self.schema.user_ref(row.values["Owner"], True)
        definition = self.schema.modules[module].fields.get(name)
        value = row.values.get(name)
        if definition is None:
            return value
        if definition.kind == "lookup":
            if name == "Parent_Id" and value is not None:
                parent = self.find(value, [row.se_module])
                target = self.schema.modules[row.se_module]
                shown = {"api_name": row.se_module, "id": target.id}
                return {"module": shown, "name": self.name_of(*parent) if parent else None, "id": value}
            return self.reference(definition.target, value, row)
        if definition.kind == "boolean":
            return bool(value)
        return value

    def plain(self, module: str, row: Row, name: str) -> Any:
        """One field as conditions compare it: a lookup is its id, a time is seconds since 1970."""
        match name:
            case "id":
                return row.id
            case "Created_Time":
                return row.created
            case "Modified_Time":
                return row.modified
            case "Created_By":
                return row.by
            case "Modified_By":
                return row.modified_by
        value = row.values.get(name)
        definition = self.schema.modules[module].fields.get(name)
        if definition is not None:
            if definition.kind == "datetime" and value is not None:
                return read(value)
            if definition.kind == "boolean":
                return bool(value)
        return value

    def whole(self, module: str, row: Row) -> dict[str, Any]:
        """A record with all of its fields, as ``GET /{module}/{id}`` shows it."""
        shown = {name: self.value(module, row, name) for name in self.schema.modules[module].fields}
        shown["id"] = row.id
        if module != "Notes":
            layout = next((layout for layout in self.schema.modules[module].layouts if layout.id == row.layout), None)
            shown["Layout"] = {"name": layout.name, "display_label": layout.name, "id": layout.id} if layout else None
            shown["$approval_state"] = "approved"
            shown["$in_merge"] = False
        if module == "Leads":
            shown["$converted"] = bool(row.values.get("Converted__s"))
        if row.se_module and module != "Notes":
            shown["$se_module"] = row.se_module
        return shown
