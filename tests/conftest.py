"""An installation for tests: a private database with its tables, made when the first test asks for it.

Tests keep out of each other's way by workspaces of their own: nothing is emptied between them.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# A slow machine is no fault of the code: no example has a deadline.
hypothesis.settings.register_profile("tieline", deadline=None)
hypothesis.settings.load_profile("tieline")


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


_numbers = itertools.count(1)


@dataclass(frozen=True)
class Company:
    """A workspace with a phone system as source, a CRM as target, and the calls flow between them."""

    workspace: int
    source: int
    target: int
    setting: int
    intake_key: str


MakeCompany = Callable[[], Company]


@pytest.fixture
def make_company(installation: Installation) -> MakeCompany:
    """A fresh workspace with its flow, as often as asked."""

    def make() -> Company:
        from tieline.store.connection import workspace_tx
        from tieline.store.models import Connection, FlowSetting, FlowSource
        from tieline.store.public_ids import intake_hash
        from tieline.store.team import people

        workspace = people.create_workspace(f"Company {next(_numbers)} {secrets.token_hex(3)}")
        key = secrets.token_urlsafe(12)
        with workspace_tx(workspace.pk):
            source = Connection.objects.create(
                workspace=workspace, connector="sipsim", title="Phones", intake_hash=intake_hash(key)
            )
            target = Connection.objects.create(workspace=workspace, connector="zoho_crm", title="CRM")
            setting = FlowSetting.objects.create(workspace=workspace, flow="calls", target=target, live=True)
            FlowSource.objects.create(workspace=workspace, setting=setting, source=source)
        return Company(workspace.pk, source.pk, target.pk, setting.pk, key)

    return make


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """A fresh workspace with its flow."""
    return make_company()


@pytest.fixture
def companies(make_company: MakeCompany) -> list[Company]:
    """Five fresh workspaces, each with its flow."""
    return [make_company() for _ in range(5)]
