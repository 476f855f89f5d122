"""What a run works on: the pair as it is set up, the run's own memory, and the records of a batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

from tieline.core.errors import TielineError
from tieline.core.pairing import Decision, Side, Told
from tieline.core.record import Record
from tieline.engine.access import Run
from tieline.engine.sync.customers import Customers
from tieline.engine.sync.ports import LinkRow, RunRow, SyncOperation, SyncStore, WaitingRow
from tieline.engine.sync.rows import told_row
from tieline.engine.sync.sides import End
from tieline.engine.times import iso
from tieline.sdk.contract import VendorRecord

UNTIL = "until"
"""In what a row was told: a record that is gone is not deleted across before then, however often it is named meanwhile."""

Where = tuple[str, Side, str]
"""(role, side, id): a record."""


@dataclass(slots=True)
class Pair:
    """A pair as it is set up. name: unique within the installation, part of each origin key. share, most: the limit of deletions
    of a day, the smaller of the two."""

    name: str
    customers: Customers
    ends: dict[Side, End]
    store: SyncStore
    run: Run
    clock: Callable[[], float]
    chance: Callable[[], float]
    share: float = 0.1
    most: int = 50

    def now(self) -> str:
        return iso(self.clock())

    def requests(self) -> int:
        """Made so far by both sides."""
        return sum(end.access.requests() for end in self.ends.values())


@dataclass(slots=True)
class Planned:
    """Links that a dry run would have made, so that children find their parents."""

    keys: dict[Where, str] = field(default_factory=dict)
    ids: dict[tuple[str, Side], str] = field(default_factory=dict)

    def add(self, role: str, side: Side, id: str, key: str) -> None:
        self.keys[role, side, id] = key
        self.ids[key, side] = id


@dataclass(slots=True)
class Item:
    """One record of a batch, on its way from being read to being settled.

    fresh     it was read by id just now; a page of a feed may be older than our own last write
    link      the row it is linked by; `mate` the record across
    row       what waited for it
    writes    its operations; `outcomes` beside them what became of each
    """

    side: Side
    id: str
    told: Told
    vendor: VendorRecord | None = None
    fresh: bool = False
    row: WaitingRow | None = None
    approved: str | None = None
    link: LinkRow | None = None
    record: Record | None = None
    mate: Record | None = None
    found: list[Record] = field(default_factory=list)
    related: tuple[Record, ...] | None = None
    """What leads to it in the CRM and may make it active; None where nobody has looked, or there is nothing."""
    parent: Record | None = None
    """The CRM's record of the customer that it belongs to, where deciding needs it."""

    decision: Decision | None = None
    digest: str = ""
    writes: list[SyncOperation] = field(default_factory=list)
    new_key: str = ""
    held: bool = False
    """By the limit of deletions."""

    heard: Told = field(default_factory=Told)
    """What deciding was told in the end."""

    @property
    def plan(self) -> Decision:
        """The decision of one that was decided."""
        if self.decision is None:
            raise RuntimeError("not decided")
        return self.decision

    @property
    def left(self) -> Record | None:
        return self.record if self.side == "left" else self.mate

    @property
    def right(self) -> Record | None:
        return self.mate if self.side == "left" else self.record


def waiting_row(
    role: str,
    item: Item,
    due_at: str | None,
    why: dict[str, Any] | None,
    *,
    told: Told | None = None,
    state: Literal["due", "stuck", "asked"] | None = None,
    attempts: int | None = None,
) -> WaitingRow:
    """What waits for a record now, with what it was told before. Without a time it is stuck."""
    before = item.row
    return WaitingRow(
        role,
        item.side,
        item.id,
        due_at,
        why,
        told_row(told or item.told),
        item.approved,
        attempts if attempts is not None else (before.attempts if before is not None else 0),
        state or ("due" if due_at is not None else "stuck"),
        name_of(item.record) or (before.name if before is not None else ""),
    )


def name_of(record: Record | None) -> str:
    """What people call a record."""
    if record is None:
        return ""
    name = record.fields.get("name")
    if not isinstance(name, str) or not name:
        parts = (record.fields.get(part) for part in ("first_name", "last_name"))
        name = " ".join(part for part in parts if isinstance(part, str) and part)
    return name[:200]


@dataclass(slots=True)
class Pass:
    """A run's own memory.

    dry       nothing is written: operations stay planned, links and what waits as they are
    create    what is not there is made, whatever the switches say
    mark      whether what is linked now is kept the same afterwards; None: as the settings say
    bypass    the limit of deletions does not hold
    busy      (role, key of a link) or record → when an earlier write of it can be settled
    made      while creates towards a side are unsettled: (role, side) → until when
    linked    (role, side, id) of what the batch before this one decided on: one that was prepared meanwhile does not know of it
    error     ends the run
    """

    pair: Pair
    run: RunRow
    dry: bool = False
    create: bool = False
    mark: bool | None = None
    bypass: bool = False
    busy: dict[tuple[str, ...], str] = field(default_factory=dict)
    made: dict[tuple[str, Side], str] = field(default_factory=dict)
    lost: dict[str, SyncOperation] = field(default_factory=dict)
    planned: Planned = field(default_factory=Planned)
    linked: set[Where] = field(default_factory=set)
    error: TielineError | None = None
    stopped: dict[str, Any] | None = None
    said: dict[str, Any] | None = None
    """What a run has to say that did what it could."""
    since: dict[tuple[Side, str], float] = field(default_factory=dict)
    """(side, role) → when the feed was first read: a record that was made before is not new."""
    counter: int = 0
    before: int = 0
    """Requests of the sides when the run began, less those that it had made by then."""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Role → (how many links there are, how many were deleted lately): what the limit of deletions is reckoned from."""

    def count(self, name: str, by: int = 1) -> None:
        if by:
            self.run.counts[name] = self.run.counts.get(name, 0) + by

    def key(self, role: str, side: Side, id: str) -> str:
        """A new key: of a link, and (with two more signs) of its writes. Whoever makes one says so in the journal before it is
        used, so that it need not come out the same again."""
        self.counter += 1
        where = f"{self.pair.name}\x1f{role}\x1f{side}\x1f{id}\x1f{self.run.id}"
        text = f"{where}\x1f{self.pair.now()}\x1f{self.counter}\x1f{self.pair.chance()}"
        return blake2b(text.encode(), digest_size=11).hexdigest()

    def planned_key(self, role: str, item: Item) -> str:
        """The key of what a dry run plans for a record: of watching, the same as long as the same is planned."""
        run = str(self.run.id) if self.run.kind == "preview" else ""
        text = f"{self.pair.name}\x1fplanned\x1f{run}\x1f{role}\x1f{item.side}\x1f{item.id}\x1f{item.digest}"
        return blake2b(text.encode(), digest_size=11).hexdigest()

    @property
    def over(self) -> bool:
        """Whether the run goes no further."""
        return self.error is not None or self.stopped is not None
