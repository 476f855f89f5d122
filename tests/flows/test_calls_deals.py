"""Deals: when one is made and where it stands (CALL-13, 14, 16)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows.desk import (
    ALL,
    BELLA,
    DUVAL,
    MARIE,
    STRANGER,
    STRANGER_TEXT,
    call,
    decided,
    settings,
    without,
)
from tieline.core.flow import Target
from tieline.core.record import Local, Ref
from tieline.flows.calls.explain import WHOLE

# -- deals ---------------------------------------------------------------------------------------------------------------


def deal(kind: str | None, created: str | None = "2026-03-03T10:00:00Z", id: str = "1", **links: str) -> dict[str, Any]:
    return {"id": id, "name": "Roof", "stage_kind": kind, "created_at": created, **(links or {"account": "7"})}


@pytest.mark.proves("CALL-13")
@pytest.mark.parametrize(
    ("deals", "none", "no_active"),
    [
        ([], True, True),
        ([deal("open")], False, False),
        ([deal("won")], False, True),
        ([deal("lost")], False, True),
        ([deal("won"), deal("open", id="2")], False, False),
        ([deal("open", "2025-11-20T09:00:01Z")], False, False),
        ([deal("open", "2025-11-20T09:00:00Z")], False, True),
        ([deal("open", "2025-11-20T10:00:00+01:00")], False, True),
        ([deal("open", "2024-01-01T00:00:00Z")], False, True),
        ([deal("open", None)], False, False),
        ([deal(None)], False, False),
        ([deal("open", contact="5", account="8")], True, True),
    ],
)
def test_deals_by_what_is_there(deals: list[dict[str, Any]], none: bool, no_active: bool) -> None:
    crm = {"contact": [{**MARIE, "account": "7"}], "deal": deals}
    for when, made in [("never", False), ("always", True), ("none", none), ("no_active", no_active)]:
        got = decided(call(), settings(deal={"when": when}), crm)
        assert ("deal" in got.made) == made, when
        if made:
            assert got.links("deal") == {"account": Ref("account", "7"), "contact": Ref("contact", "5")}


@pytest.mark.proves("CALL-13")
@pytest.mark.parametrize("kind", ["open", "won"])
def test_deals_of_the_contact_count_only_where_there_is_no_account(kind: str) -> None:
    crm = {"contact": [MARIE], "deal": [deal(kind, contact="5")]}
    assert ("deal" in decided(call(), settings(deal={"when": "no_active"}), crm).made) == (kind == "won")
    both = {"contact": [MARIE], "account": [DUVAL], "deal": [deal(kind, contact="5")]}
    assert "deal" in decided(call(), settings(deal={"when": "no_active"}), both).made


@pytest.mark.proves("CALL-13")
@pytest.mark.parametrize(
    ("called", "created", "active"),
    [
        ("2024-02-29T11:00:00Z", "2023-02-28T11:00:01Z", True),
        ("2024-02-29T11:00:00Z", "2023-02-28T11:00:00Z", False),
        # the clock of Copenhagen: summer time began between the two
        ("2026-03-29T12:00:00Z", "2025-03-29T13:00:01Z", True),
        ("2026-03-29T12:00:00Z", "2025-03-29T12:59:00Z", False),
    ],
)
def test_a_calendar_year_ago_by_the_workspaces_clock(called: str, created: str, active: bool) -> None:
    crm = {"account": [DUVAL], "deal": [deal("open", created)]}
    got = decided(call(at=called), settings(deal={"when": "no_active"}), crm)
    assert ("deal" not in got.made) == active


def place(layout: str, pipeline: str, stage: str) -> dict[str, Any]:
    return {"layout": {"id": layout}, "pipeline": {"id": pipeline}, "stage": {"id": stage}}


@pytest.mark.proves("CALL-14")
def test_where_a_deal_stands() -> None:
    one = settings(deal={"when": "always", "place": place("big", "tenders", "propose"), "values": {"Reason": "call"}})
    got = decided(call(), one).values("deal")
    assert {name: got[name] for name in ("layout", "pipeline", "stage", "=Reason")} == {
        "layout": "big", "pipeline": "tenders", "stage": "propose", "=Reason": "call",
    }  # fmt: skip
    insisted = decided(call(), settings(deal={"when": "always"})).values("deal")
    assert (insisted["layout"], insisted["pipeline"], insisted["stage"]) == ("standard", "sales", "qualify")
    assert insisted["closing_date"] == "2026-12-20"
    left_alone = decided(call(), settings(deal={"when": "always"}), target=WHOLE).values("deal")
    assert not {"layout", "pipeline", "stage", "closing_date"} & left_alone.keys()


@pytest.mark.proves("CALL-14")
@pytest.mark.parametrize(
    ("line", "stage"), [("70100411", "won"), ("70100412", "lost"), ("70100420", "lost"), ("70100499", "lost")]
)
def test_a_place_per_manager(line: str, stage: str) -> None:
    places = {"anna": place("standard", "sales", "won"), "emma": place("standard", "sales", "lost")}
    got = decided(call(line=line), settings(deal={"when": "always", "per_manager": True, "places": places}))
    assert got.values("deal")["stage"] == stage
    only = {"anna": places["anna"]}
    missing = decided(call(line=line), settings(deal={"when": "always", "per_manager": True, "places": only}))
    kinds = [one.kind for one in missing.plan.notices]
    assert ("deal_place_missing" in kinds) == (line != "70100411")
    assert missing.values("deal")["stage"] == ("won" if line == "70100411" else "qualify")


@pytest.mark.proves("CALL-15")
def test_a_link_that_the_crm_cannot_hold_is_left_out() -> None:
    got = decided(call(), settings(**ALL), target=without("deal", "contact"))
    assert got.links("deal") == {"account": Local("account")}
    assert got.made["deal"].match_keys == (("account", Local("account")),)


# -- names and values ----------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-16")
def test_names_and_further_values() -> None:
    using = settings(
        lead={
            "name": "{direction} {number} {line} {date}", "layout": {"id": "trade"},
            "values": {"Industry": "Roofing", "=Source": "phone", "company": "Nobody yet"},
        },
        language="fr",
    )  # fmt: skip
    assert decided(call(), using).values("lead") == {
        "name": f"Appel manqué {STRANGER_TEXT} Front 20/11/2026",
        "phone": STRANGER,
        "layout": "trade",
        "owner": "anna",
        "=Industry": "Roofing",
        "=Source": "phone",
        "company": "Nobody yet",
    }


@pytest.mark.proves("CALL-15")
def test_a_deal_that_must_stand_at_somebody() -> None:
    target = Target(roles=WHOLE.roles, limits={"deal_needs_party": True})
    deals = {"deal": {"when": "always"}}
    for crm, more, made in [
        ({}, {}, False),
        ({"lead": [BELLA]}, {}, False),
        ({"contact": [MARIE]}, {}, True),
        ({"account": [DUVAL]}, {}, True),
        ({}, {"contact": {"create": True}}, True),
        ({}, {"account": {"create": True}}, True),
    ]:
        got = decided(call(), settings(**deals, **more), crm, target)
        assert ("deal" in got.made) == made
        assert got.why("deal.create") == ("call.deal.always" if made else "call.deal.no_party")
