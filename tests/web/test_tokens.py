"""The API's page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Company


def signed_in(company: Company, client: Client, role: str) -> Client:
    client.force_login(company.users[role])
    return client


@pytest.mark.proves("HUB-1")
def test_a_token_is_made_shown_once_used_and_ended(company: Company, client: Client) -> None:
    reader = signed_in(company, client, "admin")
    assert "There is no token yet" in reader.get(company.url("/tokens/")).content.decode()
    page = reader.post(company.url("/tokens/make/"), {"name": "Nightly export", "action": ["runs.see"], "days": "30"})
    (text,) = re.findall(r'value="(tl_[^"]+)"', page.content.decode())
    answer: Any = client.get("/api/v1/runs", headers={"Authorization": f"Bearer {text}"})
    assert answer.json() == {"items": [], "next": None}
    again = reader.get(company.url("/tokens/")).content.decode()
    assert text not in again
    assert "Nightly export" in again
    (shown,) = re.findall(r"/tokens/(token_[a-z0-9]+)/end/", again)
    reader.post(company.url(f"/tokens/{shown}/end/"))
    assert client.get("/api/v1/runs", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert "Ended" in reader.get(company.url("/tokens/")).content.decode()


@pytest.mark.proves("HUB-1")
def test_nobody_gives_a_token_more_than_they_may(company: Company, client: Client) -> None:
    page = signed_in(company, client, "admin").post(
        company.url("/tokens/make/"), {"name": "Too much", "action": ["team.change"]}
    )
    assert page.status_code == 400
    assert "Choose at least one action that you may do yourself." in page.content.decode()
    assert 'value="team.change"' not in page.content.decode()


@pytest.mark.proves("HUB-1")
def test_a_member_sees_no_tokens(company: Company, client: Client) -> None:
    reader = signed_in(company, client, "member")
    assert reader.get(company.url("/tokens/")).status_code == 403
    assert reader.post(company.url("/tokens/make/"), {"name": "x", "action": ["runs.see"]}).status_code == 403


@pytest.mark.proves("HUB-8")
def test_the_api_is_described_for_people_without_anything_from_elsewhere(client: Client) -> None:
    page = client.get("/api/v1/docs")
    text = page.content.decode()
    assert page.status_code == 200
    assert text.count("<details") > 40
    assert re.findall(r'(?:src|href)="(https?:)?//', text) == []
