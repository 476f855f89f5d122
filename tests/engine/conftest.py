"""A pair of two connections, for what is tried on the real store."""

from __future__ import annotations

from tests.store.conftest import pair

__all__ = ["pair"]
