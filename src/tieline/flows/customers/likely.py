"""Two lists of records that are linked with nothing: which of one is likely which of the other, where no rule of the first match
says so. It proposes, and decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from tieline.core import match
from tieline.core.linkage import match_lists
from tieline.core.match import KIND_OF_RULE, MatchBy
from tieline.core.pairing import LEFT, Candidate, Evidence, Line
from tieline.core.reasons import because
from tieline.core.record import Record
from tieline.flows.customers import reasons as why

MOST: Final = 3
"""Candidates that a record gets, of either side: more are not looked through."""


def likely(
    by: Sequence[MatchBy], lines: Sequence[Line], left: Sequence[Record], right: Sequence[Record], country: str
) -> dict[str, tuple[Candidate, ...]]:
    """id of the left → its candidates of the right, the likeliest first; none is sure. Beside how likely it is, the evidence says
    of every line that can be compared whether it agrees, not only of those that a rule goes by."""
    if not left or not right:
        return {}
    records = {one.id: one for one in left}
    known = _every(by, lines)
    found = [(id, one) for id, those in match_lists(left, right, lines, country).items() for one in those]
    found.sort(key=lambda pair: (-pair[1].score, pair[0], pair[1].record.id))
    offered: Counter[str] = Counter()
    out: dict[str, list[Candidate]] = {}
    for id, one in found:
        mine = out.setdefault(id, [])
        if len(mine) < MOST and offered[one.record.id] < MOST:
            offered[one.record.id] += 1
            said = Evidence("likely", agrees=True, reason=because(why.LIKELY, percent=percent(one)))
            told = match.compared(known, LEFT, records[id], one.record, lines, country)
            mine.append(replace(one, evidence=(said, *told), sure=False))
    return {id: tuple(those) for id, those in out.items() if those}


def percent(one: Candidate) -> int:
    """How likely it is; nothing is certain."""
    return min(max(round(one.score * 100), 1), 99)


def _every(by: Sequence[MatchBy], lines: Sequence[Line]) -> tuple[MatchBy, ...]:
    """The rules in force, and what the other lines hold of the same kinds."""
    there = {one.rule for one in by}
    more: dict[str, list[Line]] = {}
    for line in lines:
        rule = KIND_OF_RULE.get(line.kind)
        if rule is not None and rule not in there:
            more.setdefault(rule, []).append(line)
    others = tuple(
        MatchBy(KIND_OF_RULE[those[0].kind], tuple(one.left for one in those), tuple(one.right for one in those), False)
        for those in more.values()
    )
    return (*by, *others)
