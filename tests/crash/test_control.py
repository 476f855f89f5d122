"""That these tests can fail: without the look before a write is sent again, kills make doubles, and they are seen."""

from __future__ import annotations

import json

import pytest

from tests.crash.rig import Rig, rig
from tests.crash.test_kills import in_mid_load


def killed(made: Rig) -> str:
    """Kills of the worker while the CRM has done what was asked and has not answered yet."""
    made.faults({"kind": "latency", "seconds": 0.3, "method": "POST|PUT", "path": "/api/crm/v8/[A-Z_]", "times": None})
    load = made.load(made.mixed(300, seed=3), pace=10)
    found = in_mid_load(made, load, ["worker-1"] * 4, seed=23)
    line = {"hooks": made.hooks, "lost": len(found.lost), "doubled": len(found.doubled), "wrong": len(found.wrong)}
    print(json.dumps({"control": line, "writes_in_flight_at_kills": [kill.open_writes for kill in made.kills]}))
    assert any(kill.open_writes for kill in made.kills), "no kill met a write in flight"
    assert not found.lost, found
    return "doubled" if found.doubled else "exact"


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("hooks", "expected"),
    [("not_unique", "exact"), ("not_unique blind", "doubled")],
    ids=["the look alone", "neither look nor unique key"],
)
def test_doubles_are_seen(hooks: str, expected: str) -> None:
    with rig(hooks=hooks) as made:
        assert killed(made) == expected
