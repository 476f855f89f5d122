"""What is wrong with an installation, asked of it while it runs or not."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tieline.jobs.beat import HANGS_S
from tieline.store import living
from tieline.store.drain_session import DRAIN_LOCK
from tieline.store.pool import connect

OLDEST_POSTGRES = 150000


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `code` names it; params say what was found."""

    is_well: bool
    code: str
    params: dict[str, Any] = field(default_factory=dict)


def findings(url: str, key_file: Path, missing_migrations: int) -> list[Finding]:
    """Everything looked at, in the order in which it should be put right."""
    out = [_keys(key_file)]
    try:
        link = connect(url, name="tieline doctor")
    except psycopg.OperationalError as error:
        return [*out, Finding(False, "doctor.database", {"error": type(error).__name__})]
    with link:
        version = link.info.server_version
        out.append(Finding(version >= OLDEST_POSTGRES, "doctor.postgres", {"version": version // 10000}))
        role = _one(link, "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user")
        out.append(Finding(bool(role), "doctor.role", {"role": link.info.user}))
        out.append(Finding(missing_migrations == 0, "doctor.tables", {"missing": missing_migrations}))
        if missing_migrations:
            return out
        alive = _one(link, living.WORKERS, HANGS_S)
        out.append(Finding(alive > 0, "doctor.worker", {"alive": alive}))
        silent = living.silent(link)
        hosts = ", ".join(one.host for one in silent)
        out.append(Finding(not silent, "doctor.intake", {"stopped": len(silent), "hosts": hosts or "-"}))
        left = _one(
            link,
            "SELECT count(*) FROM store_due_targets() d WHERE d.ready AND NOT EXISTS (SELECT 1 FROM pg_locks l"
            " WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = d.target::int AND l.granted)",
            DRAIN_LOCK,
        )
        out.append(Finding(left == 0, "doctor.due", {"targets": left}))
    return out


def _keys(path: Path) -> Finding:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return Finding(False, "doctor.keys_missing", {"path": str(path)})
    return Finding(not mode & 0o077, "doctor.keys", {"path": str(path), "mode": f"{mode:o}"})


def _one(link: psycopg.Connection[Any], query: LiteralString, *values: object) -> Any:
    row = link.execute(query, values).fetchone()
    return row[0] if row else None
