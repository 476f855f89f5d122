"""The rules of each tab as cards of sentences; which tab a setting stands on; what a card needs of the CRM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings as django
from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tieline.core.flow import Need
from tieline.flows.calls import reasons as why
from tieline.web.calls import clashes, places
from tieline.web.calls.controls import Controls, Rule, sentence
from tieline.web.calls.desk import Desk
from tieline.web.calls.words import MANY, said, text

TABS: Final[dict[str, str | Promise]] = {
    "managers": gettext_lazy("Managers"),
    "accounts-leads": gettext_lazy("Accounts and leads"),
    "contacts": gettext_lazy("Contacts"),
    "deals": gettext_lazy("Deals"),
    "tasks": gettext_lazy("Tasks"),
    "logging": gettext_lazy("Logging"),
    "try": gettext_lazy("Try it"),
}
_TAB_OF: Final = {
    "lines": "managers", "default_user": "managers", "account": "accounts-leads", "lead": "accounts-leads",
    "contact": "contacts", "deal": "deals", "task": "tasks", "call": "logging",
}  # fmt: skip


def tab_of(place: str) -> str:
    """The tab on which a setting is changed."""
    return _TAB_OF.get(place.partition(".")[0], "logging")


@dataclass
class Scope:
    """The right a card needs. state: granted, missing or surplus."""

    name: str
    state: str
    more: int = 0


@dataclass
class Card:
    """One subject. `reason`: the CRM has no room for it at all."""

    id: str
    title: str
    rules: list[Rule] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    reason: str = ""


def cards(desk: Desk, tab: str) -> list[Card]:
    """The cards of a tab, with changed marks, contradictions and remarks put where they belong."""
    if not desk.is_set_up or tab not in _MAKERS:
        return []
    controls = Controls(desk, [place for clash in desk.clashes for place in clash.rules])
    made = [card for make in _MAKERS[tab] for card in make(desk, controls)]
    mark(desk, [rule for card in made for rule in card.rules])
    return made


def mark(desk: Desk, rules: Sequence[Rule]) -> None:
    """What is changed, wrong, contradicting or worth a remark, at the rule that it concerns."""
    changes = desk.changes
    for rule in rules:
        rule.changed = any(_within(place, of) for place in changes for of in rule.places)
        rule.errors += [wrong_value(one) for one in desk.malformed if any(_within(one, of) for of in rule.places)]
        rule.remarks += [
            said(remark.reason)
            for remark in desk.remarks
            if any(_within(place, of) for place in remark.rules for of in rule.places)
        ]
    for number, clash in enumerate(desk.clashes):
        involved = [rule for rule in rules if any(_within(place, of) for place in clash.rules for of in rule.places)]
        if involved:  # directly under the last of those that make it
            involved[-1].clashes.append(clashes.shown(desk, clash, number))


def wrong_value(place: str) -> str:
    """What is wrong with something typed."""
    least_most = {"task.due_days": (0, 60), "call.retention_days": (1, 3650), "settle_s": (0, 600)}.get(place)
    if least_most:
        return _("A whole number from %(least)s to %(most)s.") % dict(zip(("least", "most"), least_most, strict=True))
    return _("This is no value that can be kept here.")


def _within(place: str, of: str) -> bool:
    return place == of or place.startswith(of + ".") or of.startswith(place + ".")


# -- what is needed of the CRM -----------------------------------------------------------------------------------------


def scopes_of(desk: Desk, role: str) -> list[Scope]:
    """The right to create records of this role, as it stands: granted, missing, or granted and not needed any more."""
    if desk.manifest is None or desk.manifest.auth.kind != "oauth2" or desk.view.target is None:
        return []
    names = list(desk.manifest.scopes([Need(role, "create", f"{role}.create")]))
    own = [name for name in names if name.lower().endswith(".create") and ".modules." in name] or names
    granted = set(desk.view.target.scopes)
    missing = [name for name in names if name in desk.missing]
    if missing:
        return [Scope(name, "missing") for name in missing]
    if own and own[0] in desk.surplus:
        return [Scope(own[0], "surplus")]
    if own and own[0] in granted:
        return [Scope(own[0], "granted", len([name for name in names if name in granted]) - 1)]
    return [Scope(own[0], "off")] if own else []


def _no_room(desk: Desk, role: str) -> str:
    """Why this CRM cannot hold such records at all; nothing where it can."""
    if role in desk.target.roles or not desk.target.roles:
        return ""
    return _("%(crm)s has no place for this, so the rules below cannot be switched on.") % {"crm": crm(desk)}


def crm(desk: Desk) -> str:
    """What the CRM is called."""
    return desk.manifest.title if desk.manifest is not None else _("The CRM")


def _card(desk: Desk, role: str, rules: list[Rule]) -> Card:
    return Card(role, text(MANY, role), rules, scopes_of(desk, role), _no_room(desk, role))


# -- rules that several tabs have ---------------------------------------------------------------------------------------


def _create(desk: Desk, controls: Controls, role: str, words: str, aid: str, **parts: SafeString) -> Rule:
    """The rule that makes a record: its switch, name and layout."""
    places = [f"{role}.create", f"{role}.name"]
    body = sentence(words, name=controls.name(role), **parts)
    layouts = desk.target.choices.get((role, "layout"), ())
    held = desk.raw[role].get("layout")
    if len(layouts) > 1 or held:
        chosen = controls.pick(f"{role}.layout", _("Layout"), held, layouts, _("the CRM’s own choice"))
        body = format_html("{} {}", body, sentence(_("Its layout: %(layout)s."), layout=chosen))
        places.append(f"{role}.layout")
    off = role not in desk.target.roles and bool(desk.target.roles)
    on = bool(desk.raw[role]["create"])
    label = _("Create: %(what)s") % {"what": text(MANY, role)}
    return Rule(body, places, controls.switch(f"{role}.create", label, on=on, disabled=off), aid)


def _owner(desk: Desk, controls: Controls, role: str) -> Rule:
    default = desk.raw.get("default_user") or {}
    name = default.get("label") or default.get("id") or _("nobody yet")
    parts = {"owner": controls.owner(role), "default": name}
    if "owner" not in desk.target.roles.get(role, ("owner",)):
        body = _("%(crm)s keeps no owner here.") % {"crm": crm(desk)}
        return Rule(sentence("%(body)s", body=body), [f"{role}.owner"])
    body = sentence(
        _("Its owner is %(owner)s. If there is none, or that person is inactive, the default user (%(default)s)."),
        **parts,
    )
    return Rule(body, [f"{role}.owner"])


def _values(desk: Desk, controls: Controls, role: str) -> list[Rule]:
    """CALL-16: a value for each field that the layout requires, and for those that were given one."""
    wanted: dict[str, None] = dict.fromkeys(desk.raw[role].get("values", {}))
    for clash in desk.clashes:
        if clash.reason.code == why.CLASH_REQUIRED and clash.reason.params.get("role") == role:
            wanted |= dict.fromkeys(clash.reason.params["fields"])
    if not wanted:
        return []
    rows = []
    for name in wanted:
        known = desk.vendor_field(role, name)
        label = known.label if known is not None else name
        rows.append((label, _value(desk, controls, role, name, label)))
    body = sentence(_("What the CRM wants besides, for every new record:"))
    return [Rule(body, [f"{role}.values"], rows=rows)]


def _value(desk: Desk, controls: Controls, role: str, name: str, label: str) -> SafeString:
    place = f"{role}.values.{name}"
    held = desk.raw[role]["values"].get(name)
    known = desk.vendor_field(role, name)
    if known is not None and known.choices:
        one = held[0] if isinstance(held, list) and held else held
        return controls.select(place, label, [("", _("choose…")), *known.choices], str(one) if one is not None else "")
    if known is not None and known.type == "bool":
        value = "" if held is None else "true" if held else "false"
        return controls.select(place, label, [("", _("choose…")), ("true", _("yes")), ("false", _("no"))], value)
    if known is not None and known.type == "user":
        people = [(one.id, one.name) for one in desk.users if one.active]
        return controls.select(place, label, [("", _("choose…")), *people], str(held or ""))
    kind = {"date": "date", "email": "email", "url": "url"}.get(known.type if known is not None else "", "text")
    return controls.text(place, label, held, kind=kind, more=' size="24"')


# -- tabs --------------------------------------------------------------------------------------------------------------


def _account(desk: Desk, controls: Controls) -> list[Card]:
    rules = [
        _create(
            desk, controls, "account",
            _("When no account carries the number, create an account named %(name)s."),
            _("A matching lead, or a contact without an account, does not stop it. That contact is linked to the new account."),
        ),
        _owner(desk, controls, "account"), *_values(desk, controls, "account"),
    ]  # fmt: skip
    return [_card(desk, "account", rules)]


def _lead(desk: Desk, controls: Controls) -> list[Card]:
    statuses = desk.target.choices.get(("lead", "status"), ())
    aid = _("Judged before this call creates anything itself, so one stranger does not become three records.")
    first = _create(
        desk,
        controls,
        "lead",
        _("When nobody matches on the first call, in or out, create a lead named %(name)s."),
        aid,
    )
    held = desk.raw["lead"].get("status")
    if statuses or held:
        chosen = controls.pick("lead.status", _("Status"), held, statuses, _("the CRM’s default"))
        first.sentence = format_html("{} {}", first.sentence, sentence(_("Its status: %(status)s."), status=chosen))
        first.places = [*first.places, "lead.status"]
    return [_card(desk, "lead", [first, _owner(desk, controls, "lead"), *_values(desk, controls, "lead")])]


def _contact(desk: Desk, controls: Controls) -> list[Card]:
    first = _create(
        desk, controls, "contact",
        _("When no contact carries the number, create a contact named %(name)s."),
        _("It is linked to the account that matches, or to the one that this call makes."),
    )  # fmt: skip
    return [_card(desk, "contact", [first, _owner(desk, controls, "contact"), *_values(desk, controls, "contact")])]


def _deal(desk: Desk, controls: Controls) -> list[Card]:
    rule = desk.raw["deal"]
    on = rule["when"] != "never"
    whens = [("no_active", _("when no deal is active")), ("none", _("when there is no deal at all")), ("always", _("for every call"))]  # fmt: skip
    when = controls.select("deal.when", _("When a deal is created"), whens, rule["when"] if on else "no_active")
    body = sentence(_("Create a deal %(when)s, named %(name)s."), when=when, name=controls.name("deal"))
    off = "deal" not in desk.target.roles and bool(desk.target.roles)
    aid = _("Looked at are the deals of the account, else of the contact. Active: neither won nor lost, and made within a year before the call.")  # fmt: skip
    switch = controls.switch("deal.on", _("Create: %(what)s") % {"what": text(MANY, "deal")}, on=on, disabled=off)
    first = Rule(body, ["deal.when", "deal.name"], switch, aid)
    rules = [first, _owner(desk, controls, "deal"), *places.rules(desk, controls), *_values(desk, controls, "deal")]
    return [_card(desk, "deal", rules)]


def _task(desk: Desk, controls: Controls) -> list[Card]:
    due = controls.number("task.due_days", _("Days until it is due"), desk.raw["task"]["due_days"], 0, 60)
    first = _create(
        desk, controls, "task",
        _("When a call reaches nobody, create a task named %(name)s, due after %(due)s days."),
        _("In: nobody answered, voicemail and hanging up included. Out: no answer. The task says that the call did not take place."),
        due=due,
    )  # fmt: skip
    first.places = [*first.places, "task.due_days"]
    return [_card(desk, "task", [first, _per(desk, controls), _owner(desk, controls, "task"), *_values(desk, controls, "task")])]  # fmt: skip


def _per(desk: Desk, controls: Controls) -> Rule:
    """CALL-18: one for each call, or one per caller that is closed when somebody reaches them."""
    held = desk.raw["task"]
    ways = [("call", _("a task of its own")), ("caller", _("the caller’s open task, if there is one"))]
    per = controls.select("task.per", _("One task for each call, or one per caller"), ways, held["per"])
    body = sentence(_("Each such call gets %(per)s."), per=per)
    places, aid = ["task.per"], _("Tasks that somebody wrote by hand are neither used nor closed.")
    if held["per"] != "caller":
        return Rule(body, places)
    choices = desk.target.choices.get(("task", "status"), ())
    usual = str(desk.target.limits.get("task_closed") or _("nothing yet"))
    if choices or held["done"]:
        done = controls.pick("task.done", _("Status of a closed task"), held["done"], choices, usual)
        places.append("task.done")
    else:
        done = SafeString(conditional_escape(usual))
    more = sentence(_("It is closed (%(done)s) as soon as a call to or from that number is answered."), done=done)
    return Rule(format_html("{} {}", body, more), places, help=aid)


def _call(desk: Desk, controls: Controls) -> list[Card]:
    rule = desk.raw["call"]
    on, room = rule["log"] != "none", "call" in desk.target.roles or not desk.target.roles
    logs = [("all", _("every call")), ("inbound", _("incoming calls")), ("outbound", _("outgoing calls"))]
    log = controls.select("call.log", _("Which calls are logged"), logs, rule["log"] if on else "all")
    first = Rule(
        sentence(_("Log %(log)s in the CRM."), log=log), ["call.log"],
        controls.switch("call.logs", _("Log calls"), on=on, disabled=not room),
        _("One record per call, however often, late or out of order its events come."),
    )  # fmt: skip
    keeps = rule["recording"] != "none"
    ways = [("link", _("as a link to the phone system")), ("copy", _("as a copy in the CRM"))]
    way = controls.select("call.recording", _("How recordings are kept"), ways, rule["recording"] if keeps else "link")
    held = bool({"recording_url"} & set(desk.target.roles.get("call", ()))) or desk.target.limits.get(
        "call_attach", True
    )
    recordings = Rule(
        sentence(_("Keep the recording %(way)s."), way=way), ["call.recording"],
        controls.switch("call.records", _("Keep recordings"), on=keeps, disabled=not (room and held)),
        _("A recording that comes later joins its call."),
    )  # fmt: skip
    days = controls.number("call.retention_days", _("Days"), rule["retention_days"], 1, 3650)
    kept = Rule(
        sentence(_("Keep here what arrived and what was looked up for %(days)s days."), days=days), ["call.retention_days"],
        help=_("Replays and “Try it” need it. What is in the CRM stays there."),
    )  # fmt: skip
    rules = [first, _owner(desk, controls, "call"), recordings, kept, *_values(desk, controls, "call")]
    return [_card(desk, "call", rules)]


def _general(desk: Desk, controls: Controls) -> list[Card]:
    ways = [("order", _("the set order decides")), ("inbox", _("a person decides in the inbox"))]
    several = controls.select("several.decide", _("Several matches"), ways, desk.raw["several"]["decide"])
    matches = Rule(
        sentence(_("When several records carry the number, %(way)s."), way=several), ["several.decide"],
        help=_("The order: contact, account, lead; then who has an open deal; then the last activity."),
    )  # fmt: skip
    country = controls.text("default_country", _("Country of numbers"), desk.raw["default_country"], more=' size="3" maxlength="2"')  # fmt: skip
    zone = controls.text("zone", _("Time zone"), desk.raw["zone"], more=' size="18" list="zones"')
    language = controls.select("language", _("Language of texts"), [(key, str(name)) for key, name in django.LANGUAGES], desk.raw["language"])  # fmt: skip
    written = [
        Rule(sentence(_("A number without a country is one of %(country)s."), country=country), ["default_country"], help=_("Two letters, as in FR or DK. A line may have its own.")),
        Rule(sentence(_("Times and due dates are those of %(zone)s."), zone=zone), ["zone"]),
        Rule(sentence(_("Texts in the CRM are written in %(language)s."), language=language), ["language"]),
    ]  # fmt: skip
    return [Card("several", _("Several matches"), [matches]), Card("written", _("Numbers, times and texts"), written)]


_Maker = Callable[[Desk, Controls], list[Card]]
_MAKERS: Final[dict[str, Sequence[_Maker]]] = {
    "accounts-leads": (_account, _lead), "contacts": (_contact,), "deals": (_deal,), "tasks": (_task,),
    "logging": (_call, _general),
}  # fmt: skip
