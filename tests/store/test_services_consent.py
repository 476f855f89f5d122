"""Connecting a CRM by consent: accepted, refused, widened, with what the vendor does on a bad day."""

from __future__ import annotations

import os
import secrets
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.playing import Playing, playing

if TYPE_CHECKING:
    from tests.conftest import Installation


@dataclass
class Firm:
    """A workspace with somebody who may connect."""

    workspace: int
    user: Any


MakeFirm = Callable[[], Firm]


@pytest.fixture(scope="module")
def sandboxes(installation: Installation) -> Iterator[Playing]:
    with playing() as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


@pytest.fixture
def make_firm(sandboxes: Playing) -> MakeFirm:
    def make() -> Firm:
        from tieline.store.team import people

        tag = secrets.token_hex(4)
        sandboxes.zoho.accounts.code_times.clear()
        workspace = people.create_workspace(f"Firm {tag}", zone="Europe/Paris", country="FR", language="fr")
        user = people.create_user(f"anna.{tag}@nordlys.example", "Anna Krogh", None)
        people.add_member(workspace, user, "super_admin")
        return Firm(workspace.pk, user)

    return make


@pytest.fixture
def firm(make_firm: MakeFirm) -> Firm:
    return make_firm()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the library's shape
        return None


def decide(url: str, decision: str = "accept", **changed: str) -> dict[str, str]:
    """What the vendor's redirect brings after the person pressed Accept or Refuse."""
    parts = urllib.parse.urlsplit(url)
    asked = dict(urllib.parse.parse_qsl(parts.query))
    form = urllib.parse.urlencode({**asked, "decision": decision, **changed}).encode()
    opener = urllib.request.build_opener(_Stay)
    try:
        opener.open(urllib.request.Request(urllib.parse.urlunsplit((*parts[:3], "", "")), form))
    except urllib.error.HTTPError as answer:
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["Location"]).query))
    raise AssertionError("no redirect")


def start(firm: Firm, **more: Any) -> str:
    from tieline.store.services import consent

    return consent.start(firm.workspace, firm.user, "zoho_crm", environment="sandbox", **more)


def connected(firm: Firm, **changed: str) -> Any:
    from tieline.store.services import consent

    finished = consent.finish(firm.user, decide(start(firm), **changed))
    assert finished.connection is not None
    return finished.connection


def rows_of(firm: Firm) -> list[str]:
    """Every table of the store that has a row of this workspace."""
    from django.apps import apps

    from tieline.store.connection import workspace_tx

    with workspace_tx(firm.workspace):
        return [
            model.__name__
            for model in apps.get_app_config("store").get_models()
            if any(one.name == "workspace" for one in model._meta.get_fields())
            and model.objects.filter(workspace_id=firm.workspace).exists()
        ]


@pytest.mark.proves("CALL-2")
def test_a_refusal_leaves_no_connection(firm: Firm) -> None:
    from tieline.store.services import connections, consent

    finished = consent.finish(firm.user, decide(start(firm), "refuse"))
    assert finished.connection is None
    assert connections.listed(firm.workspace, ended=True) == []
    assert rows_of(firm) == ["Audit"]


@pytest.mark.proves("CALL-2", "CALL-4")
def test_an_accepted_consent_is_a_working_connection_with_defaults(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connections, flow_settings
    from tieline.store.services.health import health

    row = connected(firm)
    assert row.environment == "sandbox"
    assert row.identity["name"]
    assert row.is_main_crm
    assert row.origin_fields["Leads"] == "Tieline_Key"
    flow = flow_settings.current(firm.workspace, "calls")
    assert flow.target is not None
    assert (flow.target.pk, flow.version, flow.state, flow.live) == (row.pk, 1, "active", False)
    assert flow.settings.default_country == "FR"
    assert flow.settings.zone == "Europe/Paris"
    assert flow.settings.language == "fr"
    assert flow.settings.call.log == "all"
    assert flow.settings.lead.create
    assert flow.settings.task.create
    assert not flow.settings.contact.create
    with workspace_tx(firm.workspace):
        target = connections.target_of(row)
        assert {"account", "lead", "contact", "deal", "task", "call"} <= set(target.roles)
        assert target.places
        found = health(row)
    assert (found.kind, found.word, list(found.missing)) == ("ok", "healthy", [])
    assert flow_settings.check(firm.workspace, "calls", flow.raw).clashes == ()


def test_the_default_user_is_who_consented_at_the_vendor(firm: Firm, sandboxes: Playing) -> None:
    from tieline.store.services import flow_settings

    people = [one for one in sandboxes.zoho.schema.users.values() if one.status == "active"]
    connected(firm, user=people[-1].id)
    default = flow_settings.current(firm.workspace, "calls").settings.default_user
    assert default is not None
    assert default.id == people[-1].id


@pytest.mark.proves("CALL-3")
def test_consent_asks_only_for_what_the_defaults_need_and_says_which_rule(firm: Firm) -> None:
    from tieline.store.services import consent

    asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(start(firm)).query))["scope"].split(",")
    wanted = consent.wanted(firm.workspace, "zoho_crm")
    assert asked == list(wanted)
    assert all(wanted.values())
    assert ("calls", "lead.create") in wanted["ZohoCRM.modules.Leads.CREATE"]
    assert ("", "*") in wanted["ZohoCRM.org.READ"]
    for not_needed in ("Accounts", "Contacts", "Deals"):
        assert f"ZohoCRM.modules.{not_needed}.CREATE" not in asked
    assert not [scope for scope in asked if scope.endswith((".ALL", ".DELETE"))]
    assert sorted(asked) == [
        "ZohoCRM.composite_requests.CUSTOM",
        "ZohoCRM.coql.READ",
        "ZohoCRM.modules.Accounts.READ",
        "ZohoCRM.modules.Calls.CREATE",
        "ZohoCRM.modules.Calls.READ",
        "ZohoCRM.modules.Calls.UPDATE",
        "ZohoCRM.modules.Contacts.READ",
        "ZohoCRM.modules.Deals.READ",
        "ZohoCRM.modules.Leads.CREATE",
        "ZohoCRM.modules.Leads.READ",
        "ZohoCRM.modules.Tasks.CREATE",
        "ZohoCRM.modules.Tasks.READ",
        "ZohoCRM.org.READ",
        "ZohoCRM.settings.fields.CREATE",
        "ZohoCRM.settings.fields.READ",
        "ZohoCRM.settings.layouts.READ",
        "ZohoCRM.settings.pipeline.READ",
        "ZohoCRM.users.READ",
    ]
    assert ("calls", "several.decide") in wanted["ZohoCRM.modules.Deals.READ"]
    assert ("calls", "several.decide") in wanted["ZohoCRM.settings.pipeline.READ"]


@pytest.mark.proves("CALL-3")
def test_a_rule_that_needs_more_waits_for_consent_and_a_scope_no_longer_needed_is_surplus(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import consent, flow_settings, scopes

    row = connected(firm)
    before = flow_settings.current(firm.workspace, "calls")
    more = {**before.raw, "contact": {**before.raw["contact"], "create": True}}
    saved = flow_settings.save(firm.workspace, firm.user, "calls", more)
    assert "ZohoCRM.modules.Contacts.CREATE" in saved.waits
    waiting = flow_settings.current(firm.workspace, "calls")
    assert (waiting.state, waiting.version, waiting.waiting) == ("waiting_consent", 1, 2)
    assert not waiting.settings.contact.create
    assert ("calls", "contact.create") in waiting.waiting_scopes["ZohoCRM.modules.Contacts.CREATE"]

    url = start(firm, connection=row.pk)
    assert "ZohoCRM.modules.Contacts.CREATE" in urllib.parse.unquote(url)
    finished = consent.finish(firm.user, decide(url))
    assert finished.connection is not None
    assert (finished.connection.pk, finished.begun) == (row.pk, ("calls",))
    after = flow_settings.current(firm.workspace, "calls")
    assert (after.state, after.version, after.waiting) == ("active", 2, 0)
    assert after.settings.contact.create

    flow_settings.save(firm.workspace, firm.user, "calls", before.raw)
    with workspace_tx(firm.workspace):
        assert "ZohoCRM.modules.Contacts.CREATE" in scopes.surplus(finished.connection)


@pytest.mark.proves("CALL-2")
def test_refusing_more_keeps_the_connection_as_it_was(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connections, consent

    row = connected(firm)
    with workspace_tx(firm.workspace):
        before = connections.grant_of(row)
    finished = consent.finish(firm.user, decide(start(firm, connection=row.pk), "refuse"))
    assert finished.connection is None
    with workspace_tx(firm.workspace):
        after = connections.grant_of(connections.get(firm.workspace, row.pk))
    assert before is not None
    assert after is not None
    assert before.refresh == after.refresh


def test_a_state_works_once_and_for_nobody_else(firm: Firm, make_firm: MakeFirm) -> None:
    from tieline.store.services import connections, consent
    from tieline.store.services.declined import DeclinedError

    answer = decide(start(firm))
    with pytest.raises(DeclinedError, match=r"consent.other_person"):
        consent.finish(make_firm().user, answer)
    assert consent.finish(firm.user, answer).connection is not None
    with pytest.raises(DeclinedError, match=r"consent.unknown"):
        consent.finish(firm.user, answer)
    with pytest.raises(DeclinedError, match=r"consent.unknown"):
        consent.finish(firm.user, {**answer, "state": "made up"})
    assert len(connections.listed(firm.workspace)) == 1


@pytest.mark.parametrize(("path", "code"), [("/oauth/v2/token", "vendor.unreachable"), ("/org", "vendor.unreachable")])
def test_what_fails_before_the_vendor_said_who_we_are_leaves_nothing(
    firm: Firm, sandboxes: Playing, path: str, code: str
) -> None:
    from tieline.store.services import connections, consent
    from tieline.store.services.declined import DeclinedError

    answer = decide(start(firm))
    grants = len(sandboxes.zoho.accounts.grants)
    sandboxes.fault("zoho_crm", kind="status", status=500, path=path, times=5)
    try:
        with pytest.raises(DeclinedError, match=code):
            consent.finish(firm.user, answer)
    finally:
        sandboxes.running.side("zoho_crm").faults.clear()
    assert connections.listed(firm.workspace, ended=True) == []
    assert len(sandboxes.zoho.accounts.grants) == grants


def test_another_account_under_the_same_connection_is_refused(firm: Firm, sandboxes: Playing) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connections, consent
    from tieline.store.services.declined import DeclinedError

    row = connected(firm)
    with workspace_tx(firm.workspace):
        kept = connections.grant_of(row)
        type(row).objects.filter(pk=row.pk).update(identity={"account_id": "another", "name": "Another firm"})
    with pytest.raises(DeclinedError, match=r"connection.other_account"):
        consent.finish(firm.user, decide(start(firm, connection=row.pk)))
    assert kept is not None
    assert kept.refresh in sandboxes.zoho.accounts.grants


def test_secrets_are_sealed_and_a_disconnect_takes_them_away_at_both_ends(firm: Firm, sandboxes: Playing) -> None:
    from django.db import connection as database

    from tieline.store.connection import workspace_tx
    from tieline.store.models import Secret
    from tieline.store.services import connection_ends, connections, flow_settings

    row = connected(firm)
    flow_settings.set_live(firm.workspace, firm.user, "calls", True)
    with workspace_tx(firm.workspace), database.cursor() as cursor:
        grant = connections.grant_of(row)
        cursor.execute(
            "SELECT string_agg(encode(sealed, 'escape'), '') FROM store_secret WHERE connection_id = %s", [row.pk]
        )
        sealed = cursor.fetchone()[0]
    assert grant is not None
    assert grant.refresh not in sealed
    assert grant.refresh in sandboxes.zoho.accounts.grants
    assert connection_ends.stops(firm.workspace, row.pk).writing == ("calls",)
    connection_ends.disconnect(firm.workspace, firm.user, row.pk)
    assert grant.refresh not in sandboxes.zoho.accounts.grants
    with workspace_tx(firm.workspace):
        assert not Secret.objects.filter(connection_id=row.pk).exists()
    flow = flow_settings.current(firm.workspace, "calls")
    assert not flow.live
    assert connections.listed(firm.workspace) == []
    again = connected(firm)
    assert flow_settings.current(firm.workspace, "calls").target == again


def test_the_workspaces_client_comes_before_the_installations(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    from tieline.sdk.manifest import connector
    from tieline.store.services import consent, oauth_clients
    from tieline.store.services.declined import DeclinedError

    zoho = connector("zoho_crm")
    with pytest.raises(DeclinedError, match=r"consent.no_client"):
        consent.start(firm.workspace, firm.user, "zoho_crm")
    monkeypatch.setenv("TIELINE_ZOHO_CRM_CLIENT_ID", "1000.HOUSE")
    monkeypatch.setenv("TIELINE_ZOHO_CRM_CLIENT_SECRET", "house")
    url = consent.start(firm.workspace, firm.user, "zoho_crm", data_centre="eu")
    assert url.startswith("https://accounts.zoho.eu/oauth/v2/auth?")
    assert "client_id=1000.HOUSE" in url
    oauth_clients.keep(firm.workspace, firm.user, "zoho_crm", "1000.OURS", "ours")
    found = oauth_clients.client_for(firm.workspace, zoho)
    assert found is not None
    assert (found.client_id, found.client_secret, found.whose) == ("1000.OURS", "ours", "workspace")
    oauth_clients.forget(firm.workspace, firm.user, "zoho_crm")
    found = oauth_clients.client_for(firm.workspace, zoho)
    assert found is not None
    assert found.whose == "installation"


def test_a_sandbox_is_offered_only_where_the_installation_has_one(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    from tieline.store.services.declined import DeclinedError
    from tieline.store.services.offers import offer

    shown = offer(firm.workspace, "zoho_crm")
    assert shown is not None
    assert shown.sandbox
    monkeypatch.delenv("TIELINE_SANDBOX_URL")
    shown = offer(firm.workspace, "zoho_crm")
    assert shown is not None
    assert not shown.sandbox
    with pytest.raises(DeclinedError, match=r"connection.no_sandbox"):
        start(firm)
