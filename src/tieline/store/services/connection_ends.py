"""The end of a connection, and what stops with it.

stops(workspace, id) -> Stops                       what a disconnect would stop
disconnect(workspace, user, id) -> tuple[str, …]    ends it; titles of systems that go on delivering until a person stops them
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tieline.store.connection import workspace_tx
from tieline.store.models import ConnectionState, FlowSetting, FlowSource, OpenEvent, Secret
from tieline.store.services import change_feeds, connections, customers, pairs
from tieline.store.services.asking import opening_of
from tieline.store.services.audit import note

if TYPE_CHECKING:
    from tieline.store.team.models import User


@dataclass(frozen=True, slots=True)
class Stops:
    """What a disconnect stops: flows that write there, flows that lose a source, events that wait to be worked on, pairs that are
    taken apart."""

    writing: tuple[str, ...]
    listening: tuple[str, ...]
    waiting: int
    pairs: tuple[str, ...] = ()


def stops(workspace: int, connection: int) -> Stops:
    """What a disconnect would stop."""
    row = connections.get(workspace, connection)
    with workspace_tx(workspace):
        writing = FlowSetting.objects.filter(workspace_id=workspace, target=row).values_list("flow", flat=True)
        listening = FlowSetting.objects.filter(workspace_id=workspace, sources__source=row).values_list(
            "flow", flat=True
        )
        waiting = OpenEvent.objects.filter(workspace_id=workspace, source_id=row.pk).count()
        names = tuple(name for _, name in _pairs(workspace, row.pk))
        return Stops(tuple(writing), tuple(listening), waiting, names)


def disconnect(workspace: int, user: User | None, connection: int) -> tuple[str, ...]:
    """Ends it: its pairs are taken apart and the vendor is told to deliver nothing more, while it can still be asked; then it is told
    to forget our grant (as far as it answers), secrets are deleted, the address for events stops working, flows that wrote there
    stop. Runs and what was written stay for the story. Titles of systems that a person has to stop by hand."""
    if connections.get(workspace, connection).state == ConnectionState.DISCONNECTED:
        return ()
    with workspace_tx(workspace):
        mine = [pair for pair, _ in _pairs(workspace, connection)]
    left = [title for pair in mine for title in pairs.end(workspace, user, pair)]
    if change_feeds.release(workspace, user, connection):
        left.append(connections.get(workspace, connection).title)
    with workspace_tx(workspace):
        row = connections.locked(workspace, connection)
        if row.state == ConnectionState.DISCONNECTED:
            return tuple(left)
        opening, grant = opening_of(row), connections.grant_of(row)
        row.state, row.intake_hash = ConnectionState.DISCONNECTED, None
        row.intake_hash_before, row.intake_until = None, None
        row.is_main_crm = False
        row.trouble, row.trouble_since = None, None
        row.save()
        Secret.objects.filter(workspace_id=workspace, connection=row).delete()
        FlowSource.objects.filter(workspace_id=workspace, source=row).delete()
        FlowSetting.objects.filter(workspace_id=workspace, target=row).update(live=False, live_since=None)
        note(workspace, user, "connection.ended", title=row.title)
    if grant is not None:
        connections.revoke(opening, grant)
    return tuple(left)


def _pairs(workspace: int, connection: int) -> list[tuple[int, str]]:
    """(id, name) of the pairs that it is a side of. Inside `workspace_tx`."""
    return list(customers.using(workspace, connection).order_by("pk").values_list("pk", "name"))
