"""Answers as Zoho's documentation shows them (fixtures/answers.json)."""

import json
from typing import Any

import orjson
from aiohttp import ClientSession, web

from tests.sdk.vendor import Vendor
from tieline.connectors.zoho_crm.answers import outcomes
from tieline.connectors.zoho_crm.api import Api
from tieline.connectors.zoho_crm.schema import pipelines_of
from tieline.sdk.auth import Consent
from tieline.sdk.connect import oauth2
from tieline.sdk.contract import Rejected, Written
from tieline.sdk.http import Client, Response
from tieline.sdk.manifest import connector

ANSWERS: dict[str, Any] = json.loads(connector("zoho_crm").text("fixtures/answers.json"))


def answer(name: str, status: int) -> Response:
    return Response(status, {}, orjson.dumps(ANSWERS[name]), is_read=False)


def test_writes() -> None:
    assert outcomes(answer("inserted", 201), 1) == [Written("559", "2026-11-21T09:00:00+00:00")]
    assert outcomes(answer("duplicate", 400), 1) == [Written("557", existed=True)]
    assert (
        outcomes(answer("whole_request", 400), 2)
        == [Rejected("INVALID_DATA", "data", "expected_data_type: jsonarray")] * 2
    )


async def test_stages(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(lambda _request: web.json_response(ANSWERS["pipeline"]))
    stages = (("Qualification", "Qualification", "open"), ("Closed Won", "Won", "won"))
    assert await pipelines_of(Api(Client(session, {"api": vendor.url})), "1") == (("Standard", "Standard", stages),)


async def test_a_token_of_another_data_centre(vendor: Vendor, session: ClientSession) -> None:
    """The manifest knows the host that came with the token, wherever the consent began."""
    vendor.in_turn(lambda _request: web.json_response(ANSWERS["token"]))
    consent = oauth2(connector("zoho_crm"), session, {"client_id": "c", "client_secret": "s"}, base_url=vendor.url)
    grant = await consent.exchange(Consent("code"), "https://hub.example/back", ["ZohoCRM.org.READ"])
    assert grant.place == {"api_domain": "https://www.zohoapis.eu"}
    place = connector("zoho_crm").place("us", grant.place)
    assert connector("zoho_crm").base_urls(place) == {"api": "https://www.zohoapis.eu"}
