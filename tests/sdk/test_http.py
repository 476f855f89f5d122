"""The client: what may be done after an error is what the error says."""

import asyncio
import socket
import time
from email.utils import formatdate

import pytest
from aiohttp import ClientSession, FormData, web

from tests.sdk.vendor import Vendor
from tieline.core.errors import (
    AuthError,
    ConfigError,
    ProtocolError,
    RateLimitedError,
    ScopeError,
    TielineError,
    TransientError,
    UnknownOutcomeError,
)
from tieline.sdk.hosts import is_public
from tieline.sdk.http import Client, RefusedError, Response, metered, retry_after

SECRET = "s3cret-token-value"


class Fixed:
    """Credentials that can be renewed `spare` times."""

    def __init__(self, spare: int = 0) -> None:
        self.number = 0
        self.spare = spare

    async def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {SECRET}-{self.number}"}

    async def renew(self, _refused: object) -> bool:
        if self.spare == 0:
            return False
        self.spare -= 1
        self.number += 1
        return True


def status(code: int, **headers: str):
    return lambda _request: web.json_response(
        {"error": "no"}, status=code, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def html(code: int = 200):
    return lambda _request: web.Response(text="<html>down</html>", content_type="text/html", status=code)


def fine(_request: web.Request) -> web.Response:
    return web.json_response({"ok": True})


async def ask(client: Client, read: bool, **more: object) -> Response:
    return await client.request(
        "GET" if read else "POST", "api", "/x", read=read, json=None if read else {"a": 1}, **more
    )


async def test_an_answer_is_parsed_and_counted(vendor: Vendor, session: ClientSession) -> None:
    client = Client(session, {"api": vendor.url + "/base"}, credentials=Fixed())
    with metered() as meter:
        response = await client.request(
            "POST", "api", "/x", read=False, query={"q": "a b+c"}, json={"n": None}, cost=2.5
        )
    assert response.json() == {"ok": True}
    method, path, headers, body = vendor.seen[0]
    assert (method, path, body) == ("POST", "/base/x?q=a+b%2Bc", b'{"n":null}')
    assert headers["Authorization"] == f"Bearer {SECRET}-0"
    assert (client.requests, client.cost, meter.requests, meter.cost) == (1, 2.5, 1, 2.5)


async def test_nothing_is_an_answer(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(lambda _request: web.Response(status=204))
    assert (await ask(Client(session, {"api": vendor.url}), True)).json() is None


@pytest.mark.parametrize(
    ("answer", "read", "expected", "requests"),
    [
        (status(500), True, TransientError, 3),
        (status(500), False, UnknownOutcomeError, 1),
        (status(502), False, UnknownOutcomeError, 1),
        (status(408), False, UnknownOutcomeError, 1),
        (html(), True, TransientError, 3),
        (html(), False, UnknownOutcomeError, 1),
        (status(404), True, RefusedError, 1),
        (status(409), False, RefusedError, 1),
        (status(422), False, RefusedError, 1),
        (status(403), False, ScopeError, 1),
        (status(401), False, AuthError, 1),
        (status(429), False, RateLimitedError, 1),
        (status(429), True, RateLimitedError, 1),
        (status(302, Location="http://127.0.0.1:1/"), True, ProtocolError, 1),
        (status(302, Location="http://127.0.0.1:1/"), False, UnknownOutcomeError, 1),
    ],
)
async def test_a_status_says_what_may_be_done_next(
    vendor: Vendor, session: ClientSession, answer: object, read: bool, expected: type[TielineError], requests: int
) -> None:
    vendor.in_turn(answer)
    client = Client(session, {"api": vendor.url}, credentials=Fixed())
    with pytest.raises(expected) as caught:
        await ask(client, read)
    assert type(caught.value) is expected
    assert len(vendor.seen) == requests == client.requests


async def test_a_read_that_succeeds_later_is_an_answer(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(status(500), html(), fine)
    assert (await ask(Client(session, {"api": vendor.url}), True)).json() == {"ok": True}
    assert len(vendor.seen) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_write_whose_connection_breaks_is_sent_once_and_unknown(
    vendor: Vendor, session: ClientSession, method: str
) -> None:
    client = Client(session, {"api": vendor.url})
    await ask(client, True)  # a kept connection, which libraries like to try again on
    vendor.dropping()
    with pytest.raises(UnknownOutcomeError):
        await client.request(method, "api", "/x", read=False, json={})
    assert len(vendor.seen) == 2


async def test_a_write_that_never_left_did_not_happen(session: ClientSession) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = Client(session, {"api": f"http://127.0.0.1:{taken.getsockname()[1]}"})
        with pytest.raises(TransientError):
            await ask(client, False)
        assert client.requests == 1  # a write is never sent twice here, not even one that never left
        with pytest.raises(TransientError):
            await ask(client, True)
        assert client.requests == 4


@pytest.mark.parametrize(("read", "expected"), [(True, TransientError), (False, UnknownOutcomeError)])
async def test_no_answer_in_time(
    vendor: Vendor, session: ClientSession, read: bool, expected: type[TielineError]
) -> None:
    async def hang(_request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    vendor.answer = hang
    with pytest.raises(expected):
        await ask(Client(session, {"api": vendor.url}, timeout_s=0.2), read)
    assert len(vendor.seen) == 1


def test_a_text_that_no_database_keeps_comes_without_its_nul() -> None:
    body = rb'{"a": "x\u0000y", "b": "back\\u0000slash", "c": "\\\u0000"}'
    assert Response(200, {}, body).json() == {"a": "x\ufffdy", "b": "back\\u0000slash", "c": "\\\ufffd"}


async def test_half_an_answer_to_a_write_is_unknown(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(lambda _request: web.Response(body=b'{"data":[{"co', content_type="application/json"))
    with pytest.raises(UnknownOutcomeError):
        await ask(Client(session, {"api": vendor.url}), False)


async def test_after_a_401_a_read_is_made_again_and_a_write_is_left_to_the_caller(
    vendor: Vendor, session: ClientSession
) -> None:
    vendor.in_turn(status(401), fine)
    assert (await ask(Client(session, {"api": vendor.url}, credentials=Fixed(1)), True)).status == 200
    assert [seen[2]["Authorization"][-1] for seen in vendor.seen] == ["0", "1"]
    vendor.in_turn(status(401), fine)
    client = Client(session, {"api": vendor.url}, credentials=Fixed(1))
    with pytest.raises(TransientError) as caught:
        await ask(client, False)
    assert caught.value.code == "error.token_renewed"
    assert (await ask(client, False)).status == 200
    vendor.in_turn(status(401))
    with pytest.raises(AuthError):
        await ask(Client(session, {"api": vendor.url}, credentials=Fixed(5)), True)


async def test_a_connector_may_read_a_status_its_own_way(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(status(401))
    client = Client(session, {"api": vendor.url}, credentials=Fixed(5))
    with pytest.raises(ScopeError):
        await ask(
            client, True, judge=lambda response: ScopeError("lacking", scope="a.b") if response.status == 401 else None
        )
    assert len(vendor.seen) == 1
    vendor.in_turn(status(404))
    assert (await ask(client, True, accept=(404,))).status == 404


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:29:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_both_forms_of_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after(headers) == expected
    if expected is None and not headers:
        assert 50 < (retry_after({"Retry-After": formatdate(time.time() + 60, usegmt=True)}) or 0) <= 60


@pytest.mark.proves("HUB-6")
async def test_a_429_pauses_the_budget_for_as_long_as_was_said(vendor: Vendor, session: ClientSession) -> None:
    class Kept:
        def __init__(self) -> None:
            self.taken: list[tuple[float, int]] = []
            self.paused: list[float] = []
            self.waits = [0.01, 0.0]

        def take(self, cost: float, priority: int) -> float:
            self.taken.append((cost, priority))
            return self.waits.pop(0) if self.waits else 0.0

        async def pause(self, seconds: float) -> None:
            self.paused.append(seconds)

    budget = Kept()
    client = Client(session, {"api": vendor.url}, budget=budget, priority=1)
    await ask(client, True, cost=3)
    assert budget.taken == [(3, 1), (3, 1)]
    vendor.in_turn(status(429, Retry_After="12"))
    with pytest.raises(RateLimitedError) as caught:
        await ask(client, False)
    assert caught.value.wait_s == 12
    vendor.in_turn(status(429))
    with pytest.raises(RateLimitedError) as caught:
        await ask(client, False)
    assert caught.value.wait_s is None
    assert budget.paused == [12.0, 1.0]
    budget.waits = [600.0]
    made = len(vendor.seen)
    with pytest.raises(RateLimitedError) as caught:
        await ask(client, False)
    assert caught.value.wait_s == 600
    assert len(vendor.seen) == made


async def test_no_message_holds_a_secret(vendor: Vendor, session: ClientSession) -> None:
    errors: list[BaseException] = []
    for answer in (
        status(400),
        status(401),
        status(403),
        status(429),
        status(500),
        html(),
        status(302, Location=f"http://x/?t={SECRET}"),
    ):
        for read in (True, False):
            vendor.in_turn(answer)
            client = Client(session, {"api": vendor.url}, credentials=Fixed(), fields={"token": SECRET})
            with pytest.raises(TielineError) as caught:
                await client.request("GET", "api", "/x", read=read, query={"token": SECRET}, json={"password": SECRET})
            errors.append(caught.value)
    vendor.dropping()
    with pytest.raises(TielineError) as caught:
        await client.request("GET", "api", "/x", read=False, query={"token": SECRET})
    errors.append(caught.value)
    with pytest.raises(TielineError) as caught:
        await client.get_file(f"https://files.example/{SECRET}", 10)
    errors.append(caught.value)
    for error in errors:
        seen: BaseException | None = error
        while seen is not None:
            assert SECRET not in f"{seen!r} {seen} {getattr(seen, 'params', '')}"
            seen = seen.__cause__
        assert error.__suppress_context__ or error.__context__ is None
    assert SECRET not in repr(client)


@pytest.mark.parametrize("path", ["x", "//x/../y", "https://evil.example/", "@evil.example", "/a\\b"])
async def test_a_path_cannot_leave_its_host(session: ClientSession, path: str) -> None:
    client = Client(session, {"api": "http://127.0.0.1:1"})
    with pytest.raises(ProtocolError):
        await client.request("GET", "api", path, read=True)
    with pytest.raises(ConfigError):
        await client.request("GET", "other", "/x", read=True)


@pytest.mark.parametrize("base", ["ftp://a.example", "https://user:pw@a.example", "https://", "https://a.example/?x=1"])
def test_a_base_url_is_a_host_and_a_path(base: str) -> None:
    with pytest.raises(ConfigError):
        Client(None, {"api": base})  # type: ignore[arg-type]


async def test_files_come_from_named_hosts_on_the_internet_only(vendor: Vendor, session: ClientSession) -> None:
    client = Client(
        session,
        {"api": vendor.url},
        credentials=Fixed(),
        is_allowed=lambda host: host in ("127.0.0.1", "files.example", "localhost"),
    )
    vendor.in_turn(lambda _request: web.Response(body=b"RIFF", content_type="audio/wav"))
    assert await client.get_file(vendor.url + "/r.wav?k=1", 100) == ("audio/wav", b"RIFF")
    assert "Authorization" not in vendor.seen[-1][2]
    await client.get_file(vendor.url + "/r.wav", 100, with_credentials=True)
    assert "Authorization" in vendor.seen[-1][2]
    for url in (
        "https://127.0.0.1/x",
        "http://files.example/x",
        "https://other.example/x",
        "https://a:b@files.example/x",
        "file:///etc/passwd",
    ):
        with pytest.raises(ConfigError):
            await client.get_file(url, 100)
    made = len(vendor.seen)
    with pytest.raises(TransientError):  # allowed by name, but the name leads to this very machine
        await client.get_file(f"https://localhost:{vendor.url.rpartition(':')[2]}/x", 100)
    assert len(vendor.seen) == made
    vendor.in_turn(status(302, Location="https://other.example/x"))
    with pytest.raises(ConfigError):
        await client.get_file(vendor.url + "/r.wav", 100)
    for length in (True, False):

        async def large(request: web.Request, length: bool = length) -> web.StreamResponse:
            answer = web.StreamResponse(headers={"Content-Length": "5000"} if length else {})
            await answer.prepare(request)
            await answer.write(b"x" * 5000)
            return answer

        vendor.answer = large
        with pytest.raises(ProtocolError):
            await client.get_file(vendor.url + "/r.wav", 100)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("fe80::1%eth0", False),
        ("nonsense", False),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


async def test_a_form_and_a_file_are_sent_as_such(vendor: Vendor, session: ClientSession) -> None:
    client = Client(session, {"api": vendor.url})
    await client.request("POST", "api", "/f", read=False, form={"a": "b c"})
    assert vendor.seen[-1][3] == b"a=b+c"
    parts = FormData()
    parts.add_field("file", b"abc", filename="a.txt")
    await client.request("POST", "api", "/f", read=False, multipart=parts)
    assert b"abc" in vendor.seen[-1][3]
    assert vendor.seen[-1][2]["Content-Type"].startswith("multipart/form-data")


async def test_a_request_that_counts_as_several_takes_their_slots(vendor: Vendor, session: ClientSession) -> None:
    under_way: list[int] = []
    most = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal most
        under_way.append(int(request.headers["X-Slots"]))
        most = max(most, sum(under_way))
        await asyncio.sleep(0.02)
        under_way.remove(int(request.headers["X-Slots"]))
        return web.json_response({"ok": True})

    vendor.answer = answer
    client = Client(session, {"api": vendor.url}, concurrency=6)
    asked = (ask(client, False, slots=slots, headers={"X-Slots": str(slots)}) for slots in (5, 1, 5, 1, 1, 5, 1, 5))
    async with asyncio.timeout(20):
        assert len(await asyncio.gather(*asked)) == 8
        assert (await ask(client, False, slots=50, headers={"X-Slots": "6"})).status == 200
    assert most <= 6
