"""Settings that contradict (CALL-24), each with its smallest example; and what is only said, not refused.

The named list, in words, is docs/reference/calls-rules.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from tieline.core.flow import Clash, Place, Target
from tieline.core.reasons import Reason, because
from tieline.core.values import known_country, phone
from tieline.flows.calls import reasons as why
from tieline.flows.calls.call import line_names, lines_of
from tieline.flows.calls.further import misfits
from tieline.flows.calls.owners import in_cycles
from tieline.flows.calls.people import MADE
from tieline.flows.calls.settings import DealPlace, Pick, Settings
from tieline.flows.calls.target import closed_status, further, required
from tieline.flows.calls.texts import unknown_placeholders

GIVEN: dict[str, frozenset[str]] = {
    "account": frozenset(("name", "phone", "owner")),
    "lead": frozenset(("name", "phone", "owner", "company")),
    "contact": frozenset(("name", "phone", "owner")),
    "deal": frozenset(("name", "owner", "closing_date")),
    "task": frozenset(("name", "owner", "due", "description")),
    "call": frozenset(("name", "owner", "direction", "outcome", "started_at", "duration_s", "line_number")),
}
"""Canonical fields that a create always gives by itself."""

LINKS = {
    "contact": ("account",),
    "deal": ("account", "contact"),
    "task": ("contact", "account", "lead"),
    "call": ("contact", "account", "lead"),
}
"""CALL-15."""


def defaults(target: Target) -> Settings:
    """CALL-4: log calls, a lead on first unknown interaction, a task when unreached, as far as the target has these."""
    raw: dict[str, Any] = {}
    roles = target.roles
    if roles:
        if "lead" not in roles:
            raw["lead"] = {"create": False}
        if "task" not in roles:
            raw["task"] = {"create": False}
        if "call" not in roles:
            raw["call"] = {"log": "none", "recording": "none"}
        elif "recording_url" not in roles["call"]:
            raw["call"] = {"recording": "none"}
    return Settings.model_validate(raw)


def check(settings: Settings, target: Target) -> tuple[Clash, ...]:
    """Every contradiction; empty: they can be saved."""
    return tuple(
        clash
        for part in (
            _place_and_time,
            _users,
            _lines,
            _cycles,
            _roles,
            _templates,
            _recordings,
            _places,
            _required,
            _tasks,
        )
        for clash in part(settings, target)
    )


def makes(settings: Settings) -> dict[str, str]:
    """The roles that one first-time caller makes → their owner sources."""
    on = {
        "account": settings.account.create,
        "lead": settings.lead.create,
        "contact": settings.contact.create,
        "deal": settings.deal.when != "never",
    }
    return {role: getattr(settings, role).owner.kind for role in MADE if on[role]}


def active(settings: Settings) -> tuple[str, ...]:
    """The roles that some active rule writes."""
    out = list(makes(settings))
    if settings.task.create:
        out.append("task")
    if settings.call.log != "none":
        out.append("call")
    return tuple(out)


def example(settings: Settings, line: str | None = None, *, answered: bool = False) -> dict[str, Any]:
    """The smallest call: a stranger, for the first time, on a line that is not left out."""
    lines = lines_of(settings)
    number = next(
        number for number in (f"+336123456{last:02}" for last in range(78, 1000)) if lines.find(number) is None
    )
    if line is None:
        line = next(
            (one.number for one in settings.lines if not one.ignore and (lines.find(one.number) or one) is one), None
        )
    at = "2026-11-20T09:00:{:02}Z"
    return {
        "key": "example",
        "state": "ended",
        "final": True,
        "direction": "outbound" if settings.call.log == "outbound" else "inbound",
        "external": number,
        **({"line": line, "numbers": [line]} if line else {}),
        "outcome": "answered" if answered else "missed",
        "result": "answered" if answered else "missed",
        "talk_s": 20 if answered else 0,
        "started_at": at.format(0),
        "ended_at": at.format(20),
        **(
            {"recordings": [{"url": "https://phone.example/recording.mp3", "at": at.format(20)[:-1]}]}
            if answered
            else {}
        ),
    }


# -- the named list ----------------------------------------------------------------------------------------------------


def _place_and_time(settings: Settings, _: Target) -> Iterator[Clash]:
    if not known_country(settings.default_country):
        yield Clash(("default_country",), because(why.CLASH_COUNTRY, country=settings.default_country))
    for position, line in enumerate(settings.lines):
        if line.country is not None and not known_country(line.country):
            yield Clash((f"lines.{position}.country",), because(why.CLASH_COUNTRY, country=line.country))
    try:
        ZoneInfo(settings.zone)
    except (KeyError, OSError, ValueError):  # not there, not a file, not a name
        yield Clash(("zone",), because(why.CLASH_ZONE, zone=settings.zone))


def _users(settings: Settings, target: Target) -> Iterator[Clash]:
    """CALL-6, CALL-8: the default user takes whatever has nobody else, so there must be one."""
    roles = active(settings)
    default = settings.default_user
    if default is None:
        if roles and any("owner" in target.roles.get(role, ()) for role in roles):
            yield Clash(("default_user",), because(why.CLASH_NO_DEFAULT_USER), example(settings))
    elif is_gone(default.id, target):
        yield Clash(
            ("default_user",), because(why.CLASH_USER_GONE, user=default.label or default.id), example(settings)
        )
    for role in roles:
        owner = getattr(settings, role).owner
        if owner.kind == "user" and owner.user is None:
            way = (because(why.WAY_MANAGER, role=role), {f"{role}.owner.kind": "manager"})
            yield Clash((f"{role}.owner",), because(why.CLASH_NO_USER, rule=f"{role}.owner"), ways_out=(way,))


def _lines(settings: Settings, _: Target) -> Iterator[Clash]:
    seen: dict[str, int] = {}
    for position, line in enumerate(settings.lines):
        country = line.country or settings.default_country
        read = phone(line.number, country)
        if read.kind in ("empty", "withheld") or not any(sign.isalnum() for sign in line.number):
            reason = because(why.CLASH_LINE_INVALID, line=line.number)
            yield Clash((f"lines.{position}",), reason, ways_out=(_without(settings, position),))
            continue
        names = line_names(line.number, country)
        twice = next((seen[name] for name in names if name in seen), None)
        if twice is not None:
            reason = because(why.CLASH_LINE_TWICE, line=line.label or read.international)
            yield Clash(
                (f"lines.{twice}", f"lines.{position}"), reason, example(settings, line.number),
                (_without(settings, position), _without(settings, twice)),
            )  # fmt: skip
        for name in names:
            seen.setdefault(name, position)


def _without(settings: Settings, position: int) -> tuple[Reason, Mapping[str, Any]]:
    lines = [line.model_dump(mode="json") for at, line in enumerate(settings.lines) if at != position]
    gone = settings.lines[position]
    return because(why.WAY_DROP_LINE, line=gone.label or gone.number), {"lines": lines}


def _cycles(settings: Settings, _: Target) -> Iterator[Clash]:
    """Owner sources that wait for each other among the records that one call makes; a rule that asks itself too."""
    sources = makes(settings)
    left = set(in_cycles(sources))
    while left:
        ring = [next(role for role in MADE if role in left)]
        while (following := sources[ring[-1]]) not in ring:
            ring.append(following)
        left -= set(ring)
        rules = tuple(f"{role}.owner" for role in ring)
        ways = tuple((because(why.WAY_MANAGER, role=role), {f"{role}.owner.kind": "manager"}) for role in ring)
        yield Clash(rules, because(why.CLASH_OWNER_CYCLE, rules=list(rules)), example(settings), ways)


def _roles(settings: Settings, target: Target) -> Iterator[Clash]:
    """What the target has no room for at all is refused; single links are not (remarks)."""
    for role in active(settings):
        if role not in target.roles:
            switch: tuple[str, Any] = {"deal": ("deal.when", "never"), "call": ("call.log", "none")}.get(
                role, (f"{role}.create", False)
            )
            changes = {switch[0]: switch[1], **({"call.recording": "none"} if role == "call" else {})}
            way = (because(why.WAY_SWITCH_OFF, role=role), changes)
            yield Clash((switch[0],), because(why.CLASH_ROLE, role=role), example(settings), (way,))
    yield from misfits(settings, target, active(settings))
    for role in makes(settings):
        rule = getattr(settings, role)
        picks = [("layout", rule.layout)] + ([("status", settings.lead.status)] if role == "lead" else [])
        for name, pick in picks:
            if pick is None or role not in target.roles:
                continue
            path = f"{role}.{name}"
            back: tuple[Reason, Mapping[str, Any]] = (because(why.WAY_CRM_DEFAULT), {path: None})
            choices = target.choices.get((role, name))
            if name not in target.roles[role]:
                yield Clash((path,), because(why.CLASH_FIELD, role=role, field=name), ways_out=(back,))
            elif choices and pick.id not in {id for id, _ in choices}:
                reason = because(why.CLASH_CHOICE, role=role, field=name, value=pick.label or pick.id)
                yield Clash((path,), reason, ways_out=(back,))


def _templates(settings: Settings, _: Target) -> Iterator[Clash]:
    for role in active(settings):
        template = getattr(getattr(settings, role), "name", "")
        for name in unknown_placeholders(template):
            default = type(getattr(settings, role)).model_fields["name"].default
            way = (because(why.WAY_PLAIN_NAME), {f"{role}.name": default})
            yield Clash((f"{role}.name",), because(why.CLASH_TEMPLATE, placeholder="{" + name + "}"), ways_out=(way,))


def _recordings(settings: Settings, target: Target) -> Iterator[Clash]:
    rule = settings.call
    if rule.recording == "none":
        return
    none = (because(why.WAY_NO_RECORDING), {"call.recording": "none"})
    subject = example(settings, answered=True)
    if rule.log == "none":
        log = (because(why.WAY_LOG), {"call.log": "all"})
        yield Clash(("call.recording", "call.log"), because(why.CLASH_RECORDING), subject, (none, log))
    elif "call" in target.roles:
        held = (
            "recording_url" in target.roles["call"]
            if rule.recording == "link"
            else target.limits.get("call_attach", True)
        )
        if not held:
            reason = because(why.CLASH_FIELD, role="call", field="recording")
            yield Clash(("call.recording",), reason, subject, (none,))


def _places(settings: Settings, target: Target) -> Iterator[Clash]:
    """CALL-14: stage ∈ pipeline ∈ layout, and a place for each manager whom a call may reach."""
    rule = settings.deal
    fields = target.roles.get("deal")
    if rule.when == "never" or fields is None:
        return
    used: dict[str, DealPlace] = {f"deal.places.{user}": place for user, place in rule.places.items()}
    if not rule.per_manager:
        used = {"deal.place": rule.place} if rule.place is not None else {}
    default = (because(why.WAY_CRM_DEFAULT), {"deal.place": None, "deal.per_manager": False})
    if used and (not target.places or "stage" not in fields):
        yield Clash(tuple(used), because(why.CLASH_PLACE_UNSUPPORTED), example(settings), (default,))
        return
    for path, place in used.items():
        if Place(place.layout.id, place.pipeline.id, place.stage.id) not in target.places:
            names = {
                name: pick.label or pick.id
                for name, pick in (("layout", place.layout), ("pipeline", place.pipeline), ("stage", place.stage))
            }
            yield Clash((path,), because(why.CLASH_PLACE, **names), example(settings), (default,))
        elif rule.layout is not None and rule.layout.id != place.layout.id:
            reason = because(
                why.CLASH_TWO_LAYOUTS,
                layout=rule.layout.label or rule.layout.id,
                place=place.layout.label or place.layout.id,
            )
            yield Clash(
                ("deal.layout", path),
                reason,
                example(settings),
                ((because(why.WAY_CRM_DEFAULT), {"deal.layout": None}),),
            )
    if rule.per_manager:
        yield from _places_missing(settings)


def _places_missing(settings: Settings) -> Iterator[Clash]:
    way = (because(why.WAY_ONE_PLACE), {"deal.per_manager": False})
    for user, line in _deciding_managers(settings):
        if user.id in settings.deal.places:
            continue
        subject = example(settings, line)
        if line is None:  # a line without a manager, or one that nobody knows
            subject = {name: value for name, value in subject.items() if name not in ("line", "numbers")}
        reason = because(why.CLASH_PLACE_MISSING, user=user.label or user.id)
        yield Clash(("deal.per_manager", f"deal.places.{user.id}"), reason, subject, (way,))


def _deciding_managers(settings: Settings) -> Iterator[tuple[Pick, str | None]]:
    """Everybody whose place a call may ask for, once, with a line that does; None: calls without a manager."""
    seen: set[str] = set()
    for line in settings.lines:
        if line.manager is not None and not line.ignore and line.manager.id not in seen:
            seen.add(line.manager.id)
            yield line.manager, line.number
    if settings.default_user is not None and settings.default_user.id not in seen:
        yield settings.default_user, None


def _required(settings: Settings, target: Target) -> Iterator[Clash]:
    """CALL-16: a value for each field that the layout requires; missing ones block saving, not the call."""
    for role in active(settings):
        if role not in target.roles:
            continue
        rule = getattr(settings, role)
        given = set(GIVEN[role]) | _given(rule.values) | _given(further(rule.values, target.roles[role]))
        given |= {name for name in ("layout", "status") if getattr(rule, name, None) is not None}
        if settings.account.create:
            given |= {"account"} if role in ("contact", "deal") else set()
        if settings.contact.create and role == "deal":
            given.add("contact")
        if role == "deal" and (target.places or settings.deal.place is not None):
            given |= {"layout", "pipeline", "stage"}
        for layout, path in _layouts(settings, role):
            missing = [name for name in required(target, role, layout) if name not in given]
            if missing:
                paths = (path, *(f"{role}.values.{name}" for name in missing))
                yield Clash(paths, because(why.CLASH_REQUIRED, role=role, fields=missing), example(settings))


def _tasks(settings: Settings, target: Target) -> Iterator[Clash]:
    """CALL-18: an open task can only be used again where it can be found and closed."""
    rule = settings.task
    if not rule.create or rule.per != "caller" or "task" not in target.roles:
        return
    way = (because(why.WAY_TASK_PER_CALL), {"task.per": "call"})
    closed = closed_status(settings, target)
    choices = target.choices.get(("task", "status"))
    if not any(link in target.roles["task"] for link in LINKS["task"]):
        yield Clash(("task.per",), because(why.CLASH_TASK_LINK), example(settings), (way,))
    elif closed is None:
        yield Clash(("task.per",), because(why.CLASH_TASK_STATUS), example(settings), (way,))
    elif choices and all(closed != id for id, _ in choices):
        label = rule.done.label or closed if rule.done is not None else closed
        reason = because(why.CLASH_CHOICE, role="task", field="status", value=label)
        yield Clash(("task.done", "task.per"), reason, example(settings), (way,))


def _given(values: Mapping[str, Any]) -> set[str]:
    """The fields that get a value: an empty one is none."""
    return {name for name, value in values.items() if value is not None and value not in ("", [])}


def _layouts(settings: Settings, role: str) -> Iterator[tuple[str | None, str]]:
    """The layouts in which records of this role are made, each with the setting that says so."""
    rule = getattr(settings, role)
    chosen = getattr(rule, "layout", None)
    default = (chosen.id if chosen is not None else None, f"{role}.values")
    if role != "deal":
        yield default
        return
    places = settings.deal.places.items() if settings.deal.per_manager else ()
    seen: dict[str | None, str] = {place.layout.id: f"deal.places.{user}" for user, place in reversed(places)}
    if not settings.deal.per_manager and settings.deal.place is not None:
        seen = {settings.deal.place.layout.id: "deal.place"}
    yield from seen.items() if seen else (default,)


def is_gone(user: str, target: Target) -> bool:
    """Whether the target lists its users and this one is not among the active ones."""
    lists = [choices for (_, name), choices in target.choices.items() if name == "owner" and choices]
    return bool(lists) and not any(user == id for choices in lists for id, _ in choices)
