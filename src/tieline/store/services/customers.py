"""Customers that stand in two systems, as pages and the API ask for them.

    pairs(workspace) -> [Pair]                              every pair that is not taken apart, oldest first
    pair(workspace, id) -> Pair                             one; DeclinedError "pair.gone"
    using(workspace, connection) -> QuerySet[SyncPair]      those that a connection is a side of
    listed(pair, …) -> Listed                               links and records that wait, a page of them
    one(pair, role, side, record) -> Customer               one record with its link, its contact persons, what waits for it

Times are aware; ids of records are the vendor's, as text. Nothing here asks a vendor: a live look is `jobs/looking.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from tieline.core.pairing import SIDES, Side, other
from tieline.store.connection import workspace_tx
from tieline.store.models import Connection, SyncLink, SyncPair, SyncPairVersion, SyncRun, SyncWaiting
from tieline.store.models.pairs import PairState
from tieline.store.services import pair_views
from tieline.store.services.declined import DeclinedError
from tieline.store.services.pair_views import REFUSED

SIZE: Final = 50
MOST_NAMED: Final = 500
"""Links that the words of a name may find: the newest of them."""
LOOK_BACK: Final = 50
ASKED_FOR: Final = timedelta(minutes=10)
DECIDED: Final = ("choices", "partner", "create", "deletion")
"""What a person says of a record (`core.pairing.Told`)."""
STATES: Final = ("linked", "conflict", "failing", "pending", "stopped", "waiting", "excluded")
"""What a list can be narrowed to: states of links; "failing" records that the other system refuses, linked or not; "waiting" those that
will move, "excluded" those that cannot as they are. Each list has as many lines as `pair_views.health` counts."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as it stands. settings: JSON of the version in force, None before the first."""

    row: SyncPair
    left: Connection
    right: Connection
    settings: Mapping[str, Any] | None = None

    @property
    def id(self) -> int:
        return self.row.pk

    @property
    def epoch(self) -> int:
        """Of its rows: the sum of those of its connections."""
        return self.left.epoch + self.right.epoch

    def connection(self, side: Side) -> Connection:
        return self.left if side == "left" else self.right

    def keeps(self, role: str) -> bool:
        """Whether records of this role are kept the same."""
        roles = (self.settings or {}).get("roles") or ()
        return any(one.get("role") == role and one.get("on", True) for one in roles)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the list. state: of the link, or "waiting", "excluded", "asked" of a record that is linked with nothing; "failing" of
    either, where the other system refuses the write."""

    role: str
    side: Side
    id: str
    left_id: str
    right_id: str
    name: str
    state: str
    why: Mapping[str, Any] | None
    agreed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of lines, in order of id of their rows. older, newer: where the next page begins, None without one."""

    lines: Sequence[Line] = field(default=())
    older: int | None = None
    newer: int | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """One record. link None: it is linked with nothing (yet). waiting: what waits for it on either side."""

    pair: Pair
    role: str
    side: Side
    id: str
    link: SyncLink | None
    waiting: Sequence[SyncWaiting] = field(default=())
    persons: Sequence[SyncLink] = field(default=())
    parent: SyncLink | None = None
    asked: SyncRun | None = None
    """The newest run that a person asked for about this record, while it is worth telling of."""

    def id_of(self, side: Side) -> str:
        """Its id there, "" where it is not known to be there."""
        if self.link is not None:
            return self.link.left_id if side == "left" else self.link.right_id
        return self.id if side == self.side else ""

    @property
    def unfinished(self) -> dict[str, Any]:
        """What a person decided that could not be written everywhere yet: said again, it is finished."""
        found: dict[str, Any] = {}
        for row in self.waiting:
            found |= {
                name: value for name, value in (row.told or {}).items() if name in DECIDED and value not in (None, {})
            }
        return found

    @property
    def name(self) -> str:
        if self.link is not None and self.link.name:
            return self.link.name
        return next((row.name for row in self.waiting if row.name), "") or self.id


def pairs(workspace: int) -> list[Pair]:
    """Every pair of a workspace that is not taken apart."""
    with workspace_tx(workspace):
        return _pairs(SyncPair.objects.filter(workspace_id=workspace).exclude(state=PairState.ENDED).order_by("pk"))


def pair(workspace: int, id: int) -> Pair:
    """One pair, ended ones too."""
    with workspace_tx(workspace):
        found = _pairs(SyncPair.objects.filter(workspace_id=workspace, pk=id))
    if not found:
        raise DeclinedError("pair.gone")
    return found[0]


def using(workspace: int, connection: int) -> QuerySet[SyncPair]:
    """Pairs that are not ended and that this connection is a side of. Inside `workspace_tx`."""
    rows = SyncPair.objects.filter(Q(left_id=connection) | Q(right_id=connection), workspace_id=workspace)
    return rows.exclude(state=PairState.ENDED)


def _pairs(rows: Any) -> list[Pair]:
    found = list(rows.select_related("left", "right"))
    versions = SyncPairVersion.objects.filter(pair__in=found)
    kept = {(row.pair_id, row.number): row.settings for row in versions} if found else {}
    return [Pair(row, row.left, row.right, kept.get((row.pk, row.version))) for row in found]


def listed(
    pair: Pair, *, state: str = "", role: str = "", words: str = "", before: int | None = None, after: int | None = None
) -> Listed:
    """A page of a pair's records, the newest rows first. words: a part of the name, or a record's id on either side."""
    workspace = pair.row.workspace_id
    if state in ("waiting", "excluded", "failing"):
        return _waiting(pair, state, role, words, before, after)
    with workspace_tx(workspace):
        rows = SyncLink.objects.filter(workspace_id=workspace, pair_id=pair.id, epoch=pair.epoch)
        if state:
            rows = rows.filter(state=state)
        if role:
            rows = rows.filter(role=role)
        if words:
            named = pair_views.find(workspace, pair.id, words, MOST_NAMED)
            rows = rows.filter(Q(pk__in=named) | Q(left_id=words) | Q(right_id=words))
        found, older, newer = _page(rows.defer("base"), before, after)
    lines = [
        Line(one.role, "left" if one.left_id else "right", one.left_id or one.right_id, one.left_id, one.right_id, one.name,
             one.state, one.why, one.agreed_at)
        for one in found
    ]  # fmt: skip
    return Listed(lines, older, newer)


def _waiting(pair: Pair, state: str, role: str, words: str, before: int | None, after: int | None) -> Listed:
    workspace = pair.row.workspace_id
    with workspace_tx(workspace):
        rows = SyncWaiting.objects.filter(workspace_id=workspace, pair_id=pair.id, epoch=pair.epoch)
        rows = rows.filter(state__in=["due", "asked"] if state == "waiting" else ["stuck"])
        # counted as in `pair_views.health`: what the other system refuses is failing, linked or not
        rows = rows.filter(code=REFUSED) if state == "failing" else rows
        rows = rows.exclude(code=REFUSED) if state == "excluded" else rows
        if role:
            rows = rows.filter(role=role)
        if words:
            rows = rows.filter(Q(name__icontains=words) | Q(record=words))
        found, older, newer = _page(rows, before, after)
        linked = _links_of(pair, found) if state == "failing" else {}
    return Listed([_waits(one, linked.get((one.role, one.side, one.record))) for one in found], older, newer)


def _links_of(pair: Pair, found: Sequence[SyncWaiting]) -> dict[tuple[str, str, str], SyncLink]:
    """Their links, by role, side and id. Inside `workspace_tx`."""
    ids: dict[str, list[str]] = {side: [one.record for one in found if one.side == side] for side in SIDES}
    rows = SyncLink.objects.filter(workspace_id=pair.row.workspace_id, pair_id=pair.id, epoch=pair.epoch).defer("base")
    out: dict[tuple[str, str, str], SyncLink] = {}
    for one in rows.filter(Q(left_id__in=ids["left"]) | Q(right_id__in=ids["right"])):
        out |= {(one.role, "left", one.left_id): one, (one.role, "right", one.right_id): one}
    return out


def _waits(one: SyncWaiting, link: SyncLink | None) -> Line:
    left, right = (one.record, "") if one.side == "left" else ("", one.record)
    if link is not None:
        left, right = link.left_id, link.right_id
    state = pair_views.state_of_waiting(one.state, one.code)
    name = one.name or (link.name if link is not None else "")
    return Line(
        one.role, side_of(one.side), one.record, left, right, name, state, one.why, link.agreed_at if link else None
    )


def _page(rows: Any, before: int | None, after: int | None) -> tuple[list[Any], int | None, int | None]:
    """At most SIZE rows in falling order of id, with the keys of the pages beside them."""
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: SIZE + 1])
        more, found = len(found) > SIZE, found[:SIZE][::-1]
        return found, (found[-1].pk if found else None), (found[0].pk if found and more else None)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: SIZE + 1])
    more, found = len(found) > SIZE, found[:SIZE]
    return found, (found[-1].pk if more else None), (found[0].pk if before is not None and found else None)


def one(pair: Pair, role: str, side: Side, record: str) -> Customer:
    """One record of one side, with everything that is kept of it."""
    workspace, here = pair.row.workspace_id, {"pair_id": pair.id, "epoch": pair.epoch}
    with workspace_tx(workspace):
        links = SyncLink.objects.filter(workspace_id=workspace, **here)
        link = links.filter(role=role, **{f"{side}_id": record}).first()
        known = Q(side=side, record=record)
        if link is not None:
            across = link.right_id if side == "left" else link.left_id
            known |= Q(side=other(side), record=across)
        waiting = list(SyncWaiting.objects.filter(known, workspace_id=workspace, role=role, **here))
        persons = list(links.filter(parent=link.key).defer("base").order_by("name", "pk")[:200]) if link else []
        parent = links.filter(key=link.parent).defer("base").first() if link is not None and link.parent else None
        asked = _asked(pair, role, side, record)
    return Customer(pair, role, side, record, link, waiting, persons, parent, asked)


def _asked(pair: Pair, role: str, side: Side, record: str) -> SyncRun | None:
    """Inside `workspace_tx`."""
    runs = SyncRun.objects.filter(workspace_id=pair.row.workspace_id, pair_id=pair.id).order_by("-id")
    about = {"role": role, "side": side, "id": record}
    recent = timezone.now() - ASKED_FOR
    for row in runs.only("kind", "state", "options", "why", "finished_at")[:LOOK_BACK]:
        if row.kind == "asked" and all(row.options.get(name) == value for name, value in about.items()):
            return row if row.finished_at is None or row.finished_at > recent else None
    return None


def side_of(text: str) -> Side:
    """A side as it is kept, or stands in an address."""
    if text not in ("left", "right"):
        raise DeclinedError("pair.gone")
    return "left" if text == "left" else "right"
