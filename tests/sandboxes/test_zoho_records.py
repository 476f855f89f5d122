"""Zoho's records: what is checked before a write, and results that are judged per item."""

from typing import Any

import pytest

from tests.sandboxes.conftest import Zoho

PAST = "2026-01-05T10:00:00+01:00"


@pytest.mark.parametrize(
    ("module", "values", "code", "details"),
    [
        (
            "Leads",
            {"Company": "A"},
            "MANDATORY_NOT_FOUND",
            {"api_name": "Last_Name", "json_path": "$.data[0].Last_Name"},
        ),
        ("Leads", {"Last_Name": "A", "Lead_Status": "Unheard of"}, "INVALID_DATA", {"api_name": "Lead_Status"}),
        ("Leads", {"Last_Name": "A" * 81}, "INVALID_DATA", {"api_name": "Last_Name", "maximum_length": 80}),
        ("Leads", {"Last_Name": 5}, "INVALID_DATA", {"api_name": "Last_Name", "expected_data_type": "text"}),
        (
            "Leads",
            {"Last_Name": "A", "Email": "no address"},
            "INVALID_DATA",
            {"api_name": "Email", "expected_data_type": "email"},
        ),
        ("Leads", {"Last_Name": "A", "No_of_Employees": "5"}, "INVALID_DATA", {"api_name": "No_of_Employees"}),
        ("Leads", {"Last_Name": "A", "Layout": {"id": "1"}}, "INVALID_DATA", {"api_name": "Layout"}),
        ("Leads", {"Last_Name": "A", "Owner": {"id": "1"}}, "INVALID_DATA", {"json_path": "$.data[0].Owner.id"}),
        (
            "Contacts",
            {"Last_Name": "A", "Account_Name": {"id": "1"}},
            "INVALID_DATA",
            {"json_path": "$.data[0].Account_Name.id"},
        ),
        ("Contacts", {"Last_Name": "A", "Date_of_Birth": "5.1.2000"}, "INVALID_DATA", {"expected_data_type": "date"}),
        ("Contacts", {"Last_Name": "A", "Email_Opt_Out": "yes"}, "INVALID_DATA", {"expected_data_type": "boolean"}),
        (
            "Deals",
            {"Deal_Name": "A", "Stage": "Closed Won", "Pipeline": "Other"},
            "INVALID_DATA",
            {"api_name": "Pipeline"},
        ),
        ("Deals", {"Deal_Name": "A"}, "MANDATORY_NOT_FOUND", {"api_name": "Stage"}),
        ("Tasks", {"Subject": "A", "What_Id": "1"}, "DEPENDENT_FIELD_MISSING", {"api_name": "$se_module"}),
        ("Tasks", {"Subject": "A", "Who_Id": "1"}, "INVALID_DATA", {"json_path": "$.data[0].Who_Id.id"}),
        ("Calls", {"Call_Type": "Inbound"}, "MANDATORY_NOT_FOUND", {"api_name": "Call_Start_Time"}),
        (
            "Calls",
            {"Call_Type": "Inbound", "Call_Start_Time": PAST},
            "MANDATORY_NOT_FOUND",
            {"api_name": "Call_Duration"},
        ),
        (
            "Calls",
            {"Call_Type": "Inbound", "Call_Start_Time": "2026-01-05"},
            "INVALID_DATA",
            {"expected_data_type": "datetime"},
        ),
        (
            "Calls",
            {"Call_Type": "Lost", "Call_Start_Time": PAST},
            "INVALID_DATA",
            {"supported_values": ["Inbound", "Outbound", "Missed"]},
        ),
        (
            "Calls",
            {"Call_Type": "Inbound", "Call_Start_Time": PAST, "Call_Duration": "65 s"},
            "INVALID_DATA",
            {"api_name": "Call_Duration"},
        ),
    ],
)
async def test_an_item_that_is_wrong(
    zoho: Zoho, module: str, values: dict[str, Any], code: str, details: dict[str, Any]
) -> None:
    status, body = await zoho("POST", f"/{module}", {"data": [values]})
    assert status == 400
    (item,) = body["data"]
    found = item["details"]["errors"] if item["code"] == "MULTIPLE_OR_MULTI_ERRORS" else [item]
    assert any(one["code"] == code and details.items() <= one["details"].items() for one in found), item


async def test_several_faults_of_one_item_come_together(zoho: Zoho) -> None:
    _, body = await zoho("POST", "/Leads", {"data": [{"Email": "x", "Lead_Status": "y"}]})
    (item,) = body["data"]
    assert item["code"] == "MULTIPLE_OR_MULTI_ERRORS"
    assert {one["details"]["api_name"] for one in item["details"]["errors"]} == {"Email", "Lead_Status", "Last_Name"}


async def test_results_stand_in_the_order_of_the_items(zoho: Zoho) -> None:
    status, body = await zoho("POST", "/Leads", {"data": [{"Last_Name": "A"}, {}, {"Last_Name": "C"}]})
    assert status == 207
    assert [item["status"] for item in body["data"]] == ["success", "error", "success"]
    assert body["data"][1]["details"]["json_path"] == "$.data[1].Last_Name"
    good = body["data"][0]
    assert (good["code"], good["message"]) == ("SUCCESS", "record added")
    assert len(good["details"]["id"]) == 19


@pytest.mark.parametrize(("count", "status"), [(100, 201), (101, 400), (0, 400)])
async def test_at_most_100_in_a_write(zoho: Zoho, count: int, status: int) -> None:
    answered, body = await zoho("POST", "/Leads", {"data": [{"Last_Name": str(number)} for number in range(count)]})
    assert answered == status
    if status == 400:
        assert body["code"] == "INVALID_DATA", "a whole-request error is a bare object"


async def test_names_that_the_module_lacks_are_ignored_without_a_word(zoho: Zoho) -> None:
    (lead,) = await zoho.add("Leads", {"Last_Name": "A", "Nonsense": "x", "Full_Name": "read only"})
    shown = (await zoho("GET", f"/Leads/{lead}"))[1]["data"][0]
    assert "Nonsense" not in shown
    assert shown["Full_Name"] == "A"
    assert (await zoho.control("GET", "counts"))["ignored_fields"] == {"Leads.Full_Name": 1, "Leads.Nonsense": 1}


async def test_phones_are_kept_as_given(zoho: Zoho) -> None:
    odd = "00 33 (0)1-98.76"
    (lead,) = await zoho.add("Leads", {"Last_Name": "A", "Phone": odd})
    assert (await zoho("GET", f"/Leads/{lead}"))[1]["data"][0]["Phone"] == odd


async def test_a_unique_custom_field_holds_one_record(zoho: Zoho) -> None:
    field = {"field_label": "Tieline Key", "data_type": "text", "length": 64, "unique": {"case_sensitive": False}}
    status, body = await zoho("POST", "/settings/fields?module=Leads", {"fields": [field]})
    assert (status, body["fields"][0]["status"]) == (201, "success")
    listed = (await zoho("GET", "/settings/fields?module=Leads"))[1]["fields"]
    (made,) = [one for one in listed if one["api_name"] == "Tieline_Key"]
    assert (made["custom_field"], made["unique"], made["length"]) == (True, {"case_sensitive": False}, 64)
    status, body = await zoho(
        "POST",
        "/Leads",
        {"data": [{"Last_Name": name, "Tieline_Key": key} for name, key in (("A", "k1"), ("B", "K1"))]},
    )
    first, second = body["data"]
    assert status == 207
    assert second["code"] == "DUPLICATE_DATA"
    assert second["details"]["id"] == second["details"]["duplicate_record"]["id"] == first["details"]["id"]
    assert second["details"]["api_name"] == "Tieline_Key"
    (other,) = await zoho.add("Leads", {"Last_Name": "C", "Tieline_Key": "k2"})
    assert (await zoho("PUT", f"/Leads/{other}", {"data": [{"Tieline_Key": "k1"}]}))[1]["data"][0][
        "code"
    ] == "DUPLICATE_DATA"
    assert (await zoho("PUT", f"/Leads/{other}", {"data": [{"Tieline_Key": "k2", "Phone": "1"}]}))[0] == 200, (
        "its own value is no duplicate"
    )
    await zoho("DELETE", f"/Leads?ids={first['details']['id']}")
    await zoho.add("Leads", {"Last_Name": "D", "Tieline_Key": "k1"})


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ({"data_type": "text"}, "MANDATORY_NOT_FOUND"),
        ({"field_label": "X"}, "MANDATORY_NOT_FOUND"),
        ({"field_label": "X" * 26, "data_type": "text"}, "INVALID_DATA"),
        ({"field_label": "X", "data_type": "poem"}, "INVALID_DATA"),
        ({"field_label": "X", "data_type": "picklist"}, "MANDATORY_NOT_FOUND"),
        ({"field_label": "X", "data_type": "boolean", "unique": {"case_sensitive": True}}, "NOT_SUPPORTED"),
        ({"field_label": "last name", "data_type": "text"}, "DUPLICATE_DATA"),
    ],
)
async def test_a_field_that_cannot_be(zoho: Zoho, field: dict[str, Any], code: str) -> None:
    status, body = await zoho("POST", "/settings/fields?module=Leads", {"fields": [field]})
    assert (status, body["fields"][0]["code"]) == (400, code)


async def test_what_a_layout_requires(zoho: Zoho) -> None:
    made = await zoho.control("POST", "layouts", {"module": "Leads", "name": "Fair", "required": ["Company"]})
    assert (await zoho("POST", "/Leads", {"data": [{"Last_Name": "A"}]}))[0] == 201, (
        "the first layout requires nothing more"
    )
    _, body = await zoho("POST", "/Leads", {"data": [{"Last_Name": "A", "Layout": {"id": made["id"]}}]})
    assert (body["data"][0]["code"], body["data"][0]["details"]["api_name"]) == ("MANDATORY_NOT_FOUND", "Company")
    layouts = (await zoho("GET", "/settings/layouts?module=Leads"))[1]["layouts"]
    required = {field["api_name"] for field in layouts[1]["sections"][0]["fields"] if field["required"]}
    assert required == {"Last_Name", "Company"}


async def test_stage_belongs_to_pipeline_belongs_to_layout(zoho: Zoho) -> None:
    made = await zoho.control(
        "POST",
        "layouts",
        {
            "module": "Deals",
            "name": "Renewals",
            "pipelines": [
                {"name": "Renewal", "stages": [{"name": "Due"}, {"name": "Kept", "forecast_type": "Closed Won"}]}
            ],
        },
    )
    layout = {"id": made["id"]}
    listed = (await zoho("GET", f"/settings/pipeline?layout_id={made['id']}"))[1]["pipeline"]
    assert [(stage["actual_value"], stage["forecast_type"]) for stage in listed[0]["maps"]] == [
        ("Due", "Open"),
        ("Kept", "Closed Won"),
    ]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Stage": "Due", "Pipeline": "Renewal", "Layout": layout}, "SUCCESS"),
        ({"Stage": "Due", "Layout": layout}, "SUCCESS"),
        ({"Stage": "Qualification", "Pipeline": "Renewal", "Layout": layout}, "DEPENDENT_MISMATCH"),
        ({"Stage": "Due", "Pipeline": "Renewal"}, "INVALID_DATA"),
        ({"Stage": "Due"}, "INVALID_DATA"),
        ({"Stage": "Qualification"}, "SUCCESS"),
    ]
    _, body = await zoho("POST", "/Deals", {"data": [{"Deal_Name": "D", **values} for values, _ in cases]})
    assert [item["code"] for item in body["data"]] == [code for _, code in cases]
    assert (await zoho("GET", f"/Deals/{body['data'][1]['details']['id']}"))[1]["data"][0]["Pipeline"] == "Renewal"


async def test_update_one_and_many(zoho: Zoho) -> None:
    one, two = await zoho.add("Leads", {"Last_Name": "A", "Phone": "1"}, {"Last_Name": "B", "Phone": "2"})
    status, body = await zoho(
        "PUT", "/Leads", {"data": [{"id": one, "Phone": None}, {"id": two, "Last_Name": None}, {"Phone": "3"}]}
    )
    assert status == 207
    assert [item["code"] for item in body["data"]] == ["SUCCESS", "INVALID_DATA", "MANDATORY_NOT_FOUND"]
    shown = (await zoho("GET", f"/Leads/{one}"))[1]["data"][0]
    assert (shown["Phone"], shown["Last_Name"]) == (None, "A")
    assert (await zoho("PUT", "/Leads/5843210000009999999", {"data": [{"Phone": "1"}]}))[0] == 400
    assert (await zoho("PUT", f"/Leads/{one}", {"data": [{"Phone": "1"}, {"Phone": "2"}]}))[0] == 400


async def test_upsert_finds_by_named_fields_then_by_the_systems(zoho: Zoho) -> None:
    (known,) = await zoho.add("Accounts", {"Account_Name": "Ålund", "Phone": "1"})
    asked = {"data": [{"Account_Name": "ålund", "Phone": "2"}, {"Account_Name": "New"}]}
    status, body = await zoho("POST", "/Accounts/upsert", asked)
    assert status == 200
    assert [(item["action"], item["duplicate_field"]) for item in body["data"]] == [
        ("update", "Account_Name"),
        ("insert", None),
    ]
    assert body["data"][0]["details"]["id"] == known
    _, body = await zoho(
        "POST",
        "/Accounts/upsert",
        {"data": [{"Account_Name": "Else", "Phone": "2"}], "duplicate_check_fields": ["Phone"]},
    )
    assert (body["data"][0]["details"]["id"], body["data"][0]["duplicate_field"]) == (known, "Phone")
    assert (await zoho("POST", "/Accounts/upsert", {"data": [{}], "duplicate_check_fields": ["Nonsense"]}))[0] == 400


async def test_unmodified_since_only_where_it_is_switched_on(zoho: Zoho) -> None:
    (lead,) = await zoho.add("Leads", {"Last_Name": "A"})
    header = {"If-Unmodified-Since": PAST}
    assert (await zoho("PUT", f"/Leads/{lead}", {"data": [{"Phone": "1"}]}, headers=header))[0] == 200
    await zoho.control("POST", "behaviour", {"honour_if_unmodified_since": True})
    status, body = await zoho("PUT", f"/Leads/{lead}", {"data": [{"Phone": "2"}]}, headers=header)
    assert (status, body["data"][0]["code"]) == (412, "ALREADY_MODIFIED")
