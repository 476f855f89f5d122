"""One Tieline of real processes for the small tests: each plays calls of its own, and counts everything so far."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.rig import Rig, rig


@pytest.fixture(scope="session")
def shared_rig() -> Iterator[Rig]:
    with rig(("defaults", "all")) as made:
        yield made
