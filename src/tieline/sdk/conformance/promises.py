"""The registry of promises, and how one is tried."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tieline.sdk.conformance.subject import Subject
from tieline.sdk.manifest import Manifest, connector, connectors

Check = Callable[[Subject], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that a facet promises. `where`: whether it applies to a connector, by its manifest."""

    facet: str
    check: Check
    where: Callable[[Manifest], bool] = lambda _manifest: True

    @property
    def name(self) -> str:
        """Facet and function: records.origin_key_twice_is_one_record."""
        return f"{self.facet}.{self.check.__name__}"


PROMISES: list[Promise] = []


def promise(facet: str, where: Callable[[Manifest], bool] = lambda _manifest: True) -> Callable[[Check], Check]:
    """Registers a check under a facet ("oauth2" stands for that way of connecting)."""

    def register(check: Check) -> Check:
        PROMISES.append(Promise(facet, check, where))
        return check

    return register


class SkippedError(Exception):
    """A promise that this subject cannot be tried on; the reason is shown."""


def must(holds: bool, why: str) -> None:
    """AssertionError unless it holds."""
    if not holds:
        raise AssertionError(why)


def facets_of(manifest: Manifest) -> set[str]:
    """Facets, and the way of connecting as one."""
    return {*manifest.facets, *((("oauth2"),) if manifest.auth.kind == "oauth2" else ())}


def _loaded() -> list[Promise]:
    for room in (
        "records",
        "deleting",
        "hanging",
        "pulling",
        "counting",
        "faults",
        "oauth2",
        "events",
        "changes",
        "history",
    ):
        importlib.import_module(f"tieline.sdk.conformance.{room}")
    return PROMISES


def has_subject(manifest: Manifest) -> bool:
    """Whether the connector brings a tests.py with subject()."""
    name = f"{manifest.package}.tests"
    return importlib.util.find_spec(name) is not None and hasattr(importlib.import_module(name), "subject")


def cases() -> list[tuple[str, Promise]]:
    """Every connector that brings a subject, with every promise of its facets."""
    return [
        (name, one)
        for name, manifest in connectors().items()
        if has_subject(manifest)
        for one in _loaded()
        if one.facet in facets_of(manifest) and one.where(manifest)
    ]


async def run(name: str, one: Promise, **how: Any) -> None:
    """Tries one promise on a fresh subject."""
    module = importlib.import_module(f"{connector(name).package}.tests")
    async with module.subject(**how) as subject:
        await one.check(subject)
