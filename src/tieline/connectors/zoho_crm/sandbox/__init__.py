"""Zoho CRM, played from its documentation of API v8 (see doc.md for the pages).

Layout: accounts host ``/zoho_crm/accounts``, API host ``/zoho_crm/api`` (what ``api_domain`` says). Both again with ``.us`` behind the word are another
data centre, which knows neither this one's codes nor its organisation.

Own control routes: POST token {"scope", "user"?} gives a grant without the browser; POST clients {"client_id", "client_secret", "redirect_uris"};
POST behaviour (see Behaviour); POST layouts {"module", "name"?, "layout_id"?, "required"?, "pipelines"?}; POST users {"id", "status"} or a new one.
"""

from __future__ import annotations

from typing import Any

import orjson

from tieline.connectors.zoho_crm.sandbox import (
    composite,
    metadata,
    related,
)
from tieline.connectors.zoho_crm.sandbox import (
    query as queries,
)
from tieline.connectors.zoho_crm.sandbox import (
    reads as reading,
)
from tieline.connectors.zoho_crm.sandbox.answers import batch, error, nothing, refused
from tieline.connectors.zoho_crm.sandbox.control import controlled
from tieline.connectors.zoho_crm.sandbox.coql import CoqlError, parse
from tieline.connectors.zoho_crm.sandbox.limits import Behaviour, Meter, allowed, coql_credits, reads, write_credits
from tieline.connectors.zoho_crm.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Accounts, Grant
from tieline.connectors.zoho_crm.sandbox.record_page import record_page
from tieline.connectors.zoho_crm.sandbox.rows import Tables, read
from tieline.connectors.zoho_crm.sandbox.schema import Schema
from tieline.connectors.zoho_crm.sandbox.writes import BATCH, Writer, seed_row
from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply

_STATUS_CODES = {
    429: "TOO_MANY_REQUESTS",
    503: "SERVICE_UNAVAILABLE",
    401: "INVALID_TOKEN",
    403: "NO_PERMISSION",
    400: "INVALID_DATA",
}


class ZohoCrm(Sandbox):
    """One organisation with six users, and everything that its API keeps."""

    name = "zoho_crm"
    oauth_client = (CLIENT_ID, CLIENT_SECRET)

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.behaviour = Behaviour()
        self.meter = Meter(self.behaviour, self.now)
        self.accounts = Accounts(lambda: self.schema, self.now, seed)
        self._refresh()

    def _refresh(self) -> None:
        self.schema = Schema()
        self.tables = Tables(self.schema)
        self.writer = Writer(self.tables, self.now)
        self.attachments = related.Attachments(self.tables)

    # -- what the kit asks ------------------------------------------------------------------------------------------

    def enter(self, request: Request) -> Reply | None:
        """Refuses what is too much at once; the accounts host counts apart."""
        if request.path.startswith("/accounts") or self.meter.enter(request):
            return None
        return refused(429, "TOO_MANY_REQUESTS")

    def leave(self, request: Request) -> None:
        """One call less under way."""
        if not request.path.startswith("/accounts"):
            self.meter.leave(request)

    def figures(self) -> dict[str, Any]:
        """Credits, refusals, and field names that were sent but do not exist (Zoho ignores them without a word)."""
        return {
            "credits": self.meter.total,
            "credits_left": self.behaviour.credits - self.meter.used,
            "refused_for_limits": self.meter.refused,
            "ignored_fields": dict(sorted(self.writer.ignored.items())),
            "records": {name: len(table.rows) for name, table in self.tables.by_module.items()},
        }

    def error_body(self, status: int) -> bytes:
        """Zoho's bare error object."""
        return orjson.dumps(error(_STATUS_CODES.get(status, "INTERNAL_ERROR")))

    def error_in_200(self) -> bytes:
        """An error under a 200."""
        return orjson.dumps({"data": [error("INTERNAL_ERROR")]})

    def reset(self, everything: bool) -> None:
        """The seed's organisation without records; grants stay unless everything."""
        self._refresh()
        self.meter.forget()
        if everything:
            self.behaviour.change({name: getattr(Behaviour(), name) for name in Behaviour.__slots__})
            self.apply_behaviour({})
            self.accounts.forget()

    def apply_behaviour(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Change behaviour and what depends on it."""
        told = self.behaviour.change(asked)
        for name in ("tokens_per_10_min", "codes_per_10_min", "token_life", "code_life"):
            setattr(self.accounts, name, getattr(self.behaviour, name))
        return told

    def stored(self, module: str | None) -> Any:
        """Records by module as GET by id shows them; ``Attachments`` without contents."""
        if module == "Attachments":
            return [self.attachments.shown(one) for one in self.attachments.kept.values()]
        if module is not None:
            return [self.tables.whole(module, row) for row in self.tables[module].rows.values()]
        return {name: self.stored(name) for name in (*self.tables.by_module, "Attachments")}

    def store(self, value: Any) -> dict[str, list[str]]:
        """``{module: [record, …]}`` without checks."""
        me = next(iter(self.schema.users))
        return {module: [seed_row(self.writer, module, item, me) for item in items] for module, items in value.items()}

    def expire_tokens(self) -> int:
        """All access tokens are dead."""
        return self.accounts.expire()

    def control(self, action: str, request: Request) -> Reply | None:
        """Own control routes."""
        return controlled(self, action, request)

    # -- the vendor -------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Reply:
        """Route to a host, then a path."""
        host, _, path = request.path[1:].partition("/")
        word, _, centre = host.partition(".")
        if word == "crm" and path == "EntityInfo.do":
            return record_page(self.stored(None), request)
        if word == "accounts":
            reply = self.accounts.answer("/" + path, request, centre or "eu")
            return reply or refused(404, "INVALID_URL_PATTERN")
        if word != "api" or not path.startswith("crm/v8/"):
            return refused(404, "INVALID_URL_PATTERN")
        if centre:
            return refused(400, "INVALID_HOST")
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        grant = self.accounts.holder(token) if kind == "Zoho-oauthtoken" else None
        if grant is None:
            return refused(401, self.behaviour.invalid_token_code)
        self.writer.index_lag = self.index_lag
        if self.meter.exhausted():
            reply = refused(429, "TOO_MANY_REQUESTS")
        else:
            reply, cost = self._api(request, path[7:], grant)
            self.meter.spend(cost)
        reply.headers = [*reply.headers, *self.meter.headers()]
        return reply

    def _api(self, request: Request, path: str, grant: Grant) -> tuple[Reply, int]:
        """The answer of a path below /crm/v8/, and its credits."""
        parts = [part for part in path.split("/") if part]
        if not allowed(grant.scopes, request.method, parts):
            return refused(401, "OAUTH_SCOPE_MISMATCH"), 0
        try:
            match parts:
                case ["coql"] if request.method == "POST":
                    return self._coql(request, grant)
                case ["__composite_requests"] if request.method == "POST":
                    return composite.run(request, self.writer, lambda inner, below: self._api(inner, below, grant)[0])
                case ["settings", *rest]:
                    return self._settings(request, rest), 1
                case ["users", *rest] if request.method == "GET":
                    return metadata.users(self.schema, request, rest[0] if rest else None, grant.user), 1
                case ["org"] if request.method == "GET":
                    return metadata.org(self.schema), 1
                case [module, *rest] if module in self.tables.by_module:
                    return self._records(request, module, rest, grant.user)
        except ValueError:
            return refused(400, "INVALID_DATA", expected_data_type="jsonobject"), 1
        return refused(
            400 if len(parts) == 1 else 404, "INVALID_MODULE" if len(parts) == 1 else "INVALID_URL_PATTERN"
        ), 1

    def _settings(self, request: Request, parts: list[str]) -> Reply:
        wanted = parts[1] if len(parts) > 1 else None
        match request.method, parts[:1], len(parts):
            case "GET", ["modules"], 1 | 2:
                return metadata.modules(self.schema, wanted)
            case "GET", ["fields"], 1 | 2:
                return metadata.fields(self.schema, request, wanted)
            case "GET", ["fields"], 3 if parts[2] == "pick_list_values":
                return metadata.pick_list_values(self.schema, request, parts[1])
            case "POST", ["fields"], 1:
                reply = metadata.make_fields(self.schema, request)
                self.writer.learn_uniques()
                return reply
            case "DELETE", ["fields"], 2:
                reply = metadata.remove_field(self.schema, request, parts[1])
                self.writer.learn_uniques()
                return reply
            case "GET", ["layouts"], 1 | 2:
                return metadata.layouts(self.schema, request, wanted)
            case "GET", ["pipeline"], 1 | 2:
                return metadata.pipelines(self.schema, request, wanted)
        return refused(404, "INVALID_URL_PATTERN")

    def _coql(self, request: Request, grant: Grant) -> tuple[Reply, int]:
        body = request.json()
        text = body.get("select_query") if isinstance(body, dict) else None
        if not isinstance(text, str):
            return refused(400, "MANDATORY_NOT_FOUND", api_name="select_query"), 1
        try:
            query = parse(text)
            if not reads(grant.scopes, query.module):
                return refused(401, "OAUTH_SCOPE_MISMATCH"), 0
            rows, more = queries.run(self.tables, query, self.now())
        except CoqlError as wrong:
            return refused(400, wrong.code, wrong.message, **wrong.details), 1
        cost = coql_credits(query.limit)
        if not rows:
            return nothing(), cost
        return json_reply(200, {"data": rows, "info": {"count": len(rows), "more_records": more}}), cost

    def _records(self, request: Request, module: str, parts: list[str], user: str) -> tuple[Reply, int]:
        match request.method, parts:
            case "GET", []:
                return reading.page(self.tables, module, request, self.now(), user), 1
            case "DELETE", []:
                return self._delete(request, module, user), 1
            case _, []:
                return self._write(request, module, "insert" if request.method == "POST" else "update", user)
            case "POST", ["upsert"]:
                return self._write(request, module, "upsert", user)
            case "GET", ["search"]:
                return reading.search(self.tables, module, request, self.now()), 1
            case "GET", ["deleted"]:
                return reading.deleted(self.tables, module, request), 1
            case "POST", ["actions", "change_owner"]:
                return related.change_owner(self.tables, self.writer, module, None, request, user), 1
            case _, [row_id, *rest] if row_id.isdigit():
                return self._record(request, module, row_id, rest, user)
        return refused(404, "INVALID_URL_PATTERN"), 1

    def _record(self, request: Request, module: str, row_id: str, rest: list[str], user: str) -> tuple[Reply, int]:
        match request.method, rest:
            case "GET", []:
                missing = (
                    nothing()
                    if self.behaviour.unknown_id == 204
                    else refused(400, "INVALID_DATA", resource_path_index=1)
                )
                return reading.record(self.tables, module, row_id, request, missing), 1
            case "DELETE", []:
                result = self.writer.delete(module, row_id, user)
                return batch([result], 200) if result["status"] == "success" else json_reply(400, result), 1
            case _, []:
                return self._write(request, module, "update", user, row_id)
            case "POST", ["actions", "change_owner"]:
                return related.change_owner(self.tables, self.writer, module, row_id, request, user), 1
            case "POST", ["actions", "convert"] if module == "Leads":
                return related.convert(self.tables, self.writer, row_id, request, user), 5
            case (("GET" | "POST"), ["Notes"]):
                return related.notes_of(self.tables, self.writer, module, row_id, request, user), 1
            case _, ["Attachments", *one] if len(one) <= 1:
                return self.attachments.answer(module, row_id, one, request, user, int(self.now())), 1
        return refused(404, "INVALID_URL_PATTERN"), 1

    def _delete(self, request: Request, module: str, user: str) -> Reply:
        ids = [one for one in request.query.get("ids", "").split(",") if one]
        if not 1 <= len(ids) <= BATCH:
            return refused(400, "REQUIRED_PARAM_MISSING" if not ids else "LIMIT_EXCEEDED", param_name="ids")
        return batch([self.writer.delete(module, one, user) for one in ids], 200)

    def _write(
        self, request: Request, module: str, verb: str, user: str, row_id: str | None = None
    ) -> tuple[Reply, int]:
        if (verb == "insert" and request.method != "POST") or (verb == "update" and request.method != "PUT"):
            return refused(400, "INVALID_REQUEST_METHOD"), 1
        body = request.json()
        items = body.get("data") if isinstance(body, dict) else None
        if not isinstance(items, list) or not items:
            return refused(
                400, "MANDATORY_NOT_FOUND" if items is None else "INVALID_DATA", api_name="data", json_path="$.data"
            ), 1
        if len(items) > (1 if row_id else BATCH):
            return refused(
                400, "INVALID_DATA", api_name="data", json_path="$.data", maximum_length=1 if row_id else BATCH
            ), 1
        since: float | None = None
        if self.behaviour.honour_if_unmodified_since and "if-unmodified-since" in request.headers:
            since = read(request.headers["if-unmodified-since"])
        cost = write_credits(len(items))
        writer = self.writer
        if verb == "insert":
            return batch([writer.insert(module, item, index, user) for index, item in enumerate(items)], 201), cost
        if verb == "update":
            return batch(
                [writer.update(module, item, index, user, row_id, since) for index, item in enumerate(items)], 200
            ), cost
        checks = body.get("duplicate_check_fields") or []
        fields = self.schema.modules[module].fields
        if (
            not isinstance(checks, list)
            or len(checks) > 10
            or any(not isinstance(name, str) or name not in fields for name in checks)
        ):
            return refused(
                400, "INVALID_DATA", api_name="duplicate_check_fields", json_path="$.duplicate_check_fields"
            ), 1
        return batch(
            [writer.upsert(module, item, index, user, checks, since) for index, item in enumerate(items)], 200
        ), cost


SANDBOX = ZohoCrm
