"""Settings that a flow begins with, and the lines that its phone systems suggest. Inside `workspace_tx`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tieline.core.values import phone
from tieline.sdk.contract import VendorUser
from tieline.store.models import Connection, FlowSetting
from tieline.store.services import flows
from tieline.store.services.schemas import target_of, users_of

if TYPE_CHECKING:
    from tieline.store.team.models import User


def first_settings(
    setting: FlowSetting,
    target: Connection,
    user: User | None,
    *,
    before: Mapping[str, Any] | None = None,
    crm_user: str = "",
) -> dict[str, Any]:
    """The flow's defaults on this target, with country, zone and language of the workspace, the connecting person as
    default user, and the lines known so far. `before`: settings for another target, whose lines stay."""
    raw: dict[str, Any] = flows.flow(setting.flow).defaults(target_of(target))
    workspace = setting.workspace
    own = {
        "default_country": workspace.country or raw.get("default_country"),
        "zone": workspace.zone,
        "language": workspace.language,
    }
    raw |= {name: value for name, value in own.items() if name in raw and value}
    if "default_user" in raw:
        raw["default_user"] = _pick(connecting_user(users_of(target), user, crm_user))
    if "lines" in raw:
        kept = [{**line, "manager": None} for line in (before or {}).get("lines", ())]
        raw["lines"] = suggested(setting, {**raw, "lines": kept}, target, fill=True)
    return raw


def connecting_user(users: Sequence[VendorUser], user: User | None, crm_user: str = "") -> VendorUser | None:
    """Who connects, as the CRM knows them: by the id that the vendor named, by e-mail, by name, else its first active one."""
    active = [one for one in users if one.active]
    email = user.email.lower() if user else ""
    name = user.name.strip().lower() if user else ""
    told = [one for one in active if crm_user and one.id == crm_user]
    mailed = [one for one in active if email and one.email.lower() == email]
    named = [one for one in active if name and one.name.strip().lower() == name]
    return next(iter([*told, *mailed, *named, *active]), None)


def suggested(
    setting: FlowSetting, raw: Mapping[str, Any], target: Connection | None, *, fill: bool = False
) -> list[dict[str, Any]]:
    """`raw`'s lines, then those of the flow's phone systems that are not among them, each with the person of the CRM who
    has its name. `fill`: lines that are there already and have nobody get theirs too."""
    people = [one for one in users_of(target) if one.active] if target is not None else []
    country = str(raw.get("default_country") or setting.workspace.country or "FR")
    lines = [dict(line) for line in raw.get("lines", ())]
    known = {_same(str(line["number"]), line.get("country") or country) for line in lines}
    sources = Connection.objects.filter(workspace_id=setting.workspace_id, flow_sources__setting=setting)
    for source in sources.order_by("pk"):
        for number, label in source.lines:
            if _same(number, country) in known:
                continue
            known.add(_same(number, country))
            manager = _pick(_named(people, label))
            lines.append({"number": number, "label": label, "manager": manager, "ignore": False, "country": None})
    for line in lines:
        if fill and line.get("manager") is None and not line.get("ignore"):
            line["manager"] = _pick(_named(people, str(line.get("label", ""))))
    return lines


def _same(number: str, country: str) -> str:
    """One text for the ways in which a number is written."""
    return phone(number, country).e164 or number


def _named(people: Sequence[VendorUser], label: str) -> VendorUser | None:
    """The person that a line's label names, where it names exactly one: "Anna Krogh", or "Anna" of the only Anna."""
    said = label.strip().lower()
    if not said:
        return None
    whole = [one for one in people if one.name.strip().lower() == said]
    first = [one for one in people if one.name.strip().lower().partition(" ")[0] == said.partition(" ")[0]]
    if whole:
        return whole[0] if len(whole) == 1 else None
    return first[0] if len(first) == 1 and " " not in said else None


def _pick(user: VendorUser | None) -> dict[str, str] | None:
    return {"id": user.id, "label": user.name} if user is not None else None
