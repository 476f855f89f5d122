"""Files that are copied: fetched beside everything else, so that nobody waits for the one who has them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from tieline.core.errors import ConfigError, ProtocolError, TransientError
from tieline.engine.effects.pool import Pool, Work
from tieline.engine.effects.reasons import of_error
from tieline.sdk.contract import Files

FILE_LIMIT = 20 * 1024 * 1024
"""Bytes of a recording that is copied into the CRM."""
MOST_FILES = 4
"""Files fetched or kept at a time."""
LOOKS_S = 0.5
"""How often it is asked whether a file is there."""


class FileTroubleError(TransientError):
    """A file to be copied could not be read from its source. `lasts`: it will not be there later either."""

    code = "error.file"
    lasts = False


class Fetching:
    """files: source → its files; an attachment of a source without is left to the vendor to fetch."""

    def __init__(self, files: Mapping[int, Files], pool: Pool, clock: Callable[[], float]) -> None:
        self._files = files
        self._pool = pool
        self._clock = clock
        self._failed: list[tuple[Work, FileTroubleError]] = []

    def fetched(self, works: Sequence[Work], levels: Sequence[int]) -> tuple[list[Work], list[int]]:
        """Of what may be sent, with their waves, what is complete; files that are missing are being fetched afterwards."""
        if not self._files:
            return list(works), list(levels)
        busy: int | None = None
        out: list[Work] = []
        waves: list[int] = []
        for work, level in zip(works, levels, strict=True):
            source = work.carried.subject.source
            if work.row.verb == "attach" and work.content is None and source in self._files:
                if busy is None:
                    busy = sum(one.fetch is not None or one.content is not None for one in self._pool.work())
                if work.fetch is None and busy < MOST_FILES:
                    busy += 1
                    work.fetch = asyncio.ensure_future(self._content(source, work.row.values["url"]))
                if not self._is_there(work):
                    continue
            out.append(work)
            waves.append(level)
        return out, waves

    def failed(self) -> list[tuple[Work, FileTroubleError]]:
        """Those whose file could not be fetched, since this was asked last."""
        out, self._failed = self._failed, []
        return out

    def _is_there(self, work: Work) -> bool:
        fetch = work.fetch
        if fetch is None or not fetch.done():
            work.not_before = self._clock() + LOOKS_S
            return False
        work.fetch = None
        if fetch.cancelled():
            return False
        error = fetch.exception()
        if isinstance(error, FileTroubleError):
            self._failed.append((work, error))
            return False
        work.content = fetch.result()
        return True

    async def _content(self, source: int, url: str) -> bytes:
        try:
            _, content = await self._files[source].open(url, FILE_LIMIT)
        except Exception as error:
            said = of_error(error)["code"]
            trouble = FileTroubleError(f"the file cannot be opened: {said}", error=said)
            trouble.lasts = isinstance(error, ProtocolError | ConfigError)
            raise trouble from error
        return content
