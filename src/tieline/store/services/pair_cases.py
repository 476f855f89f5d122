"""Answers to questions of pairs: the person's word becomes a waiting row of the record, due now, in the transaction that answers.

choice, by the kind of the question (`engine.sync.ports.AskedRow`):

match     {"partner": id} one of the candidates · {"partner": "", "create": true} none of them, make it there · {"partner": ""} none
conflict  {"choices": {line: "left" | "right"}} for one line or more
deletion  {"deletion": "delete" | "restore" | "unlink"}
moved     {"again": true} do what follows now · {"leave": true}
unknown   {"partner": id} it is this one · {"create": true} it is not there, make it again
limit     {"bypass": true} once, for a run that goes on · {"leave": true}: what it would have deleted stays held
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tieline.store.connection import workspace_tx
from tieline.store.models import InboxItem, SyncPair, SyncRun
from tieline.store.services.declined import DeclinedError
from tieline.store.sync_links import LATER, RANKS

LONGEST_ID = 500
SIDES = ("left", "right")
_HOLD = """
SELECT id FROM store_syncwaiting
 WHERE pair_id = %s AND role = %s AND side = %s AND record = %s AND epoch = %s FOR UPDATE
"""
_HOLD_OFFERED = """
SELECT id FROM store_syncwaiting WHERE pair_id = %s AND waits_for = %s AND state = 'asked' AND epoch = %s ORDER BY id FOR UPDATE
"""
_TELL = """
INSERT INTO store_syncwaiting AS w (workspace_id, pair_id, epoch, role, side, record, rank, due_at, why, code, told, attempts,
                                    state, name, revision, since)
VALUES (%(workspace)s, %(pair)s, %(epoch)s, %(role)s, %(side)s, %(record)s, %(rank)s, now(), NULL, '', %(told)s::json, 0, 'due',
        %(name)s, 1, now())
ON CONFLICT (pair_id, role, side, record, epoch) DO UPDATE SET
       due_at = now(), state = 'due', attempts = 0, revision = w.revision + 1, waits_for = NULL, approved = NULL,
       told = (coalesce(w.told::jsonb, '{}') || excluded.told::jsonb
               || CASE WHEN excluded.told::jsonb ? 'choices'
                       THEN jsonb_build_object('choices', coalesce(w.told::jsonb->'choices', '{}') || (excluded.told::jsonb->'choices'))
                       ELSE '{}' END)::json
"""
_WOKEN = """
UPDATE store_syncwaiting SET due_at = now(), state = 'due', waits_for = NULL, revision = revision + 1
 WHERE pair_id = %s AND waits_for = %s AND state = 'asked' AND epoch = %s
"""
_WAKE = "SELECT pg_notify('tieline', 'pair:' || %s)"


def wake(pair: int) -> None:
    """Whoever can work on this pair looks once the transaction commits. Inside `workspace_tx`."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_WAKE, [pair])


def tell(
    workspace: int, pair: int, epoch: int, role: str, side: str, record: str, told: Mapping[str, Any], name: str = ""
) -> None:
    """A person's word on a record (`core.pairing.Told` as JSON, in part): it is looked at now, with it. Inside `workspace_tx`."""
    from django.db import connection

    values: dict[str, Any] = {
        "workspace": workspace,
        "pair": pair,
        "epoch": epoch,
        "role": role,
        "side": side,
        "record": record,
        "rank": RANKS.get(role, LATER),
        "told": orjson.dumps(dict(told)).decode(),
        "name": name,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TELL, values)
    wake(pair)


def look(workspace: int, pair: int, role: str, side: str, record: str, told: Mapping[str, Any] | None = None) -> None:
    """Has a record looked at now, with what a person says of it where there is anything."""
    with workspace_tx(workspace):
        tell(workspace, pair, epoch_of(workspace, pair), role, side, record, told or {})


def epoch_of(workspace: int, pair: int) -> int:
    """The epoch of a pair's rows. Inside `workspace_tx`; DeclinedError pair.gone."""
    row = SyncPair.objects.filter(workspace_id=workspace, pk=pair).select_related("left", "right").first()
    if row is None:
        raise DeclinedError("pair.gone")
    return int(row.left.epoch + row.right.epoch)


def hold(item: InboxItem) -> None:
    """The rows that wait with the question, held: before the question itself, as the worker holds them. Inside `workspace_tx`."""
    from django.db import connection

    if item.record:
        with connection.cursor() as cursor:
            cursor.execute(_HOLD, [item.pair_id, item.role, item.side, item.record, item.epoch])
            if item.kind == "match":
                cursor.execute(_HOLD_OFFERED, [item.pair_id, _waited_for(item), item.epoch])


def chosen(item: InboxItem, choice: Any) -> dict[str, Any]:
    """The choice as it is kept. DeclinedError inbox.no_choice for what this question does not offer."""
    if choice == "none":
        choice = {"partner": ""} if item.kind == "match" else {"leave": True}
    if not isinstance(choice, Mapping) or not _fits(item.kind, choice):
        raise DeclinedError("inbox.no_choice")
    return dict(choice)


def _fits(kind: str, choice: Mapping[str, Any]) -> bool:
    names = set(choice)
    if kind == "conflict":
        lines = choice.get("choices")
        return names == {"choices"} and isinstance(lines, Mapping) and bool(lines) and set(lines.values()) <= set(SIDES)
    if kind == "deletion":
        return names == {"deletion"} and choice["deletion"] in ("delete", "restore", "unlink")
    if kind == "limit":
        return len(names) == 1 and (choice.get("bypass") is True or choice.get("leave") is True)
    if kind == "moved":
        return len(names) == 1 and (choice.get("again") is True or choice.get("leave") is True)
    partner = choice.get("partner")
    if "partner" in names and not (isinstance(partner, str) and len(partner) <= LONGEST_ID):
        return False
    if "create" in names and (choice["create"] is not True or partner):
        return False
    return bool(names) and names <= {"partner", "create"}


def follow(item: InboxItem, choice: Mapping[str, Any]) -> None:
    """What follows from an answer. Inside `workspace_tx`, in the transaction that answers."""
    if choice.get("leave"):
        return
    pair = item.pair_id
    if pair is None:
        return
    if item.kind == "limit":
        _bypass(item, pair)
        wake(pair)
        return
    told = _planned_with(item) if item.kind == "moved" else {**choice, **_shown(item, choice)}
    tell(item.workspace_id, pair, item.epoch, item.role, item.side, item.record, told, item.name)
    if item.kind == "match" and choice.get("partner") == "":
        _let_go_on(item, pair)


def _planned_with(item: InboxItem) -> dict[str, Any]:
    """What the run was told whose plan was approved: that it makes what is not there, what becomes of the links."""
    return dict(next((one["told"] for one in item.options or () if "told" in one), {}))


def _let_go_on(item: InboxItem, pair: int) -> None:
    """What was offered is another customer, and waited for the answer. With a partner it goes on waiting until the two are linked."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_WOKEN, [pair, _waited_for(item), item.epoch])


def _waited_for(item: InboxItem) -> str:
    """What stands in `waits_for` of a row that waits for the question's record."""
    return f"{item.role}\t{item.side}\t{item.record}"


def _shown(item: InboxItem, choice: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were chosen between: a line of which one has moved since is asked about anew (`rows.chosen`)."""
    offered = {one["line"]: [one.get("left"), one.get("right")] for one in item.options or () if "line" in one}
    shown = {line: offered[line] for line in choice.get("choices") or () if line in offered}
    return {"shown": shown} if shown else {}


def _bypass(item: InboxItem, pair: int) -> None:
    """The run that was stopped by the limit goes on, as a run of its own that may pass it."""
    runs = SyncRun.objects.filter(workspace_id=item.workspace_id, pair_id=pair, state="stopped")
    stopped = runs.filter(why__code=item.reason.get("code")).order_by("-id").first()
    kind, options, position = (
        ("changes", {}, {}) if stopped is None else (stopped.kind, stopped.options, stopped.position)
    )
    SyncRun.objects.create(
        workspace_id=item.workspace_id, pair_id=pair, epoch=item.epoch, kind=kind, position=position,
        options={**options, "bypass_limit": True}, asked_by=item.decided_by,
    )  # fmt: skip
