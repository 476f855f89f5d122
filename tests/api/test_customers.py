"""Pairs and their customers by the API: everything that their pages do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.conftest import Caller, everything
from tests.web.conftest import Company
from tests.web.made import rows, workspace_tx
from tests.web.made_pair import MadePair, text_of_id
from tieline.core.pairing import Decision, LineResult
from tieline.core.reasons import Reason


@pytest.fixture
def pair(company: Company, monkeypatch: pytest.MonkeyPatch) -> MadePair:
    return MadePair(company, monkeypatch)


@pytest.mark.proves("HUB-8")
def test_a_pair_is_joined_ruled_switched_and_taken_apart(pair: MadePair, ask: Caller) -> None:
    two = {"left": text_of_id("conn", pair.left.pk), "right": text_of_id("conn", pair.right.pk)}
    assert [one["id"] for one in ask("GET", "/pairs")[1]] == [pair.id]
    status, said = ask("POST", "/pairs", two)
    assert (status, said["error"]["code"]) == (409, "pair.there_already")
    rules = ask("GET", f"/pairs/{pair.id}/rules")[1]
    changed = {**rules["settings"], "crm_new": "by_hand"}
    assert ask("POST", f"/pairs/{pair.id}/rules/check", {"settings": changed})[1]["clashes"] == []
    assert ask("PUT", f"/pairs/{pair.id}/rules", {"settings": changed, "base": 1})[1]["version"] == 2
    assert ask("PUT", f"/pairs/{pair.id}/rules", {"settings": changed, "base": 1})[0] == 409
    wrong = {**changed, "mark": {"kind": "field", "field": "", "values": []}}
    status, said = ask("PUT", f"/pairs/{pair.id}/rules", {"settings": wrong})
    assert (status, said["error"]["params"]["clashes"][0]["reason"]["code"]) == (409, "customers.clash.mark")
    assert ask("PUT", f"/pairs/{pair.id}/live", {"live": False})[1]["live"] is False
    assert ask("PUT", f"/pairs/{pair.id}/switch", {"on": False})[1]["on"] is False
    status, said = ask("POST", f"/pairs/{pair.id}/runs", {"kind": "reconcile"})
    assert (status, said["error"]["message"][:25]) == (409, "This pair is switched off")
    assert ask("DELETE", f"/pairs/{pair.id}")[0] == 200
    assert ask("POST", "/pairs", two)[0] == 200


@pytest.mark.proves("HUB-8")
def test_a_run_is_begun_followed_told_and_approved(pair: MadePair, ask: Caller) -> None:
    path = f"/pairs/{pair.id}/runs"
    made = ask("POST", path, {"kind": "transfer", "from": "left", "mark": False})[1]
    assert pair.runs(kind="transfer")[0].options == {"from": "left", "mark": False}
    assert ask("POST", f"{path}/{made['id']}/wish", {"wish": "pause"})[1]["wish"] == "pause"
    link = pair.link("Nordlys", "1", "101")
    dry = pair.run("preview")
    pair.wrote(dry, link, {"phone": "2"}, {"phone": "1"}, state="planned")
    pair.differs(dry, "Nordlys", "1", "101")
    here = f"{path}/{text_of_id('syncrun', dry.pk)}"
    assert ask("GET", here)[1]["may_approve"] is True
    (one,) = ask("GET", f"{here}/writes")[1]["items"]
    assert (one["values"], one["before"], one["state"]) == ({"phone": "2"}, {"phone": "1"}, "planned")
    assert ask("GET", f"{here}/report")[1]["items"][0]["right_id"] == "101"
    assert ask("POST", f"{here}/approve")[1]["kind"] == "approved"
    assert ask("POST", f"{here}/approve")[1]["error"]["code"] == "pair.approved_before"
    assert {one["kind"] for one in ask("GET", path)[1]} == {"transfer", "preview", "approved"}


@pytest.mark.proves("HUB-8", "CUST-4")
def test_a_reconciliation_asks_about_likely_pairs_where_that_is_wanted(pair: MadePair, ask: Caller) -> None:
    path = f"/pairs/{pair.id}/runs"
    status, made = ask("POST", path, {"kind": "reconcile", "match": True})
    assert (status, made["kind"]) == (200, "reconcile")
    (run,) = pair.runs(kind="reconcile")
    assert run.options == {"match": True}
    with workspace_tx(pair.workspace):
        run.state = "done"
        run.save()
    assert ask("POST", path, {"kind": "reconcile"})[0] == 200
    assert {} in [one.options for one in pair.runs(kind="reconcile")]
    assert ask("POST", path, {"kind": "reconcile", "match": "perhaps"})[0] == 422
    described = ask("GET", "/openapi.json")[1]["components"]["schemas"]
    assert [one for one in described.values() if {"kind", "mark", "match"} <= set(one.get("properties", {}))]


@pytest.mark.proves("HUB-8", "CUST-6")
def test_a_customer_is_looked_at_decided_about_and_its_value_taken_back(
    pair: MadePair, ask: Caller, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.jobs import looking

    link = pair.link("Nordlys", "4/1", "101")
    line = LineResult("phone", "conflict", "1", "2", None, Reason("customers.not.conflict", {"count": 1}))
    found = looking.Looked("differs", Decision("differs", "keep", lines=(line,)), "d1g", datetime.now(UTC))
    monkeypatch.setattr(looking, "look", lambda _one: found)
    assert [one["name"] for one in ask("GET", f"/pairs/{pair.id}/customers?q=101")[1]["items"]] == ["Nordlys"]
    here = f"/pairs/{pair.id}/customers/account/left/4%252F1"
    assert ask("GET", here)[1]["right_id"] == "101"
    now = ask("GET", f"{here}/look")[1]
    assert (now["status"], now["lines"][0]["left"], now["lines"][0]["right"]) == ("differs", "1", "2")
    made = ask("POST", f"{here}/write", {"choices": {"phone": "left"}, "seen": now["seen"]})[1]
    assert made["kind"] == "asked"
    assert pair.runs(kind="asked")[0].options["told"] == {"choices": {"phone": "left"}}
    assert ask("PUT", f"{here}/mark", {"on": False})[1]["state"] == "stopped"
    run = pair.run("changes")
    pair.wrote(run, link, {"phone": "2"}, {"phone": "1"})
    (value,) = ask("GET", f"{here}/history")[1]["items"]
    back = ask("POST", f"{here}/undo", {"run": value["run"], "line": value["line"]})[1]
    assert back["kind"] == "undo"
    reader = everything(company, "member")
    assert reader("POST", f"{here}/write", {"choices": {"phone": "left"}})[0] in (200, 409)
    assert reader("PUT", f"/pairs/{pair.id}/live", {"live": True})[0] == 403
    assert ask("GET", f"/pairs/{pair.id}/customers/account/middle/1")[0] == 422


@pytest.mark.proves("HUB-8", "CUST-12", "CUST-14")
def test_an_undo_that_deletes_many_asks_for_their_number(pair: MadePair, ask: Caller) -> None:
    run = pair.run("transfer", counts={"created": 4})
    for number in range(4):
        link = pair.link(f"Kunde {number}", str(number), f"r{number}")
        pair.wrote(run, link, {"name": link.name}, {}, verb="create")
    here = f"/pairs/{pair.id}/runs/{text_of_id('syncrun', run.pk)}/undo"
    status, said = ask("POST", here)
    assert (status, said["error"]["code"], said["error"]["params"]) == (409, "undo.deletes", {"count": 4, "most": 1})
    assert ask("POST", here, {"deletes": 3})[0] == 409
    assert ask("POST", here, {"deletes": 4})[1]["kind"] == "undo"


@pytest.mark.proves("HUB-8", "CUST-14")
def test_one_customer_is_undone_whatever_may_go_without_a_word(pair: MadePair, ask: Caller) -> None:
    with workspace_tx(pair.workspace):
        version = rows.SyncPairVersion.objects.get(pair_id=pair.pk)
        version.settings["deletions"] = {**version.settings["deletions"], "count": 0}
        version.save()
    run = pair.run("transfer", counts={"created": 1})
    link = pair.link("Kunde", "1", "r1")
    pair.wrote(run, link, {"name": link.name}, {}, verb="create")
    of = text_of_id("syncrun", run.pk)
    assert ask("POST", f"/pairs/{pair.id}/runs/{of}/undo")[1]["error"]["params"] == {"count": 1, "most": 0}
    status, made = ask("POST", f"/pairs/{pair.id}/customers/account/left/1/undo", {"run": of})
    assert (status, made.get("kind")) == (200, "undo"), made


@pytest.mark.proves("HUB-8")
def test_the_panel_and_deliveries_are_set_up(pair: MadePair, ask: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from tieline.store.services import asking

    here = f"/pairs/{pair.id}/panel"
    assert ask("GET", here)[1] == {"origins": [], "path": ""}
    first: dict[str, Any] = ask("PUT", here, {"origins": ["https://crm.zoho.eu"]})[1]
    assert first["path"].startswith("/panel/")
    assert ask("POST", f"{here}/renew")[1]["path"] != first["path"]
    assert ask("PUT", here, {"origins": ["*"]})[1]["error"]["code"] == "panel.bad_origin"
    feed = f"/connections/{text_of_id('conn', pair.right.pk)}/feed"
    assert ask("GET", feed)[1]["how"] == ""
    assert ask("PUT", feed, {"how": "pasted"})[1]["address"].startswith("http")
    monkeypatch.setattr(asking, "ask", lambda *_given, **_more: None)
    assert ask("PUT", feed, {"how": "api"})[1]["active"] is True
    assert ask("DELETE", feed)[0] == 200
    left = f"/connections/{text_of_id('conn', pair.left.pk)}/feed"
    assert ask("PUT", left, {"how": "pasted"})[1]["error"]["code"] == "connection.no_feed"
