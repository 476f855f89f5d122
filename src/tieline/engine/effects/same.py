"""Whether a value that was written and one that was read are the same to people, whichever way the vendor spells it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tieline.engine.effects.journal import REF

_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_NUMBER = re.compile(r"\+?[\d\s()./-]{6,}")


def same(ours: Any, theirs: Any) -> bool:
    """A list that was read stands for several fields of the vendor: one of them must hold what was written."""
    if isinstance(theirs, list) and not isinstance(ours, list):
        return any(same(ours, one) for one in theirs) if theirs else _plain(ours) is None
    if isinstance(ours, list) and isinstance(theirs, list):
        return {_plain(one) for one in ours} == {_plain(one) for one in theirs}
    return _plain(ours) == _plain(theirs)


def _plain(value: Any) -> str | None:
    if isinstance(value, Mapping):
        ref = value.get(REF)
        return str(ref[1]) if ref is not None else repr(sorted(value.items()))
    if value is None or value in ("", []):
        return None
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return f"{value:g}"
    text = " ".join(str(value).split())
    if _STAMP.match(text):
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return text
        return str(int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))
    if _NUMBER.fullmatch(text):
        return "".join(sign for sign in text if sign.isdigit())
    return text or None
