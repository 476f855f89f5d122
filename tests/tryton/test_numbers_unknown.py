"""A telephone number that no numbering plan has: Tryton takes it as a row of another type, and it is the party's number all the same."""

from __future__ import annotations

from typing import Any

import pytest

from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.shapes import PERSON
from tieline.sdk.contract import Link, PushOperation, Written

pytestmark = pytest.mark.real
UNKNOWN, ANOTHER, KNOWN = "+4565000001", "+4565000002", "+4565123456"


@pytest.mark.proves("CUST-11")
async def test_it_is_read_changed_and_emptied_like_any_other(crm: Connector) -> None:
    await crm.prepare([PERSON])
    values = {"name": "Ida Holm", "phone": UNKNOWN, "mobile": ANOTHER}
    (made,) = await crm.push([PushOperation("unknown-number", "create", PERSON, values)])
    assert isinstance(made, Written), made

    async def after(**fields: Any) -> tuple[Any, Any]:
        if fields:
            (outcome,) = await crm.push([PushOperation("change", "update", PERSON, fields, Link(PERSON, made.id))])
            assert isinstance(outcome, Written), outcome
        (found,) = await crm.fetch(PERSON, [made.id], ["phone", "mobile"])
        return found.fields["phone"], found.fields["mobile"]

    assert await after() == (UNKNOWN, ANOTHER)
    assert await after(phone=ANOTHER) == (ANOTHER, ANOTHER)
    assert await after(phone=KNOWN) == (KNOWN, ANOTHER)
    assert await after(phone=UNKNOWN) == (UNKNOWN, ANOTHER)
    assert await after(phone=None) == (None, ANOTHER)
