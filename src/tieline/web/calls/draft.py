"""Settings as places: what one person changed, and how two people's changes come together. Pure: plain JSON in and out.

A place is a setting as people think of it: "account.owner", "deal.places.<user id>", "lines.<number>", "zone". A line is
one place, so that two people can work on different lines at the same time.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Raw = dict[str, Any]

GROUPS: Final = frozenset({"account", "lead", "contact", "deal", "task", "call", "several"})
KEYED: Final = frozenset({"values", "places"})
"""Inside a group: mappings whose every entry is a place."""
_GONE: Final = object()


def places(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Every place with its value."""
    out: dict[str, Any] = {}
    for name, value in raw.items():
        if name == "lines":
            for line in value:
                out[_line_key(out, line)] = line
        elif name in GROUPS and isinstance(value, Mapping):
            for inner, held in value.items():
                if inner in KEYED and isinstance(held, Mapping):
                    out.update({f"{name}.{inner}.{key}": one for key, one in held.items()})
                else:
                    out[f"{name}.{inner}"] = held
        elif name != "version":
            out[name] = value
    return out


def line_keys(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """What tells each of these lines from the others on a page: its number; "<number>#2" where it stands twice."""
    return [place.removeprefix("lines.") for place in places({"lines": lines})]


def _line_key(taken: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    key = plain = f"lines.{line['number']}"
    again = 2
    while key in taken:
        key, again = f"{plain}#{again}", again + 1
    return key


def assembled(found: Mapping[str, Any], like: Mapping[str, Any]) -> Raw:
    """The inverse of `places`; groups and names that have no place now stay as in `like`."""
    raw: Raw = {name: value for name, value in copy.deepcopy(dict(like)).items() if name != "lines"}
    raw["lines"] = []
    for name in GROUPS & raw.keys():
        for inner in KEYED & raw[name].keys():
            raw[name][inner] = {}
    for place, value in found.items():
        head, _, rest = place.partition(".")
        if head == "lines" and rest:
            raw["lines"].append(copy.deepcopy(value))
        elif not rest:
            raw[head] = copy.deepcopy(value)
        else:
            inner, _, key = rest.partition(".")
            if key:
                raw.setdefault(head, {}).setdefault(inner, {})[key] = copy.deepcopy(value)
            else:
                raw.setdefault(head, {})[inner] = copy.deepcopy(value)
    return raw


def changed(base: Mapping[str, Any], draft: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Place → (before, now), for what differs; None where there was or is nothing."""
    before, now = places(base), places(draft)
    return {
        place: (before.get(place), now.get(place))
        for place in dict.fromkeys([*now, *before])
        if before.get(place, _GONE) != now.get(place, _GONE)
    }


@dataclass(frozen=True, slots=True)
class Merged:
    """`raw`: theirs with mine laid over it. both: place → (mine, theirs) that both changed, differently."""

    raw: Raw
    both: dict[str, tuple[Any, Any]]


def merged(base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Merged:
    """What two people made of the same settings. Nothing is lost: where both changed one place, mine stands and theirs
    is told."""
    ours, others = changed(base, mine), changed(base, theirs)
    out = places(theirs)
    both: dict[str, tuple[Any, Any]] = {}
    for place, (_, value) in ours.items():
        if place in others and others[place][1] != value:
            both[place] = (value, others[place][1])
        if place in places(mine):
            out[place] = value
        else:
            out.pop(place, None)
    return Merged(assembled(out, theirs), both)


def put(raw: Raw, path: str, value: Any) -> None:
    """Sets a dotted path of a way out ("account.owner.kind", "deal.place", "lines")."""
    *parents, last = path.split(".")
    at: Any = raw
    for name in parents:
        at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
    at[last] = copy.deepcopy(value)


def put_place(raw: Raw, place: str, value: Any) -> Raw:
    """The settings with another value at a place; None takes a line, a further value or a manager's place away."""
    found = places(raw)
    keyed = place.startswith("lines.") or (len(parts := place.split(".")) > 2 and parts[1] in KEYED)
    if value is None and keyed:
        found.pop(place, None)
    else:
        found[place] = value
    return assembled(found, raw)
