"""How far a pull has come, and what tells that something changed.

A party's numbers, addresses, identifiers and relations are rows of their own that do not touch the party's time. One question asks
for the parties of which any row is newer; whatever it brings is compared with what it brought before.

A row is stamped with the beginning of its transaction and seen at its end. So a pull asks again for what is younger than `LATE` by the
server's own clock, and remembers what of it was there already: where that is all, nothing is read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from tieline.connectors.tryton.shapes import PARTY
from tieline.connectors.tryton.wire import plain, tagged_time
from tieline.core.errors import ProtocolError

LATE = timedelta(minutes=3)
"""So long a row may be seen after the time it bears: a transaction of two minutes, and a minute that the clocks of Tryton and of its
database may differ."""
SHARED_FOR_S = 5.0
"""Both objects of a table are asked for by one question: the second one that asks so soon gets the first one's answer."""
MOST_SEEN = 200
"""Rows that are remembered of a walk."""
FORMAT = 2

_PARTS = ("contact_mechanisms", "addresses", "identifiers")
ALSO_INACTIVE = ["active", "in", [True, False]]
_NEVER = ["active", "in", []]
"""No row. In an "OR", where it changes nothing, it keeps Tryton from leaving out what is deactivated."""


@dataclass(slots=True)
class Cursor:
    """since: what is newer is asked for; None before the first reading has ended · newest: the newest time seen · seen: id → mark of the
    rows that `since` leaves to be asked for again · relations: they are followed too · behind: id of the last row read in a walk
    through all that changed, None between walks · began: when the walk began."""

    since: str | None = None
    newest: str | None = None
    seen: dict[str, str] = field(default_factory=dict)
    relations: bool = False
    behind: int | None = None
    began: str | None = None

    @classmethod
    def load(cls, text: str | None) -> Self:
        """ProtocolError for a text that is none of ours."""
        if text is None:
            return cls()
        try:
            raw = json.loads(text)
            return cls._kept(raw) if "v" in raw else cls._first_format(raw)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ProtocolError("this cursor is none of ours") from None

    @classmethod
    def _kept(cls, raw: Mapping[str, Any]) -> Self:
        if raw["v"] != FORMAT:
            raise ValueError
        for moment in (raw["t"], raw["n"], raw["d"]):
            if moment is not None:
                tagged_time(moment)
        behind = None if raw["i"] is None else int(raw["i"])
        return cls(raw["t"], raw["n"], dict(raw["s"]), bool(raw["r"]), behind, raw["d"])

    @classmethod
    def _first_format(cls, raw: Mapping[str, Any]) -> Self:
        """Each table's last time; an unended walk by these begins anew."""
        times = [datetime.fromisoformat(at) for at, _ in raw["at"].values()]
        return cls(_text(min(times) - LATE)) if raw["end"] and times else cls()

    def dump(self) -> str:
        kept = {"t": self.since, "n": self.newest, "s": self.seen, "r": self.relations, "i": self.behind}
        return json.dumps({"v": FORMAT, **kept, "d": self.began}, separators=(",", ":"))

    def fresh(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Without those that were just like this before."""
        return [row for row in rows if self.seen.get(str(row["id"])) != mark(row)]

    def looked(self, rows: Sequence[Mapping[str, Any]], told: datetime | None) -> None:
        """One answer brought all that is newer than `since`."""
        self.seen = {str(row["id"]): mark(row) for row in rows}
        self._end(told)

    def walked(self, rows: Sequence[Mapping[str, Any]], told: datetime | None) -> None:
        """A page of a walk. What changes behind it meanwhile is newer than its beginning."""
        if self.behind is None:
            self.seen, self.began = {}, _text(told) if told is not None else None
        self.saw(rows)
        young = _text(told - LATE) if told is not None else ""
        for row in rows:
            if len(self.seen) < MOST_SEEN and max(stamps(row)) > young:
                self.seen[str(row["id"])] = mark(row)
        self.behind = int(rows[-1]["id"]) if rows else self.behind or 0

    def end_walk(self) -> None:
        """All of it was read."""
        self._end(datetime.fromisoformat(self.began) if self.began else None)
        self.behind = self.began = None

    def saw(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Times of rows that were read, all of them or not."""
        times = [moment for row in rows for moment in stamps(row)]
        self.newest = max((one for one in (self.newest, *times) if one is not None), default=None)

    def _end(self, told: datetime | None) -> None:
        """The next pull asks for what is newer than the newest row, and for what may come late. It never goes back."""
        if self.newest is None:
            return
        settled = _text((told or datetime.fromisoformat(self.newest)) - LATE)
        self.since = max(self.since or "", min(self.newest, settled))


@dataclass(slots=True)
class News:
    """An answer that both objects of a table can use. since, relations: what was asked · told: when, by the server's clock."""

    since: str
    relations: bool
    rows: Sequence[dict[str, Any]]
    told: datetime | None
    until: float = field(default_factory=lambda: time.monotonic() + SHARED_FOR_S)
    given: set[str] = field(default_factory=set)

    def serves(self, object: str, cursor: Cursor) -> bool:
        """Whether this object has not had it, and it has all that its cursor asks for."""
        is_whole = cursor.since is not None and self.since <= cursor.since and self.relations == cursor.relations
        return is_whole and object not in self.given and time.monotonic() < self.until


def watched(model: str, *, relations: bool) -> list[str]:
    """What to read of each row, so that its times are known and its mark differs when it changed."""
    if model != PARTY:
        return ["last_modified_at"]
    # a relation that was changed shows no other time than it was made with; where it leads is read instead
    more = ["relations.create_date", "relations.to", "relations.type"] if relations else []
    return ["last_modified_at", "categories.name", *(f"{part}.last_modified_at" for part in _PARTS), *more]


def newer(model: str, since: str | None, *, relations: bool) -> list[Any]:
    """The domain of what changed, deactivated rows too; None: of everything."""
    moment = None if since is None else tagged_time(since)
    changed = ["last_modified_at", ">", moment]
    if model != PARTY:
        return [changed] if moment else []
    if not moment:
        return [ALSO_INACTIVE]
    by_part = [[part, "where", [changed, ALSO_INACTIVE]] for part in _PARTS]
    if relations:
        dates = ("create_date", "write_date")
        by_part += [["relations", "where", [[date, ">", moment], ALSO_INACTIVE]] for date in dates]
    return [["OR", _NEVER, changed, *by_part], ALSO_INACTIVE]


def stamps(row: Mapping[str, Any]) -> Iterator[str]:
    """The times of a row and of those that belong to it."""
    yield plain(row["last_modified_at"])
    for part in _PARTS:
        yield from (plain(one["last_modified_at"]) for one in row.get(f"{part}.") or ())
    yield from (plain(one["create_date"]) for one in row.get("relations.") or () if one.get("create_date"))


def mark(row: Mapping[str, Any]) -> str:
    """Short hash of what tells that a row changed, whatever else was read of it."""
    parts = {part: [(one["id"], one["last_modified_at"]) for one in row.get(f"{part}.") or ()] for part in _PARTS}
    categories = [one["name"] for one in row.get("categories.") or ()]
    relations = [(one["id"], one["to"], one["type"]) for one in row.get("relations.") or ()]
    text = json.dumps([row["last_modified_at"], parts, categories, relations], sort_keys=True)
    return base64.b85encode(hashlib.blake2b(text.encode(), digest_size=8).digest()).decode()


def _text(moment: datetime) -> str:
    """As `plain` writes times: in this form texts are in the order of time."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
