"""What the engine needs kept: one short synchronous transaction per call, none across an await.

The store implements this on Postgres; tests implement it in memory, and crash between any two calls. Ids are the store's
own integers. `target` is the connection that is written to; everything here is about one target, whose drain is one
process at a time (`hold`). Times are ISO 8601 UTC text; JSON values are plain Python.

Who writes which column of a subject (pages write too: an answer or a retry sets `answers`, raises `revision`, state "due"):
save_folded: subject, lanes, and unless the row is "applying" or a page has written since it was read state, due_at, attempts,
why. save_decided and finish: state, due_at, attempts, why; finish also `own`. Neither of these two touches subject, lanes,
answers or revision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

LISTED = "LIST"
"""The method of an event that was not delivered but fetched from a source's list of calls; its body is facts as JSON."""


@dataclass(frozen=True, slots=True)
class EventRow:
    """A kept event that is not folded yet. `source` is the connection it came by."""

    id: int
    source: int
    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    received_at: str


SubjectState = Literal["waiting", "due", "applying", "asked", "done", "parked", "undone"]
"""waiting: for its end or a settle time (due_at = when to give up) · due: to be decided at due_at · applying: its run has
unfinished operations · asked: a question is in the inbox · done · parked: stopped, a person must look · undone: what was
written for it was taken back; what comes later is kept with it, and a person alone makes it go on."""


@dataclass(slots=True)
class SubjectRow:
    """A subject (a call …) of a flow. `key` is unique within (source, flow). `id` 0: not stored yet.

    `own`: slot → {"ref": [role, id], "values": {...}} of what was written for it (no "ref": a person is asked whether it was).
    `revision` grows with each change that asks for a new decision; `attempts` counts failed tries since the last success.
    """

    id: int
    flow: str
    source: int
    key: str
    subject: dict[str, Any]
    state: SubjectState
    due_at: str | None
    lanes: tuple[str, ...] = ()
    revision: int = 0
    attempts: int = 0
    own: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    live: bool = True
    """False: watch mode when it arrived; decides, writes nothing."""
    arrived_at: str = ""
    """When its first event arrived; the order within a lane is (arrived_at, id)."""
    why: dict[str, Any] | None = None
    """Why it waits or is parked: a Reason as JSON. A parked subject is shown in the inbox by its state, without an item."""
    backfill: bool = False
    """It is due because of what was fetched from a list: live ones go first."""
    read: int | None = field(default=None, compare=False)
    """The revision that the store read; set by the store alone. A page that wrote since has raised it."""


OperationState = Literal["planned", "sent", "done", "rejected", "unknown", "blocked"]


@dataclass(slots=True)
class OperationRow:
    """One journalled write. `key` is the origin key, unique per target. `values` hold links as {"$ref": [role, id]}, whose
    id may be "~" + the origin key of another operation."""

    key: str
    run: int
    subject: int
    slot: str
    verb: str
    role: str
    values: dict[str, Any]
    target_ref: list[str] | None
    before: dict[str, Any]
    state: OperationState
    reason: dict[str, Any]
    match_keys: list[list[str]] = field(default_factory=list)
    """[by, value] pairs; value may be a "~key" id."""
    external_id: str | None = None
    sent_at: str | None = None
    attempts: int = 0
    error: dict[str, Any] | None = None
    """The last thing that went wrong with it, as a Reason; it stays when it is done after all."""
    position: int = 0
    requests: float = 0.0
    """Its share of the requests made."""
    if_version: str | None = None
    """Written only while the record has this version, where the vendor has versions."""


@dataclass(slots=True)
class RunRow:
    """One decision on one subject with everything that led to it: the story. `id` 0: not stored yet.

    state: "applying" | "done" | "asked" | "watched" | "nothing" | "failed" | "superseded".
    """

    id: int
    subject: int
    revision: int
    state: str
    settings_version: int
    known: dict[str, Any]
    """Look-up answers, minimal fields: {"found": [[role, by, value, [[id, fields], …]], …]}; an id "~key" is planned.
    "trouble": why it could not be decided before, as a Reason, where that was so."""
    considered: list[Any]
    """[[rule, applied, reason], …]"""
    questions: list[Any]
    """[{"kind", "topic", "reason", "options": [[role, id, fields], …]}, …]; each is an inbox item, and its answer comes
    back as subject.answers[kind]. A subject's open items are replaced by those of its newest run."""
    notices: list[Any]
    """[{"kind", "topic", "reason"}, …]; one open inbox item per kind and topic."""
    started_at: str
    requests: float = 0.0
    """Its share of the look-up requests; the operations have their own."""
    operations: list[OperationRow] = field(default_factory=list)
    kind: str = ""
    """"" a decision · "undo", "redo": a part of an undo; `known` has {"undo": its id, "was": [state, why] of the subject}."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one operation. `record_version` as the vendor gave it."""

    key: str
    state: OperationState
    external_id: str | None = None
    record_version: str | None = None
    error: Mapping[str, Any] | None = None
    requests: float = 0.0
    """Added to what the operation has already."""
    own: Sequence[OwnKey] = ()
    """Done: the own keys to keep, made now."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A record of ours that a look-up would find by (role, by, value) once the vendor's index has caught up.

    id and link values are the vendor's ids, never planned ones; values as they were written (JSON).
    """

    role: str
    by: str
    value: str
    id: str
    values: Mapping[str, Any]


class NotStorable(Exception):  # noqa: N818 - what became of a row, like Rejected; no fault of the program
    """What was given cannot be kept, however often it is tried: one of its values is none that the store can hold. Nothing of
    the call was kept and the right to drain stays. Its text names the kind of the failure, never a value."""


class Store(Protocol):
    """Everything the drain of one target needs. Every method is one transaction and safe to call again after a crash."""

    def hold(self) -> bool:
        """Takes or keeps the right to drain this target (freed by Postgres when this process dies). False: another has it."""

    def open_events(self, limit: int) -> list[EventRow]:
        """Events of all sources of this target not folded yet: live ones oldest first, then, if there is room, fetched ones."""

    def subjects(self, flow: str, keys: Sequence[tuple[int, str]]) -> list[SubjectRow]:
        """The stored subjects among these (source, key)."""

    def save_folded(
        self,
        subjects: Sequence[SubjectRow],
        events: Sequence[int],
        links: Sequence[tuple[int, int, str]],
        refused: Mapping[int, Mapping[str, Any]],
    ) -> None:
        """Inserts or updates the subjects (by flow, source, key) and marks the events folded, at once. links: (event id,
        source, subject key). refused: events among them that nothing could be made of, with the Reason as JSON; they are
        kept and shown with their connection. A row has its new revision. Never touches `own` or a state of "applying"
        (there subject, lanes and revision change only, and finish() makes it due again). NotStorable: a value of one of these
        events cannot be kept; save them one by one and refuse the culprit."""

    def take_due(self, now: str, limit: int, held: Sequence[str]) -> list[SubjectRow]:
        """Subjects in state "due" or "waiting" with due_at <= now, in lane order (arrived_at, id), none sharing a lane with
        `held`. A due subject behind an earlier due subject of the same lane may be in the same answer, never before it.
        Of back-filled ones only those that a live one of this answer is behind."""

    def take_backfilled(self, now: str, limit: int, held: Sequence[str]) -> list[SubjectRow]:
        """The same of back-filled subjects. Asked when no live one is due, or with the lanes of those held."""

    def own_keys(self, finds: Sequence[tuple[str, str, str]], since: str) -> list[OwnKey]:
        """Own keys among these (role, by, value) made since that time."""

    def save_decided(self, runs: Sequence[RunRow], subjects: Sequence[SubjectRow], send: Sequence[str]) -> None:
        """Stores the runs with their operations, inbox items (questions, notices) and the subjects' new states, at once;
        operations whose key is in `send` are stored as "sent" (sent_at now, attempts + 1: intent before the call), the
        others as "planned"; those of a run that is not "applying" are kept for the story and never sent. An operation key
        that is already there is taken over by the new run unless it is done or its outcome is unknown; such a one keeps its
        run, state and id. A subject whose stored revision is greater than the given row's becomes due at once unless it is
        applying now. Puts into the given rows, in place: run ids, and state and external_id of operations kept so."""

    def unfinished(self) -> list[tuple[SubjectRow, RunRow]]:
        """Every run in state "applying" with its subject and all its operations in position order, runs by id. Asked once
        when a drain begins or has lost its thread. `considered` and `notices` may be left empty."""

    def written(self, keys: Sequence[str]) -> dict[str, str]:
        """Origin key → external id of the operations among these that are done. Asked after `unfinished`, for what open
        operations refer to and another, finished run wrote."""

    def save_results(self, results: Sequence[Result], send: Sequence[str]) -> None:
        """Outcomes, links (of "done" ones, with the version), own keys, and the next operations marked "sent" (sent_at now,
        attempts + 1), at once. A result may put an operation back to "planned" with the error that caused it."""

    def finish(
        self,
        runs: Mapping[int, str],
        subjects: Sequence[SubjectRow],
        questions: Sequence[tuple[int, Mapping[str, Any]]],
    ) -> None:
        """Ends runs with their final state and moves their subjects on (done, due again at due_at, parked, asked), with
        `own` as given. A subject whose stored revision is greater than the given row's becomes due at once instead.
        questions: (run id, question as in RunRow) that only applying brought up. Subjects without a run in `runs` are
        those whose look-ups failed."""

    def next_due(self) -> str | None:
        """When the next waiting or due subject falls due; None when nothing waits; used to sleep."""


@dataclass(frozen=True, slots=True)
class BackfillRow:
    """A back-fill under way: calls of `source` that began in [since, until); what began before `reached` is kept already.
    `attempts` counts failures since the last page."""

    id: int
    source: int
    since: str
    until: str
    reached: str
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Fetched:
    """A call of a list that says something new. `key` is the call's, `event_key` that of the event it is kept as: the same
    call with the same facts has the same. `facts`: CallFact as JSON. `is_missing`: nobody had told of it."""

    key: str
    event_key: str
    facts: Sequence[Mapping[str, Any]]
    is_missing: bool


class BackfillStore(Protocol):
    """Everything that one back-fill needs. Every method is one transaction."""

    def known(self, keys: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Flow → call key → subject: of each flow that this source feeds, what it has of these calls."""

    def save_page(self, calls: Sequence[Fetched], listed: int, reached: str | None) -> bool:
        """Keeps each as a fetched event, unless it was kept before, wakes the targets, adds to the counts and moves the
        cursor (None: not yet), at once. False: a person stopped it, or another process has it: nothing was kept."""

    def put_off(self, until: str, attempts: int, trouble: Mapping[str, Any] | None) -> None:
        """It goes on later, by whomever."""

    def finish(self, trouble: Mapping[str, Any] | None) -> None:
        """It is over: done, or failed where there is trouble (a Reason as JSON)."""


class Budget(Protocol):
    """The vendor's rate, shared by every process that speaks to this connection."""

    def take(self, cost: float, priority: int) -> float:
        """Seconds to wait before a request of this cost may be made; 0 takes it now. Priority 0 is live, 1 back-fill."""

    def pause(self, seconds: float) -> None:
        """Nobody asks this connection for so long."""
