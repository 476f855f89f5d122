"""A plan: what a flow decided for one subject. Operations, questions, waits, or nothing, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tieline.core.reasons import Reason
from tieline.core.record import Local, Record, Ref, Value

Verb = Literal["create", "update", "attach"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One write.

    slot         names the operation within its subject ("account", "lead", "call", "call.recording"); with the subject it
                 makes the origin key, so a slot never means two records.
    values       canonical field → value; links as Ref or Local. For "attach": {"name", "url", "source"} of the file.
    target       the record that is updated or attached to; None for a create.
    before       the values that an update replaces, as far as they were read (for the story and for undo).
    match_keys   (field, value) pairs under which a create can be found by later look-ups before the vendor's index shows it.
    """

    slot: str
    verb: Verb
    role: str
    values: Mapping[str, Value]
    reason: Reason
    target: Ref | Local | None = None
    before: Mapping[str, Value] = field(default_factory=dict)
    match_keys: tuple[tuple[str, str | Ref | Local], ...] = ()


@dataclass(frozen=True, slots=True)
class Considered:
    """A rule that was weighed: applied or not, and the (first failed) condition."""

    rule: str
    applied: bool
    reason: Reason


@dataclass(frozen=True, slots=True)
class Question:
    """Something a person must decide; the subject waits. `options` are the records to choose from.

    kind + topic make like cases alike; the answer comes back as a fact in `Known.answers_given[kind]`.
    """

    kind: str
    reason: Reason
    options: tuple[Record, ...] = ()
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know; nothing waits for it. One open notice per kind and topic."""

    kind: str
    topic: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """What shall happen for one subject, in an order in which operations only refer to earlier ones."""

    operations: tuple[Operation, ...] = ()
    questions: tuple[Question, ...] = ()
    notices: tuple[Notice, ...] = ()
    considered: tuple[Considered, ...] = ()


@dataclass(frozen=True, slots=True)
class Find:
    """A look-up: records of `role` whose canonical field `by` has `value`.

    by="phone": value is E.164 and any phone field in any format counts. by="id": value is the record's id.
    Otherwise `by` is a link field ("account", "contact") and value the linked record's id (vendor id or planned id).
    """

    role: str
    by: str
    value: str


@dataclass(frozen=True, slots=True)
class Own:
    """A record that this subject has already made: its slot, where it is, and the values last written."""

    slot: str
    ref: Ref
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known when deciding. A Find that is not in `found` has not been looked up yet."""

    found: Mapping[Find, tuple[Record, ...]] = field(default_factory=dict)
    own: Mapping[str, Own] = field(default_factory=dict)
    answers_given: Mapping[str, Any] = field(default_factory=dict)
    users: Mapping[str, Any] = field(default_factory=dict)
    """user id → core.record.User of the target, for "is the owner active"."""
    decided: bool = False
    """Whether this subject was decided before, live and to the end (a question that is open is no decision)."""
