"""What the organisation looks like: fields, layouts, pipelines, users; and room for our origin key."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tieline.connectors.zoho_crm.api import Api
from tieline.connectors.zoho_crm.shapes import LONGEST_NAME, NAMED, ORIGIN, ORIGIN_LABEL
from tieline.core.errors import ConfigError, ProtocolError
from tieline.sdk.contract import FieldSchema, Layout, ObjectSchema, VendorUser

TYPES = {
    "text": "text", "textarea": "text", "rich_text": "text", "picklist": "choice", "multiselectpicklist": "choices",
    "lookup": "link", "ownerlookup": "user", "userlookup": "user", "date": "date", "datetime": "datetime",
    "boolean": "bool", "integer": "number", "bigint": "number", "double": "number", "percent": "number",
    "currency": "money", "phone": "phone", "email": "email", "website": "url",
}  # fmt: skip
KINDS = {"open": "open", "closed won": "won", "closed lost": "lost"}
"""forecast_type in lower case → what a stage means."""
STAGES_FOR_S = 3600.0
"""How long the meaning of stages is remembered by a client."""
MADE_HERE = {"Calls": {"Call_Type", "Call_Duration", "Call_Duration_in_seconds"}}
"""Required fields that the connector fills by itself."""
ORIGIN_LENGTH = 100
PIPELINES_SCOPE = "ZohoCRM.settings.pipeline.READ"

KindOf = Callable[[str], str]
"""Stage → "open", "won" or "lost"."""
Stage = tuple[str, str, str]
Pipeline = tuple[str, str, tuple[Stage, ...]]


async def describe(api: Api, object: str) -> ObjectSchema:
    """Fields, layouts and pipelines of one module. Pipelines only where they may be read: a grant may hold less than
    was asked for, and the rest is described all the same."""
    got, layouts = await asyncio.gather(
        api.get("/settings/fields", {"module": object}), api.get("/settings/layouts", {"module": object})
    )
    fields = [_field(raw) for raw in _list(got, "fields")]
    shown = [raw for raw in _list(layouts, "layouts") if raw.get("status", "active") in ("active", 0, None)]
    pipelines: Sequence[tuple[Pipeline, ...]] = [()] * len(shown)
    scopes = api.client.scopes
    if object == "Deals" and (not scopes or PIPELINES_SCOPE in scopes):
        pipelines = await asyncio.gather(*(pipelines_of(api, str(raw["id"])) for raw in shown))
    made = [
        Layout(
            str(raw["id"]),
            str(raw.get("display_label") or raw.get("name") or ""),
            _required(object, raw, fields),
            lines,
        )
        for raw, lines in zip(shown, pipelines, strict=True)
    ]
    fields.extend(_ours(object, made))
    return ObjectSchema(object, object, tuple(_judged(object, field) for field in fields), tuple(made))


def _field(raw: Mapping[str, Any]) -> FieldSchema:
    does = raw.get("operation_type") or {}
    lookup = (raw.get("lookup") or {}).get("module") or {}
    choices = tuple(
        (str(one["actual_value"]), str(one.get("display_value") or one["actual_value"]))
        for one in raw.get("pick_list_values") or ()
        if one.get("type", "used") == "used" and one.get("actual_value")
    )
    return FieldSchema(
        name=str(raw["api_name"]),
        label=str(raw.get("display_label") or raw.get("field_label") or raw["api_name"]),
        type=TYPES.get(str(raw.get("data_type")), "other"),
        required=bool(raw.get("system_mandatory")),
        read_only=bool(raw.get("read_only") or raw.get("field_read_only") or does.get("api_create") is False),
        unique=bool(raw.get("unique")),
        length=raw.get("length") or None,
        choices=choices,
        link=str(lookup["api_name"]) if lookup.get("api_name") else None,
    )


def _required(object: str, layout: Mapping[str, Any], fields: Sequence[FieldSchema]) -> tuple[str, ...]:
    """What this layout wants of a new record, less what the connector fills in; a name by our name for it."""
    fixed = {field.name for field in fields if field.read_only} | MADE_HERE.get(object, set())
    names = [
        str(field["api_name"])
        for section in layout.get("sections") or ()
        for field in section.get("fields") or ()
        if field.get("required") and field["api_name"] not in fixed
    ]
    return tuple(dict.fromkeys("$name" if object in NAMED and name == "Last_Name" else name for name in names))


def _judged(object: str, field: FieldSchema) -> FieldSchema:
    """Not asked of anybody where the connector fills it in."""
    if field.required and (field.name in MADE_HERE.get(object, ()) or (object in NAMED and field.name == "Last_Name")):
        return replace(field, required=False)
    return field


def _ours(object: str, layouts: Sequence[Layout]) -> list[FieldSchema]:
    """Fields under our own names (shapes.py)."""
    out: list[FieldSchema] = []
    if layouts:
        out.append(FieldSchema("Layout", "Layout", "choice", choices=tuple((one.id, one.label) for one in layouts)))
    if object in NAMED:
        out.append(FieldSchema("$name", "Name", "text", required=True, length=LONGEST_NAME))
    if object == "Deals":
        kinds = (("open", "Open"), ("won", "Won"), ("lost", "Lost"))
        out.append(FieldSchema("$stage_kind", "Stage is", "choice", read_only=True, choices=kinds))
    if object == "Calls":
        out.append(
            FieldSchema(
                "$direction",
                "Direction",
                "choice",
                required=True,
                choices=(("inbound", "Inbound"), ("outbound", "Outbound")),
            )
        )
        out += [FieldSchema("$outcome", "Outcome", "text"), FieldSchema("$external_number", "Number outside", "phone")]
        out.append(FieldSchema("$line_number", "Line", "phone"))
    if object in ("Calls", "Tasks"):
        for name, module in (("$account", "Accounts"), ("$deal", "Deals"), ("$lead", "Leads")):
            out.append(FieldSchema(name, module, "link", link=module))
    return out


async def pipelines_of(api: Api, layout: str) -> tuple[Pipeline, ...]:
    """Pipelines of a layout of Deals as (value, label, stages), stages as (value, label, kind)."""
    answer = await api.get("/settings/pipeline", {"layout_id": layout})
    return tuple(
        (
            str(raw.get("actual_value") or raw.get("display_value")),
            str(raw.get("display_value")),
            tuple(
                (str(one.get("actual_value") or one.get("display_value")), str(one.get("display_value")), _kind(one))
                for one in sorted(raw.get("maps") or (), key=lambda one: one.get("sequence_number") or 0)
                if not one.get("delete")
            ),
        )
        for raw in _list(answer, "pipeline")
    )


def _kind(stage: Mapping[str, Any]) -> str:
    return KINDS.get(str(stage.get("forecast_type") or "open").lower(), "open")


async def stage_kinds(api: Api) -> KindOf:
    """Stage → "open", "won" or "lost", by every pipeline of every layout; a stage that none has counts as open."""
    known = api.client.memory.get("zoho_crm.stages")
    if known is None or known[0] < time.monotonic():
        layouts = _list(await api.get("/settings/layouts", {"module": "Deals"}), "layouts")
        found = await asyncio.gather(*(pipelines_of(api, str(raw["id"])) for raw in layouts))
        kinds: dict[str, str] = {}
        for pipelines in found:
            for _, _, stages in pipelines:
                for value, _, kind in stages:
                    # one that is open anywhere is open: better no second deal than one too many
                    kinds[value] = "open" if kinds.get(value, kind) == "open" else kind
        known = api.client.memory["zoho_crm.stages"] = (time.monotonic() + STAGES_FOR_S, kinds)
    meanings: Mapping[str, str] = known[1]
    return lambda stage: meanings.get(stage, "open")


async def users(api: Api) -> list[VendorUser]:
    """Every user, inactive ones too."""
    out: list[VendorUser] = []
    page = 1
    while True:
        answer = await api.get("/users", {"type": "AllUsers", "page": str(page), "per_page": "200"})
        for raw in _list(answer, "users"):
            name = raw.get("full_name") or f"{raw.get('first_name') or ''} {raw.get('last_name') or ''}".strip()
            out.append(
                VendorUser(str(raw["id"]), str(name), str(raw.get("email") or ""), raw.get("status") == "active")
            )
        if not ((answer or {}).get("info") or {}).get("more_records"):
            return out
        page += 1


async def prepare(api: Api, object: str) -> str:
    """The api name of the unique field for our origin key, made if it is not there."""
    found = _list(await api.get("/settings/fields", {"module": object}), "fields")
    mine = next((raw for raw in found if raw.get("api_name") == ORIGIN), None)
    if mine is not None:
        if not mine.get("unique"):
            raise ConfigError(f"{object} has a field {ORIGIN} that is not unique", setting=ORIGIN, object=object)
        return ORIGIN
    asked = {
        "field_label": ORIGIN_LABEL,
        "data_type": "text",
        "length": ORIGIN_LENGTH,
        "unique": {"case_sensitive": True},
    }
    response = await api.write("POST", f"/settings/fields?module={object}", json={"fields": [asked]})
    answer = response.json_or_none()
    items = answer.get("fields") if isinstance(answer, dict) else None
    item = items[0] if isinstance(items, list) and items else answer
    if isinstance(item, dict) and item.get("status") == "success":
        return ORIGIN
    code = str(item.get("code") or "") if isinstance(item, dict) else ""
    if code == "DUPLICATE_DATA":  # made at the same time by another process
        return await _made(api, object)
    raise ConfigError(
        f"{object}: Zoho made no field for the origin key", setting=ORIGIN, object=object, vendor_code=code
    )


async def _made(api: Api, object: str) -> str:
    found = _list(await api.get("/settings/fields", {"module": object}), "fields")
    if any(raw.get("api_name") == ORIGIN and raw.get("unique") for raw in found):
        return ORIGIN
    raise ConfigError(f"{object} has another field named {ORIGIN_LABEL}", setting=ORIGIN, object=object)


def _list(answer: Mapping[str, Any] | None, name: str) -> list[Mapping[str, Any]]:
    if answer is None:
        return []
    found = answer.get(name)
    if not isinstance(found, list):
        raise ProtocolError(f"an answer without {name}")
    return found
