"""Two address books kept the same, by Tieline and by vdirsyncer, on a real Radicale of each: first sync, nothing changed, one of a
hundred changed on the left.

Both are given the same cards; phase by phase one goes after the other, each against a server of its own, in turns who is first. Tieline
is the engine with its real store, Postgres in a process of its own; what is timed is a run in a process that is there already. vdirsyncer
is timed as people run it, as a command, and once more without the time that it takes to start (`started_s`, of `vdirsyncer --version`):
`times_faster_than_vdirsyncer` is over the command, `times_faster_than_its_work` without its start.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import orjson

from benchmarks import _company
from benchmarks._place import Place, place
from tieline.connectors.carddav.server import RadicaleServer, find_venv

SIZES = tuple(int(one) for one in os.environ.get("TIELINE_BENCH_CONTACTS", "1000,10000").split(","))
TURNS = 3
"""So often the phases after the first sync are repeated; medians are told."""
BOOKS = ("contacts", "suppliers")

_PAIR = """
import sys, json, django
django.setup()
from tieline.store.services import connections, pairs
workspace, url, user, password = int(sys.argv[1]), *sys.argv[2:5]
made = [connections.connect(workspace, None, "carddav", {"url": url, "user": user, "password": password, "book": book},
        environment="production").pk for book in ("contacts", "suppliers")]
print(json.dumps(pairs.create(workspace, None, *made)))
"""


def measure() -> Iterator[dict[str, object]]:
    """A line for each phase of each size."""
    for size in SIZES:
        yield from _sized(size)


def _sized(size: int) -> Iterator[dict[str, object]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tl-cards-")))
        servers = [stack.enter_context(RadicaleServer(folder / name, books=BOOKS)) for name in ("ours", "theirs")]
        for server in servers:
            server.put_in({f"c{number}.vcf": card(number, 0) for number in range(size)})
        where = stack.enter_context(place())
        ours = Ours(where, servers[0])
        stack.callback(ours.close)
        theirs = Theirs(folder, servers[1])
        started_s = statistics.median(theirs.starts() for _ in range(3))
        chance = random.Random(1)
        times: dict[str, list[tuple[float, float]]] = {"first": [], "no_change": [], "one_percent": []}
        times["first"].append(_in_turns(0, ours.first, theirs.first))
        _alike(servers, size, 0)
        for turn in range(1, TURNS + 1):
            times["no_change"].append(_in_turns(turn, ours.again, theirs.again))
            moved = chance.sample(range(size), max(1, size // 100))
            time.sleep(1.1)  # Radicale tells cards apart by what they hold; a file's time may be a whole second
            for server in servers:
                server.put_in({f"c{number}.vcf": card(number, turn) for number in moved})
            times["one_percent"].append(_in_turns(turn, ours.again, theirs.again))
            _alike(servers, size, turn, moved)
        for phase, found in times.items():
            mine, other = (statistics.median(one[side] for one in found) for side in (0, 1))
            yield {
                "contacts": size,
                "phase": phase,
                "tieline_s": round(mine, 3),
                "vdirsyncer_s": round(other, 3),
                "started_s": round(started_s, 3),
                "times_faster_than_vdirsyncer": round(other / mine, 2),
                "times_faster_than_its_work": round((other - started_s) / mine, 2),
                "turns": [[round(one, 3) for one in pair] for pair in found],
            }


def _in_turns(turn: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    if turn % 2:
        other = theirs()
        return ours(), other
    mine = ours()
    return mine, theirs()


def card(number: int, turn: int) -> str:
    """A contact as an address book's program writes it."""
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:c{number}",
        f"FN:Person {number}",
        f"N:{number};Person;;;",
        f"EMAIL;TYPE=INTERNET:n{number}@example.com",
        f"TEL;TYPE=CELL:+45 20{number:06d}",
        f"ADR;TYPE=WORK:;;Nørregade {turn + 1};Odense;;5000;Danmark",
        "END:VCARD",
    ]
    return "\r\n".join(lines) + "\r\n"


def _alike(servers: list[RadicaleServer], size: int, turn: int, moved: list[int] | None = None) -> None:
    """Everything is on both sides of both servers."""
    for server in servers:
        for book in BOOKS:
            texts = [path.read_text() for path in server.collection(book).glob("*.vcf")]
            street = f"Nørregade {turn + 1};"
            there = sum(street in text for text in texts)
            if len(texts) != size or there != (size if moved is None else len(moved)):
                raise SystemExit(f"{book}: {len(texts)} cards, {there} as they should be")


class Theirs:
    """vdirsyncer between the two books of a server."""

    def __init__(self, folder: Path, server: RadicaleServer) -> None:
        self._command = [str(find_venv() / "bin" / "vdirsyncer"), "-v", "ERROR", "-c", str(folder / "vdirsyncer.conf")]
        storages = "".join(
            f'[storage {book}]\ntype = "carddav"\nurl = "{server.base_url}{server.path(book)}"\n'
            f'username = "{server.user}"\npassword = "{server.password}"\n'
            for book in BOOKS
        )
        (folder / "vdirsyncer.conf").write_text(
            f'[general]\nstatus_path = "{folder / "status"}"\n'
            f'[pair books]\na = "{BOOKS[0]}"\nb = "{BOOKS[1]}"\ncollections = [["all", "{BOOKS[0]}", "{BOOKS[1]}"]]\n{storages}'
        )

    def starts(self) -> float:
        """Seconds that the command takes to do nothing."""
        return self._timed([self._command[0], "--version"])

    def first(self) -> float:
        """Seconds of the first sync; finding the collections is not in it."""
        self._timed([*self._command, "discover", "books"])
        return self.again()

    def again(self) -> float:
        """Seconds of a sync."""
        return self._timed([*self._command, "sync", "books"])

    def _timed(self, command: list[str]) -> float:
        began = time.perf_counter()
        done = subprocess.run(command, input=b"y\n" * 10, capture_output=True, check=False)
        took = time.perf_counter() - began
        if done.returncode:
            raise SystemExit(f"{command[-2:]}: {done.stderr[-2000:].decode()}")
        return took


class Ours:
    """The engine between the two books of a server, with Postgres, in this process."""

    def __init__(self, where: Place, server: RadicaleServer) -> None:
        made = _company.make(where)
        given = [str(made.workspace), server.base_url, server.user, server.password]
        out = subprocess.run([sys.executable, "-c", _PAIR, *given], check=True, stdout=subprocess.PIPE)
        self._loop = asyncio.new_event_loop()
        self._workspace, self._pair = made.workspace, int(orjson.loads(out.stdout.splitlines()[-1]))
        with where.tx(made.workspace) as link:
            link.execute("UPDATE store_syncpair SET live = true, live_since = now() WHERE id = %s", [self._pair])
        self._loop.run_until_complete(self._opened(where))

    async def _opened(self, where: Place) -> None:
        import django

        django.setup()
        from tieline.project.keys import secret_keys
        from tieline.store.secrets import Seal
        from tieline.store.sync_store import StoredSync
        from tieline.wiring import Wiring

        self._open = AsyncExitStack()
        self._wiring = await self._open.enter_async_context(Wiring.open(where.url, Seal(secret_keys(where.home))))
        self._store = StoredSync(where.url, self._workspace, self._pair, uuid.uuid4())
        if not self._store.hold():
            raise SystemExit("the pair is not to be had")
        self._sync, _ = await self._wiring.sync(self._store, priority=0)

    def first(self) -> float:
        """Seconds of the transfer."""
        return self._timed(lambda: self._sync.transfer({"from": "left"}))

    def again(self) -> float:
        """Seconds of a run of changes."""
        return self._timed(lambda: self._sync.changes({"poll": "all"}))

    def _timed(self, run: Callable[[], Any]) -> float:
        began = time.perf_counter()
        row = self._loop.run_until_complete(run())
        took = time.perf_counter() - began
        if row.state != "done":
            raise SystemExit(f"a run is {row.state}: {row.why}")
        return took

    def close(self) -> None:
        self._store.let_go()
        self._loop.run_until_complete(self._open.aclose())
        self._loop.close()
