"""Two memory systems, the flow with settings, and a Sync that can be made anew at any time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from tests.engine.memory import Clock, Killed
from tests.engine.sync_memory import MemorySync, MemoryVendor, maps
from tieline.core.pairing import Side
from tieline.engine.access import Access
from tieline.engine.sync.ports import SyncStore
from tieline.engine.sync.sync import Sync
from tieline.flows.customers.flow import CUSTOMERS
from tieline.flows.customers.settings import Settings
from tieline.sdk.manifest import Capabilities

FIELDS = ("name", "email", "phone", "registration_number", "city")
PLAIN = Capabilities(
    write_batch=4, read_batch=10, origin="unique", conditional_write=True, deletes_reported=True,
    deletes=("account", "contact"), request_timeout_s=10, concurrency=4,
)  # fmt: skip
NONE = PLAIN.model_copy(update={"origin": "none"})
SEARCH = PLAIN.model_copy(update={"origin": "search", "search_lag_s": 20})
BLIND = PLAIN.model_copy(update={"conditional_write": False, "deletes_reported": False})
IDEMPOTENT = NONE.model_copy(update={"idempotent_s": 3600})


def lines(*, policy: str = "ask", **more: Any) -> list[dict[str, Any]]:
    kinds = {"name": "name", "email": "email", "phone": "text", "registration_number": "code", "city": "text"}
    return [
        {"name": name, "left": name, "right": name, "kind": kinds[name], "policy": policy, **more.get(name, {})}
        for name in FIELDS
    ]


def settings(*, policy: str = "ask", contacts: bool = True, more: dict[str, Any] | None = None, **top: Any) -> Settings:
    match = [{"rule": "registration_number"}, {"rule": "email"}, {"rule": "name", "decides": False}]
    roles = [{"role": "account", "lines": lines(policy=policy, **(more or {})), "match": match}]
    if contacts:
        link = {"name": "account", "left": "account", "right": "account", "kind": "link", "role": "account"}
        people = [one for one in lines(policy=policy) if one["name"] in {"name", "email"}]
        roles.append({"role": "contact", "lines": [*people, link], "match": [{"rule": "email"}]})
    return Settings.model_validate({"roles": roles, **top})


@contextmanager
def dying_at(bench: Bench, call: int) -> Iterator[list[str]]:
    """The process dies around this call of the store (each counts twice: before and after it), or not, where there are fewer. What it
    died in is what is yielded."""
    died: list[str] = []
    left = call

    def die(name: str, when: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            died.append(f"{name} {when}")
            raise Killed(died[0])

    bench.store.before_call = die
    try:
        with suppress(Killed):
            yield died
    finally:
        bench.store.before_call = lambda name, when: None


@dataclass
class Bench:
    """`left` and `right` are the vendors; `sync()` makes the pair's worker anew, as after a restart."""

    left_can: Capabilities = PLAIN
    right_can: Capabilities = PLAIN
    settings: Settings = field(default_factory=settings)
    clock: Clock = field(default_factory=Clock)
    random: random.Random = field(default_factory=lambda: random.Random(1))
    name: str = "1"
    tells_made: bool = False
    """Whether the systems tell when a record was made (`created_at`)."""

    def __post_init__(self) -> None:
        self.left = MemoryVendor(self.clock, self.left_can, "L")
        self.right = MemoryVendor(self.clock, self.right_can, "R")
        self.store = MemorySync(self.clock)

    def access(self, vendor: MemoryVendor) -> Access:
        can = vendor.capabilities
        return Access(
            vendor,
            maps(can, (*FIELDS, "created_at") if self.tells_made else FIELDS),
            can,
            clock=self.clock,
            chance=self.random.random,
            requests=lambda: vendor.requests,
        )

    def sync(self) -> Sync:
        return Sync(
            self.name, self.access(self.left), self.access(self.right), CUSTOMERS.of(self.settings), self.store,
            clock=self.clock, chance=self.random.random,
        )  # fmt: skip

    def vendor(self, side: Side) -> MemoryVendor:
        return self.left if side == "left" else self.right

    def keep_in(self, store: SyncStore) -> None:
        """In the store on Postgres instead of the one in memory, which tests look into."""
        self.store = cast("MemorySync", store)

    async def begin(self) -> None:
        """Both systems are empty: from here on everything is new."""
        await self.changes()

    async def changes(self, **options: Any) -> Any:
        self.clock.now += 1
        return await self.sync().changes({"poll": "all", **options})

    async def quiet(self, rounds: int = 30) -> None:
        """Runs until nothing is due any more."""
        for _ in range(rounds):
            before = (dict(self.left.asked), dict(self.right.asked), len(self.store.operations))
            row = await self.changes()
            due = [one for one in self.store.waits.values() if one.state == "due"]
            self.clock.now += 1300 if due else 1
            wrote = len(self.store.operations) != before[2]
            if row.state == "done" and not due and not wrote:
                return
        raise AssertionError(f"never quiet: {list(self.store.waits.values())[:3]} {row}")
