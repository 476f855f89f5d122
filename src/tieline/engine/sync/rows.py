"""Between what is kept (JSON) and what deciding sees; and the digests by which a decision is known again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import orjson

from tieline.core.pairing import SIDES, Base, Decision, Joined, Line, LinkView, Side, Told
from tieline.core.reasons import Reason
from tieline.core.record import Record
from tieline.engine.sync.ports import LinkRow

JOINED = "$joined"
_ATOMS = frozenset((str, int, float, bool, type(None)))
USUAL = {name: getattr(Told(), name) for name in Told.__dataclass_fields__ if name != "choices"}


def plain(value: Any) -> Any:
    """A value as JSON."""
    if type(value) in _ATOMS:  # nearly all are
        return value
    if isinstance(value, Joined):
        return {JOINED: [value.key, value.side, value.id]}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    return value


def lively(value: Any) -> Any:
    """The inverse of `plain`."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind is dict:
        parts = value.get(JOINED)
        if parts is not None and len(value) == 1:
            return Joined(*parts)
        return {name: lively(one) for name, one in value.items()}
    return [lively(one) for one in value] if kind is list else value


def base_row(base: Base) -> dict[str, list[Any]]:
    return {
        line: [left if type(left) in _ATOMS else plain(left), right if type(right) in _ATOMS else plain(right)]
        for line, (left, right) in base.items()
    }


def base_of(row: Mapping[str, list[Any]]) -> Base:
    return {line: (lively(both[0]), lively(both[1])) for line, both in row.items()}


def view(row: LinkRow) -> LinkView:
    return LinkView(
        key=row.key,
        left_id=row.left_id,
        right_id=row.right_id,
        base=base_of(row.base),
        left_version=row.left_version,
        right_version=row.right_version,
        pending=row.pending,
        stopped=row.state == "stopped",
        asked=row.state == "conflict",
    )


def id_of(row: LinkRow, side: Side) -> str:
    return row.left_id if side == "left" else row.right_id


def reason_row(reason: Reason | None) -> dict[str, Any] | None:
    return None if reason is None else reason.to_json()


def told_row(told: Told) -> dict[str, Any]:
    """Only what differs from the defaults."""
    out = {name: getattr(told, name) for name, usual in USUAL.items() if getattr(told, name) != usual}
    if told.choices:
        out["choices"] = dict(told.choices)
    return out


def told_of(row: Mapping[str, Any] | None, by: Side) -> Told:
    """What a row was told. `by`: the side it is of, where nothing else is said."""
    if not row:
        return Told(by=by)
    known = {name: value for name, value in row.items() if name in USUAL or name == "choices"}
    return Told(**{"by": by, **known})


def chosen(row: Mapping[str, Any] | None, told: Told, now: Mapping[str, Sequence[Any]]) -> Told:
    """What a row was told, without choices between values of which one has moved since: nobody has seen it. row: what it was told, as
    kept, with "shown": line → both values of the question; now: line → both values as they are."""
    shown = (row or {}).get("shown") or {}
    moved = {
        line for line in told.choices if line in shown and [plain(one) for one in now.get(line, ())] != shown[line]
    }
    if not moved:
        return told
    return replace(told, choices={line: side for line, side in told.choices.items() if line not in moved})


def digest(value: Any) -> str:
    """A short name of a JSON value: the same for the same."""
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()


def seen(lines: Sequence[Line], left: Record | None, right: Record | None) -> str:
    """Digest of what both sides hold of the lines: another one once a value has moved."""
    held = [
        None if one is None else [one.id, *(plain(one.fields.get(line.field_of(side))) for line in lines)]
        for side, one in zip(SIDES, (left, right), strict=True)
    ]
    return digest(held)


def digest_of(decision: Decision, parent: Callable[[Joined], str]) -> str:
    """Digest of what a decision does: the same when it is decided again and nothing has moved. `parent` names a joined record
    independently of the key of its link, which a dry run does not make."""

    def known(values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value if type(value) in _ATOMS else parent(value) if isinstance(value, Joined) else plain(value)
            for name, value in values.items()
        }

    writes = sorted(
        (write.side, write.verb, write.role, write.id, known(write.values), known(write.before))
        for write in decision.writes
    )
    matched = decision.matched.record.id if decision.matched is not None else ""
    return digest([decision.become, matched, [list(one) for one in writes]])
