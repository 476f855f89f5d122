"""Writes that a person is asked about: whatever comes meanwhile, they are not made again, and the question stays."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.engine.bench import Bench
from tests.engine.calls import calls_bench, end, recording
from tests.engine.crm import ZOHO
from tests.engine.test_crashes import Recordings
from tieline.sdk.contract import Outcome, PushOperation, Unknown
from tieline.sdk.manifest import Capabilities

NONE = ZOHO.model_copy(update={"origin": "none", "push_dependent": 0, "search_lag_s": 20})
KEYED = ZOHO.model_copy(update={"attach_keys": True})
NUMBER = "+33611111111"


def asked(bench: Bench) -> list[str]:
    return [item.question["kind"] for item in bench.store.inbox if item.open]


@pytest.mark.proves("CALL-23", "HUB-5")
@pytest.mark.parametrize("early", [False, True], ids=["asked already", "while it is unknown"])
async def test_a_late_event_writes_nothing_again_that_a_person_is_asked_about(early: bool) -> None:
    bench = calls_bench(capabilities=NONE)
    end(bench, "c0", NUMBER)
    drain = bench.drain()
    bench.crm.faults.extend(["", "", "", "", "lost after"])
    await drain.run_until_quiet()
    if early:
        recording(bench, "c0", "https://a/1")
    await bench.quiet(drain)
    recording(bench, "c0", "https://a/2")
    await bench.quiet(drain)
    assert bench.crm.seen == ["lost after"]
    assert bench.crm.count("Calls") == 1
    assert bench.states() == {"asked": 1}
    assert asked(bench) == ["outcome:call:call"]
    bench.store.retry(1)
    await bench.quiet(drain)
    assert asked(bench) == ["outcome:call:call"], "to try again is no answer"
    (call,) = bench.crm.records["Calls"]
    bench.store.answer(1, "outcome:call:call", call)
    await bench.quiet(drain)
    assert bench.states() == {"done": 1}
    assert [one["Recording"] for one in bench.crm.all("Calls")] == ["https://a/1" if early else "https://a/2"]


async def test_what_is_lost_once_more_is_asked_once_more() -> None:
    bench = calls_bench(capabilities=NONE)
    end(bench, "c0", NUMBER)
    drain = bench.drain()
    losing = True
    push = bench.crm.push

    async def lose(operations: Sequence[PushOperation]) -> list[Outcome]:
        if losing and operations[0].object == "Calls":
            return [Unknown("lost")]
        return await push(operations)

    bench.crm.push = lose  # type: ignore[method-assign]
    for kind in ("outcome:call:call", "outcome:call:call#2"):
        await bench.quiet(drain)
        assert asked(bench) == [kind]
        bench.store.answer(1, kind, "none")
    losing = False
    await bench.quiet(drain)
    assert bench.crm.count("Calls") == 1
    assert bench.states() == {"done": 1}


@pytest.mark.proves("CALL-20", "HUB-5")
@pytest.mark.parametrize("capabilities", [ZOHO, KEYED], ids=["asked", "by its key"])
async def test_a_file_of_which_nobody_knows_is_not_attached_twice(capabilities: Capabilities) -> None:
    bench = calls_bench(call={"recording": "copy"}, capabilities=capabilities)
    bench.files = {1: Recordings()}
    end(bench, "c0", NUMBER)
    drain = bench.drain()
    await bench.quiet(drain)
    recording(bench, "c0", "https://a/1")
    bench.crm.faults.append("lost after")
    await bench.quiet(drain)
    recording(bench, "c0", "https://a/2")
    await bench.quiet(drain)
    (call,) = bench.crm.all("Calls")
    assert [one["content"] for one in call["files"]] == [b"https://a/1", b"https://a/2"]
    if capabilities is ZOHO:
        assert asked(bench) == ["outcome:call:call.recording"]
        bench.store.answer(1, "outcome:call:call.recording", "77")
        await bench.quiet(drain)
        assert len(call["files"]) == 2
    assert bench.states() == {"done": 1}
    assert asked(bench) == []
