"""Writes: one request a card, several at once, each on condition.

A create is a PUT that must make something (If-None-Match: *) at a name that follows from its origin key, so the same key twice is
one card. An update reads the card first (or takes it as it was just fetched), changes its own lines and puts it back on condition of that
very version. Nothing is sent twice, but for the one case where the server itself said that nothing happened (see `_put_back`).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from time import monotonic as clock
from typing import Any

from tieline.connectors.carddav import dav, index
from tieline.connectors.carddav.fields import CONTACTS, UID_MARK, FieldError, new_card, read, write
from tieline.connectors.carddav.pace import Pace
from tieline.connectors.carddav.vcard import Card
from tieline.connectors.carddav.wire import Book, CardText, Wire
from tieline.core.errors import ConfigError, ScopeError, TielineError, TransientError, UnknownOutcomeError
from tieline.sdk.answer import RefusedError, Response
from tieline.sdk.contract import Gone, NotSent, Outcome, PushOperation, Rejected, Stale, Unknown, Written

PACE = "carddav.pace"
"""Where the client's memory has how many writes go side by side."""
FETCHED = "carddav.fetched"
"""Where the client's memory has the cards of the last fetch, for the push that comes of it."""
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,100}")
_REFUSALS = (400, 403, 404, 405, 409, 410, 412, 413, 414, 415, 422, 423, 507)
_WORDS = {413: "too_large", 507: "insufficient_storage"}
_CONDITIONS = frozenset(
    {
        "addressbook-collection-location-ok",
        "max-resource-size",
        "no-uid-conflict",
        "quota-not-exceeded",
        "sufficient-disk-space",
        "supported-address-data",
        "valid-address-data",
    }
)
"""Preconditions of a PUT that speak of the card (RFC 6352, 6.3.2.1; RFC 4331)."""
_CARD_TYPE = {"Content-Type": "text/vcard; charset=utf-8"}


def name_for(key: str) -> str:
    """The name of the card with this origin key."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{UID_MARK}{key}.vcf"
    return f"{UID_MARK}.{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}.vcf"


class Writer:
    """One push."""

    def __init__(self, wire: Wire, memory: dict[str, Any]) -> None:
        self._wire = wire
        self._memory = memory
        self._pace: Pace = memory.setdefault(PACE, Pace())
        self._book = Book("", "")
        self._cards: dict[str, CardText] = {}
        self._troubles: list[TielineError] = []
        self._outcomes: list[Outcome | None] = []
        self._unread: dict[int, Card] = {}

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        """Outcomes in order. Operations on one card are done one after the other, cards side by side."""
        if not operations:
            return []
        self._outcomes = [_impossible(one) for one in operations]
        chains: dict[str, list[int]] = {}
        for at, one in enumerate(operations):
            if self._outcomes[at] is None:
                name = one.target.id if one.target is not None else name_for(one.key)
                chains.setdefault(name, []).append(at)
        if not chains:
            return self._all()
        self._book = await self._wire.book()
        await self._read_first(operations, chains)

        async def one_card(name: str, ats: Sequence[int]) -> None:
            async with self._pace.turn():
                for at in ats:
                    self._outcomes[at] = await self._tried(name, at, operations[at])

        async with asyncio.TaskGroup() as group:
            for name, ats in chains.items():
                group.create_task(one_card(name, ats))
        if self._troubles and not self._has_happened():
            raise self._troubles[0]
        await self._read_versions(operations)
        return self._all()

    async def _read_first(self, operations: Sequence[PushOperation], chains: Mapping[str, Sequence[int]]) -> None:
        """The cards that are to be updated; those that were fetched a moment ago in the version that is meant are not read again."""
        fetched: Mapping[str, CardText] = self._memory.pop(FETCHED, {})
        unread: list[str] = []
        for name, ats in chains.items():
            if not any(operations[at].verb == "update" for at in ats):
                continue
            text = fetched.get(name)
            if text is not None and text.version and text.version == operations[ats[0]].version:
                self._cards[name] = text
            else:
                unread.append(name)
        if unread:
            self._cards.update(await self._wire.cards(self._book.path, unread))

    def _all(self) -> list[Outcome]:
        return [one if one is not None else NotSent() for one in self._outcomes]

    def _has_happened(self) -> bool:
        return any(isinstance(one, (Written, Rejected, Stale, Gone, Unknown)) for one in self._outcomes)

    async def _tried(self, name: str, at: int, operation: PushOperation) -> Outcome:
        """The outcome of one operation; after trouble with the connection the rest is not sent."""
        if self._troubles:
            return NotSent("stopped")
        try:
            match operation.verb:
                case "create":
                    return await self._create(name, at, operation)
                case "update":
                    return await self._update(name, at, operation)
                case _:
                    return await self._delete(name, operation)
        except FieldError as error:
            return Rejected(error.code, error.field)
        except UnknownOutcomeError as error:
            self._troubles.append(error)
            return Unknown(error.detail)
        except RefusedError as error:
            return Rejected(str(error.response.status))
        except (
            TielineError
        ) as error:  # of a write: it surely did not happen; of a question behind one: the server had said no
            self._troubles.append(error)
            return NotSent(error.code)

    # -- the three verbs -----------------------------------------------------------------------------------------------

    async def _create(self, name: str, at: int, operation: PushOperation) -> Outcome:
        card = new_card(f"{UID_MARK}{operation.key}", operation.values)
        answer = await self._put(name, card, {"If-None-Match": "*"})
        if answer.status < 300:
            return self._done(name, at, card, answer)
        if answer.status == 412:
            # There is a card with this name; or, at some servers, a card so large is refused with the same words.
            there = await self._wire.versions(self._book.path, [name])
            return Written(name, there[name], existed=True) if name in there else Rejected("precondition")
        if "no-uid-conflict" in dav.conditions(answer.body):
            return await self._same_uid(operation, answer)
        return _refused(answer)

    async def _same_uid(self, operation: PushOperation, answer: Response) -> Outcome:
        """The card is there under another name: somebody moved it."""
        name = dav.name_of(dav.first_href(answer.body))
        if name:
            return Written(name, existed=True)
        uid = f"{UID_MARK}{operation.key}"
        found = await self._wire.query(self._book.path, ["UID"], [uid]) or {}
        for name, text in found.items():
            if read(Card.parse(text.text), ("origin",))["origin"] == operation.key:
                return Written(name, text.version, existed=True)
        return Rejected("no-uid-conflict")

    async def _update(self, name: str, at: int, operation: PushOperation) -> Outcome:
        text = self._cards.get(name)
        if text is None:
            return Gone()
        if operation.version is not None and operation.version != text.version:
            return Stale()
        card = Card.parse(text.text)
        if not card.is_card:
            return Rejected("not_a_card")
        before = card.text()
        write(card, operation.values)
        if card.text() == before:
            return Written(name, text.version)
        answer = await self._put_back(name, card, text.version)
        if answer is None:
            return Stale()
        if answer.status < 300:
            return self._done(name, at, card, answer)
        return Gone() if answer.status in (404, 410) else _refused(answer)

    async def _put_back(self, name: str, card: Card, version: str | None) -> Response | None:
        """The answer to a PUT over this version; None where it is another one by now."""
        answer = await self._put(name, card, {"If-Match": dav.condition(version) if version else "*"})
        if answer.status != 412:
            return answer
        # Nothing happened. A server that gives weak ETags says so even of an unchanged card (RFC 9110, 13.1.1).
        there = await self._wire.versions(self._book.path, [name])
        if name not in there:
            return Response(404, {}, b"", False)
        if version is None or there[name] != version:
            return None
        return await self._put(name, card, {"If-Match": "*"})

    async def _delete(self, name: str, operation: PushOperation) -> Outcome:
        headers = {"If-Match": dav.condition(operation.version)} if operation.version else {}
        path = dav.member(self._book.path, name)
        answer = _sure(await self._wire.send("DELETE", path, headers, None, _REFUSALS), is_delete=True)
        if answer.status == 412:
            there = await self._wire.versions(self._book.path, [name])
            if name not in there:
                return Gone()
            if there[name] != operation.version:
                return Stale()
            answer = _sure(await self._wire.send("DELETE", path, {}, None, _REFUSALS), is_delete=True)
        if answer.status < 300:
            self._cards.pop(name, None)
            index.written(self._memory, name, None)
            return Written(name)
        return Gone() if answer.status in (404, 410) else _refused(answer)

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _put(self, name: str, card: Card, condition: dict[str, str]) -> Response:
        body = card.text("\r\n").encode("utf-8", "replace")
        path = dav.member(self._book.path, name)
        answer = await self._wire.send("PUT", path, {**_CARD_TYPE, **condition}, body, _REFUSALS)
        self._pace.done(clock())
        return _sure(answer, is_delete=False)

    def _done(self, name: str, at: int, card: Card, answer: Response) -> Written:
        version = dav.version_of(answer.headers.get("ETag"))
        self._cards[name] = CardText(card.text(), version)
        index.written(self._memory, name, card)
        if version is None:
            self._unread[at] = card
        return Written(name, version)

    async def _read_versions(self, operations: Sequence[PushOperation]) -> None:
        """Versions of what a server wrote without telling one. A server does so when it keeps a card otherwise than it was sent
        (RFC 6352, 6.3.2.3), so what was read may be somebody else's by now: the version counts where our fields are in it."""
        if not self._unread:
            return
        names = {at: one.id for at in self._unread if isinstance(one := self._outcomes[at], Written)}
        try:
            there = await self._wire.cards(self._book.path, list(dict.fromkeys(names.values())))
        except TielineError:
            return  # written it is; the next pull tells the version
        for at, name in names.items():
            if (found := there.get(name)) is None:
                continue
            fields = list(operations[at].values)
            if read(Card.parse(found.text), fields) == read(self._unread[at], fields):
                self._outcomes[at] = Written(name, found.version)


def _impossible(operation: PushOperation) -> Outcome | None:
    """What need not be sent to be refused."""
    if operation.object != CONTACTS:
        return Rejected("unknown_object")
    if operation.verb == "attach":
        return Rejected("unsupported")
    if operation.verb != "create" and (operation.target is None or not operation.target.id):
        return NotSent("no_target")
    return None


def _sure(answer: Response, *, is_delete: bool) -> Response:
    """The answer, where it is the server's own. A page or JSON under a 200 is of something before it, and says nothing."""
    status = answer.status
    if status >= 300 or status == 204 or not answer.body:
        return answer
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if status == 201 and (kind == "text/html" or kind.endswith("xml")):
        return answer
    if is_delete and status in (200, 207) and kind.endswith("xml"):
        return _deleted(answer)
    raise UnknownOutcomeError(f"{status} with a body that is none of WebDAV's")


def _deleted(answer: Response) -> Response:
    """The answer to a DELETE that came as a multistatus, with the status that it holds."""
    try:
        told = dav.multistatus(answer.body)
    except TransientError:
        raise UnknownOutcomeError(f"{answer.status} without WebDAV") from None
    statuses = [found.status for found in told.responses if found.status]
    worst = max(statuses, default=204)
    return answer if worst < 300 else Response(worst, answer.headers, b"", False)


def _refused(answer: Response) -> Outcome:
    """A clear no. The name of the condition that failed is the code, where the server names one."""
    named = sorted(dav.conditions(answer.body) & _CONDITIONS)
    if answer.status == 423:
        return NotSent("locked")
    if answer.status == 403 and not named:
        raise ScopeError("the address book may not be written", scope="", status=403)
    if answer.status == 409 and not answer.body:
        raise ConfigError("the address book is not there any more", setting="book")
    return Rejected(named[0] if named else _WORDS.get(answer.status, str(answer.status)))
