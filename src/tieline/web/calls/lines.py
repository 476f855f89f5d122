"""The company's lines as a table (CALL-6, CALL-7), those that could join it, and who takes what has nobody else."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from tieline.flows.calls.call import line_names
from tieline.store.connection import workspace_tx
from tieline.store.models import InboxItem, InboxState
from tieline.web.calls import draft as drafts
from tieline.web.calls.cards import mark
from tieline.web.calls.controls import Controls, Rule, sentence
from tieline.web.calls.desk import FLOW, Desk

UNKNOWN_LINES = 12
"""Lines seen in calls that are offered at once."""


@dataclass
class LineRow:
    """A company line in the table."""

    at: int
    key: str
    number: str
    label: SafeString
    manager: SafeString
    ignore: bool
    country: SafeString
    changed: bool
    rule: Rule


def line_rows(desk: Desk) -> list[LineRow]:
    """The table of lines; contradictions stand under the row that makes them."""
    if not desk.is_set_up:
        return []
    wrong = [place for clash in desk.clashes for place in clash.rules]
    controls = Controls(desk, wrong)
    default = desk.raw.get("default_user") or {}
    nobody = _("the default user") if default else _("nobody")
    changes = set(desk.changes)
    rows = []
    keys = drafts.line_keys(desk.raw["lines"])
    for at, (key, line) in enumerate(zip(keys, desk.raw["lines"], strict=True)):
        place = f"lines.{at}"
        named = {"line": line["label"] or line["number"]}
        rows.append(LineRow(
            at, key, line["number"],
            controls.text(f"{place}.label", _("Name of line %(line)s") % named, line["label"], more=' size="12" maxlength="120"'),
            controls.person(f"{place}.manager", _("Manager of line %(line)s") % named, line["manager"], nobody, watch=(place,)),
            bool(line["ignore"]),
            controls.text(f"{place}.country", _("Country of line %(line)s") % named, line["country"], more=f' size="3" maxlength="2" placeholder="{desk.raw["default_country"][:2]}"' if desk.raw["default_country"].isalpha() else ' size="3" maxlength="2"'),
            f"lines.{key}" in changes, Rule(mark_safe(""), [place]),
        ))  # fmt: skip
    mark(desk, [row.rule for row in rows])
    for row in rows:
        row.rule.changed = row.changed
    return rows


def default_user(desk: Desk) -> Rule:
    """Who takes what has nobody else."""
    controls = Controls(desk, [place for clash in desk.clashes for place in clash.rules])
    chosen = controls.person("default_user", _("Default user"), desk.raw.get("default_user"), _("choose a user…"))
    rule = Rule(
        sentence(_("Calls without a manager go to %(user)s."), user=chosen), ["default_user"],
        help=_("Lines without a manager, lines that are not in the list, and whoever is no longer active in the CRM."),
    )  # fmt: skip
    mark(desk, [rule])
    return rule


def offered(table: Desk) -> list[dict[str, str]]:
    """Lines of the phone systems that are not in the table, then lines seen in calls that nobody knows."""
    country = table.raw["default_country"]
    known = {name for line in table.raw["lines"] for name in line_names(line["number"], line["country"] or country)}
    out: list[dict[str, str]] = []

    def offer(number: str, label: str, where: str) -> None:
        names = line_names(number, country)
        if number and not known & set(names):
            known.update(names)
            out.append({"number": number, "label": label, "where": where})

    for source in table.view.sources:
        for number, label in source.lines:
            offer(str(number), str(label), source.title)
    with workspace_tx(table.workspace):
        items = InboxItem.objects.filter(
            workspace_id=table.workspace, flow=FLOW, kind="unknown_line", state=InboxState.OPEN
        ).order_by("-id")
        topics = list(items.values_list("topic", flat=True)[:UNKNOWN_LINES])
    for topic in topics:
        offer(topic, "", _("seen in calls"))
    return out
