"""The API, asked in this process with a token of a fresh company."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.web.conftest import Company, company, make_company, web

__all__ = ["company", "make_company", "web"]


@cache
def _client() -> Any:
    from django.test import Client

    return Client()


@dataclass
class Caller:
    """Asks with one token."""

    token: str

    def __call__(self, method: str, path: str, json_body: Any = None, **headers: str) -> Any:
        """(status, body as JSON)"""
        given = {"content_type": "application/json"}
        data = "" if json_body is None else json.dumps(json_body)
        named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        answer = _client().generic(
            method, f"/api/v1{path}", data, HTTP_AUTHORIZATION=f"Bearer {self.token}", **given, **named
        )
        return answer.status_code, json.loads(answer.content) if answer.content else None


def everything(company: Company, role: str = "super_admin", only: tuple[str, ...] = ()) -> Caller:
    """A token for all that this role may do, or `only` these actions."""
    from tieline.store.services import tokens
    from tieline.store.team.actions import ACTIONS
    from tieline.store.team.models import Role

    actions = only or tuple(name for name, roles in ACTIONS.items() if Role(role) in roles)
    return Caller(tokens.make(company.workspace.pk, company.users[role], "Test", actions)[1])


@pytest.fixture
def ask(company: Company) -> Caller:
    """As a super admin, with every action."""
    return everything(company)


@pytest.fixture
def ask_of() -> Callable[..., Caller]:
    """As whom it is asked for."""
    return everything
