"""Writing, one request for each record: e-conomic has no batches.

A customer is made through the legacy surface, which picks the number, under an Idempotency-Key that is a digest of the origin key: within an
hour the same create gives the same customer. It is changed through customersapi: the whole object is read (two hundred in one request), the
values are put into it and all of it is written back with its object version, so nothing that nobody mapped is lost, and nobody's change in
between. Legacy PUT would do neither. Contacts are written through customersapi throughout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from tieline.connectors.e_conomic import shapes
from tieline.connectors.e_conomic.answers import is_error, refusal
from tieline.connectors.e_conomic.api import APIS, CUSTOMERSAPI, REST, Api
from tieline.connectors.e_conomic.finding import VALUES
from tieline.connectors.e_conomic.shapes import CONTACTS, CUSTOMERS
from tieline.core.errors import ProtocolError, TielineError, UnknownOutcomeError
from tieline.sdk.contract import (
    Gone,
    Link,
    NotSent,
    Outcome,
    PushOperation,
    Rejected,
    Stale,
    Unknown,
    Written,
)
from tieline.sdk.http import Response
from tieline.sdk.webhook import digest

AT_ONCE = 8
"""Writes under way at the same time."""
FROM_CACHE = "X-ResultFromCache"
_PATHS = {CUSTOMERS: "/Customers", CONTACTS: "/Contacts"}
_KEYS = {CUSTOMERS: "customerNumber", CONTACTS: "number"}
Rows = Mapping[tuple[str, str], dict[str, Any]]
"""(object, number) → the object as customersapi gave it."""


class Push:
    """One push."""

    def __init__(self, api: Api, operations: Sequence[PushOperation]) -> None:
        self._api = api
        self._operations = operations
        self._places = {operation.key: at for at, operation in enumerate(operations)}
        self._outcomes: dict[int, Outcome] = {}
        self._errors: list[TielineError] = []

    async def run(self) -> list[Outcome]:
        """All of it. Raises only when nothing at all was written and it is nobody's record's fault."""
        while (wave := self._ready()) and not self._errors:
            rows, versions = await self._current(wave)
            left = iter([at for at in wave if at not in self._outcomes])
            await asyncio.gather(*(self._some(left, rows, versions) for _ in range(AT_ONCE)))
        lost = NotSent(self._errors[0].code) if self._errors else NotSent("its parent failed")
        told = [self._outcomes.get(at, lost) for at in range(len(self._operations))]
        if self._errors and all(isinstance(one, NotSent) for one in told):
            raise self._errors[0]
        return told

    # -- order ------------------------------------------------------------------------------------------------------

    def _ready(self) -> list[int]:
        """Operations whose parents are written and whose record is not being written already."""
        wave: list[int] = []
        taken: set[tuple[str, str] | None] = set()
        for at, operation in enumerate(self._operations):
            if at in self._outcomes:
                continue
            target = (operation.object, operation.target.id) if operation.target and operation.target.id else None
            are_written = all(isinstance(self._outcomes.get(parent), Written) for parent in self._parents(at))
            if are_written and target not in taken:
                wave.append(at)
            if target is not None:
                taken.add(target)
        return wave

    def _parents(self, at: int) -> set[int]:
        operation = self._operations[at]
        links = [value for value in (*operation.values.values(), operation.target) if isinstance(value, Link)]
        return {self._places.get(link.key, -1) for link in links if not link.id}

    def _id_of(self, link: Link) -> str:
        known = self._outcomes.get(self._places.get(link.key, -1))
        return link.id or (known.id if isinstance(known, Written) else "")

    def _values(self, operation: PushOperation) -> dict[str, Any]:
        values = operation.values.items()
        return {name: self._id_of(value) if isinstance(value, Link) else value for name, value in values}

    def _target(self, operation: PushOperation) -> str:
        if operation.target is None:
            raise ProtocolError(f"{operation.verb} without its record")
        return self._id_of(operation.target)

    # -- what is there ----------------------------------------------------------------------------------------------

    async def _current(self, wave: Sequence[int]) -> tuple[Rows, Mapping[str, str]]:
        """The objects that the wave changes or deletes, and, where customersapi's content is not the version that was asked
        for, the version that the legacy surface gives: the two may write the same thing differently."""
        asked: dict[str, list[str]] = {}
        for at in wave:
            operation = self._operations[at]
            if operation.verb in ("update", "delete") and operation.object in _PATHS:
                asked.setdefault(operation.object, []).append(self._target(operation))
        if not asked:
            return {}, {}
        try:
            rows = await self._read(asked)
            doubtful = [
                self._target(operation)
                for operation in (self._operations[at] for at in wave)
                if operation.version
                and operation.object == CUSTOMERS
                and (row := rows.get((CUSTOMERS, self._target(operation)))) is not None
                and shapes.version_of_open(row) != operation.version
            ]
            versions = await self._versions(doubtful) if doubtful else {}
        except TielineError as error:
            self._errors.append(error)
            for at in wave:
                if self._operations[at].verb in ("update", "delete"):
                    self._outcomes[at] = NotSent(error.code)
            return {}, {}
        return rows, versions

    async def _read(self, asked: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], dict[str, Any]]:
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for object, ids in asked.items():
            numbers = [id for id in dict.fromkeys(ids) if id.isascii() and id.isdigit()]
            for at in range(0, len(numbers), VALUES):
                part = ",".join(numbers[at : at + VALUES])
                rows, _, _ = await self._api.items(_PATHS[object], {"filter": f"{_KEYS[object]}$in:[{part}]"})
                found |= {(object, str(row[_KEYS[object]])): row for row in rows if row.get("isDeleted") is not True}
        return found

    async def _versions(self, numbers: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for at in range(0, len(numbers), VALUES):
            part = ",".join(numbers[at : at + VALUES])
            rows, _ = await self._api.rows(
                "/customers", {"filter": f"customerNumber$in:[{part}]", "pagesize": "1000", "sort": "customerNumber"}
            )
            found |= {str(row["customerNumber"]): shapes.version_of_legacy(row) for row in rows}
        return found

    # -- one operation ----------------------------------------------------------------------------------------------

    async def _some(self, left: Iterator[int], rows: Rows, versions: Mapping[str, str]) -> None:
        """One after the other of what is left, until there is trouble with the connection: then nothing more is sent."""
        for at in left:
            if self._errors:
                return
            await self._one(at, rows, versions)

    async def _one(self, at: int, rows: Rows, versions: Mapping[str, str]) -> None:
        """Trouble with it is its outcome; trouble with the connection ends the push."""
        operation = self._operations[at]
        try:
            self._outcomes[at] = await self._done(operation, rows, versions)
        except UnknownOutcomeError as error:
            self._outcomes[at] = Unknown(error.detail)
        except TielineError as error:
            self._errors.append(error)
            self._outcomes[at] = NotSent(error.code)

    async def _done(self, operation: PushOperation, rows: Rows, versions: Mapping[str, str]) -> Outcome:
        if operation.object not in _PATHS or operation.verb == "attach":
            return Rejected("NotSupported", None, f"{operation.verb} {operation.object}")
        if operation.verb == "create":
            return await self._create(operation)
        number = self._target(operation)
        row = rows.get((operation.object, number))
        if row is None:
            return Gone()
        if operation.version and operation.version not in (_version(operation.object, row), versions.get(number)):
            return Stale()
        if operation.verb == "delete":
            return await self._delete(operation, number)
        return await self._update(operation, number, row)

    async def _create(self, operation: PushOperation) -> Outcome:
        values = self._values(operation)
        is_customer = operation.object == CUSTOMERS
        body = shapes.created(values) if is_customer else shapes.contact_body({}, values)
        if isinstance(body, Rejected):
            return body
        host, path = (REST, "/customers") if is_customer else (APIS, f"{CUSTOMERSAPI}/Contacts")
        key = idempotency_key(operation)
        response = await self._api.write("POST", host, path, body, key=key)
        if response.status >= 400 and response.headers.get(FROM_CACHE):
            # an earlier no, told again: surely nothing was made then or now, so what is asked today may be asked under a key
            # that knows what it says
            key = digest([key, orjson.dumps(body, option=orjson.OPT_SORT_KEYS).decode()], 16)
            response = await self._api.write("POST", host, path, body, key=key)
        if response.status >= 400:
            return _refused(response)
        made = response.json_or_none()
        number = made.get(_KEYS[operation.object]) if isinstance(made, dict) and not is_error(made) else None
        if not isinstance(number, int):
            return Unknown("an answer without the number")
        version = shapes.version_of_legacy(made) if is_customer else shapes.version_of_contact(body)
        return Written(str(number), version, existed=bool(response.headers.get(FROM_CACHE)))

    async def _update(
        self, operation: PushOperation, number: str, row: dict[str, Any], *, is_second: bool = False
    ) -> Outcome:
        values = self._values(operation)
        made = shapes.changed(row, values) if operation.object == CUSTOMERS else shapes.contact_body(row, values)
        if isinstance(made, Rejected):
            return made
        if made == row:
            return Written(number, _version(operation.object, row))
        path = CUSTOMERSAPI + _PATHS[operation.object] + (f"/{number}" if operation.object == CUSTOMERS else "")
        response = await self._api.write("PUT", APIS, path, made)
        if response.status == 409:
            return Stale() if is_second else await self._again(operation, number, row)
        if response.status >= 400:
            return refusal(response)
        if response.body and is_error(response.json_or_none()):
            return Unknown(f"an error inside a {response.status}")
        return Written(number, _version(operation.object, made))

    async def _again(self, operation: PushOperation, number: str, row: dict[str, Any]) -> Outcome:
        """After a conflict of versions: the object anew. Where only something changed that we know nothing of, the write is made
        on what is there now; else somebody must decide again."""
        now = (await self._read({operation.object: [number]})).get((operation.object, number))
        if now is None:
            return Gone()
        if _version(operation.object, now) != _version(operation.object, row):
            return Stale()
        return await self._update(operation, number, now, is_second=True)

    async def _delete(self, operation: PushOperation, number: str) -> Outcome:
        """Under a key too: a number that is free again may be somebody else's by the time a delete is sent twice."""
        path = f"{CUSTOMERSAPI}{_PATHS[operation.object]}/{number}"
        response = await self._api.write("DELETE", APIS, path, key=idempotency_key(operation))
        if response.status >= 400:
            return refusal(response)
        return Unknown(f"an error inside a {response.status}") if response.body else Written(number)


def idempotency_key(operation: PushOperation) -> str:
    """What e-conomic remembers a write by: a digest of the origin key, of nothing that anybody typed."""
    return digest([operation.verb, operation.object, operation.key], 16)


def _version(object: str, row: Mapping[str, Any]) -> str:
    return shapes.version_of_open(row) if object == CUSTOMERS else shapes.version_of_contact(row)


def _refused(response: Response) -> Outcome:
    """The no to a create; a 404 or 409 there is about something that it refers to."""
    found = refusal(response)
    return Rejected(f"HTTP {response.status}") if isinstance(found, Gone) else found
