"""What a text may mean: a run's id, a phone number, a record's id, a name. Inside `workspace_tx`.

Numbers and ids are looked up in all runs, by index. Names stand inside what a run has read and written; they are looked for
in the newest `LOOK_BACK` runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection as database

from tieline.core.values import phone
from tieline.store import public_ids
from tieline.store.models import Operation, Run
from tieline.web.runs import line, rows
from tieline.web.runs.filters import Filters
from tieline.web.runs.line import Line
from tieline.web.runs.lines import names

LOOK_BACK = 5000
_BY_NAME = """
SELECT r.id FROM (
  SELECT id, known, started_at FROM store_run WHERE workspace_id = %(workspace)s ORDER BY started_at DESC, id DESC LIMIT %(most)s
) r
 WHERE r.known::text ILIKE %(pattern)s
    OR EXISTS (SELECT 1 FROM store_operation o WHERE o.run_id = r.id AND o.values->>'name' ILIKE %(pattern)s)
 ORDER BY r.started_at DESC, r.id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Found:
    """`more`: the address of the list that has all of them, "" where these are all or there is none."""

    lines: Sequence[Line] = field(default=())
    more: str = ""
    number: str = ""


def find(workspace: int, text: str, country: str, limit: int) -> Found:
    """The newest runs that a text may mean."""
    text = text.strip()[:120]
    if len(text) < 2:
        return Found()
    run = public_ids.of("run").read(text)
    if run is not None:
        return Found(_lines(workspace, list(Run.objects.filter(workspace_id=workspace, pk=run).defer(*rows.LIGHT))))
    read = phone(text, country)
    digits = sum(one.isdigit() for one in text)
    if digits >= 4 and digits >= 0.6 * len(text.replace(" ", "")):
        number = read.e164 or "".join(one for one in text if one.isdigit())
        found = _newest(workspace, Filters(number=number), limit)
        if not found and read.e164:  # as it was typed: the end of a number
            number = "".join(one for one in text if one.isdigit())
            found = _newest(workspace, Filters(number=number), limit)
        if found:
            return Found(_lines(workspace, found), Filters().address(number=number), number)
    if Operation.objects.filter(workspace_id=workspace, external_id=text).exists():
        found = _newest(workspace, Filters(record=text), limit)
        return Found(_lines(workspace, found), Filters().address(record=text))
    return Found(_lines(workspace, _by_name(workspace, text, limit)))


def _newest(workspace: int, filters: Filters, limit: int) -> list[Run]:
    return list(rows.matching(workspace, filters).defer(*rows.LIGHT).order_by("-started_at", "-id")[:limit])


def _by_name(workspace: int, text: str, limit: int) -> list[Run]:
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    with database.cursor() as cursor:
        cursor.execute(_BY_NAME, {"workspace": workspace, "most": LOOK_BACK, "pattern": pattern, "limit": limit})
        ids = [id for (id,) in cursor.fetchall()]
    found = Run.objects.filter(workspace_id=workspace, pk__in=ids).defer(*rows.LIGHT)
    return sorted(found, key=lambda run: (run.started_at, run.pk), reverse=True)


def _lines(workspace: int, found: list[Run]) -> list[Line]:
    return line.of_runs(rows.with_lines(workspace, found), names(workspace))
