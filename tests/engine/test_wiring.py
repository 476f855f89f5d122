"""Where the floors meet: what a drain is told of a connection."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tieline.engine.access import Access
from tieline.sdk import manifest
from tieline.store.vendor_rows import KeptConnection
from tieline.wiring import Opened


def opened(connector: str, made: dict[str, str]) -> Opened:
    kept = KeptConnection(1, 1, connector, "production", "active", 1, "", "", frozenset(), made, {})
    return Opened(kept, manifest.connector(connector), cast("Any", None), None, cast("Any", None))


@pytest.mark.parametrize("connector", ["zoho_crm", "tryton"])
def test_only_a_field_that_was_made_is_asked_for_our_key(connector: str) -> None:
    bare = opened(connector, {})
    capabilities = bare.manifest.capabilities
    objects = dict.fromkeys((one.object for one in bare.manifest.role_maps().values() if one.origin), "Our_Key")
    assert objects
    for made in ({}, objects):
        maps = opened(connector, made).role_maps()
        access = Access(
            cast("Any", None), maps, capabilities, clock=lambda: 0.0, chance=lambda: 0.0, requests=lambda: 0
        )
        for role, one in maps.items():
            assert one.origin == made.get(one.object, "")
            assert access.searchable(role) == bool(made.get(one.object))
            assert access.unique(role) == (bool(made.get(one.object)) and capabilities.origin == "unique")
