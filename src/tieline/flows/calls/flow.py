"""The calls flow: phone calls become the right records in a CRM. Requirements: CALL-1 … CALL-25."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.core.flow import Clash, Folded, Need, Target
from tieline.core.plan import Find, Known, Plan
from tieline.flows.calls import checks, decide, fold, needs, people, remarks
from tieline.flows.calls.call import call_of, lanes
from tieline.flows.calls.settings import Settings, load


class CallsFlow:
    """What the engine and the pages ask of this room (core.flow.Flow)."""

    name = "calls"

    def load(self, raw: Mapping[str, Any]) -> Settings:
        return load(dict(raw))

    def defaults(self, target: Target) -> dict[str, Any]:
        """CALL-4, less what this target has no room for. `default_user` is filled in at connect."""
        return checks.defaults(target).model_dump(mode="json")

    def needs(self, settings: Settings) -> tuple[Need, ...]:
        return needs.needs(settings)

    def check(self, settings: Settings, target: Target) -> tuple[Clash, ...]:
        return checks.check(settings, target)

    def remarks(self, settings: Settings, target: Target) -> tuple[Clash, ...]:
        """What is not refused but said when the settings are saved: links that this CRM cannot hold, owners that never are."""
        return remarks.remarks(settings, target)

    def fold(self, subject: Mapping[str, Any] | None, facts: Sequence[Mapping[str, Any]], settings: Settings) -> Folded:
        return fold.fold(subject, facts, settings)

    def expire(self, subject: Mapping[str, Any], settings: Settings) -> Folded:  # noqa: ARG002 - the protocol's shape
        return fold.expire(subject)

    def lanes(self, subject: Mapping[str, Any], settings: Settings) -> tuple[str, ...]:
        return lanes(subject, settings)

    def lookups(self, subject: Mapping[str, Any], known: Known, settings: Settings) -> tuple[Find, ...]:
        return people.lookups(call_of(subject, settings), known, settings)

    def reads(self) -> Mapping[str, tuple[str, ...]]:
        return people.READS

    def decide(self, subject: Mapping[str, Any], known: Known, settings: Settings, target: Target) -> Plan:
        return decide.decide(call_of(subject, settings), known, settings, target)


FLOW = CallsFlow()
