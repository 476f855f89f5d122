"""Records the Tryton connector's fixtures anew from a real server: `python tools/tryton_fixtures.py`.

It plays `scenario` of the connector's tests against a fresh server and keeps what went over the wire, without headers.
"""

from __future__ import annotations

import asyncio
import json

from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.sandbox import TrytonSandbox
from tieline.connectors.tryton.tests import FIXTURE, scenario
from tieline.sdk.connect import open_client
from tieline.sdk.http import open_session
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.sandbox import serve


async def main() -> None:
    running = await serve(connectors=["tryton"])
    sandbox = running.sandbox("tryton")
    assert isinstance(sandbox, TrytonSandbox)
    try:
        sandbox.start()
        assert sandbox.server is not None
        key = sandbox.server.seed.api_key
        async with open_session() as session:
            fields = {"url": "http://tryton.invalid", "database": "crm", "key": key}
            client = open_client(manifest_of("tryton"), session, fields, base_url=f"{running.url}/tryton")
            print(await scenario(Connector(client)))
        kept = []
        for exchange in running.side("tryton").logged(500):
            answer = exchange["answer"]
            is_json = answer[:1] in ("[", "{")
            kept.append(
                {
                    "method": exchange["method"],
                    "path": exchange["path"],
                    "body": json.loads(exchange["body"]) if exchange["body"] else None,
                    "status": exchange["status"],
                    "content_type": "application/json" if is_json else "text/html; charset=utf-8",
                    "answer": json.loads(answer) if is_json else answer,
                }
            )
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        if key in text or "…" in text:
            raise SystemExit("a secret or a cut answer would be kept")
        FIXTURE.write_text(text + "\n")
        print(f"{len(kept)} exchanges")
    finally:
        await running.close()
        sandbox.close()


if __name__ == "__main__":
    asyncio.run(main())
