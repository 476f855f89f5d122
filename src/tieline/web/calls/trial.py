"""Try it: calls decided again under the settings as they stand now, on the answers stored with them. Nothing is written.

A look-up that was not made at the time has no stored answer: the call is decided as if nothing had been found, and says so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import ValidationError

from tieline.core.facts import CallFact
from tieline.core.plan import Find, Known, Plan
from tieline.core.record import Record, User, from_json
from tieline.flows.calls import FLOW
from tieline.flows.calls.explain import look_up, records_of
from tieline.sdk import manifest as manifests
from tieline.sdk.contract import Request
from tieline.store import public_ids
from tieline.store.connection import workspace_tx
from tieline.store.models import Operation as OperationRow
from tieline.store.models import Run, Subject
from tieline.store.services import replay
from tieline.web.calls import told
from tieline.web.calls.desk import Desk
from tieline.web.calls.words import ROLES, text, the
from tieline.web.parts.words import phone

log = logging.getLogger(__name__)

MOST_ROUNDS: Final = 6
DAYS: Final = 30
MOST: Final = 50
SAMPLES: Final = ("stranger-missed", "known-contact", "contact-without-account", "withheld", "ignored-line")
_COMPARED: Final = ("owner", "name", "layout", "status", "pipeline", "stage", "due")
_ROLES: Final = ("account", "lead", "contact", "deal", "task", "call")


@dataclass
class Then:
    """What is stored of a call: its answers and what was written (or, in watch mode, would have been)."""

    subject: Subject
    known: Known
    operations: list[OperationRow]
    watched: bool
    decided: bool


def recent(desk: Desk, most: int = 5, days: int | None = None, only: str = "") -> list[told.Trial]:
    """The last calls, newest first; `only`: of a kind (services.replay.ONLY)."""
    if desk.settings is None:
        return []
    users = _users(desk)
    return [_tried(desk, then, users) for then in _stored(desk, users, most, days, only)]


def chosen(desk: Desk, call: int) -> told.Trial | None:
    """One call of any time; None where it is not there, or not decided yet."""
    if desk.settings is None:
        return None
    users = _users(desk)
    return next((_tried(desk, then, users) for then in _stored(desk, users, 1, None, call=call)), None)


def pasted(desk: Desk, typed: str) -> told.Trial | None:
    """A call as text: facts, a sample of `tieline explain`, or what one of the phone systems delivers. None: none of these.

    Looked up in the records of the sample; without any, in the answers stored for that number."""
    if desk.settings is None:
        return None
    try:
        sample = json.loads(typed)
        facts = _facts(sample) or _delivered(desk, typed)
        folded = FLOW.fold(None, facts, desk.settings) if facts else None
        if folded is None:
            return None
        if not folded.ready:
            folded = FLOW.expire(folded.subject, desk.settings)
        subject = folded.subject
        crm = sample.get("crm") if isinstance(sample, dict) else None
        users = _users(desk)
        if crm:
            records = records_of(crm)
            known = look_up(subject, records, desk.settings, Known(users=users))
            plan, asked = FLOW.decide(subject, known, desk.settings, desk.target), list[str]()
        else:
            found = _found_for(desk, FLOW.lanes(subject, desk.settings))
            plan, asked = _decide(desk, subject, Known(found, {}, {}, users))
            asked = [_("Nothing is stored for this number: decided as an unknown caller.")] if asked and not found else asked  # fmt: skip
        trial = told.shown(desk, subject, plan, users, None)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):  # whatever somebody pasted
        return None
    trial.asked = asked
    return trial


def _facts(sample: Any) -> list[dict[str, Any]]:
    """The facts of a sample, of a list of them, or one alone; [] where it is none of these."""
    given = sample.get("facts", [sample]) if isinstance(sample, dict) else sample
    if not isinstance(given, list) or not all(isinstance(one, dict) and "type" in one for one in given):
        return []
    try:
        return [CallFact(**{"call_key": "sample", **one}).to_json() for one in given]
    except TypeError:  # a delivery of a phone system has a type too
        return []


def _delivered(desk: Desk, typed: str) -> list[dict[str, Any]]:
    """The facts of a body as one of the flow's phone systems delivers it."""
    request = Request("POST", "", {"content-type": "application/json"}, typed.encode())
    for source in desk.view.sources:
        try:
            found = manifests.load(source.connector)(None).parse(request)
        except Exception as error:  # noqa: BLE001  not one of its bodies, whatever it makes of it
            log.debug("no delivery of %s: %s", source.connector, type(error).__name__)
            continue
        facts = [one.to_json() for one in found if one.call_key and one.type != "other"]
        if facts:
            return [one for one in facts if one["call_key"] == facts[0]["call_key"]]
    return []


def _users(desk: Desk) -> dict[str, User]:
    return {one.id: User(one.id, one.name, one.email, one.active) for one in desk.users}


def samples(desk: Desk) -> list[told.Trial]:
    """Invented calls for whoever has none yet, under these settings."""
    if desk.settings is None:
        return []
    out = []
    room = files("tieline.flows.calls") / "samples"
    for name in SAMPLES:
        sample = json.loads((room / f"{name}.json").read_text(encoding="utf-8"))
        facts = [{"call_key": "sample", **fact} for fact in sample["facts"]]
        folded = FLOW.fold(None, facts, desk.settings)
        if not folded.ready:
            folded = FLOW.expire(folded.subject, desk.settings)
        subject = dict(folded.subject)
        line = next((one.number for one in desk.settings.lines if one.ignore == (name == "ignored-line")), None)
        if name == "ignored-line" and line is None:
            continue
        subject |= {"line": line, "numbers": [line]} if line else {"line": "", "numbers": []}
        subject.pop("agent", None)
        users = {one["id"]: User(one["id"], one.get("name", one["id"]), active=one.get("active", True)) for one in sample.get("users", ())}  # fmt: skip
        users |= {one.id: User(one.id, one.name, one.email, one.active) for one in desk.users}
        known = look_up(subject, records_of(sample.get("crm", {})), desk.settings, Known(users=users))
        plan = FLOW.decide(subject, known, desk.settings, desk.target)
        trial = told.shown(desk, subject, plan, users, None)
        trial.sample = name
        out.append(trial)
    return out


def imagined(desk: Desk, *, number: str, direction: str, answered: bool, line: str) -> told.Trial | None:
    """A call that nobody made: with the answers stored for that number, else as an unknown caller."""
    if desk.settings is None:
        return None
    at = timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    result = "answered" if answered else "missed" if direction == "inbound" else "no_answer"
    subject = {
        "key": "imagined", "state": "ended", "final": True, "direction": direction, "external": number,
        **({"line": line, "numbers": [line]} if line else {}),
        "outcome": result, "result": result, "talk_s": 60 if answered else 0, "started_at": at, "ended_at": at,
    }  # fmt: skip
    users = {one.id: User(one.id, one.name, one.email, one.active) for one in desk.users}
    found = _found_for(desk, FLOW.lanes(subject, desk.settings))
    plan, asked = _decide(desk, subject, Known(found, {}, {}, users))
    if not found:
        asked = [_("Nothing is stored for this number: decided as an unknown caller.")] if asked else []
    trial = told.shown(desk, subject, plan, users, None)
    trial.asked = asked
    return trial


# -- what is stored ----------------------------------------------------------------------------------------------------


def _stored(
    desk: Desk, users: Mapping[str, User], most: int, days: int | None, only: str = "", call: int | None = None
) -> list[Then]:
    """The last calls with their runs and operations: three queries, whatever their number."""
    if desk.view.target is None:
        return []
    with workspace_tx(desk.workspace):
        subjects = Subject.objects.filter(
            workspace_id=desk.workspace, flow="calls", target_id=desk.view.target.pk, epoch=desk.view.target.epoch
        ).exclude(state__in=["waiting", "due"])
        if days is not None:
            subjects = subjects.filter(arrived_at__gte=timezone.now() - timedelta(days=days))
        if call is not None:
            subjects = subjects.filter(pk=call)
        subjects = replay.narrowed(subjects, only)
        rows = list(subjects.order_by("-id")[:most])
        ids = [one.pk for one in rows]
        runs: dict[int, list[Run]] = {id: [] for id in ids}
        for run in Run.objects.filter(workspace_id=desk.workspace, subject_id__in=ids).order_by("id"):
            runs[run.subject_id].append(run)
        operations: dict[int, list[OperationRow]] = {id: [] for id in ids}
        for one in OperationRow.objects.filter(workspace_id=desk.workspace, subject_id__in=ids).order_by("id"):
            operations[one.subject_id].append(one)
    return [
        Then(
            one,
            Known(_found(run.known for run in runs[one.pk]), {}, one.answers or {}, users),
            operations[one.pk],
            any(run.state == "watched" for run in runs[one.pk]),
            bool(runs[one.pk]),
        )
        for one in rows
    ]


def _found(answers: Iterable[Mapping[str, Any]]) -> dict[Find, tuple[Record, ...]]:
    """Look-up answers of several runs; the first, from before the call's own records, counts."""
    out: dict[Find, tuple[Record, ...]] = {}
    for known in answers:
        for role, by, value, records in (known or {}).get("found", ()):
            # by a link, the records are of the role; their fields are as they were read
            out.setdefault(Find(role, by, value), tuple(Record(role, id, from_json(fields)) for id, fields in records))
    return out


def _found_for(desk: Desk, lanes: Sequence[str]) -> dict[Find, tuple[Record, ...]]:
    """What the last call of this number found."""
    wanted = [lane for lane in lanes if lane.startswith("phone:")]
    if not wanted or desk.view.target is None:
        return {}
    with workspace_tx(desk.workspace):
        subject = (
            Subject.objects.filter(
                workspace_id=desk.workspace, flow="calls", target_id=desk.view.target.pk,
                epoch=desk.view.target.epoch, lanes__contains=wanted, arrived_at__gte=timezone.now() - timedelta(days=DAYS),
            ).order_by("-id").first()
        )  # fmt: skip
        if subject is None:
            return {}
        runs = Run.objects.filter(workspace_id=desk.workspace, subject_id=subject.pk).order_by("id")
        return _found([run.known for run in runs])


# -- deciding ----------------------------------------------------------------------------------------------------------


def _decide(desk: Desk, subject: Mapping[str, Any], known: Known) -> tuple[Plan, list[str]]:
    """The plan, and the look-ups that had no stored answer."""
    found, asked = dict(known.found), list[str]()
    settings = desk.settings
    if settings is None:
        return Plan(), asked
    for _round in range(MOST_ROUNDS):
        now = Known(found, known.own, known.answers_given, known.users)
        finds = FLOW.lookups(subject, now, settings)
        if not finds:
            return FLOW.decide(subject, now, settings, desk.target), asked
        for find in finds:
            asked.append(_looked(find))
            found[find] = ()
    return Plan(), asked


def _looked(find: Find) -> str:
    role = text(ROLES, find.role)
    if find.by == "phone":
        return _("%(role)s by number") % {"role": role}
    if find.by == "id":
        return _("%(role)s by its link") % {"role": role}
    return _("%(role)s of %(owner)s") % {"role": role, "owner": the(find.by)}


def _tried(desk: Desk, then: Then, users: Mapping[str, User]) -> told.Trial:
    subject = then.subject.subject
    try:
        plan, asked = _decide(desk, subject, then.known)
    except (KeyError, ValueError, ValidationError):
        # a call kept by a later version of Tieline: the page still opens
        return told.Trial(
            phone(str(subject.get("external") or "")), then.subject.arrived_at, "", "off", _("Not readable")
        )
    trial = told.shown(desk, subject, plan, users, _written(then) if then.decided else None, then.subject.arrived_at)
    shown = public_ids.of("call").show(then.subject.pk)
    trial.url = reverse("runs-call", args=[shown])
    trial.alone = f"{reverse('calls-try')}?call={shown}#one"
    if asked and then.decided:
        trial.asked = [
            _("Not looked up at the time, taken as none: %(what)s.") % {"what": ", ".join(dict.fromkeys(asked))}
        ]
    return trial


def _written(then: Then) -> dict[str, OperationRow]:
    """Records that the call made, by slot; what the CRM refused is none."""
    made = (one for one in then.operations if one.verb == "create" and one.state not in ("rejected", "blocked"))
    return {one.slot: one for one in made}
