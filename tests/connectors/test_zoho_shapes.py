"""Zoho's shapes, phone renderings and queries, without a network."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.connectors.zoho_crm.answers import outcome, outcomes, scope_of, sub_outcome
from tieline.connectors.zoho_crm.coql import CRITERIA, FEW, IN_VALUES, any_of, text, wheres
from tieline.connectors.zoho_crm.phones import MOST_OF_MANY, renderings
from tieline.connectors.zoho_crm.sandbox.coql import parse
from tieline.connectors.zoho_crm.shapes import body, flat, record
from tieline.core.values import phones
from tieline.sdk.contract import Gone, Link, NotSent, Rejected, Stale, Unknown, Written
from tieline.sdk.http import Response


def sent(object: str, **values: object) -> dict[str, object]:
    return body(
        object,
        {name.replace("__", "$", 1) if name.startswith("__") else name: value for name, value in values.items()},
        lambda link: link.id,
    )


# -- calls and tasks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "outcome", "seconds", "expected"),
    [
        ("inbound", "answered", 75, {"Call_Type": "Inbound", "Call_Duration": "01:15", "Call_Duration_in_seconds": 75}),
        (
            "inbound",
            "answered",
            4510,
            {"Call_Type": "Inbound", "Call_Duration": "75:10", "Call_Duration_in_seconds": 4510},
        ),
        ("inbound", "unknown", None, {"Call_Type": "Inbound", "Call_Duration": "00:00", "Call_Duration_in_seconds": 0}),
        ("inbound", "missed", 0, {"Call_Type": "Missed"}),
        ("inbound", "voicemail", 15, {"Call_Type": "Missed"}),
        ("inbound", "busy", None, {"Call_Type": "Missed"}),
        (
            "outbound",
            "no_answer",
            0,
            {"Call_Type": "Outbound", "Call_Duration": "00:00", "Call_Duration_in_seconds": 0},
        ),
        ("outbound", "answered", 9, {"Call_Type": "Outbound", "Call_Duration": "00:09", "Call_Duration_in_seconds": 9}),
    ],
)
def test_the_type_and_length_of_a_call(
    direction: str, outcome: str, seconds: int | None, expected: dict[str, object]
) -> None:
    assert sent("Calls", __direction=direction, __outcome=outcome, Call_Duration_in_seconds=seconds) == expected


def test_numbers_of_a_call_stand_where_its_direction_says() -> None:
    into = sent("Calls", __direction="inbound", __external_number="+33612345678", __line_number="+33198765432")
    out = sent("Calls", __direction="outbound", __external_number="+33612345678", __line_number="+33198765432")
    assert (into["Caller_ID"], into["Dialled_Number"]) == ("+33612345678", "+33198765432")
    assert (out["Caller_ID"], out["Dialled_Number"]) == ("+33198765432", "+33612345678")


@pytest.mark.proves("CALL-15")
def test_one_record_beside_the_contact_and_no_lead_beside_one() -> None:
    account, deal, lead, contact = (Link(name, name[0]) for name in ("Accounts", "Deals", "Leads", "Contacts"))
    for object in ("Calls", "Tasks"):
        assert sent(object, Who_Id=contact, __account=account, __deal=deal) == {
            "Who_Id": {"id": "C"},
            "What_Id": {"id": "A"},
            "$se_module": "Accounts",
        }
        assert sent(object, __deal=deal) == {"What_Id": {"id": "D"}, "$se_module": "Deals"}
        assert sent(object, __lead=lead) == {"What_Id": {"id": "L"}, "$se_module": "Leads"}
        assert sent(object, Who_Id=contact, __lead=lead) == {"Who_Id": {"id": "C"}}
        assert sent(object, __account=None) == {"What_Id": None}
    assert "What_Id" not in sent("Contacts", Account_Name=account)


def test_what_comes_later_changes_no_type() -> None:
    """Zoho refuses to change type and owner of a call that took place."""
    assert sent("Calls", __outcome="answered", Voice_Recording__s="https://r") == {"Voice_Recording__s": "https://r"}
    assert sent("Calls", Call_Duration_in_seconds=61) == {"Call_Duration": "01:01", "Call_Duration_in_seconds": 61}


def test_values_as_zoho_wants_them() -> None:
    assert sent("Leads", Owner="7", Layout="8", __name="A" * 100, Company=None) == {
        "Owner": {"id": "7"},
        "Layout": {"id": "8"},
        "Last_Name": "A" * 80,
        "First_Name": None,
        "Company": None,
    }
    person = {"First_Name": "Augusta Ada", "Last_Name": "Lovelace"}
    assert sent("Contacts", __name="Augusta Ada Lovelace") == person
    assert sent("Contacts", __name="Line 4") == {"First_Name": None, "Last_Name": "Line 4"}
    assert sent("Calls", Call_Start_Time="2026-11-21T10:00:00.250Z") == {"Call_Start_Time": "2026-11-21T10:00:00+00:00"}
    assert sent("Leads", __name="Cut", Last_Name="Given") == {"Last_Name": "Given"}


def test_reading_makes_flat() -> None:
    row = {
        "id": "1",
        "First_Name": None,
        "Last_Name": "Berg",
        "Account_Name": {"name": "X", "id": "2"},
        "Modified_Time": "2026-11-21T11:00:00+01:00",
    }
    found = record("Contacts", row, ["$name", "Account_Name", "Phone"], lambda _stage: "open")
    assert dict(found.fields) == {"$name": "Berg", "Account_Name": "2"}
    assert found.version == "2026-11-21T10:00:00+00:00"
    assert flat("2026-11-21T11:00:00+01:00") == "2026-11-21T10:00:00Z"
    deal = record(
        "Deals", {"id": "1", "Stage": "Closed Won"}, ["$stage_kind"], lambda stage: {"Closed Won": "won"}[stage]
    )
    assert deal.fields["$stage_kind"] == "won"
    call = {
        "id": "1",
        "Call_Type": "Outbound",
        "Caller_ID": "+1",
        "Dialled_Number": "+2",
        "What_Id": {"id": "9"},
        "$se_module": "Leads",
    }
    names = ["$direction", "$outcome", "$external_number", "$line_number", "$lead", "$account"]
    assert list(record("Calls", call, names, str).fields.values()) == ["outbound", "no_answer", "+2", "+1", "9", None]


# -- outcomes ---------------------------------------------------------------------------------------------------------


def item(code: str, **details: object) -> dict[str, object]:
    return {"code": code, "status": "success" if code == "SUCCESS" else "error", "message": "m", "details": details}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (item("SUCCESS", id="1", Modified_Time="2026-11-21T11:00:00+01:00"), Written("1", "2026-11-21T10:00:00+00:00")),
        (item("SUCCESS"), Unknown("success without an id")),
        (item("DUPLICATE_DATA", api_name="Tieline_Key", id="7"), Written("7", existed=True)),
        (item("DUPLICATE_DATA", api_name="Tieline_Key", duplicate_record={"id": "7"}), Written("7", existed=True)),
        (
            item("DUPLICATE_DATA", api_name="Email", id="7", json_path="$.data[0].Email"),
            Rejected("DUPLICATE_DATA", "Email"),
        ),
        (
            item(
                "MULTIPLE_OR_MULTI_ERRORS",
                errors=[item("INVALID_DATA", api_name="Email"), item("DUPLICATE_DATA", api_name="Tieline_Key", id="7")],
            ),
            Written("7", existed=True),
        ),
        (
            item(
                "MULTIPLE_OR_MULTI_ERRORS",
                errors=[item("INVALID_DATA", api_name="Email"), item("INVALID_DATA", api_name="Phone")],
            ),
            Rejected("INVALID_DATA", "Email"),
        ),
        (
            item("INVALID_DATA", api_name="Phone", json_path="$.data[0].Phone", maximum_length=30),
            Rejected("INVALID_DATA", "Phone", "maximum_length: 30"),
        ),
        (item("INVALID_DATA", api_name="id", json_path="$.data[0].id"), Gone()),
        (item("INVALID_DATA", api_name="id", json_path="$.data[2].Who_Id.id"), Rejected("INVALID_DATA", "Who_Id")),
        (item("MANDATORY_NOT_FOUND", api_name="Last_Name"), Rejected("MANDATORY_NOT_FOUND", "Last_Name")),
        (item("ALREADY_MODIFIED", id="1"), Stale()),
        (item("RECORD_MODIFIED", id="1"), Stale()),
        (item("RECORD_LOCKED"), Rejected("RECORD_LOCKED")),
        (item("RECORD_IN_BLUEPRINT"), Rejected("RECORD_IN_BLUEPRINT")),
        (item("INTERNAL_ERROR"), Unknown("INTERNAL_ERROR")),
        ("text", Unknown("an item that is no object")),
        ({}, Unknown("")),
    ],
)
def test_items(answer: object, expected: object) -> None:
    assert outcome(answer) == expected


def test_a_batch_is_judged_by_position_or_not_at_all() -> None:
    good = b'{"data":[{"code":"SUCCESS","status":"success","details":{"id":"1"}},{"code":"RECORD_LOCKED","status":"error","details":{}}]}'
    assert outcomes(Response(207, {}, good, False), 2) == [Written("1"), Rejected("RECORD_LOCKED")]
    assert {type(one) for one in outcomes(Response(207, {}, good, False), 3)} == {Unknown}
    assert {type(one) for one in outcomes(Response(200, {}, b"<html>", False), 1)} == {Unknown}
    assert (
        outcomes(Response(400, {}, b'{"code":"INVALID_DATA","status":"error","details":{"api_name":"data"}}', False), 2)
        == [Rejected("INVALID_DATA", "data")] * 2
    )


def test_parts_of_a_composite() -> None:
    made = {
        "status": "success",
        "details": {"response": {"status_code": 201, "body": {"data": [item("SUCCESS", id="1")]}}},
    }
    assert sub_outcome(made, False) == Written("1")
    assert sub_outcome({"status": "error", "code": "INVALID_REFERENCE", "details": {}}, True) == NotSent(
        "INVALID_REFERENCE"
    )
    assert sub_outcome({"status": "error", "code": "INTERNAL_ERROR", "details": {}}, True) == Unknown("INTERNAL_ERROR")
    assert isinstance(sub_outcome({"status": "success", "details": {}}, False), Unknown)
    assert isinstance(sub_outcome(None, True), Unknown)


def test_the_scope_of_a_request() -> None:
    assert scope_of("POST", "/Leads") == "ZohoCRM.modules.Leads.CREATE"
    assert scope_of("PUT", "/Calls/1") == "ZohoCRM.modules.Calls.UPDATE"
    assert scope_of("POST", "/Calls/1/Attachments") == "ZohoCRM.modules.attachments.CREATE"
    assert scope_of("POST", "/settings/fields?module=Leads") == "ZohoCRM.settings.fields.CREATE"
    assert scope_of("GET", "/users") == "ZohoCRM.users.READ"
    assert scope_of("POST", "/coql") == "ZohoCRM.coql.READ"


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(
    ("e164", "written"),
    [
        (
            "+33612345678",
            "+33612345678|+33 6 12 34 56 78|06 12 34 56 78|06.12.34.56.78|06-12-34-56-78|0612345678|612345678|33612345678|0033612345678"  # noqa: ISC004
            "|0033 6 12 34 56 78|+33 (0)6 12 34 56 78|+33(0)612345678|+330612345678|+33.6.12.34.56.78|+33-6-12-34-56-78|+33 612345678",
        ),
        ("+4520123456", "20123456|20 12 34 56|+45 20 12 34 56|004520123456|0045 20 12 34 56|+4520123456|4520123456|20.12.34.56"),
        ("+16502530000", "(650) 253-0000|650-253-0000|650.253.0000|6502530000|+1 650-253-0000|+16502530000|16502530000|650 253 0000|+1.650.253.0000"),
        ("+390115550142", "011 555 0142|0115550142|+39 011 555 0142|+390115550142|0039 011 555 0142"),
        ("+442079460018", "020 7946 0018|02079460018|+44 20 7946 0018|+44 (0)20 7946 0018|+44(0)2079460018"),
        (
            "+33612345678",
            "06/12/34/56/78|+33 (0)612345678|+33(0)6 12 34 56 78|06 12345678|0612.34.56.78|+33 06 12 34 56 78|0033 (0)6 12 34 56 78|0033(0)612345678",
        ),
        ("+4512345678", "1234 5678|1234-5678|12.34.56.78|12/34/56/78"),
        ("+393401234567", "340 1234567|340-1234567|340/1234567"),
        ("+442071234567", "(020) 7123 4567|0207 123 4567|020 71234567"),
        ("+12015550123", "1-201-555-0123|(201)555-0123|+1 (201) 555-0123|201/555-0123"),
        ("+491711234567", "0171/1234567|0171-1234567|+49 (0)171 1234567"),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(e164: str, written: str) -> None:
    assert set(written.split("|")) - set(renderings(e164)) == set()


@given(st.sampled_from(["FR", "DK", "US", "IT", "GB", "DE", "ES", "SE"]), st.integers(0, 10**9))
def test_every_rendering_means_the_number(country: str, digits: int) -> None:
    """Read in its own country. Digits alone may be read otherwise (who asked confirms each hit); with + or 00 never."""
    example = phonenumbers.example_number(country)
    assert example is not None
    number = f"+{example.country_code}{str(example.national_number)[:-4]}{digits % 10000:04}"
    if not phonenumbers.is_valid_number(phonenumbers.parse(number)):
        return
    meanings = [{found.e164 for found in phones(one, country)} for one in renderings(number)]
    assert sum(found == {number} for found in meanings) >= 10
    for one, found in zip(renderings(number), meanings, strict=True):
        if one.startswith(("+", "00")):
            assert found <= {number}, one


@pytest.mark.proves("CALL-22")
def test_many_numbers_at_once_are_looked_for_in_the_likeliest_forms() -> None:
    many = [f"+3361234{n:04}" for n in range(FEW + 1)]
    ((where, _),) = wheres(["Phone"], many)
    assert all(text(form) in where for one in many for form in renderings(one)[:MOST_OF_MANY])
    assert text(renderings(many[0])[-1]) not in where
    ((where, _),) = wheres(["Phone"], many[:FEW])
    assert all(text(form) in where for one in many[:FEW] for form in renderings(one))


def test_what_is_no_number_is_looked_for_as_it_is() -> None:
    assert renderings("+999") == ("+999",)


# -- queries ----------------------------------------------------------------------------------------------------------


@given(st.lists(st.text(max_size=12), min_size=1, max_size=40), st.integers(1, 6))
def test_any_texts_make_a_query_that_can_be_read(values: list[str], fields: int) -> None:
    by = ["Phone", "Mobile", "Email", "Fax", "Website", "Last_Name"][:fields]
    asked = wheres(by, values)
    for where, _ in asked:
        parse(f"select id from Leads where ({where}) and id > '1' order by id asc limit 200")
    assert sum(count for _, count in asked) == len(set(values))


@pytest.mark.parametrize(
    ("fields", "values", "queries"), [(2, 300, 10), (1, 300, 5), (4, 300, 20), (4, FEW, 1), (1, 1, 1)]
)
def test_numbers_are_asked_for_in_few_queries(fields: int, values: int, queries: int) -> None:
    by = ["Phone", "Mobile", "Home_Phone", "Other_Phone"][:fields]
    asked = wheres(by, [f"+3361234{n:04}" for n in range(values)])
    assert len(asked) <= queries
    assert sum(count for _, count in asked) == values
    for where, _ in asked:
        assert where.count(" in (") + where.count(" = ") <= CRITERIA
        parse(f"select id from Leads where ({where}) and id > '1' limit 200")


def test_pairs_and_quotes() -> None:
    assert any_of(["a", "b", "c", "d", "e"]) == "((a or b) or (c or d)) or e"
    assert any_of(["a"]) == "a"
    assert text("O'Neil \\") == "'O\\'Neil \\\\'"
    assert IN_VALUES == 100
