"""A look: the live read of one record that a page may wait for. Two seconds, then it says "unreachable"."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tieline.core.errors import TielineError
from tieline.core.mapping import RoleMap
from tieline.core.record import Record
from tieline.engine.effects.reasons import of_error
from tieline.engine.events.lookup import Shape
from tieline.sdk.contract import Records

LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The record could not be read in time. `why`: a Reason as JSON; code "error.timeout" where nothing came back."""

    why: dict[str, Any]


TIMEOUT = {"code": "error.timeout"}


async def look(
    connector: Records, mapped: RoleMap, id: str, fields: Sequence[str], limit_s: float = LIMIT_S
) -> Record | Unreachable | None:
    """The record of a role by its vendor id with these canonical fields as it is now; None where it is not there."""
    shape = Shape(mapped, tuple(fields))
    try:
        async with asyncio.timeout(limit_s):
            found = await connector.fetch(shape.object, [id], shape.fields)
    except TimeoutError:
        return Unreachable(TIMEOUT)
    except TielineError as error:
        return Unreachable(of_error(error))
    return next((shape.record(vendor) for vendor in found if vendor.id == id), None)
