"""Writes of which nobody knows what became: look first, then do what is missing. Never send one again unseen.

How sure that can be is a capability. Where the vendor refuses a second record with our origin key, sending again is safe at
any time. Where the key can only be searched for, "not there" counts once a late request can no longer land and the index has
caught up. Where there is no room for a key, what the record would be found by decides, and where that is not certain a
person does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from tieline.core.errors import RateLimitedError, TielineError
from tieline.core.plan import Find
from tieline.core.record import PLANNED, Record, to_json
from tieline.engine.access import LOOKS_APART_S, Access, Run
from tieline.engine.effects.apply import Apply
from tieline.engine.effects.journal import REF, outcome_kind, real
from tieline.engine.effects.pool import Carried, Pool, Work
from tieline.engine.effects.reasons import STALE, UNKNOWN, reason
from tieline.engine.effects.recovery import recovery
from tieline.engine.ports import OperationRow, Result, Store, SubjectRow
from tieline.engine.times import backoff
from tieline.sdk.contract import Link

Look = Callable[[list[Find]], Awaitable[Mapping[Find, tuple[Record, ...]]]]
"""Confirmed records for these look-ups, as the vendor has them now."""


class Settle:
    """Looks for what the unknown operations of the pool may have left."""

    def __init__(self, access: Access, pool: Pool, apply: Apply, look: Look) -> None:
        self._access = access
        self._pool = pool
        self._apply = apply
        self._look = look
        self.stopped: TielineError | None = None

    async def due(self) -> list[Result]:
        """What has become certain. Errors of the looking leave everything as it is, for later."""
        works = self._ready()
        if not works or self._access.is_paused:
            return []
        out: list[Result] = []
        by_role: dict[tuple[str, str], list[Work]] = {}
        for work in works:
            by_role.setdefault((self._way(work), work.row.role), []).append(work)
        ways = {
            "origin": self._by_origin,
            "match": self._by_match,
            "compare": self._by_compare,
            "presence": self._by_presence,
            "asking": self._by_asking,
        }
        for (way, _), group in by_role.items():
            before = self._access.requests()
            try:
                results = await ways[way](group)
            except Exception as error:  # noqa: BLE001  whatever the looking came to, nothing was learnt; the table decides
                self._failed(group, error)
                continue
            share = (self._access.requests() - before) / len(group)
            out.extend(_with_share(result, share) for result in results)
        out.extend(self._pool.block())
        return out

    def _ready(self) -> list[Work]:
        now = self._access.clock()
        return [work for work in self._pool.work() if work.row.state in {"sent", "unknown"} and work.not_before <= now]

    def _way(self, work: Work) -> str:
        if work.row.verb == "create":
            return "origin" if self._access.searchable(work.row.role) else "match"
        return {"update": "compare", "delete": "presence"}.get(work.row.verb, "asking")

    def _failed(self, group: list[Work], error: Exception) -> None:
        """Nothing was learnt: the lanes stay held, and it is looked again later."""
        follows = recovery(error).read
        if follows == "stop" and isinstance(error, TielineError):
            self.stopped = error
            return
        if isinstance(error, RateLimitedError):
            return
        for work in group:
            work.tries += 1
            work.not_before = self._access.clock() + backoff(work.tries, self._access.chance(), most_s=300.0)
        self._access.failed_altogether(error)

    async def _by_origin(self, group: list[Work]) -> list[Result]:
        role = group[0].row.role
        mapped = self._access.role_maps[role]
        keys = [work.row.key for work in group]
        there: dict[str, tuple[str, str | None]] = {}
        asked_s = self._access.clock()
        for vendor in await self._access.find(mapped.object, (mapped.origin,), keys, (mapped.origin,)):
            there[vendor.fields.get(mapped.origin, "")] = (vendor.id, vendor.version)
        out: list[Result] = []
        for work in group:
            found = there.get(work.row.key)
            if found is not None:
                out.append(self._apply.done(work, *found))
            elif self._access.unique(role) or self._is_missing(work, asked_s):
                out.append(self._send_again(work))
        return out

    def _is_missing(self, work: Work, asked_s: float) -> bool:
        """Whether a look at that time that found nothing settles it: it is the second that was made late enough. Otherwise it
        is looked again."""
        certain = work.sent_s + self._access.certain_s()
        if asked_s < certain:
            work.not_before = certain
        elif not work.missed:
            work.missed = True
            work.not_before = self._access.clock() + LOOKS_APART_S
        else:
            return True
        return False

    def _send_again(self, work: Work) -> Result:
        if work.row.error is None:
            work.row.error = reason(UNKNOWN, slot=work.row.slot)
        result = self._apply.again(work, work.row.error)
        if result.state == "planned":
            work.not_before = 0.0
        return result

    async def _by_match(self, group: list[Work]) -> list[Result]:
        """By what the record would be found by. One that was not there before and has our name is ours; none means that it
        was not written; anything else is asked."""
        now = self._access.clock()
        finds: dict[Find, None] = {}
        ready: list[tuple[Work, list[Find]]] = []
        nameless: list[Work] = []
        out: list[Result] = []
        for work in group:
            certain = work.sent_s + self._access.certain_s()
            pairs = [(by, real(value, self._pool.ids)) for by, value in work.row.match_keys]
            waits = any(value.startswith(PLANNED) for _, value in pairs)
            if waits and self._pool.is_orphan(work):
                out.append(self._pool.blocked(work))
            elif now < certain or waits:
                work.not_before = max(certain, now + 1.0)
            elif not pairs:
                nameless.append(work)
            else:
                mine = [Find(work.row.role, by, value) for by, value in pairs]
                finds.update(dict.fromkeys(mine))
                ready.append((work, mine))
        found = await self._look(list(finds)) if finds else {}
        out.extend(self._asked(work, ()) for work in nameless)
        for work, mine in ready:
            ids = set.intersection(*({record.id for record in found[find]} for find in mine))
            fresh = [record for record in found[mine[0]] if record.id in ids - _known_before(work, mine)]
            if not fresh:
                if self._is_missing(work, now):
                    out.append(self._send_again(work))
            elif len(fresh) == 1 and fresh[0].fields.get("name", work.row.values.get("name")) == work.row.values.get(
                "name"
            ):
                out.append(self._apply.done(work, fresh[0].id, fresh[0].version))
            else:
                out.append(self._asked(work, fresh))
        return out

    async def _by_compare(self, group: list[Work]) -> list[Result]:
        """An update is done where its values stand there, and is sent again where the old ones do."""
        role = group[0].row.role
        mapped = self._access.role_maps[role]
        settled: list[tuple[Work, str, dict[str, Any]]] = []
        out: list[Result] = []
        for work in group:
            id = real(work.row.target_ref[1], self._pool.ids) if work.row.target_ref is not None else ""
            if id.startswith(PLANNED) and self._pool.is_orphan(work):
                out.append(self._pool.blocked(work))
            elif id.startswith(PLANNED):
                work.not_before = self._access.clock() + 1.0
            else:
                settled.append((work, id, self._as_read(mapped.to_vendor(work.row.values))))
        if not settled:
            return out
        fields = tuple(dict.fromkeys(name for _, _, values in settled for name in values))
        ids = list(dict.fromkeys(id for _, id, _ in settled))
        there = {vendor.id: vendor for vendor in await self._access.fetch(mapped.object, ids, fields)}
        for work, id, values in settled:
            vendor = there.get(id)
            if vendor is not None and all(vendor.fields.get(name) == value for name, value in values.items()):
                out.append(self._apply.done(work, id, vendor.version))
                continue
            before = self._as_read(mapped.to_vendor(work.row.before))
            if vendor is None or any(vendor.fields.get(name) != value for name, value in before.items()):
                out.append(self._apply.refused(work, reason(STALE, slot=work.row.slot)))
            else:
                out.append(self._send_again(work))
        return out

    async def _by_presence(self, group: list[Work]) -> list[Result]:
        """A delete is done where the record is gone, and is sent again where it stands as it was: twice does no harm."""
        mapped = self._access.role_maps[group[0].row.role]
        ids = [work.row.target_ref[1] if work.row.target_ref is not None else "" for work in group]
        there = {vendor.id: vendor for vendor in await self._access.fetch(mapped.object, list(dict.fromkeys(ids)), ())}
        out: list[Result] = []
        for work, id in zip(group, ids, strict=True):
            vendor, version = there.get(id), work.row.if_version
            if vendor is None:
                out.append(self._apply.done(work, id))
            elif version is not None and vendor.version is not None and vendor.version != version:
                out.append(self._apply.refused(work, reason(STALE, slot=work.row.slot)))
            else:
                out.append(self._send_again(work))
        return out

    def _as_read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in values.items():
            if type(value) is dict and REF in value:
                out[name] = real(value[REF][1], self._pool.ids)
            elif isinstance(value, Link):
                out[name] = value.id
            else:
                out[name] = value
        return out

    async def _by_asking(self, group: list[Work]) -> list[Result]:
        """An attachment. Where the connector looks for its key before it attaches, it is pushed again once it has landed or
        never will; elsewhere nothing can be read that tells it from another one of that name."""
        if not self._access.capabilities.attach_keys:
            return [self._asked(work, ()) for work in group]
        out: list[Result] = []
        for work in group:
            certain = work.sent_s + self._access.certain_s()
            if self._access.clock() < certain:
                work.not_before = certain
            else:
                out.append(self._send_again(work))
        return out

    def _asked(self, work: Work, options: Iterable[Record]) -> Result:
        said = question(work.row, work.carried.subject, options)
        work.carried.questions.append(said)
        return self._apply.refused(work, said["reason"])


async def find_missing(pool: Pool, store: Store, run: Run) -> None:
    """What open work refers to and runs that ended wrote, or did not write."""
    missing = pool.missing()
    if missing:
        pool.ids.update(await run(lambda: store.written(missing)))
        results = pool.bury(key for key in missing if key not in pool.ids)
        if results:
            await run(lambda: store.save_results(results, []))


def question(row: OperationRow, subject: SubjectRow, options: Iterable[Record] = ()) -> dict[str, Any]:
    """The question whether one operation's record is there."""
    return {
        "kind": outcome_kind(row.role, row.slot, subject.answers),
        "topic": row.role,
        "reason": reason(UNKNOWN, slot=row.slot),
        "options": [[one.role, one.id, to_json(dict(one.fields))] for one in options],
    }


def asked_of(carried: Carried) -> list[dict[str, Any]]:
    """What a person is asked about a run that is over; questions that a dead process had put, too."""
    rows = [row for row in carried.run.operations if row.state != "done" and (row.error or {}).get("code") == UNKNOWN]
    out = {one["kind"]: one for one in (question(row, carried.subject) for row in rows)}
    out.update((one["kind"], one) for one in carried.questions)
    return list(out.values())


def _known_before(work: Work, finds: list[Find]) -> set[str]:
    """Ids of the records that the decision had already seen under these look-ups."""
    wanted = {(find.role, find.by, find.value) for find in finds}
    return {
        id
        for role, by, value, records in work.carried.run.known.get("found", ())
        if (role, by, value) in wanted
        for id, _ in records
    }


def _with_share(result: Result, share: float) -> Result:
    return Result(
        result.key,
        result.state,
        result.external_id,
        result.record_version,
        result.error,
        result.requests + share,
        result.own,
    )
