"""First match: which record of the other side may be the same, by rules in order, with the evidence for and against.

The first rule that finds anything decides: one record alone, and nothing that speaks against it, is sure; several, or one whose rule
only proposes, are asked. What a rule compares is as small as it can be: `keys` are also what a link keeps to be found by later.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from tieline.core.companies import bare_name, likeness
from tieline.core.pairing import Base, Candidate, Evidence, Joined, Line, Side, other
from tieline.core.reasons import Reason, because, declare
from tieline.core.record import Record
from tieline.core.same import DEFAULT_COUNTRY, code, is_empty, mails, normal
from tieline.core.values import phones

FURTHER: Final = "+"
"""Before a canonical field's name: what a system holds of it beside what is kept the same ("+phone": a list of more numbers). It
is looked at when two records may be one, and never written."""
RuleName = Literal["registration_number", "email", "phone", "name"]
RULES: Final[tuple[RuleName, ...]] = ("registration_number", "email", "phone", "name")
KIND_OF_RULE: Final[Mapping[str, RuleName]] = {
    "code": "registration_number", "email": "email", "phone": "phone", "name": "name",
}  # fmt: skip

SAME_BY: Final = {
    "registration_number": declare("customers.evidence.registration_number.same", "said"),
    "email": declare("customers.evidence.email.same", "said"),
    "phone": declare("customers.evidence.phone.same", "said"),
    "name": declare("customers.evidence.name.same", "said"),
    "place": declare("customers.evidence.place.same", "said"),
}
DIFFERS_BY: Final = {
    "registration_number": declare("customers.evidence.registration_number.differs", "left", "right"),
    "email": declare("customers.evidence.email.differs", "left", "right"),
    "phone": declare("customers.evidence.phone.differs", "left", "right"),
    "name": declare("customers.evidence.name.differs", "left", "right"),
    "place": declare("customers.evidence.place.differs", "left", "right"),
}
NAME_LIKE: Final = declare("customers.evidence.name.like", "left", "right", "percent")
SAME_PARENT: Final = declare("customers.evidence.parent.same")
OTHER_PARENT: Final = declare("customers.evidence.parent.differs")
LINKED: Final = declare("customers.evidence.linked")

LIKE: Final = 0.85
"""Names as like as this are taken for the same name, written differently; below UNLIKE they speak against it."""
UNLIKE: Final = 0.5
_PLACEHOLDERS: Final = frozenset(("12345678", "123456789", "1234567890", "87654321"))
_WEIGHT: Final = {"registration_number": 0.6, "email": 0.3, "phone": 0.25, "name": 0.3, "place": 0.1, "parent": 0.2}


@dataclass(frozen=True, slots=True)
class MatchBy:
    """One rule in force: the fields of each side that hold it, and whether it decides by itself."""

    rule: RuleName
    left: tuple[str, ...]
    right: tuple[str, ...]
    decides: bool = True

    def fields_of(self, side: Side) -> tuple[str, ...]:
        return self.left if side == "left" else self.right


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for on the other side: records whose fields `by` hold one of these values (phones as E.164)."""

    rule: RuleName
    by: tuple[str, ...]
    values: tuple[str, ...]


def keys(
    rule: RuleName, values: Sequence[Any], country: str = DEFAULT_COUNTRY, *, person: bool = False
) -> frozenset[str]:
    """What a rule compares, of the values of its fields."""
    out: set[str] = set()
    for value in values:
        for one in value if isinstance(value, list | tuple) else (value,):
            if not is_empty(one) and isinstance(one, str | int):
                out |= _keys(rule, str(one), country, person=person)
    return frozenset(out)


def _held(record: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    """What a record holds under these names, and what its system holds beside each of them (`FURTHER`)."""
    return [record.get(one) for name in names for one in (name, FURTHER + name)]


def wanted(
    by: Sequence[MatchBy], side: Side, record: Mapping[str, Any], country: str = DEFAULT_COUNTRY
) -> tuple[Wanted, ...]:
    """What to look for on the other side of this one's record, in the order of the rules."""
    out = []
    for one in by:
        values: dict[str, None] = {}
        for held in _held(record, one.fields_of(side)):
            for text in held if isinstance(held, list | tuple) else (held,):
                if not is_empty(text):
                    values |= dict.fromkeys(_written(one.rule, str(text), country))
        if values and one.fields_of(other(side)):
            out.append(Wanted(one.rule, one.fields_of(other(side)), tuple(values)))
    return tuple(out)


def candidates(
    by: Sequence[MatchBy],
    side: Side,
    record: Record,
    found: Sequence[Record],
    *,
    lines: Sequence[Line] = (),
    taken: Collection[str] = (),
    country: str = DEFAULT_COUNTRY,
) -> tuple[Candidate, ...]:
    """Those of `found` (records of the other side) that may be the same as `record` (of `side`), best first. At most the
    ones of one rule are sure. `taken`: ids that are linked with another record already."""
    person = _is_person(lines)
    unique = {one.id: one for one in found}.values()
    seen = [_compared(by, side, record, one, lines, country, person=person) for one in unique]
    hits = [(one, _first_rule(evidence, by)) for one, evidence in zip(unique, seen, strict=True)]
    ranks = [rank for _, rank in hits if rank is not None]
    best = min(ranks, default=None)
    alone = ranks.count(best) == 1 if best is not None else False
    out = []
    for (one, rank), evidence in zip(hits, seen, strict=True):
        if rank is None:
            continue
        linked = one.id in taken
        sure = (
            alone and rank == best and by[rank].decides and not linked and not _speaks_against(by[rank].rule, evidence)
        )
        told = (*evidence, Evidence("linked", agrees=False, reason=because(LINKED))) if linked else evidence
        out.append(Candidate(one, told, sure, round(score(told), 3)))
    return tuple(sorted(out, key=lambda one: (not one.sure, -one.score, one.record.id)))


def compared(
    by: Sequence[MatchBy],
    side: Side,
    record: Record,
    another: Record,
    lines: Sequence[Line] = (),
    country: str = DEFAULT_COUNTRY,
) -> tuple[Evidence, ...]:
    """Everything that speaks for or against these two being one, of `record` (of `side`) and `another` (of the other)."""
    return _compared(by, side, record, another, lines, country, person=_is_person(lines))


def score(evidence: Sequence[Evidence]) -> float:
    """0 … 1, to order by: what agrees, as far as it can be compared."""
    weights = {one.rule: _WEIGHT.get(one.rule, 0.0) for one in evidence}
    whole = sum(weights.values())
    if not whole:
        return 0.0
    agreeing = 0.0
    for one in evidence:
        if one.agrees:
            percent = one.reason.params.get("percent")
            agreeing += weights[one.rule] * (percent / 100 if isinstance(percent, int) else 1.0)
    return agreeing / whole


def is_another(
    by: Sequence[MatchBy],
    lines: Sequence[Line],
    side: Side,
    base: Base,
    record: Record,
    country: str,
    *,
    was_gone: bool = False,
) -> bool:
    """Whether this record has nothing in common any more with what its link last knew of it: its number was given to somebody
    else. A new name alone is a new name; two things at least must be others, or gone. was_gone: it was not there for a while; then
    one is enough."""
    before = {line.field_of(side): base[line.name][0 if side == "left" else 1] for line in lines if line.name in base}
    person = _is_person(lines)
    others = lost = 0
    for one in by:
        then = keys(one.rule, [before.get(name) for name in one.fields_of(side)], country, person=person)
        now = keys(one.rule, _held(record.fields, one.fields_of(side)), country, person=person)
        if then & now or (one.rule == "name" and any(likeness(a, b) >= UNLIKE for a in then for b in now)):
            return False
        if then and now:
            others += 1
        elif then and any(name in record.fields for name in one.fields_of(side)):
            lost += 1
    return others > 0 and (was_gone or others + lost > 1)


# -- one pair of records -----------------------------------------------------------------------------------------------


def _compared(
    by: Sequence[MatchBy],
    side: Side,
    record: Record,
    another: Record,
    lines: Sequence[Line],
    country: str,
    *,
    person: bool,
) -> tuple[Evidence, ...]:
    out: list[Evidence] = []
    for one in by:
        mine = keys(one.rule, _held(record.fields, one.fields_of(side)), country, person=person)
        theirs = keys(one.rule, _held(another.fields, one.fields_of(other(side))), country, person=person)
        if mine and theirs:
            out.append(_evidence(one.rule, side, mine, theirs))
    out.extend(_circumstances(side, record, another, lines, country))
    return tuple(out)


def _evidence(rule: RuleName, side: Side, mine: frozenset[str], theirs: frozenset[str]) -> Evidence:
    both = sorted(mine & theirs)
    if both:
        return Evidence(rule, agrees=True, reason=because(SAME_BY[rule], said=both[0]))
    left, right = (mine, theirs) if side == "left" else (theirs, mine)
    a, b = min(left), min(right)
    if rule == "name":
        like = max(likeness(one, two) for one in mine for two in theirs)
        if like >= LIKE:
            return Evidence(rule, agrees=True, reason=because(NAME_LIKE, left=a, right=b, percent=round(like * 100)))
    return Evidence(rule, agrees=False, reason=because(DIFFERS_BY[rule], left=a, right=b))


def _circumstances(side: Side, record: Record, another: Record, lines: Sequence[Line], country: str) -> list[Evidence]:
    """Place and parent: they never find anything, and speak for or against."""
    out: list[Evidence] = []
    for line in lines:
        mine, theirs = record.get(line.field_of(side)), another.get(line.field_of(other(side)))
        if line.kind == "link":
            if isinstance(mine, Joined) and isinstance(theirs, Joined) and mine.key and theirs.key:
                agrees = mine.key == theirs.key
                out.append(Evidence("parent", agrees=agrees, reason=because(SAME_PARENT if agrees else OTHER_PARENT)))
        elif line.name in ("city", "postal_code") and not any(one.rule == "place" for one in out):
            a, b = normal("name", mine, country), normal("name", theirs, country)
            if a is None or b is None:
                continue
            agrees = str(a).casefold() == str(b).casefold()
            left, right = (str(a), str(b)) if side == "left" else (str(b), str(a))
            reason = (
                because(SAME_BY["place"], said=left) if agrees else because(DIFFERS_BY["place"], left=left, right=right)
            )
            out.append(Evidence("place", agrees=agrees, reason=reason))
    return out


def _first_rule(evidence: Sequence[Evidence], by: Sequence[MatchBy]) -> int | None:
    """Position of the first rule that agrees."""
    agreeing = {one.rule for one in evidence if one.agrees}
    return next((at for at, one in enumerate(by) if one.rule in agreeing), None)


def _speaks_against(rule: RuleName, evidence: Sequence[Evidence]) -> bool:
    """What keeps a rule from deciding alone: another registration number, another company; for a name also that it is only like, and
    that nothing else agrees; for an address or number that the names have nothing in common (a bookkeeper's address stands at
    many customers)."""
    by_rule = {one.rule: one for one in evidence}
    differs = {one.rule for one in evidence if not one.agrees}
    if rule != "registration_number" and differs & {"registration_number", "parent"}:
        return True
    if rule in ("email", "phone"):
        name = by_rule.get("name")
        return name is not None and not name.agrees and likeness(*_names(name.reason)) < UNLIKE
    if rule == "name":
        if by_rule["name"].reason.code == NAME_LIKE or "place" in differs:
            return True
        return not any(one.agrees for one in evidence if one.rule != "name")
    return False


def _names(reason: Reason) -> tuple[str, str]:
    return str(reason.params["left"]), str(reason.params["right"])


def _is_person(lines: Sequence[Line]) -> bool:
    return any(line.kind == "link" for line in lines)


def _keys(rule: RuleName, text: str, country: str, *, person: bool) -> set[str]:
    if rule == "registration_number":
        number = code(text, country)
        return set() if not number or _is_placeholder(number) else _numbers(number, country)
    if rule == "email":
        return {one.casefold() for one in mails(text) if "@" in one}
    if rule == "phone":
        return {one.e164 for one in phones(text, country)}
    bare = bare_name(text, person=person)
    return {bare} if bare else set()


def _numbers(number: str, country: str) -> set[str]:
    """The number itself, and the company's within a French VAT number."""
    digits = number.removeprefix("FR")
    if (number.startswith("FR") or country == "FR") and len(digits) == 11 and digits[2:].isdigit():
        return {number, digits[2:]}
    return {number}


def _is_placeholder(number: str) -> bool:
    digits = [one for one in number if one.isdigit()]
    return len(digits) < 5 or len(set(digits)) == 1 or "".join(digits) in _PLACEHOLDERS


def _written(rule: RuleName, text: str, country: str) -> list[str]:
    """The ways in which the other system may have written it."""
    if rule == "registration_number":
        number = code(text, country)
        if not number or _is_placeholder(number):
            return []
        prefix = "EL" if country == "GR" else country
        return list(dict.fromkeys((number, f"{prefix}{number}", *sorted(_numbers(number, country)))))
    if rule == "email":
        return [one.casefold() for one in mails(text) if "@" in one]
    if rule == "phone":
        return [one.e164 for one in phones(text, country)]
    return [" ".join(text.split())]
