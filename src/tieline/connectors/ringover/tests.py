"""Ringover as the conformance kit meets it: a connector on its sandbox, in this process."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tieline.connectors.ringover import sandbox_events
from tieline.connectors.ringover.sandbox import API_KEY
from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Request

ADDRESS = "https://tieline.example.com/in/key"
HANGUP = {
    "resource": "call",
    "event": "hangup",
    "timestamp": 1554823493.762305,
    "data": {
        "id": "57622f20-a020-4f9e-814c-62a6123412fa",
        "call_id": 1234567890987654401,
        "channel_id": 123456789,
        "start_time": 1554823400.762305,
        "hangup_time": 1554823442.762305,
        "duration_in_seconds": 42,
        "record": None,
        "direction": "inbound",
        "from_number": "33601020304",
        "to_number": "33101020304",
        "user_id": 12854321,
    },
    "attempt": 1,
}


def delivery(fields: Mapping[str, Any], secret: str, at: float) -> Request:
    sent = sandbox_events.delivery(dict(fields), secret, ADDRESS, "jwt", at)
    headers = {name.lower(): value for name, value in sent.headers.items()}
    return Request("POST", "", headers, sent.body, ADDRESS)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    async with on_sandbox(
        "ringover",
        {"api_key": API_KEY},
        api_path="^/v2/",
        secrets=(API_KEY,),
        event=HANGUP,
        delivery=delivery,
        secret_name="webhook_key",
    ) as (found, sandbox):

        async def calls(began: Sequence[float]) -> list[str]:
            stored: list[str] = sandbox.store({"calls": [{"started": at, "talk_s": 30} for at in began]})["calls"]
            return stored

        async def file() -> str:
            (key,) = await calls([1_790_000_000.0])
            return f"{found.base}/record/record-{key}.mp3"

        found.seed_calls = calls
        found.file = file
        yield found
