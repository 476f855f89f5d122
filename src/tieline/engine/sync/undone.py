"""What an undo's writes leave behind, whether their answers come or not: nothing that follows them."""

from __future__ import annotations

from collections.abc import Container, Iterable

from tieline.core.pairing import SIDES, Line, Side
from tieline.engine.effects.reasons import reason
from tieline.engine.sync import reasons
from tieline.engine.sync.came import Came
from tieline.engine.sync.ports import LinkRow, SyncOperation, WaitingRow
from tieline.engine.sync.rows import id_of


def is_undo(one: SyncOperation) -> bool:
    """Whether it takes something back (or, of an undo, does it again)."""
    return bool(one.reason.get("code") == reasons.UNDONE)


def undone(came: Came, one: SyncOperation, link: LinkRow | None, lines: Iterable[Line], names: Container[str]) -> None:
    """What an undo that is done leaves: the base holds what stands there now, so that nothing follows; what was made is linked with
    nothing any more, and is not made again by itself. names: its fields that hold what it wrote."""
    if one.verb == "update" and link is not None:
        place = 0 if one.side == "left" else 1
        for line in lines:
            name = line.field_of(one.side)
            if name in one.values and name in names:
                both = list(link.base.get(line.name, [None, None]))
                both[place] = one.values[name]
                link.base[line.name] = both
        if one.side == "left":
            link.left_version = one.version
        else:
            link.right_version = one.version
        link.agreed_at = None
        came.links = [row for row in came.links if row.key != link.key] + [link]
    elif one.verb == "delete":
        if link is not None:
            came.dropped.append(link.key)
            for where in SIDES:  # what was asked about the two is over
                came.answered[one.role, where, id_of(link, where)] = None
        if len(one.source) > 1 and one.source[0] != one.side:
            side: Side = "left" if one.source[0] == "left" else "right"
            said = reason(reasons.UNDONE, run=one.run)
            came.wait(WaitingRow(one.role, side, one.source[1], None, said, None, None, 0, "stuck", one.name))
