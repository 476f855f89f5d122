"""What people do with pairs and their customers. Whatever is to be written is left to the worker that holds the pair: a page
keeps the wish in one transaction and wakes it.

    create(workspace, user, left, right) -> int             two connections become a pair, with settings that work unedited
    checked(workspace, pair, raw) -> Checked                what saving these settings would mean
    save(workspace, user, pair, raw, base=None) -> int      a new version; ClashesError
    switch(workspace, user, pair, on), go_live, end         the master switch; write or only watch; taken apart
    ask(workspace, user, pair, kind, options) -> int        a run: preview, transfer, reconcile
    approve(workspace, user, run) -> int                    what a dry run planned is applied
    wish(workspace, user, run, "pause" | "stop" | "")       a run is paused, stopped, or goes on
    undo(workspace, user, pair, options) -> int             of a run, a customer, a field
    tell(workspace, user, customer, told, seen)             a person's word about one customer
    mark(workspace, user, customer, on)                     kept the same or not (CUST-2)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.db.models import F
from django.utils import timezone
from pydantic import ValidationError

from tieline.core.errors import TielineError
from tieline.core.flow import Clash, Target
from tieline.core.pairing import SIDES, Side
from tieline.flows.customers import CUSTOMERS
from tieline.flows.customers.opening import opens
from tieline.flows.customers.reasons import STOPPED
from tieline.store.connection import workspace_tx
from tieline.store.models import (
    Connection,
    ConnectionState,
    SyncLink,
    SyncPair,
    SyncPairVersion,
    SyncRun,
    SyncWaiting,
)
from tieline.store.models.pairs import PairState
from tieline.store.services import change_feeds, pair_cases
from tieline.store.services.asking import manifest_of
from tieline.store.services.audit import note
from tieline.store.services.customers import Customer, Pair
from tieline.store.services.customers import pair as read_pair
from tieline.store.services.declined import DeclinedError
from tieline.store.services.flow_settings import ClashesError
from tieline.store.services.schemas import target_of
from tieline.store.team.models import Workspace

if TYPE_CHECKING:
    from tieline.store.team.models import User

ASKED: Final = ("preview", "transfer", "reconcile", "changes")
"""Kinds of runs that a person begins."""
OPEN: Final = ("running", "paused")


@dataclass(frozen=True, slots=True)
class Checked:
    """What saving settings would mean. `malformed`: dotted places that are no valid settings at all."""

    settings: Any = None
    clashes: tuple[Clash, ...] = ()
    remarks: tuple[Clash, ...] = ()
    malformed: tuple[str, ...] = ()


def candidates(workspace: int) -> list[Connection]:
    """Connections that can be a side: they hold customers or contact persons."""
    with workspace_tx(workspace):
        rows = list(Connection.objects.filter(workspace_id=workspace, state=ConnectionState.ACTIVE).order_by("pk"))
    return [row for row in rows if _holds(row)]


def _holds(row: Connection) -> bool:
    try:
        manifest = manifest_of(row.connector)
    except (DeclinedError, TielineError):
        return False
    return "records" in manifest.facets and bool({"account", "contact"} & set(manifest.roles))


def targets(pair: Pair) -> dict[Side, Target]:
    """What each side can hold, as it was last described."""
    with workspace_tx(pair.row.workspace_id):
        return {side: target_of(pair.connection(side)) for side in SIDES}


def create(workspace: int, user: User | None, left: int, right: int) -> int:
    """Two connections become a pair: it watches (writes nothing) until somebody goes live."""
    with workspace_tx(workspace):
        rows = {row.pk: row for row in Connection.objects.filter(workspace_id=workspace, pk__in=[left, right])}
        if left == right or len(rows) != len(SIDES) or not all(_holds(row) for row in rows.values()):
            raise DeclinedError("pair.not_two")
        known = SyncPair.objects.filter(workspace_id=workspace, left_id=left, right_id=right)
        if known.exclude(state=PairState.ENDED).exists():
            raise DeclinedError("pair.there_already")
        name = f"{rows[left].title} – {rows[right].title}"[:120]
        row = SyncPair.objects.create(
            workspace_id=workspace, left_id=left, right_id=right, name=name, created_by=user, version=1
        )
        ends = {"left": target_of(rows[left]), "right": target_of(rows[right])}
        country = Workspace.objects.get(pk=workspace).country or "DK"
        raw = CUSTOMERS.defaults(ends["left"], ends["right"], country)
        SyncPairVersion.objects.create(workspace_id=workspace, pair=row, number=1, settings=raw, saved_by=user)
        note(workspace, user, "pair.created", pair=name)
        pair_cases.wake(row.pk)
    return row.pk


def checked(workspace: int, pair: int, raw: Mapping[str, Any]) -> Checked:
    """What saving these settings would mean; nothing is stored."""
    return _checked(read_pair(workspace, pair), raw)


def _checked(pair: Pair, raw: Mapping[str, Any]) -> Checked:
    try:
        settings = CUSTOMERS.load(raw)
    except ValidationError as error:
        return Checked(malformed=tuple(".".join(map(str, one["loc"])) for one in error.errors()))
    found = CUSTOMERS.check(settings, targets(pair))
    return Checked(settings, tuple(found.clashes), tuple(found.remarks))


def save(workspace: int, user: User | None, pair: int, raw: Mapping[str, Any], *, base: int | None = None) -> int:
    """A new version, in force at once; its number. Refused with clashes."""
    shown = read_pair(workspace, pair)
    said = _checked(shown, raw)
    if said.malformed:
        raise DeclinedError("flow.malformed", places=", ".join(said.malformed[:5]))
    if said.clashes:
        raise ClashesError(said.clashes)
    with workspace_tx(workspace):
        row = _locked(workspace, pair)
        if base is not None and base != row.version:
            raise DeclinedError("flow.changed_meanwhile")
        before = SyncPairVersion.objects.filter(workspace_id=workspace, pair=row, number=row.version).first()
        row.version += 1
        SyncPairVersion.objects.create(
            workspace_id=workspace, pair=row, number=row.version, settings=dict(raw), saved_by=user
        )
        if row.live and before is not None and opens(CUSTOMERS.load(before.settings), said.settings):
            _catch_up(row, user)
        row.poll_at = timezone.now()
        row.save(update_fields=["version", "poll_at"])
        note(workspace, user, "pair.saved", pair=row.name, version=row.version)
        pair_cases.wake(row.pk)
    return row.version


def _catch_up(row: SyncPair, user: User | None) -> None:
    """What was held back until now moves: no change tells of it again, so the linked ones are compared anew. One that is under way
    for earlier settings is over."""
    whose = {"workspace_id": row.workspace_id, "pair_id": row.pk}
    SyncRun.objects.filter(kind="reconcile", state__in=OPEN, options__has_key="mend", **whose).update(wish="stop")
    SyncRun.objects.create(
        epoch=row.left.epoch + row.right.epoch, kind="reconcile", options={"mend": row.version}, version=row.version,
        asked_by=user, **whose,
    )  # fmt: skip


def switch(workspace: int, user: User | None, pair: int, on: bool) -> None:
    """The master switch: off, nobody is asked anything."""
    _change(workspace, user, pair, "pair.switched_on" if on else "pair.switched_off", on=on)


def go_live(workspace: int, user: User | None, pair: int, live: bool) -> None:
    """Write, or only watch: a transfer under way pauses then, until somebody has it go on."""
    since = timezone.now() if live else None
    _change(workspace, user, pair, "pair.live" if live else "pair.watching", live=live, live_since=since)
    if not live:
        with workspace_tx(workspace):
            moving = SyncRun.objects.filter(workspace_id=workspace, pair_id=pair, kind="transfer", state="running")
            moving.filter(wish="").update(wish="pause")


def end(workspace: int, user: User | None, pair: int) -> tuple[str, ...]:
    """Takes a pair apart: nothing is kept the same any more, what was written stays. What its systems tell of changes is ended there,
    where no other pair needs it; titles of those where a person has to take it away by hand."""
    _change(workspace, user, pair, "pair.ended", state=PairState.ENDED, on=False)
    row = read_pair(workspace, pair)
    connections = [one for one in (row.left, row.right) if one.state != ConnectionState.DISCONNECTED]
    return tuple(one.title for one in connections if change_feeds.release(workspace, user, one.pk))


def go_on(workspace: int, user: User | None, pair: int) -> None:
    """After trouble that a person has mended."""
    _change(workspace, user, pair, "pair.resumed", state=PairState.ACTIVE, trouble=None, trouble_since=None)


def _change(workspace: int, user: User | None, pair: int, action: str, **values: Any) -> None:
    with workspace_tx(workspace):
        row = _locked(workspace, pair)
        for name, value in values.items():
            setattr(row, name, value)
        row.poll_at = timezone.now()
        row.save(update_fields=[*values, "poll_at"])
        note(workspace, user, action, pair=row.name)
        pair_cases.wake(row.pk)


def ask(workspace: int, user: User | None, pair: int, kind: str, options: Mapping[str, Any] | None = None) -> int:
    """A run for the worker that holds the pair; its id. One of its kind at a time."""
    if kind not in ASKED:
        raise DeclinedError("pair.no_such_run")
    with workspace_tx(workspace):
        row = _locked(workspace, pair)
        if kind == "transfer" and not row.live:
            raise DeclinedError("pair.watching")
        only_read = {"watch": True} if kind == "changes" and not row.live else {}
        return _begun(workspace, user, row, kind, {**(options or {}), **only_read})


def approve(workspace: int, user: User | None, run: int) -> int:
    """What a finished dry run planned is applied; a record that moved meanwhile goes to the inbox."""
    with workspace_tx(workspace):
        row = SyncRun.objects.filter(workspace_id=workspace, pk=run).first()
        if row is None or row.kind != "preview" or row.state != "done":
            raise DeclinedError("pair.nothing_to_approve")
        if SyncRun.objects.filter(workspace_id=workspace, kind="approved", options__of=run).exists():
            raise DeclinedError("pair.approved_before")
        return _begun(workspace, user, _locked(workspace, row.pair_id), "approved", {"of": run})


def undo(workspace: int, user: User | None, pair: int, options: Mapping[str, Any]) -> int:
    """Takes back what a run wrote: options {"of": its id}, and "link" (its key) for one customer, "line" (its name) for one field."""
    with workspace_tx(workspace):
        row = _locked(workspace, pair)
        before = SyncRun.objects.filter(workspace_id=workspace, pair_id=pair, pk=int(options.get("of") or 0)).first()
        if before is None or before.state in OPEN:
            raise DeclinedError("undo.not_there")
        kind = "redo" if before.kind == "undo" else "undo"
        return _begun(workspace, user, row, kind, options)


def _begun(workspace: int, user: User | None, row: SyncPair, kind: str, options: Mapping[str, Any]) -> int:
    if row.state == PairState.ENDED or not row.version:
        raise DeclinedError("pair.gone")
    if not row.on:
        raise DeclinedError("pair.off")
    here = SyncRun.objects.filter(workspace_id=workspace, pair_id=row.pk, kind=kind, state__in=OPEN)
    if any(one.options == dict(options) or kind in ASKED for one in here):
        raise DeclinedError("pair.running_already")
    epoch = row.left.epoch + row.right.epoch
    made = SyncRun.objects.create(
        workspace_id=workspace,
        pair_id=row.pk,
        epoch=epoch,
        kind=kind,
        options=dict(options),
        version=row.version,
        asked_by=user,
    )
    if kind != "asked":
        note(workspace, user, "pair.asked", pair=row.name, run=kind)
    pair_cases.wake(row.pk)
    return made.pk


def wish(workspace: int, user: User | None, run: int, wanted: str) -> None:
    """A person wants a run to pause, to stop, or ("") to go on."""
    if wanted not in ("pause", "stop", ""):
        raise DeclinedError("pair.no_such_run")
    with workspace_tx(workspace):
        row = SyncRun.objects.select_for_update().filter(workspace_id=workspace, pk=run).first()
        if row is None or row.state not in OPEN:
            raise DeclinedError("pair.run_over")
        kept = SyncPair.objects.get(workspace_id=workspace, pk=row.pair_id)
        if not wanted and row.kind == "transfer" and not kept.live:
            raise DeclinedError("pair.watching")
        row.wish = wanted
        if not wanted and row.state == "paused":
            row.state = "running"
        row.save(update_fields=["wish", "state"])
        note(workspace, user, "pair.run_wish", pair=kept.name, run=row.kind, wish=wanted or "go on")
        pair_cases.wake(row.pair_id)


def tell(workspace: int, user: User | None, customer: Customer, told: Mapping[str, Any], seen: str = "") -> int:
    """A person's word about one customer (`core.pairing.Told` as JSON), worked on at once; the run that does it. seen: digest of
    what the person saw: where something moved since, nothing is written and the run says so."""
    options: dict[str, Any] = {"role": customer.role, "side": customer.side, "id": customer.id, "told": dict(told)}
    if seen:
        options["seen"] = seen
    if user is not None:
        options["by"] = user.name
    if not customer.pair.keeps(customer.role):
        raise DeclinedError("pair.not_kept")
    with workspace_tx(workspace):
        made = _begun(workspace, user, _locked(workspace, customer.pair.id), "asked", options)
        note(workspace, user, "customer.told", customer=customer.name, role=customer.role, what=_what(told))
    return made


def mark(workspace: int, user: User | None, customer: Customer, on: bool) -> None:
    """Kept the same or not. Off, its link and what it agreed on stay; on again, what moved meanwhile is merged."""
    with workspace_tx(workspace):
        row = _locked(workspace, customer.pair.id)
        link = (
            SyncLink.objects.select_for_update().filter(workspace_id=workspace, pk=customer.link.pk).first()
            if customer.link
            else None
        )
        if link is None:
            raise DeclinedError("pair.not_linked")
        if (link.state == "stopped") == (not on):
            return
        link.state, link.why, link.code = ("linked", None, "") if on else ("stopped", None, "")
        link.save(update_fields=["state", "why", "code"])
        if on:
            place = (customer.role, customer.side, customer.id)
            pair_cases.tell(workspace, row.pk, customer.pair.epoch, *place, {}, customer.name)
            _look_at_persons(link)
        note(workspace, user, "customer.marked" if on else "customer.unmarked", customer=customer.name)
        pair_cases.wake(row.pk)


def _look_at_persons(link: SyncLink) -> None:
    """Contact persons of a customer that is kept the same again: what moved meanwhile is merged, and new ones are made."""
    kept = {"workspace_id": link.workspace_id, "pair_id": link.pair_id, "epoch": link.epoch}
    for one in SyncLink.objects.filter(parent=link.key, **kept).iterator():
        place = (one.role, "left", one.left_id)
        pair_cases.tell(link.workspace_id, link.pair_id, link.epoch, *place, {}, one.name)
    stopped = SyncWaiting.objects.filter(state="stuck", code=STOPPED, **kept)
    stopped.update(state="due", due_at=timezone.now(), revision=F("revision") + 1)


def _what(told: Mapping[str, Any]) -> str:
    """What a person said, as a code for the audit log."""
    if told.get("deletion"):
        return str(told["deletion"])
    if told.get("create"):
        return "create"
    if told.get("partner"):
        return "link"
    return "choose" if told.get("choices") else "look"


def _locked(workspace: int, pair: int) -> SyncPair:
    row = (
        SyncPair.objects.select_for_update(of=("self",))
        .select_related("left", "right")
        .filter(workspace_id=workspace, pk=pair)
        .exclude(state=PairState.ENDED)
        .first()
    )
    if row is None:
        raise DeclinedError("pair.gone")
    return row
