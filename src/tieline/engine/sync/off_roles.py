"""Roles that are switched off while records of them wait: nobody looks at those, so they may not stay due. Else they would keep
others behind them waiting for ever, and their pair would be found due every second.

They are set aside as they are found (stuck, with what was said of them), since they fall due in many ways: a delivery, an answer in
the inbox, a parent that is linked. Once their role is on again they fall due together.
"""

from __future__ import annotations

from collections.abc import Sequence

from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.batching import settle
from tieline.engine.sync.items import Pass
from tieline.engine.sync.ports import Settled, WaitingRow
from tieline.engine.sync.sides import WATCHED


async def wake(this: Pass) -> None:
    """What was set aside of roles that are on again falls due."""
    pair = this.pair
    await pair.run(lambda: pair.store.due_again(reasons.ROLE_OFF, pair.customers.roles))


async def set_aside(this: Pass, rows: Sequence[WaitingRow]) -> bool:
    """Sets aside those of these due rows whose role is off; whether there was any. Watched records are no role that is kept the
    same (`watched`). In a dry run too: it takes nothing away."""
    roles = this.pair.customers.roles
    off = [row for row in rows if row.role not in roles and not row.role.startswith(WATCHED)]
    for row in off:
        row.state, row.due_at, row.why = "stuck", None, reason(reasons.ROLE_OFF, role=row.role)
    if off:
        await settle(this, Settled(waiting=off))
    return bool(off)
