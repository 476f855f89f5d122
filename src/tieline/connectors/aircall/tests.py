"""Aircall as the conformance kit meets it: a connector on its sandbox, in this process."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from tieline.connectors.aircall.sandbox import API_ID, API_TOKEN
from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Request

END = {
    "resource": "call",
    "event": "call.ended",
    "timestamp": 1736937130,
    "data": {
        "id": 812,
        "direction": "inbound",
        "status": "done",
        "started_at": 1736937000,
        "answered_at": 1736937012,
        "ended_at": 1736937100,
        "duration": 100,
        "raw_digits": "+33 6 12 34 56 78",
        "missed_call_reason": None,
        "user": {"id": 7, "name": "Anna", "email": "anna@example.com"},
        "number": {"id": 3, "digits": "+33 1 86 95 00 41"},
    },
}


def delivery(fields: Mapping[str, Any], secret: str, at: float) -> Request:
    body = orjson.dumps({**fields, "token": secret})
    return Request("POST", "", {"content-type": "application/json"}, body)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    async with on_sandbox(
        "aircall",
        {"api_id": API_ID, "api_token": API_TOKEN},
        api_path="^/v1/",
        secrets=(API_TOKEN,),
        event=END,
        delivery=delivery,
        secret_name="webhook_token",
    ) as (found, sandbox):

        async def calls(began: Sequence[float], **more: Any) -> list[str]:
            first = len(sandbox.calls) + 1
            rows = [
                {
                    "id": first + n,
                    "number": "+33612345678",
                    "lines": ["+33186950041"],
                    "started": at,
                    "talk_s": 30,
                    **more,
                }
                for n, at in enumerate(began)
            ]
            return sandbox.store({"calls": rows})["calls"]

        async def file() -> str:
            (key,) = await calls([1_790_000_000.0], recording="late", recording_base=found.base)
            return f"https://assets.aircall.io/calls/{key}/recording"

        found.seed_calls = calls
        found.file = file
        yield found
