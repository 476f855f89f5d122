"""Processes that are alive: each beats in `store_worker`, and takes its row away when it ends properly. A row that no longer beats
is a process that was killed, or hangs.

A process that takes deliveries has its host written after `INTAKE`; a worker its host alone.
"""

from __future__ import annotations

import socket
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

INTAKE: LiteralString = "intake@"
"""Before the host of a process that takes deliveries. No host is called so."""
INTAKE_BEAT_S = 10.0
SILENT_S = 40.0
"""After so long without a beat a process that takes deliveries has stopped."""

BEAT: LiteralString = """
INSERT INTO store_worker (id, host, pid, started_at, beat_at) VALUES (%s, %s, %s, now(), now())
ON CONFLICT (id) DO UPDATE SET beat_at = now()
"""
LEAVE: LiteralString = "DELETE FROM store_worker WHERE id = %s"
WORKERS: LiteralString = """
SELECT count(*) FROM store_worker
 WHERE NOT starts_with(host, 'intake@') AND beat_at > now() - make_interval(secs => %s)
"""
# One that was started since has taken its place: hosts have new names with each start where containers run.
SILENT: LiteralString = """
SELECT substr(w.host, length('intake@') + 1), w.beat_at FROM store_worker w
 WHERE starts_with(w.host, 'intake@') AND w.beat_at < now() - make_interval(secs => %s)
   AND NOT EXISTS (SELECT 1 FROM store_worker n WHERE starts_with(n.host, 'intake@') AND n.started_at > w.beat_at)
 ORDER BY w.beat_at
"""


@dataclass(frozen=True, slots=True)
class Silent:
    """A process that takes deliveries and is not heard of since."""

    host: str
    since: datetime


def host(kind: str = "") -> str:
    """This machine's name, as a beat says it."""
    return (kind + socket.gethostname())[:255]


def silent(cursor: Any) -> list[Silent]:
    """Processes that took deliveries and stopped without saying so; nobody has taken their place. `cursor`: Django's, or a link."""
    found = cursor.execute(SILENT, [SILENT_S])
    return [Silent(*row) for row in (found if found is not None else cursor).fetchall()]


def beat_of(id: uuid.UUID, pid: int) -> list[Any]:
    """The parameters of BEAT for a process that takes deliveries."""
    return [id, host(INTAKE), pid]
