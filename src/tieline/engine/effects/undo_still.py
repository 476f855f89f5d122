"""The plan that was approved against one made now: what both say alike is done, everything else is listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tieline.engine.effects.reasons import reason
from tieline.engine.effects.same import same
from tieline.engine.effects.undo import Item, Key
from tieline.engine.effects.undo_reasons import MOVED, OURS_HANG


def still(approved: Sequence[Item], fresh: Iterable[Item]) -> tuple[list[Item], dict[int, dict[str, Any]]]:
    """(the approved items that a plan made now says alike, the reasons of the others by item id). One that waits for
    another stays with it."""
    now = {item.mark: item for item in fresh}
    left = {(item.role, item.record): item for item in now.values() if item.do == "leave"}
    moved: dict[int, dict[str, Any]] = {}
    for item in approved:
        found = now.get(item.mark)
        if found is None:
            why = left.get(item.key)
            moved[item.id] = dict(why.reason) if why is not None and why.reason else reason(MOVED)
        elif not _alike(item, found):
            moved[item.id] = reason(MOVED)
    go = [replace(now[item.mark], id=item.id) for item in approved if item.id not in moved]
    stays = {item.key for item in approved if item.id in moved}
    while stays:
        blocked = [item for item in go if any(key in stays for key in item.after)]
        for item in blocked:
            moved[item.id] = reason(OURS_HANG if item.do == "delete" else MOVED, **_hung(item, stays))
        go = [item for item in go if item.id not in moved]
        stays = {item.key for item in blocked}
    return go, moved


def _hung(item: Item, stays: set[Key]) -> dict[str, Any]:
    if item.do != "delete":
        return {}
    keys = [key for key in item.after if key in stays]
    return {"role": keys[0][0], "count": len(keys)}


def _alike(old: Item, new: Item) -> bool:
    if old.version is not None and new.version is not None and old.version != new.version and old.do == "delete":
        return False
    return old.values.keys() == new.values.keys() and all(
        same(value, new.values[name]) for name, value in old.values.items()
    )
