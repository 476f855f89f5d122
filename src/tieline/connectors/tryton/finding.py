"""Domains that find records by what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import phonenumbers

from tieline.connectors.tryton.marks import identifier, mark_pattern
from tieline.connectors.tryton.shapes import (
    NOTE,
    NOTE_LINKS,
    OPPORTUNITY,
    ORIGIN,
    PARTY,
    PARTY_LINKS,
    PHONES,
    Shape,
    digits,
)


def questions(by: Sequence[str]) -> list[str]:
    """The fields to ask for: all kinds of numbers are one question."""
    return list(dict.fromkeys("phone" if name in PHONES else name for name in by))


def escaped(value: str) -> str:
    for sign in "\\%_":
        value = value.replace(sign, "\\" + sign)
    return value


def clauses(shape: Shape, by: str, values: Sequence[str], relation: str) -> list[Any]:
    """Alternatives that find records of this shape by one field with any of the values."""
    if by == "phone":
        return _phone_clauses(shape, values)
    if by == ORIGIN:
        if shape.model == PARTY:
            return [["identifiers.code", "in", [identifier(value) for value in values]]]
        text = shape.paths[ORIGIN][0]
        return [[text, "like", mark_pattern(value)] for value in values]
    if by == "email":
        same = ["OR", *(["value", "ilike", escaped(value)] for value in values)]
        return [["contact_mechanisms", "where", [["type", "=", "email"], same]]]
    if by in PARTY_LINKS and shape.model == OPPORTUNITY:
        return [["party", "in", [int(value) for value in values if value.isdigit()]]]
    if by == "organisation" and shape.model == PARTY:
        ids = [int(value) for value in values if value.isdigit()]
        return [["relations", "where", [["to", "in", ids], ["type.name", "=", relation]]]]
    if by in NOTE_LINKS and shape.model == NOTE:
        model = NOTE_LINKS[by].partition("/")[0]
        return [["resource", "in", [f"{model},{value}" for value in values if value.isdigit()]]]
    name = {"owner": "employee", "stage": "state", "status": "state"}.get(by, by)
    if by == "name":
        name = "name" if shape.model == PARTY else "description"
        return [[name, "ilike", escaped(value)] for value in values]
    return [[name, "in", list(values)]]


# -- phone numbers ----------------------------------------------------------------------------------------------------

_TYPED = ("+% %", "+%-%", "+%.%", "+%(%", "+%/%")
"""Numbers that begin like E.164 and are none."""


def tail_of(value: str) -> str:
    """The last digits of a number, those of its national part and eight at most, as everybody writes them."""
    try:
        national = phonenumbers.national_significant_number(phonenumbers.parse(value, None))
    except phonenumbers.NumberParseException:
        national = digits(value)
    return national[-8:] if len(national) >= 5 else ""


def _phone_clauses(shape: Shape, values: Sequence[str]) -> list[Any]:
    """Numbers that Tryton holds as E.164 by equality; those it does not (no phonenumbers on the server, type "other", no
    country) by their last digits with anything between them. The latter are few, and looked at only."""
    tails = sorted({tail for value in values if (tail := tail_of(value))})
    if not tails:
        return []
    spread = ["%" + "%".join(tail) + "%" for tail in tails]

    def among(path: str) -> list[Any]:
        typed = ["OR", [path, "not like", "+%"], *([path, "like", pattern] for pattern in _TYPED)]
        return ["OR", [path, "in", list(values)], [typed, ["OR", *([path, "like", pattern] for pattern in spread)]]]

    if shape.model == PARTY:
        return [["contact_mechanisms", "where", among("value_compact")]]
    if shape.model == OPPORTUNITY:
        mechanism = among("value_compact")
        return [
            among("reference"),
            ["party.contact_mechanisms", "where", mechanism],
            ["contact", "where", mechanism],
        ]
    return []
