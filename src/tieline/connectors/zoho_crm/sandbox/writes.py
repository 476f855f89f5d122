"""Writing records in the sandbox: insert, update, upsert, delete; one result per item, in order; an undo journal for composite roll-backs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tieline.connectors.zoho_crm.sandbox.answers import error, field_error, success
from tieline.connectors.zoho_crm.sandbox.checks import Checked, check, completed
from tieline.connectors.zoho_crm.sandbox.rows import Deleted, Row, Tables, read, told
from tieline.connectors.zoho_crm.sandbox.schema import DUPLICATE_CHECK, Ids

BATCH = 100


class Writer:
    """Writes on behalf of one user at a time. ``undo`` collects the steps that take back what was written while it is a list."""

    def __init__(self, tables: Tables, now: Callable[[], float]) -> None:
        self.tables = tables
        self.now = now
        self.ids = Ids(1000000)
        self.ignored: Counter[str] = Counter()
        self.undo: list[Callable[[], None]] | None = None
        self.index_lag = 0.0
        self.uniques: dict[str, list[str]] = {}
        self.learn_uniques()

    def learn_uniques(self) -> None:
        """Called when fields were made or removed."""
        self.uniques = {
            name: [known.name for known in module.fields.values() if known.unique]
            for name, module in self.tables.schema.modules.items()
        }

    def insert(self, module: str, item: Any, index: int, user: str) -> dict[str, Any]:
        """Insert one item; its result."""
        if not isinstance(item, dict):
            return error("INVALID_DATA", expected_data_type="jsonobject", api_name="data", json_path=f"$.data[{index}]")
        now = self.now()
        checked = check(self.tables, module, item, index, None, now)
        self._note(module, checked)
        if checked.errors:
            return checked.failure()
        clash = self._clash(module, checked.values, index, None)
        if clash is not None:
            return clash
        row = self.put_new(module, checked.values, user, checked.layout.id if checked.layout else "", checked.se_module)
        return success("record added", self._details(module, row))

    def put_new(self, module: str, values: dict[str, Any], user: str, layout: str = "", se_module: str = "") -> Row:
        """A new row with values that were checked."""
        now = int(self.now())
        values.setdefault("Owner", user)
        if module in ("Leads", "Contacts"):
            values["Full_Name"] = _full_name(values)
        if module == "Calls":
            _call(values, now)
        row = Row(self.ids.next(), values, now, now, user, user, layout, se_module)
        table = self.tables[module]
        table.put(row)
        if self.index_lag > 0:
            table.fresh[row.id] = self.now() + self.index_lag
        if self.undo is not None:
            self.undo.append(lambda: table.take(row))
        self._touch(module, row, now)
        return row

    def update(
        self, module: str, item: Any, index: int, user: str, row_id: str | None = None, since: float | None = None
    ) -> dict[str, Any]:
        """Update one item; its result. ``since``: refuse when the record was modified after it."""
        if not isinstance(item, dict):
            return error("INVALID_DATA", expected_data_type="jsonobject", api_name="data", json_path=f"$.data[{index}]")
        wanted = row_id or item.get("id")
        if wanted is None:
            return field_error("MANDATORY_NOT_FOUND", "id", index)
        row = self.tables[module].rows.get(str(wanted))
        if row is None:
            return field_error("INVALID_DATA", "id", index, "the id given seems to be invalid")
        if since is not None and row.modified > since:
            by = self.tables.schema.user_ref(row.modified_by)
            return error(
                "ALREADY_MODIFIED",
                id=row.id,
                Created_Time=told(row.created),
                Modified_Time=told(row.modified),
                Modified_By=by,
            )
        checked = check(self.tables, module, item, index, row, self.now())
        self._note(module, checked)
        if checked.errors:
            return checked.failure()
        clash = self._clash(module, checked.values, index, row)
        if clash is not None:
            return clash
        self.change(module, row, checked.values, user, checked.layout.id if checked.layout else None, checked.se_module)
        return success("record updated", self._details(module, row))

    def change(
        self,
        module: str,
        row: Row,
        values: dict[str, Any],
        user: str,
        layout: str | None = None,
        se_module: str | None = None,
    ) -> None:
        """Change a row by values that were checked."""
        before = dict(row.values)
        kept = (row.modified, row.modified_by, row.layout, row.se_module)
        row.values.update(values)
        if module in ("Leads", "Contacts"):
            row.values["Full_Name"] = _full_name(row.values)
        if module == "Calls":
            _call(row.values, int(self.now()))
        row.modified, row.modified_by = int(self.now()), user
        row.layout, row.se_module = layout or row.layout, row.se_module if se_module is None else se_module
        changed = {name for name in row.values if row.values[name] != before.get(name)}
        table = self.tables[module]
        table.put(row, changed, before)
        if self.undo is not None:

            def back() -> None:
                after = dict(row.values)
                row.values.clear()
                row.values.update(before)
                row.modified, row.modified_by, row.layout, row.se_module = kept
                table.put(row, changed, after)

            self.undo.append(back)

    def upsert(
        self, module: str, item: Any, index: int, user: str, checks: list[str], since: float | None = None
    ) -> dict[str, Any]:
        """Update the oldest record that agrees in the first duplicate check field that finds one, else insert."""
        if not isinstance(item, dict):
            return error("INVALID_DATA", expected_data_type="jsonobject", api_name="data", json_path=f"$.data[{index}]")
        if item.get("id") is not None:
            result = self.update(module, item, index, user, None, since)
            return _acted(result, "update", None)
        for name in checks or [*DUPLICATE_CHECK.get(module, ()), *self.uniques[module]]:
            value = item.get(name)
            if value == "" or not isinstance(value, (str, int, float)):
                continue
            found = next(iter(self.tables[module].having(name, value)), None)
            if found is not None:
                return _acted(self.update(module, item, index, user, found, since), "update", name)
        return _acted(self.insert(module, item, index, user), "insert", None)

    def delete(self, module: str, row_id: str, user: str) -> dict[str, Any]:
        """Delete one record; its result."""
        table = self.tables[module]
        row = table.rows.get(row_id)
        if row is None:
            return error("INVALID_DATA", "the id given seems to be invalid", id=row_id)
        gone = Deleted(row.id, self.tables.name_of(module, row), int(self.now()), user)
        table.take(row)
        table.deleted.append(gone)
        if self.undo is not None:

            def back() -> None:
                table.put(row)
                table.deleted.remove(gone)

            self.undo.append(back)
        return success("record deleted", {"id": row_id})

    def roll_back(self) -> None:
        """Take back what was written since ``undo`` was made a list."""
        for step in reversed(self.undo or []):
            step()
        self.undo = None

    def _details(self, module: str, row: Row) -> dict[str, Any]:
        schema = self.tables.schema
        return {
            "Modified_Time": told(row.modified),
            "Modified_By": schema.user_ref(row.modified_by),
            "Created_Time": told(row.created),
            "id": row.id,
            "Created_By": schema.user_ref(row.by),
            **({} if module == "Notes" else {"$approval_state": "approved"}),
        }

    def _clash(self, module: str, values: dict[str, Any], index: int, row: Row | None) -> dict[str, Any] | None:
        """The DUPLICATE_DATA error when a unique field's value is another record's already."""
        table = self.tables[module]
        for name in self.uniques[module]:
            value = values.get(name)
            if value is None:
                continue
            for other in table.having(name, value):
                if row is not None and other == row.id:
                    continue
                if table.module.fields[name].unique == "case" and table.rows[other].values.get(name) != value:
                    continue
                owner = self.tables.schema.user_ref(table.rows[other].values["Owner"])
                record = {
                    "id": other,
                    "Owner": {**owner, "zuid": owner["id"][-9:]},
                    "module": {"api_name": module, "id": table.module.id},
                }
                return field_error("DUPLICATE_DATA", name, index, id=other, duplicate_record=record, more_records=False)
        return None

    def _touch(self, module: str, row: Row, now: int) -> None:
        """An activity is the last one of the records that it is about."""
        if module not in ("Calls", "Tasks", "Events", "Notes"):
            return
        for name, target in (("Who_Id", "Contacts"), ("What_Id", row.se_module), ("Parent_Id", row.se_module)):
            other = self.tables[target].rows.get(row.values.get(name, "")) if target in self.tables.by_module else None
            if other is not None:
                table, before = self.tables[target], dict(other.values)
                other.values["Last_Activity_Time"] = told(now)
                table.put(other, {"Last_Activity_Time"}, before)

    def _note(self, module: str, checked: Checked) -> None:
        for name in checked.ignored:
            self.ignored[f"{module}.{name}"] += 1


def _full_name(values: dict[str, Any]) -> str:
    return " ".join(part for part in (values.get("First_Name"), values.get("Last_Name")) if part)


def _call(values: dict[str, Any], now: int) -> None:
    """Duration in seconds follows the text; a call that took place is Completed."""
    text = values.get("Call_Duration")
    if text and values.get("Call_Duration_in_seconds") is None:
        minutes, _, seconds = text.partition(":")
        values["Call_Duration_in_seconds"] = int(minutes) * 60 + int(seconds)
    if values.get("Call_Type") == "Outbound" and values.get("Outgoing_Call_Status") is None and completed(values, now):
        values["Outgoing_Call_Status"] = "Completed"


def _acted(result: dict[str, Any], action: str, duplicate_field: str | None) -> dict[str, Any]:
    if result["status"] == "success":
        result["action"] = action
        result["duplicate_field"] = duplicate_field
    return result


def seed_row(writer: Writer, module: str, item: dict[str, Any], user: str) -> str:
    """A record put in by a test: no checks but the field names; times may be given as seconds or ISO; returns its id."""
    tables = writer.tables
    known = tables.schema.modules[module].fields
    values: dict[str, Any] = {}
    for name, value in item.items():
        if name in ("Created_Time", "Modified_Time", "id", "$se_module", "Layout"):
            continue
        if name not in known:
            raise ValueError(f"{module} has no field {name}")
        values[name] = value["id"] if known[name].is_lookup and isinstance(value, dict) else value
    row = writer.put_new(module, values, user, tables.schema.modules[module].layouts[0].id, item.get("$se_module", ""))
    for name, slot in (("Created_Time", "created"), ("Modified_Time", "modified")):
        if name in item:
            setattr(row, slot, int(read(item[name]) if isinstance(item[name], str) else item[name]))
    tables[module].fresh.pop(row.id, None)
    if "id" in item:
        tables[module].take(row)
        row.id = str(item["id"])
        tables[module].put(row)
    return row.id
