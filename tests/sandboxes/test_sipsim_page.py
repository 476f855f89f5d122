"""The page of the SipSim sandbox on which people make calls: what it sends, and what it says of it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from tieline.connectors.sipsim.sandbox_events import signature
from tieline.sdk.sandbox import serve

SECRET = "told-to-tieline"


class Tieline:
    """A receiver of webhooks: what came, and what it answers."""

    def __init__(self) -> None:
        self.url = ""
        self.came: list[tuple[str, dict[str, str], bytes]] = []
        self.status = 202

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((request.path_qs, dict(request.headers), await request.read()))
        return web.Response(status=self.status)


@pytest.fixture
async def tieline() -> AsyncIterator[Tieline]:
    made = Tieline()
    app = web.Application()
    app.router.add_route("*", "/in/{key}", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def page() -> AsyncIterator[Any]:
    """`page(**fields)`: the page's HTML after a POST of these fields, or after a GET where there are none."""
    running = await serve(0, ["sipsim"])
    async with aiohttp.ClientSession() as session:

        async def ask(control: str = "", **fields: str) -> str:
            if control:
                url, sent = f"{running.url}/_control/sipsim/{control}", {"data": orjson.dumps(fields)}
            else:
                url, sent = f"{running.url}/sipsim/", {"data": fields}
            async with session.request("POST" if fields else "GET", url, **sent) as answer:
                return await answer.text()

        yield ask
    await running.close()


async def test_an_address_is_pasted_and_a_call_is_made(tieline: Tieline, page: Any) -> None:
    empty = await page()
    assert "Make the call" not in empty
    assert "whsec_" in empty
    assert "Make the call" in await page(address=f"{tieline.url}/in/key", label="Nordlys")
    said = await page(office="Nordlys", number="+45 12 34-56 78", line="+33186950012", outcome="missed", contract="new")
    assert "2 events sent, all taken" in said
    secret = empty.partition("whsec_")[2][:32]
    for path, headers, body in tieline.came:
        assert path == "/in/key"
        stamp = headers["X-Webhook-Timestamp"]
        assert headers["X-Webhook-Signature"] == signature(f"whsec_{secret}", stamp, body)
    last = orjson.loads(tieline.came[-1][2])
    assert (last["caller"], last["receiver"], last["status"]) == ("+4512345678", "+33186950012", "MISSED")


async def test_each_company_has_its_own_lines_and_addresses(tieline: Tieline, page: Any) -> None:
    for label, line in (("Nordlys & Søn", "70100411"), ("Morel", "0472000001")):
        urls = {"new": f"{tieline.url}/in/{label[0]}n", "old": f"{tieline.url}/in/{label[0]}o"}
        await page("offices", label=label, urls=urls, secret=SECRET, lines=[{"number": line, "label": "Sales"}])
    shown = await page()
    assert "70100411 Sales" in shown
    assert "0472000001" not in shown
    assert "Nordlys &amp; Søn" in shown
    said = await page(office="Morel", contract="old", outcome="answered", talk_s="30", recording="late", number="")
    assert "0472000001" in said
    events = ["incoming_call_start", "incoming_call_answer", "incoming_call_end"]
    assert [path.partition("&")[0] for path, _, _ in tieline.came[:3]] == [f"/in/Mo?event={one}" for one in events]
    assert "caller=anonymous" in tieline.came[0][0]
    assert not any("X-Webhook-Signature" in headers for _, headers, _ in tieline.came)


async def test_refusals_are_told_and_nothing_typed_becomes_html(tieline: Tieline, page: Any) -> None:
    await page(address=f"{tieline.url}/in/key", label="<b>Nordlys")
    tieline.status = 401
    said = await page(office="<b>Nordlys", number="<script>", outcome="busy", direction="outbound")
    assert "Of 2 events sent, 0 were taken" in said
    assert "401, refused" in said
    assert "<script>" not in said
    assert "<b>Nordlys" not in said
    assert "begins with http" in await page(address="javascript:alert(1)")
