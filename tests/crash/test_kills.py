"""SIGKILL of the server, the worker and Postgres in mid-load: each acknowledged call has exactly its records afterwards."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence

import pytest

from tests.crash.count import Tally
from tests.crash.load import Load
from tests.crash.rig import KILLED, WENT_ON_S, Rig, rig

AHEAD = 40
"""Calls that the load may be ahead of the next kill: it goes on, but is not over, while something gets to work again."""


def in_mid_load(made: Rig, load: Load, kills: Sequence[str], seed: int) -> Tally:
    """Kills at random moments, spread over the load: each once so many calls were acknowledged, and a moment later. What is
    killed again had got to work again in between; others may be killed meanwhile."""
    chance = random.Random(seed)
    moments = sorted(chance.uniform(0.05, 0.92) * len(load.calls) for _ in kills)
    near_end = 0.94 * len(load.calls)  # the load may not be over while the last kill waits for its turn
    load.most = min(moments[0] + AHEAD, near_end)
    load.start()
    for what, moment in zip(kills, moments, strict=True):
        while len(load.acknowledged_calls) < moment and load.is_running:
            time.sleep(0.01)
        for before in made.kills:
            if before.what == what and before.seen is not None:
                before.seen.join(WENT_ON_S)
        assert load.is_running, f"the load was over before the last kill: {made.kills}\n{made.log()}"
        time.sleep(chance.uniform(0, 0.2))
        made.kill(what)
        following = next((one for one in moments if one > moment), None)
        load.most = len(load.calls) + AHEAD if following is None else min(following + AHEAD, near_end)
    load.join(900)
    return made.played(load)


def say(made: Rig, load: Load, name: str) -> None:
    """One line for people and programs."""
    went_on = [kill.went_on_s for kill in made.kills]
    line = {
        "crash": name,
        "calls": len(load.calls),
        "events_sent": load.sent,
        "events_resent": load.resent,
        "kills": {what: sum(kill.what == what for kill in made.kills) for what in KILLED},
        "writes_in_flight_at_kills": sum(kill.open_writes for kill in made.kills),
        "kills_with_writes_in_flight": sum(kill.open_writes > 0 for kill in made.kills),
        "went_on_s": went_on,
        "longest_s": max((one for one in went_on if one is not None), default=None),
    }
    print(json.dumps(line))


def shuffled(kills: list[str], seed: int) -> list[str]:
    random.Random(seed).shuffle(kills)
    return kills


@pytest.mark.proves("HUB-5", "CALL-19", "CALL-23")
def test_two_kills_each_in_500_calls() -> None:
    with rig() as made:
        made.control("latency", {"ms": 150})
        load = made.load(made.mixed(500, seed=5), pace=25)
        found = in_mid_load(made, load, shuffled([*KILLED, *KILLED], seed=7), seed=11)
        say(made, load, "small")
        assert found.is_exact, f"{found}\n{made.log()}"
        assert all(kill.went_on_s is not None for kill in made.kills), f"{made.kills}\n{made.log()}"


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.proves("HUB-5", "CALL-19", "CALL-23")
@pytest.mark.parametrize("what", [*KILLED, "mixed"])
def test_ten_kills_in_5000_calls(what: str) -> None:
    with rig() as made:
        made.control("latency", {"ms": 150})
        load = made.load(made.mixed(5000, seed=13), pace=40)
        kills = [what] * 10 if what != "mixed" else shuffled([*KILLED] * 10, seed=17)
        found = in_mid_load(made, load, kills, seed=19)
        say(made, load, what)
        assert found.is_exact, f"{found}\n{made.log()}"
        assert all(kill.went_on_s is not None for kill in made.kills), f"{made.kills}\n{made.log()}"
