"""An installation to measure: a private database in a temporary folder, processes of its own, a company with its flow."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psutil
import psycopg

from tieline.store.postgres import EmbeddedPostgres


@dataclass
class Place:
    """`url` is the database as the application sees it."""

    home: Path
    url: str
    server: EmbeddedPostgres
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A `tieline` command in a process of its own."""
        with (self.home / f"{command[0]}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "tieline.cli", *command], stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def tx(self, workspace: int) -> psycopg.Connection[Any]:
        """A connection that sees one workspace."""
        link = psycopg.connect(self.url, autocommit=True)
        link.execute("SELECT set_config('app.workspace', %s, false)", [str(workspace)])
        return link

    def postgres_cpu_s(self) -> float:
        """CPU seconds that the database's processes have used (those that ended are not in it)."""
        pid = self.server.pid
        return (
            0.0 if pid is None else sum(map(_cpu, [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]))
        )


def _cpu(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def cpu_s(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds that a process has used."""
    return _cpu(psutil.Process(process.pid))


def peak_mb(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a process has had (Linux), in MB."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    return psutil.Process(process.pid).memory_info().rss / 1024 / 1024


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """An installation with its tables; everything is gone afterwards."""
    home = Path(tempfile.mkdtemp(prefix="tl-bench-", dir="/tmp"))
    home.chmod(0o755)
    before = {name: os.environ.pop(name, None) for name in ("TIELINE_HOME", "TIELINE_DATABASE_URL")}
    os.environ["TIELINE_HOME"] = str(home)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tieline.project.settings"
    server = EmbeddedPostgres(home / "postgres")
    made = Place(home, "", server)
    try:
        server.start()
        made.url = server.dsn("app")
        # In a process of its own: settings are read once a process, and each benchmark has a place of its own.
        subprocess.run([sys.executable, "-m", "tieline.cli", "migrate"], check=True, stdout=subprocess.DEVNULL)
        yield made
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        for process in made.processes:
            process.terminate()
        for process in made.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
        server.erase()
        if not os.environ.get("KEEP_LOGS"):
            shutil.rmtree(home, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str, patience_s: float = 60.0) -> None:
    """Waits until something answers at this address, with whatever status."""
    end = time.monotonic() + patience_s
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def post(url: str, value: Any) -> Any:
    """Sends JSON; the answer's JSON."""
    request = urllib.request.Request(url, orjson.dumps(value), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return orjson.loads(answer.read() or b"null")


def get(url: str) -> Any:
    """The JSON at this address."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return orjson.loads(answer.read())


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
