"""Two address books kept the same, by Tieline and by vdirsyncer, on a real Radicale of each. docs/reference/benchmarks.md says which
phases there are, and how the servers are set up.

Both are given the same cards; phase by phase one goes after the other, each against a server of its own, in turns who is first. Tieline
is the engine with its real store, Postgres in a process of its own; what is timed is a run in a process that is there already. vdirsyncer
is timed as people run it, as a command, and once more without the time that it takes to start (`started_s`, of `vdirsyncer --version`):
`times_faster_than_vdirsyncer` is over the command, `times_faster_than_its_work` without its start.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson

from benchmarks import _company
from benchmarks._place import Place, place
from tieline.connectors.carddav import dav
from tieline.connectors.carddav.server import RadicaleServer, find_venv

SIZES = tuple(int(one) for one in os.environ.get("TIELINE_BENCH_CONTACTS", "1000,10000").split(","))
COPIED = int(os.environ.get("TIELINE_BENCH_COPIED", "1000"))
"""Up to so many cards a first sync into an empty book is measured too. For each new card Radicale looks at the UIDs of all that are there:
at ten thousand that is hours, of which no tool can save any."""
TURNS = 3
"""So often the phases after the first are repeated; medians are told."""
BOOKS = ("contacts", "suppliers")
FIRST = ("Anna", "Bo", "Carla", "Dan", "Eva", "Finn", "Greta", "Hans", "Ida", "Jens", "Karen", "Lars", "Mette", "Niels", "Olga", "Per",
         "Rikke", "Søren", "Tove", "Ulla")  # fmt: skip
LAST = ("Alm", "Berg", "Birk", "Busk", "Dal", "Eg", "Eng", "Fisk", "Gran", "Haug", "Holm", "Høj", "Kjær", "Krog", "Kvist", "Lind", "Lund",
        "Løv", "Mose", "Nord", "Odde", "Ravn", "Rose", "Sand", "Skov", "Sten", "Stub", "Toft", "Vang", "Vinter", "Ås")  # fmt: skip

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
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tl-cards-", dir=_in_memory())))
            seed = folder / "seed"
            _seeded(seed, size)
            if size <= COPIED:
                yield from _copied(folder / "copied", seed, size)
            yield from _kept(folder / "kept", seed, size)


def _in_memory() -> str | None:
    """Where Radicale keeps cards: in memory where there is such a place. It asks the disk to keep each file that it writes, one after
    the other, four a card; that is then most of what is timed, and the same for whoever asks."""
    place = Path("/dev/shm")
    return str(place) if place.is_dir() and shutil.disk_usage(place).free > 2 * 1024**3 else None


def _seeded(folder: Path, size: int) -> None:
    """A Radicale's address book with so many cards, each of which it has looked at: what it notes of them is to be had with them."""
    with RadicaleServer(folder) as server:
        server.put_in({f"c{number}.vcf": card(number, 0) for number in range(size)})
        listed = Cards(server).listed()
        if listed != size:
            raise SystemExit(f"the server lists {listed} of {size} cards")


@contextmanager
def _pair_of_tools(
    folder: Path, seed: Path, books: Sequence[str]
) -> Iterator[tuple[list[RadicaleServer], Ours, Theirs]]:
    """A server for each tool, whose `books` hold what was seeded, and the tools."""
    with ExitStack() as stack:
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tl-cards-own-")))
        servers = [RadicaleServer(folder / name, books=BOOKS) for name in ("ours", "theirs")]
        for server in servers:
            server.prepare()
            for book in books:
                shutil.copytree(RadicaleServer(seed).collection(), server.collection(book), dirs_exist_ok=True)
            stack.enter_context(server)
        where = stack.enter_context(place())
        ours = Ours(where, servers[0])
        stack.callback(ours.close)
        yield servers, ours, Theirs(own, servers[1])


def _copied(folder: Path, seed: Path, size: int) -> Iterator[dict[str, object]]:
    """All cards of one book into an empty one."""
    with _pair_of_tools(folder, seed, BOOKS[:1]) as (servers, ours, theirs):
        theirs.discover()
        took = _in_turns(0, ours.first, theirs.again)
        _alike(servers, size, 0)
        yield _line(size, "first_copy", [took], ours.requests, theirs.started_s)


def _kept(folder: Path, seed: Path, size: int) -> Iterator[dict[str, object]]:
    """Two books that hold the same cards from the beginning, and what changes in them."""
    with _pair_of_tools(folder, seed, BOOKS) as (servers, ours, theirs):
        theirs.discover()
        took = _in_turns(0, ours.first, theirs.again)
        yield _line(size, "first_match", [took], ours.requests, theirs.started_s)
        _alike(servers, size, 0)
        chance = random.Random(1)
        found: dict[str, list[tuple[float, float]]] = {"no_change": [], "one_percent": []}
        requests: dict[str, int] = {}
        for turn in range(1, TURNS + 1):
            found["no_change"].append(_in_turns(turn, ours.again, theirs.again))
            requests["no_change"] = ours.requests
            moved = chance.sample(range(size), max(1, size // 100))
            for server in servers:
                Cards(server).changed({f"c{number}.vcf": card(number, turn) for number in moved})
            found["one_percent"].append(_in_turns(turn, ours.again, theirs.again))
            requests["one_percent"] = ours.requests
            _alike(servers, size, turn, moved)
        for phase, times in found.items():
            yield _line(size, phase, times, requests[phase], theirs.started_s)


def _line(
    size: int, phase: str, times: list[tuple[float, float]], requests: int, started_s: float
) -> dict[str, object]:
    mine, other = (statistics.median(one[side] for one in times) for side in (0, 1))
    return {
        "contacts": size,
        "phase": phase,
        "tieline_s": round(mine, 3),
        "vdirsyncer_s": round(other, 3),
        "started_s": round(started_s, 3),
        "times_faster_than_vdirsyncer": round(other / mine, 2),
        "times_faster_than_its_work": round(max(0.0, other - started_s) / mine, 2),
        "requests": requests,
        "turns": [[round(one, 3) for one in pair] for pair in times],
    }


def _in_turns(turn: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float]:
    if turn % 2:
        other = theirs()
        return ours(), other
    mine = ours()
    return mine, theirs()


def card(number: int, turn: int) -> str:
    """A contact as an address book's program writes it. Many share a first name, as people do, and some a last name too."""
    first, last = (
        FIRST[number % len(FIRST)],
        LAST[number // len(FIRST) % len(LAST)] + LAST[number // len(FIRST) // len(LAST) % len(LAST)].lower(),
    )
    lines = [
        "BEGIN:VCARD",
        "VERSION:3.0",
        f"UID:c{number}",
        f"FN:{first} {last}",
        f"N:{last};{first};;;",
        f"EMAIL;TYPE=INTERNET:n{number}@example.com",
        f"TEL;TYPE=CELL:+45 20{number:06d}",
        f"ADR;TYPE=WORK:;;Nørregade {turn + 1};Odense;;5000;Danmark",
        "END:VCARD",
    ]
    return "\r\n".join(lines) + "\r\n"


class Cards:
    """The cards of a server's first book, as a program of somebody's own writes them: one request each."""

    def __init__(self, server: RadicaleServer) -> None:
        self._host = server.base_url.removeprefix("http://")
        self._path = server.path(BOOKS[0])
        known = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {known}", "Content-Type": "text/vcard; charset=utf-8"}

    def changed(self, cards: Mapping[str, str]) -> None:
        """Puts these in place of what is there."""
        for name, text in cards.items():
            status, _ = self._asked("PUT", self._path + name, text.encode(), {"If-Match": "*"})
            if status != 204:
                raise SystemExit(f"{name}: {status}")

    def listed(self) -> int:
        """How many there are."""
        _, body = self._asked("REPORT", self._path, dav.sync_collection(""), {})
        return sum(1 for one in dav.multistatus(body).responses if dav.ETAG in one.props)

    def _asked(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        link = http.client.HTTPConnection(self._host, timeout=1800)
        try:
            link.request(method, path, body, {**self._headers, **headers})
            answer = link.getresponse()
            return answer.status, answer.read()
        finally:
            link.close()


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
        self.started_s = statistics.median(self._timed([self._command[0], "--version"]) for _ in range(3))
        storages = "".join(
            f'[storage {book}]\ntype = "carddav"\nurl = "{server.base_url}{server.path(book)}"\n'
            f'username = "{server.user}"\npassword = "{server.password}"\n'
            for book in BOOKS
        )
        (folder / "vdirsyncer.conf").write_text(
            f'[general]\nstatus_path = "{folder / "status"}"\n'
            f'[pair books]\na = "{BOOKS[0]}"\nb = "{BOOKS[1]}"\ncollections = [["all", "{BOOKS[0]}", "{BOOKS[1]}"]]\n{storages}'
        )

    def discover(self) -> None:
        """Finds the collections, which is not timed."""
        self._timed([*self._command, "discover", "books"])

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
        self.requests = 0
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
        """Seconds of the transfer and of the first run of changes behind it, which reads the other book: then both are known."""
        took = self._timed(lambda: self._sync.transfer({"from": "left"}))
        requests = self.requests
        took += self.again()
        self.requests += requests
        return took

    def again(self) -> float:
        """Seconds of a run of changes."""
        return self._timed(lambda: self._sync.changes({"poll": "all"}))

    def _timed(self, run: Callable[[], Any]) -> float:
        began = time.perf_counter()
        row = self._loop.run_until_complete(run())
        took = time.perf_counter() - began
        self.requests = row.requests
        if row.state != "done":
            raise SystemExit(f"a run is {row.state}: {row.why}")
        return took

    def close(self) -> None:
        self._store.let_go()
        self._loop.run_until_complete(self._open.aclose())
        self._loop.close()
