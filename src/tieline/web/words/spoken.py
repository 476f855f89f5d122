"""Any code as a sentence: reasons, errors, what was declined, what was done, and what the API refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from tieline.store.services.declined import DeclinedError
from tieline.web import reasons
from tieline.web.audit import words as audit
from tieline.web.connections import words as connections
from tieline.web.notifications import words as notifications
from tieline.web.words.say import say

reasons.register(notifications.SENTENCES)
reasons.register(
    {
        "api.no_token": _(
            "Send a token that works: “Authorization: Bearer tl_…”. Tokens are made under Settings, API."
        ),
        "api.not_allowed": _(
            "This token may not do that: it lacks the action “%(action)s”, or the role of who made it does."
        ),
        "api.not_found": _("There is nothing with this id."),
        "api.malformed": _("What was sent does not fit: see the places."),
        "api.unreadable": _("What was sent cannot be read as JSON."),
        "token.no_name": _("Give the token a name."),
        "token.no_actions": _("Choose at least one action that you may do yourself."),
        "token.gone": _("There is no such token any more."),
    }
)


def spoken(code: str, params: Mapping[str, Any]) -> str:
    """The sentence; the code itself where nobody knows one."""
    if code in connections.DECLINED:
        return connections.declined(DeclinedError(code, **params))
    if code in audit.SENTENCES:
        return audit.said(code, params)
    return say({"code": code, "params": params})
