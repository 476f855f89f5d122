"""Webhooks on the API's page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client

    from tests.web.conftest import Company

TYPED = {"title": "Warehouse", "url": "https://hooks.example.com/in", "kind": ["run.finished", "case.opened"]}


def signed_in(company: Company, client: Client, role: str) -> Client:
    client.force_login(company.users[role])
    return client


def test_a_webhook_is_made_shown_once_tested_given_a_new_secret_and_ended(company: Company, client: Client) -> None:
    reader = signed_in(company, client, "admin")
    assert "There is no webhook yet" in reader.get(company.url("/tokens/")).content.decode()
    made = reader.post(company.url("/tokens/hooks/make/"), TYPED).content.decode()
    (secret,) = re.findall(r'value="(whsec_[^"]+)"', made)
    page = reader.get(company.url("/tokens/")).content.decode()
    assert secret not in page
    assert "Nothing sent yet" in page
    (shown,) = set(re.findall(r"/tokens/hooks/(hook_[a-z0-9]+)/", page))
    reader.post(company.url(f"/tokens/hooks/{shown}/test/"))
    messages = reader.get(company.url(f"/tokens/hooks/{shown}/")).content.decode()
    (message,) = re.findall(r"/again/(message_[a-z0-9]+)/", messages)
    assert "On its way" in messages
    assert reader.post(company.url(f"/tokens/hooks/{shown}/again/{message}/")).status_code == 302
    renewed = reader.post(company.url(f"/tokens/hooks/{shown}/rotate/")).content.decode()
    assert re.findall(r'value="(whsec_[^"]+)"', renewed) not in ([], [secret])
    assert "The old secret signs too until" in renewed
    reader.post(company.url(f"/tokens/hooks/{shown}/change/"), {"active": "0"})
    off = reader.get(company.url("/tokens/")).content.decode()
    assert "Switch on" in off
    assert "Test it" not in off
    reader.post(company.url(f"/tokens/hooks/{shown}/end/"))
    assert "There is no webhook yet" in reader.get(company.url("/tokens/")).content.decode()
    assert reader.get(company.url(f"/tokens/hooks/{shown}/")).status_code == 404


def test_what_is_refused_is_said_and_what_was_typed_stays(company: Company, client: Client) -> None:
    reader = signed_in(company, client, "admin")
    page = reader.post(
        company.url("/tokens/hooks/make/"), {**TYPED, "url": "https://10.0.0.1/in", "kind": ["case.opened"]}
    )
    text = page.content.decode()
    assert page.status_code == 400
    assert "This address leads into a private network" in text
    assert 'value="https://10.0.0.1/in"' in text
    assert re.findall(r'name="kind" value="([^"]+)" checked', text) == ["case.opened"]


def test_why_a_webhook_is_off_is_said(company: Company, client: Client) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Hook
    from tieline.store.services import hooks

    made, _ = hooks.make(company.workspace.pk, None, "Warehouse", TYPED["url"], ["run.finished"])
    with workspace_tx(company.workspace.pk):
        Hook.objects.filter(pk=made.id).update(
            active=False, trouble={"code": "hook.off_failing", "params": {"days": 5}}
        )
    page = signed_in(company, client, "admin").get(company.url("/tokens/")).content.decode()
    assert "nothing has arrived for 5 days" in page


def test_a_member_and_another_company_have_no_way_to_a_webhook(
    company: Company, make_company: object, client: Client
) -> None:
    from tieline.store import public_ids
    from tieline.store.services import hooks

    other = make_company()  # type: ignore[operator]
    made, _ = hooks.make(other.workspace.pk, None, "Theirs", TYPED["url"], ["run.finished"])
    shown = public_ids.of("hook").show(made.id)
    assert signed_in(company, client, "member").post(company.url("/tokens/hooks/make/"), TYPED).status_code == 403
    reader = signed_in(company, client, "admin")
    assert reader.get(company.url(f"/tokens/hooks/{shown}/")).status_code == 404
    reader.post(company.url(f"/tokens/hooks/{shown}/end/"))
    assert [one.title for one in hooks.listed(other.workspace.pk)] == ["Theirs"]
