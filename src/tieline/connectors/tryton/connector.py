"""Tryton as a CRM: parties, opportunities and notes by its REST routes with a user application key.

Source: trytond 8.2 and its modules party, party_relationship and sale_opportunity, called over HTTP (doc.md says what was
seen). A request that asks is a POST too: the domain and the fields are its body.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import Any

from tieline.connectors.tryton.changes import Cursor, News, newer, watched
from tieline.connectors.tryton.finding import clauses, questions, tail_of
from tieline.connectors.tryton.marks import NoteText, split_mark
from tieline.connectors.tryton.rows import NEW_STAGES
from tieline.connectors.tryton.setup import Setup
from tieline.connectors.tryton.shapes import (
    LEAD,
    NOTE,
    NOTE_LINKS,
    OPPORTUNITY,
    ORIGIN,
    PARTY,
    PERSON,
    PHONES,
    SHAPES,
    STAGES,
    Shape,
    belongs,
    flatten,
    is_person,
    paths,
)
from tieline.connectors.tryton.wire import ForbiddenError, Wire, plain
from tieline.connectors.tryton.writing import Writer
from tieline.core.errors import ConfigError
from tieline.sdk.contract import (
    FieldSchema,
    Identity,
    Layout,
    ObjectSchema,
    Outcome,
    Page,
    PushOperation,
    VendorRecord,
    VendorUser,
)
from tieline.sdk.http import Client

VALUES_AT_ONCE = 100
PAGE = 200
_NEWS = "tryton.news"

_TYPES = {
    "char": "text",
    "text": "text",
    "integer": "number",
    "float": "number",
    "numeric": "number",
    "boolean": "bool",
    "date": "date",
    "datetime": "datetime",
    "timestamp": "datetime",
    "selection": "choice",
}
_COVERED = {
    PARTY: {"full_name", "code_alnum", "code_digit", "code_readonly", "distance", "email", "fax", "mobile", "phone"}
    | {"website", "create_date", "write_date", "last_modified_at", "rec_name", "xml_id", "id"},
    OPPORTUNITY: {"description", "state", "conversion_probability", "reference", "comment", "rec_name", "xml_id", "id"}
    | {"create_date", "write_date", "last_modified_at", "company", "currency"},
}
"""Tryton's fields that ours stand for, or that nobody fills in."""


class Connector:
    """The Records facet."""

    def __init__(self, client: Client) -> None:
        self._wire = Wire(client)
        self._setup = Setup(self._wire, client)
        self._memory = client.memory

    async def check(self) -> Identity:
        """The company that the key's user works in. Tryton has no scopes; rights are the user's groups."""
        preferences = await self._setup.preferences()
        company = await self._setup.company()
        return Identity(str(company), str(preferences.get("company.rec_name") or company))

    # -- what is there -------------------------------------------------------------------------------------------------

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        """Our fields as far as the server's modules have them, and the plain fields that it has beyond."""
        described: list[ObjectSchema] = []
        for object in objects or list(SHAPES):
            shape = SHAPES.get(object)
            if shape is None:
                continue
            try:
                there = await self._setup.fields(shape.model)
            except ConfigError as error:
                if error.params.get("setting") != shape.model:
                    raise
                continue  # the module is not active: the server does not know the model
            fields = [field for field in shape.fields if self._is_there(shape, field.name, there)]
            fields += [_foreign(name, it) for name, it in there.items() if _is_foreign(shape, name, it)]
            described.append(ObjectSchema(object, shape.label, tuple(fields), _layouts(shape)))
        return described

    @staticmethod
    def _is_there(shape: Shape, name: str, there: Collection[str]) -> bool:
        if name in NOTE_LINKS and shape.model == NOTE:
            return True
        return all(path.partition(".")[0] in there for path in shape.paths.get(name, (name,)))

    async def users(self) -> list[VendorUser]:
        """Employees: they, not users, own opportunities."""
        fields = ["rec_name", "active", "party.contact_mechanisms.type", "party.contact_mechanisms.value"]
        rows = await self._wire.search_read("company.employee", [["active", "in", [True, False]]], fields)
        people: list[VendorUser] = []
        for row in rows:
            mechanisms = (row.get("party.") or {}).get("contact_mechanisms.") or ()
            email = next((str(one["value"]) for one in mechanisms if one.get("type") == "email"), "")
            people.append(VendorUser(str(row["id"]), str(row["rec_name"]), email, bool(row["active"])))
        return people

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        """Makes the category of persons and the relation to their organisation. Keys need no room made for them."""
        if PERSON in objects:
            await self._setup.person_category()
            if "relations" in await self._setup.fields(PARTY):
                await self._setup.relation()
        return {object: ORIGIN for object in objects if object in SHAPES}

    # -- reading -------------------------------------------------------------------------------------------------------

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        """Records by id, deactivated parties too."""
        shape = _shape(object)
        numbers = [int(id) for id in ids if id.isdigit()]
        if shape.model == NOTE:
            return await self._notes_by_id(numbers, fields)
        found: list[VendorRecord] = []
        for part in _parts(numbers):
            domain: list[Any] = [["id", "in", part], *belongs(object, self._setup.names.person_category)]
            if shape.model == PARTY:
                domain.append(["active", "in", [True, False]])
            rows = await self._wire.search_read(shape.model, domain, paths(shape, fields))
            found += await self._records(shape, rows, fields)
        return found

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        """One request for each hundred values, whatever they are looked for in."""
        shape = _shape(object)
        names = tuple(dict.fromkeys((*fields, *by)))
        found: dict[int, dict[str, Any]] = {}
        tails: set[str] = set()
        if any(name in PHONES for name in by):
            tails = {tail for value in values if (tail := tail_of(value))}
        for part in _parts(list(dict.fromkeys(values))):
            alternatives = [
                clause for name in questions(by) for clause in clauses(shape, name, part, self._setup.names.relation)
            ]
            if not alternatives:
                continue
            # Alone it stands at the top: of notes, Tryton looks there for the record that they must be asked of.
            asked = alternatives[0] if len(alternatives) == 1 else ["OR", *alternatives]
            domain = [asked, *belongs(object, self._setup.names.person_category)]
            try:
                rows = await self._wire.search_read(shape.model, domain, paths(shape, names))
            except ForbiddenError:
                if shape.model != NOTE:
                    raise
                # Tryton lets only administrators search notes without naming the record they hang on. A push looks for
                # its keys there itself (`Writer`), so "not found" is a safe answer.
                rows = []
            found.update((row["id"], row) for row in rows)
        records = await self._records(shape, list(found.values()), names, tails)
        if ORIGIN in by and len(by) == 1:  # LIKE may find more than the key
            records = [record for record in records if record.fields[ORIGIN] in values]
        return records

    async def _records(
        self, shape: Shape, rows: Sequence[dict[str, Any]], fields: Iterable[str], wanted: Collection[str] = ()
    ) -> list[VendorRecord]:
        names = tuple(fields)
        if shape.model == NOTE and any(name in NOTE_LINKS for name in names):
            await self._place(rows)
        if shape.model == NOTE and "recording_url" in names:
            await self._late_recordings(rows)
        return [
            VendorRecord(
                shape.object,
                str(row["id"]),
                flatten(shape, row, names, self._setup.names, wanted),
                plain(row.get("last_modified_at")),
            )
            for row in rows
        ]

    async def _notes_by_id(self, ids: Sequence[int], fields: Sequence[str]) -> list[VendorRecord]:
        """Notes are read by id, which every user may who sees the record; one that is gone refuses the whole request."""
        shape = SHAPES[NOTE]
        wanted = paths(shape, fields)

        async def read(some: Sequence[int]) -> list[dict[str, Any]]:
            try:
                arguments = {"ids": list(some), "fields_names": wanted}
                return list(await self._wire.call(NOTE, "read", arguments, read=True))
            except ForbiddenError:
                if len(some) <= 1:
                    return []
                half = len(some) // 2
                return [*await read(some[:half]), *await read(some[half:])]

        rows = [row for part in _parts(ids) for row in await read(part)]
        return await self._records(shape, rows, fields)

    async def _place(self, notes: Sequence[dict[str, Any]]) -> None:
        """Puts the record that each note hangs on under "@<link>": two requests at most for all of them."""
        for model in (PARTY, OPPORTUNITY):
            hanging = {note["id"]: int(note["resource"].partition(",")[2]) for note in notes if _on(note, model)}
            if not hanging:
                continue
            ids = sorted(set(hanging.values()))
            first, other = ("person", "organisation") if model == PARTY else ("lead", "deal")
            object = PERSON if model == PARTY else LEAD
            domain = [["id", "in", ids], *belongs(object, self._setup.names.person_category)]
            ours = {row["id"] for row in await self._wire.search_read(model, domain, ["id"])}
            for note in notes:
                if note["id"] in hanging:
                    id = hanging[note["id"]]
                    note[f"@{first if id in ours else other}"] = str(id)

    async def _late_recordings(self, notes: Sequence[dict[str, Any]]) -> None:
        """Recordings that came after their note was written: attachments that name it."""
        bare = {
            str(note["id"]): note for note in notes if not NoteText.read(note.get("message")).values["recording_url"]
        }
        resources = sorted({note["resource"] for note in bare.values() if note.get("resource")})
        if not resources:
            return
        domain = [["resource", "in", resources], ["type", "=", "link"], ["description", "like", "%[tieline:%"]]
        for row in await self._wire.search_read("ir.attachment", domain, ["link", "description"]):
            if note := bare.get(split_mark(row["description"])[2].get("note", "")):
                note["@recording_url"] = row["link"]

    # -- changes -------------------------------------------------------------------------------------------------------

    async def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        """What changed, whichever of a party's tables it is in: by one question, as long as that is less than a page. The first
        reading, and a mass of changes, is walked through in the order of ids."""
        shape = _shape(object)
        state = Cursor.load(cursor)
        await self._follow_relations(shape, state, fields, is_first=cursor is None)
        if state.since is not None and state.behind is None:
            news = await self._news(object, state)
            state.saw(news.rows)
            if len(news.rows) < PAGE:
                ids = [str(row["id"]) for row in state.fresh(self._own(object, news.rows))]
                records = await self.fetch(object, ids, fields) if ids else []
                state.looked(news.rows, news.told)
                yield Page(records, state.dump())
                return
        # A walk through changes is one through both objects of the table, so that they agree how far they are.
        where = [
            *newer(shape.model, state.since, relations=state.relations),
            *self._only(object, is_first=state.since is None),
        ]
        wanted = sorted({*paths(shape, fields), *watched(shape.model, relations=state.relations)})
        while True:
            domain = [*where, ["id", ">", state.behind or 0]]
            rows = await self._wire.search_read(shape.model, domain, wanted, order=[["id", "ASC"]], limit=PAGE)
            state.walked(rows, self._wire.told_at)
            if records := await self._records(shape, self._own(object, rows), fields):
                yield Page(records, state.dump())
            if len(rows) < PAGE:
                break
        if state.newest is None and shape.model == PARTY:  # none of its own yet: the other object's times do as well
            where, order = newer(PARTY, None, relations=False), [["last_modified_at", "DESC"]]
            state.saw(await self._wire.search_read(PARTY, where, ["last_modified_at"], order=order, limit=1))
        state.end_walk()
        yield Page((), state.dump())

    async def count(self, object: str) -> int:
        """The whole domain of the first reading, deactivated parties too."""
        model = _shape(object).model
        domain = [*newer(model, None, relations=False), *self._only(object, is_first=True)]
        return await self._wire.search_count(model, domain)

    async def _follow_relations(self, shape: Shape, state: Cursor, fields: Sequence[str], *, is_first: bool) -> None:
        """Where the server has them: a person's organisation is one, and is often changed on the organisation's page."""
        if shape.model == PARTY and not state.relations:
            asks = "organisation" in fields
            state.relations = asks or (is_first and "relations" in await self._setup.fields(PARTY))

    async def _news(self, object: str, state: Cursor) -> News:
        """What changed since the cursor, the newest party first, no more than a page."""
        model, kept = SHAPES[object].model, self._memory.get(_NEWS)
        if isinstance(kept, News) and model == PARTY and kept.serves(object, state):
            kept.given.add(object)
            return kept
        domain = [*newer(model, state.since, relations=state.relations), *self._only(object)]
        order = [["last_modified_at", "DESC"], ["id", "DESC"]]
        rows = await self._wire.search_read(
            model, domain, watched(model, relations=state.relations), order=order, limit=PAGE
        )
        news = News(state.since or "", state.relations, rows, self._wire.told_at, given={object})
        if model == PARTY:
            self._memory[_NEWS] = news
        return news

    def _only(self, object: str, *, is_first: bool = False) -> list[Any]:
        """The domain of an object, where its table is not asked for as a whole."""
        is_whole = SHAPES[object].model == PARTY and not is_first
        return [] if is_whole else belongs(object, self._setup.names.person_category)

    def _own(self, object: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Without the parties that are the other object."""
        if SHAPES[object].model != PARTY:
            return list(rows)
        return [row for row in rows if is_person(row, self._setup.names) == (object == PERSON)]

    # -- writing -------------------------------------------------------------------------------------------------------

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        """See `writing`."""
        return await Writer(self._wire, self._setup).push(operations)


def _on(note: dict[str, Any], model: str) -> bool:
    return isinstance(note.get("resource"), str) and note["resource"].startswith(f"{model},")


def _shape(object: str) -> Shape:
    if object not in SHAPES:
        raise ConfigError(f"there is no object {object!r}", setting="object")
    return SHAPES[object]


def _parts(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + VALUES_AT_ONCE] for start in range(0, len(values), VALUES_AT_ONCE))


# -- fields that are not ours -----------------------------------------------------------------------------------------


def _is_foreign(shape: Shape, name: str, it: dict[str, Any]) -> bool:
    """Plain fields of other modules or of the customer's own."""
    if shape.model == NOTE or name in _COVERED[shape.model] or it["type"] not in _TYPES:
        return False
    return name not in {field.name for field in shape.fields} and not name.startswith("_")


def _foreign(name: str, it: dict[str, Any]) -> FieldSchema:
    selection = it.get("selection")
    pairs = selection if isinstance(selection, list) else []
    choices = tuple((str(id), str(label)) for id, label in pairs if id is not None)
    return FieldSchema(
        name,
        str(it.get("string") or name),
        _TYPES[it["type"]] if it["type"] != "selection" or choices else "text",
        required=bool(it.get("required")),
        read_only=bool(it.get("readonly")),
        length=it.get("size") if isinstance(it.get("size"), int) else None,
        choices=choices,
    )


def _layouts(shape: Shape) -> tuple[Layout, ...]:
    if shape.object != "sale.opportunity/deal":
        return ()
    stages = tuple(stage for stage in STAGES if stage[0] in NEW_STAGES)
    return (Layout("opportunity", "Opportunity", (), (("opportunity", "Opportunity", stages),)),)
