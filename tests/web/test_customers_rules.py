"""Two systems are joined, and the rules by which their customers are kept the same: nothing is kept before Save, contradictions show at
once and have a way out each."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import Company
from tests.web.made import rows, workspace_tx
from tests.web.made_pair import MadePair
from tests.web.test_runs import text_of

if TYPE_CHECKING:
    from django.test import Client

SignIn = Callable[[Any], "Client"]


@pytest.fixture
def pair(company: Company, monkeypatch: pytest.MonkeyPatch) -> MadePair:
    return MadePair(company, monkeypatch)


@pytest.fixture
def admin(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["admin"])


def form(html: str) -> dict[str, str]:
    """What the form of the rules would send, unedited."""
    from html.parser import HTMLParser

    found: dict[str, str] = {}

    class Reader(HTMLParser):
        select = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            one = dict(attrs)
            name = one.get("name") or ""
            if tag == "select":
                self.select = name
            elif tag == "option" and self.select and ("selected" in one or self.select not in found):
                found[self.select] = one.get("value") or ""
            elif tag == "input" and name and (one.get("type") not in ("checkbox", "radio") or "checked" in one):
                found[name] = one.get("value") or "on"

        def handle_endtag(self, tag: str) -> None:
            if tag == "select":
                self.select = ""

    Reader().feed(html[html.index('id="rules"') :])
    return found


def shown(admin: Client, pair: MadePair) -> dict[str, str]:
    return form(admin.get(pair.url("rules/")).content.decode())


def test_what_is_sent_unedited_changes_nothing(pair: MadePair, admin: Client) -> None:
    sent = shown(admin, pair)
    answer = admin.post(pair.url("rules/edit/"), {**sent, "act": "check"}, headers={"HX-Request": "true"})
    assert answer.context["clashes"] == []
    assert not answer.context["malformed"]
    assert pair.kept.row.version == 1


@pytest.mark.proves("CUST-2", "CUST-12")
def test_rules_are_saved_as_a_new_version_and_only_then(pair: MadePair, admin: Client) -> None:
    sent = {**shown(admin, pair), "crm_new": "by_hand", "deletions.share": "5", "deletions.count": "7"}
    checked = admin.post(pair.url("rules/edit/"), {**sent, "act": "check"}, headers={"HX-Request": "true"})
    assert "Changed, not saved" in checked.content.decode()
    assert pair.kept.row.version == 1
    admin.post(pair.url("rules/edit/"), {**sent, "act": "save"})
    kept = pair.kept
    assert kept.row.version == 2
    assert kept.settings["crm_new"] == "by_hand"
    assert (kept.settings["deletions"]["share"], kept.settings["deletions"]["count"]) == (0.05, 7)


def test_who_saved_meanwhile_is_not_overwritten(pair: MadePair, admin: Client) -> None:
    sent = shown(admin, pair)
    admin.post(pair.url("rules/edit/"), {**sent, "crm_new": "by_hand", "act": "save"})
    answer = admin.post(pair.url("rules/edit/"), {**sent, "crm_new": "off", "act": "save"})
    assert "Somebody else saved these settings meanwhile." in answer.content.decode()
    assert (pair.kept.row.version, pair.kept.settings["crm_new"]) == (2, "by_hand")


def test_a_contradiction_shows_at_once_and_has_a_way_out(pair: MadePair, admin: Client) -> None:
    sent = {**shown(admin, pair), "mark.kind": "field", "mark.field": "", "act": "check"}
    answer = admin.post(pair.url("rules/edit/"), sent, headers={"HX-Request": "true"})
    (clash,) = answer.context["clashes"]
    assert 'class="clash" role="alert"' in answer.content.decode()
    refused = admin.post(pair.url("rules/edit/"), {**sent, "act": "save"})
    assert refused.status_code == 200
    assert pair.kept.row.version == 1
    out = admin.post(pair.url("rules/edit/"), {**sent, "act": clash["ways"][0][0]}, headers={"HX-Request": "true"})
    assert out.context["clashes"] == []
    assert pair.kept.row.version == 1


def test_a_line_is_added_and_taken_away(pair: MadePair, admin: Client) -> None:
    sent = shown(admin, pair)
    before = len(pair.kept.settings["roles"][0]["lines"])
    admin.post(pair.url("rules/edit/"), {**sent, "drop": "r0.l1.", "act": "save"})
    dropped = pair.kept.settings["roles"][0]["lines"]
    assert len(dropped) == before - 1
    sent = shown(admin, pair)
    gone = next(one for one in first_lines(pair) if one not in {line["name"] for line in dropped})
    admin.post(pair.url("rules/edit/"), {**sent, "r0.new.left": gone, "r0.new.right": gone, "act": "save"})
    assert pair.kept.settings["roles"][0]["lines"][-1]["name"] == gone


def first_lines(pair: MadePair) -> list[str]:
    """Names of the lines of the first version."""
    with workspace_tx(pair.workspace):
        first = rows.SyncPairVersion.objects.get(workspace_id=pair.workspace, pair_id=pair.pk, number=1)
    return [line["name"] for line in first.settings["roles"][0]["lines"]]


def test_a_member_reads_and_saves_nothing(pair: MadePair, company: Company, signed_in: SignIn) -> None:
    reader = signed_in(company.users["member"])
    text = text_of(reader.get(pair.url("rules/")))
    assert "Admins change them." in text
    assert reader.post(pair.url("rules/edit/"), {"act": "save"}).status_code == 403


@pytest.mark.proves("CUST-7")
def test_two_connections_are_joined_once(
    pair: MadePair, company: Company, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.store.services import connections
    from tieline.store.services.declined import DeclinedError

    asked: list[int] = []
    monkeypatch.setattr(connections, "refresh", lambda _workspace, _user, id: asked.append(id))
    url, two = company.url("/customers/new/"), {"left": pair.left.pk, "right": pair.right.pk}
    assert "These two are joined already." in text_of(admin.post(url, two))
    assert "Choose two different connections" in text_of(admin.post(url, {**two, "right": pair.left.pk}))
    admin.post(pair.url("end/"))
    made = admin.post(url, two)
    assert made.status_code == 302
    assert made["Location"].endswith("/rules/")
    assert asked[-2:] == [pair.left.pk, pair.right.pk]

    def refuse(*_: Any) -> None:
        raise DeclinedError("vendor.scope", vendor="e-conomic", scope="the module API")

    monkeypatch.setattr(connections, "refresh", refuse)
    answer = admin.post(url, two)
    assert answer.status_code == 400
    assert "e-conomic says that a right is lacking: the module API." in text_of(answer)


def test_what_makes_a_customer_active_is_a_deal_of_it_or_itself(pair: MadePair, admin: Client) -> None:
    """The choice is what this CRM has; it comes with the test that is meant as a rule."""

    def checked(**more: str) -> tuple[str, dict[str, str]]:
        sent.update({"crm_new": "when_active", "act": "check", **more})
        html = admin.post(pair.url("rules/edit/"), sent, headers={"HX-Request": "true"}).content.decode()
        return html, form(html)

    sent = shown(admin, pair)
    html, sent = checked()
    assert "nothing says when that is" in html
    assert "one of its deals has" in html
    assert "a lead that became it has" not in html  # this CRM says nothing of converted leads
    html, sent = checked(**{"active.of": "deal.account"})
    assert 'class="clash"' not in html
    assert (sent["active.0.field"], sent["active.0.values"]) == ("stage_kind", "won")
    assert "Open, won or lost" in html
    assert '<option value="won" selected>won</option>' in html
    html, sent = checked(**{"active.0.values": "sold"})
    assert "is never “sold” in the CRM" in html
    html, sent = checked(**{"active.0.values": "won"})
    admin.post(pair.url("rules/edit/"), {**sent, "act": "save"})
    assert pair.kept.settings["active"] == {
        "role": "deal", "link": "account", "match": "all",
        "tests": [{"field": "stage_kind", "operator": "is", "values": ["won"]}],
    }  # fmt: skip
    sent = shown(admin, pair)
    assert sent["active.of"] == "deal.account"
    html, sent = checked(**{"active.of": ""})
    assert "active.0.values" not in sent  # the tests of a deal are none of the customer
    sent["crm_new"] = "at_creation"
    admin.post(pair.url("rules/edit/"), {**sent, "act": "save"})
    assert pair.kept.settings["active"] is None


def test_a_remark_about_a_field_says_of_which_records(pair: MadePair, admin: Client) -> None:
    """Customers and contact persons both have a name."""
    text = text_of(admin.get(pair.url("rules/")))
    assert re.search(r"Customers: “[^”]+” holds \d+ characters in", text)
