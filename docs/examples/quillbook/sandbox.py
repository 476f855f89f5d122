"""Quillbook, played from API.md alone: authors and houses, batches with one result per item, etags, one cursor over all changes.

The rate limit is there when it is asked for: `limit_per_s` is 0 until a test sets it, so that tests need not wait.
"""

from __future__ import annotations

from typing import Any

import orjson

from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply

KEY = "sandbox-key"
FIELDS = {
    "authors": ("full_name", "email", "phone", "house", "remarks", "ref"),
    "houses": ("title", "phone", "website", "remarks", "ref"),
}
NEEDED = {"authors": "full_name", "houses": "title"}
PAGE, VALUES, ITEMS = 100, 50, 25


class Quillbook(Sandbox):
    """One account."""

    name = "quillbook"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.limit_per_s = 0
        self._forget()

    def _forget(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {object: {} for object in FIELDS}
        self.changed: dict[str, dict[str, int]] = {object: {} for object in FIELDS}
        """Id → the moment of its last change, removals too."""
        self.moment = 0
        self.recent: list[float] = []

    # -- what the kit asks --------------------------------------------------------------------------------------------

    def reset(self, everything: bool) -> None:  # noqa: ARG002 - there is nothing but records
        self._forget()

    def error_body(self, status: int) -> bytes:
        """API.md, Errors."""
        return orjson.dumps(_error(f"e{status}", "a fault"))

    def error_in_200(self) -> bytes:
        """The same under a 200."""
        return orjson.dumps(_error("internal", "a fault"))

    def stored(self, module: str | None) -> Any:
        everything = {object: list(rows.values()) for object, rows in self.rows.items()}
        return everything if module is None else everything[module]

    def store(self, value: Any) -> dict[str, list[str]]:
        """``{"authors": [{"full_name", …}]}``, without the API's checks."""
        return {object: [self._put(object, dict(row))["id"] for row in rows] for object, rows in value.items()}

    def edit(self, object: str, id: str) -> None:
        """Somebody edits this record."""
        self._put(object, {"remarks": "edited"}, id)

    def remove(self, object: str, id: str) -> None:
        """Somebody removes this record."""
        del self.rows[object][id]
        self.moment += 1
        self.changed[object][id] = self.moment

    def _put(self, object: str, values: dict[str, Any], id: str = "") -> dict[str, Any]:
        self.moment += 1
        id = id or f"{object[0]}{self.moment}"
        old = self.rows[object].get(id) or dict.fromkeys(FIELDS[object])
        row = {**old, **values, "id": id, "etag": f'"{self.moment}"'}
        self.rows[object][id] = row
        self.changed[object][id] = self.moment
        return row

    # -- the vendor ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Route by path."""
        if self._too_many():
            return json_reply(429, _error("slow_down", "too many requests"), [("Retry-After", "1")])
        if request.headers.get("quill-key") != KEY:
            return json_reply(401, _error("key", "the key is missing or wrong"))
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v2", "account"]:
                return json_reply(200, {"account": {"id": "q-1", "title": "Sandbox & Daughters"}})
            case "GET", ["v2", object] if object in FIELDS:
                return self._changes(object, request)
            case "POST", ["v2", object, "lookup"] if object in FIELDS:
                return self._lookup(object, request.json())
            case "POST", ["v2", object, "batch"] if object in FIELDS:
                return self._batch(object, request.json())
        return json_reply(404, _error("address", "there is nothing here"))

    def _too_many(self) -> bool:
        if not self.limit_per_s:
            return False
        now = self.now()
        self.recent = [at for at in self.recent if at > now - 1]
        if len(self.recent) >= self.limit_per_s:
            return True
        self.recent.append(now)
        return False

    def _changes(self, object: str, request: Request) -> Reply:
        after, limit = int(request.query.get("cursor", "0")), int(request.query.get("limit", PAGE))
        if not 1 <= limit <= PAGE:
            return json_reply(400, _error("limit", f"1 to {PAGE}"))
        news = sorted((moment, id) for id, moment in self.changed[object].items() if moment > after)
        page = [self.rows[object].get(id) or {"id": id, "removed": True} for _, id in news[:limit]]
        last = news[:limit][-1][0] if page else after
        return json_reply(200, {"data": page, "cursor": str(last), "has_more": len(news) > limit})

    def _lookup(self, object: str, asked: Any) -> Reply:
        field, values, start = asked["field"], set(asked["any"]), int(asked.get("cursor") or 0)
        if field not in (*FIELDS[object], "id") or len(asked["any"]) > VALUES:
            return json_reply(400, _error("lookup", f"at most {VALUES} values of a field that exists"))
        found = [row for row in self.rows[object].values() if row[field] in values]
        end = start + PAGE
        return json_reply(200, {"data": found[start:end], "cursor": str(end) if len(found) > end else None})

    def _batch(self, object: str, asked: Any) -> Reply:
        if len(asked["items"]) > ITEMS:
            return json_reply(400, _error("batch", f"at most {ITEMS} items"))
        return json_reply(200, {"results": [self._done(object, item) for item in asked["items"]]})

    def _done(self, object: str, item: dict[str, Any]) -> dict[str, Any]:
        fields, id = item.get("fields") or {}, ""
        if item["op"] != "add":
            id = item["id"]
            row = self.rows[object].get(id)
            if row is None:
                return {"status": 404}
            if item.get("etag") not in (None, row["etag"]):
                return {"status": 412}
            if item["op"] == "remove":
                self.remove(object, id)
                return {"status": 200, "id": id}
        refused = self._refused(object, {**self.rows[object].get(id, {}), **fields})
        if refused is not None:
            return {"status": 422, "error": refused}
        ref = fields.get("ref")
        same = next((row for row in self.rows[object].values() if ref and row["ref"] == ref and row["id"] != id), None)
        if same is not None:
            return {"status": 409, "id": same["id"], "etag": same["etag"]}
        row = self._put(object, fields, id)
        return {"status": 200 if id else 201, "id": row["id"], "etag": row["etag"]}

    def _refused(self, object: str, values: dict[str, Any]) -> dict[str, str] | None:
        needed = NEEDED[object]
        for name, value in values.items():
            if name not in (*FIELDS[object], "id", "etag"):
                return {"code": "no_field", "field": name, "message": "there is no such field"}
            if value is not None and not isinstance(value, str):
                return {"code": "no_text", "field": name, "message": "a field is a text or null"}
            most = {needed: 200, "ref": 100}.get(name)
            if most and len(value or "") > most:
                return {"code": "too_long", "field": name, "message": f"at most {most} characters"}
        if not values.get(needed):
            return {"code": "needed", "field": needed, "message": "it may not be empty"}
        if values.get("house") and values["house"] not in self.rows["houses"]:
            return {"code": "no_house", "field": "house", "message": "there is no such house"}
        return None


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


SANDBOX = Quillbook
