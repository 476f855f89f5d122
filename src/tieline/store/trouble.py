"""What stopped work, kept where pages show it: the recovery decision of an error, applied.

Auth: the connection asks to be reconnected. Scope, Config: the flow pauses and names what it lacks. Anything else that stops
a drain stops the connection until a person has looked. Each raises one notice in the inbox.
"""

from __future__ import annotations

from typing import Any

import orjson

from tieline.core.errors import AuthError, ConfigError, ScopeError, TielineError
from tieline.core.reasons import declare
from tieline.store.pool import Link

NEEDS_RECONNECT = declare("connection.needs_reconnect", "title", "error")
STOPPED = declare("connection.stopped", "title", "error")
FLOW_PAUSED = declare("flow.paused", "flow", "title", "error")

_CONNECTION = """
UPDATE store_connection SET state = %s, trouble = %s::jsonb, trouble_since = coalesce(trouble_since, now())
 WHERE workspace_id = %s AND id = %s AND state = 'active' RETURNING title
"""
_FLOW = """
UPDATE store_flowsetting f SET state = 'paused', trouble = %s::jsonb FROM store_connection c
 WHERE f.workspace_id = %s AND f.target_id = %s AND f.flow = %s AND f.state <> 'paused' AND c.id = f.target_id
RETURNING c.title
"""
_NOTICE = """
INSERT INTO store_inboxitem AS i (workspace_id, connection_id, epoch, flow, kind, topic, reason, options, state, times, created,
                                  last_at)
SELECT c.workspace_id, c.id, c.epoch, %s, %s, c.id::text, %s::jsonb, '[]', 'open', 1, now(), now()
  FROM store_connection c WHERE c.id = %s
ON CONFLICT (workspace_id, flow, kind, topic) WHERE state = 'open' AND subject_id IS NULL AND pair_id IS NULL DO UPDATE
   SET times = i.times + 1, last_at = now(), reason = excluded.reason
"""
_WELL = """
UPDATE store_connection
   SET answered_at = now(), trouble = CASE WHEN trouble->>'code' = 'connection.no_origin' THEN trouble END,
       trouble_since = CASE WHEN trouble->>'code' = 'connection.no_origin' THEN trouble_since END
 WHERE workspace_id = %s AND id = %s
"""
_UNWELL = """
UPDATE store_connection SET trouble = %s::jsonb, trouble_since = coalesce(trouble_since, now())
 WHERE workspace_id = %s AND id = %s
"""


def error_json(error: BaseException) -> dict[str, Any]:
    """An error as a code with parameters; of a mistake of ours only its name."""
    if isinstance(error, TielineError):
        params = {name: value for name, value in error.params.items() if isinstance(value, str | int | float | bool)}
        return {"code": error.code, **({"params": params} if params else {})}
    return {"code": TielineError.code, "params": {"error": type(error).__name__}}


def stop(link: Link, workspace: int, target: int, flow: str, error: TielineError) -> None:
    """Applies what follows from an error that stopped the drain of a flow."""
    said = error_json(error)
    text = orjson.dumps(said).decode()
    if isinstance(error, ScopeError | ConfigError):
        row = link.execute(_FLOW, [text, workspace, target, flow]).fetchone()
        code, of_flow = FLOW_PAUSED, flow
    else:
        state = "needs_reconnect" if isinstance(error, AuthError) else "stopped"
        row = link.execute(_CONNECTION, [state, text, workspace, target]).fetchone()
        code, of_flow = (NEEDS_RECONNECT if isinstance(error, AuthError) else STOPPED), ""
    if row is None:  # somebody was quicker
        return
    params = {"title": row[0], "error": said, **({"flow": flow} if of_flow else {})}
    reason = orjson.dumps({"code": code, "params": params}).decode()
    link.execute(_NOTICE, [of_flow, code, reason, target])


def well(link: Link, workspace: int, connection: int) -> None:
    """The vendor answered. That it has no room for our key is no trouble that an answer ends."""
    link.execute(_WELL, [workspace, connection])


def unwell(link: Link, workspace: int, connection: int, error: BaseException) -> None:
    """The vendor does not answer properly; work waits and goes on by itself."""
    link.execute(_UNWELL, [orjson.dumps(error_json(error)).decode(), workspace, connection])
