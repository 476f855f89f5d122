"""Sample CRM, played from its developer pages: people with a unique external id, versions, a feed of changes.

Write this file first, from the vendor's pages alone: one hand's mistake is not made twice then. Faults, delays, counting and the
clock are the kit's (`tieline.sdk.sandbox`). Control routes beyond the kit's: none.
"""

from __future__ import annotations

from typing import Any

from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply

KEY = "sandbox-key"
FIELDS = ("name", "phone", "mobile", "email", "notes", "external_id")
LARGEST_SEARCH = 100


class SampleCrm(Sandbox):
    """One account with one object, `people`."""

    name = "sample_crm"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._forget()

    def _forget(self) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.gone: dict[str, int] = {}
        self.moment = 0
        """Rises with every change: what the feed is ordered by."""

    # -- what the kit asks --------------------------------------------------------------------------------------------

    def reset(self, everything: bool) -> None:  # noqa: ARG002 - there is nothing but people
        self._forget()

    def stored(self, module: str | None) -> Any:
        people = [{name: value for name, value in row.items() if name != "moment"} for row in self.people.values()]
        return {"people": people} if module is None else people

    def store(self, value: Any) -> dict[str, list[str]]:
        """``{"people": [{"name", …}]}``, without the API's checks."""
        return {"people": [self._put(dict(row))["id"] for row in value.get("people", ())]}

    def change(self, id: str) -> None:
        """Somebody edits this person."""
        self._put({**self.people[id], "notes": "changed"}, id)

    def _put(self, values: dict[str, Any], id: str = "") -> dict[str, Any]:
        self.moment += 1
        id = id or f"p{self.moment}"
        version = int(self.people.get(id, {}).get("version", 0)) + 1
        row = {**dict.fromkeys(FIELDS), **values, "id": id, "version": str(version), "moment": self.moment}
        self.people[id] = row
        return row

    # -- the vendor ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Route by path."""
        if request.headers.get("x-api-key") != KEY:
            return _refuse(401, "unauthorized", "the key is missing or wrong")
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["v1", "me"]:
                return json_reply(200, {"id": "acc-1", "name": "Sandbox & Co"})
            case "GET", ["v1", "people", "changes"]:
                return self._changes(request)
            case "POST", ["v1", "people", "search"]:
                return self._search(request)
            case "POST", ["v1", "people"]:
                return self._create(request)
            case (("PATCH" | "DELETE"), ["v1", "people", id]):
                return self._change(request, id)
        return _refuse(404, "no_such_path", "there is nothing here")

    def _changes(self, request: Request) -> Reply:
        after, limit = int(request.query.get("after", "0")), int(request.query.get("limit", "100"))
        news = sorted((row for row in self.people.values() if row["moment"] > after), key=lambda row: row["moment"])
        page = news[:limit]
        deleted = [id for id, moment in self.gone.items() if moment > after]
        more = len(news) > limit
        # What was deleted is told with the last page, and not again behind it.
        upto = page[-1]["moment"] if more else max(self.moment, after)
        return json_reply(200, {"items": page, "deleted": [] if more else deleted, "next": str(upto), "more": more})

    def _search(self, request: Request) -> Reply:
        asked = request.json()
        if len(asked["in"]) > LARGEST_SEARCH or asked["field"] not in (*FIELDS, "id"):
            return _refuse(400, "bad_search", f"at most {LARGEST_SEARCH} values of a field that exists")
        wanted = set(asked["in"])
        return json_reply(200, {"items": [row for row in self.people.values() if row[asked["field"]] in wanted]})

    def _create(self, request: Request) -> Reply:
        values = request.json()
        same = next((row for row in self.people.values() if row["external_id"] == values.get("external_id")), None)
        if same is not None:
            return json_reply(409, {"error": "duplicate", "id": same["id"], "version": same["version"]})
        return self._refused(values) or json_reply(201, self._put({"name": "", **values}))

    def _change(self, request: Request, id: str) -> Reply:
        row = self.people.get(id)
        if row is None:
            return _refuse(404, "not_found", "there is no such person")
        expected = request.headers.get("if-match")
        if expected is not None and expected != row["version"]:
            return _refuse(412, "changed", "it was changed since")
        if request.method == "DELETE":
            del self.people[id]
            self.moment += 1
            self.gone[id] = self.moment
            return json_reply(200, {"id": id, "version": row["version"]})
        values = request.json()
        return self._refused({**row, **values}) or json_reply(200, self._put({**row, **values}, id))

    def _refused(self, values: dict[str, Any]) -> Reply | None:
        if not values.get("name"):
            return _refuse(422, "missing", "a person needs a name", field="name")
        if values.get("email") and "@" not in values["email"]:
            return _refuse(422, "invalid", "no e-mail address", field="email")
        return None


def _refuse(status: int, error: str, message: str, **more: str) -> Reply:
    return json_reply(status, {"error": error, "message": message, **more})


SANDBOX = SampleCrm
