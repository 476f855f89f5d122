"""What settings ask for and will not get, though nothing contradicts: said when they are saved, not refused."""

from __future__ import annotations

from collections.abc import Iterator

from tieline.core.flow import Clash, Target
from tieline.core.reasons import because
from tieline.flows.calls import reasons as why
from tieline.flows.calls.checks import LINKS, active, example, is_gone, makes
from tieline.flows.calls.settings import Settings


def remarks(settings: Settings, target: Target) -> tuple[Clash, ...]:
    """Every one of them."""
    return tuple(remark for part in (_records, _lines, _rules) for remark in part(settings, target))


def _records(settings: Settings, target: Target) -> Iterator[Clash]:
    roles = [role for role in active(settings) if role in target.roles]
    sources = makes(settings)
    for role in roles:
        fields = target.roles[role]
        path = {"call": "call.log", "deal": "deal.when"}.get(role, f"{role}.create")
        for link in LINKS.get(role, ()):
            if link in target.roles and link not in fields:
                yield Clash((path,), because(why.REMARK_LINK, role=role, link=link))
        source = getattr(settings, role).owner.kind
        if "owner" not in fields:
            yield Clash((f"{role}.owner",), because(why.REMARK_OWNER, role=role))
        elif role == "lead" and source in ("account", "contact", "deal") and source not in sources:
            # a lead is only made for somebody of whom there is none of these
            yield Clash(("lead.owner",), because(why.REMARK_OWNER_NEVER, role=role, source=source))
        owner = getattr(settings, role).owner
        if owner.kind == "user" and owner.user is not None and is_gone(owner.user.id, target):
            yield Clash((f"{role}.owner",), because(why.REMARK_USER_GONE, user=owner.user.label or owner.user.id))


def _lines(settings: Settings, target: Target) -> Iterator[Clash]:
    for position, line in enumerate(settings.lines):
        if line.manager is not None and not line.ignore and is_gone(line.manager.id, target):
            reason = because(why.REMARK_USER_GONE, user=line.manager.label or line.manager.id)
            yield Clash((f"lines.{position}.manager",), reason)


def _rules(settings: Settings, target: Target) -> Iterator[Clash]:
    sources = makes(settings)
    per_caller = settings.task.create and settings.task.per == "caller" and "task" in target.roles
    if per_caller and not {"account", "lead", "contact"} & sources.keys():
        yield Clash(("task.per",), because(why.REMARK_TASK_STRANGER), example(settings))
    if "deal" in sources and target.limits.get("deal_needs_party") and not {"account", "contact"} & sources.keys():
        yield Clash(("deal.when",), because(why.REMARK_DEAL_NEEDS_PARTY), example(settings))
    if settings.call.log != "none" and target.limits.get("call_needs_parent") and not sources:
        yield Clash(("call.log",), because(why.REMARK_NOT_LOGGED), example(settings))
