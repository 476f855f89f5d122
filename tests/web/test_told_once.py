"""What went wrong is told once: a call that a refused write stopped is no second trouble."""

from __future__ import annotations

import pytest

from tests.web.conftest import Company
from tests.web.made import MadeDay, because

pytestmark = pytest.mark.usefixtures("web")


@pytest.mark.proves("HUB-2")
def test_a_refused_write_and_the_call_that_it_stopped_are_one_trouble(company: Company) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import health

    day = MadeDay(company)
    refused = because("outcome.rejected", slot="lead", vendor_code="MANDATORY_NOT_FOUND", field="Last_Name", detail="")
    stopped = day.run(day.call(state="parked", why=refused), "failed")
    day.wrote(stopped, "lead", state="rejected", error=refused)
    day.call("+33186760001", state="parked", why=because("outcome.unknown", slot="lead"))
    with workspace_tx(day.workspace):
        found = health.health(day.target).errors
    assert sorted((one.what, one.code, one.count) for one in found) == [
        ("operation", "outcome.rejected", 1),
        ("subject", "outcome.unknown", 1),
    ]
