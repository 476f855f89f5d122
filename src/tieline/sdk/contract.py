"""The connector contract: facets, and the shapes that go in and out of them. Connectors speak vendor objects and fields.

A connector is a folder found by scanning for connector.toml. Its connector.py has one class named `Connector` that takes
a `tieline.sdk.http.Client` and is made anew cheaply; it keeps nothing between calls that could not be lost.
Connectors do not sleep, retry, log bodies or open clients; they raise the errors of `tieline.core.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from tieline.core.facts import CallFact

# -- shapes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VendorRecord:
    """One record as read, flattened: vendor field → plain value (links as the linked id, text). Missing = not read."""

    object: str
    id: str
    fields: Mapping[str, Any]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Changes in the order of the source and the cursor behind them; `deleted` are ids."""

    records: Sequence[VendorRecord]
    cursor: str
    deleted: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field. `type`: text, number, money, bool, date, datetime, phone, email, url, choice, choices, link, user, other.

    choices are (id, label) pairs as written by API; link names the object a link goes to; length in characters.
    """

    name: str
    label: str
    type: str
    required: bool = False
    read_only: bool = False
    unique: bool = False
    length: int | None = None
    choices: tuple[tuple[str, str], ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A form of an object with the fields that it requires; pipelines with their stages where the object has them.

    pipelines: (id, label, stages), stages: (id as written by API, label, "open" | "won" | "lost").
    """

    id: str
    label: str
    required: tuple[str, ...] = ()
    pipelines: tuple[tuple[str, str, tuple[tuple[str, str, str], ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    name: str
    label: str
    fields: tuple[FieldSchema, ...]
    layouts: tuple[Layout, ...] = ()


@dataclass(frozen=True, slots=True)
class VendorUser:
    id: str
    name: str
    email: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are there: account id and name, granted scopes (empty where the vendor has none), and the id (as in `users`)
    of the person whose authorisation we use, "" where the vendor does not say."""

    account_id: str
    name: str
    scopes: frozenset[str] = frozenset()
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A value that links to a record: by its vendor id, or (id "") by the origin key of an operation of the same push."""

    object: str
    id: str = ""
    key: str = ""


PushVerb = Literal["create", "update", "attach", "delete"]


@dataclass(frozen=True, slots=True)
class PushOperation:
    """One write. `key` is the origin key: put where the vendor can hold it, and unique there where it can be.

    values: vendor field → value; None clears, a missing field is left alone; links as `Link`.
    update, attach: `target` is the record (may be an operation of the same push). attach: values has "name" and either
    "content" (bytes) or "url". `version`: write only if unchanged, where the vendor can.
    delete: `target` is taken away (into the vendor's recycle bin where there is one); `values` is empty. Only for roles that
    the manifest names in capabilities.deletes. One that is not there is Gone, one with another version Stale.
    """

    key: str
    verb: PushVerb
    object: str
    values: Mapping[str, Any]
    target: Link | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Done. `existed`: the vendor said that a record with this origin key is already there, and which."""

    id: str
    version: str | None = None
    existed: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """The vendor refused this one, now and if asked again unchanged. `code` is the vendor's word, `field` the vendor field."""

    code: str
    field: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stale:
    """The record moved since `version`."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The record to be changed is not there any more."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It was sent and nobody knows: look for the origin key first."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """It surely did not happen (its parent failed, or the request never left); may be sent again."""

    detail: str = ""


Outcome = Written | Rejected | Stale | Gone | Unknown | NotSent

# -- facets -----------------------------------------------------------------------------------------------------------


@runtime_checkable
class Records(Protocol):
    """The CRM side."""

    async def check(self) -> Identity:
        """Who we are and what is granted. No writes; cheap."""

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:
        """The objects' fields, layouts and pipelines as they are now."""

    async def users(self) -> list[VendorUser]:
        """Everybody who can or could own a record, inactive ones too."""

    def pull(self, object: str, fields: Sequence[str], cursor: str | None) -> AsyncIterator[Page]:
        """Changes since the cursor. Resumes after any page; may repeat, never skips, time-stamp ties included."""

    async def fetch(self, object: str, ids: Sequence[str], fields: Sequence[str]) -> list[VendorRecord]:
        """The records with these ids; missing ones are left out; any order."""

    async def find(
        self, object: str, by: Sequence[str], values: Sequence[str], fields: Sequence[str]
    ) -> list[VendorRecord]:
        """Records where any of the fields `by` has any of the values; reads `fields` and the fields `by`.

        Any number of values: the connector cuts them into as few requests as the vendor allows. For phone fields values
        are E.164 and the connector looks for every format that the vendor's search can reach; the caller confirms.
        """

    async def push(self, operations: Sequence[PushOperation]) -> list[Outcome]:
        """One outcome per operation, in order. Raises only for connection-level trouble in which surely nothing happened
        (auth, rate limit, no connection); otherwise trouble is an outcome. Operations may refer to earlier ones by key
        when the manifest says push.dependent > 0 and there are at most that many operations.
        """

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        """Makes room for the origin key (a unique custom field), if the vendor can. Object → field name; idempotent."""


@dataclass(frozen=True, slots=True)
class Request:
    """An event delivery as it arrived. Header names in lower case; `query` is the raw query string. `url` is the address that
    the sender was given (our public one, whatever a proxy made of it), without the query: some sign it. Only `arrive` is told."""

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What intake needs of a delivery: is it genuine, and which event is it.

    signature   "verified", "token", "absent" (the contract has none) or "failed"
    event_key   dedupe key within the connection; the same event delivered again has the same
    reply       body of the 2xx answer where the vendor wants one
    """

    signature: Literal["verified", "token", "absent", "failed"]
    event_key: str
    reply: bytes = b""


@runtime_checkable
class Events(Protocol):
    """The event side. Plain (not async) functions: cheap, pure, no I/O. Secrets come in by `secrets`."""

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        """Verifies and keys. Raises ProtocolError for a body that no version of the contract could send."""

    def parse(self, request: Request) -> list[CallFact]:
        """Facts; an unknown kind gives a fact of type "other", never an error."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a delivery says happened to a record: which, never how it is now. Look again (`fetch`) before anything is done.

    kind     "changed" (made ones too), "deleted" (as they say; only a `fetch` that misses it proves it), or "renumbered": the record
             is `new_id` from now on
    """

    object: str
    id: str
    kind: Literal["changed", "deleted", "renumbered"]
    new_id: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """What the vendor was told to tell us: where to, and whether it still does (it may have given up by itself)."""

    url: str
    active: bool


@runtime_checkable
class Changes(Protocol):
    """A records side that tells when a record changed. Its deliveries name records and do not hold them.

    Two deliveries of the same words may be two changes: where the vendor gives no id, the event key is made of the words and
    of when they arrived. A change that is looked at twice costs a request, one that is dropped is lost. As in `Events`, `arrive`
    and `changed` are cheap, pure and without I/O. `secret` is proven by `arrive` under the manifest's `events.secret`.
    """

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Arrived:
        """Verifies and keys. Raises ProtocolError for a body that no version of the contract could send."""

    def changed(self, request: Request) -> list[Changed]:
        """The records that it names; nothing where it names none of ours (a test, another kind of record)."""

    async def subscribe(self, url: str, secret: str) -> None:
        """Has the vendor tell `url` from now on, with `secret` as proof. Again is once; a switched-off one is switched on."""

    async def subscription(self) -> Subscription | None:
        """What is set up there by us, None where nothing is."""

    async def unsubscribe(self) -> None:
        """Takes away what `subscribe` made; nothing to take away is fine."""


@runtime_checkable
class Counts(Protocol):
    """A records side that can say how many there are: so long work on all of them has an end that can be seen."""

    async def count(self, object: str) -> int:
        """How many records a pull from the beginning would bring now, about; never negative. One request, whatever there is."""


@runtime_checkable
class History(Protocol):
    """Back-fills gaps."""

    def list_since(self, since: str, until: str | None = None) -> AsyncIterator[Sequence[CallFact]]:
        """Ended calls whose start is in [since, until), ISO UTC, in pages."""

    async def lines(self) -> list[tuple[str, str]]:
        """The company's lines as (number, label)."""


@runtime_checkable
class Files(Protocol):
    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        """(content type, content) of a file of at most `limit` bytes; hosts from the manifest only, private ranges refused."""
