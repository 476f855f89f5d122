"""The conformance kit on every connector folder."""

import pytest

from tieline.sdk.conformance import Promise, cases, run
from tieline.sdk.conformance.promises import SkippedError
from tieline.sdk.conformance.quality import faults_of
from tieline.sdk.manifest import connectors

CASES = cases()


@pytest.mark.proves("HUB-10")
@pytest.mark.parametrize(("connector", "promise"), CASES, ids=[f"{name}-{one.name}" for name, one in CASES])
async def test_a_connector_keeps_its_promise(connector: str, promise: Promise) -> None:
    try:
        await run(connector, promise)
    except SkippedError as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", connectors())
def test_a_connector_folder_is_whole(name: str) -> None:
    assert faults_of(connectors()[name]) == []
