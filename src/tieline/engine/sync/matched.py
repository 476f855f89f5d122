"""That two records were found to be one is written nowhere but in their link. The journal knows of it all the same, as an operation
without values, so that the run's page tells of it and its undo parts the two again: unless the pair has written to either since.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tieline.core.pairing import SIDES, Side, Told, other
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.came import Came
from tieline.engine.sync.items import Item, Pass, name_of
from tieline.engine.sync.ports import LinkRow, OperationState, Report, SyncOperation, WaitingRow
from tieline.engine.sync.rows import base_row, id_of, reason_row, told_row

LINE = ""
"""Under this name of a line an operation says that it links (`reasons.LINKED`) or parts (`reasons.UNDONE`) two records; its
parameter "id" is the one across."""


def matching(run: Pass, role: str, item: Item) -> list[SyncOperation]:
    """What the journal keeps of a link that was made with a record that was there; nothing of one that was made for it."""
    if item.mate is None or any(one.verb == "create" for one in item.writes):
        return []
    key = f"{item.new_key}{len(item.writes):02d}"
    return [linking(run, role, item, key, [item.side, item.id], "done")]


def linking(run: Pass, role: str, item: Item, key: str, source: Sequence[str], state: OperationState) -> SyncOperation:
    """An operation that links two records and writes nothing: done, or planned by a dry run, so that it is approved too."""
    decision = item.plan
    mate = item.mate.id if item.mate is not None else ""
    return SyncOperation(
        key=key,
        run=run.run.id,
        link=item.new_key,
        role=role,
        side=item.side,
        verb="update",
        id=item.id,
        values={},
        before={},
        reason=reason_row(decision.reason) or reason(reasons.LINKED, id=mate),
        lines={LINE: reason(reasons.LINKED, id=mate)},
        source=list(source),
        state=state,
        name=name_of(item.record) or name_of(item.mate),
        base=base_row(decision.base),
        digest=item.digest,
    )


def is_matching(one: SyncOperation) -> bool:
    """Whether it has linked or parted two records, and written nothing."""
    return one.verb == "update" and not one.values and LINE in one.lines and one.state == "done"


def has_parted(one: SyncOperation) -> bool:
    """Whether it is one that has parted two records."""
    return bool(one.lines[LINE]["code"] == reasons.UNDONE)


async def take_back(run: Pass, role: str, found: Sequence[SyncOperation], came: Came) -> None:
    """Parts what a run has linked; or links again what an undo has parted."""
    await _part(run, role, [one for one in found if not has_parted(one)], came)
    await _join(run, role, [one for one in found if has_parted(one)], came)


async def _part(run: Pass, role: str, found: Sequence[SyncOperation], came: Came) -> None:
    store, of = run.pair.store, int(run.run.options["of"])
    keys = [one.link for one in found]
    if not keys:
        return
    links = {row.key: row for row in await run.pair.run(lambda: store.links_by_key(keys))}
    written = await run.pair.run(lambda: store.written_later(keys, of))
    for one in found:
        link = links.get(one.link)
        if link is None:
            continue
        if one.link in written:
            run.count("left")
            why = reason(reasons.UNDO_LATER)
            came.reports.append(Report(role, link.left_id, link.right_id, one.name, "differs", why))
            continue
        run.count("unlinked")
        said = reason(reasons.UNDONE, run=of)
        across = id_of(link, other(one.side))
        parted = _operation(run, one, said, {**said, "params": {**said["params"], "id": across, "state": link.state}})
        parted.id, parted.base = id_of(link, one.side), link.base
        parted.source = [one.side, parted.id]
        came.operations.append(parted)
        came.links = [row for row in came.links if row.key != link.key]
        came.dropped.append(link.key)
        for side in SIDES:
            came.answered[role, side, id_of(link, side)] = None
        # it is linked again only when it changes, or somebody says so
        came.wait(WaitingRow(role, one.side, parted.id, None, said, None, None, 0, "stuck", one.name))


async def _join(run: Pass, role: str, found: Sequence[SyncOperation], came: Came) -> None:
    pair = run.pair
    if not found:
        return
    places = [_ids(one) for one in found]
    there: dict[Side, set[str]] = {}
    taken: dict[Side, set[str]] = {}
    for side in SIDES:
        ids = [one[side] for one in places]
        there[side] = set(await pair.ends[side].fetch(role, ids))
        rows = await pair.run(partial(pair.store.links, role, side, ids))
        taken[side] = {id_of(row, side) for row in rows}
    for one, ids_ in zip(found, places, strict=True):
        gone = any(id not in there[side] for side, id in ids_.items())
        if gone or any(id in taken[side] for side, id in ids_.items()):
            run.count("left")
            why = reason(reasons.UNDO_GONE) if gone else reason(reasons.UNDO_LATER)
            came.reports.append(Report(role, ids_["left"], ids_["right"], one.name, "differs", why))
            continue
        run.count("linked")
        said = reason(reasons.UNDONE, run=one.run)
        mate = ids_[other(one.side)]
        joined = _operation(run, one, said, reason(reasons.LINKED, id=mate))
        came.operations.append(joined)
        state = one.lines[LINE]["params"].get("state")
        came.links.append(
            LinkRow(
                joined.link, role, ids_["left"], ids_["right"], one.base, name=one.name,
                state="stopped" if state == "stopped" else "linked",
            )
        )  # fmt: skip
        for side, id in ids_.items():
            came.woken[role, side, id] = None
            came.waited[role, side, id] = None
        told = told_row(Told(event="changed", by=one.side))
        came.wait(WaitingRow(role, one.side, one.id, pair.now(), None, told, name=one.name))


def _ids(one: SyncOperation) -> dict[Side, str]:
    mate = str(one.lines[LINE]["params"]["id"])
    return {"left": one.id, "right": mate} if one.side == "left" else {"left": mate, "right": one.id}


def _operation(run: Pass, one: SyncOperation, said: dict[str, Any], line: dict[str, Any]) -> SyncOperation:
    return SyncOperation(
        key=f"{run.key(one.role, one.side, one.id)}00",
        run=run.run.id,
        link=one.link,
        role=one.role,
        side=one.side,
        verb="update",
        id=one.id,
        values={},
        before={},
        reason=said,
        lines={LINE: line},
        source=[one.side, one.id],
        state="done",
        name=one.name,
        base=one.base,
    )
