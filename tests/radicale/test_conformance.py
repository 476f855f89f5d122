"""What every connector promises, with a real Radicale behind the kit's faults."""

from __future__ import annotations

import pytest

from tieline.connectors.carddav.server import RadicaleServer
from tieline.sdk.conformance import Promise, cases, run
from tieline.sdk.conformance.promises import SkippedError

pytestmark = pytest.mark.real
PROMISES = [promise for name, promise in cases() if name == "carddav"]


@pytest.mark.proves("HUB-10")
@pytest.mark.parametrize("promise", PROMISES, ids=[promise.name for promise in PROMISES])
async def test_a_promise_is_kept_on_a_real_server(promise: Promise, radicale: RadicaleServer) -> None:
    try:
        await run("carddav", promise, radicale=radicale)
    except SkippedError as reason:
        pytest.skip(str(reason))
