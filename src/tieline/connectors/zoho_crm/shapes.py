"""Zoho's odd shapes made flat, and back.

Names that begin with "$" are ours; each stands for several of Zoho's fields:

| ours | Zoho |
|---|---|
| $name | First_Name and Last_Name: the last word and what stands before it; all in Last_Name where it is no person's name |
| $stage_kind | open, won or lost: what the pipelines say of Stage |
| $direction, $outcome | Call_Type: Inbound, Outbound, or Missed for an inbound call that nobody took |
| $external_number, $line_number | Caller_ID and Dialled_Number, whichever it is in that direction |
| $account, $deal, $lead | What_Id with $se_module; one of them, in this order; a lead not beside a contact |

Sources: the page Calls of the v8 documentation, "Fields of interest" of the module pages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tieline.sdk.contract import Link, VendorRecord

ORIGIN = "Tieline_Key"
ORIGIN_LABEL = "Tieline Key"

WHAT = {"$account": "Accounts", "$deal": "Deals", "$lead": "Leads"}
"""In the order in which one is chosen: an activity hangs on one record beside its contact."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "$name": ("First_Name", "Last_Name"),
    "$stage_kind": ("Stage",),
    "$direction": ("Call_Type",),
    "$outcome": ("Call_Type", "Call_Duration_in_seconds"),
    "$external_number": ("Call_Type", "Caller_ID", "Dialled_Number"),
    "$line_number": ("Call_Type", "Caller_ID", "Dialled_Number"),
    **dict.fromkeys(WHAT, ("What_Id",)),
}
NAMED = ("Leads", "Contacts")
"""Objects whose name is a person's."""
LONGEST_NAME = 80
"""Of Last_Name; Zoho asks for one."""
LONGEST_FIRST = 40
MISSED = frozenset(("missed", "no_answer", "busy", "canceled", "failed", "rejected", "voicemail"))
"""Outcomes of an inbound call that make it Missed."""
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def columns(names: Iterable[str]) -> list[str]:
    """The fields of Zoho to read for these names, each once."""
    return list(dict.fromkeys(real for name in names for real in COLUMNS.get(name, (name,))))


def record(object: str, row: Mapping[str, Any], names: Iterable[str], kind_of: Callable[[str], str]) -> VendorRecord:
    """A row as a flat record with these names. `kind_of`: stage → "open", "won" or "lost"."""
    fields: dict[str, Any] = {}
    for name in names:
        if name not in COLUMNS:
            if name in row:
                fields[name] = flat(row[name])
        elif name == "$name":
            fields[name] = " ".join(part for part in (row.get("First_Name"), row.get("Last_Name")) if part) or None
        elif name == "$stage_kind":
            fields[name] = kind_of(row.get("Stage") or "")
        elif name in WHAT:
            if not row.get("What_Id"):
                fields[name] = None
            elif "$se_module" in row:
                fields[name] = flat(row["What_Id"]) if row["$se_module"] == WHAT[name] else None
        else:
            fields[name] = _of_call(name, row)
    return VendorRecord(object, str(row["id"]), fields, version_of(row))


def version_of(row: Mapping[str, Any]) -> str | None:
    """What changes when the record does: its change time, in UTC however the organisation writes times."""
    changed = row.get("Modified_Time")
    return stamp(changed) if isinstance(changed, str) and STAMP.fullmatch(changed) else None


def flat(value: Any) -> Any:
    """A linked record or user as its id, a time in UTC; anything else as it is."""
    if isinstance(value, dict) and "id" in value:
        return str(value["id"])
    if isinstance(value, str) and STAMP.fullmatch(value):
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _of_call(name: str, row: Mapping[str, Any]) -> Any:
    kind = row.get("Call_Type")
    if name == "$direction":
        return "outbound" if kind == "Outbound" else "inbound"
    if name == "$outcome":
        if kind == "Missed":
            return "missed"
        return "answered" if kind == "Inbound" or row.get("Call_Duration_in_seconds") else "no_answer"
    is_caller = (name == "$external_number") is (kind != "Outbound")
    return row.get("Caller_ID" if is_caller else "Dialled_Number")


# -- writing ----------------------------------------------------------------------------------------------------------


def body(object: str, values: Mapping[str, Any], id_of: Callable[[Link], str]) -> dict[str, Any]:
    """The item that is sent for these values; `id_of` gives the id (or the composite reference) of a link."""
    out = {name: _sent(name, value, id_of) for name, value in values.items() if not name.startswith("$")}
    if "$name" in values and "Last_Name" not in out:
        _name(out, values["$name"])
    if object in ("Calls", "Tasks"):
        _hang(out, values, id_of)
    if object == "Calls":
        _call(out, values)
    return out


def _name(out: dict[str, Any], name: Any) -> None:
    """A person's name in Zoho's two fields, so that reading gives it back. What has a digit in it ("+33 1 86 …", "Line 4") is no
    first and last name."""
    words = name.split() if isinstance(name, str) else []
    first = " ".join(words[:-1])
    if first and len(first) <= LONGEST_FIRST and len(words[-1]) <= LONGEST_NAME and not any(map(str.isdigit, name)):
        out["First_Name"], out["Last_Name"] = first, words[-1]
        return
    out["Last_Name"] = name[:LONGEST_NAME] if isinstance(name, str) else name
    out.setdefault("First_Name", None)


def _sent(name: str, value: Any, id_of: Callable[[Link], str]) -> Any:
    if isinstance(value, Link):
        return {"id": id_of(value)}
    if name in ("Owner", "Layout") and value is not None and not isinstance(value, dict):
        return {"id": value}
    if isinstance(value, str) and STAMP.fullmatch(value):
        return stamp(value)
    return value


def stamp(value: str) -> str:
    """A time as Zoho wants it: no fractions, an offset rather than Z."""
    return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _hang(out: dict[str, Any], values: Mapping[str, Any], id_of: Callable[[Link], str]) -> None:
    """What_Id with its module: one record beside the contact, and no lead beside one (Zoho's rule)."""
    given = [name for name in WHAT if name in values]
    has_contact = out.get("Who_Id") is not None
    for name in given:
        value = values[name]
        if isinstance(value, Link) and not (name == "$lead" and has_contact):
            out["What_Id"] = {"id": id_of(value)}
            out["$se_module"] = WHAT[name]
            return
    if given and all(values[name] is None for name in given):
        out["What_Id"] = None


def _call(out: dict[str, Any], values: Mapping[str, Any]) -> None:
    direction, outcome = values.get("$direction"), values.get("$outcome")
    if direction is not None:
        # Zoho has no outcome of its own: of a call record that is there, its type says all, and needs the direction
        out["Call_Type"] = "Outbound" if direction == "outbound" else ("Missed" if outcome in MISSED else "Inbound")
    seconds = values.get("Call_Duration_in_seconds")
    kind = out.get("Call_Type")
    if kind == "Missed":
        out.pop("Call_Duration_in_seconds", None)
    elif isinstance(seconds, (int, float)) or kind is not None:
        whole = max(0, int(seconds or 0))
        out["Call_Duration"] = f"{whole // 60:02}:{whole % 60:02}"
        out["Call_Duration_in_seconds"] = whole
    outside, line = values.get("$external_number"), values.get("$line_number")
    if direction is not None:
        caller, dialled = (line, outside) if direction == "outbound" else (outside, line)
        for name, number in (("Caller_ID", caller), ("Dialled_Number", dialled)):
            if number:
                out[name] = number[:50]
