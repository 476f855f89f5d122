"""The Zoho connector on its sandbox: what a call costs, what its rights allow, and that requests are as Zoho describes them."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from tests.sandboxes.openapi import published
from tieline.connectors.zoho_crm import changes as zoho_changes
from tieline.connectors.zoho_crm.sandbox.oauth import CLIENT_ID
from tieline.connectors.zoho_crm.tests import FIELDS, OBJECTS, subject
from tieline.core.errors import ConfigError, ScopeError, TielineError
from tieline.core.flow import Need
from tieline.flows.calls import FLOW
from tieline.flows.calls.needs import needs
from tieline.flows.calls.settings import load
from tieline.sdk.auth import ConsentRefusedError
from tieline.sdk.conformance import Subject
from tieline.sdk.connect import oauth2, open_client
from tieline.sdk.contract import Link, NotSent, PushOperation, Rejected, Written
from tieline.sdk.http import metered
from tieline.sdk.manifest import connector
from tieline.sdk.target import target

NUMBER = "+33612345678"


@pytest.fixture
async def zoho() -> AsyncIterator[Subject]:
    async with subject() as found:
        yield found


def create(key: str, object: str, **values: object) -> PushOperation:
    named = {"$" + name[2:] if name.startswith("__") else name: value for name, value in values.items()}
    return PushOperation(key, "create", object, named)


def defaults_of_a_stranger(key: str = "k") -> list[PushOperation]:
    """What the calls flow writes for a missed call of a stranger with its defaults."""
    lead = Link("Leads", key=f"{key}-lead")
    return [
        create(f"{key}-lead", "Leads", __name="+33 6 12 34 56 78", Phone=NUMBER),
        create(f"{key}-task", "Tasks", Subject="Call back", __lead=lead, Due_Date="2026-11-23"),
        create(
            f"{key}-call", "Calls", Subject="Missed", __direction="inbound", __outcome="missed", __lead=lead,
            Call_Start_Time="2026-11-21T10:00:00Z", __external_number=NUMBER, __line_number="+33198765432", Call_Duration_in_seconds=0,
        ),
    ]  # fmt: skip


async def look_up(zoho: Subject, numbers: list[str]) -> list[object]:
    """Contacts, leads and accounts by number, as the calls flow asks."""
    maps = zoho.manifest.role_maps()
    found: list[object] = []
    for role, reads in (
        ("contact", ("name", "owner", "account")),
        ("lead", ("name", "converted_contact")),
        ("account", ("name",)),
    ):
        mapped = maps[role]
        found += await zoho.connector.find(mapped.object, mapped.fields["phone"], numbers, mapped.vendor_fields(reads))
    return found


async def test_a_stranger_costs_four_requests(zoho: Subject) -> None:
    with metered() as meter:
        assert await look_up(zoho, [NUMBER]) == []
        outcomes = await zoho.connector.push(defaults_of_a_stranger())
    assert [type(one) for one in outcomes] == [Written] * 3
    assert meter.requests == zoho.counted() == 4
    (call,) = await zoho.records("Calls")
    (lead,) = await zoho.records("Leads")
    (task,) = await zoho.records("Tasks")
    assert call["What_Id"]["id"] == task["What_Id"]["id"] == lead["id"] == outcomes[0].id
    assert (call["Call_Type"], call["$se_module"], call["Tieline_Key"]) == ("Missed", "Leads", "k-call")


async def test_three_hundred_callers_cost_less_than_a_tenth_of_a_request_each(zoho: Subject) -> None:
    numbers = [f"+3361200{n:04}" for n in range(300)]
    rows = [{"Last_Name": f"C{n}", "Mobile": f"06 12 00 {n // 100:02} {n % 100:02}"} for n in range(0, 300, 2)]
    await zoho.seed("Contacts", rows)
    zoho.side.forget_counts()
    assert len(await look_up(zoho, numbers)) == 150
    assert zoho.counted() <= 30
    assert zoho.side.counts()["statuses"].keys() <= {"200", "204"}


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(
    "text",
    ["06 12 34 56 78", "+33 6 12 34 56 78", "0033612345678", "06.12.34.56.78", "+33 (0)6 12 34 56 78", "0612345678"],
)
async def test_a_number_is_found_however_it_is_written(zoho: Subject, text: str) -> None:
    ids = [
        (await zoho.seed("Contacts", [{"Last_Name": field, field: text}]))[0]
        for field in ("Phone", "Mobile", "Home_Phone", "Other_Phone")
    ]
    ids += await zoho.seed("Leads", [{"Last_Name": "Lead", "Mobile": text}])
    ids += await zoho.seed("Accounts", [{"Account_Name": "Account", "Phone": text}])
    assert sorted(one.id for one in await look_up(zoho, ["+33698765432", NUMBER])) == sorted(ids)


async def test_a_module_without_our_key_is_read_all_the_same() -> None:
    async with subject(prepared=False) as zoho:
        await zoho.connector.prepare(["Leads"])
        (contact,) = await zoho.seed("Contacts", [{"Last_Name": "Berg", "Phone": NUMBER}])
        for requests in (2, 1):
            zoho.side.forget_counts()
            found = await zoho.connector.find("Contacts", ["Phone"], [NUMBER], ["$name", "Tieline_Key"])
            assert [(one.id, set(one.fields)) for one in found] == [(contact, {"$name", "Phone"})]
            assert zoho.counted() == requests
        with pytest.raises(ConfigError):  # looking for our own key where there is none is another matter
            await zoho.connector.find("Contacts", ["Tieline_Key"], ["k"], [])


@pytest.mark.proves("CALL-17")
async def test_a_converted_lead_names_its_contact(zoho: Subject) -> None:
    (lead,) = await zoho.seed("Leads", [{"Last_Name": "Berg", "Company": "Berg SA", "Phone": NUMBER}])
    body = {"data": [{}]}
    await zoho.client.request("POST", "api", f"/crm/v8/Leads/{lead}/actions/convert", read=False, json=body)
    (contact,) = await zoho.records("Contacts")
    found = await zoho.connector.find("Leads", ["Phone", "Mobile"], [NUMBER], ["$name", "Converted_Contact"])
    assert [(one.id, one.fields["Converted_Contact"]) for one in found] == [(lead, contact["id"])]
    assert [one.id for one in await zoho.connector.fetch("Leads", [lead], ["$name"])] == [lead]


@pytest.mark.proves("CALL-13")
async def test_pipelines_say_which_stages_are_open(zoho: Subject) -> None:
    (account,) = await zoho.seed("Accounts", [{"Account_Name": "A"}])
    stages = {
        "Qualification": "open",
        "Closed Won": "won",
        "Closed-Lost to Competition": "lost",
        "Never heard of": "open",
    }
    rows = [{"Deal_Name": name, "Stage": name, "Account_Name": {"id": account}} for name in stages]
    await zoho.seed("Deals", rows)
    zoho.side.forget_counts()
    for _ in range(2):
        found = await zoho.connector.find(
            "Deals", ["Account_Name"], [account], ["Deal_Name", "$stage_kind", "Created_Time"]
        )
        assert {one.fields["Deal_Name"]: one.fields["$stage_kind"] for one in found} == stages
    assert zoho.counted() == 4  # layouts and their pipelines once, the deals twice
    assert found[0].fields["Created_Time"].endswith("Z")


@pytest.mark.proves("CALL-14")
async def test_what_the_organisation_looks_like(zoho: Subject) -> None:
    described = await zoho.connector.describe(OBJECTS)
    users = await zoho.connector.users()
    known = target(zoho.manifest, described, users)
    assert {user.active for user in users} == {True, False}
    assert len(known.choices["lead", "owner"]) == sum(user.active for user in users)
    assert {place.stage for place in known.places} >= {"Qualification", "Closed Won"}
    deals = next(one for one in described if one.name == "Deals")
    ((_, _, stages),) = deals.layouts[0].pipelines
    assert {kind for _, _, kind in stages} == {"open", "won", "lost"}
    for role, fields in (
        ("call", {"name", "started_at", "direction", "contact", "account", "lead", "recording_url"}),
        ("lead", {"name", "phone", "status", "owner", "layout"}),
    ):
        assert fields <= known.roles[role]
    assert "converted_contact" not in known.roles["lead"]
    assert all("Call_Type" not in names and "Call_Duration" not in names for names in known.required["call"].values())
    assert next(field for field in described[2].fields if field.name == "Tieline_Key").unique


# -- rights -----------------------------------------------------------------------------------------------------------


async def test_the_defaults_work_with_the_rights_that_they_ask_for() -> None:
    asked = connector("zoho_crm").scopes(needs(load({})))
    assert "ZohoCRM.modules.ALL" not in asked
    assert not [scope for scope in asked if "Contacts" in scope and not scope.endswith(".READ")]
    assert asked["ZohoCRM.modules.Leads.CREATE"] == ["lead.create"]
    async with subject(scope=",".join(asked), prepared=False) as zoho:
        connected = zoho.connector
        assert (await connected.check()).scopes == frozenset(asked)
        await connected.describe(OBJECTS)
        await connected.users()
        assert await connected.prepare(["Leads", "Tasks", "Calls"]) == dict.fromkeys(
            ["Leads", "Tasks", "Calls"], "Tieline_Key"
        )
        assert await look_up(zoho, [NUMBER]) == []
        outcomes = await connected.push(defaults_of_a_stranger())
        assert [type(one) for one in outcomes] == [Written] * 3
        recording = {"Voice_Recording__s": "https://app.sipsim.com/r.mp3"}
        later = PushOperation("k-rec", "update", "Calls", recording, Link("Calls", outcomes[2].id))
        assert isinstance((await connected.push([later]))[0], Written)
        with pytest.raises(ScopeError) as caught:
            await connected.push([create("k-acc", "Accounts", Account_Name="New")])
        assert caught.value.params["scope"] == "ZohoCRM.modules.Accounts.CREATE"


async def test_a_missing_right_is_named_and_without_composites_it_still_works() -> None:
    scopes = connector("zoho_crm").scopes(
        [Need(role, verb, "r") for role in ("lead", "task", "call") for verb in ("read", "create")]
    )
    less = [scope for scope in scopes if "composite" not in scope]
    async with subject(scope=",".join(less)) as zoho:
        outcomes = await zoho.connector.push(defaults_of_a_stranger())
        assert [type(one) for one in outcomes] == [Written] * 3
        assert zoho.side.counts()["requests"] == {f"POST /api/crm/v8/{name}": 1 for name in ("Leads", "Tasks", "Calls")}
    async with subject(scope=",".join(scope for scope in scopes if scope != "ZohoCRM.modules.Tasks.CREATE")) as zoho:
        outcomes = await zoho.connector.push(defaults_of_a_stranger())
        assert [type(one) for one in outcomes] == [Written, NotSent, Written]
    async with subject(scope="ZohoCRM.org.READ", prepared=False) as zoho:
        with pytest.raises(ScopeError) as caught:
            await zoho.connector.users()
        assert caught.value.params["scope"] == "ZohoCRM.users.READ"


async def test_consent_from_the_link_to_the_first_request(zoho: Subject) -> None:
    base = next(iter(zoho.client.hosts.values())).removesuffix("/api")
    session = zoho.client._session
    consent = oauth2(zoho.manifest, session, FIELDS, data_centre="eu", base_url=base)
    back = "https://hub.example/connect/back"
    scopes = ["ZohoCRM.org.READ", "ZohoCRM.users.READ"]
    link = urlsplit(consent.authorize_url(scopes, back, "state-1"))
    asked = dict(parse_qsl(link.query))
    assert (asked["scope"], asked["client_id"]) == ("ZohoCRM.org.READ,ZohoCRM.users.READ", CLIENT_ID)

    async def answered(decision: str) -> dict[str, str]:
        address = f"{link.scheme}://{link.netloc}{link.path}"
        async with session.get(f"{address}?{link.query}") as page:
            assert page.status == 200
        async with session.post(address, data={**asked, "decision": decision}, allow_redirects=False) as answer:
            return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))

    with pytest.raises(ConsentRefusedError):
        consent.read_redirect(await answered("refuse"), "state-1")
    said = consent.read_redirect(await answered("accept"), "state-1")
    grant = await consent.exchange(said, back, scopes)
    assert grant.refresh
    assert set(grant.place) == {"accounts", "api_domain"}
    with pytest.raises(TielineError):  # a code works once
        await consent.exchange(said, back, scopes)
    tokens = zoho.tokens
    tokens.grant = grant
    client = open_client(
        zoho.manifest,
        session,
        FIELDS,
        base_url=base,
        tokens=tokens,
        granted=grant.place,
        scopes=frozenset(grant.scopes),
    )
    zoho.client = client
    assert (await type(zoho.connector)(client).check()).name == "Sandbox & Co"
    await consent.revoke(grant)
    await consent.revoke(grant)
    await zoho.expire()
    with pytest.raises(TielineError):
        await type(zoho.connector)(client).check()


async def test_another_data_centre_is_a_setting(zoho: Subject) -> None:
    client = open_client(
        zoho.manifest,
        zoho.client._session,
        FIELDS,
        base_url=next(iter(zoho.client.hosts.values())) + ".us",
        tokens=zoho.tokens,
    )
    client.hosts["api"] = client.hosts["api"].removesuffix("/api")
    with pytest.raises(ConfigError) as caught:
        await type(zoho.connector)(client).check()
    assert caught.value.params["setting"] == "data_centre"


# -- writing ----------------------------------------------------------------------------------------------------------


async def test_another_record_with_a_unique_value_is_a_refusal_not_ours(zoho: Subject) -> None:
    unique = {"fields": [{"field_label": "Number of ours", "data_type": "text", "unique": {"case_sensitive": False}}]}
    await zoho.client.request(
        "POST", "api", "/crm/v8/settings/fields", query={"module": "Contacts"}, read=False, json=unique
    )
    first = create("k-1", "Contacts", __name="One", Number_of_ours="7")
    second = create("k-2", "Contacts", __name="Two", Number_of_ours="7")
    outcomes = await zoho.connector.push([first, second])
    assert outcomes[1] == Rejected("DUPLICATE_DATA", "Number_of_ours")


async def test_a_recording_is_copied_once(zoho: Subject) -> None:
    (contact,) = await zoho.connector.push([create("k-c", "Contacts", __name="Berg")])
    target_link = Link("Contacts", contact.id)
    copy = PushOperation(
        "k-copy", "attach", "Contacts", {"name": "recording.mp3", "content": b"ID3" * 1000}, target_link
    )
    (first,), (second,) = await zoho.connector.push([copy]), await zoho.connector.push([copy])
    assert (first.existed, second.existed, first.id) == (False, True, second.id)
    other = PushOperation(
        "k-link", "attach", "Contacts", {"name": "recording.mp3", "url": "https://app.sipsim.com/r.mp3"}, target_link
    )
    assert isinstance((await zoho.connector.push([other]))[0], Written)
    kept = await zoho.records("Attachments")
    assert [one["File_Name"] for one in kept] == ["recording [k-copy].mp3", "recording [k-link].mp3"]
    assert [one["$link_url"] for one in kept] == [None, "https://app.sipsim.com/r.mp3"]


async def test_no_room_for_the_key_is_said(zoho: Subject) -> None:
    plain = {"fields": [{"field_label": "Tieline Key", "data_type": "text"}]}
    await zoho.client.request(
        "POST", "api", "/crm/v8/settings/fields", query={"module": "Products"}, read=False, json=plain
    )
    with pytest.raises(ConfigError) as caught:
        await zoho.connector.prepare(["Products"])
    assert (caught.value.params["setting"], caught.value.params["object"]) == ("Tieline_Key", "Products")
    with pytest.raises(ConfigError) as caught:
        await zoho.connector.prepare(["No_Such_Module"])
    assert caught.value.params["setting"] == "module"


async def test_a_field_that_is_not_there_is_a_setting(zoho: Subject) -> None:
    with pytest.raises(ConfigError) as caught:
        await zoho.connector.find("Leads", ["Nothing_Like_It"], ["x"], [])
    assert caught.value.params["setting"] == "Nothing_Like_It"


async def test_room_for_the_key_made_by_two_at_once(zoho: Subject) -> None:
    both = await asyncio.gather(*(zoho.connector.prepare(["Products"]) for _ in range(2)))
    assert both == [{"Products": "Tieline_Key"}] * 2


async def test_a_pull_without_news_stays_where_it_is(zoho: Subject) -> None:
    cursor: str | None = None
    seen: list[str] = []
    for _ in range(3):
        pages = [page async for page in zoho.connector.pull("Products", [], cursor)]
        cursor = pages[-1].cursor
        seen.append(cursor)
    assert len(set(seen)) == 1


async def test_what_is_older_than_the_index_can_lag_is_not_read_again(zoho: Subject) -> None:
    """Changes made together are repeated while the index may lag, and never after: a pull without news is one query."""

    async def pulled(cursor: str | None) -> tuple[list[str], list[str], str, int]:
        with metered() as meter:
            pages = [page async for page in zoho.connector.pull("Accounts", ["Account_Name"], cursor)]
        names = [str(one.fields["Account_Name"]) for page in pages for one in page.records]
        return names, [id for page in pages for id in page.deleted], pages[-1].cursor, meter.requests

    made = await zoho.connector.push([create(f"k-{n}", "Accounts", Account_Name=f"A{n}") for n in range(3)])
    names, _, cursor, _ = await pulled(None)
    assert names == ["A0", "A1", "A2"]
    names, _, cursor, _ = await pulled(cursor)
    assert names == ["A0", "A1", "A2"]
    zoho.side.sandbox.clock_offset += 400
    names, _, cursor, _ = await pulled(cursor)
    assert names == ["A0", "A1", "A2"]
    for _ in range(3):
        names, gone, cursor, requests = await pulled(cursor)
        assert (names, gone, requests) == ([], [], 2)
    first, second = (one.id for one in made[:2] if isinstance(one, Written))
    changed = PushOperation("u", "update", "Accounts", {"Account_Name": "B"}, Link("Accounts", first))
    removed = PushOperation("d", "delete", "Accounts", {}, Link("Accounts", second))
    await zoho.connector.push([changed])
    await zoho.connector.push([removed])
    names, gone, cursor, _ = await pulled(cursor)
    assert names == ["B"]
    assert gone == [second]


async def test_what_the_index_showed_late_is_found_however_long_the_pages_took(
    zoho: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is missing on a page that is read at once; the last page is read when the index has long shown everything."""
    monkeypatch.setattr(zoho_changes, "PAGE", 2)
    sandbox = zoho.side.sandbox
    sandbox.index_lag = 60.0
    await zoho.connector.push([create("k-late", "Accounts", Account_Name="Late")])
    sandbox.index_lag = 0.0
    await zoho.connector.push([create(f"k-{n}", "Accounts", Account_Name=f"A{n}") for n in range(5)])
    names: list[str] = []
    cursor = ""
    async for page in zoho.connector.pull("Accounts", ["Account_Name"], None):
        names += [str(one.fields["Account_Name"]) for one in page.records]
        cursor = page.cursor
        sandbox.clock_offset += 200
    assert "Late" not in names
    names = []
    async for page in zoho.connector.pull("Accounts", ["Account_Name"], cursor):
        names += [str(one.fields["Account_Name"]) for one in page.records]
    assert "Late" in names


async def test_requests_are_as_zoho_describes_them(zoho: Subject) -> None:
    description = published()
    await zoho.connector.prepare(["Products"])
    await look_up(zoho, [NUMBER])
    lead, _, call = await zoho.connector.push(defaults_of_a_stranger())
    await zoho.connector.push(
        [create("b-1", "Contacts", __name="A", Phone=NUMBER), create("b-2", "Contacts", __name="B")]
    )
    await zoho.connector.push(
        [
            create("b-3", "Accounts", Account_Name="C"),
            create("b-4", "Deals", Deal_Name="D", Stage="Qualification", Pipeline="Standard"),
        ]
    )
    changes = {"$name": "E", "Company": None}
    await zoho.connector.push([PushOperation("u-1", "update", "Leads", changes, Link("Leads", lead.id))])
    fetched = await zoho.connector.fetch("Calls", [call.id], ["$lead", "$direction", "Subject"])
    assert fetched[0].fields["$lead"] == lead.id
    [page async for page in zoho.connector.pull("Leads", ["$name"], None)]
    checked = 0
    for entry in zoho.side.logged(200):
        method, path = entry["method"], entry["path"]
        if not path.startswith("/api/"):
            continue
        if entry.get("body"):
            sent = orjson.loads(entry["body"])
            assert description.request(method, path, sent) == [], (method, path, sent)
            for sub in sent.get("__composite_requests", ()):
                assert description.request(sub["method"], sub["uri"], sub["body"]) == [], sub
            checked += 1
        description.find(method, path)
    assert checked >= 9


@pytest.mark.proves("CALL-3")
async def test_a_grant_without_pipelines_describes_the_rest() -> None:
    every = {scope for needed in connector("zoho_crm").needs.values() for scope in needed}
    async with subject(scope=",".join(sorted(every - {"ZohoCRM.settings.pipeline.READ"}))) as less:
        (deals,) = await less.connector.describe(["Deals"])
    assert any(field.name == "Stage" for field in deals.fields)
    assert deals.layouts
    assert not any(layout.pipelines for layout in deals.layouts)


@pytest.mark.proves("CALL-18")
async def test_open_tasks_are_found_at_whom_they_hang_and_closed(zoho: Subject) -> None:
    await zoho.connector.prepare(["Leads", "Contacts", "Accounts", "Tasks"])
    people = await zoho.connector.push([
        create("l", "Leads", __name="Lead"), create("c", "Contacts", __name="Contact"),
        create("a", "Accounts", Account_Name="Firm"),
    ])  # fmt: skip
    lead, contact, account = (one.id for one in people if isinstance(one, Written))
    await zoho.connector.push([
        create("t1", "Tasks", Subject="Call the lead", __lead=Link("Leads", id=lead)),
        create("t2", "Tasks", Subject="Call the person", Who_Id=Link("Contacts", id=contact), __account=Link("Accounts", id=account)),
        create("t3", "Tasks", Subject="Call the firm", __account=Link("Accounts", id=account)),
    ])  # fmt: skip
    mapped = zoho.manifest.role_maps()["task"]
    names = (*mapped.vendor_fields(("name", "status", "contact", "description")), mapped.origin)
    found = {}
    for by, id in (("lead", lead), ("contact", contact), ("account", account)):
        rows = await zoho.connector.find(mapped.object, mapped.fields[by], [id], names)
        assert {row.fields[mapped.fields[by][0]] for row in rows} == {id}
        found[by] = {row.fields["Tieline_Key"]: row for row in rows}
    assert {by: sorted(rows) for by, rows in found.items()} == {
        "lead": ["t1"],
        "contact": ["t2"],
        "account": ["t2", "t3"],
    }
    assert found["account"]["t3"].fields["Who_Id"] is None
    closed = zoho.manifest.capabilities.limits["task_closed"]
    task = Link("Tasks", id=found["lead"]["t1"].id)
    assert isinstance(
        (await zoho.connector.push([PushOperation("u", "update", "Tasks", {"Status": closed}, target=task)]))[0],
        Written,
    )
    assert [row["Status"] for row in await zoho.records("Tasks") if row["Tieline_Key"] == "t1"] == ["Completed"]


async def test_the_default_asks_for_no_right_to_change_tasks(zoho: Subject) -> None:
    def scopes(**task: object) -> set[str]:
        wanted = needs(load({"task": task}))
        return {scope for need in wanted for scope in zoho.manifest.needs.get(f"{need.role}.{need.verb}", ())}

    assert scopes(per="caller") - scopes() == {"ZohoCRM.modules.Tasks.UPDATE"}


@pytest.mark.proves("CALL-18")
async def test_one_open_task_per_caller_fits_what_zoho_has(zoho: Subject) -> None:
    found = target(zoho.manifest, await zoho.connector.describe(OBJECTS), await zoho.connector.users())
    user = {"id": found.choices["task", "owner"][0][0]}
    using = load({"default_user": user, "task": {"per": "caller"}})
    assert FLOW.check(using, found) == ()
    renamed = load({"default_user": user, "task": {"per": "caller", "done": {"id": "Deferred"}}})
    assert FLOW.check(renamed, found) == ()
    gone = load({"default_user": user, "task": {"per": "caller", "done": {"id": "Finished"}}})
    assert [one.reason.code for one in FLOW.check(gone, found)] == ["call.clash.choice"]
