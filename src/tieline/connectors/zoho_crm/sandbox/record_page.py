"""The page of a record for people: ``/crm/EntityInfo.do?module=…&id=…``, where Zoho shows a record. Plain: each field that has a value."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from tieline.sdk.sandbox import Reply, Request, html_reply

_MODULE_OF_PAGE = {"Potentials": "Deals"}


def record_page(stored: Mapping[str, list[dict[str, Any]]], request: Request) -> Reply:
    """The record's fields; 404 where there is none. ``stored``: records by module."""
    name = request.query.get("module", "")
    module, wanted = _MODULE_OF_PAGE.get(name, name), request.query.get("id", "")
    record = next((one for one in stored.get(module, ()) if one.get("id") == wanted), None)
    if record is None:
        return html_reply(404, _PAGE.format(title="No such record", body=""))
    title = next((record[one] for one in _TITLES if isinstance(record.get(one), str)), wanted)
    rows = "".join(
        f"<tr><th scope=row>{escape(field.replace('_', ' '))}</th><td>{_shown(value)}</td></tr>"
        for field, value in record.items()
        if value not in (None, "", [], {}) and not field.startswith("$")
    )
    return html_reply(200, _PAGE.format(title=escape(title), body=f"<p>{escape(module)}</p><table>{rows}</table>"))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return escape(str(value.get("name") or value.get("id") or value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


_TITLES = ("Account_Name", "Full_Name", "Last_Name", "Deal_Name", "Subject")
_PAGE = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    '<link rel="icon" href="data:,"><title>{title} · Zoho CRM sandbox</title><style>:root{{color-scheme:light dark}}'
    "body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:auto;padding:1.25rem 1rem}}h1{{font-size:1.375rem;margin:0}}p{{margin:.25rem 0 1rem}}"
    "table{{border-collapse:collapse;width:100%}}th,td{{text-align:start;padding:.375rem 1rem .375rem 0;border-top:1px solid light-dark(#ddd,#444);"
    "overflow-wrap:anywhere}}th{{font-weight:600;width:40%}}</style></head><body><h1>{title}</h1>{body}<p>Zoho CRM sandbox</p></body></html>"
)
