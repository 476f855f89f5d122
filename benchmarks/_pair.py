"""A running Tieline of real processes with a pair, to measure and to test: e-conomic's sandbox and Zoho's, a worker, Postgres."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psutil

from benchmarks import _company
from benchmarks._place import Place, answers, free_port, get, place, post
from tieline.connectors.e_conomic.sandbox import APP_SECRET, GRANT

_PAIR = """
import sys, os, json, django
django.setup()
from tieline.store.services import connections, pairs
from tieline.store.connection import workspace_tx
from tieline.store.models import SyncPair
workspace, crm = int(sys.argv[1]), int(sys.argv[2])
erp = connections.connect(workspace, None, "e_conomic",
    {"app_secret_token": sys.argv[3], "agreement_grant_token": sys.argv[4]}, environment="sandbox")
pair = pairs.create(workspace, None, crm, erp.pk)
print(json.dumps([pair, erp.pk]))
"""
_CALL = """
import sys, json, django
django.setup()
from importlib import import_module
room, name, *given = json.loads(sys.argv[1])
made = getattr(import_module("tieline.store.services." + room), name)(*given)
print(json.dumps(made, default=repr))
"""


@dataclass
class PairHouse:
    where: Place
    workspace: int
    pair: int
    crm: int
    erp: int
    url: str
    intake: int
    worker: subprocess.Popen[bytes] | None = None

    def call(self, room: str, name: str, *given: Any) -> Any:
        """A service, as a page calls it."""
        out = subprocess.run(
            [sys.executable, "-c", _CALL, orjson.dumps([room, name, *given]).decode()],
            check=True,
            stdout=subprocess.PIPE,
        )
        return orjson.loads(out.stdout.splitlines()[-1])

    def erp_does(self, action: str, **value: Any) -> Any:
        return post(f"{self.url}/_control/e_conomic/{action}", value)

    def accounts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(f"{self.url}/_control/zoho_crm/records?module=Accounts")
        return found

    def customers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = get(f"{self.url}/_control/e_conomic/records?module=customers")
        return found

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.where.tx(self.workspace) as link:
            found = link.execute(query, values)
            return found.fetchall() if found.description else []

    def start_intake(self) -> None:
        self.where.start("intake", "--port", str(self.intake))
        answers(f"http://127.0.0.1:{self.intake}/in/none")

    def start_worker(self) -> None:
        self.worker = self.where.start("worker")

    def kill_worker(self) -> None:
        assert self.worker is not None
        for process in [psutil.Process(self.worker.pid), *psutil.Process(self.worker.pid).children(recursive=True)]:
            process.kill()
        self.worker.wait(30)

    def until(self, done: Callable[[], Any], patience_s: float = 120.0) -> Any:
        """What `done` gives once it gives something."""
        end = time.monotonic() + patience_s
        while not (found := done()):
            if time.monotonic() > end:
                raise AssertionError(f"still not: {self.story()}")
            time.sleep(0.05)
        return found

    def story(self) -> Any:
        return {
            "pair": self.rows("SELECT state, trouble, poll_at FROM store_syncpair"),
            "runs": self.rows("SELECT kind, state, counts, why, position FROM store_syncrun ORDER BY id"),
            "waiting": self.rows("SELECT state, code, count(*) FROM store_syncwaiting GROUP BY 1, 2"),
            "operations": self.rows("SELECT state, error::text, count(*) FROM store_syncoperation GROUP BY 1, 2"),
        }


@contextmanager
def pair_house(environment: Callable[[str, str], None], customers: int, latency_ms: float = 5) -> Iterator[PairHouse]:
    """`environment` sets a variable for the processes."""
    with place() as where:
        port, intake = free_port(), free_port()
        where.start("sandbox", "--port", str(port))
        url = f"http://127.0.0.1:{port}"
        environment("TIELINE_SANDBOX_URL", url)
        environment("TIELINE_PUBLIC_URL", f"http://127.0.0.1:{intake}")
        answers(f"{url}/_control/zoho_crm/counts")
        company = _company.zoho(where, url)
        if customers:
            post(f"{url}/_control/e_conomic/seed", {"customers": customers})
        out = subprocess.run(
            [sys.executable, "-c", _PAIR, str(company.workspace), str(company.target), APP_SECRET, GRANT],
            check=True,
            stdout=subprocess.PIPE,
        )
        pair, erp = orjson.loads(out.stdout.splitlines()[-1])
        for name in ("zoho_crm", "e_conomic"):
            post(f"{url}/_control/{name}/latency", {"ms": latency_ms})
        one = PairHouse(where, company.workspace, pair, company.target, erp, url, intake)
        one.start_worker()
        yield one
