"""What every connector does on its vendor's worst day: says the truth about each write, and tells no secret."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable
from typing import Any

from tieline.core.errors import AuthError, RateLimitedError, TielineError, TransientError
from tieline.sdk.conformance.promises import SkippedError, must, promise
from tieline.sdk.conformance.records import create
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import NotSent, Outcome, Unknown, Written

Tried = Outcome | TielineError


async def tried(asked: Awaitable[Any]) -> Any:
    """The answer, or the error as a value; any other exception is a fault of the connector."""
    try:
        return await asked
    except TielineError as error:
        return error


async def push_one(subject: Subject, key: str, name: str) -> Tried:
    """What became of one creation."""
    found = await tried(subject.connector.push([create(subject, key, name)]))
    return found if isinstance(found, TielineError) else found[0]


def no_faults_no_try(subject: Subject) -> None:
    """Skips where no faults can be switched on."""
    if subject.side is None:
        raise SkippedError("no faults can be switched on here")


LOST: tuple[dict[str, Any], ...] = (
    {"kind": "status", "status": 500, "when": "before"},
    {"kind": "status", "status": 500, "when": "after"},
    {"kind": "status", "status": 503, "when": "before"},
    {"kind": "drop", "when": "before"},
    {"kind": "drop", "when": "after"},
    {"kind": "hang", "when": "before", "seconds": 3.0},
    {"kind": "hang", "when": "after", "seconds": 3.0},
    {"kind": "html", "when": "before"},
    {"kind": "html", "when": "after"},
    {"kind": "truncated", "when": "after"},
    {"kind": "error_in_200", "when": "before"},
    {"kind": "error_in_200", "when": "after"},
)
"""Answers after which nobody knows what became of a write."""


@promise("records")
async def a_lost_answer_is_unknown_and_doubles_nothing(subject: Subject) -> None:
    """Before or after it took effect: one request, and never "written". Asked again with the same key there is one record."""
    no_faults_no_try(subject)
    unique = subject.manifest.capabilities.origin == "unique"
    for number, rule in enumerate(LOST):
        name, key = f"Lost {number}", f"key-lost-{number}"
        fault = subject.fault(**rule, path=subject.write_path)
        outcome = await push_one(subject, key, name)
        subject.calm()
        must(fault.struck == 1, f"{rule}: it was sent {fault.struck} times")
        there = len(await subject.named(name))
        must(not isinstance(outcome, (Written, NotSent)), f"{rule}: {outcome}")
        must(isinstance(outcome, Unknown) or not there, f"{rule}: it is there, and the outcome is {outcome}")
        if unique:
            again = await push_one(subject, key, name)
            must(isinstance(again, Written), f"{rule}: asked again it is {again}")
            must(len(await subject.named(name)) == 1, f"{rule}: there are {len(await subject.named(name))} records")


@promise("records")
async def a_clear_refusal_did_not_happen(subject: Subject) -> None:
    """403, 404, 409, 422 and the like: nothing is there, and nobody says that it is."""
    no_faults_no_try(subject)
    for status in (400, 403, 404, 405, 409, 413, 422):
        name = f"Refused {status}"
        fault = subject.fault(kind="status", status=status, path=subject.write_path)
        outcome = await push_one(subject, f"key-refused-{status}", name)
        subject.calm()
        must(fault.struck == 1, f"{status}: it was sent {fault.struck} times")
        must(not isinstance(outcome, Written), f"{status}: {outcome}")
        must(not await subject.named(name), f"{status}: it is there")


@promise("records")
async def too_many_requests_says_how_long(subject: Subject) -> None:
    """429 with seconds, with a date and with nothing; for a write and for a read; asked once."""
    no_faults_no_try(subject)
    field, value_of = subject.finds or ("", lambda n: (n, str(n)))
    for written in (True, False):
        for given, least, most in (("7", 7.0, 7.0), ("date:40", 30.0, 41.0), (None, None, None)):
            fault = subject.fault(kind="status", status=429, retry_after=given, times=None)
            if written:
                error = await tried(subject.connector.push([create(subject, "key-429", "Limited")]))
            else:
                error = await tried(subject.connector.find(subject.object, [field], [value_of(1)[1]], [field]))
            subject.calm()
            must(isinstance(error, RateLimitedError), f"429 with {given}: {error}")
            must(fault.struck == 1, f"429 with {given}: asked {fault.struck} times")
            if least is None or most is None:
                must(error.wait_s is None, f"429 without a time: {error.wait_s}")
            else:
                must(error.wait_s is not None and least <= error.wait_s <= most, f"429 with {given}: {error.wait_s}")
    must(not await subject.named("Limited"), "and nothing was written")


@promise("records")
async def a_read_survives_a_bad_moment(subject: Subject) -> None:
    """One 5xx, one broken connection, one page of HTML or half an answer: the read is made again."""
    no_faults_no_try(subject)
    id = str((await subject.seed(subject.object, [subject.values("Read")]))[0])
    for rule in (
        {"kind": "status", "status": 500},
        {"kind": "drop"},
        {"kind": "html"},
        {"kind": "truncated", "when": "after"},
    ):
        fault = subject.fault(**rule)
        found = await subject.connector.fetch(subject.object, [id], [])
        must([one.id for one in found] == [id] and fault.struck == 1, f"{rule}: {found}")
        subject.calm()


@promise("records")
async def a_read_ends_when_the_bad_moment_does_not(subject: Subject) -> None:
    """A few tries, then an error; never an empty answer that says "nothing is there"."""
    no_faults_no_try(subject)
    id = str((await subject.seed(subject.object, [subject.values("Read")]))[0])
    rules: tuple[dict[str, Any], ...] = (
        {"kind": "status", "status": 500},
        {"kind": "drop"},
        {"kind": "html"},
        {"kind": "truncated", "when": "after"},
        {"kind": "error_in_200"},
        {"kind": "status", "status": 404},
        {"kind": "status", "status": 403},
        {"kind": "hang", "seconds": 3.0},
    )
    for rule in rules:
        fault = subject.fault(**rule, times=None)
        found = await tried(subject.connector.fetch(subject.object, [id], []))
        must(isinstance(found, TielineError), f"{rule}: {found}")
        must(1 <= fault.struck <= 4, f"{rule}: asked {fault.struck} times")
        if rule["kind"] in ("drop", "html", "truncated", "hang") or rule.get("status") == 500:
            must(isinstance(found, TransientError), f"{rule}: {found!r}")
        subject.calm()


@promise("records")
async def refused_credentials_are_an_auth_error(subject: Subject) -> None:
    """401 again and again: a few requests, then AuthError, for reads and writes."""
    no_faults_no_try(subject)
    for write in (False, True):
        subject._connector = None  # noqa: SLF001  (a new process)
        subject.fault(kind="status", status=401, times=None)
        error: Any = None
        for _ in range(3):
            asked = (
                subject.connector.push([create(subject, "key-401", "Unauthorised")])
                if write
                else subject.connector.check()
            )
            error = await tried(asked)
            if isinstance(error, AuthError):
                break
            must(isinstance(error, TransientError), f"401: {error}")
        subject.calm()
        must(isinstance(error, AuthError), f"401: {error}")
    must(not await subject.named("Unauthorised"), "and nothing was written")


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@promise("records")
async def no_message_tells_a_secret(subject: Subject) -> None:
    """Not in an error, its parameters, its traceback, an outcome, a repr or a log line."""
    no_faults_no_try(subject)
    heard = _Heard()
    root = logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    told: list[str] = [repr(subject.connector), repr(subject.client), repr(subject.tokens and subject.tokens.grant)]
    rules: list[dict[str, Any]] = [{"kind": "status", "status": status} for status in (400, 401, 403, 404, 429, 500)]
    rules += [{"kind": "html"}, {"kind": "drop"}, {"kind": "error_in_200"}, {"kind": "truncated", "when": "after"}]
    try:
        for rule in rules:
            for write in (False, True):
                subject.fault(**rule, path="", times=4)
                try:
                    if write:
                        told.append(repr(await subject.connector.push([create(subject, "key-s", "Secret person")])))
                    else:
                        told.append(repr(await subject.connector.check()))
                except TielineError as error:
                    told += [repr(error), str(error), repr(error.params), "".join(traceback.format_exception(error))]
                subject.calm()
    finally:
        root.removeHandler(heard)
        root.setLevel(level)
    for secret in subject.secrets:
        where = next((text for text in (*told, *heard.texts) if secret in text), None)
        must(where is None, f"a secret is told: {(where or '').replace(secret, '***')[:300]}")
    for text in heard.texts:
        must("Secret person" not in text, f"a body is logged: {text[:200]}")
