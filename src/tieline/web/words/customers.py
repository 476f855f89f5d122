"""Sentences of customers kept the same: why a record moves or not, what a line became, what speaks for a match, what contradicts.

with named(left="Zoho CRM", right="e-conomic"):     the sides by their names; without it they are the CRM and the other system
say(reason)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from tieline.core.reasons import Reason
from tieline.web import reasons
from tieline.web.parts import words

Sentences = dict[str, str | Promise]

SIDES: Final[Sentences] = {"left": _("the CRM"), "right": _("the other system")}
ROLES: Final[Sentences] = {
    "account": _("Customers"),
    "contact": _("Contact persons"),
    "lead": _("Leads"),
    "deal": _("Deals"),
}
ONE: Final[Sentences] = {
    "account": _("customer"), "contact": _("contact person"), "lead": _("lead"), "deal": _("deal"), "task": _("task"), "call": _("call"),
}  # fmt: skip
RULES: Final[Sentences] = {
    "registration_number": _("registration number"), "email": _("e-mail"), "phone": _("phone"), "name": _("name"),
}  # fmt: skip
TYPES: Final[Sentences] = {
    "text": _("text"), "number": _("number"), "money": _("amount"), "bool": _("yes or no"), "date": _("date"),
    "datetime": _("date and time"), "phone": _("phone number"), "email": _("e-mail address"), "url": _("web address"),
    "choice": _("choice"), "choices": _("several choices"), "link": _("link to a record"), "user": _("person"), "other": _("something else"),
}  # fmt: skip

OF_ONE: Final[Sentences] = {
    "customers.not.conflict": _("Both sides changed one field to different values; a person must choose."),
}
"""The sentence where the count is one and the usual one speaks of many."""

_NAMES: ContextVar[Mapping[str, str] | None] = ContextVar("names of the two sides", default=None)


@contextmanager
def named(left: str, right: str) -> Iterator[None]:
    """Within it the sides are called by these names."""
    token = _NAMES.set({"left": left, "right": right})
    try:
        yield
    finally:
        _NAMES.reset(token)


def side_name(side: str) -> str:
    """A side as people call it."""
    return (_NAMES.get() or {}).get(side) or str(SIDES.get(side, side))


def said(reason: Reason) -> str:
    """One reason in the reader's language."""
    if reason.params.get("count") == 1 and reason.code in OF_ONE:
        return str(OF_ONE[reason.code])
    try:
        return reasons.sentence(reason.code, **_values(reason.params))
    except KeyError:
        return reason.code


def _values(params: Mapping[str, Any]) -> dict[str, str]:
    out = {name: _shown(name, value) for name, value in params.items()}
    if "side" in out:
        named_so = _NAMES.get() is not None  # a name is written as its owner writes it
        out["side_first"] = out["side"] if named_so else out["side"][:1].upper() + out["side"][1:]
    return out


def _shown(name: str, value: Any) -> str:
    tables = {"role": ROLES, "one": ONE, "rule": RULES, "left_type": TYPES, "right_type": TYPES}
    if name == "side":
        return side_name(str(value))
    if name in tables:
        return str(tables[name].get(str(value), value))
    if name in ("what", "other", "field"):
        return _line(value)
    if name == "seconds" and isinstance(value, int | float):
        return words.lasted(value)
    if name in ("at", "other_at"):
        from tieline.web.words.say import moment

        return moment(str(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        of = (lambda one: str(ROLES.get(str(one), one))) if name == "roles" else _line
        return ", ".join(of(one) for one in value) or gettext("nothing")
    return words.number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _line(value: Any) -> str:
    from tieline.web.customers.words import line_name

    return line_name(str(value))


NOT_MOVED: Final[Sentences] = {
    "customers.not.switched_off": _("Keeping customers the same is switched off."),
    "customers.not.role": _("“%(role)s” are not kept the same."),
    "customers.not.stopped": _("A person said that this one is not kept the same."),
    "customers.not.marked": _("This customer is not marked to be kept the same."),
    "customers.not.switch": _("The rules take nothing new from %(side)s."),
    "customers.not.by_hand": _("New customers are sent by hand only."),
    "customers.not.new": _("It was there before customers were kept the same; only new ones are sent by themselves."),
    "customers.not.active": _("This customer is not active yet."),
    "customers.not.condition": _("Nothing says when a customer is active."),
    "customers.not.parent": _("It waits for the customer that it belongs to, who is not linked yet."),
    "customers.not.no_parent": _("It belongs to no customer, and in the other system it must."),
    "customers.not.required": _("A new record in %(side)s needs what nobody gives: %(fields)s."),
    "customers.not.ambiguous": _("%(count)s records may be the same; a person must say which."),
    "customers.not.unsure": _("One record may be the same; a person must say whether it is."),
    "customers.not.partner_gone": _("The record that was chosen (%(id)s) is not there any more."),
    "customers.not.reused": _("Number %(id)s in %(side)s now belongs to somebody else, it seems: registration number, name and e-mail are all different."),
    "customers.not.gone": _("It is no longer in %(side)s; a person must say what that means."),
    "customers.not.gone_waits": _("It is no longer in %(side)s; it is looked for once more before anything is done."),
    "customers.not.gone_switch": _("It is no longer in %(side)s, and the rules take no changes from there."),
    "customers.not.cannot_delete": _("%(side_first)s lets nobody delete it from outside: delete it there by hand, or say that it stays."),
    "customers.not.merged": _("It is no longer in %(side)s; %(count)s records there may be what it was merged into."),
    "customers.not.gone_both": _("It is in neither system any more."),
    "customers.not.conflict": _("Both sides changed %(count)s fields to different values; a person must choose."),
    "customers.not.same": _("Both sides agree already."),
}  # fmt: skip

WRITES: Final[Sentences] = {
    "customers.write.created": _("It was new in %(side)s."),
    "customers.write.created_by_hand": _("A person asked for it."),
    "customers.write.created_active": _("The customer became active."),
    "customers.write.created_through": _("The customer became active by “%(name)s” (%(one)s %(id)s)."),
    "customers.write.restored": _("It was no longer in %(side)s and is made again."),
    "customers.write.updated": _("It changed in %(side)s."),
    "customers.write.matched": _("The two are the same by their %(rule)s."),
    "customers.write.chosen_partner": _("A person said that these two are the same."),
    "customers.write.moved_link": _("In %(side)s it was merged into this record."),
    "customers.write.deleted": _("It was deleted in %(side)s."),
    "customers.write.deleted_by_hand": _("It was deleted in %(side)s, and a person said that it goes here too."),
    "customers.write.default": _("The rules give it to new records."),
    "customers.write.marked": _("It is marked as kept the same."),
}

LINES: Final[Sentences] = {
    "customers.line.same": _("Both sides agree."),
    "customers.line.changed": _("It changed in %(side)s."),
    "customers.line.filled": _("It was empty; the value comes from %(side)s."),
    "customers.line.emptied": _("It was emptied in %(side)s."),
    "customers.line.chosen": _("A person chose the value of %(side)s."),
    "customers.line.wins": _("Both sides differed; for this field %(side)s wins."),
    "customers.line.newest": _(
        "Both sides differed; %(side)s changed last, at %(at)s (the other one at %(other_at)s)."
    ),
    "customers.line.one_way_wins": _("This field goes one way only, from %(side)s."),
    "customers.line.created": _("The new record has it from %(side)s."),
    "customers.conflict.ask": _("Both sides changed it to different values."),
    "customers.conflict.no_time": _("Both sides changed it, and %(side)s does not say when."),
    "customers.conflict.too_close": _("Both sides changed it within %(seconds)s: nobody can say which was last."),
    "customers.conflict.first": _("The two were linked just now and hold different values."),
    "customers.held.one_way": _("It differs, and this field does not go from %(side)s to the other system."),
    "customers.held.switch": _("It differs, and the rules take no changes from %(side)s."),
    "customers.held.not_emptied": _("It was emptied in %(side)s; by the rules the other system keeps its value."),
    "customers.held.no_value": _("It differs, and %(side)s has no value that means the same."),
    "customers.held.parent": _("It waits for the record that it leads to, which is not linked yet."),
    "customers.held.drift": _("The two do not agree, though neither side changed since they were last written."),
    "customers.held.not_read": _("%(side_first)s did not tell what it holds."),
}

EVIDENCE: Final[Sentences] = {
    "customers.evidence.registration_number.same": _("Same registration number: %(said)s"),
    "customers.evidence.email.same": _("Same e-mail: %(said)s"),
    "customers.evidence.phone.same": _("Same phone: %(said)s"),
    "customers.evidence.name.same": _("Same name: %(said)s"),
    "customers.evidence.place.same": _("Same place: %(said)s"),
    "customers.evidence.registration_number.differs": _("Different registration numbers: %(left)s and %(right)s"),
    "customers.evidence.email.differs": _("Different e-mails: %(left)s and %(right)s"),
    "customers.evidence.phone.differs": _("Different phones: %(left)s and %(right)s"),
    "customers.evidence.name.differs": _("Different names: %(left)s and %(right)s"),
    "customers.evidence.place.differs": _("Different places: %(left)s and %(right)s"),
    "customers.evidence.name.like": _("Names alike to %(percent)s %%: %(left)s and %(right)s"),
    "customers.evidence.parent.same": _("Both belong to the same customer"),
    "customers.evidence.parent.differs": _("They belong to different customers"),
    "customers.evidence.adds": _("%(what)s: %(left)s and %(right)s (%(points)s)"),
    "customers.evidence.likely": _("By everything together it is the same with %(percent)s %% likelihood"),
    "customers.evidence.linked": _("It is linked with another record already"),
}

CHECKS: Final[Sentences] = {
    "customers.clash.country": _("No phone number can be read from the country “%(country)s”."),
    "customers.clash.no_role": _("Nothing is kept the same: neither customers nor contact persons."),
    "customers.clash.role_twice": _("“%(role)s” stand in the rules twice."),
    "customers.clash.role": _("%(side_first)s has no “%(role)s”."),
    "customers.clash.role_circle": _("Each would wait for the other: %(roles)s."),
    "customers.clash.parent": _("“%(what)s” leads to “%(role)s”, and these are not kept the same."),
    "customers.clash.condition": _("Customers are sent when they become active, and nothing says when that is."),
    "customers.clash.condition_value": _("“%(what)s” is never “%(said)s” in the CRM."),
    "customers.clash.condition_role": _("“%(role)s” are to say which customers are active, and the CRM has none."),
    "customers.clash.condition_link": _("“%(role)s” are to say which customers are active, and “%(what)s” leads from them to none that is kept the same."),
    "customers.clash.condition_field": _("“%(role)s” have no field “%(what)s” in the CRM."),
    "customers.clash.mark": _("A field of the CRM is to say who is kept the same, and none is chosen."),
    "customers.clash.line_twice": _("“%(what)s” stands in the rules twice."),
    "customers.clash.two_writers": _("“%(what)s” and “%(other)s” both write “%(field)s” in %(side)s."),
    "customers.clash.circle": _("A change would go round in a circle: %(lines)s."),
    "customers.clash.types": _("“%(what)s” joins fields of kinds that do not go together (%(left_type)s and %(right_type)s)."),
    "customers.clash.both_masters": _("“%(what)s” never comes from %(side)s, and in a conflict %(side)s is to win."),
    "customers.clash.choice": _("“%(what)s” has no choice “%(said)s” in %(side)s."),
    "customers.clash.required": _("%(side_first)s takes nothing new (%(role)s) without: %(fields)s."),
    "customers.clash.nothing_given": _("What is new in %(side)s (%(role)s) would be empty: no field leads there."),
    "customers.remark.read_only": _("“%(what)s” cannot be written in %(side)s."),
    "customers.remark.too_short": _("“%(what)s” holds %(length)s characters in %(side)s: longer values are cut there and stay whole where they come from."),
    "customers.remark.unmapped": _("“%(what)s” of %(side)s stays where it is for: %(said)s."),
    "customers.remark.no_match": _("“%(role)s” are never matched with what is there already: everything may be made twice."),
    "customers.remark.rule_empty": _("No field is compared by %(rule)s."),
    "customers.remark.nothing_moves": _("Every direction is switched off: nothing is sent by itself."),
    "customers.remark.no_delete": _("%(side_first)s lets nobody delete from outside (%(role)s): it stays there, and the inbox says so."),
    "customers.way.drop_line": _("Leave “%(what)s” out"),
    "customers.way.one_way": _("Take “%(what)s” from %(side)s only"),
    "customers.way.both_ways": _("Keep “%(what)s” the same both ways"),
    "customers.way.ask": _("Ask in a conflict"),
    "customers.way.role_off": _("Leave “%(role)s” out"),
    "customers.way.role_on": _("Keep “%(role)s” the same"),
    "customers.way.at_creation": _("Send them as soon as they are created"),
    "customers.way.by_hand": _("Send them by hand"),
    "customers.way.not_created": _("Make nothing new in %(side)s"),
    "customers.way.mark_all": _("Keep every customer the same"),
    "customers.way.first_choice": _("Use %(said)s"),
}  # fmt: skip

SENTENCES: Final[Sentences] = {**NOT_MOVED, **WRITES, **LINES, **EVIDENCE, **CHECKS}
