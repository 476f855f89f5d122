"""How many requests calls cost, counted by the CRM. Requests for tokens are counted apart: they come once an hour."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.crash.rig import Rig


@pytest.mark.parametrize(("rules", "most"), [("defaults", 6), ("all", 8)])
@pytest.mark.parametrize("outcome", ["answered", "missed"])
def test_a_lone_unknown_caller(shared_rig: Rig, rules: str, most: int, outcome: str) -> None:
    made = shared_rig
    made.until_quiet()
    before = made.requests()
    call = made.phones.call(f"+4532{made.phones.scenario():02d}0001", company=rules, outcome=outcome, talk_s=9)
    found = made.play([call])
    api, tokens = (now - then for now, then in zip(made.requests(), before, strict=True))
    print(
        json.dumps({"requests": "lone unknown caller", "rules": rules, "outcome": outcome, "api": api, "token": tokens})
    )
    assert found.is_exact, found
    assert 0 < api <= most


@pytest.mark.parametrize("rules", ["defaults", "all"])
def test_a_backlog_of_500_calls(shared_rig: Rig, rules: str) -> None:
    """The worker is held while the calls come in, and finds all of them at once."""
    made = shared_rig
    made.until_quiet()
    before = made.requests()
    scenario = made.phones.scenario()
    calls = [
        made.phones.call(
            f"+4533{scenario:02d}{one % 400:04d}", company=rules, outcome="missed" if one % 4 == 0 else "answered"
        )
        for one in range(500)
    ]
    worker = made.pid("worker-1")
    os.kill(worker, signal.SIGSTOP)
    try:
        load = made.load(calls).start().join()
    finally:
        os.kill(worker, signal.SIGCONT)
    found = made.played(load)
    api, tokens = (now - then for now, then in zip(made.requests(), before, strict=True))
    print(json.dumps({"requests": "backlog", "rules": rules, "calls": 500, "api": api, "token": tokens}))
    assert found.is_exact, f"{found}\n{made.log()}"
    assert api / len(calls) <= 0.2
