"""Sentences for every code of the calls flow (flows/calls/reasons.py), and its things by name.

said(reason)             one reason in the reader's language, its codes put into words and numbers as people write them
the(role), a_new(role)   "the account", "a new account"
owner_words(kind)        "the line’s manager"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from tieline.core.reasons import Reason
from tieline.web import reasons
from tieline.web.parts.words import phone

Texts = Mapping[str, str | Promise]

ROLES: Final[Texts] = {
    "account": _("account"), "lead": _("lead"), "contact": _("contact"), "deal": _("deal"), "task": _("task"),
    "call": pgettext_lazy("a phone call's record", "call"),
}  # fmt: skip
THE: Final[Texts] = {
    "account": _("the account"), "lead": _("the lead"), "contact": _("the contact"), "deal": _("the deal"),
    "task": _("the task"), "call": _("the call record"),
}  # fmt: skip
MANY: Final[Texts] = {
    "account": _("Accounts"), "lead": _("Leads"), "contact": _("Contacts"), "deal": _("Deals"), "task": _("Tasks"),
    "call": _("Call records"),
}  # fmt: skip
OWNERS: Final[Texts] = {
    "manager": _("the line’s manager"), "default": _("the default user"), "account": _("the owner of the account"),
    "lead": _("the owner of the lead"), "contact": _("the owner of the contact"), "deal": _("the owner of the deal"),
    "user": _("a named user"),
}  # fmt: skip
RULES: Final[Texts] = {
    "call.log": _("log the call"), "account.create": _("create an account"), "lead.create": _("create a lead"),
    "contact.create": _("create a contact"), "contact.link": _("link the contact"), "deal.create": _("create a deal"),
    "task.create": _("create a task"), "task.again": _("use the open task again"), "task.close": _("close the open task"),
    "task.per": _("one task for each call, or one per caller"), "several.decide": _("several matches"), "call.recording": _("the recording"),
    "account.owner": _("owner of the account"), "lead.owner": _("owner of the lead"),
    "contact.owner": _("owner of the contact"), "deal.owner": _("owner of the deal"),
    "task.owner": _("owner of the task"), "call.owner": _("owner of the call record"),
}  # fmt: skip
FIELDS: Final[Texts] = {
    "name": _("name"), "owner": _("owner"), "layout": _("layout"), "status": _("status"), "pipeline": _("pipeline"),
    "stage": _("stage"), "due": _("due"), "closing_date": _("closing date"), "company": _("company"),
    "recording": _("recording"), "recording_url": _("recording"), "outcome": _("outcome"), "duration_s": _("duration"),
    "description": _("description"), "account": _("account"), "contact": _("contact"), "lead": _("lead"), "deal": _("deal"),
    "phone": _("phone number"),
}  # fmt: skip
_KINDS: Final[Texts] = {
    "withheld": _("the number is withheld"), "short": _("the number is a short code"),
    "internal": _("the number is an extension"), "invalid": _("the number is no valid one"),
    "empty": _("no number came with the call"), "own_line": _("the number is one of your own lines"),
}  # fmt: skip
_LOGGED: Final[Texts] = {
    "all": _("log every call"), "inbound": _("log incoming calls"), "outbound": _("log outgoing calls"),
    "none": _("log no call"),
}  # fmt: skip
DIRECTIONS: Final[Texts] = {"inbound": _("incoming"), "outbound": _("outgoing"), "internal": _("internal")}
RESULTS: Final[Texts] = {
    "answered": _("answered"), "missed": _("missed"), "busy": _("busy"), "no_answer": _("no answer"),
    "canceled": _("given up"), "failed": _("failed"), "rejected": _("rejected"), "voicemail": _("voicemail"),
    "unknown": _("outcome unknown"),
}  # fmt: skip

SENTENCES: Final[dict[str, str | Promise]] = {
    "call.ignored_line": _("line %(line)s is marked “ignore in CRM”"),
    "call.internal": _("it is a call between colleagues"),
    "call.nothing_known": _("only a recording or a remark of it came, and nothing of the call itself"),
    "call.rule_off": _("the rule is off"),
    "call.no_person": _("%(kind)s, so there is nobody to create"),
    "call.role_missing": _("this CRM has no place for it: %(role)s"),
    "call.link_missing": _("in this CRM, %(role)s cannot point to %(link)s"),
    "call.decided_before": _("who called was decided when the call first came"),
    "call.made_before": _("this call has made it already"),
    "call.account.new": _("no account carries %(number)s"),
    "call.account.matches": _("%(name)s carries the number"),
    "call.account.of_contact": _("the contact %(name)s has an account"),
    "call.lead.new": _("nobody with %(number)s was known"),
    "call.lead.match": _("%(role)s %(name)s matches"),
    "call.contact.new": _("no contact carries %(number)s"),
    "call.contact.matches": _("the contact %(name)s matches"),
    "call.link.new_account": _("%(name)s had no account"),
    "call.link.no_new_account": _("this call makes no account"),
    "call.link.no_contact": _("there is no contact without account"),
    "call.deal.always": _("every call makes a deal"),
    "call.deal.none": _("there is no deal at all"),
    "call.deal.none_active": _("no deal is active; looked at: %(count)s"),
    "call.deal.there": _("the deal %(name)s is there"),
    "call.deal.active": _("the deal %(name)s is still open"),
    "call.deal.no_party": _("this CRM wants a deal to stand at an account or contact, and there is none"),
    "call.deal.nobody": _("the caller has neither account nor contact, so nobody could tell whose deals count"),
    "call.deal.place_missing": _("no pipeline is chosen for %(user)s"),
    "call.task.unreached": _("the %(direction)s call reached nobody: %(result)s"),
    "call.task.reached": _("somebody answered"),
    "call.task.result_unknown": _("nobody knows how the call ended"),
    "call.task.again": _("the open task %(name)s is used again"),
    "call.task.closed": _("the %(direction)s call was answered, so what was open is done"),
    "call.task.none_open": _("no task of this caller is open"),
    "call.log.on": _("“%(log)s” is on"),
    "call.log.off": _("the rule is “%(log)s”"),
    "call.log.no_parent": _("this CRM keeps no call without a record to hang it on"),
    "call.log.update": _("later events changed: %(fields)s"),
    "call.log.same": _("nothing of it has changed"),
    "call.log.fixed": _("this CRM does not let it be changed: %(fields)s"),
    "call.recording.copy": _("recordings are copied into the CRM"),
    "call.recording.unsupported": _("this CRM takes no files at calls"),
    "call.owner.manager": _("%(user)s manages line %(line)s"),
    "call.owner.default": _("%(user)s is the default user"),
    "call.owner.user": _("the rule names %(user)s"),
    "call.owner.record": _("%(user)s owns %(role)s %(name)s"),
    "call.owner.same_call": _("%(user)s becomes the owner of %(role)s too"),
    "call.owner.no_manager": _("line %(line)s has no manager, so %(user)s takes it"),
    "call.owner.unknown_line": _("line %(line)s is not in the list, so %(user)s takes it"),
    "call.owner.no_line": _("the call names no line, so %(user)s takes it"),
    "call.owner.absent": _("%(role)s is not there or has no owner, so %(user)s takes it"),
    "call.owner.inactive": _("%(who)s is not active in the CRM, so %(user)s takes it"),
    "call.owner.nobody": _("there is no active default user; the CRM decides"),
    "call.owner.cycle": _("these rules wait for each other: %(rules)s"),
    "call.several": _("%(count)s records carry %(number)s; a person decides"),
    "call.wait.in_progress": _("the call goes on"),
    "call.wait.settling": _("further legs of it may still come"),
    "call.ignored_late": _(
        "A call was written before its part on line %(line)s, which is marked “ignore in CRM”, came in. It was left as it is."
    ),
    "call.unknown_line": _("Line %(line)s is not in the list. The default user takes its calls."),
    "call.clash.owner_cycle": _("These owners wait for each other"),
    "call.clash.place": _("The stage %(stage)s is not in the pipeline %(pipeline)s of the layout %(layout)s"),
    "call.clash.place_unsupported": _("Deals of this CRM have no pipelines and stages"),
    "call.clash.place_missing": _("No pipeline and stage is chosen for %(user)s"),
    "call.clash.two_layouts": _("Deals are to have the layout %(layout)s, and a stage of the layout %(place)s"),
    "call.clash.line_twice": _("Line %(line)s stands here twice"),
    "call.clash.line_invalid": _("“%(line)s” is no number of a line"),
    "call.clash.recording_without_log": _("Recordings are wanted and no call is logged"),
    "call.clash.required": _("The CRM wants more of %(role)s: %(fields)s"),
    "call.clash.no_default_user": _("There is no default user"),
    "call.clash.user_gone": _("The default user %(user)s is not active in the CRM"),
    "call.clash.no_user": _("The rule says “a named user” and names nobody: %(rule)s"),
    "call.clash.role_missing": _("This CRM has no place for it: %(role)s"),
    "call.clash.field_missing": _("In this CRM, %(role)s has no place for it: %(field)s"),
    "call.clash.choice": _("The CRM does not offer %(field)s “%(value)s” for %(role)s"),
    "call.clash.value": _("%(field)s of %(role)s cannot be “%(value)s”: it holds %(type)s"),
    "call.clash.template": _("%(placeholder)s stands for nothing in a name"),
    "call.clash.task_status": _("Tasks of this CRM have no status that closes them"),
    "call.clash.task_link": _("Tasks of this CRM cannot point to the caller"),
    "call.clash.country": _("There is no country “%(country)s”"),
    "call.clash.zone": _("There is no time zone “%(zone)s”"),
    "call.remark.link_missing": _("This CRM cannot point from %(role)s to %(link)s. The record is made without it."),
    "call.remark.owner_missing": _("In this CRM, %(role)s has no owner. The rule is kept and not used."),
    "call.remark.owner_never": _(
        "A lead is only made for somebody of whom there is none of these, so the default user will own it."
    ),
    "call.remark.not_logged": _(
        "Calls from unknown numbers are not logged: this CRM keeps no call without a record to hang it on, and no rule makes one."
    ),
    "call.remark.deal_needs_party": _(
        "This CRM wants a deal to stand at an account or contact. Callers who have neither get none."
    ),
    "call.remark.task_stranger": _(
        "No rule makes a record of a stranger, so their open task cannot be found again: strangers get one for each call."
    ),
    "call.remark.user_gone": _("%(user)s is not active in the CRM. The default user stands in."),
    "call.way.manager": _("%(role)s: use the line’s manager"),
    "call.way.default_user": _("%(role)s: use the default user"),
    "call.way.crm_default": _("Leave it to the CRM"),
    "call.way.one_place": _("One place for all"),
    "call.way.no_recording": _("Keep no recordings"),
    "call.way.log": _("Log every call"),
    "call.way.switch_off": _("%(role)s: switch the rule off"),
    "call.way.drop_line": _("Take %(line)s off the list"),
    "call.way.task_per_call": _("One task for each call"),
    "call.way.plain_name": _("Use the plain name"),
}
"""A code in the words of the business; what comes after "because" begins small, what stands alone begins large."""

reasons.register(SENTENCES)

# -- cells of an imported call list
CELLS: Final[dict[str, str | Promise]] = {
    "call_list.no_time": _("There is no time."),
    "call_list.not_a_time": _("“%(value)s” is not a date with a time."),
    "call_list.not_a_direction": _("“%(value)s” does not say who called whom."),
    "call_list.no_direction": _("Nothing says who called whom."),
    "call_list.not_a_number": _("“%(value)s” is not a phone number."),
    "call_list.not_a_duration": _("“%(value)s” is not a duration."),
    "call_list.not_an_outcome": _("“%(value)s” does not say how the call ended."),
    "call_list.not_a_link": _("“%(value)s” is not an address that begins with https://."),
    "call_list.too_long": _("“%(value)s…” is too long for the ID of a call."),
    "call_list.future": _("“%(value)s” has not come yet."),
    "call_list.not_a_row": _("This row cannot be read."),
}
reasons.register(CELLS)

CONSEQUENCES: Final[Texts] = {
    "call.clash.owner_cycle": _("The records are new: %(chain)s. Nobody is ever chosen."),
    "call.clash.place": _("The CRM refuses the deal."),
    "call.clash.place_unsupported": _("The CRM has nowhere to put the stage."),
    "call.clash.place_missing": _("A deal of this call has no place in the CRM."),
    "call.clash.two_layouts": _("A deal has one layout, and its stage belongs to another."),
    "call.clash.line_twice": _("Two managers answer for one line."),
    "call.clash.recording_without_log": _("There is no call record that the recording could hang on."),
    "call.clash.required": _("The CRM refuses a record without it."),
    "call.clash.no_default_user": _("Nobody takes what has nobody else."),
    "call.clash.role_missing": _("Nothing can be created for it."),
    "call.clash.value": _("The CRM refuses every record with it."),
    "call.clash.field_missing": _("The value has nowhere to go."),
    "call.clash.task_status": _("An open task could never be closed."),
    "call.clash.task_link": _("The open task of a caller could never be found."),
}


def text(texts: Texts, key: str) -> str:
    """A word of a table; a key that it does not know stands as it is."""
    return str(texts.get(key, key))


def the(role: str) -> str:
    return text(THE, role)


def owner_words(kind: str) -> str:
    return text(OWNERS, kind)


def first_up(said: str) -> str:
    return said[:1].upper() + said[1:]


def said(reason: Reason | Mapping[str, Any]) -> str:
    """One reason in the reader's language; also as stored. A code of another room is asked of the common table."""
    one = reason if isinstance(reason, Reason) else Reason.from_json(reason)
    if one.code == "call.deal.none_active" and not one.params.get("count"):
        one = Reason("call.deal.none")  # of none, none is active
    try:
        return reasons.sentence(one.code, **_named(one))
    except KeyError:
        return one.code  # of a later version of Tieline: better its code than no page


def _named(reason: Reason) -> dict[str, str]:
    values = {name: _plain(name, value) for name, value in reason.params.items()}
    if reason.code.startswith("call.way."):
        role = str(reason.params.get("role", ""))
        values["role"] = first_up(text(ROLES, role))
    return values


_TYPES: Final[Texts] = {
    "number": _("a number"), "money": _("an amount"), "bool": _("yes or no"), "date": _("a date (year-month-day)"),
    "datetime": _("a date with its time (2026-11-22T09:30:00Z)"), "email": _("an e-mail address"), "text": _("text"),
    "choices": _("a list of choices"), "phone": _("a phone number"), "url": _("an address"), "choice": _("a choice"),
}  # fmt: skip


_TABLES: Final[dict[str, Texts]] = {
    "role": THE, "link": THE, "kind": _KINDS, "log": _LOGGED, "direction": DIRECTIONS, "result": RESULTS, "rule": RULES,
    "rules": RULES, "type": _TYPES, "field": FIELDS, "fields": FIELDS, "source": THE,
}  # fmt: skip


def _plain(name: str, value: Any) -> str:
    table = _TABLES.get(name)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(text(table, str(one)) if table else str(one) for one in value)
    if table is not None:
        return text(table, str(value))
    shown = str(value)
    return phone(shown) if name in ("number", "line") else shown


def chain(rules: Sequence[str], owners: Mapping[str, str]) -> str:
    """Who waits for whom: "the account asks the lead, the lead asks the account"."""
    asked = [
        gettext("%(asker)s asks %(asked)s for its owner") % {"asker": the(role), "asked": the(owners[role])}
        for role in (rule.partition(".")[0] for rule in rules)
        if role in owners
    ]
    return ", ".join(asked)


def example_call(call: Mapping[str, Any], line: str) -> str:
    """The smallest call in plain words: who calls which line, and what comes of it."""
    named = {"number": phone(str(call.get("external", ""))), "line": line}
    if call.get("direction") == "outbound":
        if line:
            return gettext("line %(line)s calls %(number)s for the first time.") % named
        return gettext("somebody calls %(number)s for the first time.") % named
    if call.get("result") == "answered":
        if line:
            return gettext("%(number)s calls line %(line)s for the first time, and somebody answers.") % named
        return gettext("%(number)s calls for the first time, and somebody answers.") % named
    if line:
        return gettext("%(number)s calls line %(line)s for the first time and reaches nobody.") % named
    return gettext("%(number)s calls a line without a manager for the first time.") % named
