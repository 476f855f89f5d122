"""The parts that pages are made of. The page /parts/ shows each; templates have them without `{% load %}`.

With content inside, and named slots where a part has them (parts/<name>.html says which):

    {% part "card" title=_("Lines") %} … {% slot aside %} … {% endslot %}{% slot footer %} … {% endslot %}{% endpart %}
    {% part "head" title=… %}one sentence{% slot actions %} buttons {% endslot %}{% endpart %}
    {% part "problem" kind="wait" title=… %}what was done{% slot actions %} … {% endslot %}{% endpart %}
    {% part "empty" title=… %}what will stand here{% slot actions %} the one next step {% endslot %}{% endpart %}
    {% part "dialog" id="erase" title=… %} … {% slot actions %} … {% endslot %}{% endpart %}
        opened by <button data-opens="erase">, closed by <button data-closes>
    {% part "live" url=… every=2 id=… %}first content{% endpart %}      fetched again while the tab is looked at

A part sees what it is given, and of the page only request, csrf_token and frame.

In one piece: icon, logo, status, badge, tie, bar, budget, chart, field, switch, when, ago, pager.
Filters: number, percent, phone, lasted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.contrib.staticfiles.storage import staticfiles_storage
from django.forms import BoundField, CheckboxInput, RadioSelect
from django.template.base import FilterExpression, Node, NodeList, Parser, Token, token_kwargs
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from tieline.web.parts import words
from tieline.web.parts.chart import Bar
from tieline.web.parts.chart import chart as lay_out
from tieline.web.parts.pager import Page

register = template.Library()

KINDS = frozenset({"ok", "wait", "fail", "watch", "off", "note"})
_SHARED = ("request", "csrf_token", "frame", "messages")


# ------------------------------------------------------------------------------------------------- parts with content
class SlotNode(Node):
    """A named piece of content; the part around it says where it stands."""

    child_nodelists = ("content",)

    def __init__(self, name: str, content: NodeList) -> None:
        self.name, self.content = name, content

    def render(self, context: Context) -> str:  # noqa: ARG002 - Django's signature
        """Nothing where it is written: the part renders `content`."""
        raise template.TemplateSyntaxError(f"slot {self.name!r} stands directly inside a part, not inside if or for")


class PartNode(Node):
    """A part with its values, its content and its slots."""

    child_nodelists = ("content",)

    def __init__(self, name: str, values: dict[str, FilterExpression], content: NodeList) -> None:
        self.name, self.values = name, values
        self.slots = [node for node in content if isinstance(node, SlotNode)]
        self.content = NodeList(node for node in content if not isinstance(node, SlotNode))

    def render(self, context: Context) -> str:
        """Content and slots in the page's context, the part's template in its own."""
        given: dict[str, Any] = {key: value.resolve(context) for key, value in self.values.items()}
        with context.push():
            given["content"] = mark_safe(self.content.render(context).strip())  # noqa: S308 - rendered by Django
            for slot in self.slots:
                given[slot.name] = mark_safe(slot.content.render(context).strip())  # noqa: S308
        given |= {key: context[key] for key in _SHARED if key in context}
        template_of_part = context.template.engine.get_template(f"parts/{self.name}.html")  # type: ignore[union-attr]
        return template_of_part.render(context.new(given)).strip()


@register.tag
def part(parser: Parser, token: Token) -> PartNode:
    """{% part "name" key=value … %} content and slots {% endpart %}."""
    _tag, name, *rest = token.split_contents()
    if name[:1] not in "'\"" or name[-1] != name[0]:
        raise template.TemplateSyntaxError("a part is named in quotes")
    values = token_kwargs(rest, parser)
    if rest:
        raise template.TemplateSyntaxError(f"a part takes key=value only, not {rest[0]!r}")
    content = parser.parse(("endpart",))
    parser.delete_first_token()
    return PartNode(name[1:-1], values, content)


@register.tag
def slot(parser: Parser, token: Token) -> SlotNode:
    """{% slot name %} … {% endslot %}, directly inside a part."""
    _tag, name = token.split_contents()
    content = parser.parse(("endslot",))
    parser.delete_first_token()
    return SlotNode(name, content)


# ------------------------------------------------------------------------------------------------------------- figures
def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"no such kind of state: {kind!r}")
    return kind


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite. Beside a word it is silent; alone it needs its `label`."""
    address = staticfiles_storage.url("tieline/icons.svg")
    said = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="icon" {}><use href="{}#{}"/></svg>', said, address, name)


@register.inclusion_tag("parts/logo.html")
def logo() -> dict[str, Any]:
    """The tie: from a filled dot to a ring."""
    return {}


@register.simple_tag
def status(kind: str, word: str, url: str = "") -> SafeString:
    """The state of a thing: shape, colour and word. ok wait fail watch off note."""
    inner = format_html('<a href="{}">{}</a>', url, word) if url else word
    return format_html('<span class="status {}">{}</span>', _kind(kind), inner)


@register.simple_tag
def badge(kind: str, word: str) -> SafeString:
    """The same inside rows and headers."""
    return format_html('<span class="status badge {}">{}</span>', _kind(kind), word)


@register.simple_tag
def tie(source: str, target: str, kind: str = "ok", *, both: bool = False) -> SafeString:
    """Two systems and the line between them; what the line shows is said too."""
    said = {
        "ok": _("joined to"),
        "wait": _("waiting to reach"),
        "fail": _("cut off from"),
        "watch": _("watching for"),
        "off": _("not joined to"),
        "note": _("noted for"),
    }[_kind(kind)]
    classes = ("" if kind == "ok" else f" {kind}") + (" both" if both else "")
    return format_html(
        '<span class="tie{}">{}<i><span class="hidden-text"> {} </span></i>{}</span>', classes, source, said, target
    )


@register.inclusion_tag("parts/bar.html")
def bar(value: float, of: float, label: str, kind: str = "") -> dict[str, Any]:
    """How far long work is, as a bar; `kind` "paused" hatches it, "fail" colours it."""
    return {"value": max(0, min(value, of)), "of": of or 1, "label": label, "kind": kind}


@register.inclusion_tag("parts/budget.html")
def budget(used: int, of: int, label: str) -> dict[str, Any]:
    """A budget of requests: the bar and "1,204 of 5,000"; red from nine tenths on, said in words too."""
    tight = of > 0 and used >= 0.9 * of
    return {"used": used, "of": of, "value": min(used, of), "label": label, "tight": tight}


@register.inclusion_tag("parts/chart.html")
def chart(bars: Sequence[Bar], title: str, chart_id: str = "chart", waits_for: str = "") -> dict[str, Any]:
    """Bars of done, failed and waiting with their legend and the same numbers as a table.

    `title` says what is shown ("Calls by hour today"); `waits_for` what the waiting wait for ("for the call to end").
    """
    return {"chart": lay_out(bars), "title": title, "id": chart_id, "waits_for": waits_for}


# --------------------------------------------------------------------------------------------------------------- forms
@register.inclusion_tag("parts/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """A field of a form with its label, help and error, tied to it for readers."""
    described = [f"{bound.auto_id}_help"] if bound.help_text else []
    described += [f"{bound.auto_id}_error"] if bound.errors else []
    attributes: dict[str, Any] = {"aria-describedby": " ".join(described)} if described else {}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    widget = bound.field.widget
    if isinstance(widget, RadioSelect):
        look = "radio"
    elif isinstance(widget, CheckboxInput):
        look, attributes["role"] = "switch", "switch"
    else:
        look = "line"
    return {
        "field": bound,
        "look": look,
        "control": "" if look == "radio" else bound.as_widget(attrs=attributes),
        "described": " ".join(described),
    }


@register.inclusion_tag("parts/switch.html")
def switch(name: str, label: str, *, on: bool = False, url: str = "", target: str = "") -> dict[str, Any]:
    """On or off at once. With `url` it is sent there when it changes and the answer replaces `target`."""
    return {"name": name, "label": label, "on": on, "url": url, "target": target}


# --------------------------------------------------------------------------------------------------------- words, time
@register.simple_tag
def when(moment: datetime | None, style: str = "short") -> SafeString:
    """A time with its zone: "short" (14:22, 20 Nov 14:22), "full" (Friday 20 November 2026, 14:22 CET), "clock"."""
    if moment is None:
        return mark_safe("–")
    shown = {"short": words.short, "full": words.full, "clock": lambda one: words.clock(one, seconds=True)}[style](
        moment
    )
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), words.full(moment), shown)


@register.simple_tag
def ago(moment: datetime | None) -> SafeString:
    """How long ago, with the exact time behind it."""
    if moment is None:
        return mark_safe("–")
    shown = words.ago(moment)
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), words.full(moment), shown)


@register.inclusion_tag("parts/pager.html")
def pager(page: Page) -> dict[str, Any]:
    """Newer and older, where there is any."""
    return {"page": page}


@register.filter
def number(value: Any) -> str:
    """A number as the reader's language writes it."""
    return "" if value is None or value == "" else words.number(value)


@register.filter
def titled(what: str, said: object) -> str:
    """A word and what is said of it, with the language's own sign between them."""
    return words.titled(str(what), str(said))


@register.filter
def day_and_month(moment: datetime) -> str:
    """A day of this year, within a sentence."""
    return words.day_and_month(moment)


@register.filter
def percent(value: float) -> str:
    """A share, 0 to 1."""
    return words.percent(value)


@register.filter
def phone(value: str, country: str = "") -> str:
    """A phone number with its spaces; one as dialled in `country` too."""
    return words.phone(value or "", country or "")


@register.filter
def lasted(seconds: float) -> str:
    """A duration in seconds."""
    return words.lasted(seconds)
