"""Our values as Tryton's rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieline.connectors.tryton.marks import NOTE_PARTS, NoteText, identifier, split_mark, with_mark
from tieline.connectors.tryton.shapes import (
    ADDRESS,
    DEAL,
    MECHANISMS,
    NOTE_LINKS,
    PARTY_LINKS,
    PHONES,
    holds,
)
from tieline.connectors.tryton.wire import tagged_bytes, tagged_date, tagged_decimal, tagged_time
from tieline.core.values import phone
from tieline.sdk.contract import Link, Outcome, PushOperation, Rejected

NEW_STAGES = ("opportunity", "lost", "cancelled")
"""States in which a deal can be made or put by buttons that have no further effect."""
_READ_ONLY = {
    "code", "other_phone", "tax_identifier", "created_at", "modified_at", "origin", "status", "stage_kind", "number", "id",
}  # fmt: skip


class RowError(Exception):
    """These values make no row; `outcome` says why."""

    def __init__(self, code: str, field: str | None) -> None:
        super().__init__(code)
        self.outcome: Outcome = Rejected(code, field)


def party_row(
    operation: PushOperation,
    types: Mapping[str, str],
    category: int | None,
    relation: int | None,
    old: Mapping[str, Any] | None = None,
    relation_name: str = "",
) -> dict[str, Any]:
    """A party to create (old None) or the changes to one. category: of persons, for a new one; relation: its type."""
    row: dict[str, Any] = {}
    address: dict[str, Any] = {}
    mechanisms: list[list[Any]] = []
    for name, value in operation.values.items():
        if name in MECHANISMS:
            mechanisms += _mechanism(name, value, old)
        elif name in ADDRESS:
            address[name] = value
        elif name == "organisation":
            row["relations"] = _relation(value, relation, old, relation_name)
        else:
            row[name] = encoded(name, value, types)
    if mechanisms:
        row["contact_mechanisms"] = mechanisms
    if address and (old is not None or any(address.values())):
        row["addresses"] = _address(address, old)
    if old is None:
        row["identifiers"] = [["create", [{"code": identifier(operation.key)}]]]
        if category is not None:
            row["categories"] = [["add", [category]]]
    return {name: value for name, value in row.items() if value != []}


def _mechanism(name: str, value: Any, old: Mapping[str, Any] | None) -> list[list[Any]]:
    there = [one for one in (old or {}).get("contact_mechanisms.") or () if holds(one, name)]
    if value is None or value == "":
        return [["delete", [there[0]["id"]]]] if there else []
    # Tryton refuses a phone number that no numbering plan has; people are called from such numbers all the same
    number = phone(str(value), "") if name in PHONES else None
    kind = "other" if number is not None and number.is_number and not number.valid else name
    if there and there[0].get("type") == kind:
        return [["write", [there[0]["id"]], {"value": str(value)}]]
    old_rows: list[list[Any]] = [["delete", [there[0]["id"]]]] if there else []
    named = {"name": name} if kind != name else {}
    return [*old_rows, ["create", [{"type": kind, "value": str(value), **named}]]]


def _address(values: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[list[Any]]:
    there = (old or {}).get("addresses.") or ()
    return [["write", [there[0]["id"]], dict(values)]] if there else [["create", [dict(values)]]]


def _relation(value: Any, relation: int | None, old: Mapping[str, Any] | None, relation_name: str) -> list[list[Any]]:
    there = [
        one["id"]
        for one in (old or {}).get("relations.") or ()
        if (one.get("type.") or {}).get("name") == relation_name
    ]
    rows: list[list[Any]] = [["delete", there]] if there else []
    if value:
        rows.append(["create", [{"to": linked(value, "organisation"), "type": relation}]])
    return rows


def opportunity_row(
    operation: PushOperation, types: Mapping[str, str], old: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An opportunity to create (old None) or the changes to one; its state is a matter of buttons."""
    values = operation.values
    row: dict[str, Any] = {}
    for name, value in values.items():
        match name:
            case "name":
                row["description"] = value
            case "phone":
                row["reference"] = value
            case "owner":
                row["employee"] = linked(value, "owner") if value else None
            case "organisation" | "person" | "stage":
                continue
            case "comment":
                key = operation.key if old is None else split_mark(old.get("comment"))[1]
                row["comment"] = with_mark(value, key) if key else value
            case "probability":
                row["conversion_probability"] = value
            case _:
                row[name] = encoded(name, value, types)
    if any(name in values for name in PARTY_LINKS):
        party = next((values[name] for name in PARTY_LINKS if values.get(name)), None)
        row["party"] = linked(party, "organisation") if party else None
    if old is None:
        row.setdefault("comment", with_mark(None, operation.key))
    _check_stage(operation, row, is_new=old is None)
    return row


def _check_stage(operation: PushOperation, row: Mapping[str, Any], *, is_new: bool) -> None:
    if operation.object != DEAL:
        if "stage" in operation.values:
            raise RowError("read_only", "stage")
        return
    stage = operation.values.get("stage")
    if stage is not None and stage not in NEW_STAGES and (is_new or stage != "lead"):
        raise RowError("not_possible", "stage")
    if is_new and not row.get("party"):
        raise RowError("required", "organisation")
    if is_new and not row.get("employee"):
        raise RowError("required", "owner")


def note_row(operation: PushOperation) -> dict[str, Any]:
    """A call as a note on the first record that it is linked to."""
    values = operation.values
    unknown = set(values) - {*NOTE_PARTS, *NOTE_LINKS}
    if unknown:
        raise RowError("unknown_field", min(unknown))
    parent = next((values[name] for name in NOTE_LINKS if values.get(name)), None)
    if parent is None:
        raise RowError("required", "parent")
    name = next(name for name in NOTE_LINKS if values.get(name))
    place = f"{NOTE_LINKS[name].partition('/')[0]},{linked(parent, name)}"
    return {"resource": place, "message": NoteText(values).write(operation.key)}


def attachment_row(operation: PushOperation, place: str, note: str | None) -> dict[str, Any]:
    """A file as a link or with its content; note: the id of the note that it belongs to."""
    values = operation.values
    row: dict[str, Any] = {"resource": place, "name": values.get("name") or "file"}
    row["description"] = with_mark(None, operation.key, {"note": note})
    if values.get("content") is not None:
        return {**row, "type": "data", "data": tagged_bytes(values["content"])}
    return {**row, "type": "link", "link": values.get("url")}


def resource(link: Link) -> str:
    """A record as Tryton's references name it."""
    return f"{link.object.partition('/')[0]},{linked(link, 'parent')}"


def linked(value: Any, field: str) -> int:
    """The id of a linked record."""
    id = value.id if isinstance(value, Link) else str(value)
    if not id.isdigit():
        raise RowError("not_a_record", field)
    return int(id)


def encoded(name: str, value: Any, types: Mapping[str, str]) -> Any:
    """A value of a plain field of Tryton's, by the type that Tryton says it has."""
    if name in _READ_ONLY:
        raise RowError("read_only", name)
    kind = types.get(name)
    if kind is None:
        raise RowError("unknown_field", name)
    if value is None:
        return None
    try:
        match kind:
            case "numeric":
                return tagged_decimal(value)
            case "date":
                return tagged_date(str(value))
            case "datetime" | "timestamp":
                return tagged_time(str(value))
            case "many2one":
                return linked(value, name)
            case "integer":
                return int(value)
            case "float":
                return float(value)
            case "boolean":
                return bool(value)
            case _:
                return value
    except (ValueError, ArithmeticError):
        raise RowError("wrong_type", name) from None
