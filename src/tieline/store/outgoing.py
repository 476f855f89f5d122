"""The worker's part of outgoing webhooks: messages claimed across workspaces, what they say, and what became of them.

    for one in claim(rows, seal, worker, most, enough): …
    body_of(rows, one) -> bytes | None
    settle(rows, one, status, trouble)

Whoever claimed a message has it for LEASE_S; a worker that dies leaves it to the next one, which sends it again under the same
id. Only who has it still settles it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from tieline.core.reasons import declare
from tieline.store import public_ids
from tieline.store.pool import Link, Rows
from tieline.store.secrets import Seal, SealBrokenError

LEASE_S = 60.0
"""Longer than sending takes, so that no message is sent twice at once."""
OF_ONE = 8
"""Messages of one hook under way in one worker."""
AGAIN_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000)
"""Seconds after each failure; after the one behind the last it is given up (the schedule of the Standard Webhooks)."""
PATIENCE_S = 5 * 86_400
"""A hook that has failed for so long is switched off."""
GONE = 410

REFUSED = declare("hook.refused", "status")
NO_ANSWER = declare("hook.no_answer")
NOT_PUBLIC = declare("hook.not_public")
SEALED = declare("hook.sealed")
OFF_GONE = declare("hook.off_gone")
OFF_FAILING = declare("hook.off_failing", "days")
SWITCHED_OFF = declare("hook.switched_off", "title", "error")
"""A notice to those who may switch it on again; its topic is the hook."""

_CLAIM = "SELECT * FROM store_claim_hooks(%s, %s, %s, %s, %s::bigint[])"
_RUN = """
SELECT r.flow, r.state, r.kind, r.subject_id, r.target_id, r.started_at, r.finished_at
  FROM store_run r WHERE r.workspace_id = %s AND r.id = %s
"""
_RECORDS = """
SELECT o.role, o.verb, o.external_id FROM store_operation o
 WHERE o.workspace_id = %s AND o.run_id = %s AND o.state = 'done' AND o.external_id IS NOT NULL ORDER BY o.position
"""
# One that a remembered decision answered as it was asked never waited for anybody.
_ITEM = """
SELECT i.kind, i.flow, i.reason->>'code', i.reason->'params'->'error'->>'code', i.connection_id, i.subject_id, i.run_id
  FROM store_inboxitem i WHERE i.workspace_id = %s AND i.id = %s AND i.remembered_id IS NULL
"""
_SETTLE = """
UPDATE store_hookdelivery SET state = %(state)s::text, due_at = now() + make_interval(secs => %(wait)s::float8), lease = NULL,
       last_status = %(status)s::int, done_at = CASE WHEN %(state)s::text <> 'due' THEN now() END
 WHERE workspace_id = %(workspace)s AND id = %(id)s AND lease = %(lease)s
"""
_WORKED = """
UPDATE store_hook SET last_status = %s::int, last_at = now(), failing_since = NULL, trouble = NULL
 WHERE workspace_id = %s AND id = %s AND active
"""
_FAILED = """
UPDATE store_hook SET last_status = %s::int, last_at = now(), failing_since = coalesce(failing_since, now()), trouble = %s::jsonb
 WHERE workspace_id = %s AND id = %s AND active RETURNING extract(epoch FROM now() - failing_since)::float8
"""
_OFF = "UPDATE store_hook SET active = false, trouble = %s::jsonb WHERE workspace_id = %s AND id = %s RETURNING title"
_NOTICE = """
INSERT INTO store_inboxitem AS i (workspace_id, epoch, flow, kind, topic, reason, options, state, times, created, last_at)
VALUES (%s, 1, '', %s, %s, %s::jsonb, '[]', 'open', 1, now(), now())
ON CONFLICT (workspace_id, flow, kind, topic) WHERE state = 'open' AND subject_id IS NULL AND pair_id IS NULL DO UPDATE
   SET times = i.times + 1, last_at = now(), reason = excluded.reason
"""
_DROP = """
UPDATE store_hookdelivery SET state = 'given_up', done_at = now(), lease = NULL
 WHERE workspace_id = %s AND hook_id = %s AND state = 'due'
"""
_RELEASE = """
UPDATE store_hookdelivery SET due_at = now(), lease = NULL, attempts = attempts - 1
 WHERE workspace_id = %s AND id = %s AND lease = %s
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A claimed message. secrets: those that sign it, the current one first; none where they do not open. attempts: with this
    one."""

    id: int
    workspace: int
    hook: int
    url: str
    secrets: Sequence[str] = field(repr=False)
    message: uuid.UUID
    kind: str
    about: int | None
    created: datetime
    attempts: int
    lease: uuid.UUID

    @property
    def shown(self) -> str:
        """Its id outside, the same with every attempt."""
        return message_id(self.message)


def message_id(message: uuid.UUID) -> str:
    """webhook-id."""
    return f"msg_{message.hex}"


def secret_place(hook: int) -> str:
    """The name under which a hook's secret is sealed."""
    return f"hook:{hook}"


def signature(secret: str, message: str, timestamp: int, body: bytes) -> str:
    """One entry of webhook-signature (https://www.standardwebhooks.com): HMAC-SHA256 of id.timestamp.body."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join((message.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def claim(rows: Rows, seal: Seal, most: int, enough: Sequence[int] = ()) -> list[Message]:
    """Up to so many messages that are due, none of the hooks in `enough`."""
    lease = uuid.uuid4()
    with rows.plain() as link:
        found = link.execute(_CLAIM, [most, OF_ONE, lease, LEASE_S, list(enough)]).fetchall()
    return [_message(seal, lease, *row) for row in found]


def _message(seal: Seal, lease: uuid.UUID, *row: Any) -> Message:
    id, workspace, hook, url, sealed, before, message, kind, about, created, attempts = row
    place = (workspace, 0, secret_place(hook))
    try:
        opened = [str(seal.open(bytes(one), *place)) for one in (sealed, before) if one is not None]
    except SealBrokenError:
        opened = []
    return Message(id, workspace, hook, url, opened, message, kind, about, created, attempts, lease)


def body_of(rows: Rows, one: Message) -> bytes | None:
    """What a message says: ids and codes, no values of calls or people. None where what it is about is there no more."""
    said = _said(rows, one)
    if said is None:
        return None
    return orjson.dumps({"type": one.kind, "timestamp": one.created.isoformat(), "data": said})


def _said(rows: Rows, one: Message) -> dict[str, Any] | None:
    if one.about is None:
        return {"hook": public_ids.of("hook").show(one.hook)}
    with rows.tx(one.workspace) as link:
        if one.kind == "run.finished":
            row = link.execute(_RUN, [one.workspace, one.about]).fetchone()
            if row is None:
                return None
            records = link.execute(_RECORDS, [one.workspace, one.about]).fetchall()
            return _run(one.about, row, records)
        row = link.execute(_ITEM, [one.workspace, one.about]).fetchone()
    return None if row is None else _item(one.about, row)


def _run(id: int, row: Sequence[Any], records: Sequence[Sequence[Any]]) -> dict[str, Any]:
    flow, state, kind, subject, target, started, finished = row
    return {
        "run": _id("run", id),
        "flow": flow,
        "state": state,
        "kind": kind or "decision",
        "call": _id("call", subject),
        "connection": _id("conn", target),
        "started_at": started.isoformat(),
        "finished_at": finished.isoformat() if finished is not None else None,
        "records": [{"role": role, "verb": verb, "external_id": external} for role, verb, external in records],
    }


def _item(id: int, row: Sequence[Any]) -> dict[str, Any]:
    kind, flow, code, error, connection, subject, run = row
    return {
        "case": _id("inbox", id),
        "kind": kind,
        "flow": flow or None,
        "reason": code,
        "error": error,
        "connection": _id("conn", connection),
        "call": _id("call", subject),
        "run": _id("run", run),
    }


def _id(kind: str, id: int | None) -> str | None:
    return None if id is None else public_ids.of(kind).show(id)


def done(rows: Rows, one: Message, status: int) -> None:
    """It arrived."""
    with rows.tx(one.workspace) as link:
        if link.execute(_SETTLE, _settled(one, "done", status)).rowcount:
            link.execute(_WORKED, [status, one.workspace, one.hook])


def dropped(rows: Rows, one: Message) -> None:
    """There is nothing to send any more."""
    with rows.tx(one.workspace) as link:
        link.execute(_SETTLE, _settled(one, "given_up", None))


def failed(rows: Rows, one: Message, status: int | None, code: str) -> None:
    """It did not arrive: due again, given up after the last attempt. 410, or five days without a success, switch the hook off
    with everything that waits for it, and people are told."""
    params = {"status": status} if code == REFUSED else {}
    with rows.tx(one.workspace) as link:
        again = one.attempts <= len(AGAIN_S)
        wait = AGAIN_S[one.attempts - 1] if again else 0
        if not link.execute(_SETTLE, _settled(one, "due" if again else "given_up", status, wait)).rowcount:
            return  # somebody else has it by now
        trouble = _json(code, params)
        row = link.execute(_FAILED, [status, trouble, one.workspace, one.hook]).fetchone()
        if row is None:
            return
        if status == GONE:
            _switch_off(link, one, {"code": OFF_GONE, "params": {}})
        elif row[0] >= PATIENCE_S:
            _switch_off(link, one, {"code": OFF_FAILING, "params": {"days": PATIENCE_S // 86_400}})


def _switch_off(link: Link, one: Message, why: dict[str, Any]) -> None:
    """Off, before people are told: it hears nothing of its own end."""
    row = link.execute(_OFF, [orjson.dumps(why).decode(), one.workspace, one.hook]).fetchone()
    if row is None:
        return
    link.execute(_DROP, [one.workspace, one.hook])
    said = _json(SWITCHED_OFF, {"title": row[0], "error": why})
    link.execute(_NOTICE, [one.workspace, SWITCHED_OFF, str(one.hook), said])


def release(rows: Rows, one: Message) -> None:
    """Not sent to its end: due at once, for whoever comes."""
    with rows.tx(one.workspace) as link:
        link.execute(_RELEASE, [one.workspace, one.id, one.lease])


def _settled(one: Message, state: str, status: int | None, wait: float = 0) -> dict[str, Any]:
    return {
        "state": state,
        "status": status,
        "wait": wait,
        "workspace": one.workspace,
        "id": one.id,
        "lease": one.lease,
    }


def _json(code: str, params: dict[str, Any]) -> str:
    return orjson.dumps({"code": code, "params": params}).decode()
