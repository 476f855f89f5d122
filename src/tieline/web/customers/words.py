"""Names of what the pages of customers show: lines of the mapping, statuses, states, kinds of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from tieline.core.pairing import SIDES, Side

Texts = dict[str, str | Promise]

LINES: Final[Texts] = {
    "name": _("Name"), "first_name": _("First name"), "last_name": _("Last name"), "email": _("E-mail"), "phone": _("Phone"),
    "mobile": _("Mobile"), "address": _("Address"), "zip": _("Postal code"), "city": _("City"), "country": _("Country"),
    "registration_number": _("Registration number"), "vat_number": _("VAT number"), "ean": _("EAN number"),
    "website": _("Website"), "currency": _("Currency"), "group": _("Customer group"), "vat_zone": _("VAT zone"),
    "terms": _("Payment terms"), "number": _("Customer number"), "owner": _("Owner"), "account": _("Customer"),
    "notes": _("Notes"), "title": _("Title"), "barred": _("Barred"), "credit_limit": _("Credit limit"),
    "birthday": _("Birthday"), "company": _("Company"), "street": _("Address"), "postal_code": _("Postal code"),
    "tax_number": _("VAT number"), "fax": _("Fax"), "note": _("Notes"), "balance": _("Balance due"), "layout": _("Layout"),
    "last_activity": _("Last change"), "created_at": _("Made"), "status": _("Status"), "stage": _("Stage"),
    "stage_kind": _("Open, won or lost"), "pipeline": _("Pipeline"), "amount": _("Amount"), "closing_date": _("Closing date"),
    "description": _("Description"), "contact": _("Contact person"), "converted_account": _("Customer that it became"),
    "converted_contact": _("Contact person that it became"),
}  # fmt: skip
"""A line of the mapping (or a canonical field) by its name."""

STATUS: Final[dict[str, tuple[str, str | Promise]]] = {
    "not_set_up": ("off", _("Not set up")), "switched_off": ("off", _("Switched off")),
    "not_marked": ("off", _("Not kept the same")), "missing": ("note", _("Missing there")),
    "candidates": ("wait", _("Several candidates")), "same": ("ok", _("Same")), "differs": ("wait", _("Differs")),
    "unreachable": ("fail", _("Unreachable")), "pending_delete": ("wait", _("Deleted there")),
}  # fmt: skip
"""What a look says (CUST-5) → kind of status and its word."""

LINK: Final[dict[str, tuple[str, str | Promise]]] = {
    "linked": ("ok", _("Same")), "failing": ("fail", _("Failing")), "conflict": ("wait", _("Differs")),
    "pending": ("wait", _("Deleted there")), "stopped": ("off", _("Not kept the same")),
}  # fmt: skip
"""State of a link, as lists show it."""

RUNS: Final[Texts] = {
    "changes": _("Changes"), "transfer": _("Transfer of all"), "reconcile": _("Reconciliation"), "preview": _("Dry run"),
    "approved": _("What the dry run planned"), "asked": _("Asked by a person"), "undo": _("Undo"), "redo": _("Undo of an undo"),
}  # fmt: skip

RUN_STATES: Final[dict[str, tuple[str, str | Promise]]] = {
    "running": ("wait", _("Running")), "paused": ("off", _("Paused")), "done": ("ok", _("Done")),
    "stopped": ("wait", _("Stopped")), "failed": ("fail", _("Failed")),
}  # fmt: skip

ROLES: Final[Texts] = {"account": _("Customers"), "contact": _("Contact persons")}
ROLE: Final[Texts] = {"account": _("Customer"), "contact": _("Contact person")}

COUNTS: Final[Texts] = {
    "read": _("read"), "same": _("agree"), "created": _("created"), "updated": _("updated"), "deleted": _("deleted"),
    "linked": _("linked"), "conflicts": _("differ"), "asked": _("asked"), "failed": _("failed"), "excluded": _("excluded"),
    "waiting": _("waiting"), "unlinked": _("parted"),
}  # fmt: skip


def line_name(name: str, label: str = "") -> str:
    """A line by its name; one of a vendor's own field ("=Industry") by that field's label."""
    found = LINES.get(name)
    return str(found) if found is not None else label or name.lstrip("=").replace("_", " ")


def count_name(name: str) -> str:
    return str(COUNTS.get(name, name))


def differs_in(count: int) -> str:
    """The status of a customer whose two records differ."""
    return ngettext("Differs in %(count)s field", "Differs in %(count)s fields", count) % {"count": count}


def deleted_in(system: str) -> str:
    """The status of a customer that is gone in one of the two."""
    return gettext("Deleted in %(system)s") % {"system": system}


def gone_side(params: Mapping[str, Any] | None) -> Side | None:
    """Where a record is gone, by the parameters of the reason that says so; None where it does not."""
    side = (params or {}).get("side")
    return ("left" if side == "left" else "right") if side in SIDES else None


def chosen(lines: list[tuple[str, str]]) -> str:
    """What stands beside the button: "2 fields chosen: phone from Zoho CRM, city from e-conomic"."""
    parts = [gettext("%(line)s from %(system)s") % {"line": line, "system": system} for line, system in lines]
    head = ngettext("%(count)s field chosen: %(parts)s", "%(count)s fields chosen: %(parts)s", len(lines))
    return head % {"count": len(lines), "parts": ", ".join(parts)}


def text(texts: Texts, key: Any) -> str:
    """A word of a table, or the key itself."""
    return str(texts.get(str(key), key))
