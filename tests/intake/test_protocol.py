"""Deliveries over real connections: taken without ASGI where that can be, by it where not, in order and whole either way."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import uvicorn

from tieline.api.asgi import Outer
from tieline.api.intake import LARGEST, Intake
from tieline.api.protocol import LARGEST_HEAD, IntakeProtocol
from tieline.api.server import config
from tieline.store import secrets as sealing

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

PUBLIC = "https://phones.example.com"
SLOW = b"GET /page HTTP/1.1\r\nhost: x\r\n\r\n"


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Stands for the pages: says what was asked for, after a moment."""
    await receive()
    await asyncio.sleep(0.02)
    body = f"page {scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port(installation: Installation) -> AsyncIterator[int]:
    app = Outer(Intake(installation.app, sealing.installed(), PUBLIC), lambda: page)
    server = uvicorn.Server(config(app))
    task = asyncio.create_task(server.serve(), name="server")
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn sets no event
            await asyncio.sleep(0.01)
    found: int = server.servers[0].sockets[0].getsockname()[1]
    yield found
    server.should_exit = True
    async with asyncio.timeout(20):
        await task


def delivery(company: Company, call: str, *, path: str = "", head: str = "", method: str = "POST") -> bytes:
    body = json.dumps({"event": "incoming_call_start", "pbx_id": call, "caller": "1", "receiver": "2"}).encode()
    return (
        f"{method} /in/{company.intake_key}{path} HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(body)}\r\n\r\n".encode()
        + body
    )


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int) -> Wire:
        wire = cls(*await asyncio.open_connection("127.0.0.1", port))
        OPEN.append(wire)
        return wire

    async def ask(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        self.writer.write(data)
        return await self.answer()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(20):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body

    async def is_closed(self) -> bool:
        async with asyncio.timeout(20):
            return await self.reader.read(1) == b""


OPEN: list[Wire] = []


@pytest.fixture(autouse=True)
async def hung_up() -> AsyncIterator[None]:
    """Every connection of a test is closed after it."""
    yield
    while OPEN:
        wire = OPEN.pop()
        wire.writer.close()
        with contextlib.suppress(ConnectionError):
            await wire.writer.wait_closed()


def events(installation: Installation, company: Company) -> int:
    with psycopg.connect(installation.app) as link:
        link.execute("SELECT set_config('app.workspace', %s, true)", [str(company.workspace)])
        row = link.execute("SELECT count(*) FROM store_event").fetchone()
    return row[0] if row else 0


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which way each delivery came: "asgi" or "wire"."""
    ways: list[str] = []
    call, take = Intake.__call__, IntakeProtocol.on_message_complete

    async def by_asgi(self: Intake, *arguments: Any) -> None:
        ways.append("asgi")
        await call(self, *arguments)

    def by_wire(self: IntakeProtocol) -> None:
        if type(self.cycle).__name__ == "Taking":
            ways.append("wire")
        take(self)

    monkeypatch.setattr(Intake, "__call__", by_asgi)
    monkeypatch.setattr(IntakeProtocol, "on_message_complete", by_wire)
    return ways


async def test_a_connector_knows_at_which_address_a_delivery_came(
    company: Company, port: int, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The public one, whatever the host header says, quoted as it came."""
    seen: list[tuple[str, str]] = []
    take = Intake.take

    def told(self: Intake, key: str, request: Any, tell: Any) -> None:
        seen.append((request.url, request.query))
        take(self, key, request, tell)

    monkeypatch.setattr(Intake, "take", told)
    wire = await Wire.to(port)
    assert (await wire.ask(delivery(company, "c1", path="/more?leg=a%20b")))[0] == 202
    assert (await wire.ask(delivery(company, "c2", path="/m%20ore")))[0] == 202
    base = f"{PUBLIC}/in/{company.intake_key}"
    assert seen == [(f"{base}/more", "leg=a%20b"), (f"{base}/m%20ore", "")]
    assert taken == ["wire", "asgi"]


async def test_a_connection_is_kept_and_used_again(
    installation: Installation, company: Company, port: int, taken: list[str]
) -> None:
    wire = await Wire.to(port)
    for number in range(3):
        status, headers, body = await wire.ask(delivery(company, f"c{number}", path="/x?a=b"))
        assert (status, headers, body) == (202, {"content-length": "0"}, b"")
    assert await wire.ask(SLOW) == (200, {"content-length": "10"}, b"page /page")
    assert (await wire.ask(delivery(company, "c9")))[0] == 202
    assert taken == ["wire"] * 4
    assert events(installation, company) == 4


@pytest.mark.parametrize("pieces", [1, 7])
async def test_a_delivery_in_pieces_is_whole(
    installation: Installation, company: Company, port: int, pieces: int
) -> None:
    wire = await Wire.to(port)
    data = delivery(company, "pieces")
    for at in range(0, len(data), pieces):
        wire.writer.write(data[at : at + pieces])
        await asyncio.sleep(0)
    assert (await wire.answer())[0] == 202
    with psycopg.connect(installation.app) as link:
        link.execute("SELECT set_config('app.workspace', %s, true)", [str(company.workspace)])
        assert link.execute("SELECT body FROM store_event").fetchall() == [(data.partition(b"\r\n\r\n")[2],)]


async def test_a_chunked_body_is_put_together(installation: Installation, company: Company, port: int) -> None:
    wire = await Wire.to(port)
    body = delivery(company, "chunks").partition(b"\r\n\r\n")[2]
    head = f"POST /in/{company.intake_key} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:]))
    assert (await wire.ask(head + chunks + b"0\r\n\r\n"))[0] == 202
    assert events(installation, company) == 1


async def test_requests_sent_without_waiting_are_answered_in_order(
    installation: Installation, company: Company, port: int
) -> None:
    wire = await Wire.to(port)
    bad = f"POST /in/{company.intake_key} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{{{{".encode()
    wire.writer.write(delivery(company, "c1") + SLOW + bad + delivery(company, "c2") + SLOW + delivery(company, "c3"))
    assert [(await wire.answer())[0] for _ in range(6)] == [202, 200, 400, 202, 200, 202]
    assert events(installation, company) == 3


async def test_what_is_not_plain_goes_the_usual_way(company: Company, port: int, taken: list[str]) -> None:
    wire = await Wire.to(port)
    quoted = delivery(company, "q").replace(b"/in/", b"/in/%", 1)
    assert (await wire.ask(quoted))[0] == 404
    wire = await Wire.to(port)
    assert (await wire.ask(delivery(company, "d", method="DELETE")))[:2] == (
        405,
        {"allow": "get, post", "content-length": "0"},
    )
    wire = await Wire.to(port)
    wire.writer.write(delivery(company, "e", head="expect: 100-continue\r\n"))
    assert (await wire.answer())[0] == 100
    assert (await wire.answer())[0] == 202
    assert taken == ["asgi"] * 3


async def test_too_large_is_said_and_the_connection_closed(
    installation: Installation, company: Company, port: int
) -> None:
    said = await Wire.to(port)
    head = f"POST /in/{company.intake_key} HTTP/1.1\r\nhost: x\r\n".encode()
    assert (await said.ask(head + b"content-length: %d\r\n\r\n" % (LARGEST + 1)))[0] == 413
    unsaid = await Wire.to(port)
    unsaid.writer.write(head + b"transfer-encoding: chunked\r\n\r\n")
    part = b"x" * 65536
    for _ in range(LARGEST // len(part) + 1):
        unsaid.writer.write(b"%x\r\n%s\r\n" % (len(part), part))
    status, headers, _ = await unsaid.answer()
    assert (status, headers["connection"]) == (413, "close")
    assert await unsaid.is_closed()
    assert events(installation, company) == 0


async def test_a_connection_that_is_to_be_closed_is(company: Company, port: int) -> None:
    for changed in (b" HTTP/1.0", b" HTTP/1.1"):
        wire = await Wire.to(port)
        data = delivery(company, "c", head="connection: close\r\n").replace(b" HTTP/1.1", changed)
        status, headers, _ = await wire.ask(data)
        assert (status, headers["connection"]) == (202, "close")
        assert await wire.is_closed()


async def test_who_hangs_up_before_the_answer_harms_nobody(
    installation: Installation, company: Company, port: int
) -> None:
    for number in range(20):
        wire = await Wire.to(port)
        wire.writer.write(delivery(company, f"gone-{number}"))
        await wire.writer.drain()
        wire.writer.close()
    wire = await Wire.to(port)
    assert (await wire.ask(delivery(company, "stays")))[0] == 202
    assert events(installation, company) >= 1


async def test_an_unknown_key_and_an_empty_one(port: int, company: Company) -> None:
    wire = await Wire.to(port)
    for path in (b"/in/unknown", b"/in/", b"/in//x"):
        assert (await wire.ask(b"POST " + path + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"))[0] == 404


@pytest.mark.proves("HUB-5")
async def test_a_stop_answers_what_was_taken(installation: Installation, company: Company) -> None:
    app = Outer(Intake(installation.app, sealing.installed()), None)
    server = uvicorn.Server(config(app))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    wires = [await Wire.to(server.servers[0].sockets[0].getsockname()[1]) for _ in range(8)]
    answers = [asyncio.ensure_future(wire.ask(delivery(company, f"c{number}"))) for number, wire in enumerate(wires)]
    await asyncio.sleep(0.001)
    server.should_exit = True
    got = await asyncio.gather(*answers, return_exceptions=True)
    await asyncio.wait_for(task, 20)
    acknowledged = sum(1 for one in got if not isinstance(one, BaseException) and one[0] == 202)
    assert events(installation, company) >= acknowledged > 0


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    wire = await Wire.to(port)
    wire.writer.write(b"POST /in/x HTTP/1.1\r\nhost: x\r\n")
    with contextlib.suppress(ConnectionError):
        for number in range(40):
            wire.writer.write(b"x-%d: %s\r\n" % (number, b"a" * 4000))
            await wire.writer.drain()
    # bytes that nobody reads any more may turn the end into a reset, which takes the answer with it
    with contextlib.suppress(ConnectionError):
        assert (await wire.answer())[0] == 431
    with contextlib.suppress(ConnectionError):
        assert await wire.is_closed()


async def test_a_head_above_the_limit_is_refused_though_all_of_it_comes_at_once(
    installation: Installation, company: Company, port: int
) -> None:
    for large in (
        delivery(company, "c1", head=f"x-padding: {'a' * LARGEST_HEAD}\r\n"),
        delivery(company, "c2", path="?" + "a" * LARGEST_HEAD),
        b"GET /page?" + b"a" * LARGEST_HEAD + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ):
        wire = await Wire.to(port)
        with contextlib.suppress(ConnectionError):  # as above, where it came in two after all
            assert (await wire.ask(large))[0] == 431
            assert await wire.is_closed()
    assert events(installation, company) == 0


async def test_a_large_head_below_the_limit_and_a_large_body_are_taken(company: Company, port: int) -> None:
    wire = await Wire.to(port)
    whole = delivery(company, "big-head", head=f"x-padding: {'a' * 50_000}\r\n")
    for at in range(0, len(whole), 9000):
        wire.writer.write(whole[at : at + 9000])
        await wire.writer.drain()
    assert (await wire.answer())[0] == 202


async def test_a_delivery_that_never_ends_is_given_up(
    company: Company, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieline.api.protocol.ARRIVAL_S", 0.2)
    wire = await Wire.to(port)
    wire.writer.write(delivery(company, "slow")[:-5])
    assert (await wire.answer())[0] == 408
    assert await wire.is_closed()


async def test_a_connectors_mistake_is_not_the_senders(
    company: Company, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.connectors.sipsim.connector import Connector

    wire = await Wire.to(port)
    assert (await wire.ask(delivery(company, "before")))[0] == 202
    monkeypatch.setattr(Connector, "arrive", lambda *_: 1 / 0)
    assert (await wire.ask(delivery(company, "mistake")))[0] == 500
    monkeypatch.undo()
    assert (await wire.ask(delivery(company, "after")))[0] == 202
