"""How far a pull has come."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from tieline.connectors.tryton.wire import plain, tagged_time
from tieline.core.errors import ProtocolError

OVERLAP = timedelta(minutes=2)
"""A transaction is stamped with its beginning and seen at its end: a pull begins so far before where the last one ended."""


class Cursor:
    """Model → (time, id) of the last change seen. An ended pull is followed by one that looks back a little."""

    def __init__(self, at: dict[str, tuple[str, int]]) -> None:
        self._at = at

    @classmethod
    def load(cls, text: str | None) -> Cursor:
        if text is None:
            return cls({})
        try:
            raw = json.loads(text)
            back = OVERLAP if raw["end"] else timedelta()
            at = {
                str(model): ((datetime.fromisoformat(time) - back).isoformat(), 0 if raw["end"] else int(id))
                for model, (time, id) in raw["at"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ProtocolError("this cursor is none of ours") from None
        return cls(at)

    def dump(self, *, is_end: bool = False) -> str:
        return json.dumps({"at": self._at, "end": is_end})

    def since(self, model: str) -> list[Any]:
        if model not in self._at:
            return []
        time, id = self._at[model]
        moment = tagged_time(time)
        same = [["last_modified_at", "=", moment], ["id", ">", id]]
        return [["OR", ["last_modified_at", ">", moment], same]]

    def move(self, model: str, row: dict[str, Any]) -> None:
        self._at[model] = (plain(row["last_modified_at"]), row["id"])
