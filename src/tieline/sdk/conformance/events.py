"""What Events promises: nothing false is taken, nothing true is lost, the same event has the same key."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from tieline.core.errors import ProtocolError
from tieline.sdk.conformance.promises import SkippedError, must, promise
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Request

NOW = 1_790_000_000.0
SECRET = "conformance-signing-secret"  # noqa: S105


def delivered(subject: Subject, fields: dict[str, Any], secret: str = SECRET, at: float = NOW) -> Request:
    """A signed delivery."""
    if subject.delivery is None:
        raise SkippedError("no deliveries can be made here")
    request = subject.delivery(fields, secret, at)
    must(isinstance(request, Request), "a delivery is a Request")
    return request  # type: ignore[no-any-return]


@promise("events", lambda manifest: bool(manifest.events.secret))
async def a_genuine_delivery_is_verified(subject: Subject) -> None:
    """And again a minute later with the same key; another event has another one."""
    secrets = {subject.secret_name: SECRET}
    event = dict(subject.event)
    first = subject.connector.arrive(delivered(subject, event), secrets, NOW + 1)
    proved = "token" if subject.manifest.events.proof == "token" else "verified"
    must(first.signature == proved and bool(first.event_key), f"it is {first}")
    second = subject.connector.arrive(delivered(subject, event, at=NOW + 60), secrets, NOW + 60)
    must(second.event_key == first.event_key, "delivered again it has the same key")
    must(bool(subject.connector.parse(delivered(subject, event))), "it has facts")


@promise("events", lambda manifest: bool(manifest.events.secret))
async def a_false_delivery_has_failed(subject: Subject) -> None:
    """Another secret, another body, an old or future time, no signature, garbage for one: as far as its proof covers them."""
    secrets = {subject.secret_name: SECRET}
    genuine = delivered(subject, dict(subject.event))
    false = {
        "another secret": delivered(subject, dict(subject.event), secret="another"),  # noqa: S106
        "nothing": Request("GET", "", {}, b"", genuine.url),
    }
    if subject.manifest.events.proof == "message":
        other = replace(genuine, body=b"{}")
        must(
            subject.connector.parse(other) == subject.connector.parse(genuine), "another body beside it changes nothing"
        )
    if subject.manifest.events.proof == "signature":
        false |= {"another body": replace(genuine, body=genuine.body + b" ")}
    if subject.manifest.events.proof != "token":
        false |= {
            "no headers": replace(genuine, headers={}),
            "garbage": replace(genuine, headers=dict.fromkeys(genuine.headers, "\u00e9=,;")),
        }
        if subject.manifest.events.signed_time:
            false |= {
                "an old one": delivered(subject, dict(subject.event), at=NOW - 3600),
                "one of the future": delivered(subject, dict(subject.event), at=NOW + 3600),
            }
    for name, request in false.items():
        arrived = subject.connector.arrive(request, secrets, NOW)
        must(arrived.signature == "failed", f"{name}: {arrived.signature}")


@promise("events")
async def nonsense_is_refused(subject: Subject) -> None:
    """A body that no version of the contract could send is a ProtocolError, where nothing is signed too."""
    for body in (b"", b"{", b"[]", b"\xff\xfe", b"null", b'"x"', b"{}"):
        try:
            arrived = subject.connector.arrive(Request("POST", "", {}, body), {}, NOW)
        except ProtocolError:
            continue
        must(False, f"{body!r} is {arrived}")


@promise("events")
async def an_odd_delivery_is_read_or_refused(subject: Subject) -> None:
    """Nested a thousand deep, in any field, it is kept or a ProtocolError, and nothing worse: a fault here would be answered 500."""
    deep = "[" * 1000 + "]" * 1000
    plain = {**subject.event, **dict.fromkeys(subject.kind_fields, "never_heard_of")}
    for event in (plain, dict(subject.event)):
        for name in (*event, "data", "more"):
            marked = json.dumps({**event, name: "\x00"}).replace('"\\u0000"', deep)
            request = Request("POST", "", {"content-type": "application/json"}, marked.encode())
            for read in (
                partial(subject.connector.arrive, request, {}, NOW),
                partial(subject.connector.parse, request),
            ):
                with suppress(ProtocolError):
                    read()


@promise("events")
async def published_deliveries_are_understood(subject: Subject) -> None:
    """fixtures/events.json: the vendor's own examples. Facts are plain JSON; an unknown kind is kept."""
    found = json.loads(subject.manifest.text("fixtures/events.json") or "[]")
    must(bool(found), "fixtures/events.json has the vendor's examples")
    kinds: set[str] = set()
    for event in found:
        facts = subject.connector.parse(delivered(subject, event))
        must(bool(facts), f"{event} has no fact")
        kinds |= {fact.type for fact in facts}
        json.dumps([fact.to_json() for fact in facts])
    must(kinds > {"ended"}, f"kinds are {sorted(kinds)}")
    if not subject.kind_fields:  # rows of a list are all of one kind
        return
    unknown = {**subject.event, **dict.fromkeys(subject.kind_fields, "never_heard_of")}
    must(
        {fact.type for fact in subject.connector.parse(delivered(subject, unknown))} == {"other"},
        "an unknown kind is other",
    )
