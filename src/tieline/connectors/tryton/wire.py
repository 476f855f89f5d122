"""Tryton's REST routes: one call each, values to and from its tagged JSON, and what its errors mean.

Routes (trytond 8.2, protocols/rest.py; all under /<database>/rest/model/<model>):

- `POST …/<method>` with keyword arguments as JSON calls any method that the model opens to RPC: `create` with a list is
  one transaction for all of it; `search_read` takes domain, order and fields in the body, so a thousand values fit;
  methods that want record objects (`write`, `delete`, workflow buttons) work for one id only: `POST …/<id>/<button>`.
- `PUT …/<id>` writes one record. `POST …` creates one.

A failed `POST …/<method>` says 403 without a word where `POST …` says 400 with a sentence, so a single record is created
by the latter.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from tieline.core.errors import ConfigError, ProtocolError, ScopeError, TielineError, UnknownOutcomeError
from tieline.sdk.contract import NotSent, Outcome, Rejected
from tieline.sdk.http import Client, Response

HOST = "api"
LANGUAGE = {"Accept-Language": "en"}
"""Tryton's refusals carry no code, only a sentence in the language asked for: English is what `refusal` reads."""


class RefusedRowsError(ProtocolError):
    """Tryton rolled the whole request back. `outcome` is what it means for a single record in it."""

    def __init__(self, outcome: Outcome, status: int) -> None:
        super().__init__(f"refused: {status}", status=status)
        self.outcome = outcome


class NothingThereError(ProtocolError):
    """404: there is no such record."""


class ForbiddenError(ScopeError):
    """403 without a word: a right is lacking, or a record is not there, or a value is not allowed."""


class Wire:
    """Calls to one database."""

    def __init__(self, client: Client) -> None:
        self._client = client
        database = client.fields.get("database", "")
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", database) or database in {".", ".."}:
            raise ConfigError("the database's name is missing or has other signs than letters", setting="database")
        self._base = f"/{quote(database)}/rest/model/"
        self.told_at: datetime | None = None
        """When the last question was answered, by the server's own clock; None where it says no time."""

    async def call(
        self, model: str, method: str, arguments: Mapping[str, Any], *, read: bool, company: int | None = None
    ) -> Any:
        """Any method that the model opens to RPC, by keyword arguments."""
        response = await self._client.request(
            "POST",
            HOST,
            f"{self._base}{model}/{method}",
            read=read,
            json=arguments,
            headers=_headers(company),
            judge=lambda answer: _judge(answer, model, None),
        )
        self.told_at = _date(response)
        return response.json()

    async def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        order: Sequence[Sequence[str]] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Records in a domain with these field paths ("party.name"); related ones as {…} and [{…}] under "party."."""
        arguments: dict[str, Any] = {"domain": domain, "fields_names": list(fields)}
        if order is not None:
            arguments["order"] = order
        if limit is not None:
            arguments["limit"] = limit
        found = await self.call(model, "search_read", arguments, read=True)
        if not isinstance(found, list) or not all(isinstance(row, dict) and "id" in row for row in found):
            raise ProtocolError(f"{model}: search_read gave no list of records")
        return found

    async def search_count(self, model: str, domain: Sequence[Any]) -> int:
        """How many records are in a domain."""
        found = await self.call(model, "search_count", {"domain": domain}, read=True)
        if not isinstance(found, int) or isinstance(found, bool) or found < 0:
            raise ProtocolError(f"{model}: search_count gave no number")
        return found

    async def create(self, model: str, rows: Sequence[Mapping[str, Any]], *, company: int | None = None) -> list[int]:
        """Creates all of them or none. Ids in order."""
        if len(rows) == 1:
            return [await self._create_one(model, rows[0], company)]
        ids = await self.call(model, "create", {"vlist": list(rows)}, read=False, company=company)
        if not isinstance(ids, list) or len(ids) != len(rows) or not all(isinstance(id, int) for id in ids):
            raise UnknownOutcomeError(f"{model}: create gave {type(ids).__name__}")
        return ids

    async def _create_one(self, model: str, row: Mapping[str, Any], company: int | None) -> int:
        response = await self._client.request(
            "POST",
            HOST,
            self._base + model,
            read=False,
            json=row,
            headers=_headers(company),
            judge=lambda answer: _judge(answer, model, row),
        )
        made = response.json()
        if not isinstance(made, dict) or made.get("__name__") != model or not isinstance(made.get("id"), int):
            raise UnknownOutcomeError(f"{model}: create gave {type(made).__name__}")
        return int(made["id"])

    async def write(self, model: str, id: int, values: Mapping[str, Any]) -> None:
        """Writes one record. NothingThereError when it is gone."""
        await self._client.request(
            "PUT",
            HOST,
            f"{self._base}{model}/{id}",
            read=False,
            json=values,
            headers=_headers(None),
            judge=lambda answer: _judge(answer, model, values, one=True),
        )

    async def delete(self, model: str, id: int) -> None:
        """Deletes one record. NothingThereError when it is gone."""
        await self._client.request(
            "DELETE",
            HOST,
            f"{self._base}{model}/{id}",
            read=False,
            headers=_headers(None),
            judge=lambda answer: _judge(answer, model, {}, one=True),
        )

    async def press(self, model: str, id: int, button: str) -> None:
        """A workflow button of one record."""
        await self._client.request(
            "POST",
            HOST,
            f"{self._base}{model}/{id}/{button}",
            read=False,
            json={},
            headers=_headers(None),
            judge=lambda answer: _judge(answer, model, {}, one=True),
        )


def _date(response: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("Date", ""))
    except (TypeError, ValueError):
        return None


def _headers(company: int | None) -> dict[str, str]:
    if company is None:
        return LANGUAGE
    context = base64.urlsafe_b64encode(json.dumps({"company": company}).encode()).decode()
    return {**LANGUAGE, "X-Tryton-Context": context}


# -- errors -----------------------------------------------------------------------------------------------------------


def _judge(response: Response, model: str, row: Mapping[str, Any] | None, *, one: bool = False) -> TielineError | None:
    """Tryton's own words. row: the single record written, None for many or for a question; one: the address named it."""
    status = response.status
    if status == 400:
        said = response.json_or_none()
        message = said.get("message") if isinstance(said, dict) else None
        if not isinstance(message, str):
            return None  # not Tryton's: the usual meaning of a 400
        if match := re.match(r'You are not allowed to (?:access|search on the) "([^"]+)"', message):
            return ScopeError(f"{model}: not allowed", scope=match[1])
        return RefusedRowsError(refusal(message, row), status)
    if status == 403:
        return ForbiddenError(f"{model}: 403", scope=model)
    if status == 404:
        if one:
            return NothingThereError(f"{model}: 404", status=404)
        return ConfigError("no such database at this address", setting="database")
    if status == 500 and (why := _own_page(response.body)) is not None:
        return _crash(why, model, row, response.is_read)
    return None


_PAGE = re.compile(
    r"<title>500 Internal Server Error</title>\s*<h1>Internal Server Error</h1>\s*<p>(.*?)</p>\s*$", re.DOTALL
)
_KEY_ERROR = re.compile(r"^'([A-Za-z_][A-Za-z0-9_.]*)'$")
_CONVERSION = ("invalid literal for", "decimal.ConversionSyntax", "could not convert", "Invalid isoformat")


def _own_page(body: bytes) -> str | None:
    """What Tryton's own error page says; None for anybody else's page."""
    match = _PAGE.search(body[:4096].decode(errors="replace"))
    return html.unescape(match[1]) if match else None


def _crash(why: str, model: str, row: Mapping[str, Any] | None, is_read: bool) -> TielineError | None:
    """A 500 of Tryton that tells of our request, not of its health: an unknown name, a value it cannot convert. The
    transaction was rolled back. Everything else stays unclear."""
    if name := _KEY_ERROR.match(why):
        if is_read:
            return ConfigError(f"{model}: the server does not know {name[1]}", setting=name[1])
        return RefusedRowsError(Rejected("unknown_field", name[1]), 500)
    if not is_read and any(sign in why for sign in _CONVERSION):
        return RefusedRowsError(Rejected("wrong_type", next(iter(row)) if row and len(row) == 1 else None), 500)
    return None


_REFUSALS = (
    (r"The code on party must be unique", "not_unique", "code"),
    (r"The phone number .* is not valid", "invalid", "phone"),
    (r"The email address .* is not valid", "invalid", "email"),
    (r"A value is required for field", "required", None),
    (r"You are not allowed to modify the field", "read_only", None),
    (r"The value .* is too long", "too_long", None),
    (r"The value .* is not one of the allowed options", "invalid", None),
    (r"The value .* is not valid according to its domain", "invalid", None),
    (r"The value .* contains some invalid chars", "invalid", None),
    (r"The number of digits in the value", "invalid", None),
    (r"You are not allowed to (?:create|read|write|delete).* rules", "rule", None),
    (r"You are trying to (?:read|write).* that don't exist", "gone", None),
    (r"You can not call", "not_possible_now", None),
    (r".* must be unique", "not_unique", None),
)

_LABELS = {
    "Party": "party",
    "Employee": "employee",
    "State": "state",
    "Name": "name",
    "Description": "description",
    "Reference": "reference",
    "Amount": "amount",
    "Company": "company",
    "Currency": "currency",
    "Start Date": "start_date",
    "Resource": "parent",
    "Message": "message",
    "Code": "code",
}


def refusal(message: str, row: Mapping[str, Any] | None = None) -> Outcome:
    """A sentence of Tryton as an outcome. What stood in quotation marks (values) is left out of the detail."""
    code, field = "refused", None
    for pattern, its_code, its_field in _REFUSALS:
        if re.match(pattern, message, re.DOTALL):
            code, field = its_code, its_field
            break
    if code == "not_unique" and field == "code" and (row is None or "code" not in row):
        # We gave no code: two writers got the same number of the sequence, which happens on SQLite. Nothing is wrong
        # with the record and nothing was written.
        return NotSent("number_taken")
    if field is None and (named := re.search(r'field "([^"]+)"', message)):
        field = _LABELS.get(named[1], named[1])
    return Rejected(code, field, re.sub(r'"[^"]*"', "…", message))


# -- values -----------------------------------------------------------------------------------------------------------


def tagged_time(text: str) -> dict[str, Any]:
    """ISO 8601 UTC text as Tryton's datetime (naive UTC)."""
    moment = datetime.fromisoformat(text)
    return {
        "__class__": "datetime",
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "microsecond": moment.microsecond,
    }


def tagged_date(text: str) -> dict[str, Any]:
    """ISO date (or date-time) text as Tryton's date."""
    day = date.fromisoformat(text[:10])
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def tagged_decimal(value: Any) -> dict[str, Any]:
    """A number as Tryton's Decimal."""
    return {"__class__": "Decimal", "decimal": str(Decimal(str(value)))}


def tagged_bytes(content: bytes) -> dict[str, Any]:
    """Bytes as Tryton's."""
    return {"__class__": "bytes", "base64": base64.b64encode(content).decode()}


def plain(value: Any) -> Any:
    """A value as read: tags become ISO text (times in UTC with Z) and numbers; the rest stays."""
    if not isinstance(value, dict):
        return value
    match value.get("__class__"):
        case "datetime":
            parts = (value[name] for name in ("year", "month", "day", "hour", "minute", "second", "microsecond"))
            return datetime(*parts).isoformat(timespec="microseconds") + "Z"  # noqa: DTZ001  (Tryton's times are UTC)
        case "date":
            return date(value["year"], value["month"], value["day"]).isoformat()
        case "time":
            return f"{value['hour']:02}:{value['minute']:02}:{value['second']:02}"
        case "Decimal":
            number = Decimal(value["decimal"])
            return int(number) if number == number.to_integral_value() else float(number)
        case "timedelta":
            return value["seconds"]
        case _:
            return value
