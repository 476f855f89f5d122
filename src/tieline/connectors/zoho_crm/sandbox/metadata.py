"""The settings pages of the API: modules, fields (with making custom ones), layouts, pipelines, users, the organisation."""

from __future__ import annotations

import re
from typing import Any

from tieline.connectors.zoho_crm.sandbox.answers import batch, error, nothing, refused, success
from tieline.connectors.zoho_crm.sandbox.rows import read, told
from tieline.connectors.zoho_crm.sandbox.schema import (
    JSON_TYPES,
    LENGTHS,
    ORG_ID,
    PLURAL,
    SINGULAR,
    FieldDef,
    Layout,
    Module,
    Schema,
    User,
)  # fmt: skip
from tieline.sdk.sandbox import Reply, Request, json_reply

BORN = 1767225600
"""When the org's settings were made: 2026-01-01."""
_KINDS = {
    "text": "text", "textarea": "textarea", "email": "email", "phone": "phone", "picklist": "picklist", "multiselectpicklist": "multiselectpicklist",
    "date": "date", "datetime": "datetime", "integer": "integer", "currency": "currency", "percent": "percent", "bigint": "bigint", "double": "double",
    "boolean": "boolean",
}  # fmt: skip
_FORECAST = {"Open": "Pipeline", "Closed Won": "Closed", "Closed Lost": "Omitted"}


def modules(schema: Schema, wanted: str | None) -> Reply:
    """``GET /settings/modules[/{api_name or id}]``."""
    if wanted is None:
        return json_reply(
            200, {"modules": [_module(schema, one, number) for number, one in enumerate(schema.modules.values())]}
        )
    for number, one in enumerate(schema.modules.values()):
        if wanted in (one.name, one.id):
            return json_reply(200, {"modules": [_module(schema, one, number)]})
    return refused(400, "INVALID_MODULE", resource_path_index=0)


def fields(schema: Schema, request: Request, wanted: str | None) -> Reply:
    """``GET /settings/fields[/{id}]?module=``."""
    module = schema.modules.get(request.query.get("module", ""))
    if module is None:
        return _no_module(request)
    known = list(module.fields.values())
    if wanted is not None:
        known = [one for one in known if one.id == wanted]
        if not known:
            return refused(400, "INVALID_DATA", "the id given seems to be invalid", resource_path_index=0)
    return json_reply(200, {"fields": [_field(schema, one) for one in known]})


def pick_list_values(schema: Schema, request: Request, wanted: str) -> Reply:
    """``GET /settings/fields/{id}/pick_list_values?module=``."""
    module = schema.modules.get(request.query.get("module", ""))
    if module is None:
        return _no_module(request)
    one = next((one for one in module.fields.values() if one.id == wanted), None)
    if one is None:
        return refused(400, "INVALID_DATA", "the id given seems to be invalid", resource_path_index=0)
    return json_reply(200, {"pick_list_values": _choices(one)}) if one.values else nothing()


def make_fields(schema: Schema, request: Request) -> Reply:
    """``POST /settings/fields?module=``: custom fields, unique ones too; the api name is the label with underscores."""
    module = schema.modules.get(request.query.get("module", ""))
    if module is None:
        return _no_module(request)
    try:
        asked = request.json()["fields"]
    except (ValueError, KeyError, TypeError):
        asked = None
    if not isinstance(asked, list) or not asked:
        return refused(400, "INVALID_DATA", expected_data_type="jsonarray", api_name="fields", json_path="$.fields")
    return batch([_make(schema, module, one, index) for index, one in enumerate(asked)], 201, "fields")


def _make(schema: Schema, module: Module, asked: Any, index: int) -> dict[str, Any]:
    path = f"$.fields[{index}]"
    if not isinstance(asked, dict):
        return error("INVALID_DATA", api_name="fields", json_path=path, expected_data_type="jsonobject")
    for name in ("field_label", "data_type"):
        if not asked.get(name):
            return error("MANDATORY_NOT_FOUND", api_name=name, json_path=f"{path}.{name}")
    label, kind = asked["field_label"], asked["data_type"]
    if not isinstance(label, str) or len(label) > 25:
        return error("INVALID_DATA", api_name="field_label", json_path=f"{path}.field_label", maximum_length=25)
    if kind not in _KINDS:
        return error(
            "INVALID_DATA", api_name="data_type", json_path=f"{path}.data_type", supported_values=sorted(_KINDS)
        )
    if any(one.label.casefold() == label.casefold() for one in module.fields.values()):
        return error("DUPLICATE_DATA", api_name="field_label", json_path=f"{path}.field_label")
    length = asked.get("length", LENGTHS[kind])
    if not isinstance(length, int) or not 1 <= length <= LENGTHS[kind]:
        return error("INVALID_DATA", api_name="length", json_path=f"{path}.length", maximum_length=LENGTHS[kind])
    unique = asked.get("unique")
    if unique and kind not in ("text", "email", "phone", "integer", "bigint", "double", "currency"):
        return error("NOT_SUPPORTED", api_name="unique", json_path=f"{path}.unique")
    values = tuple(str(one.get("actual_value")) for one in asked.get("pick_list_values") or () if isinstance(one, dict))
    if kind.endswith("picklist") and not values:
        return error("MANDATORY_NOT_FOUND", api_name="pick_list_values", json_path=f"{path}.pick_list_values")
    name = re.sub(r"[^A-Za-z0-9]+", "_", label).strip("_") or "Field"
    name = name if name[0].isalpha() else f"F_{name}"
    number = 1
    base = name
    while name in module.fields:
        name, number = f"{base}{number}", number + 1
    case = "case" if isinstance(unique, dict) and unique.get("case_sensitive") else "nocase" if unique else ""
    made = schema.add_field(module.name, FieldDef(name, kind, label, length, unique=case, values=values))
    return success("field created", {"id": made.id})


def remove_field(schema: Schema, request: Request, wanted: str) -> Reply:
    """``DELETE /settings/fields/{id}?module=``: custom fields only."""
    module = schema.modules.get(request.query.get("module", ""))
    if module is None:
        return _no_module(request)
    one = next((one for one in module.fields.values() if one.id == wanted), None)
    if one is None or not one.custom:
        return json_reply(
            400, {"fields": [error("INVALID_DATA", "the id given seems to be invalid", resource_path_index=0)]}
        )
    del module.fields[one.name]
    return json_reply(200, {"fields": [success("field deleted", {"id": wanted})]})


def layouts(schema: Schema, request: Request, wanted: str | None) -> Reply:
    """``GET /settings/layouts[/{id}]?module=``."""
    module = schema.modules.get(request.query.get("module", ""))
    if module is None:
        return _no_module(request)
    chosen = [one for one in module.layouts if wanted in (None, one.id)]
    if not chosen:
        return nothing()
    return json_reply(200, {"layouts": [_layout(schema, module, one) for one in chosen]})


def pipelines(schema: Schema, request: Request, wanted: str | None) -> Reply:
    """``GET /settings/pipeline[/{id}]?layout_id=``; the layout is mandatory."""
    given = request.query.get("layout_id")
    if not given:
        return refused(400, "REQUIRED_PARAM_MISSING", param_name="layout_id")
    layout = next((one for one in schema.modules["Deals"].layouts if one.id == given), None)
    if layout is None:
        return refused(400, "INVALID_DATA", "the id given seems to be invalid", param_name="layout_id")
    chosen = [one for one in layout.pipelines if wanted in (None, one.id)]
    if not chosen:
        return nothing()
    answer = [
        {
            "display_value": one.name,
            "default": one.default,
            "maps": [
                {
                    "display_value": stage,
                    "sequence_number": number,
                    "forecast_category": {
                        "name": _FORECAST[kind],
                        "id": str(int(schema.modules["Deals"].id) + 1 + list(_FORECAST).index(kind)),
                    },
                    "actual_value": stage,
                    "id": stage_id,
                    "forecast_type": kind,
                }
                for number, (stage_id, stage, kind) in enumerate(one.stages, 1)
            ],
            "actual_value": one.name,
            "id": one.id,
        }
        for one in chosen
    ]
    return json_reply(200, {"pipeline": answer})


_TYPES = {
    "AllUsers": ("active", "inactive"), "ActiveUsers": ("active",), "ActiveConfirmedUsers": ("active",), "ConfirmedUsers": ("active", "inactive"),
    "DeactiveUsers": ("inactive",), "DeletedUsers": (), "NotConfirmedUsers": (), "AllActiveUsers": ("active",),
}  # fmt: skip


def users(schema: Schema, request: Request, wanted: str | None, me: str) -> Reply:
    """``GET /users[/{id}]?type=&page=&per_page=``, honouring If-Modified-Since; 204 when none."""
    if wanted is not None:
        one = schema.users.get(wanted)
        return nothing() if one is None else json_reply(200, {"users": [_user(one)]})
    kind = request.query.get("type", "AllUsers")
    if kind == "CurrentUser":
        return json_reply(200, {"users": [_user(schema.users[me])]})
    found = list(schema.users.values())
    if kind in ("AdminUsers", "ActiveConfirmedAdmins"):
        found = [one for one in found if one.profile[1] == "Administrator" and one.status == "active"]
    elif kind in _TYPES:
        found = [one for one in found if one.status in _TYPES[kind]]
    else:
        return refused(400, "INVALID_DATA", param_name="type")
    since = request.headers.get("if-modified-since")
    if since:
        found = [one for one in found if one.modified > read(since)]
        if not found:
            return Reply(304)
    page, size = (int(request.query.get(name, default)) for name, default in (("page", "1"), ("per_page", "200")))
    if not 1 <= size <= 200 or page < 1:
        return refused(400, "INVALID_DATA", param_name="per_page")
    shown = found[(page - 1) * size : page * size]
    if not shown:
        return nothing()
    info = {"per_page": size, "count": len(shown), "page": page, "more_records": len(found) > page * size}
    return json_reply(200, {"users": [_user(one) for one in shown], "info": info})


def org(schema: Schema) -> Reply:
    """``GET /org``."""
    license_details = {
        "paid_expiry": None, "users_license_purchased": len(schema.users), "trial_type": None, "trial_expiry": None, "paid": True,
        "paid_type": "enterprise", "portal_users_license_purchased": 0,
    }  # fmt: skip
    one = {
        "country": "FR", "photo_id": None, "city": "Paris", "description": None, "type": "sandbox", "created_time": told(BORN), "mc_status": False,
        "gapps_enabled": False, "translation_enabled": False, "street": None, "domain_name": "sandboxorg", "alias": None, "currency": "Euro - EUR",
        "id": ORG_ID, "employee_count": "6", "state": None, "fax": None, "zip": None, "website": None, "currency_symbol": "€", "mobile": None,
        "currency_locale": "fr_FR", "primary_zuid": ORG_ID[-9:], "zia_portal_id": None, "time_zone": "Europe/Paris", "zgid": ORG_ID[-9:],
        "country_code": "FR", "deletable_org_account": True, "license_details": license_details,
        "hierarchy_preferences": {"type": "Role_Hierarchy", "strictly_reporting": False}, "phone": None, "company_name": "Sandbox & Co",
        "privacy_settings": False, "primary_email": "anna@sandbox.example.com", "iso_code": "EUR", "hipaa_compliance_enabled": False,
        "lite_users_enabled": False,
    }  # fmt: skip
    return json_reply(200, {"org": [one]})


def _no_module(request: Request) -> Reply:
    if not request.query.get("module"):
        return refused(400, "REQUIRED_PARAM_MISSING", param_name="module")
    return refused(400, "INVALID_MODULE")


def _module(schema: Schema, one: Module, number: int) -> dict[str, Any]:
    singular, plural = SINGULAR[one.name], PLURAL.get(one.name, one.name)
    admin = next(iter(schema.users.values())).profile
    return {
        "global_search_supported": True, "public_fields_configured": False, "recycle_bin_on_delete": True, "has_more_profiles": False,
        "sub_menu_available": True, "lookupable": one.name != "Notes", "profile_count": 2, "module_type": "ENTITIES", "deletable": True,
        "description": None, "creatable": True, "inventory_template_supported": False, "modified_time": None, "presence_sub_menu": True,
        "triggers_supported": True, "id": one.id, "api_name": one.name, "plural_label": plural, "actual_plural_label": plural,
        "actual_singular_label": singular, "singular_label": singular, "isBlueprintSupported": True, "visibility": 1,
        "convertable": one.name == "Leads", "editable": True, "emailTemplate_support": True, "email_parser_supported": False,
        "filter_supported": True, "show_as_tab": one.name != "Notes", "web_link": None, "viewable": True, "api_supported": True,
        "quick_create": True, "generated_type": "default", "feeds_required": True, "scoring_supported": False, "webform_supported": False,
        "arguments": [], "module_name": plural, "business_card_field_limit": 5, "access_type": "org_based", "private_profile": None,
        "track_current_data": False, "modified_by": None, "profiles": [{"id": admin[0], "name": admin[1]}], "parent_module": {},
        "status": "visible", "sequence_number": number,
    }  # fmt: skip


def _choices(one: FieldDef) -> list[dict[str, Any]]:
    return [
        {
            "display_value": value,
            "sequence_number": number,
            "reference_value": value,
            "colour_code": "#658BA8",
            "actual_value": value,
            "id": str(int(one.id) * 100 % 10**19 + number),
            "type": "used",
        }
        for number, value in enumerate(one.values, 1)
    ]


def _field(schema: Schema, one: FieldDef) -> dict[str, Any]:
    writable = not one.read_only
    target: dict[str, Any] | None = None
    if one.kind == "lookup" and one.target in schema.modules:
        shown = {"api_name": one.target, "crypt": False, "id": schema.modules[one.target].id}
        target = {
            "display_label": one.label,
            "revalidate_filter_during_edit": False,
            "api_name": one.name,
            "module": shown,
            "id": one.id,
        }
    profiles = {user.profile for user in schema.users.values()}
    return {
        "associated_module": None, "webhook": True, "colour_code_enabled_by_system": False, "field_label": one.label, "tooltip": None,
        "operation_type": {"web_update": writable, "api_create": writable, "web_create": writable, "api_update": writable},
        "type": "used", "field_read_only": one.read_only, "display_label": one.label, "read_only": one.read_only, "association_details": None,
        "businesscard_supported": True, "multi_module_lookup": None, "id": one.id, "created_time": told(BORN), "filterable": True, "visible": True,
        "profiles": [
            {"permission_type": "read_write" if writable else "read_only", "name": name, "id": key} for key, name in sorted(profiles)
        ],
        "view_type": {"view": True, "edit": writable, "quick_create": one.mandatory, "create": writable}, "separator": False, "searchable": True,
        "history_tracking_enabled": False, "external": None, "api_name": one.name,
        "unique": {"case_sensitive": one.unique == "case"} if one.unique else {}, "enable_colour_code": False, "pick_list_values": _choices(one),
        "system_mandatory": one.mandatory, "virtual_field": False, "json_type": JSON_TYPES.get(one.kind, "string"), "crypt": None, "range": None,
        "created_source": "default" if not one.custom else "custom", "display_type": -1, "ui_type": 1, "modified_time": None, "public": False,
        "email_parser": {"fields_update_supported": True, "record_operations_supported": True},
        "currency": {"rounding_option": "normal", "precision": 2} if one.kind == "currency" else {}, "custom_field": one.custom,
        "lookup": target or {}, "convert_mapping": {}, "rollup_summary": {}, "length": one.length, "display_field": False,
        "pick_list_values_sorted_lexically": False, "sortable": one.kind != "textarea", "global_picklist": None, "history_tracking": None,
        "data_type": one.kind, "formula": {}, "decimal_place": 2 if one.kind in ("currency", "double") else None, "mass_update": writable,
        "multiselectlookup": {}, "auto_number": {}
    }  # fmt: skip


def _layout(schema: Schema, module: Module, one: Layout) -> dict[str, Any]:
    shown: list[dict[str, Any]] = []
    for number, known in enumerate(module.fields.values(), 1):
        part = _field(schema, known)
        del part["email_parser"]
        part["pick_list_values"] = [{**value, "maps": []} for value in part["pick_list_values"]]
        shown.append({**part, "required": known.mandatory or known.name in one.required, "sequence_number": number})
    allowed = dict.fromkeys(
        ("add_field", "rename", "change_tab_traversal", "reorder", "delete", "remove_field", "change_column_count"),
        True,
    )
    section = {
        "isSubformSection": False, "parent_section": None, "type": "used", "display_label": f"{SINGULAR[module.name]} Information", "mode": "all",
        "sequence_number": 1, "actions_allowed": allowed, "tab_traversal": "left_to_right", "api_name": f"{SINGULAR[module.name]}_Information",
        "column_count": 2, "is_parent_section": False, "name": f"{SINGULAR[module.name]} Information", "generated_type": "default",
        "id": str(int(one.id) + 500000), "fields": shown, "properties": None,
    }  # fmt: skip
    profiles = sorted({user.profile for user in schema.users.values()})
    view = {"name": "Standard View", "id": str(int(one.id) + 600000), "type": "layout"}
    return {
        "has_more_profiles": False, "created_time": None, "convert_mapping": None, "visible": True, "created_for": None, "source": "crm",
        "profiles": [
            {"default": True, "name": name, "id": key, "_default_view": view, "_default_assignment_view": view, "type": "normal_profile"}
            for key, name in profiles
        ],
        "created_by": None, "sections": [section], "display_label": one.name, "show_business_card": True, "modified_time": None,
        "api_name": one.name, "actions_allowed": {"edit": True, "rename": True, "clone": True, "downgrade": False, "delete": False,
        "deactivate": False, "set_layout_permissions": True}, "name": one.name, "id": one.id, "status": "active", "modified_by": None,
        "generated_type": "system",
    }  # fmt: skip


def _user(one: User) -> dict[str, Any]:
    return {
        "country": None, "role": {"name": one.role[1], "id": one.role[0]}, "city": None, "language": "en_US", "locale": "fr_FR", "microsoft": False,
        "Modified_Time": told(int(one.modified)), "street": None, "alias": None, "id": one.id, "state": None, "fax": None, "country_locale": "fr_FR",
        "first_name": one.first_name, "last_name": one.last_name, "full_name": one.full_name, "email": one.email, "zip": None, "created_time": told(BORN),
        "website": None, "time_format": "HH:mm", "profile": {"name": one.profile[1], "id": one.profile[0]}, "mobile": None, "time_zone": "Europe/Paris",
        "zuid": one.id[-9:] if one.confirmed else None, "confirm": one.confirmed, "phone": None, "dob": None, "date_format": "dd/MM/yyyy",
        "status": one.status, "type__s": "Regular User",
    }  # fmt: skip
