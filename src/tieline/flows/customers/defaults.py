"""Settings that work unedited on two given systems."""

from __future__ import annotations

from tieline.core.flow import Target
from tieline.flows.customers.settings import Settings


def defaults(left: Target, right: Target) -> Settings:
    """What both systems have, kept the same."""
    return Settings()
