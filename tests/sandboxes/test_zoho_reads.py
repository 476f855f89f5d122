"""Zoho's reading side: lists and their limits, page tokens, search, deleted records, users, addresses that lead nowhere."""

import pytest

from tests.sandboxes.conftest import Zoho

PAST = "2026-01-05T10:00:00+01:00"
FUTURE = "2099-01-05T10:00:00+01:00"


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 400, "REQUIRED_PARAM_MISSING"),
        ("fields=" + ",".join(f"F{number}" for number in range(51)), 400, "LIMIT_EXCEEDED"),
        ("fields=Phone&per_page=201", 400, "INVALID_DATA"),
        ("fields=Phone&sort_by=Phone", 400, "INVALID_DATA"),
        ("fields=Phone&page=11", 400, "DISCRETE_PAGINATION_LIMIT_EXCEEDED"),
        ("fields=Phone&page=1&page_token=x", 400, "AMBIGUITY_DURING_PROCESSING"),
        ("fields=Phone&cvid=1&sort_by=id", 400, "AMBIGUITY_DURING_PROCESSING"),
        ("fields=Phone&page_token=x", 400, "INVALID_DATA"),
        ("fields=Phone", 204, None),
    ],
)
async def test_list_parameters(zoho: Zoho, query: str, status: int, code: str | None) -> None:
    answered, body = await zoho("GET", f"/Leads?{query}")
    assert answered == status
    assert (body or {}).get("code") == code


async def test_pages_reach_everything_by_token(zoho: Zoho) -> None:
    names = [f"L{number:04}" for number in range(450)]
    for at in range(0, 450, 90):
        await zoho.add("Leads", *({"Last_Name": name} for name in names[at : at + 90]))
    status, body = await zoho("GET", "/Leads?fields=Last_Name&sort_by=Created_Time&sort_order=asc")
    seen = [one["Last_Name"] for one in body["data"]]
    assert (status, body["info"]["count"], body["info"]["more_records"]) == (200, 200, True)
    await zoho.add("Leads", {"Last_Name": "later"})
    while body["info"]["more_records"]:
        token = body["info"]["next_page_token"]
        _, body = await zoho("GET", f"/Leads?fields=Last_Name&sort_by=Created_Time&sort_order=asc&page_token={token}")
        seen += [one["Last_Name"] for one in body["data"]]
    assert seen == [*names, "later"]
    _, two = await zoho("GET", "/Leads?fields=Last_Name&page=2&per_page=3")
    assert [one["Last_Name"] for one in two["data"]] == ["L0447", "L0446", "L0445"]


@pytest.mark.parametrize(
    ("change", "advance", "code"),
    [("fields=Phone", 0, "TOKEN_BOUND_DATA_MISMATCH"), ("fields=Last_Name&sort_by=Created_Time", 0, "TOKEN_BOUND_DATA_MISMATCH"), ("fields=Last_Name", 90000, "EXPIRED_VALUE")],
)  # fmt: skip
async def test_a_page_token_is_bound_and_ages(zoho: Zoho, change: str, advance: int, code: str) -> None:
    await zoho.control("POST", "behaviour", {"token_life": 100000})
    await zoho.sign_in()
    await zoho.add("Leads", {"Last_Name": "A"}, {"Last_Name": "B"})
    token = (await zoho("GET", "/Leads?fields=Last_Name&per_page=1"))[1]["info"]["next_page_token"]
    await zoho.control("POST", "clock", {"advance": advance})
    status, body = await zoho("GET", f"/Leads?{change}&per_page=1&page_token={token}")
    assert (status, body["code"]) == (400, code)


async def test_modified_since_304_and_deleted(zoho: Zoho) -> None:
    (lead,) = await zoho.add("Leads", {"Last_Name": "A"})
    listed, gone = "/Leads?fields=Last_Name", "/Leads/deleted?type=all"
    assert (await zoho("GET", listed, headers={"If-Modified-Since": PAST}))[0] == 200
    assert (await zoho("GET", listed, headers={"If-Modified-Since": FUTURE})) == (304, None)
    assert (await zoho("GET", listed, headers={"If-Modified-Since": "Mon, 05 Jan 2026 09:00:00 GMT"}))[0] == 400
    assert (await zoho("GET", gone)) == (204, None)
    assert (await zoho("DELETE", f"/Leads/{lead}"))[1]["data"][0]["message"] == "record deleted"
    status, body = await zoho("GET", gone)
    assert (status, body["data"][0]["id"], body["data"][0]["display_name"]) == (200, lead, "A")
    assert (await zoho("GET", f"/Leads/{lead}")) == (204, None)
    await zoho.control("POST", "behaviour", {"unknown_id": 400})
    assert (await zoho("GET", f"/Leads/{lead}"))[1]["code"] == "INVALID_DATA"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("phone=0612", ["A"]),
        ("email=B@x.example", ["B"]),
        ("word=erg", ["A"]),
        ("criteria=(Last_Name:equals:A)", ["A"]),
        ("criteria=((Last_Name:equals:A)or(Last_Name:equals:B))", ["B", "A"]),
        ("criteria=((Last_Name:starts_with:C)and(Company:in:Acme%5C%2C Inc,Other))", ["C"]),
        ("criteria=(Company:equals:Acme%5C%2C Inc)", ["C"]),
        ("criteria=(No_of_Employees:between:5,9)", ["B"]),
        ("criteria=(No_of_Employees:greater_equal:10)", ["C"]),
        ("criteria=(Created_Time:greater_than:2020-01-01T00:00:00%2B01:00)&converted=true", []),
        ("phone=nothing", []),
    ],
)
async def test_search(zoho: Zoho, query: str, found: list[str]) -> None:
    await zoho.add(
        "Leads",
        {"Last_Name": "A", "Mobile": "0612", "Company": "Bergwerk"},
        {"Last_Name": "B", "Secondary_Email": "b@X.example", "No_of_Employees": 7},
        {"Last_Name": "C", "Company": "Acme, Inc", "No_of_Employees": 12},
    )
    status, body = await zoho("GET", f"/Leads/search?fields=Last_Name&{query}")
    assert [one["Last_Name"] for one in (body or {"data": []})["data"]] == found
    assert status == (200 if found else 204)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "EXPECTED_PARAM_MISSING"),
        ("phone=1&word=ab", "EXPECTED_PARAM_MISSING"),
        ("word=a", "INVALID_QUERY"),
        ("criteria=(Nonsense:equals:A)", "INVALID_QUERY"),
        ("criteria=(Last_Name:is:A)", "INVALID_QUERY"),
        ("criteria=((Last_Name:equals:A)", "INVALID_QUERY"),
        ("criteria=(" + "and".join(["(Last_Name:equals:A)"] * 16) + ")", "CRITERIA_LIMIT_EXCEEDED"),
        ("phone=1&page=11", "LIMIT_REACHED"),
    ],
)
async def test_search_errors(zoho: Zoho, query: str, code: str) -> None:
    status, body = await zoho("GET", f"/Leads/search?{query}")
    assert (status, body["code"]) == (400, code)


@pytest.mark.proves("HUB-10")
async def test_a_fresh_record_is_missing_from_search_for_the_lag(zoho: Zoho) -> None:
    await zoho.control("POST", "index_lag", {"s": 30})
    (lead,) = await zoho.add("Leads", {"Last_Name": "A", "Phone": "1"})
    query = "select id from Leads where Phone = '1'"
    assert (await zoho("GET", f"/Leads/{lead}"))[0] == 200
    assert (await zoho("GET", "/Leads/search?phone=1"))[0] == (await zoho.coql(query))[0] == 204
    await zoho.control("POST", "clock", {"advance": 31})
    assert (await zoho("GET", "/Leads/search?phone=1"))[0] == (await zoho.coql(query))[0] == 200


async def test_users_by_kind_and_page(zoho: Zoho) -> None:
    count = {}
    for kind in ("AllUsers", "ActiveUsers", "DeactiveUsers", "AdminUsers", "CurrentUser"):
        count[kind] = len((await zoho("GET", f"/users?type={kind}"))[1]["users"])
    assert count == {"AllUsers": 6, "ActiveUsers": 5, "DeactiveUsers": 1, "AdminUsers": 1, "CurrentUser": 1}
    assert (await zoho("GET", "/users?type=DeletedUsers")) == (204, None)
    _, body = await zoho("GET", "/users?per_page=4&page=2")
    assert (len(body["users"]), body["info"]["more_records"]) == (2, False)
    users = await zoho.user_ids()
    since = {"If-Modified-Since": "2026-02-01T00:00:00+01:00"}
    assert (await zoho("GET", "/users", headers=since)) == (304, None)
    await zoho.control("POST", "users", {"id": users[0], "status": "inactive"})
    assert len((await zoho("GET", "/users", headers=since))[1]["users"]) == 1


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/Nonsense?fields=id", 400, "INVALID_MODULE"),
        ("/Leads/x/y", 404, "INVALID_URL_PATTERN"),
        ("/settings/fields?module=Nonsense", 400, "INVALID_MODULE"),
        ("/settings/fields", 400, "REQUIRED_PARAM_MISSING"),
        ("/settings/pipeline", 400, "REQUIRED_PARAM_MISSING"),
        ("/settings/pipeline?layout_id=1", 400, "INVALID_DATA"),
        ("/settings/nonsense", 404, "INVALID_URL_PATTERN"),
    ],
)
async def test_paths_that_lead_nowhere(zoho: Zoho, path: str, status: int, code: str) -> None:
    answered, body = await zoho("GET", path)
    assert (answered, body["code"], body["status"]) == (status, code, "error")
