"""Twilio as the conformance kit meets it: a connector on its sandbox, in this process."""

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from tieline.connectors.twilio.sandbox import TOKEN
from tieline.connectors.twilio.sandbox_events import ACCOUNT
from tieline.sdk.conformance.on_sandbox import on_sandbox
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Request

ADDRESS = "https://tieline.example.com/in/a-key"
END = {
    "CallSid": "CA" + "1" * 32,
    "AccountSid": ACCOUNT,
    "From": "+33612345678",
    "To": "+33186950031",
    "Direction": "inbound",
    "CallStatus": "completed",
    "CallDuration": "75",
    "Timestamp": "Wed, 15 Jan 2025 10:31:15 +0000",
    "SequenceNumber": "0",
}


def delivery(fields: Mapping[str, Any], secret: str, at: float) -> Request:
    signed = ADDRESS + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    signature = base64.b64encode(hmac.new(secret.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded"}
    return Request("POST", "", headers, urlencode(fields).encode(), ADDRESS)


@asynccontextmanager
async def subject() -> AsyncIterator[Subject]:
    async with on_sandbox(
        "twilio",
        {"account_sid": ACCOUNT, "auth_token": TOKEN},
        api_path="^/2010-04-01/",
        secrets=(TOKEN,),
        event=END,
        delivery=delivery,
        secret_name="auth_token",
        kind_fields=("CallStatus",),
    ) as (found, sandbox):

        async def calls(began: Sequence[float], **more: Any) -> list[str]:
            first = len(sandbox.calls)
            rows = [
                {
                    "sid": f"CA{first + n:032x}",
                    "number": "+33612345678",
                    "lines": ["+33186950031"],
                    "started": at,
                    "talk_s": 30,
                    **more,
                }
                for n, at in enumerate(began)
            ]
            return sandbox.store({"calls": rows})["calls"]

        async def file() -> str:
            await calls([1_790_000_000.0], recording="late")
            (recording,) = sandbox.recordings()
            return f"{found.base}/2010-04-01/Accounts/{ACCOUNT}/Recordings/{recording.sid}"

        found.seed_calls = calls
        found.file = file
        yield found
