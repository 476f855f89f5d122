"""Undo of a run, of one customer of it, or of one line: its writes backwards, only where what we wrote still stands there. It is a run
with writes of its own, which can be undone the same way.

A value that was changed afterwards stays. A record that was made is deleted where the vendor lets us, unless somebody has changed it
since; one that was deleted is made anew, under another id. Two records that the run has found to be one are parted again, unless the
pair has written to them since. What is on the other side stays as it is, and so does the base on that side: nothing follows until
somebody edits one of the two again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from tieline.core.pairing import SIDES, Joined, Line, Side
from tieline.core.reasons import Reason, because
from tieline.core.record import Record
from tieline.core.same import same
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.anew import Anew
from tieline.engine.sync.batching import settle
from tieline.engine.sync.came import Came
from tieline.engine.sync.items import Pass
from tieline.engine.sync.matched import has_parted, is_matching, take_back
from tieline.engine.sync.parents import Parents, joined_keys
from tieline.engine.sync.ports import LinkRow, Report, SyncOperation
from tieline.engine.sync.rows import id_of, lively, plain
from tieline.engine.sync.runs import is_paused
from tieline.engine.sync.settling import remember
from tieline.engine.sync.undone import undone
from tieline.engine.sync.unfinished import relink
from tieline.engine.sync.writing import Pushing, load_parents, settled_at
from tieline.engine.times import iso
from tieline.sdk.manifest import Capabilities

PAGE = 500
"""Writes undone together."""


def cannot_undo(verb: str, role: str, capabilities: Capabilities) -> Reason | None:
    """What is known beforehand of undoing a write at a vendor: why it cannot be done by us, None where it can. The code
    UNDO_NEW_RECORD is no refusal: what was deleted comes back as another record."""
    if verb == "create" and role not in capabilities.deletes and role not in capabilities.deleted_with:
        return because(reasons.UNDO_NO_DELETE, role=role)
    if verb == "delete":
        return because(reasons.UNDO_NEW_RECORD)
    return None


async def undo(this: Pass) -> None:
    """options: of (the run), link (key of one customer's, "" all), line (name, "" all)."""
    roles, anew = list(this.pair.customers.roles), await Anew.of(this)
    # what comes back comes parents first, for its children name them; the rest goes children first, for their parents may go with them
    for role in roles:
        if role not in this.run.position.get("done", []) and not await _step(this, role, f"back {role}", anew):
            return
    for role in reversed(roles):
        if not await _step(this, role, role, anew):
            return
    await _name_off_roles(this)


async def _step(this: Pass, role: str, step: str, anew: Anew) -> bool:
    """All writes of one role, of what comes back or of the rest. Whether to go on."""
    options, position = this.run.options, this.run.position
    is_back = step != role
    if step in position.get("done", []):
        return True
    at = position.get("at") or {}
    after = str(at.get("after", "")) if at.get("role") == step else ""
    while found := await _page(this, after):
        after = found[-1].key
        mine = [one for one in found if one.role == role and _is_meant(one, options)]
        gone = {(one.side, one.id) for one in mine if one.verb == "delete"}
        for side in SIDES:
            acts = [one for one in mine if one.side == side and ((side, one.id) in gone) == is_back]
            if acts:
                await _undo(this, role, side, acts, anew)
            if this.over:
                return False
        came = Came()
        if not options.get("line"):
            matches = [one for one in found if one.role == role and is_matching(one) and _is_chosen(one, options)]
            await take_back(this, role, [one for one in matches if has_parted(one) == is_back], came)
        await settle(this, came.settled(), {"at": {"role": step, "after": after}})
        if await is_paused(this):
            return False
    await settle(this, Came().settled(), {"done": [*position.get("done", []), step], "at": None})
    return True


async def _page(this: Pass, after: str) -> list[SyncOperation]:
    store, of = this.pair.store, int(this.run.options["of"])
    return await this.pair.run(lambda: store.planned(of, after, PAGE))


async def _name_off_roles(this: Pass) -> None:
    """What stays since its role is not kept the same any more is named, at least."""
    options, after, line = this.run.options, "", str(this.run.options.get("line") or "")
    came = Came()
    while found := await _page(this, after):
        after = found[-1].key
        for one in found:
            is_meant = _is_meant(one, options) or (is_matching(one) and _is_chosen(one, options))
            if one.role not in this.pair.customers.roles and is_meant and (not line or line in one.lines):
                _left(this, one, reason(reasons.ROLE_OFF, role=one.role), came)
    await settle(this, came.settled())


def _is_meant(one: SyncOperation, options: dict[str, Any]) -> bool:
    return one.state == "done" and _is_chosen(one, options) and (bool(one.values) or one.verb == "delete")


def _is_chosen(one: SyncOperation, options: dict[str, Any]) -> bool:
    return options.get("link") in (None, "", one.link)


async def _undo(this: Pass, role: str, side: Side, found: Sequence[SyncOperation], anew: Anew) -> None:
    """Undoes writes of one role and side."""
    pair, end = this.pair, this.pair.ends[side]
    acts = [one for one in _together(found) if one.verb != "delete" or not anew.has(one)]
    links = {row.key: row for row in await pair.run(lambda: pair.store.links_by_key([one.link for one in acts]))}
    for one in acts:
        if one.verb == "update" and one.link in links:  # it may have another number by now
            one.id = id_of(links[one.link], side)
    there = await end.fetch(role, [one.id for one in acts if one.verb != "delete"])
    parents = Parents(pair.store, pair.run)
    await parents.load(end.shape(role), side, there.values())
    await parents.load_keys(joined_keys(lively(value) for one in acts for value in one.before.values()))
    lines = pair.customers.lines(role)
    sources = await _sources(this, role, [one for one in acts if one.verb == "delete"])
    records = {id: parents.record(end.shape(role), side, one) for id, one in there.items()}
    touched = await _touched(this, [one for one in acts if one.verb == "create"], records, links, lines)
    came = Came()
    works: list[SyncOperation] = []
    for one in acts:
        if one.verb == "delete" and one.link in links and id_of(links[one.link], side) != one.id:
            _left(this, one, reason(reasons.UNDO_LATER), came)  # it came back otherwise
            continue
        if one.key in touched:
            _left(this, one, touched[one.key], came)
            continue
        record = records.get(one.id)
        now = dict(record.fields) if record is not None else None
        version = record.version if record is not None else None
        made = _back(this, one, now, version, lines, came)
        if made is not None:
            made.values = {name: anew.value(side, value, parents) for name, value in made.values.items()}
            works.append(made)
    if not works:
        await settle(this, came.settled())
        return
    at_s = pair.clock()
    await pair.run(lambda: pair.store.announce(this.run, works))
    pushing = Pushing(this, parents)
    await load_parents(parents, works)
    await pushing.push(works, at_s)
    for work in works:
        anew.add(work)
        _became(this, work, links.get(work.link), lines, came)
        if work.verb == "create" and work.state == "done" and tuple(work.source) in sources:
            relink(this, came, work)
    await settle(this, came.settled())


async def _sources(this: Pass, role: str, acts: Sequence[SyncOperation]) -> set[tuple[str, ...]]:
    """(side, id) of the records that these deletions were decided from, as far as they are there and linked with nothing."""
    out: set[tuple[str, ...]] = set()
    pair = this.pair
    for side in SIDES:
        ids = [one.source[1] for one in acts if one.source[:1] == [side] and one.side != side]
        if ids:
            there = await pair.ends[side].fetch(role, ids)
            rows = await pair.run(partial(pair.store.links, role, side, ids))
            linked = {id_of(row, side) for row in rows}
            out.update((side, id) for id in there if id not in linked)
    return out


async def _touched(
    this: Pass,
    acts: Sequence[SyncOperation],
    now: Mapping[str, Record],
    links: Mapping[str, LinkRow],
    lines: Sequence[Line],
) -> dict[str, dict[str, Any]]:
    """Key of a create → why its record stays: it has another version than our last write gave it, so somebody has worked on it since, be
    it in a field that nobody mapped; or it holds what came later. A version that is not known says nothing."""
    moved = [one for one in acts if one.version and one.id in now and now[one.id].version not in (None, one.version)]
    if not moved:
        return {}
    store, of = this.pair.store, int(this.run.options["of"])
    written = await this.pair.run(lambda: store.written_later([one.link for one in moved], of))
    out: dict[str, dict[str, Any]] = {}
    for one in moved:
        link, record = links.get(one.link), now[one.id]
        last = None if link is None else link.left_version if one.side == "left" else link.right_version
        later = {line.field_of(one.side) for line in lines} - one.values.keys()
        is_ours = record.version == last
        if is_ours and not any(record.get(name) not in (None, "", []) for name in later):
            continue
        came_from_us = is_ours and one.link in written
        out[one.key] = reason(reasons.UNDO_LATER) if came_from_us else reason(reasons.UNDO_CHANGED, field=one.name)
    return out


def _together(found: Sequence[SyncOperation]) -> list[SyncOperation]:
    """One for each record: the values that stand there last, and those that stood there first."""
    out: dict[str, SyncOperation] = {}
    for one in sorted(found, key=lambda one: one.sent_at or ""):
        known = out.get(one.id)
        if known is None:
            out[one.id] = one
        elif one.verb == "delete":
            known.verb, known.values, known.before = "delete", {}, one.before
        else:
            known.values = {**known.values, **one.values}
            known.before = {**one.before, **known.before} if known.verb == "update" else known.before
    return list(out.values())


def _back(
    this: Pass, one: SyncOperation, now: dict[str, Any] | None, version: str | None, lines: Sequence[Line], came: Came
) -> SyncOperation | None:
    """The write that undoes this one; None where there is none, which is reported."""
    only = str(this.run.options.get("line") or "")
    kinds = {line.field_of(one.side): line for line in lines}
    if one.verb == "delete":
        values = {name: value for name, value in one.before.items() if name in kinds and value not in (None, "", [])}
        return _operation(this, one, "create", values, {}, None)
    if now is None:
        _left(this, one, reason(reasons.UNDO_GONE), came)
        return None
    stays = _stays(this, one, now, version, kinds)
    if one.verb == "create":
        refused = cannot_undo("create", one.role, this.pair.ends[one.side].access.capabilities)
        if refused is not None or only:
            _left(this, one, (refused or because(reasons.UNDO_LATER)).to_json(), came)
            return None
        if stays:
            _left(this, one, next(iter(stays.values())), came)
            return None
        return _operation(this, one, "delete", {}, one.values, version)
    wanted = [name for name in one.values if not only or (name in kinds and kinds[name].name == only)]
    for name, why in stays.items():
        if name in wanted:
            _left(this, one, why, came)
    back = {name: one.before.get(name) for name in wanted if name not in stays}
    if not back:
        return None
    return _operation(this, one, "update", back, {name: one.values[name] for name in back}, version)


def _stays(
    this: Pass, one: SyncOperation, now: Mapping[str, Any], version: str | None, kinds: Mapping[str, Line]
) -> dict[str, dict[str, Any]]:
    """Field that we wrote → why it stays as it is: another value stands there, or nobody knows which. What is not mapped any more is not
    read; of a record that was made the version says all the same that nobody has changed it (`_touched`)."""
    country = this.pair.customers.country
    knows_all = one.verb == "create" and one.version and version
    out: dict[str, dict[str, Any]] = {}
    for name, value in one.values.items():
        if name in now or name in kinds:
            if not _holds(kinds.get(name), now.get(name), lively(value), country):
                out[name] = reason(reasons.UNDO_CHANGED, field=name)
        elif not knows_all:
            out[name] = reason(reasons.UNDO_NOT_READ, field=name)
    return out


def _holds(line: Line | None, held: Any, value: Any, country: str) -> bool:
    if line is None:
        return bool(held == value)
    if isinstance(value, Joined) or isinstance(held, Joined):
        return bool(plain(held) == plain(value))
    return same(line.kind, held, value, country)


def _operation(
    this: Pass, one: SyncOperation, verb: Any, values: dict[str, Any], before: dict[str, Any], version: str | None
) -> SyncOperation:
    said = reason(reasons.UNDONE, run=one.run)
    key = this.key(one.role, one.side, one.id)
    return SyncOperation(
        key=f"{key}00",
        run=this.run.id,
        link=one.link,
        role=one.role,
        side=one.side,
        verb=verb,
        id="" if verb == "create" else one.id,
        values=values,
        before=before,
        reason=said,
        lines=dict.fromkeys(one.lines, said) if verb == "update" else {},
        source=one.source[:2],
        state="sent",
        version=version,
        name=one.name,
        base=one.base,
    )


def _left(this: Pass, one: SyncOperation, why: dict[str, Any], came: Came) -> None:
    this.count("left")
    ids = {one.side: one.id}
    came.reports.append(Report(one.role, ids.get("left", ""), ids.get("right", ""), one.name, "differs", why))


def _became(this: Pass, one: SyncOperation, link: LinkRow | None, lines: Iterable[Line], came: Came) -> None:
    came.operations.append(one)
    if one.state == "unknown":
        remember(this, [one], iso(settled_at(this, one)))
        this.count("unknown")
        return
    if one.state != "done":
        _left(this, one, one.error or reason(reasons.STALE), came)
        return
    this.count({"create": "created", "update": "updated", "delete": "deleted"}[one.verb])
    undone(came, one, link, lines, one.values)
