"""How a pair is, for pages: counts that cost the same at a million links, the history of every value, what moved by day.

health(workspace, pair) -> Health                   who agrees, who does not, and why, in numbers
history(workspace, pair, link, before, limit)       every value that was written for a customer, the newest first
moved(workspace, pair, since) -> [(day, …)]         what was written by day
find(workspace, pair, words, limit) -> [id]         links whose name has all of these words, each perhaps only begun
state_of_waiting(state, code) -> str                what a record that waits is counted and listed as
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from django.utils import timezone

from tieline.core.pairing import LEFT, Side
from tieline.store.connection import workspace_tx
from tieline.store.models import SyncOperation, SyncPairVersion, SyncRun
from tieline.store.services.pair_cases import epoch_of

REFUSED: Final = "sync.rejected"
"""Code of a record that cannot move because the other system refuses the write."""
_APART: Final = str.maketrans(dict.fromkeys("@.-_/&", " "))
"""Signs at which names are cut into words (`store_link_words`)."""
_COUNTS: Final = """
SELECT what, role, state, code, sum(count)::bigint FROM store_synccount WHERE pair_id = %s AND epoch = %s
 GROUP BY 1, 2, 3, 4 HAVING sum(count) > 0
"""
_SAMPLE: Final = {
    "link": "SELECT why FROM store_synclink WHERE pair_id = %s AND state = %s AND code = %s AND epoch = %s ORDER BY id LIMIT 1",
    "waiting": """
SELECT why FROM store_syncwaiting WHERE pair_id = %s AND state = %s AND code = %s AND epoch = %s ORDER BY id LIMIT 1
""",
}
_MOVED: Final = """
SELECT (started_at AT TIME ZONE %s)::date,
       sum(coalesce((counts->>'created')::bigint, 0) + coalesce((counts->>'updated')::bigint, 0)
           + coalesce((counts->>'deleted')::bigint, 0))::bigint,
       sum(coalesce((counts->>'failed')::bigint, 0))::bigint,
       sum(coalesce((counts->>'asked')::bigint, 0) + coalesce((counts->>'waiting')::bigint, 0))::bigint
  FROM store_syncrun
 WHERE workspace_id = %s AND pair_id = %s AND started_at >= %s AND kind NOT IN ('preview', 'reconcile')
   AND NOT options ? 'watch'
 GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Why:
    """So many records are in this state for this reason. what: "link" (they are linked) or "waiting"; params: of one of them."""

    what: str
    state: str
    code: str
    count: int
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Health:
    """agree: linked, and nothing is known to differ. differ: lines wait for a person. failing: the other system refuses the write.
    pending: gone on one side, and nobody has said what that means. stopped: not kept the same by a person's wish. waiting: will be
    looked at, or a question is open. excluded: cannot move as they are. linked: all links, by role."""

    agree: int = 0
    differ: int = 0
    failing: int = 0
    pending: int = 0
    stopped: int = 0
    waiting: int = 0
    excluded: int = 0
    linked: Mapping[str, int] = field(default_factory=dict)
    reasons: Sequence[Why] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """A value that was written, or would have been. `line`: of the mapping ("" for a deletion); `side`: where it was written;
    `rule`: the reason why, as JSON; `kind`: of the run; `operation`: the row."""

    at: datetime | None
    line: str
    side: Side
    old: Any
    new: Any
    rule: Mapping[str, Any]
    run: int
    kind: str
    state: str
    verb: str
    operation: int


@dataclass(frozen=True, slots=True)
class History:
    """`older`: what to give as `before` for the values before these; None at the end."""

    values: Sequence[Value] = ()
    older: int | None = None


def state_of_waiting(state: str, code: str) -> str:
    """A waiting row's state as it is counted and listed: one that cannot move is "failing" where the other system refuses the write
    (linked or not), else "excluded"."""
    if state != "stuck":
        return state
    return "failing" if code == REFUSED else "excluded"


def health(workspace: int, pair: int) -> Health:
    """One read of the counts that the store keeps, and one row for each reason."""
    with workspace_tx(workspace) as cursor:
        epoch = epoch_of(workspace, pair)
        cursor.execute(_COUNTS, [pair, epoch])
        rows = cursor.fetchall()
        found: dict[tuple[str, str, str], int] = {}
        linked: dict[str, int] = {}
        for what, role, state, code, count in rows:
            found[what, state, code] = found.get((what, state, code), 0) + count
            if what == "link":
                linked[role] = linked.get(role, 0) + count
        reasons = []
        for (what, state, code), count in sorted(found.items(), key=lambda one: -one[1]):
            if state == "linked" or (what == "waiting" and state == "due" and not code):
                continue
            cursor.execute(_SAMPLE[what], [pair, state, code, epoch])
            row = cursor.fetchone()
            why = row[0] if row and isinstance(row[0], Mapping) else {}
            reasons.append(Why(what, state, code, count, why.get("params") or {}))

    def total(what: str, *states: str) -> int:
        return sum(count for (one, state, _), count in found.items() if one == what and state in states)

    refused = found.get(("waiting", "stuck", REFUSED), 0)
    return Health(
        agree=total("link", "linked"),
        differ=total("link", "conflict"),
        failing=max(refused, total("link", "failing")),
        pending=total("link", "pending"),
        stopped=total("link", "stopped"),
        waiting=total("waiting", "due", "asked"),
        excluded=total("waiting", "stuck") - refused,
        linked=linked,
        reasons=reasons,
    )


def history(workspace: int, pair: int, link: str, *, before: int | None = None, limit: int = 50) -> History:
    """Values of whole writes, at least `limit` of them where there are so many; what dry runs planned is no history."""
    with workspace_tx(workspace):
        rows = SyncOperation.objects.filter(workspace_id=workspace, pair_id=pair, link=link).exclude(state="planned")
        if before is not None:
            rows = rows.filter(pk__lt=before)
        found = list(rows.defer("base", "source").order_by("-pk")[: limit + 1])
        runs = {
            row.pk: row for row in SyncRun.objects.filter(workspace_id=workspace, pk__in={one.run_id for one in found})
        }
        versions = SyncPairVersion.objects.filter(workspace_id=workspace, pair_id=pair)
        numbers = {row.version for row in runs.values()}
        fields = {row.number: _fields(row.settings) for row in versions.filter(number__in=numbers)}
    values: list[Value] = []
    for number, one in enumerate(found):
        if len(values) >= limit or number == limit:
            return History(values, found[number - 1].pk)
        run = runs.get(one.run_id)
        named = fields.get(run.version if run is not None else 0, {}).get((one.role, one.side), {})
        values.extend(_values(one, run.kind if run is not None else "", named))
    return History(values)


def moved(workspace: int, pair: int, since: datetime) -> list[tuple[date, int, int, int]]:
    """(day, values' records written, refused, waiting) of the days on which anything moved; from what the runs came to."""
    with workspace_tx(workspace) as cursor:
        cursor.execute(_MOVED, [timezone.get_current_timezone_name(), workspace, pair, since])
        return [row for row in cursor.fetchall() if any(row[1:])]


def find(workspace: int, pair: int, words: str, limit: int = 50) -> list[int]:
    """Ids of links (rows) of this pair by the words of their name, the newest first."""
    asked = words.translate(_APART).split()[:8]
    if not asked:
        return []
    with workspace_tx(workspace) as cursor:
        cursor.execute("SELECT link FROM store_find_links(%s, %s, %s)", [pair, asked, limit])
        return [row[0] for row in cursor.fetchall()]


def _fields(settings: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, str]]:
    """(role, side) → line → field, of settings as they were saved."""
    out: dict[tuple[str, str], dict[str, str]] = {}
    for role in settings.get("roles") or ():
        for line in role.get("lines") or ():
            for side in ("left", "right"):
                out.setdefault((role.get("role", ""), side), {})[line.get("name", "")] = line.get(side, "")
    return out


def _values(one: SyncOperation, kind: str, named: Mapping[str, str]) -> list[Value]:
    side: Side = LEFT if one.side == LEFT else "right"
    at = one.done_at or one.sent_at
    shown: list[Value] = []
    left = dict(one.values)
    for line, rule in one.lines.items():
        place = named.get(line, line)
        if place in left:
            value = left.pop(place)
            shown.append(_value(one, kind, side, at, line, one.before.get(place), value, rule))
    for place, value in left.items():  # defaults of a new record, and values of an undo
        shown.append(_value(one, kind, side, at, place, one.before.get(place), value, one.reason))
    if one.verb == "delete":
        shown.append(_value(one, kind, side, at, "", one.name, None, one.reason))
    return shown


def _value(
    one: SyncOperation,
    kind: str,
    side: Side,
    at: datetime | None,
    line: str,
    old: Any,
    new: Any,
    rule: Mapping[str, Any],
) -> Value:
    return Value(at, line, side, old, new, rule, one.run_id, kind, one.state, one.verb, one.pk)
