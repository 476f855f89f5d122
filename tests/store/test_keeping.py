"""What a connection begins with."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tieline.core.errors import ConfigError
from tieline.sdk import manifest
from tieline.sdk.contract import Identity, ObjectSchema, VendorUser

pytestmark = pytest.mark.usefixtures("installation")


class NoRoomInCalls:
    """A CRM in which nobody may make a field on calls."""

    async def check(self) -> Identity:
        return Identity("1", "Nordlys")

    async def prepare(self, objects: Sequence[str]) -> dict[str, str]:
        if "Calls" in objects:
            raise ConfigError("no more fields", setting="Tieline_Key")
        return dict.fromkeys(objects, "Tieline_Key")

    async def describe(self, objects: Sequence[str]) -> list[ObjectSchema]:  # noqa: ARG002 - the contract's shape
        return []

    async def users(self) -> list[VendorUser]:
        return []


@pytest.mark.proves("HUB-5")
async def test_a_module_without_room_for_the_key_takes_it_from_no_other() -> None:
    from tieline.store.services.keeping import tell

    told = await tell(NoRoomInCalls(), manifest.connector("zoho_crm"), prepare=True)
    assert "Calls" not in told.origin
    assert {"Leads", "Contacts", "Accounts", "Tasks"} <= told.origin.keys()
    assert told.origin_trouble == "error.config"
