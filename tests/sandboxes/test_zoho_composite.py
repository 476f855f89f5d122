"""Composite requests and the limits: references, roll-back, what is refused whole; credits and calls at once."""

import asyncio
from typing import Any

import pytest

from tests.sandboxes.conftest import Zoho

ACCOUNT = {"method": "POST", "uri": "/crm/v8/Accounts", "body": {"data": [{"Account_Name": "Acme"}]}}
CONTACT = {
    "method": "POST",
    "uri": "/crm/v8/Contacts",
    "body": {"data": [{"Last_Name": "Berg", "Account_Name": {"id": "@{1:$.data[0].details.id}"}}]},
}
WRONG = {"method": "POST", "uri": "/crm/v8/Contacts", "body": {"data": [{"First_Name": "Berg"}]}}


async def composite(zoho: Zoho, *subs: dict[str, Any], **flags: Any) -> tuple[int, list[dict[str, Any]]]:
    named = [{"sub_request_id": str(number), **sub} for number, sub in enumerate(subs, 1)]
    status, body = await zoho("POST", "/__composite_requests", {**flags, "__composite_requests": named})
    return status, body.get("__composite_requests", [body])


async def test_a_child_refers_to_its_parent(zoho: Zoho) -> None:
    status, items = await composite(zoho, ACCOUNT, CONTACT)
    assert (status, [item["code"] for item in items]) == (200, ["SUCCESS", "SUCCESS"])
    answers = [item["details"]["response"] for item in items]
    assert [answer["status_code"] for answer in answers] == [201, 201]
    (contact,) = await zoho.control("GET", "records?module=Contacts")
    assert contact["Account_Name"] == {"name": "Acme", "id": answers[0]["body"]["data"][0]["details"]["id"]}
    assert (await zoho.control("GET", "counts"))["credits"] == 1


async def test_a_reference_inside_an_address(zoho: Zoho) -> None:
    call = {"method": "PUT", "uri": "/crm/v8/Accounts/@{1:$.data[0].details.id}", "body": {"data": [{"Phone": "1"}]}}
    assert (await composite(zoho, ACCOUNT, call))[0] == 200
    assert (await zoho.control("GET", "records?module=Accounts"))[0]["Phone"] == "1"


async def test_mixed_without_roll_back(zoho: Zoho) -> None:
    status, items = await composite(zoho, ACCOUNT, WRONG, CONTACT)
    assert (status, [item["status"] for item in items]) == (207, ["success", "error", "success"])
    assert items[1]["details"]["response"]["body"]["data"][0]["code"] == "MANDATORY_NOT_FOUND"
    assert (await zoho.control("GET", "counts"))["records"]["Contacts"] == 1


async def test_all_or_nothing(zoho: Zoho) -> None:
    (lead,) = await zoho.add("Leads", {"Last_Name": "A", "Phone": "1"})
    update = {"method": "PUT", "uri": f"/crm/v8/Leads/{lead}", "body": {"data": [{"Phone": "2"}]}}
    delete = {"method": "DELETE", "uri": f"/crm/v8/Leads/{lead}"}
    status, items = await composite(zoho, ACCOUNT, update, delete, WRONG, ACCOUNT, rollback_on_fail=True)
    assert status == 400
    assert [item["code"] for item in items] == [
        *["ROLLBACK_PERFORMED"] * 3,
        "MANDATORY_NOT_FOUND",
        "PROCESSING_STOPPED",
    ]
    assert items[0]["details"] == {"rollbacked_by_sub_request_index": 3}
    counts = await zoho.control("GET", "counts")
    assert counts["records"]["Accounts"] == 0
    assert counts["credits"] == 3, "one for the lead, two for a composite with a roll-back"
    assert (await zoho("GET", f"/Leads/{lead}"))[1]["data"][0]["Phone"] == "1"
    assert (await zoho.coql("select id from Leads where Phone = '1'"))[0] == 200
    assert (await zoho.coql("select id from Leads where Phone = '2'"))[0] == 204
    assert (await zoho("GET", "/Leads/deleted"))[0] == 204


async def test_all_failed(zoho: Zoho) -> None:
    assert (await composite(zoho, WRONG, WRONG))[0] == 400


async def test_a_reference_to_nothing(zoho: Zoho) -> None:
    status, items = await composite(zoho, WRONG, CONTACT)
    assert (status, items[1]["code"], items[1]["details"]["reference"]) == (
        400,
        "INVALID_REFERENCE",
        "@{1:$.data[0].details.id}",
    )


async def test_reads_are_cut_to_25(zoho: Zoho) -> None:
    await zoho.add("Leads", *({"Last_Name": str(number)} for number in range(30)))
    _, items = await composite(
        zoho,
        {"method": "GET", "uri": "/crm/v8/Leads?fields=Last_Name"},
        {"method": "GET", "uri": "/crm/v8/Leads", "params": {"fields": "Last_Name", "per_page": 26}},
        {
            "method": "GET",
            "uri": "/crm/v8/Leads/search",
            "params": {"criteria": "(Last_Name:equals:7)", "fields": "Last_Name"},
        },
    )
    assert len(items[0]["details"]["response"]["body"]["data"]) == 25
    assert items[1]["code"] == "INVALID_DATA"
    assert items[2]["details"]["response"]["body"]["data"][0]["Last_Name"] == "7"


@pytest.mark.parametrize(
    ("subs", "code"),
    [
        ([ACCOUNT] * 6, "INVALID_DATA"),
        ([], "INVALID_DATA"),
        ([{**ACCOUNT, "body": {"data": [{"Account_Name": "A"}, {"Account_Name": "B"}]}}], "INVALID_DATA"),
        ([{**ACCOUNT, "uri": "/crm/v2/Accounts"}], "NOT_SUPPORTED"),
        ([{**ACCOUNT, "uri": "https://elsewhere.example/crm/v8/Accounts"}], "INVALID_DATA"),
        ([{"method": "POST", "uri": "/crm/v8/coql", "body": {"select_query": "…"}}], "NOT_SUPPORTED"),
        ([{**ACCOUNT, "method": "PAINT"}], "INVALID_DATA"),
        ([{"uri": "/crm/v8/Accounts"}], "MANDATORY_NOT_FOUND"),
        ([{**ACCOUNT, "sub_request_id": "x"}, {**ACCOUNT, "sub_request_id": "x"}], "DUPLICATE_DATA"),
    ],
)
async def test_refused_whole(zoho: Zoho, subs: list[dict[str, Any]], code: str) -> None:
    status, items = await composite(zoho, *subs)
    assert (status, items[0]["code"]) == (400, code)
    assert (await zoho.control("GET", "counts"))["records"]["Accounts"] == 0


@pytest.mark.parametrize(("count", "cost"), [(1, 1), (10, 1), (11, 2), (100, 10)])
async def test_ten_records_a_credit(zoho: Zoho, count: int, cost: int) -> None:
    await zoho.add("Leads", *({"Last_Name": str(number)} for number in range(count)))
    assert (await zoho.control("GET", "counts"))["credits"] == cost


async def test_what_is_left_is_told_from_the_half_on_and_then_refused_without_retry_after(zoho: Zoho) -> None:
    await zoho.control("POST", "behaviour", {"credits": 4})
    seen = []
    for _ in range(6):
        status, body = await zoho("GET", "/org")
        seen.append((status, zoho.last.get("X-API-CREDITS-REMAINING")))
        assert "Retry-After" not in zoho.last
    assert seen == [(200, None), (200, "2"), (200, "1"), (200, "0"), (429, "0"), (429, "0")]
    assert (body["code"], body["details"]) == ("TOO_MANY_REQUESTS", {})
    await zoho.control("POST", "clock", {"advance": 86401})
    await zoho.sign_in()
    assert (await zoho("GET", "/org"))[0] == 200, "a day later"


async def test_too_many_at_once(zoho: Zoho) -> None:
    await zoho.control("POST", "behaviour", {"concurrency": 5, "sub_concurrency": 2})
    await zoho.control("POST", "latency", {"ms": 100})
    light = await asyncio.gather(*(zoho("GET", "/org") for _ in range(8)))
    assert sorted(status for status, _ in light) == [200] * 5 + [429] * 3
    heavy = await asyncio.gather(*(zoho.coql("select id from Leads where id is not null") for _ in range(4)))
    assert sorted(status for status, _ in heavy) == [204, 204, 429, 429]
    both = await asyncio.gather(composite(zoho, ACCOUNT), zoho("GET", "/org"))
    assert sorted(status for status, _ in both) == [200, 429], "a composite takes five places"
    assert (await zoho("GET", "/org"))[0] == 200
    assert (await zoho.control("GET", "counts"))["refused_for_limits"] == 6
