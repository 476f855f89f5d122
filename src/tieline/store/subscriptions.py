"""Subscriptions to changes as a worker looks at them. Plain psycopg."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.conf import settings

from tieline.store.pool import Link, Rows
from tieline.store.secrets import INTAKE_KEY, Seal
from tieline.store.vendor_tokens import read_secrets

EVERY = "1 day"
UNPROVEN = "1 hour"

_DUE = "SELECT connection, workspace FROM store_due_subscriptions(%s::interval, %s::interval)"
# Taken by saying that it was looked at: nobody else does.
_TAKE = """
UPDATE store_subscription s SET checked_at = now() FROM store_connection c
 WHERE s.connection_id = %s AND s.workspace_id = %s AND c.id = s.connection_id
   AND coalesce(s.checked_at, s.made_at) < now() - CASE WHEN s.proven_at IS NULL THEN %s::interval ELSE %s::interval END
RETURNING s.how, c.title
"""
_KEEP = """
UPDATE store_subscription
   SET active = %s, trouble = %s::jsonb, made_at = CASE WHEN %s THEN now() ELSE made_at END,
       proven_at = CASE WHEN %s THEN NULL ELSE proven_at END
 WHERE connection_id = %s AND workspace_id = %s
"""


@dataclass(frozen=True, slots=True)
class Due:
    """A subscription whose look is due. how: "api" or "pasted"."""

    workspace: int
    connection: int
    how: str
    title: str


def take(rows: Rows) -> list[Due]:
    """Those that are due, now this worker's."""
    with rows.plain() as link:
        found = link.execute(_DUE, [EVERY, UNPROVEN]).fetchall()
    out: list[Due] = []
    for connection, workspace in found:
        with rows.tx(workspace) as link:
            row = link.execute(_TAKE, [connection, workspace, UNPROVEN, EVERY]).fetchone()
        if row is not None:
            out.append(Due(workspace, connection, row[0], row[1]))
    return out


def address(link: Link, seal: Seal, one: Due, secret: str) -> tuple[str, str]:
    """(where the vendor delivers to, what proves that it is the vendor); `secret`: the field's name."""
    kept = read_secrets(link, seal, one.workspace, one.connection)
    key = kept.get(INTAKE_KEY)
    return (f"{settings.TIELINE_PUBLIC_URL}/in/{key}" if key else "", str(kept.get(secret, "")))


def keep(
    link: Link, one: Due, *, active: bool | None, trouble: Mapping[str, Any] | None = None, made: bool = False
) -> None:
    """What a look came to. `made`: it was made again, and is to be proven again."""
    said = orjson.dumps(dict(trouble)).decode() if trouble is not None else None
    link.execute(_KEEP, [active, said, made, made, one.connection, one.workspace])
