"""Controls inside sentences: selects and texts named by the place that they set, and the sentences around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tieline.web.calls.desk import Desk
from tieline.web.calls.posted import OWN
from tieline.web.calls.words import owner_words

Choice = tuple[str, str]
NAMES: Final[dict[str, str | Promise]] = {
    "{number}": gettext_lazy("the number, formatted"),
    "{line} {number}": gettext_lazy("the line and the number"),
    "{direction} {number}": gettext_lazy("the direction and the number"),
    "{number} {date}": gettext_lazy("the number and the date"),
}
"""Templates that most people want; everything else is written in own words."""
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "account": ("manager", "default", "lead", "contact", "deal"),
    "lead": ("manager", "default", "account", "contact", "deal"),
    "contact": ("manager", "default", "account", "lead", "deal"),
    "deal": ("manager", "default", "account", "contact", "lead"),
    "task": ("manager", "default", "account", "contact", "lead", "deal"),
    "call": ("manager", "default", "account", "contact", "lead", "deal"),
}
"""Whose record it may become; a named user stands apart in each list."""
_ENDED: Final = re.compile(r"%\(\w+\)s[.,;:]")


@dataclass
class Switch:
    """On or off at the left of a rule. `why_off`: it cannot be switched on, and this is the reason."""

    name: str
    label: str
    on: bool
    disabled: bool = False


@dataclass
class Rule:
    """A rule as a sentence. places: what it sets (for "changed" and for contradictions); table: rows below it."""

    sentence: SafeString
    places: Sequence[str]
    switch: Switch | None = None
    help: str = ""
    changed: bool = False
    errors: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    clashes: list[Any] = field(default_factory=list)
    rows: list[Any] = field(default_factory=list)


def sentence(text: str, **parts: Any) -> SafeString:
    """A translated sentence with its controls put in as %(name)s; the words are escaped, the controls are not. What ends a
    sentence stays on the line of the control before it."""
    held = _ENDED.sub(r'<span class="held">\g<0></span>', conditional_escape(text))
    return mark_safe(held % {name: conditional_escape(one) for name, one in parts.items()})  # noqa: S308


def identity(place: str) -> str:
    """The element id of a place, the same in every answer, so that the focus stays."""
    return "c-" + "".join(sign if sign.isalnum() else "-" for sign in place)


class Controls:
    """Controls on one desk."""

    def __init__(self, desk: Desk, wrong: Iterable[str]) -> None:
        self.desk = desk
        self._wrong = frozenset(wrong)
        self.off = not desk.may_change

    def _attributes(self, place: str, *, disabled: bool = False, watch: Sequence[str] = ()) -> SafeString:
        bad = any(one in self._wrong for one in (place, *watch))
        return format_html(
            'id="{}" name="{}"{}{}',
            identity(place),
            place,
            mark_safe(' aria-invalid="true"') if bad else "",
            mark_safe(" disabled") if disabled or self.off else "",
        )

    def select(
        self,
        place: str,
        label: str,
        choices: Iterable[Choice],
        value: str,
        *,
        groups: Mapping[str, Sequence[Choice]] | None = None,
        disabled: bool = False,
        watch: Sequence[str] = (),
        missing: str = "",
    ) -> SafeString:
        """A list with one chosen. A value that is not offered (any more) stands in it as `missing`, so that it is not
        changed by looking at it."""
        listed, grouped = list(choices), groups or {}
        known = {key for key, _label in listed} | {key for one in grouped.values() for key, _label in one}
        if value not in known:
            listed.append((value, missing or value))
        body = [_options(listed, value)]
        body += [format_html('<optgroup label="{}">{}</optgroup>', name, _options(one, value)) for name, one in grouped.items() if one]  # fmt: skip
        return format_html(
            '<select {} aria-label="{}">{}</select>',
            self._attributes(place, disabled=disabled, watch=watch),
            label,
            mark_safe("".join(body)),  # noqa: S308 - made by format_html
        )

    def text(self, place: str, label: str, value: Any, *, kind: str = "text", more: str = "", watch: Sequence[str] = ()) -> SafeString:  # fmt: skip
        """A typed value."""
        return format_html(
            '<input type="{}" {} aria-label="{}" value="{}" autocomplete="off"{}>',
            kind,
            self._attributes(place, watch=watch),
            label,
            "" if value is None else value,
            mark_safe(more),  # noqa: S308 - literals of ours
        )

    def number(self, place: str, label: str, value: Any, least: int, most: int) -> SafeString:
        more = f' inputmode="numeric" class="n" size="4" data-least="{least}" data-most="{most}"'
        return self.text(place, label, value, more=more)

    def switch(self, place: str, label: str, *, on: bool, disabled: bool = False) -> Switch:
        return Switch(place, label, on, self.off or (disabled and not on))

    # -- of settings ---------------------------------------------------------------------------------------------------

    def owner(self, role: str) -> SafeString:
        """Whose record it becomes."""
        place = f"{role}.owner"
        held = self.desk.raw[role]["owner"]
        kind, user = held.get("kind", "manager"), held.get("user") or {}
        kinds = [one for one in ALLOWED[role] if one in ("manager", "default") or one in self.desk.target.roles or one == kind]  # fmt: skip
        choices = [(one, owner_words(one)) for one in kinds]
        if kind not in ("user", *kinds):
            choices.append((kind, owner_words(kind)))
        value = f"user:{user['id']}" if kind == "user" and user.get("id") else kind
        people = [(f"user:{one.id}", person(one.name, active=one.active)) for one in self.desk.users]
        gone = _("%(name)s (not in the CRM)") % {"name": user.get("label") or user.get("id", "")}
        missing = _("choose a user…") if kind == "user" and not user.get("id") else gone
        return self.select(place, _("Whose it becomes"), choices, value, groups={_("A named user"): people}, missing=missing)  # fmt: skip

    def name(self, role: str) -> SafeString:
        """The template of a name: one of the usual ones, or own words."""
        place = f"{role}.name"
        value = str(self.desk.raw[role]["name"])
        own = place in self.desk.own_names or value not in NAMES
        choices = [*((key, str(label)) for key, label in NAMES.items()), (OWN, _("own words…"))]
        chosen = self.select(place, _("Name"), choices, OWN if own else value)
        if not own:
            return chosen
        typed = self.text(f"{place}.text", _("Name in own words"), value, more=' maxlength="200" size="20"', watch=(place,))  # fmt: skip
        return format_html("{} {}", chosen, typed)

    def pick(self, place: str, label: str, held: Mapping[str, Any] | None, choices: Sequence[Choice], none: str) -> SafeString:  # fmt: skip
        """One thing of the CRM, or none."""
        value = str(held["id"]) if held else ""
        gone = _("%(name)s (not in the CRM)") % {"name": (held or {}).get("label") or value}
        return self.select(place, label, [("", none), *choices], value, missing=gone)

    def person(self, place: str, label: str, held: Mapping[str, Any] | None, none: str, *, watch: Sequence[str] = ()) -> SafeString:  # fmt: skip
        """Somebody of the CRM; who left is marked, and stands at the end."""
        value = str(held["id"]) if held else ""
        active = [(one.id, one.name) for one in self.desk.users if one.active]
        left = [(one.id, person(one.name, active=False)) for one in self.desk.users if not one.active]
        gone = _("%(name)s (not in the CRM)") % {"name": (held or {}).get("label") or value}
        return self.select(place, label, [("", none), *active], value, groups={_("Not active in the CRM"): left}, watch=watch, missing=gone)  # fmt: skip


def person(name: str, *, active: bool) -> str:
    """A user of the CRM as a list shows them."""
    return name if active else _("%(name)s (inactive)") % {"name": name}


def _options(choices: Iterable[Choice], value: str) -> SafeString:
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        ((key, mark_safe(" selected") if key == value else "", label) for key, label in choices),
    )
