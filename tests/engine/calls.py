"""The calls flow on memory ports: a phone system that speaks facts, a target that holds everything, settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.engine.bench import Bench
from tests.engine.crm import ZOHO
from tests.engine.memory import ROLE_MAPS
from tieline.core.facts import CallFact
from tieline.core.flow import Target
from tieline.core.record import User
from tieline.flows.calls import FLOW
from tieline.sdk.contract import Request
from tieline.sdk.manifest import Capabilities

USERS = {"emma": User("emma", "Emma"), "anna": User("anna", "Anna")}
TARGET = Target(roles={role: frozenset(mapped.fields) for role, mapped in ROLE_MAPS.items()})
BASE: dict[str, Any] = {
    "default_user": {"id": "emma", "label": "Emma"},
    "default_country": "FR",
    "lines": [{"number": "+33140000001", "manager": {"id": "anna", "label": "Anna"}}],
}
ALL_ON: dict[str, Any] = {
    "account": {"create": True},
    "lead": {"create": True},
    "contact": {"create": True},
    "deal": {"when": "no_active"},
    "task": {"create": True},
}


class FactPhone:
    """A phone system whose deliveries are facts as JSON."""

    def arrive(self, request: Request, secrets: Mapping[str, str], now_s: float) -> Any:
        raise NotImplementedError

    def parse(self, request: Request) -> list[CallFact]:
        return [CallFact(**raw) for raw in json.loads(request.body)]


def calls_bench(*, capabilities: Capabilities = ZOHO, **settings: Any) -> Bench:
    """A bench with the calls flow; further settings over `BASE`."""
    return Bench(
        flow=FLOW,
        settings=FLOW.load(BASE | settings),
        target=TARGET,
        users=USERS,
        capabilities=capabilities,
        sources={1: FactPhone(), 2: FactPhone()},
    )


def end(
    bench: Bench,
    key: str,
    number: str,
    *,
    outcome: str = "answered",
    source: int = 1,
    at: str = "2026-11-18T10:00:00Z",
    event_key: str | None = None,
    **more: Any,
) -> None:
    """An authoritative end, as one event."""
    fact = CallFact(
        key,
        "ended",
        at,
        "inbound",
        external_number=number,
        line_number="+33140000001",
        outcome=outcome,  # type: ignore[arg-type]
        talk_s=60 if outcome == "answered" else 0,
        final=True,
        **more,
    )
    send(bench, fact, source, event_key)


def recording(bench: Bench, key: str, url: str, *, source: int = 1) -> None:
    """A recording that comes by itself."""
    say(bench, key, "recording_ready", "2026-11-18T10:05:00Z", source=source, recording_url=url)


def say(bench: Bench, key: str, kind: str, at: str = "2026-11-18T09:59:00Z", *, source: int = 1, **more: Any) -> None:
    """Any other fact."""
    send(bench, CallFact(key, kind, at, **more), source)  # type: ignore[arg-type]


def send(bench: Bench, fact: CallFact, source: int, event_key: str | None = None) -> None:
    """One delivery."""
    bench.arrived += 1
    bench.store.arrive(source, event_key or f"e{bench.arrived}", json.dumps([fact.to_json()]).encode())
