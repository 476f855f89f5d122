"""The inbox: questions that calls and the like wait with, notices, and what stopped until a person looks.

    count(workspace) -> int                              what waits: open questions and stopped subjects
    groups(workspace, flow="", limit=200) -> [Group]     open cases, like ones (same flow, kind, topic) together
    case(workspace, item) -> Case                        one case with its subject, for its page
    answers(workspace, subject, before_run) -> [Case]    what a run was decided with
    answer(workspace, user, item, choice) -> Decision    stored, and the subject is due again with it
    answer_like(workspace, user, item, choice)           every open like question that offers the same choice
      … always=True                                      and of later like ones: `services/remembered.py`
    take_back(workspace, user) -> int                    one's last decision, while nothing was written of it
    dismiss(workspace, user, item) -> Decision           a notice is read
    retry(workspace, user, subject) -> bool              a stopped subject is due again
    retry_like(workspace, user, subject) -> int          all that stopped for the same reason

Two people who decide at once: the first one's decision counts, and both are told who decided and what (`Decision`).
`choice` is what the flow gets as `Known.answers_given[kind]`: {"role", "id"} of an option, or "none". Only what was offered
can be chosen; of a write of which nobody knows, a person may also say under which id it stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Q
from django.utils import timezone

from tieline.store.connection import workspace_tx
from tieline.store.deadlock import once_more
from tieline.store.models import InboxItem, InboxState, Remembered, Run, Subject
from tieline.store.services import pair_cases, remembered
from tieline.store.services.audit import note
from tieline.store.services.declined import DeclinedError
from tieline.store.services.flow_settings import wake
from tieline.store.services.inbox_cases import Case, Group, shown, stopped_case

if TYPE_CHECKING:
    from tieline.store.team.models import User

__all__ = ["Case", "Group"]

OPEN = {"state": InboxState.OPEN}
QUESTION = Q(subject__isnull=False) | Q(pair__isnull=False)
OUTCOME = "outcome:"
"""Beginning of the kinds that ask whether a write is there."""
LONGEST_ID = 200


@dataclass(frozen=True, slots=True)
class Decision:
    """What an item's decision is now. `mine` False: somebody was faster; `by`, `at` and `answer` are theirs."""

    item: int
    state: str
    answer: Any
    by: str
    at: datetime | None
    mine: bool


def count(workspace: int) -> int:
    """How many questions and stopped subjects wait for a person."""
    with workspace_tx(workspace):
        asked = InboxItem.objects.filter(QUESTION, workspace_id=workspace, **OPEN).count()
        return asked + Subject.objects.filter(workspace_id=workspace, state="parked").count()


def groups(workspace: int, *, flow: str = "", limit: int = 200) -> list[Group]:
    """Open cases, the newest `limit` of them, like ones together; what waits stands before notices."""
    with workspace_tx(workspace):
        items = InboxItem.objects.filter(workspace_id=workspace, **OPEN).order_by("-last_at", "-id")
        stopped = Subject.objects.filter(workspace_id=workspace, state="parked").order_by("-id")
        if flow:
            items, stopped = items.filter(flow=flow), stopped.filter(flow=flow)
        cases = shown(list(items.select_related("decided_by")[:limit]))
        cases += [stopped_case(row) for row in stopped[:limit]]
    found: dict[tuple[str, str, str], list[Case]] = {}
    for case in cases:
        found.setdefault((case.flow, case.kind, case.topic), []).append(case)
    made = [
        Group(*key, tuple(sorted(cases, key=lambda one: one.last_at, reverse=True))) for key, cases in found.items()
    ]
    return sorted(made, key=lambda one: (one.waits, one.cases[0].last_at), reverse=True)


def case(workspace: int, item: int) -> Case:
    """One case, open or decided."""
    with workspace_tx(workspace):
        row = InboxItem.objects.filter(workspace_id=workspace, pk=item).select_related("decided_by").first()
        if row is None:
            raise DeclinedError("inbox.gone")
        return shown([row])[0]


def answers(workspace: int, subject: int, before_run: int) -> list[Case]:
    """What people, or decisions of theirs that hold, had answered when this run was decided."""
    with workspace_tx(workspace):
        rows = InboxItem.objects.filter(
            workspace_id=workspace, subject=subject, state=InboxState.ANSWERED, run__lt=before_run
        )
        return shown(list(rows.select_related("decided_by").order_by("decided_at")))


@once_more
def answer(workspace: int, user: User | None, item: int, choice: Any, *, always: bool = False) -> Decision:
    """The decision of a question; what waited for it is decided anew with it. `always`: later like cases get it too (asks
    for "inbox.remember"; DeclinedError inbox.not_remembered where that is never done). DeclinedError inbox.no_choice for what
    was not offered."""
    with workspace_tx(workspace):
        row = _locked(workspace, item)
        if row.state != InboxState.OPEN or not _is_question(row):
            return _decision(row, mine=False)
        choice = _chosen(row, choice)
        _decide(row, user, choice, timezone.now())
        note(workspace, user, "inbox.answered", kind=row.kind, topic=row.topic)
        if always:
            remembered.remember(workspace, user, row, choice)
        return _decision(row, mine=True)


@once_more
def answer_like(workspace: int, user: User | None, item: int, choice: Any, *, always: bool = False) -> list[Decision]:
    """The same decision for every open like question: same CRM, flow, kind and topic, with the chosen record among its
    candidates. `always` as for `answer`. Empty where the question itself is decided already."""
    with workspace_tx(workspace):
        asked = _one(workspace, item)
        like = InboxItem.objects.filter(
            workspace_id=workspace, connection=asked.connection_id, epoch=asked.epoch, flow=asked.flow, kind=asked.kind,
            topic=asked.topic, pair=asked.pair_id, **OPEN,
        ).filter(QUESTION)  # fmt: skip
        if asked.pair_id is None:
            like = like.filter(subject__in=_hold(workspace, like.values_list("subject", flat=True)))
        locked = list(like.select_for_update().order_by("id"))
        first = next((row for row in locked if row.pk == item), None)
        if first is None:
            return []
        choice = _chosen(first, choice)
        rows = [row for row in locked if row.pk == first.pk or _offers(row, choice)]
        now = timezone.now()
        for row in rows:
            _decide(row, user, choice, now)
        if rows:
            note(workspace, user, "inbox.answered", kind=first.kind, topic=first.topic, count=len(rows))
        if always:
            remembered.remember(workspace, user, first, choice)
        return [_decision(row, mine=True) for row in rows]


@once_more
def take_back(workspace: int, user: User) -> int:
    """Asks again what this person decided last (all that was decided with it), and forgets it where it was to hold always;
    how many cases. DeclinedError inbox.nothing_to_take_back; inbox.already_decided where one of them has been decided on
    with the answer since: what was written is taken back by undoing the run."""
    with workspace_tx(workspace):
        mine = InboxItem.objects.filter(workspace_id=workspace, state=InboxState.ANSWERED, remembered__isnull=True)
        last = mine.filter(decided_by=user, subject__isnull=False).order_by("-decided_at").first()
        if last is None:
            raise DeclinedError("inbox.nothing_to_take_back")
        same = mine.filter(decided_by=user, decided_at=last.decided_at, kind=last.kind)
        held = _hold(workspace, same.values_list("subject", flat=True))
        rows = list(same.filter(subject__in=held).select_for_update().order_by("id"))
        subjects = {row.subject_id: held[row.subject_id] for row in rows if row.subject_id is not None}
        # A drain that has read the answer and not saved its run yet cannot be seen: the case then tells of its run.
        asked = {row.subject_id: row.run_id or 0 for row in rows}
        runs = Run.objects.filter(workspace_id=workspace, subject__in=subjects).values_list("subject", "pk")
        newer = any(run > asked[subject] for subject, run in runs)
        if not rows or len(subjects) < len(rows) or any(one.state != "due" for one in subjects.values()) or newer:
            raise DeclinedError("inbox.already_decided")
        for row in rows:
            row.state, row.answer, row.decided_by, row.decided_at = InboxState.OPEN, None, None, None
            row.save(update_fields=["state", "answer", "decided_by", "decided_at"])
            subject = subjects[row.subject_id]  # type: ignore[index]
            subject.answers = {kind: given for kind, given in subject.answers.items() if kind != row.kind}
            subject.revision += 1  # it is decided anew, and asks anew
            subject.save(update_fields=["answers", "revision"])
            wake(subject.target_id)
        kept = Remembered.objects.filter(workspace_id=workspace, item__in=rows, revoked_at__isnull=True)
        kept.update(revoked_at=timezone.now(), revoked_by=user)
        note(workspace, user, "inbox.taken_back", kind=last.kind, topic=last.topic, count=len(rows))
        return len(rows)


def dismiss(workspace: int, user: User | None, item: int) -> Decision:
    """A notice was read. It comes again when what it says happens again."""
    with workspace_tx(workspace):
        row = _locked(workspace, item)
        if _is_question(row):
            raise DeclinedError("inbox.not_a_notice")
        if row.state != InboxState.OPEN:
            return _decision(row, mine=False)
        row.state, row.decided_by, row.decided_at = InboxState.DISMISSED, user, timezone.now()
        row.save(update_fields=["state", "decided_by", "decided_at"])
        note(workspace, user, "inbox.dismissed", kind=row.kind, topic=row.topic)
        return _decision(row, mine=True)


@once_more
def retry(workspace: int, user: User | None, subject: int) -> bool:
    """A subject that stopped is decided anew; False where it has not stopped (any more)."""
    with workspace_tx(workspace):
        row = Subject.objects.select_for_update().filter(workspace_id=workspace, pk=subject, state="parked").first()
        if row is None:
            return False
        _again(row)
        note(workspace, user, "subject.retried", subject=row.pk)
        wake(row.target_id)
        return True


@once_more
def retry_like(workspace: int, user: User | None, subject: int) -> int:
    """Every subject of this flow that stopped for the same reason is decided anew; how many, 0 where this one has not
    stopped (any more)."""
    with workspace_tx(workspace):
        stopped = Subject.objects.select_for_update().filter(workspace_id=workspace, state="parked")
        first = stopped.filter(pk=subject).first()
        if first is None:
            return 0
        like = [row for row in stopped.filter(flow=first.flow).order_by("id") if _why(row) == _why(first)]
        for row in like:
            _again(row)
        note(workspace, user, "subject.retried", subject=first.pk, count=len(like))
        for target in {row.target_id for row in like}:
            wake(target)
        return len(like)


def _again(row: Subject) -> None:
    row.state, row.due_at, row.attempts, row.why = "due", timezone.now(), 0, None
    row.revision += 1
    row.save(update_fields=["state", "due_at", "attempts", "why", "revision"])


def _why(row: Subject) -> str:
    return str((row.why or {"code": "error.internal"}).get("code", ""))


def _chosen(row: InboxItem, choice: Any) -> Any:
    """The choice as it is kept: "none", or {"role", "id"}; of a pair's question as `pair_cases` says. DeclinedError for what this
    case does not offer."""
    if row.pair_id is not None:
        return pair_cases.chosen(row, choice)
    if choice == "none":
        return choice
    role: Any
    id: Any
    if isinstance(choice, str):
        role, _colon, id = choice.partition(":")
    else:
        role, id = (choice.get("role"), choice.get("id")) if isinstance(choice, Mapping) else (None, None)
    if isinstance(role, str) and isinstance(id, (str, int)):
        given = {"role": role, "id": str(id)}
        asked = row.kind.startswith(OUTCOME) and row.kind.split(":")[1] == role and 0 < len(given["id"]) <= LONGEST_ID
        if asked or _offers(row, given):
            return given
    raise DeclinedError("inbox.no_choice")


def _is_question(row: InboxItem) -> bool:
    return row.subject_id is not None or row.pair_id is not None


def _offers(row: InboxItem, choice: Any) -> bool:
    if not isinstance(choice, Mapping) or row.pair_id is not None:
        return True
    return any(str(one[0]) == choice["role"] and str(one[1]) == choice["id"] for one in row.options)


def _decide(row: InboxItem, user: User | None, choice: Any, now: datetime) -> None:
    row.state, row.answer = InboxState.ANSWERED, choice
    row.decided_by, row.decided_at = user, now
    row.save(update_fields=["state", "answer", "decided_by", "decided_at"])
    if row.pair_id is not None:
        pair_cases.follow(row, choice)
        return
    subject = _hold(row.workspace_id, [row.subject_id]).get(row.subject_id or 0)
    if subject is None:
        return
    subject.answers = {**subject.answers, row.kind: choice}
    subject.revision += 1
    if subject.state != "applying":  # a run that is being written makes it due again when it ends
        subject.state, subject.due_at, subject.why = "due", timezone.now(), None
    subject.save(update_fields=["answers", "revision", "state", "due_at", "why"])
    wake(subject.target_id)


def _one(workspace: int, item: int, *, lock: bool = False) -> InboxItem:
    # No join: one read while waiting for the lock would not see what the faster one wrote.
    rows = InboxItem.objects.filter(workspace_id=workspace, pk=item)
    row = (rows.select_for_update() if lock else rows).first()
    if row is None:
        raise DeclinedError("inbox.gone")
    return row


def _locked(workspace: int, item: int) -> InboxItem:
    """The case, held; before it what it is about, which a drain holds first, too."""
    case = _one(workspace, item)
    if case.pair_id is not None:
        pair_cases.hold(case)
    _hold(workspace, [case.subject_id])
    return _one(workspace, item, lock=True)


def _hold(workspace: int, subjects: Iterable[int | None]) -> dict[int, Subject]:
    """These subjects, held in the order of their ids."""
    ids = [one for one in subjects if one is not None]
    rows = Subject.objects.select_for_update().filter(workspace_id=workspace, pk__in=ids)
    return {one.pk: one for one in rows.order_by("pk")} if ids else {}


def _decision(row: InboxItem, *, mine: bool) -> Decision:
    by = row.decided_by.name if row.decided_by else ""
    return Decision(row.pk, row.state, row.answer, by, row.decided_at, mine)
