"""Writes: batches that Tryton takes whole or not at all, cut down to the record that it refuses; nothing is sent twice.

Where our origin key stands, and how a create that may have happened is met again:

- parties: an identifier of theirs; found by `find`.
- leads: the last line of the comment; found by `find`.
- deals: likewise, but a deal is made in two steps (created as a lead, then the button "opportunity"). A push looks for its
  keys first and finishes what it finds half made; `find` shows a deal only once it is one.
- notes (calls) and attachments: the last line of the text. Users who are no administrators may search notes only of
  records they name, so a push looks for its keys on the records it is about to write to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from tieline.connectors.tryton.deleting import Deleter
from tieline.connectors.tryton.marks import mark_pattern, split_mark
from tieline.connectors.tryton.rows import RowError, attachment_row, note_row, opportunity_row, party_row, resource
from tieline.connectors.tryton.setup import Setup
from tieline.connectors.tryton.shapes import (
    DEAL,
    LEAD,
    NOTE,
    OPPORTUNITY,
    PARTY,
    PERSON,
    SHAPES,
)
from tieline.connectors.tryton.wire import ForbiddenError, NothingThereError, RefusedRowsError, Wire, plain
from tieline.core.errors import TielineError, UnknownOutcomeError
from tieline.sdk.contract import Gone, NotSent, Outcome, PushOperation, Rejected, Stale, Unknown, Written

ATTACHMENT = "ir.attachment"
BATCH = 50
"""A long transaction holds up people who work in Tryton: fifty parties take a quarter of a second."""
BUTTONS = {"opportunity": "opportunity", "lost": "lost", "cancelled": "cancel", "lead": "lead"}
"""State → the button that leads there. Tryton makes "converted" and "won" out of sales; nobody can press them from here."""

Outcomes = dict[int, Outcome]
Numbered = tuple[int, PushOperation]


class _StoppedError(Exception):
    """Nobody knows what became of a request: what comes after it is not sent."""


class Writer:
    """One push."""

    def __init__(self, wire: Wire, setup: Setup) -> None:
        self._wire = wire
        self._setup = setup
        self._deleter = Deleter(wire)

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        """One outcome per operation, in order."""
        outcomes: Outcomes = {}
        try:
            for verb, object, group in _groups(operations):
                await self._write(verb, object, group, outcomes)
        except _StoppedError:
            pass
        except TielineError:
            if all(isinstance(outcome, NotSent) for outcome in outcomes.values()):
                raise
        return [outcomes.get(index, NotSent("not_reached")) for index in range(len(operations))]

    async def _write(self, verb: str, object: str, group: Sequence[Numbered], outcomes: Outcomes) -> None:
        if verb == "attach":
            await self._attach(group, outcomes)
        elif object not in SHAPES:
            outcomes.update((index, Rejected("unknown_object")) for index, _ in group)
        elif verb == "update":
            await self._update(object, group, outcomes)
        elif verb == "delete":
            await self._deleter.delete(object, group, outcomes)
        elif object == NOTE:
            await self._create_notes(group, outcomes)
        elif object == DEAL:
            await self._create_deals(group, outcomes)
        elif object == LEAD:
            rows = await self._rows(LEAD, group, outcomes)
            await self._create(OPPORTUNITY, rows, outcomes, await self._setup.company())
        else:
            rows = await self._rows(object, group, outcomes)
            await self._create(PARTY, rows, outcomes)

    # -- creates -------------------------------------------------------------------------------------------------------

    async def _rows(
        self, object: str, group: Sequence[Numbered], outcomes: Outcomes
    ) -> list[tuple[int, dict[str, Any]]]:
        """Tryton's values of each create; what cannot be one is rejected."""
        types = await self._setup.types(object, [operation.values for _, operation in group])
        category = relation = None
        if object == PERSON:
            category = await self._setup.person_category()
            if any(operation.values.get("organisation") for _, operation in group):
                relation = await self._setup.relation()
        rows: list[tuple[int, dict[str, Any]]] = []
        for index, operation in group:
            try:
                if object in (LEAD, DEAL):
                    row = opportunity_row(operation, types)
                else:
                    row = party_row(operation, types, category, relation)
            except RowError as error:
                outcomes[index] = error.outcome
            else:
                rows.append((index, row))
        return rows

    async def _create(
        self, model: str, rows: Sequence[tuple[int, Mapping[str, Any]]], outcomes: Outcomes, company: int | None = None
    ) -> None:
        """Creates all; a refused batch is halved until the refused record stands alone."""
        parts = [rows] if rows else []
        while parts:
            part = parts.pop(0)
            try:
                ids = await self._wire.create(model, [row for _, row in part], company=company)
            except (RefusedRowsError, ForbiddenError) as error:
                if len(part) == 1:
                    outcomes[part[0][0]] = (
                        error.outcome if isinstance(error, RefusedRowsError) else Rejected("forbidden")
                    )
                else:
                    half = len(part) // 2
                    parts[:0] = [part[:half], part[half:]]
            except UnknownOutcomeError as error:
                outcomes.update((index, Unknown(error.code)) for index, _ in part)
                raise _StoppedError from error
            else:
                outcomes.update((index, Written(str(id))) for (index, _), id in zip(part, ids, strict=True))

    async def _create_deals(self, group: Sequence[Numbered], outcomes: Outcomes) -> None:
        rows = await self._rows(DEAL, group, outcomes)
        stages = {index: operation.values.get("stage") or "opportunity" for index, operation in group}
        keys = {index: operation.key for index, operation in group}
        marks = [["comment", "like", mark_pattern(keys[index])] for index, _ in rows]
        found: dict[str, dict[str, Any]] = {}
        if marks:
            for row in await self._wire.search_read(OPPORTUNITY, [["OR", *marks]], ["comment", "state"]):
                if key := split_mark(row["comment"])[1]:
                    found[key] = row
        fresh = [(index, row) for index, row in rows if keys[index] not in found]
        made: Outcomes = {}
        trouble: _StoppedError | TielineError | None = None
        try:
            await self._create(OPPORTUNITY, fresh, made, await self._setup.company() if fresh else None)
        except (_StoppedError, TielineError) as error:
            trouble = error
        for index, _ in rows:
            old = found.get(keys[index])
            outcome = Written(str(old["id"]), existed=True) if old else made.get(index, NotSent("not_reached"))
            if isinstance(outcome, Written) and (old is None or old["state"] == "lead"):
                # It is a lead there, not yet the deal: pushed again, it is found by its key and finished.
                outcomes[index] = NotSent("half_made")
                if trouble is None:
                    outcomes[index] = outcome
                    await self._press(index, int(outcome.id), BUTTONS[stages[index]], outcomes, undo="cancel")
            else:
                outcomes[index] = outcome
        if trouble is not None:
            raise trouble

    async def _press(self, index: int, id: int, button: str, outcomes: Outcomes, undo: str = "") -> None:
        """A workflow button; where it is refused for a record that we just made, that one is taken back."""
        try:
            await self._wire.press(OPPORTUNITY, id, button)
        except (RefusedRowsError, ForbiddenError) as error:
            outcomes[index] = error.outcome if isinstance(error, RefusedRowsError) else Rejected("forbidden", "stage")
            if undo:
                await self._press(index, id, undo, {})
        except NothingThereError:
            outcomes[index] = Gone()
        except UnknownOutcomeError as error:
            outcomes[index] = Unknown(error.code)
            raise _StoppedError from error
        except TielineError:
            outcomes[index] = NotSent("half_made")
            raise

    async def _create_notes(self, group: Sequence[Numbered], outcomes: Outcomes) -> None:
        rows: list[tuple[int, dict[str, Any]]] = []
        for index, operation in group:
            try:
                rows.append((index, note_row(operation)))
            except RowError as error:
                outcomes[index] = error.outcome
        await self._create_hanging(NOTE, "message", group, rows, outcomes)

    async def _create_hanging(
        self,
        model: str,
        text: str,
        group: Sequence[Numbered],
        rows: Sequence[tuple[int, dict[str, Any]]],
        outcomes: Outcomes,
    ) -> None:
        """Notes or attachments: those whose key is on their record already are done."""
        if not rows:
            return
        keys = {index: operation.key for index, operation in group}
        resources = sorted({row["resource"] for _, row in rows})
        marks = [[text, "like", mark_pattern(keys[index])] for index, _ in rows]
        there = await self._wire.search_read(model, [["resource", "in", resources], ["OR", *marks]], [text])
        found = {key: row["id"] for row in there if (key := split_mark(row[text])[1])}
        for index, _ in rows:
            if keys[index] in found:
                outcomes[index] = Written(str(found[keys[index]]), existed=True)
        await self._create(model, [(index, row) for index, row in rows if keys[index] not in found], outcomes)

    # -- attachments ---------------------------------------------------------------------------------------------------

    async def _attach(self, group: Sequence[Numbered], outcomes: Outcomes) -> None:
        """A file on a call hangs where the call's note hangs: people see it there, and only there."""
        targets = [operation.target for _, operation in group if operation.target is not None]
        places = await self._note_places([target.id for target in targets if target.object == NOTE])
        rows: list[tuple[int, dict[str, Any]]] = []
        for index, operation in group:
            target = operation.target
            try:
                is_note = target is not None and target.object == NOTE
                if is_note and target is not None:
                    place = places.get(target.id)
                else:
                    place = resource(target) if target is not None else None
            except RowError as error:
                outcomes[index] = error.outcome
                continue
            if target is None or place is None:
                outcomes[index] = Gone()
            else:
                rows.append((index, attachment_row(operation, place, target.id if is_note else None)))
        await self._create_hanging(ATTACHMENT, "description", group, rows, outcomes)

    async def _update_notes(self, group: Sequence[Numbered], outcomes: Outcomes) -> None:
        """Tryton lets nobody change a note, administrators included. A recording that comes later is attached beside it;
        whatever else is asked for is refused."""
        asked = {index: operation.values for index, operation in group}
        recordings: list[Numbered] = []
        for index, operation in group:
            url = operation.values.get("recording_url")
            if url:
                values = {"name": url.rpartition("/")[2].partition("?")[0] or "recording", "url": url}
                recordings.append((index, replace(operation, verb="attach", values=values)))
            else:
                outcomes[index] = Rejected("read_only", min(operation.values, default="message"))
        made: Outcomes = {}
        try:
            await self._attach(recordings, made)
        finally:
            for index, operation in recordings:
                outcome = made.get(index, NotSent("not_reached"))
                further = set(asked[index]) - {"recording_url"}
                if isinstance(outcome, Written):
                    note = operation.target.id if operation.target else ""
                    outcome = Rejected("read_only", min(further)) if further else Written(note)
                outcomes[index] = outcome

    async def _note_places(self, ids: Sequence[str]) -> dict[str, str]:
        """Note id → the record it hangs on. `read` is open to every user who may see that record, `search` is not."""
        numbers = sorted({int(id) for id in ids if id.isdigit()})
        try:
            rows = await self._read_notes(numbers)
        except ForbiddenError:  # one of them is gone
            rows = []
            for number in numbers:
                try:
                    rows += await self._read_notes([number])
                except ForbiddenError:
                    continue
        return {str(row["id"]): row["resource"] for row in rows}

    async def _read_notes(self, ids: Sequence[int]) -> list[dict[str, Any]]:
        if not ids:
            return []
        arguments = {"ids": list(ids), "fields_names": ["resource"]}
        return list(await self._wire.call(NOTE, "read", arguments, read=True))

    # -- updates -------------------------------------------------------------------------------------------------------

    async def _update(self, object: str, group: Sequence[Numbered], outcomes: Outcomes) -> None:
        if object == NOTE:
            await self._update_notes(group, outcomes)
            return
        is_party = SHAPES[object].model == PARTY
        before = await self._before(PARTY if is_party else OPPORTUNITY, group)
        types = await self._setup.types(object, [operation.values for _, operation in group])
        relation = None
        if object == PERSON and any(operation.values.get("organisation") for _, operation in group):
            relation = await self._setup.relation()
        for index, operation in group:
            old = before.get(operation.target.id if operation.target else "")
            if old is None:
                outcomes[index] = Gone()
            elif operation.version is not None and operation.version != plain(old["last_modified_at"]):
                outcomes[index] = Stale()
            else:
                try:
                    if is_party:
                        row = party_row(operation, types, None, relation, old, self._setup.names.relation)
                    else:
                        row = opportunity_row(operation, types, old)
                except RowError as error:
                    outcomes[index] = error.outcome
                else:
                    await self._write_one(SHAPES[object].model, index, operation, old, row, outcomes)

    async def _before(self, model: str, group: Sequence[Numbered]) -> dict[str, dict[str, Any]]:
        ids = [int(operation.target.id) for _, operation in group if operation.target and operation.target.id.isdigit()]
        domain: list[Any] = [["id", "in", ids]]
        if model == PARTY:
            domain.append(["active", "in", [True, False]])
            paths = ["contact_mechanisms.type", "contact_mechanisms.name", "addresses.id", "last_modified_at"]
            if any("organisation" in operation.values for _, operation in group):
                paths += ["relations.type.name"]
        else:
            paths = ["comment", "state", "last_modified_at"]
        return {str(row["id"]): row for row in await self._wire.search_read(model, domain, paths)}

    async def _write_one(
        self,
        model: str,
        index: int,
        operation: PushOperation,
        old: Mapping[str, Any],
        row: Mapping[str, Any],
        outcomes: Outcomes,
    ) -> None:
        id = int(old["id"])
        outcomes[index] = Written(str(id))
        if row:
            try:
                await self._wire.write(model, id, row)
            except (RefusedRowsError, ForbiddenError) as error:
                outcomes[index] = error.outcome if isinstance(error, RefusedRowsError) else Rejected("forbidden")
                return
            except NothingThereError:
                outcomes[index] = Gone()
                return
            except UnknownOutcomeError as error:
                outcomes[index] = Unknown(error.code)
                raise _StoppedError from error
            except TielineError:
                outcomes[index] = NotSent("not_reached")
                raise
        stage = operation.values.get("stage")
        if stage is not None and stage != old.get("state"):
            await self._press(index, id, BUTTONS[stage], outcomes)


def _groups(operations: Sequence[PushOperation]) -> Iterator[tuple[str, str, list[Numbered]]]:
    """Neighbours of one kind, at most BATCH at once."""
    numbered = enumerate(operations)
    for (verb, object), group in groupby(numbered, key=lambda pair: (pair[1].verb, pair[1].object)):
        all_of_them = list(group)
        for start in range(0, len(all_of_them), BATCH):
            yield verb, object, all_of_them[start : start + BATCH]
