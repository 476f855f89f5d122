"""Two whole lists at once: which record of one is which of the other, where no number says so. For the first match of a transfer.

The model is Fellegi and Sunter's: each feature adds the logarithm of how much likelier its agreement is for one customer than for
two. `pairs` counts it by itself, with weights that ship with us and how common each value is in the lists; `trained_pairs` lets
splink (the extra `tieline[linkage]`) learn the weights where there is enough to learn from. Both look at the same blocks of records
and give the same shape: each pair with its probability and, as a waterfall, what each feature added.

Sources: Fellegi & Sunter 1969; Winkler 2000 (how common a value is); splink 5 (its theory guide).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal

from rapidfuzz.distance import OSA

from tieline.core.companies import bare_name
from tieline.core.pairing import Candidate, Evidence, Kind, Line
from tieline.core.reasons import because, declare
from tieline.core.record import Record
from tieline.core.same import DEFAULT_COUNTRY, is_empty, normal

How = Literal["name", "company", "code", "text", "place", "date"]
"""name: of a person · company: of a company · code: a number, an address of mail, a phone · text: a street · place: a city, a postal code."""

ADDS: Final = declare("customers.evidence.adds", "what", "left", "right", "points")
"""What one feature adds: points are the logarithm to the base of two, below zero where it speaks against."""

SURE: Final = 0.98
"""From here on two records are taken for one, where no third one comes as near."""
POSSIBLE: Final = 0.2
"""Below, a pair is not worth a person's time."""
_BLOCK: Final = 60
"""A value that more records hold finds nobody by itself."""
WRITTEN: Final = ("name", "company", "text", "place")
"""Of these the first four letters find somebody, together with those of the next one."""
_EXACT, _CLOSE, _DIFFERS = 0, 1, 2

_AGREE: Final[Mapping[How, tuple[float, float, float]]] = {
    "name": (0.72, 0.18, 0.10), "company": (0.72, 0.18, 0.10), "code": (0.85, 0.11, 0.04), "text": (0.66, 0.20, 0.14), "place": (0.82, 0.10, 0.08),
    "date": (0.86, 0.10, 0.04),
}  # fmt: skip
"""Of records that are one: how often a feature is equal, close, different."""
_CHANCE_CLOSE: Final[Mapping[How, float]] = {
    "name": 0.006,
    "company": 0.006,
    "code": 0.0004,
    "text": 0.006,
    "place": 0.01,
    "date": 0.003,
}
"""Of any two records: how often it is close."""


_CHANCE_EQUAL: Final[Mapping[How, float]] = {
    "name": 0.0005, "company": 0.0002, "code": 0.00001, "text": 0.0005, "place": 0.01, "date": 0.00005,
}  # fmt: skip
"""And at least so often equal, however rare the value is in these lists."""
_FEW: Final = 500
"""Lists shorter than this do not say how common a value is."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that is compared: the field of each list that holds it."""

    name: str
    left: str
    right: str
    how: How = "text"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be one. probability 0 … 1; evidence: feature by feature, what speaks most first."""

    left: str
    right: str
    probability: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """One list: ids, and per feature what stands there in the form in which it is compared ("" for nothing)."""

    ids: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]


def features_of(lines: Sequence[Line]) -> tuple[Feature, ...]:
    """What can be compared of a role's lines."""
    hows: dict[str, How] = {
        "name": "name", "code": "code", "email": "code", "phone": "code", "url": "code", "address": "text", "date": "date",
        "country": "place",
    }  # fmt: skip
    person = any(line.kind == "link" or line.name == "first_name" for line in lines)
    out = []
    for line in lines:
        how = "place" if line.name in ("city", "postal_code") else hows.get(line.kind)
        if how == "name" and not person:
            how = "company"
        if how is not None:
            out.append(Feature(line.name, line.left, line.right, how))
    return tuple(out)


def match_lists(
    left: Sequence[Record],
    right: Sequence[Record],
    lines: Sequence[Line],
    country: str = DEFAULT_COUNTRY,
    *,
    trained: bool = True,
) -> dict[str, tuple[Candidate, ...]]:
    """id of the left → its candidates of the right, best first. Sure: probable enough, and each is the other's best by far.
    trained: by splink where it is installed."""
    features = features_of(lines)
    by = trained_pairs if trained and has_splink() else pairs
    found = by(left, right, features, country)
    records = {one.id: one for one in right}
    best: dict[tuple[str, str], list[float]] = {}
    for one in found:
        for key in (("left", one.left), ("right", one.right)):
            best.setdefault(key, []).append(one.probability)
    out: dict[str, list[Candidate]] = {}
    for one in sorted(found, key=lambda pair: -pair.probability):
        rivals = [sorted(best[key], reverse=True) for key in (("left", one.left), ("right", one.right))]
        alone = all(each[0] == one.probability and (len(each) == 1 or each[1] < 1 - SURE) for each in rivals)
        sure = one.probability >= SURE and alone
        out.setdefault(one.left, []).append(
            Candidate(records[one.right], one.evidence, sure, round(one.probability, 4))
        )
    return {id: tuple(candidates) for id, candidates in out.items()}


def has_splink() -> bool:
    """Whether the extra is installed."""
    from importlib.util import find_spec

    return find_spec("splink") is not None


def pairs(
    left: Sequence[Record],
    right: Sequence[Record] | None,
    features: Sequence[Feature],
    country: str = DEFAULT_COUNTRY,
    *,
    threshold: float = POSSIBLE,
) -> list[Pair]:
    """Pairs at least so probable, without splink. right None: within one list."""
    mine = _table(left, features, country, "left")
    theirs = mine if right is None else _table(right, features, country, "right")
    counts = [_counts(a, b, same=right is None) for a, b in zip(mine.columns, theirs.columns, strict=True)]
    totals = [max(count.total() - count[""], 2) for count in counts]
    prior = -math.log2(max(len(mine.ids), len(theirs.ids), 2))
    out = []
    for a, b in _blocked(mine, theirs, counts, features, same=right is None):
        points = [
            _points(feature.how, count, total, x[a], y[b])
            for feature, count, total, x, y in zip(features, counts, totals, mine.columns, theirs.columns, strict=True)
        ]
        probability = _probability(prior + sum(points))
        if probability >= threshold:
            values = [(x[a], y[b]) for x, y in zip(mine.columns, theirs.columns, strict=True)]
            out.append(Pair(mine.ids[a], theirs.ids[b], probability, _waterfall(features, values, points)))
    return out


def trained_pairs(
    left: Sequence[Record],
    right: Sequence[Record] | None,
    features: Sequence[Feature],
    country: str = DEFAULT_COUNTRY,
    *,
    threshold: float = POSSIBLE,
) -> list[Pair]:
    """The same by splink, which learns the weights from the lists; what it cannot learn keeps ours. Raises ImportError without it."""
    from tieline.core.linkage_splink import predicted

    mine = _table(left, features, country, "left")
    theirs = mine if right is None else _table(right, features, country, "right")
    counts = [_counts(a, b, same=right is None) for a, b in zip(mine.columns, theirs.columns, strict=True)]
    lists = [_rows(mine, counts)] if right is None else [_rows(mine, counts), _rows(theirs, counts)]
    where = {id: at for at, id in enumerate(mine.ids)}, {id: at for at, id in enumerate(theirs.ids)}
    out = []
    for one, another, probability, points in predicted(lists, [feature.how for feature in features], threshold):
        values = [(x[where[0][one]], y[where[1][another]]) for x, y in zip(mine.columns, theirs.columns, strict=True)]
        out.append(Pair(one, another, probability, _waterfall(features, values, points)))
    return out


def best_of_each(found: Sequence[Pair], threshold: float = 0.5) -> set[tuple[str, str]]:
    """Each record of the left with its best one, where it is that one's best too."""
    left: dict[str, Pair] = {}
    right: dict[str, Pair] = {}
    for one in found:
        if one.probability >= threshold:
            for best, id in ((left, one.left), (right, one.right)):
                if id not in best or best[id].probability < one.probability:
                    best[id] = one
    return {(one.left, one.right) for one in left.values() if right[one.right] is one}


# -- what is compared ------------------------------------------------------------------------------------------------------


def _table(records: Sequence[Record], features: Sequence[Feature], country: str, side: str) -> _Table:
    columns = tuple(
        tuple(
            _plain(feature.how, one.get(feature.left if side == "left" else feature.right), country) for one in records
        )
        for feature in features
    )
    return _Table(tuple(one.id for one in records), columns)


def _plain(how: How, value: Any, country: str) -> str:
    if is_empty(value):
        return ""
    if how in ("name", "company"):
        return bare_name(str(value), person=how == "name")
    kind: Kind = "address" if how != "code" else "email" if "@" in str(value) else "code"
    held = normal(kind, str(value), country)
    return str(held).casefold() if held is not None else ""


def _counts(mine: Sequence[str], theirs: Sequence[str], *, same: bool) -> Counter[str]:
    return Counter(mine) if same else Counter(mine) + Counter(theirs)


def _blocked(
    mine: _Table, theirs: _Table, counts: Sequence[Counter[str]], features: Sequence[Feature], *, same: bool
) -> Iterator[tuple[int, int]]:
    """Pairs that share a value which few have, or the beginnings of two."""
    seen: set[tuple[int, int]] = set()
    for keys_left, keys_right in zip(_keys(mine, counts, features), _keys(theirs, counts, features), strict=True):
        places: dict[str, list[int]] = {}
        for at, key in enumerate(keys_right):
            if key:
                places.setdefault(key, []).append(at)
        for a, key in enumerate(keys_left):
            others = places.get(key, ()) if key else ()
            if len(others) > _BLOCK:
                continue
            for b in others:
                pair = (a, b) if not same or a < b else (b, a)
                if (not same or a != b) and pair not in seen:
                    seen.add(pair)
                    yield pair


def _keys(table: _Table, counts: Sequence[Counter[str]], features: Sequence[Feature]) -> Iterator[list[str]]:
    """One key a record for each way of finding: each feature's own value, and the beginnings of each two neighbours."""
    for column, count in zip(table.columns, counts, strict=True):
        yield [value if value and count[value] <= 2 * _BLOCK else "" for value in column]
    starts = [column for column, feature in zip(table.columns, features, strict=True) if feature.how in WRITTEN]
    for one, another in pairwise(starts):
        yield [f"{a[:4]}|{b[:4]}" if a and b else "" for a, b in zip(one, another, strict=True)]


def _rows(table: _Table, counts: Sequence[Counter[str]]) -> dict[str, list[Any]]:
    """For splink: id, each feature as f0, f1 …, and as k0, k1 … where it may find somebody by itself."""
    rows: dict[str, list[Any]] = {"unique_id": list(table.ids)}
    for at, (column, count) in enumerate(zip(table.columns, counts, strict=True)):
        rows[f"f{at}"] = [value or None for value in column]
        rows[f"k{at}"] = [value if value and count[value] <= 2 * _BLOCK else None for value in column]
    return rows


# -- weights ----------------------------------------------------------------------------------------------------------------


def level(how: How, one: str, another: str) -> int:
    """0 equal · 1 close · 2 different."""
    if one == another:
        return _EXACT
    if how in ("code", "date", "place"):
        return _CLOSE if OSA.distance(one, another, score_cutoff=2) <= (2 if len(one) > 8 else 1) else _DIFFERS
    return _CLOSE if OSA.normalized_similarity(one, another, score_cutoff=0.8) else _DIFFERS


def chances(how: How, common: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """How often a feature is equal, close, different: of records that are one, and of any two; `common` is the share of records that
    hold the value."""
    close = max(_CHANCE_CLOSE[how], common / 2)
    return _AGREE[how], (common, close, max(1 - common - close, 0.01))


def _points(how: How, count: Counter[str], total: int, one: str, another: str) -> float:
    if not one or not another:
        return 0.0
    common = max(max(count[one], count[another], 1) / max(total, _FEW), _CHANCE_EQUAL[how])
    of_one, of_any = chances(how, common)
    at = level(how, one, another)
    return math.log2(of_one[at] / of_any[at])


def _probability(points: float) -> float:
    return 1 / (1 + 2 ** -max(min(points, 60.0), -60.0))


def _waterfall(
    features: Sequence[Feature], values: Sequence[tuple[str, str]], points: Sequence[float]
) -> tuple[Evidence, ...]:
    shown = [
        Evidence(
            feature.name,
            agrees=added > 0,
            reason=because(ADDS, what=feature.name, left=one, right=another, points=round(added, 1)),
        )
        for feature, (one, another), added in zip(features, values, points, strict=True)
        if one and another
    ]
    return tuple(sorted(shown, key=lambda one: -abs(float(one.reason.params["points"]))))
