"""The one way to a vendor: requests over a shared aiohttp session, with credentials, budget, counting and error mapping.

Promises:
- An error says what may be done next (`tieline.core.errors`). Of a write: TransientError, RateLimitedError, AuthError and
  ScopeError mean that it surely did not happen; UnknownOutcomeError that it may have.
- Reads (`read=True`) are tried again here, at most twice, after a broken connection, a 5xx or HTML, and once after a 401
  when the credentials could be renewed. Writes are never sent twice.
- No message, no repr and no chained exception holds a header, a query, a body or a secret.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode, urljoin, urlsplit

import aiohttp
import orjson
from yarl import URL

from tieline.core.errors import (
    AuthError,
    ConfigError,
    ProtocolError,
    RateLimitedError,
    TransientError,
    UnknownOutcomeError,
)
from tieline.sdk.answer import Judge, RefusedError, Response, retry_after, unclear, usual_error
from tieline.sdk.asking import BudgetSpentError, priority_of
from tieline.sdk.codes import TIMEOUT, TOKEN_RENEWED
from tieline.sdk.hosts import PublicResolver, checked_base, is_public, origin
from tieline.sdk.leaving import still_in_time
from tieline.sdk.slots import Slots

__all__ = [
    "Anonymous",
    "Budget",
    "Client",
    "Credentials",
    "Judge",
    "Meter",
    "RefusedError",
    "Response",
    "metered",
    "open_session",
    "retry_after",
    "unclear",
]

LARGEST_ANSWER = 64 * 1024 * 1024
TRIES = 3  # of a read, the first one included
PAUSE_S = 1.0
"""What a 429 that names no time pauses the budget for; the engine stretches it when it happens again."""
LONGEST_WAIT_S = 5.0
"""Longest wait for the budget inside a request; a longer one is a RateLimitedError for the engine to plan with."""


class Budget(Protocol):
    """The vendor's rate, shared by every process that speaks to this connection. Both may answer at once or later."""

    def take(self, cost: float, priority: int) -> float | Awaitable[float]:
        """Seconds to wait before a request of this cost may be made; 0 takes it now. Priority 0 is live, 1 back-fill."""

    def pause(self, seconds: float) -> Awaitable[None] | None:
        """Nobody asks this connection for so long."""


class Credentials(Protocol):
    """What proves who we are (`tieline.sdk.auth`)."""

    async def headers(self) -> Mapping[str, str]:
        """The headers for the next request; refreshes first what is about to expire."""

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """After a 401 with these headers: whether there are others now that are worth a try."""


class Anonymous:
    """No credentials, or the connector puts its own headers."""

    async def headers(self) -> Mapping[str, str]:
        return {}

    async def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002  (the protocol's)
        return False


@dataclass(slots=True)
class Meter:
    """Requests and their cost in the vendor's units, counted where it was opened (`metered`)."""

    requests: int = 0
    cost: float = 0.0


_METER: ContextVar[Meter | None] = ContextVar("tieline_meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Counts the requests made inside, by tasks started inside too: what a batch or an operation cost."""
    meter = Meter()
    token = _METER.set(meter)
    try:
        yield meter
    finally:
        _METER.reset(token)


def open_session(*, connections: int = 100, public_only: bool = False) -> aiohttp.ClientSession:
    """A session as the client needs it: no cookies kept, no redirects by itself, no proxies, short keep-alive. Its owner
    closes it."""
    connector = aiohttp.TCPConnector(
        limit=connections,
        keepalive_timeout=10,
        resolver=PublicResolver() if public_only else None,
    )
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        headers={"User-Agent": "Tieline"},
        trust_env=False,
        auto_decompress=True,
    )
    # aiohttp sends PUT and DELETE again when a kept connection turns out closed; a write is never sent twice here.
    session._retry_connection = False  # noqa: SLF001
    return session


class Client:
    """Requests to one connection's hosts.

    session      shared; made by `open_session`
    hosts        logical host → base URL, from `Manifest.base_urls`
    credentials  what `tieline.sdk.auth` makes
    budget       None: unlimited
    fields       what was typed to connect, secrets too; for connectors that log in by themselves
    scopes       what was granted, for `check`; empty where the vendor has none
    is_allowed   host name → whether files and redirects may lead there (`Manifest.is_allowed`)
    priority     0 live, 1 back-fill

    `requests` and `cost` count since it was made; `memory` is for what a connector may forget (metadata of the hour).
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        hosts: Mapping[str, str],
        *,
        credentials: Credentials | None = None,
        budget: Budget | None = None,
        fields: Mapping[str, str] | None = None,
        scopes: frozenset[str] = frozenset(),
        is_allowed: Callable[[str], bool] = lambda _host: False,
        timeout_s: float = 30.0,
        concurrency: int = 10,
        priority: int = 0,
    ) -> None:
        for base in hosts.values():
            checked_base(base)
        self.hosts = {name: base.rstrip("/") for name, base in hosts.items()}
        self.credentials: Credentials = credentials or Anonymous()
        self.budget = budget
        self.fields: Mapping[str, str] = fields or {}
        self.scopes = scopes
        self.timeout_s = timeout_s
        self.priority = priority
        self.requests = 0
        self.cost = 0.0
        self.memory: dict[str, Any] = {}
        self._session = session
        self._is_allowed = is_allowed
        self._slots = Slots(concurrency)

    def __repr__(self) -> str:
        return f"<Client {', '.join(self.hosts)}>"

    async def request(
        self,
        method: str,
        host: str,
        path: str,
        *,
        read: bool,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        multipart: aiohttp.FormData | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Container[int] = (),
        judge: Judge | None = None,
        timeout_s: float | None = None,
        cost: float = 1.0,
        expect_json: bool = True,
        slots: int = 1,
    ) -> Response:
        """One answer. `path` begins with "/" and is already quoted; it is put behind the base URL of the logical host.

        A 2xx or a status in `accept` comes back (a 2xx parsed where `expect_json`, 204 empty); anything else is raised,
        by `judge` first. `read`: nothing changes there, so it may be sent again; a POST that only asks is a read too. `content`: a body
        as it is, its type among the headers. `slots`: how many of the connection's concurrent requests the vendor counts it as.
        """
        url = self._url(host, path, query)
        body, content_type = _body(json, form, multipart or content)
        own = {**content_type, **(headers or {})}
        where = f"{method} {host} {path}"
        limit_s = timeout_s or self.timeout_s
        tried = 0
        renewed = False
        while True:
            tried += 1
            mine = {} if "Authorization" in own else await self.credentials.headers()
            try:
                await self.pay(cost)
                response = await self._send(method, url, {**own, **mine}, body, read, limit_s, where, slots=slots)
                if response.status == 401 and mine and 401 not in accept and not renewed:
                    renewed = await self._renew(response, judge, mine, where)
                    if read:
                        continue
                    raise TransientError(f"{where}: 401, renewed", code=TOKEN_RENEWED)  # noqa: TRY301
                return await self._judged(response, accept, judge, expect_json, where)
            except TransientError as error:
                if not read or tried >= TRIES or error.code != TransientError.code:
                    raise
                await asyncio.sleep(random.uniform(0.05, 0.15) * 4 ** (tried - 1))  # noqa: S311

    def _url(self, host: str, path: str, query: Mapping[str, str] | None) -> URL:
        base = self.hosts.get(host)
        if base is None:
            raise ConfigError(f"the manifest has no host {host!r}", setting="hosts")
        if not path.startswith("/") or "/../" in path or "\\" in path:
            raise ProtocolError("a path must begin with / and stay below its host")
        return URL(f"{base}{path}?{urlencode(query)}" if query else base + path, encoded=True)

    async def _renew(self, response: Response, judge: Judge | None, used: Mapping[str, str], where: str) -> bool:
        """After a 401: True with other credentials at hand; raises where there are none, or where it is about something
        else (a scope)."""
        verdict = judge(response) if judge else None
        if verdict is not None and not isinstance(verdict, AuthError):
            raise verdict
        if not await self.credentials.renew(used):
            raise verdict or AuthError(f"{where}: 401", status=401)
        return True

    async def get_file(self, url: str, limit: int, *, with_credentials: bool = False) -> tuple[str, bytes]:
        """(content type, content) of a file at an absolute URL of at most `limit` bytes.

        The host must be one of the connection's own or `is_allowed`; it must be on the internet, except where it is the
        very origin that the connection was set up with (a server in the house, a sandbox). Credentials go to the
        connection's own origins only. Redirects are followed three times, each checked alike.
        """
        ours = {origin(urlsplit(base)) for base in self.hosts.values()}
        async with open_session(public_only=True) as public:
            for _ in range(4):
                parts = urlsplit(url)
                is_ours = origin(parts) in ours
                if not is_ours:
                    self._check_file_host(parts.scheme, parts.hostname or "", bool(parts.username))
                headers = dict(await self.credentials.headers()) if is_ours and with_credentials else {}
                await self.pay(0.0 if not is_ours else 1.0)
                session = self._session if is_ours else public
                response = await self._send(
                    "GET", URL(url), headers, None, True, self.timeout_s, "GET file", session=session, limit=limit
                )
                location = response.headers.get("Location", "")
                if response.status in (301, 302, 303, 307, 308) and location:
                    url = urljoin(url, location)
                    continue
                await self._judged(response, (), None, False, "GET file")
                return response.headers.get("Content-Type", "application/octet-stream").partition(";")[
                    0
                ].strip(), response.body
        raise ProtocolError("GET file: too many redirects")

    def _check_file_host(self, scheme: str, host: str, has_user: bool) -> None:
        if scheme != "https" or has_user or not self._is_allowed(host):
            raise ConfigError(
                "a file's link leads to a host that the connector does not name", setting="hosts", host=host
            )
        if (host.replace(".", "").isdigit() or ":" in host) and not is_public(host):
            raise ConfigError("a file's link leads to a private address", setting="hosts", host=host)

    async def pay(self, cost: float) -> None:
        """Takes from the budget, waiting a little where it says so, and counts."""
        budget = self.budget
        if budget is not None:
            waited = 0.0
            priority = priority_of(self.priority)
            while True:
                answer = budget.take(cost, priority)
                wait = answer if isinstance(answer, (int, float)) else await answer
                if wait <= 0:
                    break
                if waited + wait > LONGEST_WAIT_S:
                    raise BudgetSpentError("our own budget is used up", wait_s=wait)
                waited += wait
                await asyncio.sleep(wait)
        self.requests += 1
        self.cost += cost
        meter = _METER.get()
        if meter is not None:
            meter.requests += 1
            meter.cost += cost

    async def _send(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: Any,
        read: bool,
        timeout_s: float,
        where: str,
        *,
        session: aiohttp.ClientSession | None = None,
        limit: int = LARGEST_ANSWER,
        slots: int = 1,
    ) -> Response:
        """Sends once. What surely did not leave is a TransientError; what left and was not answered cleanly is `unclear`."""
        try:
            async with self._slots.held(slots):
                if not read:
                    still_in_time()
                async with (
                    asyncio.timeout(timeout_s),
                    (session or self._session).request(
                        method,
                        url,
                        headers=headers,
                        data=body,
                        allow_redirects=False,
                        timeout=aiohttp.ClientTimeout(total=None, connect=min(10.0, timeout_s * 0.9)),
                    ) as answer,
                ):
                    return Response(answer.status, answer.headers, await _content(answer, limit, read, where), read)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise TransientError(f"{where}: no connection ({type(error).__name__})") from None
        except TimeoutError:
            fault = unclear(read, f"{where}: no answer within {timeout_s:g} s")
            fault.code = TIMEOUT if read else fault.code
            raise fault from None
        except aiohttp.InvalidURL:
            raise ConfigError(f"{where}: not a URL", setting="url") from None
        except (aiohttp.ClientError, OSError) as error:
            raise unclear(read, f"{where}: the connection broke ({type(error).__name__})") from None

    async def _judged(
        self, response: Response, accept: Container[int], judge: Judge | None, expect_json: bool, where: str
    ) -> Response:
        status = response.status
        if 200 <= status < 300:
            if expect_json and response.body:
                response.json()
            return response
        if status in accept:
            return response
        verdict = judge(response) if judge and status >= 400 else None
        error = verdict or usual_error(response, where)
        if isinstance(error, RateLimitedError) and self.budget is not None:
            paused = self.budget.pause(PAUSE_S if error.wait_s is None else error.wait_s)
            if paused is not None:
                await paused
        raise error


def _body(json: Any, form: Mapping[str, str] | None, other: Any) -> tuple[Any, dict[str, str]]:
    """What is sent, and its content type."""
    if json is not None:
        return orjson.dumps(json), {"Content-Type": "application/json"}
    if form is not None:
        return urlencode(form).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
    return other, {}


async def _content(answer: aiohttp.ClientResponse, limit: int, read: bool, where: str) -> bytes:
    """The body, never more than `limit` bytes after unpacking."""
    length = answer.content_length
    if length is None or length <= limit:
        if length is not None and "Content-Encoding" not in answer.headers:
            return await answer.read()
        pieces: list[bytes] = []
        size = 0
        async for piece in answer.content.iter_chunked(65536):
            size += len(piece)
            if size > limit:
                break
            pieces.append(piece)
        else:
            return b"".join(pieces)
    answer.close()
    told = f"{where}: the answer is larger than {limit} bytes"
    raise ProtocolError(told, limit=limit) if read else UnknownOutcomeError(told)
