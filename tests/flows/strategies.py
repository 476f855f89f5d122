"""Settings and callers at random, for tests that must hold for all of them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.flows.desk import ACTIVE, BASE, STRANGER, TARGET
from tieline.flows.calls import FLOW
from tieline.flows.calls.settings import Settings

MADE = ("account", "lead", "contact", "deal")
USER_IDS = [id for id, _ in ACTIVE]
NUMBERS = [
    "+4570100411", "70 10 04 12", "+33186765432", "102", "3949", "Salon", "70100414", "+390612345678", "+14155550123",
]  # fmt: skip
NAMES = ["{number}", "{direction} {number}", "{line}: {number} ({date})", "Caller", ""]


def picks(ids: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(ids).map(lambda id: {"id": id, "label": id.title()})


def lines() -> st.SearchStrategy[list[dict[str, Any]]]:
    def line(number: str) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries(
            {"number": st.just(number), "ignore": st.booleans(), "manager": st.none() | picks(USER_IDS)},
            optional={"label": st.sampled_from(["Front", "Workshop"])},
        )

    return st.lists(st.sampled_from(NUMBERS), unique=True, max_size=5).flatmap(
        lambda numbers: st.tuples(*(line(number) for number in numbers)).map(list)
    )


def owners(records: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """An owner source; `records` are those that may be asked."""
    plain = st.sampled_from([{"kind": "manager"}, {"kind": "default"}])
    user = picks(USER_IDS).map(lambda user: {"kind": "user", "user": user})
    return st.one_of(plain, user, *([st.sampled_from(records).map(lambda role: {"kind": role})] if records else []))


def places() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(TARGET.places).map(
        lambda place: {"layout": {"id": place.layout}, "pipeline": {"id": place.pipeline}, "stage": {"id": place.stage}}
    )


@st.composite
def raw_settings(draw: st.DrawFn, cyclic: bool = False) -> dict[str, Any]:
    """Settings as JSON. Owner sources never come round to themselves, unless `cyclic`."""
    order = draw(st.permutations(MADE))
    makes = {role: draw(st.booleans()) for role in MADE}
    raw: dict[str, Any] = {**BASE, "lines": draw(lines()), "language": draw(st.sampled_from(["en", "fr", "da", "it"]))}
    raw["default_user"] = draw(picks(USER_IDS))
    raw["several"] = {"decide": draw(st.sampled_from(["order", "inbox"]))}
    for position, role in enumerate(order):
        # who is made earlier in this order, or not at all, may be asked
        free = (
            list(MADE)
            if cyclic or not makes[role]
            else [one for one in MADE if one in order[:position] or not makes[one]]
        )
        raw[role] = {"owner": draw(owners(free)), "name": draw(st.sampled_from(NAMES))}
        if role != "deal":
            raw[role]["create"] = makes[role]
    if draw(st.booleans()):
        raw["lead"] |= {"layout": {"id": "trade"}, "values": {"Industry": "Roofing"}}
    raw["lead"]["status"] = draw(st.none() | st.sampled_from(["new", "tried"]).map(lambda id: {"id": id}))
    raw["deal"] |= draw(_deals(raw, makes["deal"]))
    raw["task"] = {
        "create": draw(st.booleans()),
        "owner": draw(owners(list(MADE))),
        "due_days": draw(st.integers(0, 60)),
        "per": draw(st.sampled_from(["call", "caller"])),
        "done": draw(st.none() | st.just({"id": "Done"})),
    }
    log = draw(st.sampled_from(["all", "inbound", "outbound", "none"]))
    recording = "none" if log == "none" else draw(st.sampled_from(["link", "copy", "none"]))
    raw["call"] = {"log": log, "owner": draw(owners(list(MADE))), "recording": recording}
    return raw


@st.composite
def _deals(draw: st.DrawFn, raw: dict[str, Any], made: bool) -> dict[str, Any]:
    deal: dict[str, Any] = {"when": draw(st.sampled_from(["always", "none", "no_active"])) if made else "never"}
    deal["values"] = {"Reason": "a call"}
    deal["per_manager"] = draw(st.booleans())
    if deal["per_manager"]:
        managers = {line["manager"]["id"] for line in raw["lines"] if line["manager"]} | {raw["default_user"]["id"]}
        deal["places"] = {user: draw(places()) for user in sorted(managers)}
    deal["place"] = draw(st.none() | places())
    return deal


def valid_settings() -> st.SearchStrategy[Settings]:
    """Any settings that contradict nothing on `desk.TARGET`."""
    return raw_settings().map(FLOW.load)


@st.composite
def cyclic_settings(draw: st.DrawFn) -> Settings:
    """Settings with a ring of owner sources among the records that one first-time caller makes."""
    raw = draw(raw_settings(cyclic=True))
    ring = draw(st.lists(st.sampled_from(MADE), unique=True, min_size=1))
    for role, source in zip(ring, [*ring[1:], ring[0]], strict=True):
        raw[role]["owner"] = {"kind": source}
        if role == "deal":
            raw[role]["when"] = draw(st.sampled_from(["always", "none", "no_active"]))
        else:
            raw[role]["create"] = True
    return FLOW.load(raw)


IDS = st.sampled_from(["1", "2", "3", "10", "~k1"])
OWNER = st.none() | st.sampled_from([*USER_IDS, "felix", "gone"])
SINCE = st.none() | st.sampled_from(["2024-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00", "2026-11-01T00:00:00Z"])


def crms() -> st.SearchStrategy[dict[str, list[dict[str, Any]]]]:
    """What a CRM may hold about a caller."""
    common = {
        "id": IDS,
        "phone": st.sampled_from([STRANGER, "31 10 00 01", "", "+4520202020"]),
        "owner": OWNER,
        "last_activity": SINCE,
    }
    links = {"account": st.none() | IDS}
    role = {
        "contact": st.fixed_dictionaries({**common, **links}),
        "account": st.fixed_dictionaries(common),
        "lead": st.fixed_dictionaries({**common, "converted_contact": st.none() | IDS}),
        "deal": st.fixed_dictionaries({
            "id": IDS, "owner": OWNER, **links, "contact": st.none() | IDS, "created_at": SINCE,
            "stage_kind": st.none() | st.sampled_from(["open", "won", "lost"]),
        }),
    }  # fmt: skip
    return st.fixed_dictionaries(
        {name: st.lists(one, max_size=3, unique_by=lambda record: record["id"]) for name, one in role.items()}
    )
