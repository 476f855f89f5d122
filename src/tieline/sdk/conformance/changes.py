"""What Changes promises: nothing false is taken, no change is lost to another one that looks the same, one subscription at a time."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from tieline.core.errors import ProtocolError
from tieline.sdk.conformance.events import NOW, SECRET, delivered
from tieline.sdk.conformance.promises import must, promise
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Request

ADDRESS = "https://hub.example/in/one"


@promise("changes")
async def a_genuine_delivery_is_taken(subject: Subject) -> None:
    """With its secret; with another or none it has failed; where no secret is kept, it is said that there is none."""
    request = delivered(subject, dict(subject.event))
    secrets = {subject.secret_name: SECRET}
    arrived = subject.connector.arrive(request, secrets, NOW)
    must(arrived.signature in ("token", "verified") and bool(arrived.event_key), f"it is {arrived}")
    for name, false in {
        "another secret": delivered(subject, dict(subject.event), secret="another"),  # noqa: S106
        "no headers": replace(request, headers={}),
    }.items():
        found = subject.connector.arrive(false, secrets, NOW)
        must(found.signature == "failed", f"{name}: {found.signature}")
    must(subject.connector.arrive(request, {}, NOW).signature == "absent", "without a secret nothing is proven")


@promise("changes")
async def the_same_words_later_are_another_change(subject: Subject) -> None:
    """One that is dropped is lost; one that is looked at twice costs a request."""
    request = delivered(subject, dict(subject.event))
    first = subject.connector.arrive(request, {}, NOW)
    must(subject.connector.arrive(request, {}, NOW).event_key == first.event_key, "one delivery has one key")
    must(subject.connector.arrive(request, {}, NOW + 1).event_key != first.event_key, "a later one has another")


@promise("changes")
async def published_changes_are_understood(subject: Subject) -> None:
    """fixtures/events.json: each names records of an object that the manifest knows; all three kinds are there where the vendor has them."""
    found = json.loads(subject.manifest.text("fixtures/events.json") or "[]")
    must(bool(found), "fixtures/events.json has the vendor's deliveries")
    objects = {mapped.object for mapped in subject.manifest.roles.values()}
    for event in found:
        changes = subject.connector.changed(delivered(subject, event))
        must(bool(changes), f"{event} names nothing")
        must(all(one.object in objects and one.id for one in changes), f"{event}: {changes}")
        must(all(bool(one.new_id) == (one.kind == "renumbered") for one in changes), f"{event}: {changes}")


@promise("changes")
async def nonsense_names_nothing(subject: Subject) -> None:
    """A body that no version of the contract could send is a ProtocolError; a deep or a huge one is that, or read."""
    for body in (b"", b"{", b"[]", b"\xff\xfe", b"null", b'"x"', b"{}"):
        request = Request("POST", "", {}, body)
        for read in (partial(subject.connector.arrive, request, {}, NOW), partial(subject.connector.changed, request)):
            try:
                found = read()
            except ProtocolError:
                continue
            must(False, f"{body!r} is {found}")
    deep = b'{"old": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    for body in (deep, b"a=1&" * 100_000):
        with suppress(ProtocolError):
            subject.connector.arrive(Request("POST", "", {}, body), {}, NOW)


@promise("changes")
async def subscribing_again_is_subscribing_once(subject: Subject) -> None:
    """None at first; made; made again and moved; taken away, and taken away again."""
    connector: Any = subject.connector
    must(await connector.subscription() is None, "nothing is set up at first")
    await connector.subscribe(ADDRESS, SECRET)
    await connector.subscribe(ADDRESS, SECRET)
    found = await connector.subscription()
    must(found is not None and found.url == ADDRESS and found.active, f"it is {found}")
    await connector.subscribe(ADDRESS + "-moved", SECRET)
    found = await connector.subscription()
    must(found is not None and found.url == ADDRESS + "-moved", f"moved it is {found}")
    await connector.unsubscribe()
    must(await connector.subscription() is None, "and it is gone")
    await connector.unsubscribe()
