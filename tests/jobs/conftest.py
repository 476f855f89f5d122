"""A running Tieline of real processes, for tests: event intake, a worker, Postgres, and Zoho's sandbox to write to."""

from __future__ import annotations

import subprocess
import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
import pytest

from benchmarks import _company, _events, _load
from benchmarks._place import Place, answers, free_port, get, place, post
from tieline.store.public_ids import intake_hash

NUMBERS = 150
"""Callers: most of them call several times."""


@dataclass
class House:
    """A running Tieline of processes, and the sandbox that it writes to."""

    where: Place
    company: _company.Company
    crm: str
    port: int
    worker: subprocess.Popen[bytes] | None = None
    server: subprocess.Popen[bytes] | None = None
    acknowledged: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Call → (caller, whether nobody took it)."""

    def start_server(self) -> None:
        self.server = self.where.start("intake", "--port", str(self.port))

    def start_worker(self) -> None:
        self.worker = self.where.start("worker")

    def second_source(self) -> str:
        """The key of another phone system that feeds the same flow."""
        key = "another-phone-system"
        with self.where.tx(self.company.workspace) as link:
            link.execute(
                "INSERT INTO store_connection (workspace_id, connector, title, environment, config, state, epoch,"
                " is_main_crm, intake_hash, identity, scopes, origin_fields, lines, created)"
                " SELECT workspace_id, connector, 'More phones', environment, config, state, epoch, false, %s, identity,"
                " scopes, origin_fields, lines, now() FROM store_connection WHERE id = %s",
                [intake_hash(key), self.company.source],
            )
            link.execute(
                "INSERT INTO store_flowsource (workspace_id, setting_id, source_id) SELECT f.workspace_id, f.id, c.id"
                " FROM store_flowsetting f JOIN store_connection c ON c.intake_hash = %s",
                [intake_hash(key)],
            )
        return key

    def post(self, number: int, caller: str = "", key: str = "") -> None:
        """A call's two events, each until it is acknowledged, as a phone system does that tries again."""
        caller, missed = caller or f"+331{86_000_000 + number % NUMBERS:08d}", number % 3 == 0
        end = {"status": "MISSED", "duration": 0} if missed else {"status": "ANSWER", "duration": 30}
        for name, more in (("incoming_call_start", {}), ("incoming_call_end", end)):
            body = _load.event(f"call-{number}", name, caller, **more)
            while True:
                try:
                    _events.deliver(
                        f"http://127.0.0.1:{self.port}/in/{key or self.company.key}",
                        body,
                        *_load.signed(body, _company.SIGNING_SECRET),
                    )
                    break
                except urllib.error.HTTPError as error:
                    if error.code != 503:
                        raise
                    time.sleep(0.1)
                except OSError:
                    time.sleep(0.1)
        self.acknowledged[f"call-{number}"] = (caller, missed)

    def records(self, module: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = get(f"{self.crm}/_control/zoho_crm/records?module={module}")
        return found

    def done(self) -> int:
        try:
            with self.where.tx(self.company.workspace) as link:
                row = link.execute("SELECT count(*) FROM store_subject WHERE state = 'done'").fetchone()
                return row[0] if row else 0
        except psycopg.OperationalError:
            return 0


@pytest.fixture
def house() -> Iterator[House]:
    with place() as where:
        crm_port = free_port()
        where.start("sandbox", "--port", str(crm_port), "--only", "zoho_crm")
        crm = f"http://127.0.0.1:{crm_port}"
        answers(f"{crm}/_control/zoho_crm/counts")
        one = House(where, _company.zoho(where, crm), crm, free_port())
        post(f"{crm}/_control/zoho_crm/latency", {"ms": 5})
        one.start_server()
        one.start_worker()
        answers(f"http://127.0.0.1:{one.port}/in/none")
        yield one
