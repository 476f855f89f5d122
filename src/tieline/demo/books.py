"""Customers kept the same, as part of the demo's day: Nordlys joins its CRM with e-conomic, Morel its Tryton with an address book.

Each company's evening has steps; after each the pair comes to rest. `EXPECTED_…` were written by hand from the requirements, never
computed: what stands in each system in the end, what is linked, and what waits for a person.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieline.connectors.carddav.server import RadicaleServer
from tieline.connectors.e_conomic.sandbox import APP_SECRET, GRANT
from tieline.demo.asking import get, post
from tieline.demo.tally import Row, Tally, e164
from tieline.store.connection import workspace_tx
from tieline.store.models import InboxItem, SyncEvent, SyncLink, SyncRun, SyncWaiting
from tieline.store.services import change_feeds, connections, customers, pairs
from tieline.store.team.models import User

QUIET_S = 90.0


@dataclass(slots=True)
class Books:
    """A pair of a company. steps: what happens, one after the other; what each is, in words."""

    workspace: int
    pair: int
    title: str
    steps: Sequence[tuple[str, Callable[[], None]]]
    count: Callable[[], Tally]

    def play(self) -> None:
        """All of it; after each step the pair comes to rest."""
        for _said, step in self.steps:
            step()
            until_quiet(self.workspace, self.pair)


def until_quiet(workspace: int, pair: int) -> None:
    """Waits until nothing of a pair is under way or due."""
    until = time.monotonic() + QUIET_S
    left: dict[str, int] = {}
    while time.monotonic() < until:
        with workspace_tx(workspace):
            here = {"workspace_id": workspace, "pair_id": pair}
            left = {
                "runs": SyncRun.objects.filter(**here, state="running").count(),
                "waiting": SyncWaiting.objects.filter(**here, state="due", due_at__isnull=False).count(),
                "deliveries": SyncEvent.objects.filter(**here).count(),
            }
        if not any(left.values()):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the pair is still busy after {QUIET_S:.0f} s: {left}")


# -- Nordlys: Zoho CRM and e-conomic ------------------------------------------------------------------------------------

CUSTOMERS: Sequence[Mapping[str, Any]] = (
    {"customerNumber": 1001, "name": "Vestkyst Tømrer A/S", "telephoneAndFaxNumber": "75123400", "city": "Esbjerg", "zip": "6700"},
    {"customerNumber": 1002, "name": "Skovly Dental", "telephoneAndFaxNumber": "86 19 20 21", "city": "Aarhus C", "zip": "8000"},
    {"customerNumber": 1003, "name": "Fjordglas ApS", "telephoneAndFaxNumber": "98 12 34 56", "city": "Aalborg", "zip": "9000",
     "ean": "5790000000012", "corporateIdentificationNumber": "30300303"},
    {"customerNumber": 1004, "name": "Lyngby Cykler", "telephoneAndFaxNumber": "45 87 00 11", "city": "Kongens Lyngby", "zip": "2800"},
    {"customerNumber": 1005, "name": "Møller & Søn", "telephoneAndFaxNumber": "62 21 00 99", "city": "Svendborg", "zip": "5700"},
    {"customerNumber": 1006, "name": "Havnens Fisk", "telephoneAndFaxNumber": "58 37 01 01", "city": "Korsør", "zip": "4220"},
    {"customerNumber": 1007, "name": "Duval SARL", "city": "Lyon", "zip": "69003"},
    {"customerNumber": 1008, "name": "Nordisk Papir A/S", "telephoneAndFaxNumber": "43 96 00 55", "city": "Brøndby", "zip": "2605"},
)  # fmt: skip
CONTACTS: Sequence[Mapping[str, Any]] = (
    {"customerNumber": 1003, "name": "Sofie Lund", "email": "sofie@fjordglas.example", "phone": "98 12 34 57"},
    {"customerNumber": 1004, "name": "Jens Krog", "email": "jens@lyngbycykler.example"},
)
COMES_LATER: Mapping[str, Any] = {
    "name": "Kystens Kaffe", "telephoneAndFaxNumber": "33 11 22 44", "city": "Dragør", "zip": "2791",
}  # fmt: skip
WON: Mapping[str, Any] = {
    "role": "deal", "link": "account", "tests": [{"field": "stage_kind", "operator": "is", "values": ["won"]}],
}  # fmt: skip
BECOMES_ACTIVE: Mapping[str, Any] = {
    "Account_Name": "Øresund Tagteknik", "Phone": "+45 33 69 20 20", "Billing_City": "København", "Billing_Code": "2300",
}  # fmt: skip
DEAL: Mapping[str, Any] = {
    "Deal_Name": "New roof", "Stage": "Qualification", "Pipeline": "Standard", "Closing_Date": "2026-12-31",
}  # fmt: skip

EXPECTED_NORDLYS: Sequence[Row] = (
    # what stands in e-conomic in the end: number, name, telephone, city, website, EAN (not mapped: it must not be erased)
    ("e-conomic", "1001", "Vestkyst Tømrer A/S", "+4575123400", "Esbjerg", "", ""),
    ("e-conomic", "1002", "Skovly Dental", "+4586192021", "Aarhus C", "", ""),
    # both were edited while the pair was off, in different fields: both edits are in both systems
    ("e-conomic", "1003", "Fjordglas ApS", "+4598123456", "Nørresundby", "https://fjordglas.example", "5790000000012"),
    # both were edited in the same field: nothing is overwritten, a person is asked
    ("e-conomic", "1004", "Lyngby Cykler", "+4545870012", "Kongens Lyngby", "", ""),
    ("e-conomic", "1015", "Møller & Søn", "+4562210099", "Svendborg", "", ""),
    ("e-conomic", "1007", "Duval SARL", "", "Lyon", "", ""),
    ("e-conomic", "1008", "Nordisk Papir A/S", "+4543960055", "Brøndby", "", ""),
    ("e-conomic", "1009", "Kystens Kaffe", "+4533112244", "Dragør", "", ""),
    # only known to the CRM, until its deal was won: then it is a customer of the books, once
    ("e-conomic", "1016", "Øresund Tagteknik", "+4533692020", "København", "", ""),
    # what stands in Zoho CRM
    ("Zoho CRM", "Vestkyst Tømrer A/S", "+4575123400", "Esbjerg", ""),
    ("Zoho CRM", "Skovly Dental", "+4586192021", "Aarhus C", ""),
    ("Zoho CRM", "Fjordglas ApS", "+4598123456", "Nørresundby", "https://fjordglas.example"),
    ("Zoho CRM", "Lyngby Cykler", "+4545870013", "Kongens Lyngby", ""),
    ("Zoho CRM", "Møller & Søn", "+4562210099", "Svendborg", ""),
    # deleted in e-conomic: nothing is deleted in the CRM before somebody says so
    ("Zoho CRM", "Havnens Fisk", "+4558370101", "Korsør", ""),
    ("Zoho CRM", "Nordisk Papir A/S", "+4543960055", "Brøndby", ""),
    ("Zoho CRM", "Kystens Kaffe", "+4533112244", "Dragør", ""),
    ("Zoho CRM", "Øresund Tagteknik", "+4533692020", "København", ""),
    # contact persons come along with their customer, from either side: two that the books knew, Peter whom the CRM knew, and
    # two callers without a name of whom the day's calls made contacts
    ("Zoho CRM contact", "Sofie Lund", "sofie@fjordglas.example", "Fjordglas ApS"),
    ("Zoho CRM contact", "Jens Krog", "jens@lyngbycykler.example", "Lyngby Cykler"),
    ("Zoho CRM contact", "Peter Hansen", "", "Vestkyst Tømrer A/S"),
    ("Zoho CRM contact", "+45 75 12 34 00", "", "Vestkyst Tømrer A/S"),
    ("Zoho CRM contact", "+45 86 19 20 21", "", "Skovly Dental"),
    ("e-conomic contact", "Sofie Lund", "sofie@fjordglas.example", "1003"),
    ("e-conomic contact", "Jens Krog", "jens@lyngbycykler.example", "1004"),
    ("e-conomic contact", "Peter Hansen", "", "1001"),
    ("e-conomic contact", "+45 75 12 34 00", "", "1001"),
    ("e-conomic contact", "+45 86 19 20 21", "", "1002"),
    # links and what they wait for
    ("link", "account", "Vestkyst Tømrer A/S", "linked"),
    ("link", "account", "Skovly Dental", "linked"),
    ("link", "account", "Fjordglas ApS", "linked"),
    ("link", "account", "Lyngby Cykler", "conflict"),
    ("link", "account", "Møller & Søn", "linked"),
    ("link", "account", "Havnens Fisk", "pending"),
    ("link", "account", "Nordisk Papir A/S", "linked"),
    ("link", "account", "Kystens Kaffe", "linked"),
    ("link", "account", "Øresund Tagteknik", "linked"),
    ("link", "contact", "Sofie Lund", "linked"),
    ("link", "contact", "Jens Krog", "linked"),
    ("link", "contact", "Peter Hansen", "linked"),
    ("link", "contact", "+45 75 12 34 00", "linked"),
    ("link", "contact", "+45 86 19 20 21", "linked"),
    # questions: the same name alone is not enough; two telephones; one deletion
    ("question", "match", "Duval SARL"),
    ("question", "conflict", "Lyngby Cykler"),
    ("question", "deletion", "Havnens Fisk"),
)


def nordlys_books(workspace: int, user: User, crm: int, sandbox: str, consent: Callable[[], None]) -> Books:
    """e-conomic is connected, holds its customers, and is joined with the CRM. consent: to the rights that this needs there."""
    post(f"{sandbox}/_control/e_conomic/records", {"customers": list(CUSTOMERS), "contacts": list(CONTACTS)})
    typed = {"app_secret_token": APP_SECRET, "agreement_grant_token": GRANT}
    erp = connections.connect(workspace, user, "e_conomic", typed, title="e-conomic", environment="sandbox")
    change_feeds.set_up(workspace, user, erp.pk)
    pair = pairs.create(workspace, user, crm, erp.pk)
    # the accounts that calls make are no customers of the books before one of their deals is won
    kept = customers.pair(workspace, pair)
    pairs.save(workspace, user, pair, {**dict(kept.settings or {}), "crm_new": "when_active", "active": dict(WON)})
    consent()
    pairs.go_live(workspace, user, pair, True)
    token = post(f"{sandbox}/_control/zoho_crm/token", {})
    crm_api = f"{token['api_domain']}/crm/v8"
    header = {"Authorization": f"Zoho-oauthtoken {token['access_token']}"}

    def transfer() -> None:
        pairs.ask(workspace, user, pair, "transfer", {"from": "right", "mark": True})

    def while_off() -> None:
        pairs.switch(workspace, user, pair, False)
        edit(sandbox, 1003, city="Nørresundby")
        edit(sandbox, 1004, telephoneAndFaxNumber="45 87 00 12")
        ids = {row["Account_Name"]: row["id"] for row in get(f"{sandbox}/_control/zoho_crm/records?module=Accounts")}
        rows = [
            {"id": ids["Fjordglas ApS"], "Website": "https://fjordglas.example"},
            {"id": ids["Lyngby Cykler"], "Phone": "+45 45 87 00 13"},
        ]
        post(f"{crm_api}/Accounts", {"data": rows}, header, "PUT")
        pairs.switch(workspace, user, pair, True)
        pairs.ask(workspace, user, pair, "changes", {"poll": "all"})

    def by_webhook() -> None:
        """Nothing of this is in a list of changes: the deliveries alone tell of a new number and a deletion."""
        post(f"{sandbox}/_control/e_conomic/renumber", {"from": 1005, "to": 1015})
        post(f"{sandbox}/_control/e_conomic/delete", {"number": 1006})
        post(f"{sandbox}/_control/e_conomic/reuse", {"number": 1009, "values": COMES_LATER})
        get(f"{sandbox}/_control/e_conomic/delivered")
        until_arrived(workspace, pair)

    def put(module: str, values: Mapping[str, Any]) -> str:
        made = post(f"{crm_api}/{module}", {"data": [dict(values)]}, header)
        return str(made["data"][0]["details"]["id"])

    def changes() -> None:
        pairs.ask(workspace, user, pair, "changes", {"poll": "all"})
        until_quiet(workspace, pair)

    def won() -> None:
        """Won once, lost, and won again: the customer is made by the first of it."""
        deal = put("Deals", {**DEAL, "Account_Name": {"id": put("Accounts", BECOMES_ACTIVE)}})
        changes()
        for stage in ("Closed Won", "Closed Lost", "Closed Won"):
            post(f"{crm_api}/Deals", {"data": [{"id": deal, "Stage": stage}]}, header, "PUT")
            changes()

    def count() -> Tally:
        made = Tally("customers: Zoho CRM ↔ e-conomic")
        made.expected.update(EXPECTED_NORDLYS)
        made.found.update(_nordlys_rows(workspace, pair, sandbox))
        return made

    steps = [
        ("transfer of all customers from e-conomic", transfer),
        ("edits on both sides while it was switched off", while_off),
        ("a new number, a deletion, a new customer, told by webhook", by_webhook),
        ("a deal that is won, lost and won again: its customer is made in e-conomic", won),
    ]
    return Books(workspace, pair, "Zoho CRM ↔ e-conomic", steps, count)


def _nordlys_rows(workspace: int, pair: int, sandbox: str) -> Iterable[Row]:
    for row in get(f"{sandbox}/_control/e_conomic/records?module=customers"):
        phone = e164(row.get("telephoneAndFaxNumber") or "", "DK")
        texts = (row.get("city"), row.get("website"), row.get("ean"))
        yield ("e-conomic", str(row["customerNumber"]), row["name"], phone, *(text or "" for text in texts))
    for row in get(f"{sandbox}/_control/e_conomic/records?module=contacts"):
        yield "e-conomic contact", row["name"], row.get("email") or "", str(row["customerNumber"])
    linked, rows = _links(workspace, pair)
    records = get(f"{sandbox}/_control/zoho_crm/records")
    names = {row["id"]: row["Account_Name"] for row in records["Accounts"]}
    for row in records["Accounts"]:
        if ("account", row["id"]) in linked:
            phone = e164(row.get("Phone") or "", "DK")
            yield "Zoho CRM", row["Account_Name"], phone, row.get("Billing_City") or "", row.get("Website") or ""
    for row in records["Contacts"]:
        if ("contact", row["id"]) in linked:
            name = " ".join(part for part in (row.get("First_Name"), row.get("Last_Name")) if part)
            yield (
                "Zoho CRM contact",
                name,
                row.get("Email") or "",
                names.get((row.get("Account_Name") or {}).get("id"), ""),
            )
    yield from rows


# -- Morel: a real Tryton and a real CardDAV server ---------------------------------------------------------------------

CARDS: Mapping[str, str] = {
    "jeanne": "FN:Jeanne Roux\r\nN:Roux;Jeanne;;;\r\nTEL;TYPE=cell:+33 6 12 00 00 01\r\nX-CLUB:Escalade\r\n",
    "paul": "FN:Paul Petit\r\nN:Petit;Paul;;;\r\nTEL;TYPE=cell:+33 6 12 00 00 02\r\n",
    "luc": "FN:Luc Fabre\r\nN:Fabre;Luc;;;\r\nEMAIL:luc@fabre.example\r\nTEL:+33 4 78 00 10 10\r\n",
    "nadia": "FN:Nadia Benali\r\nN:Benali;Nadia;;;\r\nEMAIL:nadia@benali.example\r\nX-CLUB:Tennis\r\n",
    "chloe": "FN:Chloé Masson\r\nN:Masson;Chloé;;;\r\nEMAIL:chloe@masson.example\r\n",
}

EXPECTED_MOREL: Sequence[Row] = (
    # the address book: name, e-mail, telephone, and a property that nobody mapped
    ("Radicale", "Jeanne Roux", "", "+33612000001", "Escalade"),
    ("Radicale", "Paul Petit", "", "+33612000002", ""),
    # edited on both sides in different fields: both edits are on the card, and what is not mapped is still there
    ("Radicale", "Nadia Benali", "nadia@benali-freres.example", "+33478555566", "Tennis"),
    ("Radicale", "Chloé Masson", "chloe@masson.example", "", ""),
    # Tryton
    ("Tryton", "Jeanne Roux", "", "+33612000001"),
    ("Tryton", "Paul Petit", "", "+33612000002"),
    ("Tryton", "Luc Fabre", "luc@fabre.example", "+33478001010"),
    ("Tryton", "Nadia Benali", "nadia@benali-freres.example", "+33478555566"),
    ("Tryton", "Chloé Masson", "chloe@masson.example", ""),
    ("link", "contact", "Jeanne Roux", "linked"),
    ("link", "contact", "Paul Petit", "linked"),
    ("link", "contact", "Luc Fabre", "pending"),
    ("link", "contact", "Nadia Benali", "linked"),
    ("link", "contact", "Chloé Masson", "linked"),
    ("question", "deletion", "Luc Fabre"),
)


def morel_books(workspace: int, user: User, crm: int, rpc: Any, radicale: RadicaleServer) -> Books:
    """The address book is connected, holds its cards, and is joined with Tryton."""
    radicale.put_in({f"{name}.vcf": card(name) for name in CARDS})
    typed = {"url": radicale.base_url, "user": radicale.user, "password": radicale.password}
    book = connections.connect(workspace, user, "carddav", typed, title="Radicale")
    pair = pairs.create(workspace, user, crm, book.pk)
    kept = customers.pair(workspace, pair)
    pairs.save(workspace, user, pair, {**dict(kept.settings or {}), "crm_new": "by_hand", "default_country": "FR"})
    pairs.go_live(workspace, user, pair, True)

    def transfer() -> None:
        pairs.ask(workspace, user, pair, "transfer", {"from": "right", "mark": True})

    def while_off() -> None:
        pairs.switch(workspace, user, pair, False)
        text = (radicale.collection() / "nadia.vcf").read_text(encoding="utf-8")
        radicale.put_in({"nadia.vcf": text.replace("nadia@benali.example", "nadia@benali-freres.example")})
        (radicale.collection() / "luc.vcf").unlink()
        found = rpc.call("model.party.party.search", [["name", "=", "Nadia Benali"]], 0, None, None)
        phone = {"contact_mechanisms": [["create", [{"type": "phone", "value": "+33 4 78 55 55 66"}]]]}
        rpc.call("model.party.party.write", found, phone)
        pairs.switch(workspace, user, pair, True)
        pairs.ask(workspace, user, pair, "changes", {"poll": "all"})

    def count() -> Tally:
        made = Tally("customers: Tryton ↔ Radicale")
        made.expected.update(EXPECTED_MOREL)
        made.found.update(_morel_rows(workspace, pair, rpc, radicale))
        return made

    steps = [
        ("transfer of all cards from the address book", transfer),
        ("edits on both sides and a deletion while it was switched off", while_off),
    ]
    return Books(workspace, pair, "Tryton ↔ Radicale (both real servers)", steps, count)


def card(name: str) -> str:
    """A card as the address book's own programs write it."""
    return f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\n{CARDS[name]}END:VCARD\r\n"


def _morel_rows(workspace: int, pair: int, rpc: Any, radicale: RadicaleServer) -> Iterable[Row]:
    for path in sorted(radicale.collection().glob("*.vcf")):
        found: dict[str, str] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _colon, value = line.partition(":")
            found.setdefault(name.partition(";")[0].rpartition(".")[2].upper(), value)
        phone = e164(found.get("TEL", ""), "FR")
        yield "Radicale", found["FN"], found.get("EMAIL", ""), phone, found.get("X-CLUB", "")
    linked, rows = _links(workspace, pair)
    ids = [int(id) for role, id in linked if role == "contact"]
    wanted = ["name", "contact_mechanisms"]
    for party in rpc.call("model.party.party.read", ids, wanted):
        means = rpc.call("model.party.contact_mechanism.read", party["contact_mechanisms"], ["type", "value"])
        email = next((one["value"] for one in means if one["type"] == "email"), "")
        phone = next((one["value"] for one in means if one["type"] in ("phone", "mobile", "other")), "")
        yield "Tryton", party["name"], email, e164(phone, "FR")
    yield from rows


# -- both ---------------------------------------------------------------------------------------------------------------


def _links(workspace: int, pair: int) -> tuple[set[tuple[str, str]], list[Row]]:
    """(role, id of the left) of every link; links and open questions as rows."""
    with workspace_tx(workspace):
        links = list(SyncLink.objects.filter(workspace_id=workspace, pair_id=pair))
        asked = InboxItem.objects.filter(workspace_id=workspace, pair=pair, state="open").values_list("kind", "name")
        questions: list[Row] = [("question", kind, name) for kind, name in asked]
    rows: list[Row] = [("link", one.role, one.name, one.state) for one in links]
    return {(one.role, one.left_id) for one in links}, rows + questions


def until_arrived(workspace: int, pair: int) -> None:
    """Waits until the deliveries were read: each names a record that is linked or gone by now."""
    until = time.monotonic() + QUIET_S
    while time.monotonic() < until:
        with workspace_tx(workspace):
            links = SyncLink.objects.filter(workspace_id=workspace, pair_id=pair)
            found = Counter(links.filter(right_id__in=["1009", "1015"]).values_list("right_id", flat=True))
            if len(found) == 2 and links.filter(state="pending").exists():
                return
        time.sleep(0.2)
    raise RuntimeError("the deliveries did not arrive")


def edit(sandbox: str, number: int, **values: Any) -> None:
    """A person changes a customer in e-conomic's own pages."""
    post(f"{sandbox}/_control/e_conomic/edit", {"number": number, "values": values})
