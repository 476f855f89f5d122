"""Consents after the first: a second account, an account whose rules are all off, a company that comes back."""

from __future__ import annotations

import pytest

from tests.store.test_services_consent import Firm, connected, decide, firm, make_firm, sandboxes, start

__all__ = ["firm", "make_firm", "sandboxes"]


@pytest.mark.proves("CALL-2", "CALL-3")
def test_a_second_account_that_no_rule_writes_to_connects(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import flow_settings, schemas

    first, second = connected(firm), connected(firm)
    assert not [scope for scope in second.scopes if scope.startswith("ZohoCRM.modules.")]
    with workspace_tx(firm.workspace):
        assert schemas.target_of(second).places == schemas.target_of(first).places != ()
    assert flow_settings.current(firm.workspace, "calls").target == first


@pytest.mark.proves("CALL-2", "CALL-3")
def test_with_every_rule_off_consent_is_renewed_and_a_rule_can_be_turned_on_again(firm: Firm) -> None:
    from tieline.store.services import consent, flow_settings

    row = connected(firm)
    before = dict(flow_settings.current(firm.workspace, "calls").raw)
    off = {
        **before, "lead": {**before["lead"], "create": False}, "task": {**before["task"], "create": False},
        "call": {**before["call"], "log": "none", "recording": "none"},
    }  # fmt: skip
    flow_settings.save(firm.workspace, firm.user, "calls", off)
    renewed = consent.finish(firm.user, decide(start(firm, connection=row.pk))).connection
    assert renewed is not None
    assert renewed.pk == row.pk
    assert not [scope for scope in renewed.scopes if scope.endswith(".CREATE")]
    deals = {**off, "deal": {**off["deal"], "when": "no_active"}}
    assert "ZohoCRM.modules.Deals.CREATE" in flow_settings.save(firm.workspace, firm.user, "calls", deals).waits
    assert consent.finish(firm.user, decide(start(firm, connection=row.pk))).begun == ("calls",)
    assert flow_settings.current(firm.workspace, "calls").settings.deal.when == "no_active"


@pytest.mark.proves("CALL-3")
def test_after_a_disconnect_consent_asks_for_what_the_new_connection_begins_with(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connection_ends, consent, flow_settings, scopes

    row = connected(firm)
    usual = consent.wanted(firm.workspace, "zoho_crm", row.pk)
    before = dict(flow_settings.current(firm.workspace, "calls").raw)
    more = {**before, "contact": {**before["contact"], "create": True}, "deal": {**before["deal"], "when": "always"}}
    flow_settings.save(firm.workspace, firm.user, "calls", more)
    consent.finish(firm.user, decide(start(firm, connection=row.pk)))
    connection_ends.disconnect(firm.workspace, firm.user, row.pk)
    assert set(consent.wanted(firm.workspace, "zoho_crm")) == set(usual)
    new = connected(firm)
    assert "ZohoCRM.modules.Contacts.CREATE" not in new.scopes
    flow = flow_settings.current(firm.workspace, "calls")
    assert flow.target == new
    assert (flow.state, flow.waiting, flow.settings.contact.create) == ("active", 0, False)
    with workspace_tx(firm.workspace):
        assert scopes.surplus(new) == []
