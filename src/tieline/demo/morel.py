"""Atelier Morel SARL: who and what is in its Tryton before the day, and what must be there after it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from tieline.connectors.tryton.server import Rpc
from tieline.demo.day import DayCall, Expected
from tieline.demo.tally import Row, Tally, e164

COUNTRY = "FR"
ZONE = "Europe/Paris"

LINES: tuple[tuple[str, str, str], ...] = (
    ("0465712008", "Atelier", "Alice"),
    ("0465712009", "Bureau d’études", "Bruno"),
    ("0465712010", "Comptabilité", "Chiara"),
    ("0465712019", "Ligne privée", "ignore"),
    ("0465712020", "Accueil", ""),
)

DEFAULT_USER = "Dorte"
PERSON, EMPLOYEE_OF = "Person", "Employee of"


def seed(rpc: Rpc, company: int, employees: Mapping[str, int]) -> dict[tuple[str, int], str]:
    """Puts the old customers in; (model, id) → the name that the day file calls them by."""

    def phone(number: str, kind: str = "phone") -> list[Any]:
        return ["create", [{"type": kind, "value": number}]]

    def party(values: dict[str, Any]) -> int:
        return int(rpc.call("model.party.party.create", [values])[0])

    found = rpc.call("model.party.category.search", [["name", "=", PERSON]], 0, None, None)
    category = found[0] if found else rpc.call("model.party.category.create", [{"name": PERSON}])[0]
    kinds = rpc.call("model.party.relation.type.search", [["name", "=", EMPLOYEE_OF]], 0, None, None)
    kind = kinds[0] if kinds else rpc.call("model.party.relation.type.create", [{"name": EMPLOYEE_OF}])[0]
    leroy = party({"name": "Menuiserie Leroy", "contact_mechanisms": [phone("+33 4 72 00 11 22")]})
    jeanne = party(
        {
            "name": "Jeanne Roux",
            "categories": [["add", [category]]],
            "contact_mechanisms": [phone("06 12 00 00 01", "other")],
            "relations": [["create", [{"to": leroy, "type": kind}]]],
        }
    )
    paul = party(
        {
            "name": "Paul Petit",
            "categories": [["add", [category]]],
            "contact_mechanisms": [phone("+33612000002", "mobile")],
        }
    )
    lead = {"description": "Escalier chêne", "party": leroy, "company": company, "employee": employees["Alice"]}
    opportunity = rpc.call("model.sale.opportunity.create", [lead], context={"company": company})[0]
    rpc.call("model.sale.opportunity.opportunity", [opportunity], context={"company": company})
    return {
        ("party.party", leroy): "leroy",
        ("party.party", jeanne): "jeanne",
        ("party.party", paul): "paul",
        ("sale.opportunity", opportunity): "escalier",
    }


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
            match one.kind:
                case "C":
                    place = next((links[kind] for kind in "cla" if kind in links), "")
                    yield "note", call.time, one.call, place, "recording" if one.recording else ""
                case "L":
                    yield "lead", number, one.owner
                case "A":
                    yield "organisation", number
                case "P":
                    yield "person", number, links.get("a", "")
                case "D":
                    yield "deal", one.owner, links.get("a", "")


class Found:
    """What Tryton holds now, read by its own JSON-RPC."""

    def __init__(
        self,
        rpc: Rpc,
        company: int,
        employees: Mapping[str, int],
        names: Mapping[tuple[str, int], str],
        since_party: int,
    ) -> None:
        def read(model: str, domain: list[Any], fields: list[str]) -> list[dict[str, Any]]:
            return list(
                rpc.call(f"model.{model}.search_read", domain, 0, None, None, fields, context={"company": company})
            )

        self.names = names
        self.owners = {number: first for first, number in employees.items()}
        parties = read("party.party", [["id", ">", since_party]], ["name", "categories.rec_name"])
        mechanisms = read("party.contact_mechanism", [["type", "in", ["phone", "mobile", "other"]]], ["party", "value"])
        self.phone = {row["party"]: e164(row["value"], COUNTRY) for row in mechanisms}
        people = set(rpc.call("model.party.party.search", [["categories.name", "=", PERSON]], 0, None, None))
        self.parties = {row["id"]: ("c" if row["id"] in people else "a") for row in parties}
        relations = read("party.relation.all", [["type.name", "=", EMPLOYEE_OF]], ["from_", "to"])
        self.employer = {row["from_"]: row["to"] for row in relations}
        self.opportunities = read(
            "sale.opportunity",
            [],
            ["state", "party", "employee", "reference", "description", "contact.value_compact", "comment"],
        )
        self.notes = read("ir.note", [], ["resource", "message"])
        self.links = read("ir.attachment", [["type", "=", "link"]], ["resource", "link", "description"])

    def party(self, number: int | None) -> str:
        if number is None:
            return ""
        kind = self.parties.get(number, "?")
        return f"{kind}:{self.names.get(('party.party', number)) or self.phone.get(number, number)}"

    def lead_number(self, row: Mapping[str, Any]) -> str:
        """A lead's number: where Tieline puts it is the connector's affair, so any of these places counts."""
        text = " ".join(str(row.get(name) or "") for name in ("reference", "comment", "description"))
        found = re.search(r"\+\d[\d ]{6,}\d", text)
        return e164(found.group(0), COUNTRY) if found else self.phone.get(row["party"], "")

    def rows(self) -> Iterable[Row]:
        for number, kind in self.parties.items():
            if ("party.party", number) in self.names:
                continue
            phone = self.phone.get(number, "")
            yield ("organisation", phone) if kind == "a" else ("person", phone, self.party(self.employer.get(number)))
        leads: dict[int, str] = {}
        for row in self.opportunities:
            if ("sale.opportunity", row["id"]) in self.names:
                continue
            owner = self.owners.get(row["employee"], str(row["employee"]))
            if row["state"] == "lead" or row["party"] is None:
                leads[row["id"]] = self.lead_number(row)
                yield "lead", leads[row["id"]], owner
            else:
                yield "deal", owner, self.party(row["party"])
        for note in self.notes:
            yield self.note(note, leads)

    def note(self, note: Mapping[str, Any], leads: Mapping[int, str]) -> Row:
        model, _, number = note["resource"].partition(",")
        place = f"l:{leads.get(int(number), number)}" if model == "sale.opportunity" else self.party(int(number))
        message = note["message"]
        started = re.search(r"start=([0-9T:+\-Z.]+)", message)
        at = datetime.fromisoformat(started.group(1)).astimezone(ZoneInfo(ZONE)).strftime("%H:%M") if started else "?"
        direction = "Out" if "direction=outbound" in message else "In" if "direction=inbound" in message else "?"
        joined = any(f" note={note['id']}]" in (link["description"] or "") for link in self.links)
        return "note", at, direction, place, "recording" if "://" in message or joined else ""


def tally(calls: Iterable[DayCall], found: Found) -> Tally:
    """The day against Tryton."""
    made = Tally("calls: SipSim → Tryton")
    made.expected.update(expected_rows(calls))
    made.found.update(found.rows())
    return made
