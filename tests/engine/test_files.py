"""Recordings that are copied: whoever has them may hang or have lost them, and nobody else waits."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.bench import Bench
from tests.engine.calls import calls_bench, end
from tieline.core.errors import ConfigError, ProtocolError, TransientError
from tieline.engine.effects.fetching import MOST_FILES


def number(index: int) -> str:
    return f"+336110000{index:02d}"


class Gate:
    """A source that answers when it likes, or never with what was asked."""

    def __init__(self, error: Exception | None = None) -> None:
        self.open_now = asyncio.Event()
        self.error = error
        self.asked: list[str] = []

    async def open(self, url: str, limit: int) -> tuple[str, bytes]:
        self.asked.append(url)
        if self.error is not None:
            raise self.error
        await self.open_now.wait()
        return "audio/mpeg", url.encode()[:limit]


def copying(source: Gate) -> Bench:
    bench = calls_bench(call={"recording": "copy"})
    bench.files = {1: source}
    return bench


def state(bench: Bench, key: str) -> str:
    return next(row.state for row in bench.store.rows.values() if row.key == key)


@pytest.mark.proves("CALL-20", "HUB-5")
async def test_a_file_that_hangs_holds_nobody_up() -> None:
    source = Gate()
    bench, drain = copying(source), None
    drain = bench.drain()
    for index in range(2 * MOST_FILES):
        end(bench, f"c{index}", number(index), recording_url=f"https://a/{index}")
    await asyncio.wait_for(drain.run_until_quiet(), 20)
    end(bench, "again", number(0), outcome="missed")
    end(bench, "other", number(50))
    await bench.quiet(drain, until=lambda: state(bench, "again") == state(bench, "other") == "done")
    assert state(bench, "c0") == "applying"
    assert len(source.asked) == MOST_FILES
    assert bench.crm.count("Calls") == 2 * MOST_FILES + 2
    source.open_now.set()
    await bench.quiet(drain)
    assert bench.states() == {"done": 2 * MOST_FILES + 2}
    files = [one["content"].decode() for call in bench.crm.all("Calls") for one in call.get("files", ())]
    assert sorted(files) == sorted(f"https://a/{index}" for index in range(2 * MOST_FILES))


@pytest.mark.proves("CALL-20")
@pytest.mark.parametrize("error", [ProtocolError("404"), ConfigError("another host")], ids=["gone", "foreign"])
async def test_a_file_that_is_gone_is_refused_at_once_and_the_caller_goes_on(error: Exception) -> None:
    source = Gate(error)
    bench = copying(source)
    end(bench, "c0", number(0), recording_url="https://a/1")
    drain = bench.drain()
    started = bench.clock.now
    await bench.quiet(drain)
    assert bench.clock.now - started < 10
    assert source.asked == ["https://a/1"]
    (row,) = bench.store.rows.values()
    assert row.state == "parked"
    assert row.why is not None
    assert row.why["params"]["vendor_code"] == error.code  # type: ignore[attr-defined]
    end(bench, "c1", number(0))
    await bench.quiet(drain)
    assert state(bench, "c1") == "done"


async def test_a_source_that_is_away_is_asked_again_and_the_caller_goes_on() -> None:
    source = Gate(TransientError("away"))
    bench = copying(source)
    end(bench, "c0", number(0), recording_url="https://a/1")
    drain = bench.drain()
    await bench.quiet(drain, until=lambda: len(source.asked) > 2)
    end(bench, "c1", number(0))
    before = bench.clock.now
    await bench.quiet(drain, until=lambda: state(bench, "c1") == "done")
    assert bench.clock.now - before < 10
    assert state(bench, "c0") == "applying"
    source.error = None
    source.open_now.set()
    await bench.quiet(drain)
    assert bench.states() == {"done": 2}


async def test_a_restart_with_only_a_file_left_holds_no_lane() -> None:
    source = Gate()
    bench = copying(source)
    end(bench, "c0", number(0), recording_url="https://a/1")
    await bench.drain().run_until_quiet()
    end(bench, "c1", number(0))
    drain = bench.drain()
    await bench.quiet(drain, until=lambda: len(bench.store.rows) == 2 and state(bench, "c1") == "done")
    assert state(bench, "c0") == "applying"
    source.open_now.set()
    await bench.quiet(drain)
    assert bench.states() == {"done": 2}
