"""Settings of a pair as the form of its rules posts them. What the form does not show stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from tieline.flows.customers.defaults import CONDITIONS
from tieline.web.customers import active

SWITCHES = ("crm_changed", "erp_created", "erp_changed")


def read(post: QueryDict, before: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the form says, over those that it was made from."""
    raw: dict[str, Any] = copy.deepcopy(dict(before))
    raw["crm_new"] = _one(post, "crm_new", raw.get("crm_new", "at_creation"))
    for name in SWITCHES:
        raw[name] = name in post
    raw["default_country"] = _one(post, "default_country", raw.get("default_country", "")).upper()[:2]
    raw["mark"] = {
        **raw.get("mark", {}),
        "kind": _one(post, "mark.kind", "all"),
        "field": _one(post, "mark.field"),
        "values": _list(post, "mark.values"),
        "new": "mark.new" in post,
    }
    raw["active"] = _condition(post, raw.get("active"))
    raw["deletions"] = {
        **raw.get("deletions", {}),
        "left": _one(post, "deletions.left", "ask"),
        "right": _one(post, "deletions.right", "ask"),
        "share": _number(post, "deletions.share", 10) / 100,
        "count": int(_number(post, "deletions.count", 50)),
    }
    raw["roles"] = [_role(post, role, f"r{number}.") for number, role in enumerate(raw.get("roles", ()))]
    return raw


def _role(post: QueryDict, role: Mapping[str, Any], at: str) -> dict[str, Any]:
    out = dict(role)
    out["on"] = f"{at}on" in post or role.get("role") == "account"
    lines = []
    for number, line in enumerate(role.get("lines", ())):
        here = f"{at}l{number}."
        if f"{here}drop" in post or post.get("drop") == here:
            continue
        lines.append(
            {
                **line,
                "left": _one(post, f"{here}left", line["left"]),
                "right": _one(post, f"{here}right", line["right"]),
                "direction": _one(post, f"{here}direction", line.get("direction", "both")),
                "policy": _one(post, f"{here}policy", line.get("policy", "ask")),
            }
        )
    added = _one(post, f"{at}new.left"), _one(post, f"{at}new.right")
    if all(added):
        name = added[0].lstrip("=").lower() or added[1].lstrip("=").lower()
        names = {line["name"] for line in lines}
        while name in names:
            name += "_2"
        lines.append({"name": name, "left": added[0], "right": added[1]})
    out["lines"] = lines
    out["match"] = [
        {**rule, "decides": f"{at}m{number}.decides" in post}
        for number, rule in enumerate(role.get("match", ()))
        if f"{at}m{number}.on" in post or f"{at}m{number}.shown" not in post
    ]
    known = {rule["rule"] for rule in out["match"]}
    for rule in post.getlist(f"{at}match.add"):
        if rule not in known:
            out["match"].append({"rule": rule, "decides": True})
    for side in ("left", "right"):
        out[f"{side}_values"] = _values(post, role.get(f"{side}_values", {}), f"{at}{side}.")
    return out


def _values(post: QueryDict, before: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Field → {"id", "label"} of a choice, or a plain value; an emptied one is none."""
    out = dict(before)
    for key in post:
        if not key.startswith(at):
            continue
        name, chosen = key.removeprefix(at), str(post.get(key, "")).strip()
        if not chosen:
            out.pop(name, None)
        elif "|" in chosen:
            id, _bar, label = chosen.partition("|")
            out[name] = {"id": id, "label": label}
        else:
            out[name] = chosen
    return out


def _condition(post: QueryDict, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The condition that was posted. Of other records than were shown: with the test that is meant as a rule."""
    if "active.of" not in post:  # it was not shown
        return dict(before) if before is not None else None
    wanted = _one(post, "active.of")
    role, _dot, link = wanted.partition(active.DOT)
    tests = _tests(post) if wanted == _one(post, "active.shown") else _usual(role, link)
    if not tests and not role:
        return None
    match = _one(post, "active.match") or "all"
    return {**(before or {}), "tests": tests, "match": match, "role": role, "link": link or "account"}


def _usual(role: str, link: str) -> list[dict[str, Any]]:
    found = next((one for one in CONDITIONS if (one.role, one.link) == (role, link)), None)
    return [test.model_dump(mode="json") for test in found.tests] if found is not None else []


def _tests(post: QueryDict) -> list[dict[str, Any]]:
    out = []
    for number in range(20):
        field = _one(post, f"active.{number}.field")
        if field and post.get("drop") != f"active.{number}.":
            operator = _one(post, f"active.{number}.operator") or "is"
            out.append({"field": field, "operator": operator, "values": _list(post, f"active.{number}.values")})
    return out


def _one(post: QueryDict, name: str, default: str = "") -> str:
    return str(post.get(name, default)).replace("\x00", "").strip()[:200]


def _list(post: QueryDict, name: str) -> list[str]:
    return [one.strip() for one in _one(post, name).split(",") if one.strip()]


def _number(post: QueryDict, name: str, default: float) -> float:
    try:
        return max(0.0, float(_one(post, name, str(default)).replace(",", ".")))
    except ValueError:
        return default
