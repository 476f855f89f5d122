"""A call, what is known of its caller, and the settings → what shall be written, and why.

First every rule is judged on what was there before the call; then owners are chosen; then operations are written down,
parents first. A call that was decided before (its record or task is there) only gets what is new: persons are never made
a second time, a task stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieline.core.flow import Target
from tieline.core.plan import Considered, Known, Notice, Operation, Plan
from tieline.core.reasons import Reason, because
from tieline.core.record import Local, Ref, from_json
from tieline.flows.calls import reasons as why
from tieline.flows.calls import tasks
from tieline.flows.calls.call import Call
from tieline.flows.calls.judge import judge, name_of
from tieline.flows.calls.owners import Owners
from tieline.flows.calls.people import (
    PERSONS,
    TASK_AGAIN,
    People,
    is_settled,
    people_of,
    wants_of,
)
from tieline.flows.calls.settings import NewRecord, Settings
from tieline.flows.calls.target import first_place, further, required
from tieline.flows.calls.texts import Texts

RULES = ("call.log", "account.create", "lead.create", "contact.create", "contact.link", "deal.create", "task.create")
CLOSING_DAYS = 30
"""A CRM that wants a closing date of each deal gets one so many days after the call."""


def decide(call: Call, known: Known, settings: Settings, target: Target) -> Plan:
    """The plan for one call."""
    if call.ignored is not None:
        reason = because(why.IGNORED_LINE, line=call.ignored.label or call.ignored.number)
        notices: tuple[Notice, ...] = ()
        if known.own:  # the leg on this line came after the call was written: nothing is undone, somebody should know
            late = because(why.IGNORED_LATE, line=call.ignored.label or call.ignored.number)
            notices = (Notice("ignored_late", call.ignored.number, late),)
        return Plan(notices=notices, considered=tuple(Considered(rule, False, reason) for rule in RULES))
    if call.direction == "internal" or not (call.told or known.own):
        reason = because(why.INTERNAL if call.told else why.NOTHING_KNOWN)
        return Plan(considered=tuple(Considered(rule, False, reason) for rule in RULES))
    wants = wants_of(call, known, settings)
    people = people_of(call, known, settings, wants) if wants is not None else People()
    if people.question is not None:
        considered = (Considered("several.decide", True, people.question.reason),)
        return Plan(questions=(people.question,), notices=_notices(call), considered=considered)
    return _Decision(call, known, settings, target, people).plan()


def _notices(call: Call) -> tuple[Notice, ...]:
    if call.line is not None or not call.line_raw:
        return ()
    number = call.line_phone
    topic = number.e164 or number.digits or call.line_raw
    return (Notice("unknown_line", topic, because(why.UNKNOWN_LINE, line=number.international)),)


class _Decision:
    """One call's plan in the making."""

    def __init__(self, call: Call, known: Known, settings: Settings, target: Target, people: People) -> None:
        self._call = call
        self._known = known
        self._settings = settings
        self._target = target
        self._people = people
        self._texts = Texts(call, settings)
        self._settled = is_settled(known)
        self._operations: list[Operation] = []
        self._considered: list[Considered] = []
        self._notices = list(_notices(call))
        self._new = judge(call, known, settings, target, people, self._texts.number, self._considered)
        sources = {role: getattr(settings, role).owner for role in self._new}
        self._owners = Owners(call, known, settings, people, sources)

    def plan(self) -> Plan:
        self._account()
        self._lead()
        self._contact()
        self._link()
        self._deal()
        self._task()
        self._log()
        return Plan(tuple(self._operations), (), tuple(self._notices), tuple(self._considered))

    # -- owners and links ----------------------------------------------------------------------------------------------

    def _own_by(self, role: str, values: dict[str, Any]) -> None:
        """Puts the owner in and says why; a CRM without owners is left alone."""
        if "owner" not in self._target.roles[role]:
            return
        owners = self._owners
        user, reason = owners.of_role(role) if role in self._new else owners.of(getattr(self._settings, role).owner)
        self._considered.append(Considered(f"{role}.owner", user is not None, reason))
        if user is not None:
            values["owner"] = user

    def _ref(self, role: str) -> Ref | Local | None:
        """The call's record of a role: made by it, else matched."""
        if role in self._new:
            return Local(role)
        own = self._known.own.get(role)
        if own is not None:
            return own.ref
        if role == "account":
            return self._people.account_ref
        if role == "deal":
            return None
        record = getattr(self._people, role)
        return record.ref if record is not None else None

    def _hang_on(self, role: str, values: dict[str, Any]) -> bool:
        """Links a call or task to its persons: contact and account, else the lead, else the new deal. False: to none."""
        fields = self._target.roles[role]
        before = self._known.own.get("call") or self._known.own.get("task")
        linked = False
        if before is not None:  # a task that comes later hangs where the call does
            for name in ("contact", "account", "lead", "deal"):
                ref = from_json(before.values.get(name))
                if ref is not None and name in fields:
                    values[name] = ref
                    linked = True
            return linked
        for names in (("contact", "account"), ("lead",), ("deal",)):
            for name in names:
                ref = self._ref(name)
                if ref is not None and name in fields:
                    values[name] = ref
                    linked = True
            if linked:
                break
        return linked

    # -- operations ----------------------------------------------------------------------------------------------------

    def _create(self, role: str, rule: NewRecord, values: dict[str, Any], *match_keys: tuple[str, Any]) -> None:
        if rule.layout is not None and "layout" in self._target.roles[role]:
            values.setdefault("layout", rule.layout.id)
        self._own_by(role, values)
        self._add(role, {**further(rule.values, self._target.roles[role]), **values}, self._new[role], match_keys)

    def _add(
        self, role: str, values: dict[str, Any], reason: Reason, match_keys: tuple[tuple[str, Any], ...] = ()
    ) -> None:
        rule = "call.log" if role == "call" else f"{role}.create"
        self._considered.append(Considered(rule, True, reason))
        self._operations.append(Operation(role, "create", role, values, reason, match_keys=match_keys))

    def _person(self, rule: NewRecord) -> dict[str, Any]:
        return {"name": self._texts.name(rule.name), "phone": self._call.person.e164}

    def _account(self) -> None:
        if "account" in self._new:
            rule = self._settings.account
            self._create("account", rule, self._person(rule), ("phone", self._call.person.e164))

    def _lead(self) -> None:
        if "lead" not in self._new:
            return
        rule = self._settings.lead
        values = self._person(rule)
        if rule.status is not None:
            values["status"] = rule.status.id
        if "company" in required(self._target, "lead", rule.layout.id if rule.layout else None):
            values["company"] = rule.values.get("company") or values["name"]
        self._create("lead", rule, values, ("phone", self._call.person.e164))

    def _contact(self) -> None:
        if "contact" not in self._new:
            return
        rule = self._settings.contact
        values = self._person(rule)
        account = self._ref("account")
        if account is not None and "account" in self._target.roles["contact"]:
            values["account"] = account
        self._create("contact", rule, values, ("phone", self._call.person.e164))

    def _link(self) -> None:
        """CALL-9: a contact without account is linked to the account that its call made."""
        contact = self._people.contact
        reason: Reason
        if "account" not in self._new and "account" not in self._known.own:
            reason = because(why.LINK_NO_NEW_ACCOUNT)
        elif contact is None or contact.get("account"):
            reason = because(why.LINK_NO_CONTACT)
        elif "account" not in self._target.roles.get("contact", ()):
            reason = because(why.LINK_MISSING, role="contact", link="account")
        elif "contact.link" in self._known.own or self._settled:
            reason = because(why.MADE_BEFORE)
        else:
            reason = because(why.LINK_NEW_ACCOUNT, name=name_of(contact))
            values = {"account": self._ref("account")}
            before = {"account": None}
            self._operations.append(
                Operation("contact.link", "update", "contact", values, reason, target=contact.ref, before=before)
            )
            self._considered.append(Considered("contact.link", True, reason))
            return
        self._considered.append(Considered("contact.link", False, reason))

    def _deal(self) -> None:
        if "deal" not in self._new:
            return
        rule = self._settings.deal
        fields = self._target.roles["deal"]
        values: dict[str, Any] = {"name": self._texts.name(rule.name)}
        match_keys = []
        for link in ("account", "contact"):
            ref = self._ref(link)
            if ref is not None and link in fields:
                values[link] = ref
                match_keys.append((link, ref))
        self._put_in_place(values)
        if "closing_date" in required(self._target, "deal", values.get("layout")) and "closing_date" not in rule.values:
            values["closing_date"] = self._texts.day(CLOSING_DAYS)
        self._create("deal", rule, values, *match_keys)

    def _put_in_place(self, values: dict[str, Any]) -> None:
        """CALL-14: layout, pipeline and stage."""
        rule = self._settings.deal
        place = rule.place
        if rule.per_manager:
            line, default = self._call.line, self._settings.default_user
            manager = line.manager if line is not None and line.manager is not None else default
            found = rule.places.get(manager.id) if manager is not None else None
            if found is None and default is not None:
                found = rule.places.get(default.id)
            if found is None and manager is not None:
                reason = because(why.PLACE_MISSING, user=manager.label or manager.id)
                self._notices.append(Notice("deal_place_missing", manager.id, reason))
            place = found or place
        fields = self._target.roles["deal"]
        if place is not None:
            chosen = {"layout": place.layout.id, "pipeline": place.pipeline.id, "stage": place.stage.id}
        elif (first := first_place(self._target, rule.layout.id if rule.layout else None)) is not None:
            chosen = {"layout": first.layout, "pipeline": first.pipeline, "stage": first.stage}
        else:
            return
        values.update({name: value for name, value in chosen.items() if name in fields and value})

    def _task(self) -> None:
        rule, call = self._settings.task, self._call
        reason: Reason
        if not rule.create:
            reason = because(why.RULE_OFF)
        elif "task" not in self._target.roles:
            reason = because(why.ROLE_MISSING, role="task")
        elif "task" in self._known.own or TASK_AGAIN in self._known.own:
            reason = because(why.MADE_BEFORE)
        elif not call.unreached:
            reason = because(why.TASK_RESULT_UNKNOWN if call.result == "unknown" else why.TASK_REACHED)
        elif open_tasks := tasks.open_tasks(self._people, self._settings, self._target):
            reason = self._again(*tasks.again(open_tasks[0], self._texts, self._target))
        else:
            values: dict[str, Any] = {
                "name": self._texts.name(rule.name),
                "description": self._texts.task_description,
                "due": self._texts.day(rule.due_days),
            }
            fields = self._target.roles["task"]
            values = {name: value for name, value in values.items() if name in fields and value is not None}
            self._hang_on("task", values)
            self._own_by("task", values)
            reason = because(why.TASK_UNREACHED, direction=call.direction, result=call.result)
            links = [(name, values[name]) for name in PERSONS if name in values] if rule.per == "caller" else []
            self._add("task", {**further(rule.values, fields), **values}, reason, tuple(links))
            return
        self._considered.append(Considered("task.create", False, reason))
        if rule.create and rule.per == "caller" and call.result == "answered":
            self._again(*tasks.close(call, self._known, self._people, self._settings, self._target))

    def _again(self, considered: Considered, operations: Sequence[Operation]) -> Reason:
        """CALL-18: what becomes of the caller's open task."""
        self._considered.append(considered)
        self._operations.extend(operations)
        return considered.reason

    def _log(self) -> None:
        rule, call = self._settings.call, self._call
        if "call" in self._known.own:
            self._log_again()
            return
        values: dict[str, Any] = {}
        reason: Reason
        if rule.log not in ("all", call.direction):
            reason = because(why.LOG_NOT, log=rule.log)
        elif "call" not in self._target.roles:
            reason = because(why.ROLE_MISSING, role="call")
        elif not self._hang_on("call", values) and self._target.limits.get("call_needs_parent"):
            reason = because(why.LOG_NO_PARENT)
        else:
            fields = self._target.roles["call"]
            facts = {**self._said(), **self._follows()}
            values = {name: value for name, value in facts.items() if name in fields and value is not None} | values
            self._own_by("call", values)
            self._add("call", {**further(rule.values, fields), **values}, because(why.LOG, log=rule.log))
            self._copy_recordings(Local("call"))
            return
        self._considered.append(Considered("call.log", False, reason))

    def _log_again(self) -> None:
        """CALL-19: later events join the record that is there; its links and owner stay."""
        own = self._known.own["call"]
        fields = self._target.roles.get("call", frozenset())
        limit = self._target.limits.get("call_update")
        allowed = fields if limit is None else fields.intersection(limit)
        now = self._follows()
        if self._settings.call.recording == "link" and len(self._call.recordings) > 1:
            now["description"] = self._texts.call_description  # where further recordings stand
        moved = {name for name in fields & now.keys() if now[name] is not None and now[name] != own.values.get(name)}
        if moved & allowed:
            words = {"description": self._texts.call_description or None}
            if "outcome" in moved:
                words["name"] = self._texts.call_name
            values = {
                name: value
                for name, value in {**now, **words}.items()
                if name in allowed and value is not None and value != own.values.get(name)
            }
            before = {name: own.values.get(name) for name in values}
            reason = because(why.LOG_UPDATE, fields=sorted(values))
            self._operations.append(
                Operation("call.update", "update", "call", values, reason, target=own.ref, before=before)
            )
        else:
            reason = because(why.LOG_FIXED, fields=sorted(moved)) if moved else because(why.LOG_SAME)
        self._considered.append(Considered("call.log", bool(moved & allowed), reason))
        self._copy_recordings(own.ref)

    def _said(self) -> dict[str, Any]:
        call = self._call
        return {
            "name": self._texts.call_name,
            "direction": call.direction,
            "started_at": call.started_at,
            "external_number": _number(call.person.e164, call.person.digits, call.person.raw),
            "line_number": _number(call.line_phone.e164, call.line_phone.digits, call.line_raw),
            "description": self._texts.call_description or None,
        }

    def _follows(self) -> dict[str, Any]:
        call = self._call
        link = self._settings.call.recording == "link" and call.recordings
        return {
            "outcome": call.result,
            "duration_s": call.duration_s,
            "recording_url": call.recordings[0][0] if link else None,
        }

    def _copy_recordings(self, to: Ref | Local) -> None:
        """CALL-20: one file per recording, each in a slot of its own that later recordings do not move."""
        if self._settings.call.recording != "copy" or not self._call.recordings:
            return
        own = self._known.own
        if not self._target.limits.get("call_attach", True):
            self._considered.append(Considered("call.recording", False, because(why.RECORDING_UNSUPPORTED)))
            return
        slots = {slot: had.values.get("url") for slot, had in own.items() if slot.startswith("call.recording")}
        for url, _ in self._call.recordings:
            if url in slots.values():
                continue
            number = 1
            while (slot := "call.recording" + (f".{number}" if number > 1 else "")) in slots:
                number += 1
            slots[slot] = url
            name = self._texts.file_name + (f" ({number})" if number > 1 else "")
            reason = because(why.RECORDING_COPY)
            values = {"name": name, "url": url, "source": self._call.key}
            self._operations.append(Operation(slot, "attach", "call", values, reason, target=to))
            self._considered.append(Considered("call.recording", True, reason))


def _number(e164: str, digits: str, raw: str) -> str | None:
    return e164 or digits or raw.strip() or None
