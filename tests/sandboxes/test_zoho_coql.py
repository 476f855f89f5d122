"""COQL: what it finds, what it refuses, how lookups come back; equality through the index agrees with a full scan."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandboxes.conftest import Zoho
from tieline.connectors.zoho_crm.sandbox.coql import Both, Condition, Query, Where, parse
from tieline.connectors.zoho_crm.sandbox.query import run
from tieline.connectors.zoho_crm.sandbox.rows import Tables
from tieline.connectors.zoho_crm.sandbox.schema import Schema
from tieline.connectors.zoho_crm.sandbox.writes import Writer, seed_row


@pytest.fixture
async def people(zoho: Zoho) -> dict[str, str]:
    """Three contacts of two accounts, the youngest without one."""
    users = await zoho.user_ids()
    acme, berg = await zoho.add(
        "Accounts", {"Account_Name": "Acme", "Annual_Revenue": 5000}, {"Account_Name": "Berg & Søn"}
    )
    ann, bob, cid = await zoho.add(
        "Contacts",
        {
            "Last_Name": "Ann",
            "Phone": "+33 1",
            "Mobile": "0612",
            "Account_Name": {"id": acme},
            "Date_of_Birth": "1980-05-01",
            "Email_Opt_Out": True,
        },
        {
            "Last_Name": "Bob",
            "Phone": "0033-1",
            "Account_Name": {"id": berg},
            "Date_of_Birth": "1990-05-01",
            "Owner": {"id": users[1]},
        },
        {"Last_Name": "O'Cid (x)", "Mobile": "+33 1"},
    )
    return {"acme": acme, "berg": berg, "ann": ann, "bob": bob, "cid": cid, "bruno": users[1]}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Phone = '+33 1'", ["Ann"]),
        ("Phone in ('+33 1', '0033-1')", ["Ann", "Bob"]),
        ("(Phone in ('+33 1','0033-1') or Mobile in ('+33 1'))", ["Ann", "Bob", "O'Cid (x)"]),
        ("Last_Name = 'ann'", ["Ann"]),
        ("Last_Name != 'Ann'", ["Bob", "O'Cid (x)"]),
        ("Last_Name like 'A%'", ["Ann"]),
        ("Last_Name like '%O%'", ["Bob", "O'Cid (x)"]),
        ("Last_Name not like '%b'", ["Ann", "O'Cid (x)"]),
        (r"Last_Name = 'O\'Cid (x)'", ["O'Cid (x)"]),
        ("Account_Name is null", ["O'Cid (x)"]),
        ("Account_Name is not null", ["Ann", "Bob"]),
        ("Account_Name = {acme}", ["Ann"]),
        ("Account_Name = '{acme}'", ["Ann"]),
        ("Account_Name.id in ('{acme}','{berg}')", ["Ann", "Bob"]),
        ("Account_Name.Account_Name = 'Berg & Søn'", ["Bob"]),
        ("Account_Name.Annual_Revenue > 100", ["Ann"]),
        ("Owner = '{bruno}'", ["Bob"]),
        ("Date_of_Birth between '1980-01-01' and '1985-01-01'", ["Ann"]),
        ("Date_of_Birth >= '1990-05-01'", ["Bob"]),
        ("Date_of_Birth not between '1980-01-01' and '1985-01-01'", ["Bob"]),
        ("Email_Opt_Out = true", ["Ann"]),
        ("Email_Opt_Out = false", ["Bob", "O'Cid (x)"]),
        ("((Phone = '+33 1' and Mobile = '0612') and (Last_Name = 'Ann' or Last_Name = 'Bob'))", ["Ann"]),
        ("(Last_Name = 'Ann' or (Last_Name = 'Bob' and Phone is null))", ["Ann"]),
        ("Created_Time >= '2020-01-01T00:00:00+01:00'", ["Ann", "Bob", "O'Cid (x)"]),
        ("Modified_Time < '2020-01-01T00:00:00Z'", []),
        ("id = '{bob}'", ["Bob"]),
        ("id not in ({ann},{bob})", ["O'Cid (x)"]),
        ("id > '{ann}'", ["Bob", "O'Cid (x)"]),
    ],
)
async def test_where(zoho: Zoho, people: dict[str, str], where: str, found: list[str]) -> None:
    status, body = await zoho.coql(f"select Last_Name from Contacts where {where.format(**people)} order by Last_Name")
    assert status == (200 if found else 204), body
    assert [row["Last_Name"] for row in (body or {"data": []})["data"]] == found


async def test_lookups_come_back_as_ids_and_joins_as_values(zoho: Zoho, people: dict[str, str]) -> None:
    query = "select Last_Name, Account_Name, Account_Name.Account_Name, Owner, Owner.email from Contacts where id is not null order by Last_Name desc"
    _, body = await zoho.coql(query)
    assert body["data"][1] == {
        "Last_Name": "Bob",
        "Account_Name": {"id": people["berg"]},
        "Account_Name.Account_Name": "Berg & Søn",
        "Owner": {"id": people["bruno"]},
        "Owner.email": "bruno@sandbox.example.com",
        "id": people["bob"],
    }
    assert (body["data"][0]["Account_Name"], body["data"][0]["Account_Name.Account_Name"]) == (None, None)
    assert body["info"] == {"count": 3, "more_records": False}


@pytest.mark.parametrize(
    ("tail", "found", "more"),
    [
        ("limit 2", ["Ann", "Bob"], True),
        ("limit 1, 2", ["Bob", "O'Cid (x)"], False),
        ("limit 1 offset 1", ["Bob"], True),
        ("limit 3", ["Ann", "Bob", "O'Cid (x)"], False),
        ("LIMIT 3;", ["Ann", "Bob", "O'Cid (x)"], False),
    ],
)
async def test_limit_and_offset(zoho: Zoho, people: dict[str, str], tail: str, found: list[str], more: bool) -> None:
    _, body = await zoho.coql(f"SELECT Last_Name FROM Contacts WHERE id IS NOT NULL ORDER BY Last_Name ASC {tail}")
    assert [row["Last_Name"] for row in body["data"]] == found
    assert body["info"]["more_records"] is more


async def test_order_is_by_each_field_in_turn(zoho: Zoho) -> None:
    await zoho.add(
        "Leads",
        *(
            {"Last_Name": last, "Company": company}
            for last, company in (("B", "x"), ("A", "y"), ("A", "x"), ("C", None))
        ),
    )
    _, body = await zoho.coql(
        "select Last_Name, Company from Leads where id is not null order by Company desc, Last_Name asc"
    )
    assert [(row["Company"], row["Last_Name"]) for row in body["data"]] == [
        ("y", "A"),
        ("x", "A"),
        ("x", "B"),
        (None, "C"),
    ]


MANY = ",".join(f"'{number}'" for number in range(101))


@pytest.mark.parametrize(
    ("query", "code", "details"),
    [
        ("", "SYNTAX_ERROR", {"clause": "select"}),
        ("select Last_Name", "SYNTAX_ERROR", {"clause": "from"}),
        ("select Last_Name from Leads", "SYNTAX_ERROR", {"clause": "where"}),
        ("select Last_Name from Leads order by id", "SYNTAX_ERROR", {"clause": "where"}),
        ("select Last_Name from Leads where Phone ~ '1'", "SYNTAX_ERROR", {"near": " ~ '1'"}),
        (
            "select Last_Name from Leads where Phone = '1' and Phone = '2' or Phone = '3'",
            "SYNTAX_ERROR",
            {"near": "or Phone = '3'"},
        ),
        (
            "select Last_Name from Leads where (Phone = '1' and Phone = '2' and Phone = '3')",
            "SYNTAX_ERROR",
            {"near": "and Phone = '3')"},
        ),
        ("select Last_Name from Leads where (Phone = '1'", "SYNTAX_ERROR", {"near": "end of query"}),
        ("select Last_Name from Leads where Phone = 'open", "SYNTAX_ERROR", {}),
        ("select Last_Name from Leads where Phone = null", "SYNTAX_ERROR", {}),
        ("select * from Leads where id is not null", "SYNTAX_ERROR", {}),
        ("select Nonsense from Leads where id is not null", "INVALID_QUERY", {"column_name": "Nonsense"}),
        ("select id from Leads where Nonsense = '1'", "INVALID_QUERY", {"column_name": "Nonsense"}),
        ("select id from Leads where id is not null order by Nonsense", "INVALID_QUERY", {"column_name": "Nonsense"}),
        (
            "select Company.Nonsense from Leads where id is not null",
            "INVALID_QUERY",
            {"column_name": "Company.Nonsense"},
        ),
        ("select id from Nonsense where id is not null", "INVALID_QUERY", {"module": "Nonsense"}),
        ("select id from Leads where id is not null limit 2001", "INVALID_QUERY", {"limit": "2001"}),
        ("select id from Leads where id is not null limit 99900, 200", "LIMIT_EXCEEDED", {}),
        (f"select id from Leads where Phone in ({MANY})", "LIMIT_EXCEEDED", {}),
        ("select id from Leads where " + "(Phone = '1' or " * 25 + "Phone = '2'" + ")" * 25, "LIMIT_EXCEEDED", {}),
        (
            "select " + ",".join(f"F{number}" for number in range(51)) + " from Leads where id is not null",
            "LIMIT_EXCEEDED",
            {},
        ),
        ("select id from Leads where id is not null order by " + ",".join(["Phone"] * 11), "LIMIT_EXCEEDED", {}),
        ("select Phone, Phone from Leads where id is not null", "DUPLICATE_DATA", {"column_name": "Phone"}),
        ("select id from Leads where Created_Time > '2026-01-01'", "INVALID_QUERY", {"column_name": "Created_Time"}),
        ("select id from Leads where No_of_Employees > 'many'", "INVALID_QUERY", {"column_name": "No_of_Employees"}),
        ("select id from Leads where Converted__s = 'yes'", "INVALID_QUERY", {"column_name": "Converted__s"}),
        ("select id from Leads where Owner like 'A%'", "INVALID_QUERY", {"column_name": "Owner"}),
        ("select id from Leads where Lead_Status > 'A'", "INVALID_QUERY", {"column_name": "Lead_Status"}),
        ("select id from Leads where Description = 'A'", "INVALID_QUERY", {"clause": "where"}),
    ],
)
async def test_refused(zoho: Zoho, query: str, code: str, details: dict[str, Any]) -> None:
    status, body = await zoho.coql(query)
    assert (status, body["code"], body["status"]) == (400, code, "error"), body
    assert details.items() <= body["details"].items(), body


@pytest.mark.parametrize("body", [{}, {"select_query": 5}, []])
async def test_a_body_without_query(zoho: Zoho, body: Any) -> None:
    assert (await zoho("POST", "/coql", body))[0] == 400


@pytest.mark.parametrize(("limit", "cost"), [(200, 1), (201, 2), (1000, 2), (1001, 3), (2000, 3)])
async def test_what_a_query_costs(zoho: Zoho, limit: int, cost: int) -> None:
    await zoho.coql(f"select id from Leads where id is not null limit {limit}")
    assert (await zoho.control("GET", "counts"))["credits"] == cost


WORDS = ["a", "A", "b", "c", None]


def _tables(rows: list[tuple[str | None, str | None, bool]]) -> Tables:
    tables = Tables(Schema())
    writer = Writer(tables, lambda: 1_790_000_000.0)
    for phone, mobile, odd in rows:
        seed_row(
            writer,
            "Leads",
            {"Last_Name": "x", "Phone": phone, "Mobile": mobile, "No_of_Employees": 1 if odd else 2},
            next(iter(tables.schema.users)),
        )
    return tables


conditions = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["Phone", "Mobile"]),
        st.sampled_from(["=", "!=", "like"]),
        st.sampled_from(["a", "B", "%"]),
    ),
    st.builds(
        Condition,
        st.sampled_from(["Phone", "Mobile"]),
        st.sampled_from(["in", "not in"]),
        st.tuples(st.sampled_from(["a", "b"]), st.just("c")),
    ),
    st.builds(Condition, st.just("No_of_Employees"), st.sampled_from(["=", "<", ">="]), st.sampled_from([1, 2])),
    st.builds(Condition, st.sampled_from(["Phone", "Mobile"]), st.sampled_from(["is null", "is not null"])),
)
wheres = st.recursive(
    conditions, lambda inner: st.builds(Both, st.sampled_from(["and", "or"]), inner, inner), max_leaves=6
)


def _holds(where: Where, row: dict[str, Any]) -> bool:
    """The plain meaning, without any index."""
    if isinstance(where, Both):
        left, right = _holds(where.left, row), _holds(where.right, row)
        return (left and right) if where.word == "and" else (left or right)
    value = row.get(where.field)
    mine = value.lower() if isinstance(value, str) else value
    wanted = [
        one.lower() if isinstance(one, str) else one
        for one in (where.value if isinstance(where.value, tuple) else (where.value,))
    ]
    match where.op:
        case "=" | "in":
            return mine in wanted
        case "!=" | "not in":
            return mine not in wanted
        case "is null":
            return mine is None
        case "is not null":
            return mine is not None
        case "like":
            return wanted[0] == "%" or (mine or "") == wanted[0]
        case "<":
            return mine is not None and mine < wanted[0]
    return mine is not None and mine >= wanted[0]


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS), st.booleans()), max_size=8), wheres)
def test_the_index_finds_what_a_scan_finds(rows: list[tuple[str | None, str | None, bool]], where: Where) -> None:
    tables = _tables(rows)
    found, _ = run(tables, Query(["id"], "Leads", where, [], 0, 2000), 0.0)
    stored = tables["Leads"].rows.values()
    assert [row["id"] for row in found] == [row.id for row in stored if _holds(where, row.values)]


@given(st.text(max_size=20))
def test_any_text_survives_being_quoted(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    query = parse(f"select id from Leads where Last_Name = '{quoted}'")
    assert query.where == Condition("Last_Name", "=", text)


async def test_the_index_follows_changes_and_deletions(zoho: Zoho) -> None:
    one, two = await zoho.add("Leads", {"Last_Name": "A", "Phone": "1"}, {"Last_Name": "B", "Phone": "1"})
    query = "select id from Leads where Phone in ('1', '2')"
    assert len((await zoho.coql(query))[1]["data"]) == 2
    await zoho("PUT", f"/Leads/{one}", {"data": [{"Phone": "3"}]})
    assert [row["id"] for row in (await zoho.coql(query))[1]["data"]] == [two]
    await zoho("PUT", f"/Leads/{one}", {"data": [{"Phone": "2"}]})
    await zoho("DELETE", f"/Leads?ids={two}")
    assert [row["id"] for row in (await zoho.coql(query))[1]["data"]] == [one]
