"""A Tieline of real processes in a home of its own: the vendors' sandboxes (which nothing kills), and `tieline up` with its
server, worker and Postgres (which are killed)."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.crash.count import Tally, tally
from tests.crash.load import SPACING_S, Call, Load, Phones
from tieline.store.postgres import EmbeddedPostgres
from tieline.supervise import _end_with_parent, read_state

ROOT = Path(__file__).resolve().parents[2]
HOOKS = Path(__file__).with_name("hooks")
DAYS_BACK = 20
QUIET_S = 180.0
WENT_ON_S = 60.0
KILLED = ("server", "worker-1", "postgres")
UNFINISHED = (
    "SELECT (SELECT count(*) FROM store_openevent) + (SELECT count(*) FROM store_run WHERE state = 'applying')"
    " + (SELECT count(*) FROM store_subject WHERE state NOT IN ('done', 'asked', 'parked'))"
)


@dataclass
class Kill:
    """One SIGKILL: what, writes in flight just before (marked as sent, outcome not known), seconds until a call that was
    sent after it had its record."""

    what: str
    open_writes: int
    went_on_s: float | None = None
    seen: threading.Thread | None = None


@dataclass
class Rig:
    """`companies`: name → what tests.crash.company printed. `ledger`: every call that was acknowledged so far."""

    home: Path
    hooks: str = ""
    companies: dict[str, Any] = field(default_factory=dict)
    ledger: list[Call] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    """Id of a seeded record → digits of its number."""
    kills: list[Kill] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port, self.sandbox_port = _free_port(), _free_port()
        self.crm = f"http://127.0.0.1:{self.sandbox_port}/_control/zoho_crm"
        self.phones = Phones(int(time.time() - DAYS_BACK * 86400) // SPACING_S * SPACING_S)
        self.postgres = EmbeddedPostgres(self.home / "postgres")
        self._processes: list[subprocess.Popen[bytes]] = []
        self._link: psycopg.Connection[Any] | None = None

    # -- processes -----------------------------------------------------------------------------------------------------

    @property
    def _env(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("TIELINE_", "DJANGO_"))}
        return env | {
            "TIELINE_HOME": str(self.home),
            "TIELINE_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "TIELINE_SANDBOX_URL": f"http://127.0.0.1:{self.sandbox_port}",
            "TIELINE_TEST_HOOKS": self.hooks,
            "DJANGO_SETTINGS_MODULE": "tieline.project.settings",
            **({"PYTHONPATH": str(HOOKS)} if self.hooks else {}),
        }

    def _start(self, *command: str) -> None:
        log = self.home / f"{command[0]}.log"
        with log.open("ab") as output:
            here = [sys.executable, "-m", "tieline.cli", *command]
            self._processes.append(
                subprocess.Popen(
                    here,
                    stdout=output,
                    stderr=output,
                    env=self._env,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,  # noqa: PLW1509 - a test run that is killed leaves nothing behind
                )
            )

    def start(self) -> None:
        """Everything runs and answers."""
        self._start("sandbox", "--port", str(self.sandbox_port))
        self._start("up", "--port", str(self.port), "--state", str(self.home / "processes.json"))
        _until_answers(f"{self.crm}/counts")
        _until_answers(f"http://127.0.0.1:{self.port}/in/none")
        # How much Zoho allows is not what is tried here.
        self.control("behaviour", {"credits": 10_000_000, "concurrency": 0, "sub_concurrency": 0})
        self.control("behaviour", {"tokens_per_10_min": 1000})

    def stop(self) -> None:
        """Nothing of it is left."""
        if self._link is not None:
            self._link.close()
        for process in reversed(self._processes):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
            process.wait()
        self.postgres.erase()
        shutil.rmtree(self.home, ignore_errors=True)

    def company(self, rules: str = "defaults") -> None:
        """A workspace with these rules, on two phone connections and the CRM."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.crash.company", f"Crash{len(self.companies)}", rules],
            cwd=ROOT,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        self.companies[rules] = json.loads(done.stdout.splitlines()[-1])

    def pid(self, name: str, limit_s: float = 60.0) -> int:
        """The process of this name, once it lives."""
        end = time.monotonic() + limit_s
        while True:
            pid = read_state(self.home / "processes.json").get(name)
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 0)
                    return pid
            assert time.monotonic() < end, f"{name} does not run: {self.log()}"
            time.sleep(0.02)

    def log(self) -> str:
        """The last lines that say that something is wrong."""
        lines = (self.home / "up.log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if "ERROR" in line or "Error" in line or "WARNING" in line][-25:])

    def kill(self, what: str) -> Kill:
        """SIGKILL. A call is sent right after it; how long until that had its record stands in the result later."""
        pid = self.pid(what)
        done = Kill(what, self.value("SELECT count(*) FROM store_operation WHERE state = 'sent'") or 0)
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        probe = self.phones.call(f"+45609{len(self.kills):05d}", outcome="missed")
        self.kills.append(done)

        def look() -> None:
            load = self.load([probe]).start().join(WENT_ON_S * 2)
            self.ledger += load.acknowledged_calls
            until = began + WENT_ON_S
            while time.monotonic() < until:
                if self.has_record(probe):
                    done.went_on_s = round(time.monotonic() - began, 2)
                    return
                time.sleep(0.1)

        done.seen = threading.Thread(target=look, daemon=True)
        done.seen.start()
        return done

    # -- load and count ------------------------------------------------------------------------------------------------

    def seed(self, scenario: int) -> dict[str, list[str]]:
        """Records of customers that are there before the first call: kind → their numbers."""
        numbers = {
            module: [f"+4540{scenario:02d}{at:02d}{one:02d}" for one in range(3)]
            for at, module in enumerate(("Contacts", "Leads"))
        }
        for module, some in numbers.items():
            more = {"Company": "Old"} if module == "Leads" else {}
            rows = [{"Last_Name": f"Old {one}", "Phone": one, **more} for one in some]
            ids = self.control("records", {module: rows})[module]
            self.known.update(zip(ids, (one.lstrip("+") for one in some), strict=True))
        return numbers

    def mixed(self, calls: int, seed: int) -> list[Call]:
        """A mixed load with numbers of its own."""
        scenario = self.phones.scenario()
        return self.phones.mixed(calls, seed, self.seed(scenario), scenario)

    def load(self, calls: Sequence[Call], pace: float = 1000.0) -> Load:
        """A load that is not started yet; what it acknowledged is put into the ledger by `played`."""
        return Load(calls, {name: one["urls"] for name, one in self.companies.items()}, pace)

    def play(self, calls: Sequence[Call], pace: float = 1000.0) -> Tally:
        """Sends calls, waits for quiet, counts everything."""
        load = self.load(calls, pace).start().join()
        return self.played(load)

    def played(self, load: Load) -> Tally:
        """After a load: all that was ever acknowledged, against all that is in the CRM."""
        for kill in self.kills:
            assert kill.seen is not None
            kill.seen.join(WENT_ON_S * 3)
        self.ledger += load.acknowledged_calls
        self.until_quiet()
        return self.count()

    def count(self) -> Tally:
        """The whole ledger against the CRM; the journal must have nothing open, asked or parked."""
        out = tally(self.ledger, self.control("records"), self.phones.base, self.known)
        states = self.rows("SELECT state, count(*), min(why::text) FROM store_subject GROUP BY state")
        out.wrong.extend(f"{count} calls are {state}: {why}" for state, count, why in states if state != "done")
        return out

    def until_quiet(self, limit_s: float = QUIET_S) -> None:
        """Nothing is open any more."""
        end = time.monotonic() + limit_s
        while (left := self.value(UNFINISHED)) != 0:
            if time.monotonic() > end:
                states = self.rows("SELECT state, count(*), min(why::text) FROM store_subject GROUP BY state")
                raise AssertionError(f"{left} still open after {limit_s:.0f} s: {states}\n{self.log()}")
            time.sleep(0.1)

    def has_record(self, call: Call) -> bool:
        """Whether this call's record is written, as the CRM has answered."""
        return bool(
            self.value(
                "SELECT count(*) FROM store_operation o JOIN store_subject s ON s.id = o.subject_id"
                " WHERE s.key = %s AND o.role = 'call' AND o.verb = 'create' AND o.state = 'done'",
                call.sim.pbx_id,
            )
        )

    # -- asking --------------------------------------------------------------------------------------------------------

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """From all workspaces. Nothing while the database is away."""
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.postgres.dsn("admin")) as link:
            return link.execute(query, values).fetchall()  # type: ignore[arg-type]
        return []

    def value(self, query: str, *values: object) -> Any:
        """The first value, None while the database is away."""
        rows = self.rows(query, *values)
        return rows[0][0] if rows else None

    def control(self, action: str, value: Any = None, method: str | None = None) -> Any:
        """Zoho's sandbox, asked or told."""
        body = None if value is None else json.dumps(value).encode()
        request = urllib.request.Request(
            f"{self.crm}/{action}", body, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{action}: {error.code} {error.read()[:500]!r}") from None

    def faults(self, *rules: dict[str, Any]) -> None:
        """Switches faults on, and all others off."""
        self.control("faults", method="DELETE")
        if rules:
            self.control("faults", list(rules))

    def requests(self) -> tuple[int, int]:
        """How many requests the CRM has had: of its API, and for tokens."""
        counted = self.control("counts")["requests"]
        tokens = sum(times for path, times in counted.items() if "/accounts" in path)
        return sum(counted.values()) - tokens, tokens


@contextlib.contextmanager
def rig(companies: Iterable[str] = ("defaults",), hooks: str = "") -> Iterator[Rig]:
    """A running one, with a workspace for each set of rules."""
    home = Path(tempfile.mkdtemp(prefix="tl-crash-", dir="/tmp"))
    home.chmod(0o755)
    made = Rig(home, hooks)
    try:
        made.start()
        for rules in companies:
            made.company(rules)
        yield made
    finally:
        made.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_answers(url: str, limit_s: float = 90.0) -> None:
    end = time.monotonic() + limit_s
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
