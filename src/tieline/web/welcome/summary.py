"""What will happen with calls, in plain sentences, from the settings in force."""

from __future__ import annotations

from typing import Any

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.flows.calls.settings import Settings
from tieline.web.connections.words import listed


def sentences(settings: Settings, crm: str) -> list[str]:
    """One sentence for each thing that happens, and one for what does not."""
    out = [_logged(settings, crm)]
    made: list[tuple[Any, str]] = [
        (settings.lead, _("lead")),
        (settings.contact, _("contact")),
        (settings.account, _("account")),
    ]
    new = [word for rule, word in made if rule.create]
    if new:
        out.append(
            _("Whoever is not in %(crm)s yet becomes a new %(records)s, owned by %(owner)s.")
            % {
                "crm": crm,
                "records": listed(new),
                "owner": _owner(settings.lead if settings.lead.create else settings.contact),
            }
        )
    if settings.task.create:
        days = settings.task.due_days
        due = (
            ngettext("due the next day", "due after %(count)s days", days) % {"count": days}
            if days
            else _("due the same day")
        )
        out.append(
            _("A call that reached nobody makes a task for %(owner)s, %(due)s.")
            % {"owner": _owner(settings.task), "due": due}
        )
    deals = {
        "always": _("Every call makes a deal."),
        "none": _("A caller who has no deal at all gets one."),
        "no_active": _("A caller who has no active deal gets one."),
    }
    if settings.deal.when in deals:
        out.append(deals[settings.deal.when])
    never = [word for rule, word in made if not rule.create]
    if settings.deal.when == "never":
        never.append(_("deal"))
    if never:
        out.append(_("Tieline makes no %(records)s.") % {"records": _either(never)})
    ignored = [line.label or line.number for line in settings.lines if line.ignore]
    if ignored:
        out.append(_("Calls on %(lines)s are left out of %(crm)s.") % {"lines": listed(ignored), "crm": crm})
    return out


def _logged(settings: Settings, crm: str) -> str:
    said = {
        "all": _("Every call is logged in %(crm)s."),
        "inbound": _("Every incoming call is logged in %(crm)s."),
        "outbound": _("Every outgoing call is logged in %(crm)s."),
        "none": _("No call is logged in %(crm)s."),
    }
    return said[settings.call.log] % {"crm": crm}


def _owner(rule: Any) -> str:
    names = {
        "manager": _("whoever answers for the line"),
        "default": _("the default user"),
        "account": _("the owner of the account"),
        "lead": _("the owner of the lead"),
        "contact": _("the owner of the contact"),
        "deal": _("the owner of the deal"),
    }
    if rule.owner.kind == "user" and rule.owner.user is not None:
        return str(rule.owner.user.label)
    return names.get(rule.owner.kind, names["default"])


def _either(words: list[str]) -> str:
    """One list as the language writes it: "account, contact or deal"."""
    return str(get_text_list(words, _("or")))
