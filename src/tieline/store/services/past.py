"""What is stored of decided subjects, for deciding them again. Inside `workspace_tx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tieline.core.plan import Find
from tieline.core.record import PLANNED, Record, from_json
from tieline.engine.effects.keys import origin_key
from tieline.engine.ports import SubjectRow
from tieline.store.models import Operation, Run, Subject
from tieline.store.services.replaying import Past

MADE: Final = ("done", "sent", "unknown")
"""States of operations that made a record, or may have."""


def pasts(workspace: int, found: Sequence[Subject]) -> list[tuple[Subject, Past | None, int]]:
    """What is stored of these subjects: two queries. None: the answers are no longer kept."""
    ids = [one.pk for one in found]
    runs: dict[int, list[Run]] = {id: [] for id in ids}
    place = {"workspace_id": workspace, "subject_id__in": ids}
    for run in Run.objects.filter(**place).only("subject_id", "state", "settings_version", "known").order_by("id"):
        runs[run.subject_id].append(run)
    made: dict[int, list[Operation]] = {id: [] for id in ids}
    wrote = Operation.objects.filter(**place, verb="create", state__in=MADE)
    for one in wrote.only("subject_id", "slot", "role", "key", "external_id").order_by("id"):
        made[one.subject_id].append(one)
    out: list[tuple[Subject, Past | None, int]] = []
    for subject in found:
        decided = runs[subject.pk]
        if not decided or not decided[0].known:
            out.append((subject, None, 0))
            continue
        first = _answers(decided[0].known)
        later: dict[Find, tuple[Record, ...]] = {}
        for run in decided[1:]:
            later.update({find: records for find, records in _answers(run.known).items() if find not in first})
        bare = SubjectRow(
            subject.pk, subject.flow, subject.source_id, subject.key, subject.subject, "done", None,
            revision=subject.revision + 1, own=subject.own, answers=subject.answers, live=subject.live,
        )  # fmt: skip
        watched = not subject.live
        past = Past(bare, first, later, _ours(workspace, subject, made[subject.pk]), watched)
        out.append((subject, past, decided[0].settings_version))
    return out


def _ours(workspace: int, subject: Subject, made: Sequence[Operation]) -> dict[tuple[str, str], str]:
    """(role, id) → origin key of what it made, by its id at the vendor and by the one that it had while it was planned."""
    out: dict[tuple[str, str], str] = {}
    for one in made:
        key = origin_key(workspace, subject.flow, subject.source_id, subject.key, one.slot)
        out[one.role, PLANNED + one.key] = key
        if one.external_id:
            out[one.role, one.external_id] = key
    return out


def _answers(known: Mapping[str, Any] | None) -> dict[Find, tuple[Record, ...]]:
    return {
        Find(role, by, value): tuple(Record(role, id, from_json(fields)) for id, fields in records)
        for role, by, value, records in (known or {}).get("found", ())
    }
