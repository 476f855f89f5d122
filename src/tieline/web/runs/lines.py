"""The company's lines and the CRM's people by name, for every sentence of one page: two queries, whatever it shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import F
from pydantic import ValidationError

from tieline.flows.calls.call import Lines
from tieline.flows.calls.flow import FLOW
from tieline.store.models import CrmUser, FlowVersion
from tieline.web.parts.words import phone


@dataclass(slots=True)
class Names:
    """users: (connection, id in the CRM) → name. lines: the settings' index of lines, None before the first settings.
    country: where numbers without a country are dialled, as the settings say."""

    users: dict[tuple[int, str], str] = field(default_factory=dict)
    lines: Lines | None = None
    country: str = ""

    def number(self, raw: str, line: str = "") -> str:
        """A number as people read it; `line` says in which country it was dialled, where its own is set."""
        found = self.lines.find(line) if self.lines is not None and line else None
        return phone(raw, (found.country if found is not None else None) or self.country)

    def user(self, target: int, user: object) -> str:
        """A person of the CRM; the id where the name is not known."""
        return self.users.get((target, str(user)), str(user))

    def first(self, target: int, user: object) -> str:
        """The first name, where nobody else at this CRM has it."""
        name = self.user(target, user)
        short = (name.split() or [name])[0]
        alike = sum(1 for (one, _id), other in self.users.items() if one == target and other.split()[:1] == [short])
        return short if alike == 1 else name

    def line(self, raw: str) -> str:
        """A line as people call it: "04 11 (Anna)", else its number."""
        found = self.lines.find(raw) if self.lines is not None else None
        if found is None:
            return phone(raw, self.country)
        manager = (found.manager.label.split() or [""])[0] if found.manager is not None else ""
        shown = found.label or phone(found.number, found.country or self.country)
        return f"{shown} ({manager})" if manager and manager not in shown else shown


def names(workspace: int) -> Names:
    """Everything by name. Inside `workspace_tx`."""
    users = CrmUser.objects.filter(workspace_id=workspace).values_list("connection_id", "external_id", "name")
    raw = (
        FlowVersion.objects.filter(
            workspace_id=workspace, setting__flow="calls", number=F("setting__version"), setting__workspace_id=workspace
        )
        .values_list("settings", flat=True)
        .first()
    )
    lines, country = None, ""
    if raw is not None:
        try:
            settings = FLOW.load(raw)
            lines, country = Lines(settings), settings.default_country
        except ValidationError:  # settings of a later version: numbers say enough
            lines = None
    return Names({(connection, id): name for connection, id, name in users}, lines, country)
