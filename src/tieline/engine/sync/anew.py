"""What an undo makes anew of what was deleted: it has another id there, which what belonged to it is told."""

from __future__ import annotations

from functools import partial
from typing import Any

from tieline.core.pairing import Joined, Side
from tieline.engine.sync.items import Pass
from tieline.engine.sync.parents import Parents
from tieline.engine.sync.ports import SyncOperation
from tieline.engine.sync.rows import lively, plain

PAGE = 500
"""Operations read together."""


class Anew:
    """Records that this run has made anew, or may have: those of it before a crash, too."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, Side], SyncOperation] = {}

    @classmethod
    async def of(cls, run: Pass) -> Anew:
        """As the journal knows them."""
        store, out, after = run.pair.store, cls(), ""
        while found := await run.pair.run(partial(store.planned, run.run.id, after, PAGE)):
            for one in found:
                out.add(one)
            after = found[-1].key
        return out

    def add(self, one: SyncOperation) -> None:
        if one.verb == "create" and one.state in {"sent", "unknown", "done"}:
            self._made[one.link, one.side] = one

    def has(self, deletion: SyncOperation) -> bool:
        """Whether what was deleted is there again, or may be."""
        return (deletion.link, deletion.side) in self._made

    def value(self, side: Side, value: Any, parents: Parents) -> Any:
        """A value as it is written back (JSON): a parent that was made anew and is linked with nothing, under the id that it has now."""
        joined = lively(value)
        if not isinstance(joined, Joined) or not joined.key or parents.id_on(side, joined):
            return value
        made = self._made.get((joined.key, side))
        return plain(Joined("", side, made.id)) if made is not None and made.id else value
