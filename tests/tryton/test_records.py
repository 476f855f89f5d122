"""The connector against a real Tryton: what it reads, finds and writes."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.server import TrytonServer
from tieline.connectors.tryton.shapes import DEAL, LEAD, NOTE, ORGANISATION, PERSON
from tieline.core.errors import AuthError, ConfigError, ScopeError
from tieline.sdk.contract import Gone, Link, PushOperation, Rejected, Stale, Written
from tieline.sdk.http import Client
from tieline.sdk.manifest import connector as manifest_of
from tieline.sdk.target import target

pytestmark = pytest.mark.real


def key() -> str:
    return secrets.token_hex(8)


def number() -> str:
    return f"+33612{secrets.randbelow(10**6):06}"


def create(object: str, values: dict[str, Any], origin: str = "") -> PushOperation:
    return PushOperation(origin or key(), "create", object, values)


async def made(crm: Connector, object: str, values: dict[str, Any], origin: str = "") -> str:
    (outcome,) = await crm.push([create(object, values, origin)])
    assert isinstance(outcome, Written), outcome
    return outcome.id


# -- check and describe -----------------------------------------------------------------------------------------------


async def test_check_names_the_company(crm: Connector, tryton: TrytonServer, client: Client) -> None:
    identity = await crm.check()
    assert identity.account_id == str(tryton.seed.company)
    assert identity.name == "Nordlys Trading"
    assert client.requests == 1


async def test_a_wrong_key_is_an_auth_error(connect: Any) -> None:
    with pytest.raises(AuthError):
        await connect(key="not-a-key").check()


async def test_a_wrong_database_names_the_setting(connect: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        await connect(database="elsewhere").check()
    assert caught.value.params["setting"] == "database"
    with pytest.raises(ConfigError):
        connect(database="../crm")


async def test_describe_has_what_the_roles_need(crm: Connector) -> None:
    manifest = manifest_of("tryton")
    schemas = {schema.name: schema for schema in await crm.describe([])}
    for role in manifest.roles.values():
        names = {field.name for field in schemas[role.object].fields}
        assert {vendor for vendors in role.fields.values() for vendor in vendors} <= names, role.object
    stages = {id: kind for id, _, kind in schemas[DEAL].layouts[0].pipelines[0][2]}
    assert stages == {"opportunity": "open", "lost": "lost", "cancelled": "lost"}  # where a new deal can be put
    # Plain fields of other modules can be reached too.
    assert "sale_invoice_method" in {field.name for field in schemas[ORGANISATION].fields}


@pytest.mark.proves("CALL-15")
async def test_what_it_cannot_hold_is_told_to_the_flow(crm: Connector) -> None:
    it = target(manifest_of("tryton"), await crm.describe([]), await crm.users())
    assert "task" not in it.roles
    assert "owner" not in it.roles["account"] | it.roles["contact"] | it.roles["call"]
    assert "owner" in it.roles["lead"] & it.roles["deal"]
    assert "status" not in it.roles["lead"]
    assert it.limits["call_needs_parent"] is True
    assert {name for _, name in it.choices["lead", "owner"]} >= {"Alice Martin", "Dorte Holm"}


async def test_users_are_employees(crm: Connector, tryton: TrytonServer) -> None:
    people = {person.name: person for person in await crm.users()}
    assert people["Alice Martin"].id == str(tryton.seed.employees["Alice Martin"])
    assert people["Alice Martin"].email == "alice@example.com"
    assert people["Alice Martin"].active


async def test_prepare_is_idempotent(crm: Connector, connect: Any, tryton: TrytonServer) -> None:
    assert await crm.prepare([PERSON, LEAD]) == {PERSON: "origin", LEAD: "origin"}
    await connect().prepare([PERSON])
    admin = tryton.admin()
    assert len(admin.call("model.party.category.search", [["name", "=", "Person"]], 0, None, None)) == 1
    assert len(admin.call("model.party.relation.type.search", [["name", "=", "Employee of"]], 0, None, None)) == 1


# -- finding by number ------------------------------------------------------------------------------------------------


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(
    ("type", "written"),
    [
        ("phone", "+33 1 86 {a} {b} {c}"),
        ("other", "0033186{a}{b}{c}"),
        ("mobile", "+33186{a}{b}{c}"),
        ("other", "01 86 {a} {b} {c}"),
        ("other", "01.86.{a}.{b}.{c}"),
        ("other", "(+33) 1 86-{a}-{b}-{c}"),
        ("other", "+33 (0)1 86 {a} {b} {c}"),
        ("sip", "0186{a}{b}{c}"),
    ],
)
async def test_a_number_is_found_however_it_was_written(
    crm: Connector, tryton: TrytonServer, type: str, written: str
) -> None:
    a, b, c = (f"{secrets.randbelow(100):02}" for _ in range(3))
    value = written.format(a=a, b=b, c=c)
    rows = [["create", [{"type": "phone", "value": "+4532100200"}, {"type": type, "value": value}]]]
    id = tryton.admin().call("model.party.party.create", [{"name": "Known", "contact_mechanisms": rows}])[0]
    by = ["phone", "mobile", "other_phone", "fax"]
    found = await crm.find(ORGANISATION, by, [f"+33186{a}{b}{c}"], ["name"])
    assert [record.id for record in found] == [str(id)]
    from tieline.connectors.tryton.shapes import digits

    # The one that was looked for comes before the party's other number.
    numbers = [digits(found[0].fields[name] or "") for name in by]
    assert any(one.endswith(f"186{a}{b}{c}") for one in numbers)


async def test_many_numbers_take_one_request(crm: Connector, client: Client) -> None:
    numbers = [number() for _ in range(100)]
    await crm.push([create(ORGANISATION, {"name": one, "phone": one}) for one in numbers[:30]])
    before = client.requests
    found = await crm.find(ORGANISATION, ["phone", "mobile"], numbers, ["name"])
    assert client.requests - before == 1
    assert sorted(record.fields["phone"] for record in found) == sorted(numbers[:30])


async def test_persons_and_organisations_are_told_apart(crm: Connector) -> None:
    phone = number()
    organisation = await made(crm, ORGANISATION, {"name": "Duval SA", "phone": phone})
    person = await made(
        crm, PERSON, {"name": "Marie", "phone": phone, "organisation": Link(ORGANISATION, organisation)}
    )
    (found,) = await crm.find(PERSON, ["phone"], [phone], ["name", "organisation"])
    assert found.id == person
    assert found.fields["organisation"] == organisation
    assert [record.id for record in await crm.find(ORGANISATION, ["phone"], [phone], ["name"])] == [organisation]
    assert [one.id for one in await crm.find(PERSON, ["organisation"], [organisation], ["name"])] == [person]


async def test_a_lead_is_found_by_its_own_number_and_by_its_partys(crm: Connector, tryton: TrytonServer) -> None:
    own, partys = number(), number()
    owner = str(tryton.seed.employees["Bruno Keller"])
    lead = await made(crm, LEAD, {"name": own, "phone": own, "owner": owner})
    party = await made(crm, ORGANISATION, {"name": "With a lead", "phone": partys})
    known = await made(crm, LEAD, {"name": "Second", "organisation": Link(ORGANISATION, party)})
    found = {one.id: one.fields for one in await crm.find(LEAD, ["phone"], [own, partys], ["name", "owner"])}
    assert set(found) == {lead, known}
    assert found[lead]["owner"] == owner
    assert found[lead]["phone"] == own
    assert found[known]["phone"] == partys


# -- writing ----------------------------------------------------------------------------------------------------------


async def test_one_bad_of_three_leaves_the_others(crm: Connector) -> None:
    outcomes = await crm.push(
        [
            create(ORGANISATION, {"name": "First"}),
            create(ORGANISATION, {"name": "Second", "phone": "12"}),
            create(ORGANISATION, {"name": "Third"}),
        ]
    )
    first, second, third = outcomes
    assert isinstance(first, Written)
    assert isinstance(second, Rejected)
    assert (second.code, second.field) == ("invalid", "phone")
    assert "12" not in second.detail
    assert isinstance(third, Written)
    names = {one.id: one.fields["name"] for one in await crm.fetch(ORGANISATION, [first.id, third.id], ["name"])}
    assert names == {first.id: "First", third.id: "Third"}


async def test_a_value_of_the_wrong_kind_and_an_unknown_field_are_rejected(crm: Connector) -> None:
    outcomes = await crm.push(
        [
            create(LEAD, {"name": "a", "amount": "many"}),
            create(LEAD, {"name": "b", "favourite_colour": "blue"}),
            create(LEAD, {"name": "c", "owner": "999"}),
            create(LEAD, {"name": "d", "amount": 12.5, "start_date": "2026-11-20"}),
        ]
    )
    assert outcomes[0] == Rejected("wrong_type", "amount")
    assert outcomes[1] == Rejected("unknown_field", "favourite_colour")
    assert isinstance(outcomes[2], Rejected)
    assert outcomes[2].field == "employee"
    assert isinstance(outcomes[3], Written)
    (lead,) = await crm.fetch(LEAD, [outcomes[3].id], ["amount", "start_date"])
    assert lead.fields == {"amount": 12.5, "start_date": "2026-11-20"}


async def test_fifty_creates_take_one_request(crm: Connector, client: Client) -> None:
    await crm.push([create(LEAD, {"name": "warm"})])  # asks for the company once
    before = client.requests
    outcomes = await crm.push([create(LEAD, {"name": str(index)}) for index in range(150)])
    assert client.requests - before == 3
    assert all(isinstance(outcome, Written) for outcome in outcomes)


async def test_clearing_is_not_leaving_alone(crm: Connector) -> None:
    phone = number()
    values = {"name": "Full", "phone": phone, "email": "a@example.com", "street": "1 Rue X", "city": "Paris"}
    id = await made(crm, ORGANISATION, values)
    names = ["name", "phone", "email", "street", "city"]
    (outcome,) = await crm.push(
        [PushOperation(key(), "update", ORGANISATION, {"phone": None, "city": "Lyon"}, Link(ORGANISATION, id))]
    )
    assert isinstance(outcome, Written)
    (after,) = await crm.fetch(ORGANISATION, [id], names)
    assert after.fields == {
        "name": "Full",
        "phone": None,
        "email": "a@example.com",
        "street": "1 Rue X",
        "city": "Lyon",
    }
    # Other people's rows stay: a number is changed in its row, not beside it.
    other = number()
    await crm.push([PushOperation(key(), "update", ORGANISATION, {"phone": other}, Link(ORGANISATION, id))])
    assert [one.id for one in await crm.find(ORGANISATION, ["phone"], [other], [])] == [id]
    assert await crm.find(ORGANISATION, ["phone"], [phone], []) == []


async def test_an_update_keeps_the_key_in_the_comment(crm: Connector) -> None:
    origin = key()
    id = await made(crm, LEAD, {"name": "Lead", "comment": "Rang twice"}, origin)
    await crm.push([PushOperation(key(), "update", LEAD, {"comment": "Rang three times"}, Link(LEAD, id))])
    (found,) = await crm.find(LEAD, ["origin"], [origin], ["comment"])
    assert (found.id, found.fields["comment"]) == (id, "Rang three times")


async def test_gone_and_stale(crm: Connector) -> None:
    id = await made(crm, ORGANISATION, {"name": "Here"})
    (record,) = await crm.fetch(ORGANISATION, [id], ["name"])
    gone, stale, fresh = await crm.push(
        [
            PushOperation(key(), "update", ORGANISATION, {"name": "x"}, Link(ORGANISATION, "99999999")),
            PushOperation(key(), "update", ORGANISATION, {"name": "x"}, Link(ORGANISATION, id), "2001-01-01T00:00:00Z"),
            PushOperation(key(), "update", ORGANISATION, {"name": "y"}, Link(ORGANISATION, id), record.version),
        ]
    )
    assert gone == Gone()
    assert stale == Stale()
    assert isinstance(fresh, Written)
    assert await crm.fetch(ORGANISATION, ["99999999"], ["name"]) == []


async def test_a_deal_is_an_opportunity_with_party_and_employee(crm: Connector, tryton: TrytonServer) -> None:
    owner = str(tryton.seed.employees["Chiara Rossi"])
    organisation = await made(crm, ORGANISATION, {"name": "Buyer"})
    person = await made(crm, PERSON, {"name": "Buyer's friend"})
    deal, of_person, no_party, no_owner, no_button = await crm.push(
        [
            create(DEAL, {"name": "Sale", "organisation": organisation, "owner": owner, "stage": "opportunity"}),
            create(DEAL, {"name": "Sale 2", "person": Link(PERSON, person), "owner": owner}),
            create(DEAL, {"name": "Sale 3", "owner": owner}),
            create(DEAL, {"name": "Sale 4", "organisation": organisation}),
            create(DEAL, {"name": "Sale 5", "organisation": organisation, "owner": owner, "stage": "won"}),
        ]
    )
    assert isinstance(deal, Written)
    assert isinstance(of_person, Written)
    assert no_party == Rejected("required", "organisation")
    assert no_owner == Rejected("required", "owner")
    assert no_button == Rejected("not_possible", "stage")
    names = ["name", "organisation", "person", "owner", "stage", "stage_kind"]
    found = {one.id: one.fields for one in await crm.find(DEAL, ["organisation"], [organisation, person], names)}
    told = {"name": "Sale", "organisation": organisation, "person": None, "owner": owner}
    assert found[deal.id] == {**told, "stage": "opportunity", "stage_kind": "open"}
    assert found[of_person.id]["person"] == person
    assert found[of_person.id]["organisation"] is None
    (lost,) = await crm.push([PushOperation(key(), "update", DEAL, {"stage": "lost"}, Link(DEAL, deal.id))])
    assert isinstance(lost, Written)
    (after,) = await crm.fetch(DEAL, [deal.id], ["stage_kind"])
    assert after.fields["stage_kind"] == "lost"
    assert await crm.fetch(LEAD, [deal.id], ["name"]) == []


async def test_a_call_is_a_note_with_its_recording_beside_it(crm: Connector, tryton: TrytonServer) -> None:
    person = await made(crm, PERSON, {"name": "Caller"})
    lead = await made(crm, LEAD, {"name": "Lead"})
    values = {
        "subject": "Inbound call",
        "description": "Answered by Alice\n2 min 12 s",
        "start": "2026-11-20T08:01:00Z",
        "duration_s": 132,
        "direction": "inbound",
        "recording_url": "https://files.example.com/0.mp3",
    }
    on_person, on_lead, on_nobody = await crm.push(
        [
            create(NOTE, {**values, "person": person, "lead": lead}),
            create(NOTE, {**values, "lead": Link(LEAD, lead)}),
            create(NOTE, values),
        ]
    )
    assert isinstance(on_person, Written)
    assert isinstance(on_lead, Written)
    assert on_nobody == Rejected("required", "parent")
    names = [*values, "person", "lead", "organisation", "deal"]
    notes = {one.id: one.fields for one in await crm.fetch(NOTE, [on_person.id, on_lead.id, "99999"], names)}
    none = {"person": None, "lead": None, "organisation": None, "deal": None}
    assert notes[on_person.id] == {**values, **none, "person": person}
    assert notes[on_lead.id] == {**values, **none, "lead": lead}
    link = {"name": "Recording", "url": "https://files.example.com/1.mp3"}
    content = {"name": "Recording.mp3", "content": b"ID3 sound"}
    linked, copied, gone = await crm.push(
        [
            PushOperation(key(), "attach", NOTE, link, Link(NOTE, on_person.id)),
            PushOperation(key(), "attach", NOTE, content, Link(NOTE, on_lead.id)),
            PushOperation(key(), "attach", NOTE, link, Link(NOTE, "99999")),
        ]
    )
    assert isinstance(linked, Written)
    assert isinstance(copied, Written)
    assert gone == Gone()
    fields = ["resource", "link", "data"]
    rows = tryton.admin().call("model.ir.attachment.read", [int(linked.id), int(copied.id)], fields)
    there = {row["id"]: row for row in rows}
    assert there[int(linked.id)]["resource"] == f"party.party,{person}"
    assert there[int(linked.id)]["link"] == link["url"]
    assert there[int(copied.id)]["resource"] == f"sale.opportunity,{lead}"


@pytest.mark.proves("CALL-19")
async def test_a_recording_that_comes_later_joins_its_call(crm: Connector, connect: Any) -> None:
    """Nobody can change a note: the recording is attached beside it, once; other changes are refused."""
    lead = await made(crm, LEAD, {"name": "Lead"})
    note = await made(crm, NOTE, {"subject": "Call", "lead": lead})
    other = await made(crm, NOTE, {"subject": "Call", "lead": lead})
    late = PushOperation(key(), "update", NOTE, {"recording_url": "https://f.example.com/a?b=1"}, Link(NOTE, note))
    assert await crm.push([late]) == [Written(note)]
    assert await connect().push([late]) == [Written(note)]
    fields = {one.id: one.fields["recording_url"] for one in await crm.fetch(NOTE, [note, other], ["recording_url"])}
    assert fields == {note: "https://f.example.com/a?b=1", other: None}
    changed, missing = await crm.push(
        [
            PushOperation(key(), "update", NOTE, {"subject": "x"}, Link(NOTE, note)),
            PushOperation(key(), "update", NOTE, {"recording_url": "https://f.example.com/b"}, Link(NOTE, "99999")),
        ]
    )
    assert changed == Rejected("read_only", "subject")
    assert missing == Gone()


async def test_the_key_finds_what_was_made(crm: Connector) -> None:
    origins = {object: key() for object in (ORGANISATION, PERSON, LEAD)}
    ids = {object: await made(crm, object, {"name": "Mine"}, origin) for object, origin in origins.items()}
    for object, origin in origins.items():
        (found,) = await crm.find(object, ["origin"], [origin, key()], ["name"])
        assert (found.id, found.fields["origin"]) == (ids[object], origin)
        assert await crm.find(object, ["origin"], [origin[:-1]], []) == []


async def test_the_key_twice_makes_one_deal_one_note_one_attachment(
    crm: Connector, connect: Any, tryton: TrytonServer
) -> None:
    owner = str(tryton.seed.employees["Chiara Rossi"])
    party = await made(crm, ORGANISATION, {"name": "Once"})
    deal, note, file = key(), key(), key()
    operations = [
        create(DEAL, {"name": "One", "organisation": party, "owner": owner}, deal),
        create(NOTE, {"subject": "One", "organisation": party}, note),
    ]
    first = await crm.push(operations)
    attach = PushOperation(
        file, "attach", NOTE, {"name": "r", "url": "https://f.example.com/r"}, Link(NOTE, first[1].id)
    )  # type: ignore[union-attr]
    first += await crm.push([attach])
    again = await connect().push([*operations, attach])
    for before, after in zip(first, again, strict=True):
        assert isinstance(before, Written)
        assert after == Written(before.id, existed=True)


async def test_a_user_without_rights_is_told_which(connect: Any, tryton: TrytonServer) -> None:
    admin = tryton.admin()
    login = f"clerk{secrets.randbelow(10**6)}"
    clerk = admin.call("model.res.user.create", [{"name": login, "login": login}])[0]
    application = admin.call("model.res.user.application.create", [{"application": "rest", "user": clerk}])[0]
    its_key = admin.call("model.res.user.application.read", [application], ["key"])[0]["key"]
    poor = connect(key=its_key)
    with pytest.raises(ScopeError) as caught:
        await poor.push([create(LEAD, {"name": "Not mine to make"}), create(LEAD, {"name": "Nor this"})])
    assert caught.value.params["scope"] == "Sale Opportunity"
