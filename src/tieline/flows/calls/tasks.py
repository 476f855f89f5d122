"""The caller's open task, where one serves for all of their calls (CALL-18): used again, and closed once somebody reaches them."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.core.flow import Target
from tieline.core.plan import Considered, Known, Operation
from tieline.core.reasons import because
from tieline.core.record import Record
from tieline.flows.calls import reasons as why
from tieline.flows.calls.call import Call
from tieline.flows.calls.people import TASK_AGAIN, TASK_CLOSE, People
from tieline.flows.calls.settings import Settings
from tieline.flows.calls.target import closed_status
from tieline.flows.calls.texts import Texts

LONGEST = 8000
"""Characters of a task's description that is still added to."""

Done = tuple[Considered, Sequence[Operation]]


def open_tasks(people: People, settings: Settings, target: Target) -> list[Record]:
    """The caller's tasks that are not closed, the oldest first; none where each call has its own."""
    closed = closed_status(settings, target)
    if settings.task.per != "caller" or closed is None:
        return []
    found = [task for task in people.tasks if task.get("status") != closed]
    return sorted(found, key=lambda task: (task.ref.is_planned, len(task.id), task.id))


def again(task: Record, texts: Texts, target: Target) -> Done:
    """The open task gets to know of this call too; nothing is written where it does, or where it is full."""
    reason = because(why.TASK_AGAIN, name=str(task.get("name") or task.id))
    considered = Considered(TASK_AGAIN, True, reason)
    before, said = str(task.get("description") or ""), texts.task_again
    if "description" not in target.roles["task"] or not said or said in before or len(before) > LONGEST:
        return considered, ()
    values = {"description": f"{before}\n{said}".strip()}
    known = {"description": before}
    return considered, (Operation(TASK_AGAIN, "update", "task", values, reason, target=task.ref, before=known),)


def close(call: Call, known: Known, people: People, settings: Settings, target: Target) -> Done:
    """Somebody reached the caller, or was reached by them: what was open is done. Several may be open from the time when
    each call had its own."""
    if TASK_CLOSE in known.own:
        return Considered(TASK_CLOSE, False, because(why.MADE_BEFORE)), ()
    status, tasks = closed_status(settings, target), open_tasks(people, settings, target)
    if not tasks:
        return Considered(TASK_CLOSE, False, because(why.TASK_NONE_OPEN)), ()
    reason = because(why.TASK_CLOSED, direction=call.direction)
    operations = [
        Operation(
            TASK_CLOSE + (f".{number}" if number > 1 else ""), "update", "task", {"status": status}, reason,
            target=task.ref, before={"status": task.get("status")},
        )
        for number, task in enumerate(tasks, 1)
    ]  # fmt: skip
    return Considered(TASK_CLOSE, True, reason), operations
