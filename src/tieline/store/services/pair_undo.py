"""Undo of a pair's run, as a person asks for it: what it would delete is said first, and many only go once they have confirmed how many.

deletes(workspace, run) -> Deletes                             what undoing it deletes
undo(workspace, user, pair, options, confirmed=0) -> int       the run that does it; DeclinedError undo.deletes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from django.db import connection
from django.db.models import Count

from tieline.core.errors import TielineError
from tieline.core.pairing import Side
from tieline.engine.sync.limits import most_of
from tieline.engine.sync.undo import cannot_undo
from tieline.flows.customers import CUSTOMERS
from tieline.store.connection import workspace_tx
from tieline.store.models import SyncOperation, SyncRun
from tieline.store.services import pairs
from tieline.store.services.asking import manifest_of
from tieline.store.services.customers import pair as read_pair
from tieline.store.services.customers import side_of
from tieline.store.services.declined import DeclinedError

if TYPE_CHECKING:
    from tieline.store.team.models import User

_LINKS: Final = """
SELECT role, sum(count)::bigint FROM store_synccount WHERE pair_id = %s AND epoch = %s AND what = 'link' GROUP BY role
"""


@dataclass(frozen=True, slots=True)
class Deletes:
    """What undoing a run deletes. by: side → how many records that it made there; kept: how many the vendors do not let us delete;
    many: whether that is more than may go without anybody confirming it, and most, how many may."""

    by: Mapping[Side, int] = field(default_factory=dict)
    kept: int = 0
    many: bool = False
    most: int = 0

    @property
    def count(self) -> int:
        return sum(self.by.values())


def deletes(workspace: int, run: SyncRun) -> Deletes:
    """Records that a run made, as far as nobody has changed them since: those stay, and nobody knows of them before they are read."""
    with workspace_tx(workspace):
        return _deletes(run)


def _deletes(run: SyncRun) -> Deletes:
    made = SyncOperation.objects.filter(workspace_id=run.workspace_id, run_id=run.pk, verb="create", state="done")
    rows = list(made.values_list("role", "side").annotate(count=Count("pk")))
    if not rows:
        return Deletes()
    pair = read_pair(run.workspace_id, run.pair_id)
    limit = CUSTOMERS.load(pair.settings or {}).deletions
    with connection.cursor() as cursor:
        cursor.execute(_LINKS, [pair.id, run.epoch])
        links = dict(cursor.fetchall())
    going: Counter[str] = Counter()
    by: Counter[Side] = Counter()
    kept = 0
    for role, text, count in rows:
        side = side_of(text)
        if _stays(pair.connection(side).connector, role):
            kept += count
        else:
            going[role] += count
            by[side] += count
    mosts = {role: most_of(links.get(role, 0), limit.share, limit.count) for role in going}
    return Deletes(by, kept, any(going[role] > most for role, most in mosts.items()), min(mosts.values(), default=0))


def _stays(connector: str, role: str) -> bool:
    try:
        return cannot_undo("create", role, manifest_of(connector).capabilities) is not None
    except (DeclinedError, TielineError):  # the connector is not installed any more: the run says so
        return False


def undo(workspace: int, user: User | None, pair: int, options: Mapping[str, Any], *, confirmed: int = 0) -> int:
    """As `pairs.undo`. confirmed: how many deletions the person has seen and agreed to; of one customer (`link`) nobody is asked."""
    with workspace_tx(workspace):
        run = SyncRun.objects.filter(workspace_id=workspace, pair_id=pair, pk=int(options.get("of") or 0)).first()
        if run is not None and not options.get("link"):
            going = _deletes(run)
            if going.many and confirmed < going.count:
                raise DeclinedError("undo.deletes", count=going.count, most=going.most)
        return pairs.undo(workspace, user, pair, options)
