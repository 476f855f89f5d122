"""What Zoho CRM checks before it writes a record, field by field, and the rules of calls, tasks and deals."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tieline.connectors.zoho_crm.sandbox.answers import error, field_error
from tieline.connectors.zoho_crm.sandbox.rows import Row, Tables, read, told
from tieline.connectors.zoho_crm.sandbox.schema import FieldDef, Layout, Module

EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s,;<>()]{2,}")
DURATION = re.compile(r"\d{1,4}:[0-5]\d")
BODY_WORDS = frozenset({"id", "Layout", "$se_module", "Tag", "$append_values", "Owner"})


@dataclass(slots=True)
class Checked:
    """An item after the checks: ``values`` to write when ``errors`` is empty."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    layout: Layout | None = None
    se_module: str = ""

    def failure(self) -> dict[str, Any]:
        """The one error item for it."""
        if len(self.errors) == 1:
            return self.errors[0]
        return error("MULTIPLE_OR_MULTI_ERRORS", errors=self.errors)


def check(tables: Tables, module: str, item: dict[str, Any], index: int, row: Row | None, now: float) -> Checked:
    """Check one item of a write; ``row`` is the record it updates, None for an insert. Names the module does not have are ignored without a word."""
    definition = tables.schema.modules[module]
    made = Checked()
    made.layout = _layout(tables, module, item, index, row, made.errors)
    made.se_module = row.se_module if row else ""
    if "$se_module" in item:
        made.se_module = str(item["$se_module"])
    for name, value in item.items():
        known = definition.fields.get(name)
        if known is None or known.read_only:
            if known is not None or name not in BODY_WORDS:
                made.ignored.append(name)
            continue
        if value is None or value == "":
            if known.mandatory:
                made.errors.append(
                    field_error("MANDATORY_NOT_FOUND", name, index) if row is None else _wrong(known, index)
                )
            made.values[name] = None
            continue
        _CHECKS[known.kind](tables, known, value, index, made)
    if row is None:
        _mandatory(definition, item, index, made)
    if module in ("Calls", "Tasks", "Events"):
        _activity(tables, module, index, row, made, now)
    if module == "Deals" and not made.errors:
        _stage(item, index, row, made)
    return made


def _mandatory(definition: Module, item: dict[str, Any], index: int, made: Checked) -> None:
    """What the system or the layout wants of a new record."""
    for name, known in definition.fields.items():
        wanted = known.mandatory or (made.layout is not None and name in made.layout.required)
        if (
            wanted
            and item.get(name) in (None, "")
            and not any(e["details"].get("api_name") == name for e in made.errors)
        ):
            made.errors.append(field_error("MANDATORY_NOT_FOUND", name, index))


def _layout(
    tables: Tables, module: str, item: dict[str, Any], index: int, row: Row | None, errors: list[dict[str, Any]]
) -> Layout | None:
    layouts = tables.schema.modules[module].layouts
    given = item.get("Layout")
    wanted = given.get("id") if isinstance(given, dict) else given
    if wanted is None:
        wanted = row.layout if row else layouts[0].id
    found = next((layout for layout in layouts if layout.id == str(wanted)), None)
    if found is None:
        errors.append(field_error("INVALID_DATA", "Layout", index))
    return found


def _wrong(known: FieldDef, index: int, **details: Any) -> dict[str, Any]:
    return field_error("INVALID_DATA", known.name, index, **(details or {"expected_data_type": known.kind}))


def _text(_tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    if not isinstance(value, str):
        made.errors.append(_wrong(known, index))
    elif len(value) > known.length:
        made.errors.append(_wrong(known, index, maximum_length=known.length))
    elif known.kind == "email" and not EMAIL.fullmatch(value):
        made.errors.append(_wrong(known, index))
    elif known.name == "Call_Duration" and not DURATION.fullmatch(value):
        made.errors.append(_wrong(known, index, regex=DURATION.pattern))
    else:
        made.values[known.name] = value


def _choice(_tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    if not isinstance(value, str):
        made.errors.append(_wrong(known, index))
    elif value not in known.values and value != "-None-":
        made.errors.append(_wrong(known, index, supported_values=list(known.values)))
    else:
        made.values[known.name] = None if value == "-None-" else value


def _choices(_tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
        made.errors.append(_wrong(known, index, expected_data_type="jsonarray"))
    elif any(part not in known.values for part in value):
        made.errors.append(_wrong(known, index, supported_values=list(known.values)))
    else:
        made.values[known.name] = value


def _number(_tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    whole = known.kind in ("integer", "bigint")
    if known.kind == "bigint" and isinstance(value, str) and value.lstrip("-").isdigit():
        made.values[known.name] = value
    elif isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        made.errors.append(_wrong(known, index))
    elif len(str(abs(int(value)))) > known.length:
        made.errors.append(_wrong(known, index, maximum_length=known.length))
    else:
        made.values[known.name] = value


def _boolean(_tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    if isinstance(value, bool):
        made.values[known.name] = value
    else:
        made.errors.append(_wrong(known, index))


def _date(_tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    try:
        made.values[known.name] = date.fromisoformat(value if len(value) == 10 else "").isoformat()
    except (TypeError, ValueError):
        made.errors.append(_wrong(known, index))


def _datetime(_tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    try:
        made.values[known.name] = told(int(read(value)))
    except (TypeError, ValueError):
        made.errors.append(_wrong(known, index))


def _lookup(tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    given = value.get("id") if isinstance(value, dict) else value
    if not isinstance(given, (str, int)) or isinstance(given, bool):
        made.errors.append(_wrong(known, index, expected_data_type="jsonobject"))
        return
    given = str(given)
    if known.name == "Parent_Id":
        target = (
            value.get("module", {}).get("api_name")
            if isinstance(value, dict) and isinstance(value.get("module"), dict)
            else None
        )
        if target not in tables.by_module or target == "Notes":
            made.errors.append(
                error("INVALID_DATA", api_name="api_name", json_path=f"$.data[{index}].Parent_Id.module.api_name")
            )
            return
        made.se_module = target
    targets = [made.se_module] if known.target == "*" else [known.target]
    if known.target == "*" and made.se_module not in tables.by_module:
        made.values[known.name] = given  # judged with $se_module, below
        return
    if tables.find(given, targets) is None:
        made.errors.append(
            error(
                "INVALID_DATA",
                "the id given seems to be invalid",
                api_name="id",
                json_path=f"$.data[{index}].{known.name}.id",
            )
        )
    else:
        made.values[known.name] = given


def _owner(tables: Tables, known: FieldDef, value: Any, index: int, made: Checked) -> None:
    given = value.get("id") if isinstance(value, dict) else value
    user = tables.schema.users.get(str(given))
    if user is None or user.status != "active":
        made.errors.append(
            error(
                "INVALID_DATA",
                "the id given seems to be invalid",
                api_name="id",
                json_path=f"$.data[{index}].{known.name}.id",
            )
        )
    else:
        made.values[known.name] = user.id


_CHECKS: dict[str, Callable[[Tables, FieldDef, Any, int, Checked], None]] = {
    "text": _text, "textarea": _text, "email": _text, "phone": _text, "website": _text, "picklist": _choice, "multiselectpicklist": _choices,
    "integer": _number, "bigint": _number, "currency": _number, "double": _number, "percent": _number, "boolean": _boolean, "date": _date,
    "datetime": _datetime, "lookup": _lookup, "ownerlookup": _owner,
}  # fmt: skip


def _activity(tables: Tables, module: str, index: int, row: Row | None, made: Checked, now: float) -> None:
    """Who_Id is a contact, What_Id anything else and says which by $se_module; a lead goes into What_Id, and then there is no Who_Id."""
    merged = {**(row.values if row else {}), **made.values}
    if made.values.get("What_Id") is not None:
        if not made.se_module:
            dependee = {"api_name": "What_Id", "json_path": f"$.data[{index}].What_Id"}
            made.errors.append(field_error("DEPENDENT_FIELD_MISSING", "$se_module", index, dependee=dependee))
        elif made.se_module not in tables.by_module or made.se_module in (
            "Contacts",
            "Notes",
            "Calls",
            "Tasks",
            "Events",
        ):
            made.errors.append(field_error("INVALID_DATA", "$se_module", index))
    if merged.get("Who_Id") and merged.get("What_Id") and made.se_module == "Leads":
        made.errors.append(
            field_error("INVALID_DATA", "Who_Id", index, "a call or task of a lead cannot have a contact")
        )
    if module != "Calls":
        return
    if row is not None:
        for name in ("Call_Type", "Owner"):
            if name in made.values and made.values[name] != row.values.get(name) and completed(row.values, now):
                made.errors.append(
                    field_error("INVALID_DATA", name, index, "a completed call's type and owner cannot be changed")
                )
    elif completed(merged, now) and merged.get("Call_Duration") is None:
        made.errors.append(field_error("MANDATORY_NOT_FOUND", "Call_Duration", index))


def completed(values: dict[str, Any], now: float) -> bool:
    """Whether a call took place: inbound or outbound, begun, and not merely scheduled or cancelled. A missed call did not."""
    if values.get("Call_Type") not in ("Inbound", "Outbound") or values.get("Call_Start_Time") is None:
        return False
    if values.get("Outgoing_Call_Status") in ("Scheduled", "Overdue", "Cancelled"):
        return False
    return values.get("Outgoing_Call_Status") == "Completed" or read(values["Call_Start_Time"]) <= now


def _stage(item: dict[str, Any], index: int, row: Row | None, made: Checked) -> None:
    """The pipeline is one of the layout's, the stage one of the pipeline's; a deal without pipeline gets the first that has the stage."""
    pipelines = made.layout.pipelines if made.layout else []
    if not {"Stage", "Pipeline", "Layout"} & set(item):
        return
    merged = {**(row.values if row else {}), **made.values}
    named = merged.get("Pipeline")
    stage = merged.get("Stage")
    if named is None:
        ordered = sorted(pipelines, key=lambda pipeline: not pipeline.default)
        found = next((pipeline for pipeline in ordered if any(known == stage for _, known, _ in pipeline.stages)), None)
        if found is None:
            made.errors.append(field_error("INVALID_DATA", "Stage", index, "the stage is in no pipeline of the layout"))
        else:
            made.values["Pipeline"] = found.name
        return
    chosen = next((pipeline for pipeline in pipelines if pipeline.name == named), None)
    if chosen is None:
        made.errors.append(
            field_error("INVALID_DATA", "Pipeline", index, supported_values=[pipeline.name for pipeline in pipelines])
        )
    elif not any(known == stage for _, known, _ in chosen.stages):
        dependee = {"api_name": "Pipeline", "json_path": f"$.data[{index}].Pipeline"}
        made.errors.append(field_error("DEPENDENT_MISMATCH", "Stage", index, dependee=dependee))
