"""Pages of connections: what can be connected, forms from manifests, health, what an admin may and a member may not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from tests.store.playing import Playing, playing
from tests.web.conftest import Company
from tieline.sdk.manifest import connectors

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.usefixtures("web")

SignIn = Callable[[Any], Client]


@pytest.fixture(scope="module")
def sandboxes(web: Installation) -> Iterator[Playing]:
    with playing() as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


def text_of(answer: Any) -> str:
    """What a page says, without its marks."""
    html = re.sub(r"(?s)<(script|style|svg)\b.*?</\1>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def sipsim(company: Company, sandboxes: Playing, **typed: str) -> Any:
    from tieline.store.services import connections

    return connections.connect(company.workspace.pk, company.users["admin"], "sipsim", typed, environment="sandbox")


def address(company: Company, row: Any, page: str = "") -> str:
    from tieline.web.connections.shown import shown_id

    return company.url(f"/connections/{shown_id(row)}/{page}")


def test_every_card_says_what_it_can_and_where_that_was_checked(company: Company, signed_in: SignIn) -> None:
    said = text_of(signed_in(company.users["admin"]).get(company.url("/connections/")))
    for title in ("SipSim", "Tryton", "Zoho CRM"):
        assert title in said
    assert "checked against a sandbox only" in said
    assert "checked against the vendor’s own server" in said
    assert f"Nothing is connected yet, {len(connectors())} systems are ready." in said


@pytest.mark.parametrize(
    ("query", "there", "absent"),
    [
        ("q=recordings+phone", "SipSim", "Tryton"),
        ("category=crm", "Zoho CRM", "SipSim"),
        ("q=xyzzy", "No connector fits", "Tryton"),
    ],
)
def test_the_marketplace_is_searched_and_sorted_by_kind(
    company: Company, signed_in: SignIn, query: str, there: str, absent: str
) -> None:
    said = text_of(signed_in(company.users["member"]).get(company.url(f"/connections/?{query}")))
    assert there in said
    assert absent not in said


def test_a_form_is_built_from_the_manifest_and_says_where_it_is_wrong(
    company: Company, signed_in: SignIn, sandboxes: Playing
) -> None:
    from tieline.store.services import connections

    browser = signed_in(company.users["admin"])
    page = company.url("/connections/new/sipsim/")
    assert "Signing secret" in text_of(browser.get(page))
    answer = browser.post(page, {"environment": "sandbox", "token": "wrong"})
    assert answer.status_code == 200
    assert "SipSim refused these credentials. Nothing was kept." in text_of(answer)
    assert connections.listed(company.workspace.pk) == []
    answer = browser.post(page, {"environment": "sandbox", "token": "sandbox-token"}, follow=True)
    said = text_of(answer)
    assert "SipSim is connected." in said
    assert "Waiting for the first event" in said
    assert "Anna Lindqvist" in said
    answer = browser.post(company.url("/connections/new/tryton/"), {"url": "http://127.0.0.1:9"})
    assert answer.context["form"].errors.keys() == {"database", "key"}


def test_the_address_is_shown_to_who_may_change_and_to_nobody_else(
    company: Company, signed_in: SignIn, sandboxes: Playing
) -> None:
    row = sipsim(company, sandboxes, signing_secret="whsec_0123456789abcdef")
    page = signed_in(company.users["admin"]).get(address(company, row)).content.decode()
    assert page.count("/in/") == 9
    assert "?event=incoming_call_end" in page
    assert "…cdef" in page
    assert "whsec_0123456789" not in page
    member = signed_in(company.users["member"]).get(address(company, row)).content.decode()
    assert "/in/" not in member
    assert "cdef" not in member
    assert "/disconnect/" not in member


@pytest.mark.proves("HUB-2")
def test_what_is_done_to_a_connection_is_said(company: Company, signed_in: SignIn, sandboxes: Playing) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.services import connections

    row = sipsim(company, sandboxes)
    browser = signed_in(company.users["admin"])

    def do(page: str, **typed: str) -> str:
        return text_of(browser.post(address(company, row, page), typed, follow=True))

    assert "SipSim is paused. Events are kept." in do("pause/")
    assert "SipSim goes on." in do("resume/")
    assert "Looked again." in do("refresh/")
    assert "It is called Front desk now." in do("rename/", title="Front desk")
    assert "2 lines are kept." in do("lines/", lines="01 86 76 54 32, Claire\n102, Reception")
    assert "“?!” is not a phone number." in do("lines/", lines="?!")
    assert "The signing secret is replaced." in do("secret/", secret="whsec_1")
    assert "so the secret stays as it was" in do("secret/", secret="")
    assert "The signing secret is gone." in do("secret/", remove="1")
    with workspace_tx(company.workspace.pk):
        before = connections.intake_url(row)
    assert "There is a new address." in do("address/")
    with workspace_tx(company.workspace.pk):
        assert connections.intake_url(row) != before
    said = text_of(browser.get(address(company, row, "disconnect/")))
    assert "Calls hears nothing from Front desk any more." in said
    assert "is disconnected. Its secrets are deleted." in do("disconnect/")
    assert connections.listed(company.workspace.pk) == []
    assert "Disconnected." in text_of(browser.get(address(company, row)))
    assert "Connect it anew." in do("resume/")
    assert browser.get(address(company, row, "reconnect/"))["Location"] == company.url("/connections/new/sipsim/")


@pytest.mark.proves("HUB-2")
def test_errors_stand_grouped_with_their_next_step(company: Company, signed_in: SignIn, sandboxes: Playing) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import RefusedDelivery

    row = sipsim(company, sandboxes)
    with workspace_tx(company.workspace.pk):
        for _ in range(3):
            RefusedDelivery.objects.create(
                workspace=company.workspace, connection=row, status=401, method="POST",
                reason={"code": "intake.signature_wrong"}, at=datetime.now(UTC),
            )  # fmt: skip
    browser = signed_in(company.users["member"])
    said = text_of(browser.get(address(company, row)))
    assert "Events refused" in said
    assert "The signature of an event is wrong. 3" in said
    assert "Copy the signing secret from SipSim once more" in said
    assert "An event was refused" in text_of(browser.get(address(company, row, "event/")))
    assert "Fix" in text_of(browser.get(company.url("/connections/")))


@pytest.mark.proves("HUB-13")
def test_registering_at_a_vendor_is_guided_and_kept_for_the_workspace(company: Company, signed_in: SignIn) -> None:
    from tieline.sdk.manifest import connector
    from tieline.store.services import oauth_clients

    browser = signed_in(company.users["super_admin"])
    page = company.url("/connections/new/zoho_crm/")
    assert "This installation is not registered at Zoho CRM yet." in text_of(browser.get(page))
    guide = browser.get(company.url("/connections/client/zoho_crm/")).content.decode()
    assert 'value="http://127.0.0.1:8000/connections/consent/"' in guide
    assert "TIELINE_ZOHO_CRM_CLIENT_ID" in guide
    assert "https://accounts.zoho.eu" in guide
    browser.post(company.url("/connections/client/zoho_crm/"), {"client_id": "1000.OURS", "client_secret": "ours"})
    found = oauth_clients.client_for(company.workspace.pk, connector("zoho_crm"))
    assert found is not None
    assert found.whose == "workspace"
    answer = browser.post(page, {"data_centre": "eu", "prepare": "on"})
    assert answer["Location"].startswith("https://accounts.zoho.eu/oauth/v2/auth?")
    assert "client_id=1000.OURS" in answer["Location"]
    assert "https://accounts.zoho.eu" in answer["Content-Security-Policy"]
    browser.post(company.url("/connections/client/zoho_crm/forget/"))
    assert oauth_clients.client_for(company.workspace.pk, connector("zoho_crm")) is None


@pytest.mark.proves("CALL-3")
def test_the_page_before_consent_lists_each_right_with_its_rule(
    company: Company, signed_in: SignIn, sandboxes: Playing
) -> None:
    from tieline.store.services import consent

    answer = signed_in(company.users["admin"]).get(company.url("/connections/new/zoho_crm/"))
    said = text_of(answer)
    for scope in consent.wanted(company.workspace.pk, "zoho_crm"):
        assert scope in said
    assert "create leads" in said
    assert "Any connection" in said
    assert "Sandbox: a practice copy" in said
    assert sandboxes.url in answer["Content-Security-Policy"]


def test_a_return_without_a_consent_says_that_nothing_was_made(company: Company, signed_in: SignIn) -> None:
    browser = signed_in(company.users["admin"])
    assert browser.get(company.url("/connections/consent/")).status_code == 404
    answer = browser.get(company.url("/connections/consent/?state=made-up&code=x"))
    assert answer.status_code == 400
    assert "No connection was made." in text_of(answer)


def test_a_connection_of_another_workspace_is_not_there(
    make_company: Callable[[], Company], signed_in: SignIn, sandboxes: Playing
) -> None:
    mine, theirs = make_company(), make_company()
    row = sipsim(theirs, sandboxes)
    browser = signed_in(mine.users["super_admin"])
    for page in ("", "pulse/", "event/", "reconnect/", "disconnect/"):
        assert browser.get(address(mine, row, page)).status_code == 404
    for page in ("pause/", "resume/", "refresh/", "disconnect/", "secret/", "address/", "lines/", "rename/"):
        assert browser.post(address(mine, row, page)).status_code == 404


def test_every_code_has_a_sentence_and_every_manifest_text_is_marked() -> None:
    from tieline.sdk import manifest
    from tieline.store.services import declined, offers
    from tieline.web.connections import words
    from tieline.web.connections.manifest_texts import TEXTS

    assert set(words.DECLINED) == set(declined.CODES)
    for code, params in declined.CODES.items():
        assert set(re.findall(r"%\((\w+)\)s", str(words.DECLINED[code]))) <= params, code
    assert set(words._ABILITIES) == set(offers.ABILITIES)
    told = {
        text
        for one in manifest.connectors().values()
        for field in one.auth.fields
        for text in (field.label, field.help)
    }
    assert told - {""} - set(TEXTS) == set()


@pytest.mark.proves("HUB-10")
def test_who_chooses_a_connector_reads_what_its_tests_hold(
    company: Company, signed_in: Callable[[Any], Client]
) -> None:
    from tieline.sdk.conformance.quality import RULES
    from tieline.web.connections.quality import RULES as SAID

    assert SAID.keys() == RULES.keys()
    page = text_of(signed_in(company.users["admin"]).get(company.url("/connections/new/sipsim/")))
    assert "Its tests hold 10 promises (2 do not apply)" in page
    assert "An event that is not genuine is refused" in page
    assert "SipSim publishes no machine-readable description" in page
