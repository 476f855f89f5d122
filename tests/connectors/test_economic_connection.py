"""The connection to e-conomic: who we are there, what is missing, its budget, and the webhook."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from tests.connectors.economic import CUSTOMERS, Books, keeping
from tieline.connectors.e_conomic.answers import errors_of, refusal
from tieline.connectors.e_conomic.hooks import HEADER, SECRET
from tieline.connectors.e_conomic.sandbox.answers import answer
from tieline.connectors.e_conomic.tests import FIELDS
from tieline.core.errors import AuthError, ConfigError, ProtocolError, RateLimitedError, ScopeError
from tieline.sdk.connect import open_client
from tieline.sdk.contract import Changed, Changes, Gone, Records, Rejected, Request, Subscription, Unknown
from tieline.sdk.http import Response, open_session
from tieline.sdk.manifest import connector

URL = "https://hub.example/in/key"


@pytest.fixture
async def books() -> AsyncIterator[Books]:
    async with keeping() as found:
        yield found


def said(status: int, body: Any) -> Response:
    return Response(status, {}, orjson.dumps(body), is_read=False)


# -- who we are, and what is missing ----------------------------------------------------------------------------------


async def test_both_tokens_say_who_we_are(books: Books) -> None:
    identity = await books.connector.check()
    assert (identity.account_id, identity.name, identity.scopes) == ("1234567", "Sandkassen ApS", {"SuperUser"})
    assert isinstance(books.connector, Records)
    assert isinstance(books.connector, Changes)
    side: Any = books.subject.side
    assert {request.headers["x-agreementgranttoken"] for _, request, _ in side.log} == {FIELDS["agreement_grant_token"]}


def test_two_hosts_or_one_base_url() -> None:
    manifest = connector("e_conomic")
    assert manifest.base_urls({}) == {"rest": "https://restapi.e-conomic.com", "apis": "https://apis.e-conomic.com"}
    assert set(manifest.base_urls({"base_url": "http://127.0.0.1:1/x/"}).values()) == {"http://127.0.0.1:1/x"}


@pytest.mark.proves("CUST-7")
async def test_a_module_that_is_not_active_is_named(books: Books) -> None:
    books.sandbox.missing_modules = ["API", "Webhooks"]
    for asked in (
        books.connector.check,
        lambda: books.connector.fetch(CUSTOMERS, ["1"], []),
        lambda: books.push(books.create("x")),
    ):
        with pytest.raises(ConfigError) as missing:
            await asked()
        assert missing.value.code == "error.module_missing"
        assert missing.value.params["module"] == "API, Webhooks"


async def test_a_role_that_is_lacking_is_named(books: Books) -> None:
    books.sandbox.roles = ["Sales"]
    await books.connector.check()
    with pytest.raises(ScopeError) as lacking:
        await books.connector.subscribe(URL, "word")
    assert lacking.value.params["scope"] == "SuperUser"
    books.sandbox.revoked = True
    with pytest.raises(AuthError):
        await books.connector.check()


async def test_a_token_that_can_be_none_is_not_sent(books: Books) -> None:
    async with open_session() as session:
        for fields in ({}, {**FIELDS, "app_secret_token": "a\r\nX: b"}, {**FIELDS, "agreement_grant_token": "é"}):
            client = open_client(connector("e_conomic"), session, fields, base_url=books.subject.base)
            with pytest.raises(ConfigError) as refused:
                await type(books.connector)(client).check()
            assert refused.value.params["setting"] in ("X-AppSecretToken", "X-AgreementGrantToken")
            assert client.requests == 0


# -- the budget -------------------------------------------------------------------------------------------------------


class Pauses:
    def __init__(self) -> None:
        self.told: list[float] = []

    def take(self, _cost: float, _priority: int) -> float:
        return 0

    def pause(self, seconds: float) -> None:
        self.told.append(seconds)


@pytest.mark.proves("HUB-6")
async def test_a_bucket_that_others_empty_slows_us_down_before_it_is_empty(books: Books) -> None:
    pauses = Pauses()
    assert books.subject.client is not None
    books.subject.client.budget = pauses
    await books.connector.fetch(CUSTOMERS, ["1"], [])
    assert pauses.told == []
    books.sandbox.limit, books.sandbox._used = 1000, 970.0
    await books.connector.fetch(CUSTOMERS, ["1"], [])
    assert len(pauses.told) == 1
    assert 4 < pauses.told[0] < 5  # what fills up again to nine tenths
    books.sandbox._used = 999.0
    with pytest.raises(RateLimitedError):
        await books.connector.fetch(CUSTOMERS, ["1"], [])


# -- errors -----------------------------------------------------------------------------------------------------------


def test_three_shapes_of_errors_and_problem_json() -> None:
    strings = {"message": "no", "errors": ["Filtering is not allowed on property 'x'."]}
    by_property = {
        "errorCode": "E04300",
        "errors": {
            "customerGroup.customerGroupNumber": {"errors": [{"errorCode": "E07140", "propertyName": "customerGroup"}]},
            "lines": {"errors": [], "items": [{"arrayIndex": 0, "product": {"errors": [{"errorCode": "E04300"}]}}]},
        },
    }
    by_index = {"errors": [{"arrayIndex": 1, "ean": {"errors": [{"errorCode": "E04300", "propertyName": "ean"}]}}]}
    problem = {
        "errorCode": "ValidationFailed",
        "errors": [{"errorCode": "CustomerInvalidEmail", "property": "Email", "message": "x"}],
    }
    assert list(errors_of(strings)) == []
    assert list(errors_of(by_property)) == [("E07140", "customerGroup"), ("E04300", "product")]
    assert list(errors_of(by_index)) == [("E04300", "ean")]
    assert list(errors_of(problem)) == [("CustomerInvalidEmail", "email")]
    assert refusal(said(400, by_property)) == Rejected("E07140", "customerGroup", "product: E04300")
    assert refusal(said(400, strings)) == Rejected("HTTP 400", None, "")
    assert refusal(said(404, {"message": "no", "errorCode": "E06000"})) == Gone()
    assert refusal(said(400, {"errors": [{"errorCode": "CustomerBarredPaymentTerm"}]})) == Rejected(
        "CustomerBarredPaymentTerm", "paymentTerms", ""
    )
    assert isinstance(refusal(Response(400, {}, b"<html>", is_read=False)), Unknown)


async def test_an_answer_in_another_shape_is_said_to_be_one(books: Books) -> None:
    """Rows without their number, a page without rows, a time that is none: an error of ours, never an empty answer."""
    for spoilt in ({"collection": [{}], "items": [{}]}, {"collection": 5, "items": 5}, {}, []):
        books.sandbox.answer = lambda _request, body=spoilt: answer(200, body)  # type: ignore[misc, assignment]
        for asked in (
            lambda: books.pages(CUSTOMERS), lambda: books.pages("contacts"), lambda: books.connector.fetch("contacts", ["1"], []), books.connector.users,
            lambda: books.push(books.update("1", city="x")), books.connector.check, lambda: books.connector.describe([]),
        ):  # fmt: skip
            with pytest.raises(ProtocolError):
                await asked()
    odd = {"collection": [{"customerNumber": 1, "lastUpdated": "yesterday"}]}
    books.sandbox.answer = lambda _request: answer(200, odd)  # type: ignore[misc, assignment]
    with pytest.raises(ProtocolError):
        await books.pages(CUSTOMERS, '{"t":1}')
    undated = {"collection": [{"customerNumber": number} for number in range(1, 1001)]}
    books.sandbox.answer = lambda _request: answer(200, undated)  # type: ignore[misc, assignment]
    with pytest.raises(ProtocolError):
        await books.pages(CUSTOMERS, '{"t":1}')


# -- the webhook ------------------------------------------------------------------------------------------------------


def delivered(body: str = "", query: str = "", **headers: str) -> Request:
    return Request(
        "POST", query, {name.lower().replace("_", "-"): value for name, value in headers.items()}, body.encode()
    )


@pytest.mark.parametrize(
    ("request_", "change"),
    [
        (delivered("old=12&new=12"), Changed(CUSTOMERS, "12", "changed")),
        (delivered("old=&new=12"), Changed(CUSTOMERS, "12", "changed")),
        (delivered("old=0&new=12"), Changed(CUSTOMERS, "12", "changed")),
        (delivered("old=12&new="), Changed(CUSTOMERS, "12", "deleted")),
        (delivered("old=12&new=0"), Changed(CUSTOMERS, "12", "deleted")),
        (delivered("old=12&new=13"), Changed(CUSTOMERS, "12", "renumbered", "13")),
        (delivered("12&13"), Changed(CUSTOMERS, "12", "renumbered", "13")),
        (delivered("&13"), Changed(CUSTOMERS, "13", "changed")),
        (delivered("12&"), Changed(CUSTOMERS, "12", "deleted")),
        (delivered('{"old": 12, "new": "12"}'), Changed(CUSTOMERS, "12", "changed")),
        (delivered(query="OLD=12&NEW=12"), Changed(CUSTOMERS, "12", "changed")),
        (delivered("old=&new="), None),
    ],
)
def test_what_a_delivery_says(books: Any, request_: Request, change: Changed | None) -> None:
    from tieline.connectors.e_conomic import hooks

    assert hooks.changed(request_) == ([change] if change else [])
    assert hooks.arrive(request_, {}, 1.0).signature == "absent"


@pytest.mark.parametrize(
    "body",
    [
        "old=12",
        "new=12",
        "old=a&new=b",
        "old=12&new=1234567890",
        "[OLDNUMBER]&[NEWNUMBER]",
        "old=-1&new=1",
        "[1,2]",
        "12",
    ],
)
def test_what_no_delivery_says(body: str) -> None:
    from tieline.connectors.e_conomic import hooks

    with pytest.raises(ProtocolError):
        hooks.arrive(delivered(body), {}, 1.0)


def test_a_secret_may_stand_in_header_body_or_address() -> None:
    from tieline.connectors.e_conomic import hooks

    secrets = {SECRET: "word"}
    good = (
        delivered("old=1&new=1", X_Tieline_Secret="word"),
        delivered("old=1&new=1&secret=word"),
        delivered("old=1&new=1", "secret=word"),
        delivered('{"old": "1", "new": "1", "secret": "word"}'),
    )
    assert [hooks.arrive(one, secrets, 1.0).signature for one in good] == ["token"] * 4
    bad = (
        delivered("old=1&new=1"),
        delivered("old=1&new=1", X_Tieline_Secret="other"),
        delivered("old=1&new=1&secret="),
    )
    assert [hooks.arrive(one, secrets, 1.0).signature for one in bad] == ["failed"] * 3
    assert "word" not in hooks.arrive(good[1], secrets, 1.0).event_key


@pytest.mark.proves("CUST-4")
async def test_the_webhook_is_made_put_right_and_taken_away(books: Books) -> None:
    await books.connector.subscribe(URL, "word")
    hook = books.sandbox.hooks.by_api["CUSTOMER_UPDATED"].values
    assert hook["customHeaders"] == [{"key": HEADER, "value": "word"}]
    books.forget()
    await books.connector.subscribe(URL, "word")
    assert books.asked() == ["GET /webhooksapi/v1.0.0/webhooks/CUSTOMER_UPDATED"]
    await books.connector.subscribe(URL, "another")
    assert books.sandbox.hooks.by_api["CUSTOMER_UPDATED"].values["customHeaders"][0]["value"] == "another"
    books.sandbox._mode({"disabled": True})
    assert await books.connector.subscription() == Subscription(URL, active=False)
    await books.connector.subscribe(URL, "another")
    assert await books.connector.subscription() == Subscription(URL, active=True)
    await books.connector.unsubscribe()
    assert await books.connector.subscription() is None


async def test_a_webhook_whose_answer_was_lost_is_made_once(books: Books) -> None:
    from tieline.core.errors import UnknownOutcomeError

    books.subject.fault(kind="drop", method="POST", path="webhooks", when="after")
    with pytest.raises(UnknownOutcomeError):
        await books.connector.subscribe(URL, "word")
    books.subject.calm()
    await books.connector.subscribe(URL, "word")
    assert await books.connector.subscription() == Subscription(URL, active=True)


async def test_a_place_that_somebody_else_has_taken_is_said(books: Books) -> None:
    """Another app's webhook cannot be seen, and there is room for one."""
    books.subject.fault(kind="status", status=400, method="POST", path="webhooks")
    with pytest.raises(ConfigError) as taken:
        await books.connector.subscribe(URL, "word")
    assert taken.value.params["setting"] == "webhook"


@pytest.mark.proves("CUST-4")
async def test_what_the_sandbox_delivers_is_understood(books: Books) -> None:
    """Set up by us, sent by it: made, changed, renumbered, deleted, and twice."""
    await books.connector.subscribe(URL, "word")
    books.sandbox.hooks.held = True
    id = await books.made("Nordbyg")
    await books.push(books.update(id, city="Vejle"))
    books.act("renumber", **{"from": id, "to": 900})
    books.act("edit", number=900, values={"city": "Kolding"})
    books.act("delete", number=900)
    found = []
    for _, method, url, headers, body in books.sandbox.hooks.waiting:
        request = Request(method, "", {name.lower(): value for name, value in headers.items()}, body, url)
        assert books.connector.arrive(request, {SECRET: "word"}, 1.0).signature == "token"
        found += books.connector.changed(request)
    assert found == [
        Changed(CUSTOMERS, id, "changed"), Changed(CUSTOMERS, id, "changed"), Changed(CUSTOMERS, id, "renumbered", "900"),
        Changed(CUSTOMERS, "900", "changed"), Changed(CUSTOMERS, "900", "deleted"),
    ]  # fmt: skip
    books.sandbox.hooks.waiting.clear()
