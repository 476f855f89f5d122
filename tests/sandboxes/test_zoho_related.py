"""What hangs on Zoho's records: calls and whom they are about, notes, attachments, owners, conversion."""

import io
from typing import Any

import aiohttp
import pytest

from tests.sandboxes.conftest import Zoho

PAST = "2026-01-05T10:00:00+01:00"
FUTURE = "2099-01-05T10:00:00+01:00"


async def test_calls_and_whom_they_are_about(zoho: Zoho) -> None:
    (lead,) = await zoho.add("Leads", {"Last_Name": "L"})
    (account,) = await zoho.add("Accounts", {"Account_Name": "A"})
    (contact,) = await zoho.add("Contacts", {"Last_Name": "C"})
    call = {"Call_Type": "Inbound", "Call_Start_Time": PAST, "Call_Duration": "2:05", "Subject": "S"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"Who_Id": {"id": contact}}, "SUCCESS"),
        ({"Who_Id": {"id": contact}, "What_Id": {"id": account}, "$se_module": "Accounts"}, "SUCCESS"),
        ({"What_Id": {"id": lead}, "$se_module": "Leads"}, "SUCCESS"),
        ({"Who_Id": {"id": lead}}, "INVALID_DATA"),
        ({"Who_Id": {"id": contact}, "What_Id": {"id": lead}, "$se_module": "Leads"}, "INVALID_DATA"),
        ({"What_Id": {"id": account}}, "DEPENDENT_FIELD_MISSING"),
        ({"What_Id": {"id": account}, "$se_module": "Deals"}, "INVALID_DATA"),
        ({"What_Id": {"id": contact}, "$se_module": "Contacts"}, "INVALID_DATA"),
        ({}, "SUCCESS"),
    ]
    _, body = await zoho("POST", "/Calls", {"data": [{**call, **values} for values, _ in cases]})
    assert [item["code"] for item in body["data"]] == [code for _, code in cases]
    shown = (await zoho("GET", f"/Calls/{body['data'][1]['details']['id']}"))[1]["data"][0]
    assert (shown["Who_Id"], shown["What_Id"], shown["$se_module"]) == (
        {"name": "C", "id": contact},
        {"name": "A", "id": account},
        "Accounts",
    )
    assert shown["Call_Duration_in_seconds"] == 125
    assert (await zoho("GET", f"/Leads/{lead}"))[1]["data"][0]["Last_Activity_Time"] is not None


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Call_Type": "Missed", "Call_Start_Time": PAST}, "SUCCESS"),
        ({"Call_Type": "Outbound", "Call_Start_Time": FUTURE}, "SUCCESS"),
        ({"Call_Type": "Outbound", "Call_Start_Time": PAST, "Outgoing_Call_Status": "Cancelled"}, "SUCCESS"),
        (
            {"Call_Type": "Outbound", "Call_Start_Time": PAST, "Outgoing_Call_Status": "Completed"},
            "MANDATORY_NOT_FOUND",
        ),
        ({"Call_Type": "Outbound", "Call_Start_Time": PAST, "Call_Duration": "0:00"}, "SUCCESS"),
    ],
)
async def test_a_completed_call_needs_its_duration(zoho: Zoho, values: dict[str, Any], code: str) -> None:
    assert (await zoho("POST", "/Calls", {"data": [values]}))[1]["data"][0]["code"] == code


async def test_a_completed_call_keeps_type_and_owner(zoho: Zoho) -> None:
    users = await zoho.user_ids()
    call, missed = await zoho.add(
        "Calls",
        {"Call_Type": "Inbound", "Call_Start_Time": PAST, "Call_Duration": "1:00"},
        {"Call_Type": "Missed", "Call_Start_Time": PAST},
    )
    for values in ({"Call_Type": "Missed"}, {"Owner": {"id": users[1]}}):
        assert (await zoho("PUT", f"/Calls/{call}", {"data": [values]}))[0] == 400
        assert (await zoho("PUT", f"/Calls/{missed}", {"data": [values]}))[0] == 200
    recording = {"Voice_Recording__s": "https://sip.example/r.mp3", "Call_Type": "Inbound"}
    assert (await zoho("PUT", f"/Calls/{call}", {"data": [recording]}))[0] == 200


async def test_notes_on_their_own_and_below_a_record(zoho: Zoho) -> None:
    (contact,) = await zoho.add("Contacts", {"Last_Name": "C"})
    parent = {"module": {"api_name": "Contacts"}, "id": contact}
    status, body = await zoho(
        "POST",
        "/Notes",
        {"data": [{"Note_Content": "one", "Parent_Id": parent}, {"Note_Content": "x", "Parent_Id": {"id": contact}}]},
    )
    assert (status, [item["status"] for item in body["data"]]) == (207, ["success", "error"])
    assert (
        await zoho(
            "POST", f"/Contacts/{contact}/Notes", {"data": [{"Note_Title": "T" * 120}, {"Note_Title": "T" * 121}]}
        )
    )[0] == 207
    status, body = await zoho("GET", f"/Contacts/{contact}/Notes?fields=Note_Title,Note_Content,Parent_Id")
    assert [note["Note_Content"] for note in body["data"]] == [None, "one"]
    assert body["data"][0]["Parent_Id"]["module"]["api_name"] == "Contacts"
    assert (await zoho("GET", f"/Contacts/{contact}/Notes"))[0] == 400
    assert (await zoho("POST", "/Contacts/5843210000009999999/Notes", {"data": [{"Note_Content": "x"}]}))[0] == 400


async def test_attachments_come_back_as_they_went_in(zoho: Zoho) -> None:
    (lead,) = await zoho.add("Leads", {"Last_Name": "A"})
    base = f"/Leads/{lead}/Attachments"
    assert (await zoho("GET", f"{base}?fields=id")) == (204, None)
    content = bytes(range(256)) * 8
    form = aiohttp.FormData()
    form.add_field("file", content, filename="call 1.mp3", content_type="audio/mpeg")
    status, body = await zoho("POST", base, data=form)
    assert (status, body["data"][0]["message"]) == (200, "attachment uploaded successfully")
    made = body["data"][0]["details"]["id"]
    assert (await zoho("GET", f"{base}/{made}")) == (200, content)
    link = aiohttp.FormData({"attachmentUrl": "https://sip.example/r.mp3", "title": "Recording"})
    assert (await zoho("POST", base, data=link))[0] == 200
    _, body = await zoho("GET", f"{base}?fields=id,File_Name")
    assert [(one["File_Name"], one["Size"], one["$link_url"]) for one in body["data"]] == [
        ("call 1.mp3", "2048", None),
        ("Recording", "0", "https://sip.example/r.mp3"),
    ]
    assert (await zoho("POST", base, data=aiohttp.FormData({"title": "x"})))[0] == 400
    assert (await zoho("DELETE", f"{base}/{made}"))[0] == 200
    assert (await zoho("GET", f"{base}/{made}"))[0] == 400


async def test_a_file_that_is_too_big(zoho: Zoho) -> None:
    (lead,) = await zoho.add("Leads", {"Last_Name": "A"})
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(bytes(20 * 1024 * 1024 + 1)), filename="big.wav")
    status, body = await zoho("POST", f"/Leads/{lead}/Attachments", data=form)
    assert (status, body["code"]) == (413, "FILE_SIZE_MORE_THAN_ALLOWED_SIZE")


async def test_change_owner(zoho: Zoho) -> None:
    users = await zoho.user_ids()
    inactive = next(user["id"] for user in (await zoho("GET", "/users?type=DeactiveUsers"))[1]["users"])
    (account,) = await zoho.add("Accounts", {"Account_Name": "A"})
    contact, other = await zoho.add("Contacts", {"Last_Name": "C", "Account_Name": {"id": account}}, {"Last_Name": "D"})
    asked = {"owner": {"id": users[1]}, "notify": False, "related_modules": [{"api_name": "Contacts"}]}
    assert (await zoho("POST", f"/Accounts/{account}/actions/change_owner", asked))[0] == 200
    owners = [(await zoho("GET", f"/Contacts/{one}"))[1]["data"][0]["Owner"]["id"] for one in (contact, other)]
    assert owners == [users[1], users[0]]
    assert (await zoho("POST", "/Contacts/actions/change_owner", {"ids": [contact, "1"], "owner": {"id": users[2]}}))[
        0
    ] == 207
    assert (await zoho("POST", f"/Accounts/{account}/actions/change_owner", {"owner": {"id": inactive}}))[0] == 400
    assert (await zoho("POST", f"/Accounts/{account}/actions/change_owner", {}))[1]["code"] == "MANDATORY_NOT_FOUND"


async def test_a_converted_lead_counts_as_its_contact(zoho: Zoho) -> None:
    lead, other = await zoho.add(
        "Leads", {"Last_Name": "Berg", "Company": "Acme", "Phone": "1"}, {"Last_Name": "Other"}
    )
    await zoho.add("Calls", {"Call_Type": "Missed", "Call_Start_Time": PAST, "What_Id": lead, "$se_module": "Leads"})
    deal = {"Deal_Name": "D", "Stage": "Qualification", "Pipeline": "Standard", "Closing_Date": "2026-12-01"}
    status, body = await zoho("POST", f"/Leads/{lead}/actions/convert", {"data": [{"Deals": deal}]})
    made = body["data"][0]["details"]
    assert (status, made["Accounts"]["name"], made["Deals"]["name"]) == (200, "Acme", "D")
    query = "select Last_Name, Converted__s, Converted_Contact from Leads where id is not null"
    rows = {row["Last_Name"]: row for row in (await zoho.coql(query))[1]["data"]}
    assert (rows["Berg"]["Converted__s"], rows["Berg"]["Converted_Contact"]) == (True, {"id": made["Contacts"]["id"]})
    assert rows["Other"]["Converted__s"] is False
    for converted, found in (("false", ["Other"]), ("true", ["Berg"]), ("both", ["Other", "Berg"])):
        _, body = await zoho("GET", f"/Leads?fields=Last_Name&converted={converted}")
        assert [one["Last_Name"] for one in body["data"]] == found
    call = (await zoho.control("GET", "records?module=Calls"))[0]
    assert (call["Who_Id"]["id"], call["What_Id"]["id"]) == (made["Contacts"]["id"], made["Accounts"]["id"])
    status, body = await zoho("POST", f"/Leads/{lead}/actions/convert", {"data": [{}]})
    assert (status, body["code"]) == (400, "ID_ALREADY_CONVERTED")
    status, body = await zoho("POST", f"/Leads/{other}/actions/convert", {"data": [{"Deals": {"Deal_Name": "D"}}]})
    assert (status, body["data"][0]["code"]) == (400, "MANDATORY_NOT_FOUND")
