"""What the kit needs of a connector under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tieline.sdk.auth import Grant
from tieline.sdk.contract import Link, PushOperation
from tieline.sdk.http import Client
from tieline.sdk.manifest import Manifest
from tieline.sdk.sandbox import Fault

PATIENCE_S = 30.0


class Kept:
    """Tokens in memory, one lock for all clients."""

    def __init__(self, grant: Grant | None = None) -> None:
        self.grant = grant
        self.saved = 0
        self._turn = asyncio.Lock()

    async def get(self) -> Grant | None:
        return self.grant

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        async with self._turn:
            yield

    async def save(self, grant: Grant) -> None:
        self.saved += 1
        self.grant = grant


class Side(Protocol):
    """Where faults are switched on and requests counted: a `sandbox.stage.Side`, or a proxy before a real server."""

    faults: list[Fault]

    def counts(self) -> dict[str, Any]:
        """At least "total"."""

    def forget_counts(self) -> None:
        """Counts from nothing again."""


async def _none(*_: Any) -> Any:
    raise NotImplementedError("this subject cannot do that")


@dataclass(slots=True)
class Subject:
    """A connector ready to be tried.

    make          a new connector (as every process makes its own); sets `client`
    side          faults and counts
    tokens        where its grant is kept, for oauth2
    records, seed, delete   what the vendor holds of an object, put in without checks, taken away
    expire        every token is refused from now on
    api_path, write_path, token_path   regular expressions of the vendor's paths
    object        an object of the vendor whose records the kit makes
    values        name → vendor fields of a valid new record
    stored_name   a stored row → that name
    bad_values, bad_field   a record that the vendor refuses, and for which field
    clear_field   a field that may be emptied
    changed_by    changes a stored record behind the connector's back: (object, id)
    child         (key, link to the parent) → a creation that refers to it; None where none can
    parent        (key, name) → the creation of what a child links to, where that is not a record of `object`
    checks_links  the vendor refuses a link to a record that is not there
    files         the attachments of a record as the vendor holds them: (object, id); for capabilities.attachments
    attach_path   the vendor's path of a POST that attaches; "" where no answer to it can be lost
    finds         a field, and how the n-th record is found by it: n → (stored value, asked value)
    compares_versions   a write with an old version is refused (by the vendor, or by comparing first)
    many          so many records fill more than two pages of a pull
    secrets       texts that no message may hold
    event         for events: the fields of a genuine delivery; `delivery`: (fields, secret, Unix seconds) → a signed Request;
                  `secret_name` the secret's name among the fields; `kind_fields` the fields of a delivery that say its kind
    seed_calls    for history: makes calls that began at these Unix seconds; gives their keys
    file          for files: the address of a file at the vendor
    base          where the sandbox is served, without a trailing slash
    """

    manifest: Manifest
    make: Callable[[], Any]
    side: Side | None = None
    tokens: Kept | None = None
    records: Callable[[str], Awaitable[Sequence[Mapping[str, Any]]]] = _none
    seed: Callable[[str, list[dict[str, Any]]], Awaitable[list[str]]] = _none
    delete: Callable[[str, str], Awaitable[None]] = _none
    expire: Callable[[], Awaitable[None]] = _none
    api_path: str = ""
    write_path: str = ""
    token_path: str = ""
    object: str = ""
    values: Callable[[str], dict[str, Any]] = lambda name: {"name": name}
    stored_name: Callable[[Mapping[str, Any]], Any] = lambda row: row.get("name")
    bad_values: Mapping[str, Any] = field(default_factory=dict)
    bad_field: str = ""
    clear_field: str = ""
    changed_by: Callable[[str, str], Awaitable[None]] = _none
    child: Callable[[str, Link], PushOperation] | None = None
    parent: Callable[[str, str], PushOperation] | None = None
    checks_links: bool = True
    files: Callable[[str, str], Awaitable[Sequence[Any]]] = _none
    attach_path: str = ""
    finds: tuple[str, Callable[[int], tuple[Any, str]]] | None = None
    compares_versions: bool = False
    many: int = 450
    secrets: Sequence[str] = ()
    delivery: Callable[[Mapping[str, Any], str, float], Any] | None = None
    event: Mapping[str, Any] = field(default_factory=dict)
    secret_name: str = ""
    kind_fields: Sequence[str] = ("event", "type", "cmd")
    seed_calls: Callable[[Sequence[float]], Awaitable[list[str]]] = _none
    file: Callable[[], Awaitable[str]] = _none
    base: str = ""
    client: Client | None = None
    _connector: Any = None

    @property
    def connector(self) -> Any:
        """The connector, made when it is first asked for."""
        if self._connector is None:
            self._connector = self.make()
        return self._connector

    def fault(self, **rule: Any) -> Fault:
        """Switches a fault on (see `sandbox.Fault`); of the API where no path is said."""
        if self.side is None:
            raise LookupError("no faults can be switched on here")
        rule.setdefault("path", self.api_path or None)
        self.hurry(rule)
        made = Fault(**rule)
        self.side.faults.append(made)
        return made

    def hurry(self, rule: Mapping[str, Any]) -> None:
        """The client waits half a second for what hangs, and long for everything else: a busy machine is no fault."""
        if self.client is not None:
            self.client.timeout_s = 0.5 if rule.get("kind") == "hang" else PATIENCE_S

    def calm(self) -> None:
        """No faults any more."""
        self.hurry({})
        if self.side is not None:
            self.side.faults.clear()

    def counted(self) -> int:
        """Requests since the counts were forgotten."""
        return int(self.side.counts()["total"]) if self.side is not None else 0

    async def named(self, name: str) -> list[Mapping[str, Any]]:
        """The vendor's records of `object` with this name."""
        return [row for row in await self.records(self.object) if self.stored_name(row) == name]
