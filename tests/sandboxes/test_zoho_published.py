"""The sandbox's answers, and the requests that tests send it, against Zoho's published OpenAPI files (skipped without them)."""

from typing import Any

import aiohttp
import pytest

from tests.sandboxes.conftest import Zoho
from tests.sandboxes.openapi import EXCEPTIONS, Published, exception, published

ABSENT = "5843210000009999999"
PAST = "2026-01-05T10:00:00+01:00"
FUTURE = "2099-01-05T10:00:00+01:00"


class Checker:
    """Sends, and collects what the published description has against the answers."""

    def __init__(self, zoho: Zoho, description: Published) -> None:
        self.zoho, self.description = zoho, description
        self.problems: list[str] = []
        self.excused: set[tuple[str, str, str, str]] = set()
        self.seen: set[tuple[str, str, int]] = set()

    async def __call__(
        self, status: int, method: str, path: str, value: Any = None, *, well_formed: bool = True, **more: Any
    ) -> Any:
        answered, body = await self.zoho(method, path, value, **more)
        assert answered == status, (method, path, body)
        if value is not None and well_formed:
            self.problems += [
                f"request {method} {path}: {one}" for one in self.description.request(method, f"/crm/v8{path}", value)
            ]
        operation = self.description.find(method, f"/crm/v8{path}")
        self.seen.add((method, operation.template, answered))
        for problem in self.description.answer(method, f"/crm/v8{path}", answered, body, use_exceptions=False):
            if exception(method, operation.template, answered, problem) is None:
                self.problems.append(f"answer {answered} {method} {path}: {problem[:400]}")
            else:
                self.excused |= {
                    rule[:4] for rule in EXCEPTIONS if exception_is(rule, method, operation.template, answered, problem)
                }
        return body


def exception_is(rule: tuple[str, str, str, str, str], method: str, template: str, status: int, problem: str) -> bool:
    """Whether it is this rule that excuses the problem."""
    return (
        rule[4] == exception(method, template, status, problem) and rule[0] in ("*", method) and rule[2] == str(status)
    )


@pytest.fixture
def check(zoho: Zoho) -> Checker:
    return Checker(zoho, published())


@pytest.mark.proves("HUB-10")
async def test_every_answer_is_as_published(check: Checker) -> None:
    await _settings(check)
    await _records(check)
    await _reading(check)
    await _queries(check)
    await _related(check)
    await _limits(check)
    assert check.problems == []
    assert len(check.seen) > 50
    described = {rule[:4] for rule in EXCEPTIONS}
    assert described - check.excused == set(), "an exception that nothing needs any more"


async def _settings(check: Checker) -> None:
    for module in ("Leads", "Contacts", "Accounts", "Deals", "Tasks", "Calls"):
        fields = (await check(200, "GET", f"/settings/fields?module={module}"))["fields"]
        await check(200, "GET", f"/settings/fields/{fields[0]['id']}?module={module}")
        await check(200, "GET", f"/settings/layouts?module={module}")
    layout = (await check(200, "GET", "/settings/layouts?module=Deals"))["layouts"][0]["id"]
    await check(200, "GET", f"/settings/layouts/{layout}?module=Deals")
    await check(204, "GET", f"/settings/layouts/{ABSENT}?module=Deals")
    pipeline = (await check(200, "GET", f"/settings/pipeline?layout_id={layout}"))["pipeline"][0]["id"]
    await check(200, "GET", f"/settings/pipeline/{pipeline}?layout_id={layout}")
    await check(204, "GET", f"/settings/pipeline/{ABSENT}?layout_id={layout}")
    await check(400, "GET", "/settings/pipeline?layout_id=1")
    await check(400, "GET", "/settings/pipeline")
    await check(400, "GET", "/settings/fields?module=Nonsense")
    await check(400, "GET", "/settings/layouts?module=Nonsense")
    await check(200, "GET", "/settings/modules")
    await check(200, "GET", "/settings/modules/Leads")
    await check(200, "GET", "/org")
    users = (await check(200, "GET", "/users?type=AllUsers&page=1&per_page=4"))["users"]
    await check(200, "GET", f"/users/{users[1]['id']}")
    await check(204, "GET", "/users?type=DeletedUsers")
    await check(304, "GET", "/users", headers={"If-Modified-Since": FUTURE})
    key = {"field_label": "Tieline Key", "data_type": "text", "length": 64, "unique": {"case_sensitive": False}}
    made = await check(201, "POST", "/settings/fields?module=Leads", {"fields": [key]})
    assert made["fields"][0]["details"]["id"]
    await check(400, "POST", "/settings/fields?module=Leads", {"fields": [key]})


async def _records(check: Checker) -> None:
    one, two = {"Last_Name": "Berg", "Tieline_Key": "k1"}, {"Last_Name": "Sand"}
    made = await check(201, "POST", "/Leads", {"data": [one, two], "trigger": ["workflow"]})
    lead = made["data"][0]["details"]["id"]
    await check(400, "POST", "/Leads", {"data": [one]})
    await check(400, "POST", "/Leads", {"data": [{}]})
    await check(400, "POST", "/Leads", {"data": [{"Email": "x", "Lead_Status": "y"}]})
    await check(207, "POST", "/Leads", {"data": [one, two]})
    await check(200, "PUT", "/Leads", {"data": [{"id": lead, "Phone": "1"}]})
    await check(207, "PUT", "/Leads", {"data": [{"id": lead, "Phone": "1"}, {"id": ABSENT}]})
    await check(400, "PUT", "/Leads", {"data": [{"id": ABSENT}]})
    await check(200, "PUT", f"/Leads/{lead}", {"data": [{"Phone": "2"}]})
    await check(400, "PUT", f"/Leads/{ABSENT}", {"data": [{"Phone": "2"}]})
    await check(200, "POST", "/Leads/upsert", {"data": [one], "duplicate_check_fields": ["Tieline_Key"]})
    await check(207, "POST", "/Leads/upsert", {"data": [one, {}]})
    await check(400, "POST", "/Leads/upsert", {"data": [{}]})
    await check.zoho.control("POST", "behaviour", {"honour_if_unmodified_since": True})
    await check(412, "PUT", f"/Leads/{lead}", {"data": [{"Phone": "3"}]}, headers={"If-Unmodified-Since": PAST})
    calls = {
        "Call_Type": "Inbound",
        "Call_Start_Time": PAST,
        "Call_Duration": "1:05",
        "What_Id": {"id": lead},
        "$se_module": "Leads",
    }
    await check(201, "POST", "/Calls", {"data": [calls]})
    await check(
        201, "POST", "/Tasks", {"data": [{"Subject": "Call back", "What_Id": {"id": lead}, "$se_module": "Leads"}]}
    )
    gone = made["data"][1]["details"]["id"]
    await check(207, "DELETE", f"/Leads?ids={gone},{ABSENT}")
    await check(400, "DELETE", f"/Leads?ids={ABSENT}")
    await check(400, "DELETE", f"/Leads/{ABSENT}")
    await check(200, "DELETE", f"/Leads/{(await check.zoho.add('Leads', two))[0]}")


async def _reading(check: Checker) -> None:
    (lead,) = await check.zoho.add("Leads", {"Last_Name": "Reading", "Phone": "7"})
    await check(200, "GET", f"/Leads/{lead}")
    await check(204, "GET", f"/Leads/{ABSENT}")
    await check(200, "GET", "/Leads?fields=Last_Name,Owner,Phone")
    await check(200, "GET", "/Leads?fields=Last_Name&per_page=1")
    await check(204, "GET", "/Products?fields=Product_Name")
    await check(400, "GET", "/Leads")
    await check(304, "GET", "/Leads?fields=Last_Name", headers={"If-Modified-Since": FUTURE})
    await check(200, "GET", "/Leads/deleted?type=all")
    await check(204, "GET", "/Accounts/deleted?type=all")
    await check(200, "GET", "/Leads/search?phone=7")
    await check(204, "GET", "/Leads/search?phone=nothing")
    await check(400, "GET", "/Leads/search")
    await check(400, "GET", "/Leads/search?phone=1&page=11")
    await check(400, "GET", "/Leads/search?criteria=((")
    await check(404, "GET", "/Leads/nothing")


async def _queries(check: Checker) -> None:
    async def ask(status: int, query: str) -> None:
        await check(status, "POST", "/coql", {"select_query": query})

    await ask(200, "select id, Last_Name, Owner from Leads where id is not null")
    await ask(204, "select id from Leads where Last_Name = 'nobody'")
    for query in (
        "select Nonsense from Leads where id is not null",
        "select id from Nonsense where id is not null",
        "select id from Leads",
        "select id from Leads where Phone = '1' and Phone = '2' and Phone = '3'",
        "select id from Leads where id is not null limit 3000",
        "select id from Leads where id in (" + ",".join(["1"] * 101) + ")",
        "select id from Leads where Created_Time > 'yesterday'",
        "select id from Leads where Description = 'x'",
        "select id, id from Leads where id is not null",
    ):
        await ask(400, query)
    parent = {
        "sub_request_id": "1",
        "method": "POST",
        "uri": "/crm/v8/Accounts",
        "body": {"data": [{"Account_Name": "Acme"}]},
    }
    linked = {"Last_Name": "Berg", "Account_Name": {"id": "@{1:$.data[0].details.id}"}}
    child = {"sub_request_id": "2", "method": "POST", "uri": "/crm/v8/Contacts", "body": {"data": [linked]}}
    wrong = {"sub_request_id": "3", "method": "POST", "uri": "/crm/v8/Contacts", "body": {"data": [{}]}}
    elsewhere = {"method": "GET", "uri": "/crm/v8/coql"}
    await check(
        200, "POST", "/__composite_requests", {"rollback_on_fail": True, "__composite_requests": [parent, child]}
    )
    await check(207, "POST", "/__composite_requests", {"__composite_requests": [parent, wrong]})
    await check(
        400, "POST", "/__composite_requests", {"rollback_on_fail": True, "__composite_requests": [parent, wrong, child]}
    )
    await check(400, "POST", "/__composite_requests", {"__composite_requests": [elsewhere]})
    await check(400, "POST", "/__composite_requests", {"__composite_requests": [parent] * 6}, well_formed=False)


async def _related(check: Checker) -> None:
    users = await check.zoho.user_ids()
    lead, plain = await check.zoho.add("Leads", {"Last_Name": "Related", "Company": "Acme"}, {"Last_Name": "Plain"})
    note = {"Note_Title": "T", "Note_Content": "x"}
    parent = {"module": {"api_name": "Leads"}, "id": lead}
    await check(201, "POST", "/Notes", {"data": [{**note, "Parent_Id": parent}]})
    await check(
        207,
        "POST",
        "/Notes",
        {"data": [{**note, "Parent_Id": parent}, {**note, "Parent_Id": {**parent, "id": ABSENT}}]},
    )
    await check(201, "POST", f"/Leads/{lead}/Notes", {"data": [note]})
    await check(200, "GET", f"/Leads/{lead}/Notes?fields=Note_Title,Note_Content")
    await check(204, "GET", f"/Leads/{plain}/Notes?fields=Note_Title")
    await check(200, "GET", "/Notes?fields=Note_Title")
    form = aiohttp.FormData()
    form.add_field("file", b"abc", filename="a.mp3", content_type="audio/mpeg")
    await check(200, "POST", f"/Leads/{lead}/Attachments", data=form)
    await check(
        200,
        "POST",
        f"/Leads/{lead}/Attachments",
        data=aiohttp.FormData({"attachmentUrl": "https://sip.example/r.mp3", "title": "R"}),
    )
    await check(
        400,
        "POST",
        f"/Leads/{ABSENT}/Attachments",
        data=aiohttp.FormData({"attachmentUrl": "https://sip.example/r.mp3"}),
    )
    await check(200, "GET", f"/Leads/{lead}/Attachments?fields=id,File_Name")
    await check(400, "GET", f"/Leads/{lead}/Attachments")
    await check(200, "POST", f"/Leads/{lead}/actions/change_owner", {"owner": {"id": users[1]}, "notify": False})
    await check(400, "POST", f"/Leads/{lead}/actions/change_owner", {"owner": {"id": users[5]}, "notify": False})
    await check(200, "POST", "/Leads/actions/change_owner", {"ids": [lead], "owner": {"id": users[2]}})
    await check(207, "POST", "/Leads/actions/change_owner", {"ids": [lead, ABSENT], "owner": {"id": users[2]}})
    deal = {"Deal_Name": "D", "Pipeline": "Standard", "Stage": "Qualification", "Closing_Date": "2026-12-01"}
    await check(
        400, "POST", f"/Leads/{plain}/actions/convert", {"data": [{"Deals": {"Deal_Name": "D"}}]}, well_formed=False
    )
    await check(200, "POST", f"/Leads/{lead}/actions/convert", {"data": [{"overwrite": False, "Deals": deal}]})
    await check(200, "POST", f"/Leads/{plain}/actions/convert", {"data": [{"overwrite": False}]})
    await check(400, "POST", f"/Leads/{lead}/actions/convert", {"data": [{"overwrite": False}]})


async def _limits(check: Checker) -> None:
    await check.zoho.control("POST", "behaviour", {"credits": 1})
    await check(429, "GET", "/Leads?fields=Last_Name")
    await check.zoho.control("POST", "behaviour", {"credits": 1000})
    await check.zoho.control("POST", "token/expire")
    await check(401, "GET", "/Leads?fields=Last_Name")


def test_the_description_finds_faults() -> None:
    description = published()
    assert description.request("POST", "/crm/v8/Leads", {"data": "x"})
    assert description.request("POST", "/crm/v8/coql", {"select": "x"})
    assert description.answer("POST", "/crm/v8/Leads", 201, {"data": [{"code": "FINE"}]})
    assert description.answer("GET", "/crm/v8/users", 418, {}) == ["GET /users: status 418 is not described"]
    with pytest.raises(LookupError):
        description.find("PATCH", "/crm/v8/nowhere/at/all/here")


def test_the_most_literal_template_wins() -> None:
    description = published()
    found = [description.find(method, path).template for method, path in (
        ("POST", "/crm/v8/Leads/upsert"), ("GET", "/zoho_crm/api/crm/v8/Leads/5843"), ("GET", "/crm/v8/Leads/deleted"), ("POST", "/crm/v8/Notes"),
        ("GET", "/crm/v8/Leads/5843/Attachments?fields=id"))]  # fmt: skip
    assert found == [
        "/{module}/upsert",
        "/{module}/{recordID}",
        "/{module}/deleted",
        "/Notes",
        "/{moduleApiName}/{recordId}/Attachments",
    ]
