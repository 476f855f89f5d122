"""Whatever is sent, the sandbox answers as Zoho would: with a documented status and JSON, never with a failure of its own."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from tieline.connectors.zoho_crm.sandbox import ZohoCrm
from tieline.sdk.sandbox import Request

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=12)
    | st.sampled_from(["2026-01-05T10:00:00+01:00", "2026-01-05", "Inbound", "Leads", "5843210000001000000", "@{1:$.data[0].details.id}", "1:05"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "module", "api_name", "x"]), inner, max_size=3),
    max_leaves=4,
)  # fmt: skip
NAMES = {
    "Leads": [
        "id",
        "Last_Name",
        "Email",
        "Phone",
        "Lead_Status",
        "No_of_Employees",
        "Owner",
        "Layout",
        "Annual_Revenue",
    ],
    "Deals": ["Deal_Name", "Stage", "Pipeline", "Account_Name", "Closing_Date", "Amount"],
    "Calls": [
        "Call_Type",
        "Call_Start_Time",
        "Call_Duration",
        "Who_Id",
        "What_Id",
        "$se_module",
        "CTI_Entry",
        "Outgoing_Call_Status",
    ],
    "Notes": ["Note_Title", "Note_Content", "Parent_Id"],
}
modules = st.sampled_from(sorted(NAMES))
writes = modules.flatmap(
    lambda module: st.tuples(
        st.just(module), st.lists(st.dictionaries(st.sampled_from(NAMES[module]), values, max_size=5), max_size=3)
    )
)
ROW = "5843210000001000000"


def sandbox() -> tuple[ZohoCrm, dict[str, str]]:
    made = ZohoCrm()
    reply = made.control("token", Request("POST", "/"))
    assert reply is not None
    made.store({"Leads": [{"Last_Name": "A"}]})
    return made, {"authorization": f"Zoho-oauthtoken {orjson.loads(reply.body)['access_token']}"}


def ask(method: str, path: str, body: Any, query: str = "") -> int:
    zoho, headers = sandbox()
    reply = zoho.answer(
        Request(method, f"/api/crm/v8{path}", query, headers, body if isinstance(body, bytes) else orjson.dumps(body))
    )
    assert reply.status in (200, 201, 204, 207, 302, 400, 404, 413), reply.body
    if reply.body:
        orjson.loads(reply.body)
    return reply.status


@given(writes, st.sampled_from(["POST", "PUT"]), st.sampled_from(["", "/upsert", f"/{ROW}"]), values)
def test_writes(write: tuple[str, list[dict[str, Any]]], method: str, below: str, checks: Any) -> None:
    module, items = write
    ask(method, f"/{module}{below}", {"data": items, "duplicate_check_fields": checks})


@given(st.sampled_from(["/Leads", "/coql", "/__composite_requests", f"/Leads/{ROW}/Notes", f"/Leads/{ROW}/actions/convert", f"/Leads/{ROW}/actions/change_owner",
                        "/Leads/actions/change_owner", "/settings/fields"]),
       st.dictionaries(st.sampled_from(["data", "fields", "select_query", "owner", "ids", "__composite_requests", "related_modules"]), values) | values,
       st.binary(max_size=30))  # fmt: skip
def test_bodies(path: str, body: Any, raw: bytes) -> None:
    ask("POST", path, body, "module=Leads")
    ask("POST", path, raw, "module=Leads")


@given(st.lists(st.fixed_dictionaries({"method": st.sampled_from(["GET", "POST", "PUT", "DELETE"]), "uri": st.sampled_from(
    ["/crm/v8/Leads", f"/crm/v8/Leads/{ROW}", "/crm/v8/Leads?per_page=x", "/crm/v8/x", "/crm/v8/"])}, optional={"body": values, "params": values, "headers": values}),
    max_size=5), st.booleans())  # fmt: skip
def test_composites(subs: list[dict[str, Any]], whole: bool) -> None:
    ask("POST", "/__composite_requests", {"__composite_requests": subs, "rollback_on_fail": whole})


@given(st.text(max_size=40) | st.text("()'= andorinlike%,.0123456789", max_size=40))
def test_queries(text: str) -> None:
    ask("POST", "/coql", {"select_query": f"select id from Leads where {text}"})


@given(st.sampled_from(["criteria", "phone", "word", "fields", "page", "per_page", "page_token", "sort_by", "ids", "type"]), st.text("()ab:,%&é\\in", max_size=20),
       st.sampled_from(["/Leads", "/Leads/search", "/Leads/deleted", "/users"]))  # fmt: skip
def test_query_strings(name: str, text: str, path: str) -> None:
    ask("GET", path, b"", f"fields=Phone&{name}={text}")
