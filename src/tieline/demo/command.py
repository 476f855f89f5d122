"""`tieline demo`: sets everything up, plays a business day in two companies, says what happened, and stays up.

`--check` does the same, compares every record with the day's table, prints one JSON line and ends with 0 or 1. `--short` sets up one company with a
few calls, without a Tryton server: to look around.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import socket
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tieline.demo.home import NotOursError, claim, erase

if TYPE_CHECKING:
    from tieline.demo.companies import Company
    from tieline.demo.tally import Tally

PORT = 8000
HOME, CHECK_HOME = ".tieline/demo", ".tieline/demo-check"
"""Two, so that a count does not erase the demo that somebody looks at."""
QUIET_S = 90.0
"""The longest wait until a phase of the day is worked off."""
SHORT = 26
"""Calls of a short day."""
HELD = ("Calls", "note")


def main(argv: Sequence[str]) -> int:
    """Runs the demo; its exit status."""
    parser = argparse.ArgumentParser(
        prog="tieline demo", description="A business day in two companies, each with its own CRM."
    )
    parser.add_argument(
        "--check", action="store_true", help="compare every record with the day's table, then end with 0 or 1"
    )
    parser.add_argument("--short", action="store_true", help=f"one company, {SHORT} calls, no Tryton server")
    parser.add_argument("--port", type=int, default=0, help=f"port of the pages (default {PORT}, or a free one)")
    parser.add_argument(
        "--home",
        type=Path,
        default=None,
        help=f"folder for data, new or a demo’s (erased at the start; default {HOME}, with --check {CHECK_HOME})",
    )
    options = parser.parse_args(argv)
    if options.check and options.short:
        parser.error("--check counts a whole day")
    home = (options.home or Path(CHECK_HOME if options.check else HOME)).absolute()
    try:
        held = claim(home)
    except NotOursError as error:
        print(f"tieline demo: {error}", file=sys.stderr)
        return 2
    port = options.port or _free(PORT)
    os.environ |= {
        "TIELINE_HOME": str(home),
        "TIELINE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TIELINE_SANDBOX_URL": f"http://127.0.0.1:{_free(0)}",
        "DJANGO_SETTINGS_MODULE": "tieline.project.settings",
    }
    os.environ.pop("TIELINE_DATABASE_URL", None)  # the demo erases its database; never one of yours
    with held:
        return asyncio.run(_Demo(home, port, check=options.check, short=options.short).run())


class _Demo:
    def __init__(self, home: Path, port: int, *, check: bool, short: bool) -> None:
        self.home = home
        self.port = port
        self.check = check
        self.short = short
        self.public = os.environ["TIELINE_PUBLIC_URL"]
        self.sandbox = os.environ["TIELINE_SANDBOX_URL"]
        self.password = secrets.token_urlsafe(9)

    async def run(self) -> int:
        from tieline.connectors.carddav.server import RadicaleMissingError, RadicaleServer
        from tieline.connectors.tryton.server import TrytonMissingError, TrytonServer
        from tieline.project.prepare import prepare
        from tieline.store.postgres import EmbeddedPostgres
        from tieline.supervise import Child, Supervisor

        begun = time.monotonic()
        postgres = EmbeddedPostgres(self.home / "postgres")
        postgres.erase()
        erase(self.home)
        tryton = None if self.short else TrytonServer(self.home / "tryton")
        radicale = None if self.short else RadicaleServer(self.home / "radicale")
        try:
            for server in (tryton, radicale):
                if server is not None:
                    await asyncio.to_thread(server.start)
        except (TrytonMissingError, RadicaleMissingError) as error:
            print(f"tieline demo: {error}", file=sys.stderr)
            if tryton is not None:
                tryton.stop()
            return 2
        here = [sys.executable, "-m", "tieline.cli"]
        try:
            await asyncio.to_thread(postgres.start)
            await asyncio.to_thread(prepare)
            supervisor = Supervisor(
                [
                    Child(
                        "sandbox",
                        [*here, "sandbox", "--port", self.sandbox.rpartition(":")[2]],
                        log_file=self.home / "sandbox.log",
                    ),
                    Child("server", [*here, "serve", "--port", str(self.port)], log_file=self.home / "server.log"),
                    Child("worker", [*here, "worker"], log_file=self.home / "worker.log"),
                ],
                state_file=self.home / "processes.json",
                postgres=postgres,
                say=lambda line: print(f"  {line}") if "again" in line else None,
            )
            keeping = asyncio.create_task(supervisor.run())
            day = asyncio.create_task(asyncio.to_thread(self.day, tryton, radicale, begun))
            await asyncio.wait({keeping, day}, return_when=asyncio.FIRST_COMPLETED)
            if not day.done():  # somebody pressed Ctrl-C
                return 130
            mismatches = day.result()
            if self.check:
                supervisor.stop()
            await keeping
            return 1 if self.check and mismatches else 0
        finally:
            for server in (tryton, radicale):
                if server is not None:
                    server.stop()
            postgres.stop()

    # -- the day, in a thread of its own -------------------------------------------------------------------------------

    def day(self, tryton: Any, radicale: Any, begun: float) -> int:
        """Sets up, plays, counts, tells; the number of records that are not as they should be."""
        from tieline.demo import companies

        for url in (f"{self.sandbox}/", f"{self.public}/"):
            _until_answers(url)
        now = datetime.now(UTC)
        firms = [companies.nordlys_company(self.sandbox, self.password, now)]
        if tryton is not None:
            firms.append(companies.morel_company(self.sandbox, tryton, radicale, self.password))
        print(f"Set up in {time.monotonic() - begun:.0f} s. The day begins.")
        on = _last_business_day(now.date())
        if self.short:
            firms[0].day = [call for call in firms[0].day if call.phase == "morning"][:SHORT]
            asyncio.run(self.play(firms[0], "morning", on))
            _until_quiet(firms[0])
            print(f"{len(firms[0].day)} calls were played.")
            self.say_where(firms)
            return 0
        for phase in ("morning", "noon", "evening"):
            for firm in firms:
                change = {"noon": firm.noon, "evening": firm.evening}.get(phase)
                if change is not None:
                    change()
                asyncio.run(self.play(firm, phase, on))
            for firm in firms:
                _until_quiet(firm)
        return self.tell(firms)

    async def play(self, firm: Company, phase: str, on: date) -> None:
        from tieline.demo.play import play

        firm.sent += await play([call for call in firm.day if call.phase == phase], on, firm.zone, firm.phones)

    def tell(self, firms: Sequence[Company]) -> int:
        """Prints what happened, where to sign in, and the line for programs. The calls are counted before customers come along."""
        counted = [firm.count() for firm in firms]
        tallies: list[Tally] = list(counted)
        for firm, tally in zip(firms, counted, strict=True):
            calls = len(firm.day)
            made = Counter(row[0] for row in tally.found.elements())
            told = ", ".join(f"{count} {kind.lower()}" for kind, count in made.items())
            print(f"\n{firm.name}: {calls} calls ({firm.sent} events) into {firm.where}")
            print(f"  {told}")
            print(
                "  exactly the records of the day’s table"
                if not tally.mismatches
                else "  NOT the records of the day’s table:"
            )
            for line in tally.lines()[:40]:
                print(line)
            tallies += self.books(firm)
        if not self.check:
            self.say_where(firms)
        mismatches = sum(tally.mismatches for tally in tallies)
        summary = {
            "flows": ["calls", "customers"],
            "expected": sum(tally.expected.total() for tally in tallies),
            "found": sum(tally.found.total() for tally in tallies),
            "mismatches": mismatches,
        }
        print(json.dumps(summary), flush=True)
        return mismatches

    def books(self, firm: Company) -> list[Tally]:
        """The evening: this company's CRM is joined with another system."""
        if firm.books is None:
            return []
        books = firm.books()
        books.play()
        tally = books.count()
        print(f"  then {books.title}: " + "; ".join(said for said, _step in books.steps))
        waits = sum(row[0] == "question" for row in tally.found)
        print(f"  {sum(row[0] == 'link' for row in tally.found)} records stand in both systems, {waits} questions wait")
        print("  exactly the table of the evening" if not tally.mismatches else "  NOT the table of the evening:")
        for line in tally.lines()[:40]:
            print(line)
        return [tally]

    def say_where(self, firms: Sequence[Company]) -> None:
        """Prints where to look, how to sign in, and where to make a call."""
        print(f"\nTieline: {self.public}\n")
        for firm in firms:
            print(f"  {firm.name:20} sign in as {firm.email} with {self.password}")
        print(f"\nMake a call yourself: {self.sandbox}/sipsim/   Ctrl-C ends everything.", flush=True)


def _until_quiet(firm: Company) -> None:
    """Waits until every call of this company is decided and written."""
    from django.db.models import Count

    from tieline.store.connection import workspace_tx
    from tieline.store.models import Import, OpenEvent, Subject

    until = time.monotonic() + QUIET_S
    busy: dict[str, int] = {}
    while time.monotonic() < until:
        with workspace_tx(firm.workspace):
            states = Subject.objects.filter(workspace_id=firm.workspace).values_list("state").annotate(Count("pk"))
            busy = {state: count for state, count in states if state not in ("done", "asked", "parked")}
            if OpenEvent.objects.filter(workspace_id=firm.workspace).exists():
                busy["events"] = 1
            if Import.objects.filter(workspace_id=firm.workspace, state="running").exists():
                busy["imports"] = 1
        if not busy:
            return
        time.sleep(0.2)
    raise RuntimeError(f"{firm.name}: still open after {QUIET_S:.0f} s: {busy}")


def _until_answers(url: str, limit_s: float = 60.0) -> None:
    until = time.monotonic() + limit_s
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - what the demo started
            return
        if time.monotonic() > until:
            raise RuntimeError(f"{url} did not answer")
        time.sleep(0.1)


def _last_business_day(today: date) -> date:
    day = today - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return day


def _free(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
