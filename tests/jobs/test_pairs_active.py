"""A customer of Zoho CRM becomes active by a deal that is won, or a lead that is converted, and is made in e-conomic by a running
worker: once (CUST-3)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.jobs.pair_house import PairHouse, pair_house
from tieline.demo.asking import post

WON = {"role": "deal", "link": "account", "tests": [{"field": "stage_kind", "operator": "is", "values": ["won"]}]}
CONVERTED = {
    "role": "lead", "link": "converted_account", "tests": [{"field": "converted_account", "operator": "filled"}],
}  # fmt: skip
CLOSES = {"Closing_Date": "2026-12-31", "Pipeline": "Standard"}


class Zoho:
    """A person at work in the CRM."""

    def __init__(self, house: PairHouse) -> None:
        token = post(f"{house.url}/_control/zoho_crm/token", {})
        self._at = f"{token['api_domain']}/crm/v8"
        self._header = {"Authorization": f"Zoho-oauthtoken {token['access_token']}"}

    def put(self, module: str, **values: Any) -> str:
        made = post(f"{self._at}/{module}", {"data": [values]}, self._header)
        return str(made["data"][0]["details"]["id"])

    def edit(self, module: str, id: str, **values: Any) -> None:
        post(f"{self._at}/{module}", {"data": [{"id": id, **values}]}, self._header, "PUT")

    def convert(self, lead: str) -> None:
        post(f"{self._at}/Leads/{lead}/actions/convert", {"data": [{}]}, self._header)


def save(house: PairHouse, **changes: Any) -> None:
    newest = "SELECT settings::text FROM store_syncpairversion WHERE pair_id = %s ORDER BY number DESC LIMIT 1"
    ((kept,),) = house.rows(newest, house.pair)
    house.call("pairs", "save", house.workspace, None, house.pair, {**orjson.loads(kept), **changes})


def changes(house: PairHouse) -> None:
    """All feeds are asked, and what came of it is done. A run that came to nothing is not kept."""
    run = house.call("pairs", "ask", house.workspace, None, house.pair, "changes", {"poll": "all"})
    over = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM store_syncrun WHERE id = %s AND state <> 'done')"
    house.until(lambda: house.rows(over, run), 60)


def names(house: PairHouse) -> list[str]:
    return sorted(str(one["name"]) for one in house.customers())


def creates(house: PairHouse) -> list[tuple[str, str, str]]:
    """(name, why, the record that made it active) of what was made."""
    asked = "SELECT name, reason::text FROM store_syncoperation WHERE verb = 'create' AND state = 'done' ORDER BY id"
    found = [(name, orjson.loads(reason)) for name, reason in house.rows(asked)]
    return [(name, why["code"], why["params"].get("name", "")) for name, why in found]


@pytest.mark.proves("CUST-3")
@pytest.mark.timeout(600)
def test_a_won_deal_and_a_converted_lead_make_their_customers_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pair_house(monkeypatch.setenv, 0) as house:
        crm = Zoho(house)
        old = crm.put("Accounts", Account_Name="Won long ago A/S")
        crm.put("Deals", Deal_Name="Bridge", Stage="Closed Won", Account_Name={"id": old}, **CLOSES)
        post(f"{house.url}/_control/zoho_crm/clock", {"advance": 600})  # what changed of late is told twice
        save(house, crm_new="when_active", active=WON)
        house.call("pairs", "go_live", house.workspace, None, house.pair, True)
        changes(house)

        first = crm.put("Accounts", Account_Name="Tag & Facade ApS", Phone="86 12 34 56")
        crm.put("Accounts", Account_Name="Kun Tilbud A/S")
        roof = crm.put("Deals", Deal_Name="New roof", Stage="Qualification", Account_Name={"id": first}, **CLOSES)
        changes(house)
        assert names(house) == [], house.story()

        crm.edit("Deals", roof, Stage="Closed Won")
        changes(house)
        assert names(house) == ["Tag & Facade ApS"], house.story()
        assert creates(house) == [("Tag & Facade ApS", "customers.write.created_through", "New roof")]

        for stage in ("Qualification", "Closed Won"):
            crm.edit("Deals", roof, Stage=stage)
            changes(house)
        crm.put("Deals", Deal_Name="New gutter", Stage="Closed Won", Account_Name={"id": first}, **CLOSES)
        changes(house)
        assert names(house) == ["Tag & Facade ApS"]
        assert house.rows("SELECT left_id, state FROM store_synclink WHERE role = 'account'") == [(first, "linked")]

        save(house, active=CONVERTED)
        lead = crm.put("Leads", Last_Name="Berg", First_Name="Ida", Company="Berg Biler A/S")
        changes(house)
        assert names(house) == ["Tag & Facade ApS"]
        crm.convert(lead)
        changes(house)
        assert names(house) == ["Berg Biler A/S", "Tag & Facade ApS"], house.story()
        assert creates(house)[1] == ("Berg Biler A/S", "customers.write.created_through", "Ida Berg")
        changes(house)
        assert len(names(house)) == 2
        # nobody watches the deals any more: their feed begins anew should anybody do so again
        asked = "SELECT purpose FROM store_cursor WHERE purpose LIKE '%%:watched:%%' AND value <> ''"
        assert [purpose.rpartition(":")[2] for (purpose,) in house.rows(asked)] == ["lead"]
