"""SipSim as the conformance kit meets it: a connector on its sandbox, in this process."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from tieline.connectors.sipsim.sandbox import TOKEN
from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Request

END = {
    "event": "incoming_call_end",
    "caller": "+33612345678",
    "receiver": "+33198765432",
    "time": "2025-01-15T10:35:00Z",
    "pbx_id": "call_abc123",
    "duration": 285,
    "audio_path": None,
    "status": "ANSWER",
}


def delivery(fields: Mapping[str, Any], secret: str, at: float) -> Request:
    body = orjson.dumps(dict(fields))
    stamp = str(int(at))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-webhook-signature": signature, "x-webhook-timestamp": stamp, "content-type": "application/json"}
    return Request("POST", "", headers, body)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    async with on_sandbox(
        "sipsim",
        {"token": TOKEN},
        api_path="^/api/",
        secrets=(TOKEN,),
        event=END,
        delivery=delivery,
        secret_name="signing_secret",
    ) as (found, sandbox):

        async def calls(began: Sequence[float]) -> list[str]:
            first = len(sandbox.calls)
            rows = [
                {
                    "pbx_id": f"call_{first + n}",
                    "number": "+33612345678",
                    "lines": ["+33198765432"],
                    "started": at,
                    "talk_s": 30,
                }
                for n, at in enumerate(began)
            ]
            return sandbox.store({"calls": rows})["calls"]

        async def file() -> str:
            (key,) = await calls([1_790_000_000.0])
            return f"{found.base}/recordings/{key}.mp3"

        found.seed_calls = calls
        found.file = file
        yield found
