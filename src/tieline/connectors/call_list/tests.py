"""Rows of a call list as the conformance kit meets them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson

from tieline.connectors.call_list.connector import Connector
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.connect import open_client
from tieline.sdk.contract import Request
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector

ROW = {"at": "2026-01-15T10:30:00Z", "direction": "inbound", "number": "+33612345678", "talk_s": 65, "call_id": "L1"}


def delivery(fields: Mapping[str, Any], secret: str, at: float) -> Request:
    return Request("POST", "", {"content-type": "application/json"}, orjson.dumps(dict(fields)))


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    manifest = connector("call_list")
    session = open_session()
    try:
        yield Subject(
            manifest=manifest,
            make=lambda: Connector(open_client(manifest, session, {})),
            event=ROW,
            delivery=delivery,
            kind_fields=(),
        )
    finally:
        await session.close()
