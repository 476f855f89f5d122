"""Sentences for the codes that come from below: rows and errors keep codes, people read these.

Rooms add theirs with `register`; a test wants a sentence, in each language, for every code that is raised.
"""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_SENTENCES: Final[dict[str, str | Promise]] = {
    "email_taken": _("Somebody already has an account with this e-mail. Sign in instead."),
    "last_super_admin": _("This is the last super admin. Make somebody else one first."),
    "not_first": _("This installation already has people. Ask a super admin for an invitation."),
    "link_gone": _("This link was used or has run out. Ask for a new one."),
}


def register(sentences: dict[str, str | Promise]) -> None:
    """Add the sentences of a room. A code has one sentence: the same code twice is an error."""
    doubled = _SENTENCES.keys() & sentences.keys()
    if doubled:
        raise KeyError(f"these codes have a sentence already: {sorted(doubled)}")
    _SENTENCES.update(sentences)


def codes() -> frozenset[str]:
    """Every code that has a sentence."""
    return frozenset(_SENTENCES)


def sentence(code: str, **values: object) -> str:
    """The sentence of a code in the reader's language, with its parameters put in as %(name)s."""
    text = str(_SENTENCES[code])
    return text % values if values else text
