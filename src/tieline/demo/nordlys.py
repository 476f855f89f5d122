"""Nordlys ApS: who and what is in its Zoho CRM before the day, and what must be there after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tieline.demo.day import DayCall, Expected
from tieline.demo.tally import Row, Tally, e164

COUNTRY = "DK"
ZONE = "Europe/Copenhagen"

LINES: tuple[tuple[str, str, str], ...] = (
    ("70100411", "Sales", "Anna"),
    ("70100412", "Workshop", "Bruno"),
    ("70100413", "Service", "Chloe"),
    ("70100414", "Felix, who has left", "Felix"),
    ("70100419", "Private line of the owner", "ignore"),
    ("70100420", "Reception", ""),
)
"""Number, label, manager's first name; "ignore" for a line that stays out of the CRM."""

DEFAULT_USER = "Emma"

STAGES_AT_NOON = {"Anna": "Qualification", "Bruno": "Needs Analysis", "*": "Value Proposition"}


def seed(users: Mapping[str, str], now: datetime) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, module, record) in an order in which links lead backwards; a link's value is {"@": name}."""

    def owner(first: str) -> dict[str, str]:
        return {"id": users[first]}

    def at(days: int) -> str:
        return (now - timedelta(days=days)).isoformat(timespec="seconds")

    return [
        ("duval", "Accounts", {"Account_Name": "Duval SARL", "Owner": owner("Anna")}),
        (
            "vestkyst",
            "Accounts",
            {"Account_Name": "Vestkyst Tømrer A/S", "Phone": "+45 75 12 34 00", "Owner": owner("Bruno")},
        ),
        ("skovly", "Accounts", {"Account_Name": "Skovly Dental", "Phone": "86 19 20 21", "Owner": owner("Anna")}),
        ("idahus", "Accounts", {"Account_Name": "Idas Hus", "Owner": owner("Dario")}),
        ("bak", "Accounts", {"Account_Name": "Bak & Bak I/S", "Phone": "45 00 00 01", "Owner": owner("Bruno")}),
        (
            "marie",
            "Contacts",
            {
                "First_Name": "Marie",
                "Last_Name": "Duval",
                "Phone": "+33 1 86 76 54 32",
                "Account_Name": {"@": "duval"},
                "Owner": owner("Anna"),
            },
        ),
        (
            "peter",
            "Contacts",
            {
                "First_Name": "Peter",
                "Last_Name": "Hansen",
                "Mobile": "20123456",
                "Account_Name": {"@": "vestkyst"},
                "Owner": owner("Bruno"),
            },
        ),
        (
            "signe",
            "Contacts",
            {"First_Name": "Signe", "Last_Name": "Mortensen", "Phone": "0045 31 22 33 44", "Owner": owner("Chloe")},
        ),
        (
            "ida",
            "Contacts",
            {"First_Name": "Ida", "Last_Name": "Nørgaard", "Account_Name": {"@": "idahus"}, "Owner": owner("Dario")},
        ),
        (
            "rikke",
            "Contacts",
            {
                "First_Name": "Rikke",
                "Last_Name": "Bak",
                "Phone": "+45 44 55 66 77",
                "Account_Name": {"@": "bak"},
                "Owner": owner("Bruno"),
            },
        ),
        (
            "lars",
            "Contacts",
            {
                "First_Name": "Lars",
                "Last_Name": "Bak",
                "Phone": "+4544556677",
                "Account_Name": {"@": "bak"},
                "Owner": owner("Bruno"),
            },
        ),
        (
            "bella",
            "Leads",
            {"Last_Name": "Ristorante Bella", "Company": "Bella", "Phone": "+39 011 555 0142", "Owner": owner("Dario")},
        ),
        (
            "ida-lead",
            "Leads",
            {
                "Last_Name": "Nørgaard",
                "Company": "Idas Hus",
                "Phone": "+45 40 40 40 40",
                "Owner": owner("Dario"),
                "Converted__s": True,
                "Converted_Contact": {"@": "ida"},
                "Converted_Account": {"@": "idahus"},
            },
        ),
        (
            "garage",
            "Deals",
            {
                "Deal_Name": "Garage at Vestkyst",
                "Stage": "Qualification",
                "Account_Name": {"@": "vestkyst"},
                "Owner": owner("Bruno"),
                "Created_Time": at(90),
            },
        ),
        (
            "lost",
            "Deals",
            {
                "Deal_Name": "Toiture atelier",
                "Stage": "Closed Lost",
                "Account_Name": {"@": "duval"},
                "Owner": owner("Anna"),
                "Created_Time": at(30),
            },
        ),
        (
            "old",
            "Deals",
            {
                "Deal_Name": "Chairs, two years ago",
                "Stage": "Qualification",
                "Account_Name": {"@": "skovly"},
                "Owner": owner("Anna"),
                "Created_Time": at(760),
            },
        ),
        (
            "kitchen",
            "Deals",
            {
                "Deal_Name": "Kitchen for Ida",
                "Stage": "Value Proposition",
                "Account_Name": {"@": "idahus"},
                "Contact_Name": {"@": "ida"},
                "Owner": owner("Dario"),
                "Created_Time": at(12),
            },
        ),
        (
            "roof",
            "Deals",
            {
                "Deal_Name": "Roof for Lars",
                "Stage": "Qualification",
                "Account_Name": {"@": "bak"},
                "Contact_Name": {"@": "lars"},
                "Owner": owner("Bruno"),
                "Created_Time": at(20),
            },
        ),
    ]


def expected_rows(calls: Iterable[DayCall]) -> Iterable[Row]:
    """A row per record that the day file asks for."""
    for call in calls:
        number = e164(call.number, COUNTRY)

        def named(link: str, number: str = number) -> str:
            kind, _, name = link.partition(":")
            return f"{kind}:{number}" if name == "new" else link

        person = next((one for one in call.expected if one.kind == "C"), Expected("C", ""))
        links = {link[0]: named(link) for link in person.links}
        for one in call.expected:
            own = {link[0]: named(link) for link in one.links}
            match one.kind:
                case "C":
                    yield (
                        "Calls",
                        call.time,
                        one.call,
                        one.owner,
                        own.get("c", ""),
                        own.get("l", own.get("a", "")),
                        "recording" if one.recording else "",
                    )
                case "T":
                    yield (
                        "Tasks",
                        one.owner,
                        own.get("c", ""),
                        own.get("l", own.get("a", "")),
                        "closed" if one.closed else "",
                    )
                case "L":
                    yield "Leads", number, one.owner
                case "A":
                    yield "Accounts", number, one.owner
                case "P":
                    yield "Contacts", number, one.owner, links.get("a", "")
                case "D":
                    yield "Deals", one.owner, one.stage, links.get("a", ""), links.get("c", "")


class Found:
    """The sandbox's records as rows; seeded ones are known by name and only counted where the day changed them."""

    def __init__(
        self,
        records: Mapping[str, list[dict[str, Any]]],
        names: Mapping[str, str],
        users: Mapping[str, str],
    ) -> None:
        self.records = records
        self.names = names
        self.owners = {user_id: first for first, user_id in users.items()}
        self.phones = {
            row["id"]: e164(row.get("Phone") or row.get("Mobile") or "", COUNTRY)
            for module in ("Accounts", "Contacts", "Leads")
            for row in records.get(module, ())
        }

    def link(self, kind: str, value: Any) -> str:
        """A linked record by the name that the day file gives it."""
        if not value:
            return ""
        return f"{kind}:{self.names.get(value['id']) or self.phones.get(value['id'], value['id'])}"

    def owner(self, row: Mapping[str, Any]) -> str:
        return self.owners.get(row["Owner"]["id"], row["Owner"]["id"])

    def what(self, row: Mapping[str, Any]) -> str:
        module = row.get("$se_module")
        return self.link({"Accounts": "a", "Leads": "l", "Deals": "d"}.get(module or "", "?"), row.get("What_Id"))

    def rows(self) -> Iterable[Row]:
        for module in ("Calls", "Tasks", "Leads", "Accounts", "Contacts", "Deals"):
            for row in self.records.get(module, ()):
                if row["id"] not in self.names:
                    yield self.row(module, row)

    def row(self, module: str, row: Mapping[str, Any]) -> Row:
        match module:
            case "Calls":
                started = datetime.fromisoformat(row["Call_Start_Time"]).astimezone(ZoneInfo(ZONE))
                kind = {"Inbound": "In", "Outbound": "Out", "Missed": "Missed"}.get(row["Call_Type"], row["Call_Type"])
                return (
                    "Calls",
                    started.strftime("%H:%M"),
                    kind,
                    self.owner(row),
                    self.link("c", row.get("Who_Id")),
                    self.what(row),
                    "recording" if row.get("Voice_Recording__s") else "",
                )
            case "Tasks":
                closed = "closed" if row.get("Status") == "Completed" else ""
                return "Tasks", self.owner(row), self.link("c", row.get("Who_Id")), self.what(row), closed
            case "Contacts":
                return "Contacts", self.phones[row["id"]], self.owner(row), self.link("a", row.get("Account_Name"))
            case "Deals":
                return (
                    "Deals",
                    self.owner(row),
                    row["Stage"],
                    self.link("a", row.get("Account_Name")),
                    self.link("c", row.get("Contact_Name")),
                )
            case _:
                return module, self.phones[row["id"]], self.owner(row)


def tally(calls: Iterable[DayCall], found: Found) -> Tally:
    """The day against the CRM; also that Signe, who had no account, stands at the new one (CALL-9)."""
    made = Tally("calls: five phone systems → Zoho CRM")
    made.expected.update(expected_rows(calls))
    made.found.update(found.rows())
    for row in found.records.get("Contacts", ()):
        if found.names.get(row["id"]) == "signe":
            made.found["signe’s account", found.link("a", row.get("Account_Name"))] += 1
    made.expected["signe’s account", "a:+4531223344"] += 1
    return made
