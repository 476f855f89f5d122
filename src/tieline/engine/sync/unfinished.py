"""Writes of an earlier run of which nobody knows what became: looked for before anything else is done.

A create whose key can be found is found by it. One that cannot is sent again where the vendor makes no second one of it (its key is
unique, or it promises so for a while); else what it would be matched by decides once it has surely landed or never will; else
a person. An update or a delete is looked for once a late request of it can do no more harm: it is done where its record holds
what it wrote, or is gone; else it was not, and merging tells what is to be done. Of an undo that is done nothing follows, as if its
answer had come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tieline.core.pairing import SIDES, Joined, Line, Side, Told, other
from tieline.core.record import Record
from tieline.core.same import same
from tieline.engine.access import LOOKS_APART_S
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.came import Came
from tieline.engine.sync.finding import partners
from tieline.engine.sync.items import Pass
from tieline.engine.sync.parents import Parents
from tieline.engine.sync.ports import AskedRow, LinkRow, SyncOperation, WaitingRow
from tieline.engine.sync.rows import JOINED, id_of, lively, plain, told_of, told_row
from tieline.engine.sync.settling import VERBS, remember
from tieline.engine.sync.undone import is_undo, undone
from tieline.engine.sync.writing import STOPS, Pushing, load_parents
from tieline.engine.times import iso, seconds
from tieline.sdk.contract import Rejected

IDEMPOTENT_MARGIN_S = 120.0
"""What of the time in which a vendor promises to make no second one is not used."""


async def settle_unfinished(run: Pass, works: Sequence[SyncOperation]) -> Came:
    """What has become certain, as rows; the rest is remembered as busy."""
    came = Came()
    mine = [one for one in works if one.role in run.pair.customers.roles]
    links = await links_of(run, [one for one in mine if one.verb == "create"])
    creates = [one for one in mine if one.verb == "create"]
    by_side: dict[tuple[str, Side], list[SyncOperation]] = {}
    for one in creates:
        by_side.setdefault((one.role, one.side), []).append(one)
    for role in run.pair.customers.roles:
        for side in ("left", "right"):
            group = by_side.get((role, side))
            if group:
                await _creates(run, came, role, side, group, links)
    await _changes(run, came, [one for one in mine if one.verb != "create"])
    await _with_source(run, came, [one for one in creates if one.state == "done" and is_undo(one)])
    await _unlinked_only(run, came)
    return came


async def _with_source(run: Pass, came: Came, works: Sequence[SyncOperation]) -> None:
    """Links what an undo has made anew, where what it was made from first is there; with one that is gone it would be deleted again."""
    for role, side in dict.fromkeys((one.role, _source(one)[0]) for one in works):
        mine = [one for one in works if (one.role, _source(one)[0]) == (role, side) and one.side != side]
        there = await run.pair.ends[side].fetch(role, [_source(one)[1] for one in mine])
        for one in mine:
            if _source(one)[1] in there:
                relink(run, came, one)


async def _unlinked_only(run: Pass, came: Came) -> None:
    """Without links of records that were linked otherwise meanwhile (a person chose a partner), and without the second of two links of
    one record: they are looked at as they are."""
    pair = run.pair
    taken: set[str] = set()
    for role in dict.fromkeys(link.role for link in came.links):
        mine = [link for link in came.links if link.role == role]
        for side in SIDES:
            ids = {id_of(link, side): link.key for link in mine}
            rows = await pair.run(lambda role=role, side=side, ids=ids: pair.store.links(role, side, list(ids)))  # type: ignore[misc]
            taken.update(ids[id_of(row, side)] for row in rows if ids[id_of(row, side)] != row.key)
    known: set[tuple[str, Side, str]] = set()
    kept: list[LinkRow] = []
    for link in came.links:
        if link.key in taken:
            continue
        both: set[tuple[str, Side, str]] = {(link.role, side, id_of(link, side)) for side in SIDES}
        if not both & known:
            kept.append(link)
        known |= both
    came.links = kept


async def links_of(run: Pass, works: Sequence[SyncOperation]) -> dict[str, LinkRow]:
    """The links that these operations are of, as far as there are any yet."""
    keys = list(dict.fromkeys(one.link for one in works if one.link))
    rows = await run.pair.run(lambda: run.pair.store.links_by_key(keys)) if keys else []
    return {row.key: row for row in rows}


def done(run: Pass, came: Came, one: SyncOperation, id: str, version: str | None, links: Mapping[str, LinkRow]) -> None:
    """A create that turned out to have happened: its link is made; what an undo made is looked at. links: by key, those that were there
    before."""
    one.state, one.error, one.id, one.version = "done", None, id, version
    came.operations.append(one)
    run.count("created")
    if is_undo(one):
        told = told_row(Told(event="changed", by=one.side))
        came.wait(WaitingRow(one.role, one.side, one.id, run.pair.now(), None, told, name=one.name))
    else:
        relink(run, came, one, links.get(one.link))
    for key in ((one.role, one.link), (one.role, *one.source[:2])):
        run.busy.pop(key, None)
    run.lost.pop(one.key, None)
    if not any((lost.role, lost.side) == (one.role, one.side) for lost in run.lost.values()):
        run.made.pop((one.role, one.side), None)


def relink(run: Pass, came: Came, one: SyncOperation, before: LinkRow | None = None) -> None:
    """The link of what a create made with the record that it was made from, which is looked at again: the base is what was sent.
    before: the link that there was, of a record that was made anew."""
    source_side, source_id = _source(one)
    ids: dict[Side, str] = {source_side: source_id}
    if before is not None:
        ids = {"left": before.left_id, "right": before.right_id}
    ids[one.side] = one.id
    if len(ids) < len(SIDES):
        return
    came.links.append(
        LinkRow(
            one.link,
            one.role,
            ids["left"],
            ids["right"],
            one.base,
            one.version if one.side == "left" else None,
            one.version if one.side == "right" else None,
            "stopped" if _told(one).get(STOPS) else "linked",
            name=one.name,
            parent=_parent(run, one),
        )
    )
    run.count("linked")
    # of one that was made anew, its source is the one that was gone
    for side, known in ((source_side, source_id), *ids.items()):
        came.woken[one.role, side, known] = None
        came.waited[one.role, side, known] = None
        came.answered[one.role, side, known] = None
    across = other(one.side)
    told = told_row(Told(event="changed", by=across))
    came.wait(WaitingRow(one.role, across, ids[across], run.pair.now(), None, told, name=one.name))


def _source(one: SyncOperation) -> tuple[Side, str]:
    return ("left" if one.source[0] == "left" else "right"), one.source[1]


def _told(one: SyncOperation) -> dict[str, Any]:
    """What was said of the record that a create was made from."""
    told: dict[str, Any] = orjson.loads(one.source[2]) if len(one.source) > 2 and one.verb == "create" else {}
    return told


def _parent(run: Pass, one: SyncOperation) -> str | None:
    for line in run.pair.customers.lines(one.role):
        if line.kind == "link" and line.name in one.base:
            value = one.base[line.name][0]
            return value[JOINED][0] or None if isinstance(value, dict) else None
    return None


def _wait(came: Came, one: SyncOperation, due_at: str | None, why: dict[str, Any] | None = None, state: Any = "due") -> None:  # fmt: skip
    side, id = _source(one)
    told = told_row(told_of(_told(one), side))
    came.wait(WaitingRow(one.role, side, id, due_at, why, told, state=state, name=one.name))


async def _changes(run: Pass, came: Came, works: Sequence[SyncOperation]) -> None:
    """Updates and deletes: looked for when a late request of them can do no harm any more."""
    ripe: dict[tuple[str, Side], list[SyncOperation]] = {}
    for one in works:
        until = _harmless_at(run, one)
        if until <= run.pair.clock():
            ripe.setdefault((one.role, one.side), []).append(one)
            continue
        remember(run, [one], iso(until))
        if one.source:
            _wait(came, one, iso(until), reason(reasons.BUSY))
    links = await links_of(run, [one for group in ripe.values() for one in group])
    for (role, side), group in ripe.items():
        end = run.pair.ends[side]
        there = await end.fetch(role, [one.id for one in group])
        parents = Parents(run.pair.store, run.pair.run)
        await parents.load(end.shape(role), side, there.values())
        records = {id: parents.record(end.shape(role), side, one) for id, one in there.items()}
        for one in group:
            _looked_for(run, came, one, records.get(one.id), links.get(one.link))


def _harmless_at(run: Pass, one: SyncOperation) -> float:
    """Seconds since the epoch. A late write over a version finds another one once its record was merged and written again; of an undo
    nothing is merged, so it is waited for."""
    access = run.pair.ends[one.side].access
    sent = seconds(one.sent_at) if one.sent_at else run.pair.clock()
    conditional = one.version is not None and access.capabilities.conditional_write and not is_undo(one)
    return sent if conditional else sent + access.certain_s()


def _looked_for(run: Pass, came: Came, one: SyncOperation, record: Record | None, link: LinkRow | None) -> None:
    """record: what it was to change, as it is now."""
    lines = {line.field_of(one.side): line for line in run.pair.customers.lines(one.role)}
    stands: set[str] = set()
    if record is not None:
        held, country = record.fields, run.pair.customers.country
        stands = {
            name for name, value in one.values.items() if _stands(lines.get(name), held.get(name), value, country)
        }
    if one.verb == "delete":
        happened, whole = record is None, True
    else:
        whole = bool(stands) and len(stands) == len(one.values)
        happened = bool(stands) if is_undo(one) else whole  # one value that was taken back was so by it alone
    came.operations.append(one)
    if not happened:
        one.state, one.error = "skipped", reason(reasons.UNKNOWN)
    else:
        one.state, one.error = "done", None
        one.version = record.version if record is not None else None
        run.count(VERBS[one.verb])
        if is_undo(one):
            undone(came, one, link, lines.values(), stands)
            if whole:
                return
    if one.source:
        _wait(came, one, run.pair.now(), reason(reasons.BUSY))


def _stands(line: Line | None, held: Any, value: Any, country: str) -> bool:
    if line is None or isinstance(held, Joined) or isinstance(value, dict):
        return bool(plain(held) == value)
    return same(line.kind, held, lively(value), country)


async def _creates(
    run: Pass, came: Came, role: str, side: Side, works: Sequence[SyncOperation], links: Mapping[str, LinkRow]
) -> None:
    end, now = run.pair.ends[side], run.pair.clock()
    access = end.access
    left = list(works)
    if access.searchable(role):
        there = await end.find_origin(role, [one.key for one in left])
        for one in left:
            if one.key in there:
                done(run, came, one, there[one.key].id, there[one.key].version, links)
        left = [one for one in left if one.state != "done"]
    again, looked, waits = [], [], []
    for one in left:
        sent = seconds(one.sent_at) if one.sent_at else now
        promised = access.capabilities.idempotent_s - IDEMPOTENT_MARGIN_S
        if access.unique(role) or (one.attempts <= 1 and now - sent < promised):
            again.append(one)
        elif now < sent + access.certain_s():
            waits.append((one, sent + access.certain_s()))
        else:
            looked.append(one)
    if looked and not access.searchable(role):
        looked = await _by_match(run, came, role, side, looked, links)
    for one in looked:
        first = ((one.error or {}).get("params") or {}).get("looked")
        if first and now >= seconds(first) + LOOKS_APART_S:
            again.append(one)
        else:
            one.state, one.error = "unknown", reason(reasons.UNKNOWN, looked=first or iso(now))
            came.operations.append(one)
            waits.append((one, (seconds(first) if first else now) + LOOKS_APART_S))
    for one, until in waits:
        remember(run, [one], iso(until))
        _wait(came, one, iso(until), reason(reasons.BUSY))
    if again:
        await _send_again(run, came, again, links)


async def _send_again(run: Pass, came: Came, works: Sequence[SyncOperation], links: Mapping[str, LinkRow]) -> None:
    """The same writes under the same keys, word for word as the journal has them."""
    parents = Parents(run.pair.store, run.pair.run, run.planned)
    pushing = Pushing(run, parents, again=True)
    at_s = run.pair.clock()
    if not all(run.pair.ends[one.side].access.unique(one.role) for one in works):
        await run.pair.run(lambda: run.pair.store.announce(run.run, works))
    await load_parents(parents, works)
    await pushing.push(works, at_s)
    for one in works:
        if one.state == "done":
            done(run, came, one, one.id, one.version, links)
        elif not isinstance(pushing.outcomes.get(one.key), Rejected):  # the one before may have happened all the same
            one.state = "unknown"
            came.operations.append(one)
            until = iso(run.pair.clock() + run.pair.ends[one.side].access.settle_wait(one.role, "create"))
            remember(run, [one], until)
            _wait(came, one, until, reason(reasons.BUSY))
        else:
            came.operations.append(one)
            _wait(came, one, run.pair.now(), one.error)


async def _by_match(
    run: Pass,
    came: Came,
    role: str,
    side: Side,
    works: Sequence[SyncOperation],
    links: Mapping[str, LinkRow],
) -> list[SyncOperation]:
    """Those that nothing is there for, by what they would be found by. One record is it; several are asked about."""
    pair, missing = run.pair, []
    for from_side in SIDES:
        group = [one for one in works if _source(one)[0] == from_side]
        wanted = [(one.key, pair.customers.finds(role, from_side, _as_sent(run, one, from_side))) for one in group]
        parents = Parents(pair.store, pair.run, run.planned)
        found = await partners(pair.customers, pair.store, pair.run, pair.ends[side], parents, role, wanted)
        findable = {key for key, rules in wanted if any(rules)}
        like = {one.key: [record.id for record in found.get(one.key, ()) if _holds(one, record)] for one in group}
        made_by = _made_by(group, like)
        for one in group:
            mine = [record for record in found.get(one.key, ()) if made_by.get(record.id, one.key) == one.key]
            own = next((record for record in mine if record.id in made_by), None)
            if own is not None:
                done(run, came, one, own.id, own.version, links)
            elif mine or one.key not in findable:
                _ask(run, came, one, mine)
            else:
                missing.append(one)
    return missing


def _made_by(works: Sequence[SyncOperation], like: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Record → the create that made it: which is like no other record, and has written more of it than any other that it is like. What
    a create with a name alone wrote stands in what another one of that name made with its e-mail address, too."""
    most: dict[str, int] = {}
    keys: dict[str, list[str]] = {}
    for one in works:
        much = len(_written(one))
        for id in like[one.key]:
            if much >= most.get(id, 0):
                keys[id] = [*(keys[id] if much == most.get(id) else ()), one.key]
                most[id] = much
    return {id: found[0] for id, found in keys.items() if len(found) == 1 and len(like[found[0]]) == 1}


def _as_sent(run: Pass, one: SyncOperation, side: Side) -> Record:
    """The record that a create was made from, as it was then."""
    place = 0 if side == "left" else 1
    lines = run.pair.customers.lines(one.role)
    fields = {line.field_of(side): lively(one.base[line.name][place]) for line in lines if line.name in one.base}
    return Record(one.role, _source(one)[1], fields)


def _holds(one: SyncOperation, record: Record) -> bool:
    """Whether a record holds what the create wrote, as far as text can tell."""
    written = _written(one).items()
    return all(str(record.fields.get(name) or "").strip() == value.strip() for name, value in written if name in record.fields)  # fmt: skip


def _written(one: SyncOperation) -> dict[str, str]:
    return {name: value for name, value in one.values.items() if isinstance(value, str) and value}


def _ask(run: Pass, came: Came, one: SyncOperation, options: Sequence[Record]) -> None:
    """Nobody knows: a person says which of these it is, or that it is to be made."""
    side, id = _source(one)
    said = reason(reasons.UNKNOWN)
    one.state, one.error = "rejected", said
    came.operations.append(one)
    shown = [{"id": record.id, "fields": {name: lively(value) for name, value in record.fields.items() if not hasattr(value, "key")}} for record in options]  # fmt: skip
    came.asked.append(AskedRow("unknown", one.role, side, id, said, shown, "", one.name))
    _wait(came, one, None, said, "asked")
    run.count("asked")
