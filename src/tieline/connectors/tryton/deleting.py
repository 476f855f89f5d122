"""Deletions: one request a record, since Tryton deletes over REST by id only.

Tryton has no recycle bin. A party that documents refer to cannot be deleted, and says so. An opportunity is cancelled first:
it refuses to be deleted in any other state. A note can be deleted over REST by administrators only (others may not search for
it); it goes with the record it hangs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tieline.connectors.tryton.shapes import NOTE, OPPORTUNITY, PARTY, SHAPES
from tieline.connectors.tryton.wire import ForbiddenError, NothingThereError, RefusedRowsError, Wire, plain
from tieline.core.errors import TielineError, UnknownOutcomeError
from tieline.sdk.contract import Gone, NotSent, Outcome, PushOperation, Rejected, Stale, Unknown, Written


class Deleter:
    """Deletes what a push names."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def delete(
        self, object: str, group: Sequence[tuple[int, PushOperation]], outcomes: dict[int, Outcome]
    ) -> None:
        """One outcome each, in order; after an answer that was lost nothing more is sent."""
        model = SHAPES[object].model
        if model == NOTE:
            outcomes.update((index, Rejected("goes_with_its_record")) for index, _ in group)
            return
        ids = [operation.target.id for _, operation in group if operation.target is not None]
        there = await self._there(model, sorted({int(id) for id in ids if id.isdigit()}))
        for index, operation in group:
            id = operation.target.id if operation.target is not None else ""
            old = there.get(id)
            if old is None:
                outcomes[index] = Gone()
            elif operation.version is not None and operation.version != plain(old["last_modified_at"]):
                outcomes[index] = Stale()
            else:
                await self._delete_one(model, index, old, outcomes)

    async def _delete_one(self, model: str, index: int, old: dict[str, Any], outcomes: dict[int, Outcome]) -> None:
        id = int(old["id"])
        try:
            if model == OPPORTUNITY and old["state"] != "cancelled":
                await self._wire.press(model, id, "cancel")
            await self._wire.delete(model, id)
        except RefusedRowsError as error:
            outcomes[index] = error.outcome
        except ForbiddenError:
            outcomes[index] = Rejected("forbidden")
        except NothingThereError:
            outcomes[index] = Gone()
        except UnknownOutcomeError as error:
            outcomes[index] = Unknown(error.code)
            raise
        except TielineError:
            outcomes[index] = NotSent("not_reached")
            raise
        else:
            outcomes[index] = Written(str(id))

    async def _there(self, model: str, ids: Sequence[int]) -> dict[str, dict[str, Any]]:
        """Those that are there, by id."""
        domain: list[Any] = [["id", "in", list(ids)]]
        if model == PARTY:
            domain.append(["active", "in", [True, False]])
        paths = ["last_modified_at"] if model == PARTY else ["state", "last_modified_at"]
        return {str(row["id"]): row for row in await self._wire.search_read(model, domain, paths)}
