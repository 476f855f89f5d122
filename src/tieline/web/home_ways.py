"""The lines of home: from which system to which, by which flow, and how each does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tieline.store import public_ids
from tieline.store.models import Connection, FlowSetting, FlowState
from tieline.store.services import pair_views
from tieline.store.services.customers import Pair
from tieline.store.services.health import Health
from tieline.web.connections import words as connection_words
from tieline.web.connections.shown import url_of
from tieline.web.customers import overview
from tieline.web.parts import words
from tieline.web.words.say import flow_name


@dataclass(frozen=True, slots=True)
class Way:
    """A line of the table: from where to where, and how it does."""

    source: str
    target: str
    url: str
    tie: str
    flow: str
    kind: str
    word: str
    used: int
    limit: int
    last: datetime | None
    step: str
    step_url: str
    said: str = ""
    both: bool = False


def ways(
    healths: list[tuple[Connection, Health]],
    flows: list[FlowSetting],
    sources: list[tuple[int, int]],
    pairs: list[Pair],
) -> list[Way]:
    """Flows first, then pairs, then connections that nothing uses. sources: (flow's setting, connection)."""
    by_id = {row.pk: (row, health) for row, health in healths}
    out, used = [], set()
    for flow in flows:
        for setting, source in sources:
            if setting == flow.pk and source in by_id and flow.target_id in by_id:
                out.append(_way(by_id[source], by_id[flow.target_id], flow))
                used |= {source, flow.target_id}
    for pair in pairs:
        if pair.left.pk in by_id and pair.right.pk in by_id:
            out.append(_pair(pair, by_id[pair.left.pk], by_id[pair.right.pk]))
            used |= {pair.left.pk, pair.right.pk}
    out += [_single(row, health) for row, health in healths if row.pk not in used]
    return out


def _way(source: tuple[Connection, Health], target: tuple[Connection, Health], flow: FlowSetting) -> Way:
    order = {"fail": 0, "wait": 1, "off": 2, "ok": 3}
    worst = min((source, target), key=lambda one: order[one[1].kind])
    row, health = worst
    kind, word = health.kind, str(connection_words.HEALTH.get(health.word, health.word))
    step, url = see(row, health)
    shown_kind: str = kind
    if flow.state == FlowState.PAUSED:
        shown_kind, word, url = "fail", _("Paused, needs you"), reverse("calls")
    elif kind == "ok" and flow.version and not flow.live:
        shown_kind, word, step, url = "watch", _("Watching"), _("Make live"), reverse("calls")
    last = source[1].last.at if source[1].last is not None else target[1].answered_at
    return Way(
        source[0].title, target[0].title, url, shown_kind, flow_name(flow.flow), shown_kind, word,
        target[1].used, target[1].limit, last, step, url,
    )  # fmt: skip


def _pair(pair: Pair, left: tuple[Connection, Health], right: tuple[Connection, Health]) -> Way:
    """Two systems that keep their customers the same: how many agree."""
    worst = next((one for one in (left, right) if one[1].kind == "fail"), None)
    kind, word = overview.state_of(pair)
    url = reverse("customers-pair", args=[public_ids.of("pair").show(pair.id)])
    step = _("See")
    if worst is not None and pair.row.on:
        kind, word = "fail", str(connection_words.HEALTH.get(worst[1].word, worst[1].word))
        step, url = see(*worst)
    elif kind == "watch":
        word, step = _("Watching"), _("Make live")
    return Way(
        left[0].title, right[0].title, url, kind, flow_name("customers"), kind, word, right[1].used, right[1].limit,
        pair.row.polled_at, step, url, agreement(pair), both=True,
    )  # fmt: skip


def agreement(pair: Pair) -> str:
    """How many agree: 9,982 of 10,000 agree · 18 differ. Nothing before anything was linked."""
    found = pair_views.health(pair.row.workspace_id, pair.id)
    total = sum(found.linked.values())
    if not total:
        return ""
    said = [_("%(count)s of %(total)s agree") % {"count": words.number(found.agree), "total": words.number(total)}]
    for count, text in (
        (found.differ, ngettext("%(count)s differs", "%(count)s differ", found.differ)),
        (found.failing, ngettext("%(count)s fails", "%(count)s fail", found.failing)),
    ):
        if count:
            said.append(text % {"count": words.number(count)})
    return " · ".join(said)


def _single(row: Connection, health: Health) -> Way:
    step, url = see(row, health)
    word = str(connection_words.HEALTH.get(health.word, health.word))
    last = health.last.at if health.last is not None else health.answered_at
    return Way(row.title, "", url, health.kind, "", health.kind, word, health.used, health.limit, last, step, url)


def see(row: Connection, health: Health) -> tuple[str, str]:
    """What the reader can do about a connection, and where."""
    return (_("Fix") if health.kind == "fail" else _("See")), url_of(row)
