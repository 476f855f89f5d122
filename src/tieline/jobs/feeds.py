"""Looks every day whether the systems that shall tell us of changes still do, and puts right what can be put right (CUST-4).

A webhook that a vendor has switched off, or that somebody deleted there, is made again; that deletions may have been missed
meanwhile is said in the inbox. What cannot be put right is said there too, and with the connection.
"""

from __future__ import annotations

import logging

import psycopg

from tieline.core.errors import TielineError
from tieline.core.reasons import because, declare
from tieline.sdk.contract import Changes
from tieline.store import pair_rows, subscriptions
from tieline.store.pool import Link
from tieline.store.subscriptions import Due
from tieline.store.trouble import error_json
from tieline.wiring import Wiring

log = logging.getLogger(__name__)

MENDED = declare("connection.feed_mended", "title")
LOST = declare("connection.feed_lost", "title", "error")
EVERY_S = 60.0


class Feeds:
    """The looks of one worker process."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    async def look(self) -> None:
        """Looks at those whose day has come; each is taken by one worker."""
        rows = self._wiring.rows
        for one in await self._wiring.run(lambda: subscriptions.take(rows)):
            try:
                await self._look(one)
            except psycopg.Error:
                raise
            except (
                TielineError
            ) as error:  # not reachable: it is looked at again tomorrow, and the poll tells of it sooner
                log.warning("connection %s: its deliveries could not be looked at (%s)", one.connection, error.code)

    async def _look(self, one: Due) -> None:
        wiring = self._wiring
        opened = await wiring.connection(one.workspace, one.connection)
        if not isinstance(opened.connector, Changes):
            return
        url, secret = await wiring.read(
            one.workspace, lambda link: subscriptions.address(link, wiring.seal, one, opened.manifest.events.secret)
        )
        there = await opened.connector.subscription()
        is_there = there is not None and there.active and (not url or there.url == url)
        if is_there or one.how != "api":
            # One that a person pasted cannot always be seen: only its deliveries prove it.
            await wiring.read(one.workspace, lambda link: subscriptions.keep(link, one, active=is_there or None))
            return
        try:
            await opened.connector.subscribe(url, secret)
        except TielineError as error:
            said = error_json(error)
            await wiring.read(one.workspace, lambda link: self._lost(link, one, said))
            return
        await wiring.read(one.workspace, lambda link: self._mended(link, one))

    def _lost(self, link: Link, one: Due, said: dict[str, object]) -> None:
        why = because(LOST, title=one.title, error=said).to_json()
        subscriptions.keep(link, one, active=False, trouble=why)
        pair_rows.notice(link, one.connection, LOST, str(one.connection), why["params"])

    def _mended(self, link: Link, one: Due) -> None:
        subscriptions.keep(link, one, active=True, made=True)
        pair_rows.notice(link, one.connection, MENDED, str(one.connection), {"title": one.title})
