"""Two records that are the same customer: what is compared, what was agreed on, what shall happen. Everything here is plain
values; `core.merge` merges, `core.match` matches, `flows.customers` decides.

A *side* is one of the two systems of a pair: "left" is the CRM, "right" the other (the ERP, an address book). A *line* is one
row of the mapping: a field of the left and a field of the right that hold the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tieline.core.reasons import Reason
from tieline.core.record import Record

Side = Literal["left", "right"]
LEFT: Side = "left"
RIGHT: Side = "right"
SIDES: tuple[Side, Side] = (LEFT, RIGHT)


def other(side: Side) -> Side:
    """The system across."""
    return RIGHT if side == LEFT else LEFT


Kind = Literal[
    "text", "name", "phone", "email", "url", "country", "address", "code", "number", "bool", "date", "choice", "link"
]
"""How two values of a line are compared (`core.same`). "code": a registration or VAT number, spaces and case apart; "link": the
record of a parent role, as `Joined` (never a vendor's id)."""
Direction = Literal["both", "to_right", "to_left"]
Policy = Literal["left", "right", "newest", "ask"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the mapping of a role.

    name            unique within the role; the page shows its label
    left, right     canonical field of each side, or the vendor's own as "=Industry"
    direction       whether changes go both ways or one way; against its way a change is left alone and named
    policy          who wins when both sides changed it to different values
    left_length, right_length   characters a side can hold, None where it says nothing
    values          choices by id: left → right
    role            of a "link": the role it leads to
    clears          an emptied value empties the other side too; otherwise it is filled again only by a later value
    left_form, right_form   how a side writes it, "" as it comes. country: "code", "code3", or the language of its names ("da");
                    email: "one" where the side holds a single address; address: "line" where it holds no line breaks
    """

    name: str
    left: str
    right: str
    kind: Kind = "text"
    direction: Direction = "both"
    policy: Policy = "ask"
    left_length: int | None = None
    right_length: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    role: str = ""
    clears: bool = True
    left_form: str = ""
    right_form: str = ""

    def field_of(self, side: Side) -> str:
        return self.left if side == LEFT else self.right

    def length_of(self, side: Side) -> int | None:
        return self.left_length if side == LEFT else self.right_length

    def form_of(self, side: Side) -> str:
        return self.left_form if side == LEFT else self.right_form


@dataclass(frozen=True, slots=True)
class Joined:
    """The value of a "link" line, the same for both sides: the parent by its link's key; or, where the parent is linked with
    nothing yet, by `side` and `id` of the record (then `key` is ""). JSON: {"$joined": [key, side, id]}."""

    key: str = ""
    side: str = ""
    id: str = ""


Base = Mapping[str, tuple[Any, Any]]
"""Line → (value of the left, value of the right) as they last agreed: each side as it really holds it. A side has changed a line
when its value is not the same as its own part here; so a side that cuts, rounds or re-writes a value changes nothing."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link as deciding sees it. `key`: its own opaque text, stable. `pending`: the side on which the record is gone and nobody
    has said yet what that means. `stopped`: this customer is not kept the same (the mark of CUST-2). `left_version`,
    `right_version`: of the last values read or written, None where the vendor has none. `asked`: a person is asked about
    lines in conflict."""

    key: str
    left_id: str
    right_id: str
    base: Base = field(default_factory=dict)
    left_version: str | None = None
    right_version: str | None = None
    pending: Side | None = None
    stopped: bool = False
    asked: bool = False

    def version_of(self, side: Side) -> str | None:
        return self.left_version if side == LEFT else self.right_version

    def id_of(self, side: Side) -> str:
        return self.left_id if side == LEFT else self.right_id


@dataclass(frozen=True, slots=True)
class Watched:
    """Records of the CRM whose changes may make a customer active (a won deal). role: theirs · link: their field that leads to the
    customer · to: the customer's role · fields: to be read of them."""

    role: str
    link: str
    to: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for or against two records being one: rule ("registration_number", "email", "phone", "name",
    "city" …), whether it agrees, in words by the reason."""

    rule: str
    agrees: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record of the other side that may be the same. `sure`: one rule of the list in force says so, by itself."""

    record: Record
    evidence: tuple[Evidence, ...]
    sure: bool
    score: float = 0.0
    """0 … 1, to order by."""


LineState = Literal["same", "to_left", "to_right", "conflict", "held"]
"""same: they agree · to_left, to_right: written there · conflict: a person is asked · held: differs, and the direction or a
missing parent keeps it so; `reason` says which."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """What the merge says of one line. `value`: what both sides shall hold (before cutting); `reason` why."""

    line: str
    state: LineState
    left: Any
    right: Any
    value: Any
    reason: Reason


WriteVerb = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Write:
    """One write that follows. `values`: field as in `Line.field_of(side)` → value as this side shall hold it (cut, mapped).
    A link's value is `Joined`; the engine puts the side's id in. `before`: the same fields as they were read. `id`: the record;
    "" for a create. `lines`: line → code of the reason, for "which rule wrote this value"."""

    side: Side
    verb: WriteVerb
    role: str
    id: str
    values: Mapping[str, Any]
    before: Mapping[str, Any]
    reason: Reason
    lines: Mapping[str, Reason] = field(default_factory=dict)


Status = Literal[
    "not_set_up",
    "switched_off",
    "not_marked",
    "missing",
    "candidates",
    "same",
    "differs",
    "unreachable",
    "pending_delete",
]
"""What the customer's page says (CUST-5). missing: not there in the other system."""

Become = Literal["keep", "make", "drop", "pending", "stop", "none"]
"""What becomes of the link: keep (with the new base) · make: the two are linked (after the create, or a match; a link that is
there already moves to the record matched) · drop · pending: the record of a side is gone · stop: it stays, or is made, as the
memory that this customer is not kept the same (`LinkView.stopped`) · none: there is none and none is made."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What shall happen with one customer (or contact person). `base` once every write has succeeded: of lines that stay in
    conflict or held the old base stays, so that they are found again. `waits_for`: a parent that must be linked first."""

    status: Status
    become: Become
    writes: tuple[Write, ...] = ()
    lines: tuple[LineResult, ...] = ()
    base: Base = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    matched: Candidate | None = None
    asks: Reason | None = None
    """A person must say: which candidate, which value, what of a deletion."""
    reason: Reason | None = None
    """Why nothing (or not all) moves: the first failed condition (HUB-11)."""
    waits_for: Joined | None = None

    @property
    def conflicts(self) -> tuple[LineResult, ...]:
        return tuple(line for line in self.lines if line.state == "conflict")


@dataclass(frozen=True, slots=True)
class Told:
    """What people and switches say of one record beforehand.

    choices    line → "left" or "right": a person's choice on the page or in the inbox
    partner    id on the other side that a person chose ("" none): "" with `create` makes a new one
    create     a person, or transfer all, wants it made on the other side whatever the switches say
    deletion   what a person says of a pending deletion: "delete" there too, "restore" it (create again), "unlink"
    mark       whether a customer that is linked now is kept the same from then on; None: as the settings say (CUST-8)
    event      why we look: "created", "changed", "deleted" on `by`; "look" reconciles or compares only
    by         the side where something happened
    """

    choices: Mapping[str, Side] = field(default_factory=dict)
    partner: str | None = None
    create: bool = False
    deletion: Literal["delete", "restore", "unlink"] | None = None
    mark: bool | None = None
    event: Literal["created", "changed", "deleted", "look"] = "changed"
    by: Side = "left"
