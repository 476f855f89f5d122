"""A CRM on its worst days, end to end: nothing lost, nothing doubled, and the journal says what happened."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest

from tests.crash.rig import Rig

WRITES = {"method": "POST|PUT", "path": "/api/crm/v8/(Leads|Calls|Tasks|__composite_requests)"}
READS = {"path": "/api/crm/v8/coql"}

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "429": ({"kind": "status", "status": 429}, "error.rate_limited"),
    "429, Retry-After in seconds": ({"kind": "status", "status": 429, "retry_after": 2}, "error.rate_limited"),
    "429, Retry-After as a date": ({"kind": "status", "status": 429, "retry_after": "date:2"}, "error.rate_limited"),
    "500 before": ({"kind": "status", "status": 500, "when": "before"}, ": 500"),
    "500 after": ({"kind": "status", "status": 500, "when": "after"}, ": 500"),
    "dropped before": ({"kind": "drop", "when": "before"}, "the connection broke"),
    "dropped after": ({"kind": "drop", "when": "after"}, "the connection broke"),
    "half an answer": ({"kind": "truncated", "when": "after"}, "without JSON"),
    "HTML before": ({"kind": "html", "when": "before"}, "200 without JSON"),
    "HTML after": ({"kind": "html", "when": "after"}, "200 without JSON"),
    "an error in a 200, before": ({"kind": "error_in_200", "when": "before"}, "outcome.unknown: "),
    "an error in a 200, after": ({"kind": "error_in_200", "when": "after"}, "outcome.unknown: "),
}
"""What the CRM does, before or after it has done what was asked; and what the journal says of the writes that it met."""


def told(made: Rig) -> Counter[str]:
    """What the journal says was in the way: of writes by the operations' last errors, of look-ups by their runs."""
    writes = made.rows(
        "SELECT 'write ' || (error->>'code') || coalesce(': ' || (error->'params'->>'detail'), ''), count(*) FROM store_operation WHERE error IS NOT NULL GROUP BY 1"
    )
    reads = made.rows(
        "SELECT 'read ' || (known->'trouble'->'params'->>'error'), count(*) FROM store_run"
        " WHERE known->'trouble' IS NOT NULL GROUP BY 1"
    )
    return Counter({code: int(count) for code, count in [*writes, *reads]})


def play(made: Rig, calls: int, seed: int) -> Counter[str]:
    """A load under the faults that are on: exactly its records, and what the journal says went wrong."""
    before = told(made)
    load = made.load(made.mixed(calls, seed), pace=40).start().join()
    found = made.played(load)
    said = told(made) - before
    print(json.dumps({"fault": [f["kind"] for f in made.control("faults")], "calls": calls, "said": said}))
    assert found.is_exact, f"{found}\n{made.log()}"
    assert all(fault["struck"] for fault in made.control("faults"))
    made.faults()
    return said


@pytest.mark.proves("HUB-5")
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(shared_rig: Rig, name: str) -> None:
    rule, saying = FAULTS[name]
    times = 2 if rule.get("status") == 429 else 4
    shared_rig.faults({**rule, **WRITES, "times": times, "skip": 1}, {**rule, **READS, "times": 2, "skip": 1})
    said = play(shared_rig, 60, seed=len(name))
    assert any(saying in one for one in said), f"the journal does not say {saying!r}: {said}"


@pytest.mark.proves("HUB-5")
def test_a_token_that_expires(shared_rig: Rig) -> None:
    """Every token of the CRM dies in mid-load, twice: each is refreshed once, however many requests meet the dead one. (A
    token refused within seconds of its making is another matter: nobody asks for a third, the connection asks its owner.)"""
    made = shared_rig
    _, tokens = made.requests()
    refused = made.control("counts")["statuses"].get("401", 0)
    load = made.load(made.mixed(100, seed=21), pace=10).start()
    for begun in (10, 80):
        while len(load.acknowledged_calls) < begun and load.is_running:
            time.sleep(0.01)
        made.control("token/expire", {})
    found = made.played(load.join())
    assert found.is_exact, f"{found}\n{made.log()}"
    assert made.control("counts")["statuses"]["401"] > refused, "no request met a dead token"
    assert made.requests()[1] - tokens == 2


@pytest.mark.long
@pytest.mark.proves("HUB-5")
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_hang_beyond_the_time_out(shared_rig: Rig, when: str) -> None:
    """Nobody answers for longer than the connector waits (30 s)."""
    hang = {"kind": "hang", "seconds": 45, "when": when}
    shared_rig.faults({**hang, **WRITES, "times": 2, "skip": 1})
    said = play(shared_rig, 60, seed=33)
    assert any("outcome.unknown: " in one for one in said), said
