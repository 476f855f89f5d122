"""A process that takes deliveries and falls silent is known within a minute; one that ends properly, or was replaced, is not missed."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tieline.api.intake import Intake
from tieline.jobs.beat import HANGS_S, beat
from tieline.jobs.doctor import findings
from tieline.store import living
from tieline.store import secrets as sealing
from tieline.store.pool import Rows

if TYPE_CHECKING:
    from tests.conftest import Installation

OURS = f"SELECT count(*) FROM store_worker WHERE starts_with(host, '{living.INTAKE}') AND pid = {os.getpid()}"


@pytest.fixture
def link(installation: Installation) -> Iterator[psycopg.Connection]:
    """Nobody takes deliveries yet."""
    with psycopg.connect(installation.app, autocommit=True) as made:
        made.execute("DELETE FROM store_worker")
        yield made
        made.execute("DELETE FROM store_worker")


def silence(link: psycopg.Connection, host: str, *, started_s: float, silent_s: float) -> None:
    link.execute(
        "INSERT INTO store_worker (id, host, pid, started_at, beat_at)"
        " VALUES (%s, %s, 1, now() - make_interval(secs => %s), now() - make_interval(secs => %s))",
        [uuid.uuid4(), living.INTAKE + host, started_s, silent_s],
    )


async def test_it_beats_while_it_lives_and_takes_its_row_along(
    installation: Installation, link: psycopg.Connection
) -> None:
    intake = Intake(installation.app, sealing.installed())
    await intake.start()
    async with asyncio.timeout(20):
        while link.execute(OURS).fetchone() != (1,):  # noqa: ASYNC110 - the row is the event
            await asyncio.sleep(0.02)
    assert living.silent(link) == []
    await intake.stop()
    assert link.execute(OURS).fetchone() == (0,)


def test_silence_is_known_within_a_minute(link: psycopg.Connection) -> None:
    assert living.INTAKE_BEAT_S * 3 < living.SILENT_S < 60
    silence(link, "east", started_s=900, silent_s=living.SILENT_S - 5)
    assert living.silent(link) == []
    silence(link, "west", started_s=900, silent_s=living.SILENT_S + 1)
    assert [one.host for one in living.silent(link)] == ["west"]


def test_one_that_was_replaced_is_not_missed(link: psycopg.Connection) -> None:
    silence(link, "east", started_s=900, silent_s=300)
    silence(link, "other", started_s=800, silent_s=1)  # was there before
    assert [one.host for one in living.silent(link)] == ["east"]
    silence(link, "newer", started_s=200, silent_s=1)
    assert living.silent(link) == []


def test_the_doctor_says_so_and_counts_workers_alone(
    installation: Installation, link: psycopg.Connection, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("")
    keys.chmod(0o600)
    silence(link, "east", started_s=900, silent_s=1)
    found = {one.code: one for one in findings(installation.app, keys, 0)}
    assert found["doctor.intake"].is_well
    assert not found["doctor.worker"].is_well
    silence(link, "west", started_s=900, silent_s=61)
    rows = Rows(installation.app)
    try:
        beat(rows, uuid.uuid4())
    finally:
        rows.close()
    found = {one.code: one for one in findings(installation.app, keys, 0)}
    assert found["doctor.intake"].params == {"stopped": 1, "hosts": "west"}
    assert not found["doctor.intake"].is_well
    assert found["doctor.worker"].params == {"alive": 1}
    assert link.execute(living.WORKERS, [HANGS_S]).fetchone() == (1,)
    assert living.host() == socket.gethostname()[:255]
