"""Origin keys: the name under which a write is known on both sides, the same however often it is decided."""

from __future__ import annotations

from hashlib import blake2b

LENGTH = 24
"""Characters of an origin key: 96 bits in hexadecimal."""


def origin_key(workspace: int, flow: str, source: int, subject: str, slot: str, generation: str = "0") -> str:
    """The origin key of one operation of a subject.

    `generation` of a create or an attachment rises after an undo, so that it may be made again; that of an update is the
    subject's revision, since each change of the facts may write the same slot anew.
    """
    text = f"{workspace}\x1f{flow}\x1f{source}\x1f{subject}\x1f{slot}\x1f{generation}"
    return blake2b(text.encode(), digest_size=LENGTH // 2).hexdigest()
