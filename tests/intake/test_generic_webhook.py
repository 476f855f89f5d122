"""docs/how-to/generic-webhook.md: its examples run as they stand there, against a real intake."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from tests.intake.test_protocol import PUBLIC, page
from tieline.api.asgi import Outer
from tieline.api.intake import Intake
from tieline.api.server import config
from tieline.connectors.webhook import events
from tieline.sdk.contract import Request
from tieline.store import secrets as sealing
from tieline.store.pool import Rows

if TYPE_CHECKING:
    from tests.conftest import Installation

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "generic-webhook.md"
EXAMPLES = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"


@pytest.fixture
async def server(installation: Installation) -> AsyncIterator[str]:
    running = uvicorn.Server(config(Outer(Intake(installation.app, sealing.installed(), PUBLIC), lambda: page)))
    task = asyncio.create_task(running.serve())
    async with asyncio.timeout(20):
        while not running.started:  # noqa: ASYNC110 - uvicorn sets no event
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
    running.should_exit = True
    async with asyncio.timeout(20):
        await task


def connected(secret: str) -> tuple[int, int, str]:
    """(workspace, connection, path of its address)."""
    import secrets

    from tieline.store.services import connections
    from tieline.store.team import people

    workspace = people.create_workspace(f"Webhooks {secrets.token_hex(4)}")
    row = connections.connect(workspace.pk, None, "webhook", {"signing_secret": secret})
    from tieline.store.connection import workspace_tx

    with workspace_tx(workspace.pk):
        return workspace.pk, row.pk, connections.intake_url(row)[connections.intake_url(row).index("/in/") :]


@pytest.mark.proves("CALL-21")
async def test_the_examples_run_as_they_stand(installation: Installation, server: str) -> None:
    for tool in ("curl", "openssl", "od"):
        if shutil.which(tool) is None:
            pytest.skip(f"there is no {tool} here")
    plain = await asyncio.to_thread(connected, "")
    signed = await asyncio.to_thread(connected, SECRET)
    for language, text in EXAMPLES:
        _, _, path = signed if "SECRET" in text else plain
        command = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
        environment = {**os.environ, "ADDRESS": server + path, "SECRET": SECRET, "no_proxy": "127.0.0.1"}
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, (text, said)
    rows = Rows(installation.app)
    try:
        kinds = {
            one: await asyncio.to_thread(kept, rows, workspace, connection)
            for one, (workspace, connection, _) in (("plain", plain), ("signed", signed))
        }
    finally:
        rows.close()
    assert kinds == {
        "plain": [("2026-0117", ["ringing", "ended"]), ("2026-0118", ["ringing", "ended"]), ("", ["other"])],
        "signed": [("2026-0119", ["ended"]), ("2026-0120", ["recording_ready"])],
    }


def kept(rows: Rows, workspace: int, connection: int) -> list[tuple[str, list[str]]]:
    """What was kept, as it is understood."""
    with rows.tx(workspace) as link:
        found = link.execute(
            "SELECT method, query, headers, body FROM store_event WHERE connection_id = %s ORDER BY id", [connection]
        ).fetchall()
    said = [events.parse(Request(method, query, headers, bytes(body))) for method, query, headers, body in found]
    return [(facts[0].call_key, [one.type for one in facts]) for facts in said]


def test_the_page_names_every_field_of_the_schema() -> None:
    text = PAGE.read_text(encoding="utf-8")
    folder = Path(events.__file__).parent
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    assert [name for name in schema["properties"] if f"`{name}`" not in text] == []
    assert [kind for kind in events.KINDS if f"`{kind}`" not in text] == []
    assert [outcome for outcome in events.OUTCOMES if f"`{outcome}`" not in text] == []
