"""The API to be read by people: one page, made of its description, with the pages' own style and nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify
from ninja import NinjaAPI

from tieline.api.v1.access import ROUTES

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tieline API</title><link rel="stylesheet" href="{}"></head>
<body class="api"><header><a class="logo" href="/"><img src="{}" alt="">Tieline</a></header><main><h1>Tieline API, version 1</h1>
<p>Send <code>Authorization: Bearer tl_…</code>, a token made under Settings, API. It says which workspace is meant and what may be done.
Ids are opaque, times are ISO 8601 in UTC. Lists have <code>items</code> and <code>next</code>, to be given as <code>after</code>. An error is
<code>{{"error": {{"code", "message", "params"}}}}</code>. The machine's description: <a href="openapi.json">openapi.json</a>.</p>
<nav class="chips" aria-label="Subjects">{}</nav>{}</main></body></html>"""


def add_to(api: NinjaAPI) -> None:
    """The page at /docs beside the description. Anybody may read it: it says nothing of any workspace."""

    @api.get("/docs", auth=None, include_in_schema=False)
    def read_docs(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - ninja looks at the name
        rooms = _rooms(api.get_openapi_schema())
        chips = format_html_join("", '<a class="chip" href="#{}">{}</a>', ((slugify(room), room) for room in rooms))
        sections = format_html_join(
            "",
            '<section id="{}"><h2>{}</h2><div class="card">{}</div></section>',
            ((slugify(room), room, SafeString("".join(routes))) for room, routes in rooms.items()),
        )
        return HttpResponse(
            format_html(_PAGE, static("tieline/tieline.css"), static("tieline/favicon.svg"), chips, sections)
        )


def _rooms(schema: Any) -> dict[str, list[SafeString]]:
    """Subject → its routes, as the pages of them."""
    rooms: dict[str, list[SafeString]] = {}
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            rooms.setdefault(route["tags"][0], []).append(_route(method, path, route, schema))
    return rooms


def _route(method: str, path: str, route: Any, schema: Any) -> SafeString:
    name = route["operationId"].rpartition("_v1_")[2]
    mark = next((mark for key, mark in ROUTES.items() if name.endswith(key)), None)
    given = [(one["name"], _type(one["schema"]), one.get("description", "")) for one in route.get("parameters", ())]
    body = route.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    told = route["responses"].get(200, {}).get("content", {}).get("application/json", {}).get("schema")
    return format_html(
        '<details><summary><b class="{}">{}</b><code>{}</code><span>{}</span></summary><div><p>{}</p>{}{}{}<p class="muted s">Action: <code>{}</code></p></div></details>',
        method,
        method.upper(),
        path,
        route["summary"],
        route.get("description", ""),
        _table("Asks for", given),
        _table("Body", _fields(body, schema)),
        _table("Answers", _fields(told, schema)),
        mark.action if mark else "",
    )


def _table(title: str, rows: list[tuple[str, str, str]]) -> SafeString:
    if not rows:
        return SafeString("")
    return format_html(
        "<h3>{}</h3><table>{}</table>",
        title,
        format_html_join("", "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>", rows),
    )


def _fields(found: Any, schema: Any) -> list[tuple[str, str, str]]:
    if not found:
        return []
    target = found.get("items", found)
    if "$ref" not in target:
        return []
    shape = schema["components"]["schemas"][target["$ref"].rpartition("/")[2]]
    return [(name, _type(one), one.get("description", "")) for name, one in shape.get("properties", {}).items()]


def _type(one: Any) -> str:
    if "$ref" in one:
        return str(one["$ref"].rpartition("/")[2])
    if "anyOf" in one:
        return " or ".join(_type(part) for part in one["anyOf"])
    if one.get("type") == "array":
        return f"list of {_type(one.get('items', {}))}"
    return str(one.get("format") or one.get("type") or "anything")
