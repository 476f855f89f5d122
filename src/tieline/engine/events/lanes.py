"""Lanes: what must be decided in order, and what waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator


class Lanes:
    """Lanes held by subjects whose work is not finished. A subject without lanes holds nothing and waits for nobody."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def hold(self, lanes: Iterable[str]) -> None:
        self._held.update(lanes)

    def free(self, lanes: Iterable[str]) -> None:
        for lane in lanes:
            left = self._held[lane] - 1
            if left > 0:
                self._held[lane] = left
            else:
                del self._held[lane]

    def blocks(self, lanes: Iterable[str]) -> bool:
        """Whether a subject of these lanes has to wait."""
        held = self._held
        return bool(held) and any(lane in held for lane in lanes)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._held))

    def __len__(self) -> int:
        return len(self._held)
