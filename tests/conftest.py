"""An installation for tests: a private database with its tables, made when the first test asks for it.

Tests keep out of each other's way by workspaces of their own: nothing is emptied between them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Installation:
    """`home` is its TIELINE_HOME; `owner`, `app` and `admin` are URLs of the three roles of its database."""

    home: Path
    owner: str
    app: str
    admin: str


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """A running database with every table, and Django set up on it for this whole process."""
    from tieline.store.postgres import EmbeddedPostgres

    home = Path(tempfile.mkdtemp(prefix="tl-", dir="/tmp"))
    home.chmod(0o755)
    os.environ["TIELINE_HOME"] = str(home)
    os.environ.pop("TIELINE_DATABASE_URL", None)
    os.environ["DJANGO_SETTINGS_MODULE"] = "tieline.project.settings"
    server = EmbeddedPostgres(home / "postgres")
    server.start()
    try:
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", database="owner", interactive=False, verbosity=0)
        yield Installation(home, server.dsn("owner"), server.dsn("app"), server.dsn("admin"))
    finally:
        from django.db import connections

        connections.close_all()
        for alias in connections:
            pool = getattr(connections[alias], "close_pool", None)
            if pool is not None:
                pool()
        server.erase()
        shutil.rmtree(home, ignore_errors=True)
