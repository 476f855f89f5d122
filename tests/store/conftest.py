"""A pair of two connections, and its store, held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.store.pairs import PairOf, make_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Company, Installation
    from tieline.store.sync_store import StoredSync


@pytest.fixture
def pair(installation: Installation, company: Company) -> PairOf:
    return make_pair(installation, company)


@pytest.fixture
def store(pair: PairOf) -> Iterator[StoredSync]:
    store = pair.store()
    assert store.hold()
    yield store
    store.let_go()
