"""Composite requests: up to five sub-requests, later ones may refer to answers of earlier ones, all or nothing if asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import orjson

from tieline.connectors.zoho_crm.sandbox.answers import error, refused
from tieline.connectors.zoho_crm.sandbox.writes import Writer
from tieline.sdk.sandbox import Reply, Request, json_reply

LARGEST = 5
READ_ROWS = 25
_REFERENCE = re.compile(r"@\{(\w+):\$((?:\.\w+|\[\d+\])+)\}")
_URI = re.compile(r"/crm/(v[0-9.]+)/([^?]*)(?:\?(.*))?")
_NAMES = "__composite_requests"

SubAnswer = Callable[[Request, str], Reply]


def run(request: Request, writer: Writer, answer: SubAnswer) -> tuple[Reply, int]:
    """The answer and its credits. ``answer`` runs one sub-request without credits; ``writer`` keeps the undo journal."""
    asked: dict[str, Any] = {}
    try:
        asked = request.json()
        subs = asked[_NAMES]
    except (ValueError, KeyError, TypeError):
        subs = None
    if not isinstance(subs, list) or not subs or not all(isinstance(sub, dict) for sub in subs):
        return refused(400, "INVALID_DATA", api_name=_NAMES, json_path=f"$.{_NAMES}", expected_data_type="jsonarray"), 1
    if len(subs) > LARGEST:
        return refused(400, "INVALID_DATA", api_name=_NAMES, json_path=f"$.{_NAMES}", maximum_length=LARGEST), 1
    names = [str(sub.get("sub_request_id", number)) for number, sub in enumerate(subs, 1)]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        indexes = [number for number, name in enumerate(names) if name == repeated]
        path = f"$.{_NAMES}[{indexes[1]}].sub_request_id"
        return refused(400, "DUPLICATE_DATA", api_name="sub_request_id", json_path=path, sub_request_indexes=indexes), 1
    wrong = next(
        (found for found in (_wrong(sub, number) for number, sub in enumerate(subs)) if found is not None), None
    )
    if wrong is not None:
        return wrong, 1
    whole = bool(asked.get("rollback_on_fail", False))
    writer.undo = []
    items: list[dict[str, Any]] = []
    bodies: dict[str, Any] = {}
    failed: int | None = None
    try:
        for number, sub in enumerate(subs):
            if failed is not None and whole:
                items.append(
                    error("PROCESSING_STOPPED", "processing stopped by an earlier failure", **_where(number, "uri"))
                )
                continue
            item = _one(request, sub, number, bodies, names[number], answer)
            items.append(item)
            if item["status"] != "success" and failed is None:
                failed = number
        if failed is not None and whole:
            rolled = any(
                item["status"] == "success" and subs[number]["method"] != "GET" for number, item in enumerate(items)
            )
            writer.roll_back()
            for number, item in enumerate(items):
                if item["status"] == "success":
                    items[number] = error(
                        "ROLLBACK_PERFORMED", "the sub-request was rolled back", rollbacked_by_sub_request_index=failed
                    )
            return json_reply(400, {_NAMES: items}), 2 if rolled else 1
    finally:
        writer.undo = None
    good = sum(item["status"] == "success" for item in items)
    return json_reply(200 if good == len(items) else 207 if good else 400, {_NAMES: items}), 1


def _where(number: int, name: str) -> dict[str, Any]:
    return {"api_name": name, "json_path": f"$.{_NAMES}[{number}].{name}"}


def _wrong(sub: dict[str, Any], number: int) -> Reply | None:
    """What makes the whole request invalid: method, address, a write of several records, a call that composite requests do not take."""
    method, uri, body = sub.get("method"), sub.get("uri"), sub.get("body")
    for name in ("method", "uri"):
        if not sub.get(name):
            return refused(400, "MANDATORY_NOT_FOUND", **_where(number, name))
    if method not in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        return refused(400, "INVALID_DATA", expected_data_type="string", **_where(number, "method"))
    for name in ("body", "params", "headers"):
        if not isinstance(sub.get(name), dict | None):
            return refused(400, "INVALID_DATA", expected_data_type="jsonobject", **_where(number, name))
    found = _URI.fullmatch(uri) if isinstance(uri, str) else None
    if found is None:
        return refused(400, "INVALID_DATA", regex=_URI.pattern, **_where(number, "uri"))
    if found.group(1) != "v8":
        return refused(
            400, "NOT_SUPPORTED", sub_request_version=int(float(found.group(1)[1:])), composite_request_version=8
        )
    if found.group(2).split("/")[0] in ("coql", "settings", "users", "org", _NAMES):
        return refused(400, "NOT_SUPPORTED", allowed_services=["Records", "Notes", "Search"])
    data = body.get("data") if isinstance(body, dict) else None
    if method in ("POST", "PUT") and isinstance(data, list) and len(data) > 1:
        path = f"$.{_NAMES}[{number}].body.data"
        return refused(400, "INVALID_DATA", api_name="data", json_path=path, expected_data_type="jsonarray of one")
    return None


def _one(
    request: Request, sub: dict[str, Any], number: int, bodies: dict[str, Any], name: str, answer: SubAnswer
) -> dict[str, Any]:
    try:
        filled = _filled({"uri": sub["uri"], "body": sub.get("body"), "params": sub.get("params")}, bodies)
    except LookupError as missing:
        return error(
            "INVALID_REFERENCE",
            "the reference does not lead to a value",
            reference=str(missing.args[0]),
            **_where(number, "body"),
        )
    path, _, written = filled["uri"].removeprefix("/crm/v8/").partition("?")
    query = "&".join(part for part in (written, urlencode(filled["params"] or {})) if part)
    headers = {**request.headers, **{key.lower(): str(value) for key, value in (sub.get("headers") or {}).items()}}
    inner = Request(sub["method"], f"/crm/v8/{path}", query, headers, b"", request.origin)
    if filled["body"] is not None:
        inner.body = orjson.dumps(filled["body"])
    if sub["method"] == "GET" and int(inner.query.get("per_page", 0)) > READ_ROWS:
        return error("INVALID_DATA", expected_data_type=f"at most {READ_ROWS}", **_where(number, "params"))
    if sub["method"] == "GET" and "per_page" not in inner.query and inner.query.get("fields"):
        inner = Request("GET", inner.path, f"{query}&per_page={READ_ROWS}", headers, b"", request.origin)
    reply = answer(inner, path)
    body = orjson.loads(reply.body) if reply.body else {}
    bodies[name] = body
    details = {"response": {"headers": {}, "body": body, "status_code": reply.status}}
    if 200 <= reply.status < 300 and reply.status != 207:
        return {"code": "SUCCESS", "details": details, "message": "composite sub request executed", "status": "success"}
    first = body.get("data", [body])[0] if isinstance(body, dict) else {}
    return {
        "code": first.get("code", "INVALID_DATA"),
        "details": details,
        "message": first.get("message", "error"),
        "status": "error",
    }


def _filled(value: Any, bodies: dict[str, Any]) -> Any:
    """``@{1:$.data[0].details.id}`` replaced by what the answer of sub-request 1 has there; raises LookupError with the reference."""
    if isinstance(value, dict):
        return {name: _filled(part, bodies) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, bodies) for part in value]
    if not isinstance(value, str) or "@{" not in value:
        return value
    alone = _REFERENCE.fullmatch(value)
    if alone is not None:
        return _led(alone, bodies)
    return _REFERENCE.sub(lambda found: str(_led(found, bodies)), value)


def _led(found: re.Match[str], bodies: dict[str, Any]) -> Any:
    try:
        at = bodies[found.group(1)]
        for step in re.findall(r"\.(\w+)|\[(\d+)\]", found.group(2)):
            at = at[step[0]] if step[0] else at[int(step[1])]
    except (LookupError, TypeError):
        raise LookupError(found.group(0)) from None
    return at
