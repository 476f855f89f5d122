"""Every fixture of every phone system (fixtures/calls/*.json; docs/how-to/connector.md), in any order and doubled, is the same call."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.engine.events.fold import fact
from tieline.flows.calls.fold import fold
from tieline.flows.calls.settings import Settings
from tieline.sdk.contract import Events, Request
from tieline.sdk.manifest import connectors, load

FIXTURES = [
    pytest.param(name, path, id=f"{name}-{path.stem}")
    for name, manifest in connectors().items()
    for path in sorted((manifest.folder / "fixtures" / "calls").glob("*.json"))
]
NAMES = {
    "key", "direction", "external", "line", "agent", "result", "started_at", "ended_at", "talk_s", "total_s", "recordings", "final",
}  # fmt: skip
SETTINGS = Settings()
ARRIVED = "2026-06-01T12:{:02}:{:02}Z"


def request_of(value: dict[str, Any]) -> Request:
    """A request of a fixture, as intake gives it."""
    headers, body = {}, value.get("body", "").encode()
    if "json" in value:
        headers, body = {"content-type": "application/json"}, orjson.dumps(value["json"])
    elif "form" in value:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        body = urlencode(value["form"]).encode()
    return Request(value.get("method", "POST"), value.get("query", ""), {**headers, **value.get("headers", {})}, body)


def call_of(connector: Events, requests: list[Request]) -> dict[str, Any]:
    """What these deliveries come to, each folded on its own as it arrives, in the fixture's names."""
    subject: dict[str, Any] | None = None
    for number, request in enumerate(requests):
        facts = [
            fact(one, ARRIVED.format(number // 60, number % 60)) for one in connector.parse(request) if one.call_key
        ]
        if facts:
            assert {one["call_key"] for one in facts} == {facts[0]["call_key"]}
            subject = dict(fold(subject, facts, SETTINGS).subject)
    assert subject is not None
    recordings = [[one["url"], one.get("s")] for one in subject.get("recordings", ())]
    return {
        **{name: subject.get(name) for name in NAMES},
        "recordings": recordings,
        "final": bool(subject.get("final")),
    }


def once_each(connector: Events, requests: list[Request]) -> list[Request]:
    """What intake keeps: the first of each event key."""
    kept: dict[str, Request] = {}
    for request in requests:
        kept.setdefault(connector.arrive(request, {}, 1.0).event_key, request)
    return list(kept.values())


def opened(path: Path) -> tuple[list[Request], dict[str, Any]]:
    value = json.loads(path.read_text(encoding="utf-8"))
    return [request_of(one) for one in value["requests"]], value["call"]


def test_every_phone_system_has_calls() -> None:
    """None is left out: a connector that takes calls' events brings fixtures."""
    phones = {name for name, manifest in connectors().items() if "phone" in manifest.categories}
    assert phones
    assert phones == {param.values[0] for param in FIXTURES}


@pytest.mark.parametrize(("name", "path"), FIXTURES)
def test_a_call_as_it_happened(name: str, path: Path) -> None:
    requests, expected = opened(path)
    assert set(expected) == NAMES
    connector = load(name)(None)
    assert call_of(connector, requests) == expected
    assert call_of(connector, once_each(connector, requests)) == expected
    assert expected["final"] or connectors()[name].events.settle_s > 0


@pytest.mark.proves("CALL-19")
@pytest.mark.parametrize(("name", "path"), FIXTURES)
@settings(max_examples=40, deadline=None)
@given(random=st.randoms(use_true_random=False))
def test_a_call_in_any_order_and_doubled(name: str, path: Path, random: Any) -> None:
    requests, expected = opened(path)
    doubled = requests + random.choices(requests, k=len(requests))
    random.shuffle(doubled)
    connector = load(name)(None)
    assert call_of(connector, doubled) == expected
    assert call_of(connector, once_each(connector, doubled)) == expected
