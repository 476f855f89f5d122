"""Workspaces and connections to write rows for."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Installation

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
