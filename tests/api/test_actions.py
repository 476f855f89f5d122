"""What the pages do, the API does: a table without an empty row."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def table(web: Any) -> Any:
    spec = importlib.util.spec_from_file_location("api_actions", ROOT / "tools" / "api_actions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.proves("HUB-8")
def test_every_action_of_a_page_has_its_route(table: Any) -> None:
    rows = table.rows()
    assert [path for path, _, routes in rows if not routes] == []
    assert len(rows) > 60


@pytest.mark.proves("HUB-8")
def test_a_route_names_pages_that_are_there_and_needs_no_more_than_they(table: Any) -> None:
    from django.urls import get_resolver

    from tieline.api.v1.access import ROUTES

    pages = {name: action for name, _, action in table.addresses(get_resolver().url_patterns)}
    named = {page: mark.action for mark in ROUTES.values() for page in mark.pages}
    assert sorted(named.keys() - pages.keys()) == []
    others = {page for page, action in named.items() if action != pages[page] and not page.startswith(WIZARD)}
    assert others == OTHER_ACTION


WIZARD = "start"
"""The first steps are one way through several actions, for who may do all of them."""
OTHER_ACTION = {"connections-take_over"}
"""It changes a flow from the page of a connection."""


def test_the_table_in_the_docs_is_this_one(table: Any) -> None:
    assert (ROOT / table.PAGE).read_text() == table.text()
