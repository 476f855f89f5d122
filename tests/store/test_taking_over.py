"""A company with two CRMs ends the one that calls are written to: the other one can take over."""

from __future__ import annotations

import pytest

from tests.store.test_services_consent import Firm, connected, decide, firm, make_firm, sandboxes, start

__all__ = ["firm", "make_firm", "sandboxes"]


@pytest.mark.proves("CALL-2", "CALL-4")
def test_somebody_chooses_the_other_crm(firm: Firm) -> None:
    from tieline.store.services import connection_ends, connections, consent, flow_settings
    from tieline.store.services.declined import DeclinedError

    first, second = connected(firm), connected(firm)
    assert connections.free_flows(second) == ()
    with pytest.raises(DeclinedError, match=r"flow.none_free"):
        connections.take_over(firm.workspace, firm.user, second.pk)
    assert flow_settings.current(firm.workspace, "calls").target == first

    connection_ends.disconnect(firm.workspace, firm.user, first.pk)
    assert connections.free_flows(second) == ("calls",)
    assert connections.take_over(firm.workspace, firm.user, second.pk) == ("calls",)
    flow = flow_settings.current(firm.workspace, "calls")
    assert flow.target == second
    assert (flow.live, flow.version) == (False, 0)
    assert "ZohoCRM.modules.Leads.CREATE" in flow.waiting_scopes
    assert consent.finish(firm.user, decide(start(firm, connection=second.pk))).begun == ("calls",)
    flow = flow_settings.current(firm.workspace, "calls")
    assert flow.settings.lead.create
    assert connections.get(firm.workspace, second.pk).is_main_crm
    with pytest.raises(DeclinedError, match=r"connection.disconnected"):
        connections.take_over(firm.workspace, firm.user, first.pk)


@pytest.mark.proves("CALL-2")
def test_looking_again_lets_the_only_crm_left_take_over(firm: Firm) -> None:
    from tieline.store.services import connection_ends, connections, flow_settings

    first, second = connected(firm), connected(firm)
    connections.refresh(firm.workspace, firm.user, second.pk)
    assert flow_settings.current(firm.workspace, "calls").target == first
    connection_ends.disconnect(firm.workspace, firm.user, first.pk)
    connections.refresh(firm.workspace, firm.user, second.pk)
    flow = flow_settings.current(firm.workspace, "calls")
    assert flow.target == second
    assert not flow.live


def test_a_phone_system_takes_over_nothing(firm: Firm) -> None:
    from tieline.store.services import connections
    from tieline.store.services.declined import DeclinedError

    phone = connections.connect(firm.workspace, firm.user, "sipsim", {"token": "sandbox-token"}, environment="sandbox")
    assert connections.free_flows(phone) == ()
    with pytest.raises(DeclinedError, match=r"flow.none_free"):
        connections.take_over(firm.workspace, firm.user, phone.pk)
