"""The menu. An entry is shown when its page exists and the reader's role may open it: no dead links.

To add a page: give its address the name that stands here and it appears. `counts` and `side_state` are filled by
the rooms that know them (`@counts("inbox")`), so the frame imports no room.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tieline.web.permissions import may


@dataclass(frozen=True)
class Entry:
    """One line of the menu. `page` is the name of its address; names that begin with "<page>-" belong to it too."""

    page: str
    label: str | Promise
    icon: str
    action: str | None  # None: open to whoever is signed in
    inside: tuple[Entry, ...] = ()
    on_phone: bool = False
    unit: str | Promise = ""  # said after its count to who cannot see it: "3 questions wait"


@dataclass(frozen=True)
class Line:
    """An entry as this reader sees it on this page."""

    entry: Entry
    url: str
    here: bool
    count: int = 0
    inside: tuple[Line, ...] = field(default=())


MENU: tuple[Entry, ...] = (
    Entry("home", _("Home"), "home", "home.see", on_phone=True),
    Entry("inbox", _("Inbox"), "inbox", "inbox.see", on_phone=True, unit=_("questions wait")),
    Entry("records", _("Records"), "records", "records.see", on_phone=True),
    Entry(
        "flows",
        _("Flows"),
        "flows",
        "flows.see",
        inside=(
            Entry("calls", _("Calls"), "calls", "flows.see"),
            Entry("proposals", _("Proposals"), "proposals", "flows.see"),
            Entry("customers", _("Customers"), "customers", "flows.see"),
            Entry("capture", _("Capture"), "capture", "capture.report", on_phone=True),
            Entry("outreach", _("Outreach"), "outreach", "outreach.work"),
        ),
    ),
    Entry("runs", _("Runs"), "runs", "runs.see", inside=(Entry("events", _("Events"), "list", "runs.see"),)),
    Entry("connections", _("Connections"), "plug", "connections.see"),
    Entry(
        "settings",
        _("Settings"),
        "sliders",
        "workspace.see",
        inside=(
            Entry("crm", _("CRM"), "plug", "crm.see"),
            Entry("team", _("Team"), "team", "team.see"),
            Entry("notifications", _("Notifications"), "bell", "notifications.change"),
            Entry("tokens", _("API"), "key", "tokens.see"),
            Entry("audit", _("Audit"), "list", "audit.see"),
        ),
    ),
)

Count = Callable[[HttpRequest], int]
_COUNTS: dict[str, Count] = {}


def counts(page: str) -> Callable[[Count], Count]:
    """Register what stands beside an entry: a quick count for the reader's workspace (`request.workspace`)."""

    def register(count: Count) -> Count:
        _COUNTS[page] = count
        return count

    return register


_BELLS: list[Count] = []


def bell(count: Count) -> Count:
    """Register what the bell at the top counts: a quick count for the reader."""
    _BELLS.append(count)
    return count


def rung(request: HttpRequest) -> int:
    """What the bell shows."""
    return sum(count(request) for count in _BELLS)


@dataclass(frozen=True)
class SideState:
    """What stands at the foot of the menu: a kind of status, its word, one short line."""

    kind: str
    word: str
    line: str


_STATES: list[Callable[[HttpRequest], SideState | None]] = []


def side_state(state: Callable[[HttpRequest], SideState | None]) -> Callable[[HttpRequest], SideState | None]:
    """Register what the foot of the menu says; the first that answers is shown."""
    _STATES.append(state)
    return state


def state_for(request: HttpRequest) -> SideState | None:
    """The foot of the menu, or nothing."""
    return next((found for state in _STATES if (found := state(request)) is not None), None)


def _address(page: str) -> str | None:
    try:
        return reverse(page)
    except NoReverseMatch:
        return None


def _line(entry: Entry, request: HttpRequest, name: str) -> Line | None:
    allowed = entry.action is None or may(request.member, entry.action)  # type: ignore[attr-defined]
    inside = tuple(line for one in entry.inside if (line := _line(one, request, name)) is not None)
    url = _address(entry.page) if allowed else None
    if url is None:
        if not inside:
            return None
        url = inside[0].url  # a heading without a page of its own leads to the first page inside
    here = name == entry.page or name.startswith(f"{entry.page}-")
    count = _COUNTS[entry.page](request) if entry.page in _COUNTS else 0
    return Line(entry, url, here, count, inside)


def lines(request: HttpRequest) -> list[Line]:
    """The menu for this reader; exactly one line at most is `here`, the innermost."""
    match = getattr(request, "resolver_match", None)
    name = (match.url_name or "") if match else ""
    if getattr(request, "member", None) is None:
        return []
    found = [line for entry in MENU if (line := _line(entry, request, name)) is not None]
    return [replace(line, here=False) if line.here and any(one.here for one in line.inside) else line for line in found]


def phone_lines(menu: Sequence[Line]) -> list[Line]:
    """The entries of the bottom bar on a phone, without "More"."""
    flat = [one for line in menu for one in (line, *line.inside)]
    return [line for line in flat if line.entry.on_phone]
