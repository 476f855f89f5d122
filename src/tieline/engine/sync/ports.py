"""What keeping two systems the same needs kept. As in `engine.ports`: every method is one short transaction, safe to call again
after a crash. The store does it on Postgres, tests in memory with a crash between any two calls. A *pair* is two connections
(left, right) with their settings; one process at a time works on a pair (`hold`).

A run goes page by page: (1) records of one side come in: a page of its changes, or of what waits; (2) one query for their
links; (3) the other side's records in batches; (4) deciding; (5) `announce`: every write is in the journal as sent; (6) the
writes, in batches; (7) `settle`: outcomes, links, what waits, questions and the cursor, in one transaction. A crash before (7)
repeats the page: updates find themselves done already, creates are looked for by their origin key first (`unfinished`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tieline.core.pairing import Side

RunKind = Literal["changes", "transfer", "reconcile", "preview", "approved", "asked", "undo", "redo"]
"""changes: what moved since the cursors · transfer: all of one side · reconcile: all of both, whatever the cursors say, writing
nothing · preview: a dry run (operations stay "planned") · approved: what a preview planned · asked: a person on a customer's page
or in the inbox · undo, redo."""


@dataclass(slots=True)
class LinkRow:
    """A link. `key` is its opaque text, made by the engine, unique. base: line → [left, right] as JSON.

    state   "linked" · "failing": the last write was refused (`why`) · "conflict": lines wait for a person · "pending": gone on
            `pending` and nobody has said what that means · "stopped": not kept the same by a person's wish
    """

    key: str
    role: str
    left_id: str
    right_id: str
    base: dict[str, list[Any]] = field(default_factory=dict)
    left_version: str | None = None
    right_version: str | None = None
    state: Literal["linked", "failing", "conflict", "pending", "stopped"] = "linked"
    pending: Side | None = None
    why: dict[str, Any] | None = None
    name: str = ""
    """What people call it, for search and lists."""
    agreed_at: str | None = None
    """When both sides last agreed on every line."""
    parent: str | None = None
    """Key of the link of its parent (a contact person's account)."""


@dataclass(slots=True)
class WaitingRow:
    """A record to be looked at whatever the cursors say: a hint of a webhook, a retry, a person's word, a parent that comes
    first, or a record that cannot move (`stuck`: shown with its reason and looked at again only when it changes or a person asks).

    told: `core.pairing.Told` as JSON where a person or a hint has said something: only what differs from its defaults; and "new_id"
    where a hint says that the record was renumbered to it.
    state "asked": a question is open for it. attempts: how often it came back without getting anywhere.
    waits_for: [role, side, id] of the record that must be linked first; its link makes it due (`Settled.woken`).
    approved: digest of the decision that a person approved (`digest` in engine.sync); another one goes to the inbox.
    """

    role: str
    side: Side
    id: str
    due_at: str | None
    why: dict[str, Any] | None = None
    told: dict[str, Any] | None = None
    approved: str | None = None
    attempts: int = 0
    state: Literal["due", "stuck", "asked"] = "due"
    name: str = ""
    waits_for: list[str] | None = None


OperationState = Literal["planned", "sent", "done", "rejected", "unknown", "skipped"]


@dataclass(slots=True)
class SyncOperation:
    """One write of the journal. `key` is the origin key, unique per pair. values, before: field → JSON of the side; `lines`:
    line → Reason as JSON (which rule wrote it). `source`: [side, id] of the record it was decided from. `link`: key of the link
    (made beforehand for a create). `after`: what the record held once it was written, where it was read again."""

    key: str
    run: int
    link: str
    role: str
    side: Side
    verb: Literal["create", "update", "delete"]
    id: str
    values: dict[str, Any]
    before: dict[str, Any]
    reason: dict[str, Any]
    lines: dict[str, Any] = field(default_factory=dict)
    source: list[str] = field(default_factory=list)
    state: OperationState = "planned"
    error: dict[str, Any] | None = None
    version: str | None = None
    """Version that it was written over (before), or has now (done)."""
    sent_at: str | None = None
    attempts: int = 0
    name: str = ""
    base: dict[str, list[Any]] = field(default_factory=dict)
    """The base of its link once it is done: what a create that was found after a crash needs."""
    digest: str = ""
    """Of the decision it belongs to."""


@dataclass(slots=True)
class AskedRow:
    """A question for the inbox. One open per (role, side, id, kind). kind: "match" · "conflict" · "deletion" · "moved" (approved, and
    it is another now) · "limit" (a run would delete too many; role and id "" ) · "unknown" (a create nobody knows of).
    options: what a person chooses from, as JSON; of "moved" {"told": what it was planned with}."""

    kind: str
    role: str
    side: Side
    id: str
    reason: dict[str, Any]
    options: list[Any] = field(default_factory=list)
    link: str = ""
    name: str = ""


PACE = "pace"
"""In a transfer's position: [seconds at work, records read in them], as of a page that is done."""


@dataclass(slots=True)
class RunRow:
    """A run. counts: what it came to ("read", "same", "created", "updated", "deleted", "conflicts", "asked", "failed", "excluded",
    "waiting" …). position: where a transfer or reconcile stands (opaque). state "stopped": a limit or a person stopped it."""

    id: int
    kind: RunKind
    state: Literal["running", "paused", "done", "stopped", "failed"] = "running"
    counts: dict[str, int] = field(default_factory=dict)
    position: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    """What was asked for: {"from": "right", "mark": true, "role": …, "bypass_limit": true, "of": run id (approved, undo),
    "match": true (reconcile)}."""
    requests: int = 0
    why: dict[str, Any] | None = None
    started_at: str = ""
    finished_at: str | None = None
    total: int | None = None


@dataclass(slots=True)
class Report:
    """A record that does not agree, of a reconciliation or dry run. status as `core.pairing.Status`; lines: LineResult as JSON."""

    role: str
    left_id: str
    right_id: str
    name: str
    status: str
    reason: dict[str, Any]
    lines: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Settled:
    """Everything that a page came to, kept at once by `settle`."""

    operations: Sequence[SyncOperation] = ()
    """With their outcome."""
    links: Sequence[LinkRow] = ()
    """New or changed, whole."""
    dropped: Sequence[str] = ()
    """Keys of links that are no more."""
    waiting: Sequence[WaitingRow] = ()
    waited: Sequence[tuple[str, Side, str]] = ()
    """(role, side, id) that wait no longer. Done before `waiting` is kept: one that is in both waits anew."""
    asked: Sequence[AskedRow] = ()
    answered: Sequence[tuple[str, Side, str]] = ()
    """(role, side, id) whose open questions are over. Done before `asked` is kept. What was asked because it is likely
    (`reasons.LIKELY`) is over only once its record is linked: a look at it alone finds the same as before."""
    woken: Sequence[tuple[str, Side, str]] = ()
    """(role, side, id) that are linked now: rows with `waits_for` of these fall due at once, whatever their state, and wait for
    nothing any more."""
    reports: Sequence[Report] = ()
    cursor: tuple[Side, str, str] | None = None
    """(side, role, cursor) of the page."""


class SyncStore(Protocol):
    """Everything one pair needs."""

    def hold(self) -> bool:
        """Takes or keeps the right to work on this pair. False: another process has it."""

    def cursors(self) -> dict[tuple[Side, str], str]:
        """(side, role) → cursor of its changes."""

    def set_cursors(self, cursors: Mapping[tuple[Side, str], str]) -> None:
        """Moves them (after a transfer or reconcile that has read everything)."""

    def links(self, role: str, side: Side, ids: Sequence[str]) -> list[LinkRow]:
        """Links of these records of that side, in one query."""

    def links_by_key(self, keys: Sequence[str]) -> list[LinkRow]:
        """The same by their keys."""

    def links_after(self, role: str, key: str, limit: int) -> list[LinkRow]:
        """Links of a role in order of key, after this one ("" the first): to go through all of them."""

    def count_links(self, role: str) -> int:
        """How many there are; for the limit of deletions."""

    def deleted_since(self, role: str, since: str) -> int:
        """How many records of this role were deleted since then, on either side, or may have been: by runs that nobody asked for
        nor let pass the limit. What a person said of one record is not counted."""

    def waiting(self, now: str, limit: int) -> list[WaitingRow]:
        """Due rows, parents' roles first, then oldest first."""

    def keep_old(self, role: str, side: Side, ids: Sequence[str]) -> None:
        """These records were there before the pair was, linked with nothing; of vendors that do not tell when one was made."""

    def old(self, role: str, side: Side, ids: Sequence[str]) -> set[str]:
        """Those of these records that were there before, in one query."""

    def spoken_for(self, role: str, side: Side, ids: Sequence[str]) -> set[str]:
        """Those of these records, linked with nothing, that wait to be looked at, that a person is asked about, or of which one has said
        that they are none of those offered. In one query."""

    def likely_about(self, role: str, side: Side, ids: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Those of these records that an open question about likely pairs (`reasons.LIKELY`) is about: it stands under them (left), or
        offers them (right) → (id of the left record that it stands under, its reason). In one query; in none where the pair has no
        such question."""

    def next_due(self) -> str | None:
        """When the next waiting row falls due."""

    def release(self, code: str) -> int:
        """Rows in state "asked" whose `why` has this code fall due now (a person lifted a limit for a run); how many."""

    def due_again(self, code: str, roles: Sequence[str]) -> int:
        """Rows in state "stuck" of these roles whose `why` has this code fall due now; how many. Asked by every run, so it costs next to
        nothing where there are none, whatever there is of other roles."""

    def unfinished(self) -> list[SyncOperation]:
        """Operations in state "sent" or "unknown": what a crash left, or a vendor did not say. Asked when a run begins."""

    def announce(self, run: RunRow, operations: Sequence[SyncOperation]) -> None:
        """The intents: kept as "sent" (sent_at now, attempts + 1) before the writes leave; one with a key that is there already and
        not done is taken over. Those with state "planned" are kept so (a dry run)."""

    def settle(self, run: RunRow, page: Settled) -> None:
        """Everything of a page at once, with the run's counts, position and requests."""

    def begin(self, run: RunRow) -> int:
        """Keeps a new run and gives its id; a run that is "running" or "paused" of the same kind and options is gone on with:
        its row is put into the given one, and its id comes back."""

    def end(self, run: RunRow) -> None:
        """Its final state, counts, why."""

    def paused(self, run: RunRow) -> bool:
        """Whether a person has asked this run to pause or stop; asked once a page."""

    def written_later(self, keys: Sequence[str], run: int) -> set[str]:
        """Those of these links that another run has written to after this one, as far as that was not undone."""

    def planned(self, run: int, after: str, limit: int) -> list[SyncOperation]:
        """Operations of a run in order of key, after this one: of a dry run to be approved, of a run to be undone."""
