"""Our own contract as the conformance kit meets it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tieline.connectors.webhook import sandbox_events
from tieline.connectors.webhook.connector import Connector
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.connect import open_client
from tieline.sdk.contract import Request
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector

END = {
    "event_id": "e-3",
    "call_id": "c-1",
    "kind": "ended",
    "direction": "inbound",
    "caller": "+33612345678",
    "called": "+33198765432",
    "started_at": "2026-01-15T10:30:00Z",
    "at": "2026-01-15T10:31:17Z",
    "talk_s": 65,
    "outcome": "answered",
}


def delivery(fields: Mapping[str, Any], secret: str, at: float) -> Request:
    sent = sandbox_events.delivery(dict(fields), secret, at)
    return Request(sent.method, sent.query, {name.lower(): value for name, value in sent.headers.items()}, sent.body)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    manifest = connector("webhook")
    session = open_session()
    try:
        yield Subject(
            manifest=manifest,
            make=lambda: Connector(open_client(manifest, session, {})),
            event=END,
            delivery=delivery,
            secret_name="signing_secret",
            kind_fields=("kind",),
        )
    finally:
        await session.close()
