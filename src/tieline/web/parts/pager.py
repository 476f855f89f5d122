"""A page of a long list by key, not by number: as quick on the last page as on the first, and steady while rows arrive.

page = pages(Run.objects.filter(...), request, "started")      # newest first, ties by primary key
page.rows, page.older, page.newer                              # the last two are addresses, or ""
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

SIZE = 50


@dataclass(frozen=True)
class Cursor:
    """A place in the list: the value of the sorting column and the primary key of the row there."""

    value: Any
    pk: int

    def text(self) -> str:
        """The cursor as it stands in an address."""
        value = {"t": self.value.isoformat()} if isinstance(self.value, datetime) else self.value
        return base64.urlsafe_b64encode(orjson.dumps([value, self.pk])).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """The cursor of an address; None for what is none, so that a mangled address shows the first page."""
        try:
            value, pk = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            if isinstance(value, dict):
                value = datetime.fromisoformat(value["t"])
            return cls(value, int(pk))
        except (ValueError, TypeError, KeyError, binascii.Error):
            return None


@dataclass(frozen=True)
class Page:
    """Some rows of a list, and the addresses of what is before and after them."""

    rows: Sequence[Any]
    newer: str = ""
    older: str = ""


def _address(request: HttpRequest, name: str, cursor: Cursor) -> str:
    query = request.GET.copy()
    for known in ("before", "after"):
        query.pop(known, None)
    query[name] = cursor.text()
    return f"?{query.urlencode()}"


def pages(rows: QuerySet[Model], request: HttpRequest, column: str, *, size: int = SIZE) -> Page:
    """The page that `?before=` (older than) or `?after=` (newer than) asks for; filters in the address stay."""
    before = Cursor.read(request.GET.get("before", ""))
    after = None if before else Cursor.read(request.GET.get("after", ""))
    if after:
        later = Q(**{f"{column}__gt": after.value}) | Q(**{column: after.value, "pk__gt": after.pk})
        found = list(rows.filter(later).order_by(column, "pk")[: size + 1])
        more_newer, more_older = len(found) > size, True
        found = found[:size][::-1]
        if not found:
            more_older = False
    else:
        if before:
            rows = rows.filter(Q(**{f"{column}__lt": before.value}) | Q(**{column: before.value, "pk__lt": before.pk}))
        found = list(rows.order_by(f"-{column}", "-pk")[: size + 1])
        more_newer, more_older = before is not None, len(found) > size
        found = found[:size]
    if not found:
        return Page([])
    ends = [Cursor(getattr(row, column), row.pk) for row in (found[0], found[-1])]
    return Page(
        found,
        newer=_address(request, "after", ends[0]) if more_newer else "",
        older=_address(request, "before", ends[1]) if more_older else "",
    )
