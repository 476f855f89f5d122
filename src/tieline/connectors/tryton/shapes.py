"""The objects of this connector, and how a Tryton record looks as one of them.

Tryton has one table of parties and one of opportunities; roles need two of each. An object's name is Tryton's model,
then which part of it: a party in the category "Person" (its name is typed when connecting) is a person, every other one
an organisation; an opportunity is a lead while its state is "lead" or as long as it has no party, else a deal. An e-mail
or a phone number is a row of contact_mechanisms, a contact's organisation a row of relations, a call a note.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.connectors.tryton.marks import NOTE_PARTS, NoteText, identifier_key, split_mark
from tieline.connectors.tryton.wire import plain
from tieline.sdk.contract import FieldSchema

PARTY, OPPORTUNITY, NOTE = "party.party", "sale.opportunity", "ir.note"
ORGANISATION, PERSON = f"{PARTY}/organisation", f"{PARTY}/person"
LEAD, DEAL = f"{OPPORTUNITY}/lead", f"{OPPORTUNITY}/deal"

ORIGIN = "origin"
PHONES = ("phone", "mobile", "fax", "other_phone")
MECHANISMS = ("phone", "mobile", "fax", "email", "website")
"""Fields that are each the first row of this type in contact_mechanisms."""
ADDRESS = ("street", "postal_code", "city")
PARTY_LINKS = ("organisation", "person")
NOTE_LINKS: Mapping[str, str] = {"person": PERSON, "lead": LEAD, "organisation": ORGANISATION, "deal": DEAL}
"""A note hangs on one record: the first of these that is given."""

STAGES = (
    ("lead", "Lead", "open"),
    ("opportunity", "Opportunity", "open"),
    ("converted", "Converted", "won"),
    ("won", "Won", "won"),
    ("lost", "Lost", "lost"),
    ("cancelled", "Cancelled", "lost"),
)
"""States of an opportunity. "converted" has a sale, so it is won for whoever asks if a deal is still open."""

_MECHANISM_PATHS = ("contact_mechanisms.type", "contact_mechanisms.value", "contact_mechanisms.value_compact")
_PARTY_MECHANISMS = (*_MECHANISM_PATHS, "contact_mechanisms.name")
_TIMES = {"created_at": ("create_date",), "modified_at": ("last_modified_at",)}
_PARTY_PATHS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*PHONES, "email", "website"), _PARTY_MECHANISMS),
    **{name: (f"addresses.{name}",) for name in ADDRESS},
    "tax_identifier": ("tax_identifier.code",),
    "organisation": ("relations.to", "relations.type.name"),
    ORIGIN: ("identifiers.code",),
    **_TIMES,
}
_LINKED_PARTY = ("party.categories.name",)
_OPPORTUNITY_PATHS: Mapping[str, tuple[str, ...]] = {
    "name": ("description",),
    "phone": ("reference", *(f"party.{path}" for path in _MECHANISM_PATHS), "contact.value_compact"),
    "owner": ("employee",),
    "organisation": _LINKED_PARTY,
    "person": _LINKED_PARTY,
    "stage": ("state",),
    "stage_kind": ("state",),
    "status": ("state",),
    "probability": ("conversion_probability",),
    ORIGIN: ("comment",),
    **_TIMES,
}
_NOTE_PATHS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("subject", "description", "start", "duration_s", "direction", ORIGIN), ("message",)),
    "recording_url": ("message", "resource"),
    **dict.fromkeys(NOTE_LINKS, ("resource",)),
    **_TIMES,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One object: label, Tryton's model, the paths to read for each of our fields, and the fields themselves."""

    object: str
    label: str
    model: str
    paths: Mapping[str, tuple[str, ...]]
    fields: tuple[FieldSchema, ...]


def _text(name: str, label: str, **more: Any) -> FieldSchema:
    return FieldSchema(name, label, "text", **more)


_ORIGIN_FIELD = _text(ORIGIN, "Tieline key", read_only=True)
_TIME_FIELDS = (
    FieldSchema("created_at", "Created at", "datetime", read_only=True),
    FieldSchema("modified_at", "Last modified at", "datetime", read_only=True),
)
_PARTY_FIELDS = (
    _text("name", "Name"),
    _text("code", "Code", read_only=True, unique=True),
    FieldSchema("phone", "Phone", "phone"),
    FieldSchema("mobile", "Mobile", "phone"),
    FieldSchema("fax", "Fax", "phone"),
    FieldSchema("other_phone", "Other number", "phone", read_only=True),
    FieldSchema("email", "Email", "email"),
    FieldSchema("website", "Website", "url"),
    _text("street", "Street"),
    _text("postal_code", "Postal Code"),
    _text("city", "City"),
    _text("tax_identifier", "Tax Identifier", read_only=True),
    *_TIME_FIELDS,
    _ORIGIN_FIELD,
)
_ORGANISATION_LINK = FieldSchema("organisation", "Organisation", "link", link=ORGANISATION)
_PERSON_LINK = FieldSchema("person", "Person", "link", link=PERSON)
_STATE_CHOICES = tuple((id, label) for id, label, _ in STAGES)
_OPPORTUNITY_FIELDS = (
    _text("name", "Description"),
    _ORGANISATION_LINK,
    _PERSON_LINK,
    FieldSchema("amount", "Amount", "money"),
    FieldSchema("probability", "Conversion Probability", "number"),
    FieldSchema("comment", "Comment", "text"),
    FieldSchema("start_date", "Start Date", "date"),
    FieldSchema("end_date", "End Date", "date"),
    _text("number", "Number", read_only=True),
    *_TIME_FIELDS,
    _ORIGIN_FIELD,
)

SHAPES: Mapping[str, Shape] = {
    shape.object: shape
    for shape in (
        Shape(ORGANISATION, "Party", PARTY, _PARTY_PATHS, _PARTY_FIELDS),
        Shape(PERSON, "Person", PARTY, _PARTY_PATHS, (*_PARTY_FIELDS, _ORGANISATION_LINK)),
        Shape(
            LEAD,
            "Lead",
            OPPORTUNITY,
            _OPPORTUNITY_PATHS,
            (
                *_OPPORTUNITY_FIELDS,
                FieldSchema("phone", "Reference (phone number)", "phone"),
                FieldSchema("owner", "Employee", "user"),
                FieldSchema("status", "State", "choice", read_only=True, choices=_STATE_CHOICES),
            ),
        ),
        Shape(
            DEAL,
            "Opportunity",
            OPPORTUNITY,
            _OPPORTUNITY_PATHS,
            (
                *_OPPORTUNITY_FIELDS,
                _text("reference", "Reference"),
                FieldSchema("owner", "Employee", "user", required=True),
                FieldSchema("stage", "State", "choice", choices=_STATE_CHOICES),
                _text("stage_kind", "Open, won or lost", read_only=True),
            ),
        ),
        Shape(
            NOTE,
            "Note",
            NOTE,
            _NOTE_PATHS,
            (
                _text("subject", "Subject"),
                _text("description", "Description"),
                FieldSchema("start", "Start", "datetime"),
                FieldSchema("duration_s", "Duration in seconds", "number"),
                FieldSchema("direction", "Direction", "text"),
                FieldSchema("recording_url", "Recording", "url"),
                *(FieldSchema(name, name.capitalize(), "link", link=to) for name, to in NOTE_LINKS.items()),
                *_TIME_FIELDS,
                _ORIGIN_FIELD,
            ),
        ),
    )
}


def paths(shape: Shape, names: Collection[str]) -> list[str]:
    """What to ask Tryton for; an unknown name is taken for a field of the model. last_modified_at is the version."""
    wanted = {path for name in names for path in shape.paths.get(name, (name,))}
    return sorted(wanted | {"last_modified_at"})


def belongs(object: str, person_category: str) -> list[Any]:
    """The domain that tells this object from the other one of its model."""
    match object:
        case "party.party/person":
            return [["categories.name", "=", person_category]]
        case "party.party/organisation":
            return [["categories", "not where", [["name", "=", person_category]]]]
        case "sale.opportunity/lead":
            return [["OR", ["state", "=", "lead"], ["party", "=", None]]]
        case "sale.opportunity/deal":
            return [["state", "!=", "lead"], ["party", "!=", None]]
        case _:
            return []


# -- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Names:
    """The names that this connection uses in Tryton: the category of persons and the relation to their organisation."""

    person_category: str
    relation: str


def is_person(party: Mapping[str, Any], ours: Names) -> bool:
    """Whether a party that was read with the names of its categories is a person."""
    return any(one.get("name") == ours.person_category for one in _rows(party, "categories"))


def flatten(
    shape: Shape, row: Mapping[str, Any], names: Collection[str], ours: Names, wanted: Collection[str] = ()
) -> dict[str, Any]:
    """The fields of one record. wanted: digits that were looked for; of several numbers the one that has them comes first,
    so that whoever looked finds it."""
    if shape.model == PARTY:
        return {name: _party_value(row, name, ours, wanted) for name in names}
    if shape.model == OPPORTUNITY:
        return {name: _opportunity_value(row, name, ours, wanted) for name in names}
    return {name: _note_value(row, name) for name in names}


def _common(row: Mapping[str, Any], name: str) -> Any:
    if name in _TIMES:
        name = _TIMES[name][0]
    return plain(row.get(name))


def _party_value(row: Mapping[str, Any], name: str, ours: Names, wanted: Collection[str]) -> Any:
    if name in PHONES or name in MECHANISMS:
        return _mechanism(_rows(row, "contact_mechanisms"), name, wanted)
    if name in ADDRESS:
        return next((address[name] or None for address in _rows(row, "addresses")), None)
    if name == "tax_identifier":
        return (row.get("tax_identifier.") or {}).get("code")
    if name == "organisation":
        relations = (one for one in _rows(row, "relations") if (one.get("type.") or {}).get("name") == ours.relation)
        return next((str(one["to"]) for one in relations), None)
    if name == ORIGIN:
        return next((key for one in _rows(row, "identifiers") if (key := identifier_key(one.get("code")))), None)
    return _common(row, name)


def _rows(row: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    return row.get(f"{name}.") or ()


_NOT_PHONES = {"email", "website"}


def _mechanism(rows: Sequence[Mapping[str, Any]], name: str, wanted: Collection[str]) -> str | None:
    if name == "other_phone":
        known = {*_NOT_PHONES, "phone", "mobile", "fax"}
        values = [_number(one) for one in rows if one.get("type") not in known]
        values = [value for value in values if len(digits(value)) >= 5]
    elif name in _NOT_PHONES:
        values = [str(one.get("value") or "") for one in rows if one.get("type") == name]
    else:
        values = [_number(one) for one in rows if holds(one, name)]
    return _preferred(values, wanted)


def holds(mechanism: Mapping[str, Any], name: str) -> bool:
    """Whether a row is the one of this field: by its type; or by its name, for a number that no numbering plan has, which Tryton
    takes as "other" only. Unnamed it would read as emptied, and the other system's number would be emptied after it."""
    return bool(
        mechanism.get("type") == name
        or (name in PHONES and mechanism.get("type") == "other" and mechanism.get("name") == name)
    )


def _number(one: Mapping[str, Any]) -> str:
    """E.164 where Tryton could make it, else as typed."""
    compact = str(one.get("value_compact") or "")
    return compact if compact.startswith("+") else str(one.get("value") or "")


def _preferred(values: Sequence[str], wanted: Collection[str]) -> str | None:
    for value in values:
        if wanted and any(tail in digits(value) for tail in wanted):
            return value
    return values[0] if values else None


def digits(text: str) -> str:
    """The ASCII digits of a text."""
    return "".join(sign for sign in text if "0" <= sign <= "9")


_PHONE_LIKE = re.compile(r"^[+(]?[\d][\d\s()./-]{3,}$")


def _opportunity_value(row: Mapping[str, Any], name: str, ours: Names, wanted: Collection[str]) -> Any:
    party = row.get("party.") or {}
    match name:
        case "name":
            return row.get("description")
        case "phone":
            reference = str(row.get("reference") or "").strip()
            numbers = [reference] if _PHONE_LIKE.match(reference) else []
            numbers += [
                _number(one) for one in _rows(party, "contact_mechanisms") if one.get("type") not in _NOT_PHONES
            ]
            if contact := row.get("contact."):
                numbers.append(str(contact.get("value_compact") or ""))
            return _preferred(numbers, wanted)
        case "owner":
            return None if row.get("employee") is None else str(row["employee"])
        case "organisation" | "person":
            if not party:
                return None
            return str(party["id"]) if is_person(party, ours) == (name == "person") else None
        case "stage" | "status":
            return row.get("state")
        case "stage_kind":
            return next((kind for id, _, kind in STAGES if id == row.get("state")), None)
        case "probability":
            return row.get("conversion_probability")
        case "comment":
            return split_mark(row.get("comment"))[0]
        case "origin":
            return split_mark(row.get("comment"))[1]
        case _:
            return _common(row, name)


def _note_value(row: Mapping[str, Any], name: str) -> Any:
    if name in NOTE_LINKS:
        # Which of the two objects of its model it is, the note does not say: the connector asks (`Connector._place`).
        return row.get(f"@{name}")
    if name == ORIGIN:
        return split_mark(row.get("message"))[1]
    if name in NOTE_PARTS:
        found = NoteText.read(row.get("message")).values[name]
        return row.get("@recording_url") if name == "recording_url" and found is None else found
    return _common(row, name)
