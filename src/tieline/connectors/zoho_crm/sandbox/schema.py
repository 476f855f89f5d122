"""The sandbox org's modules and fields, as Zoho CRM's documentation of v8 names them (zoho.com/crm/developer/docs/api/v8, "Fields Metadata")."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

ORG_ID = "5843210000000000001"


class Ids:
    """19-digit record ids, rising by one, always text."""

    def __init__(self, start: int) -> None:
        self._numbers: Iterator[int] = itertools.count(5843210000000000000 + start)

    def next(self) -> str:
        """The next id."""
        return str(next(self._numbers))


@dataclass(slots=True)
class FieldDef:
    """One field. ``values`` are pick list values (actual_value); ``target`` is the module that a lookup points to."""

    name: str
    kind: str
    label: str = ""
    length: int = 0
    mandatory: bool = False
    read_only: bool = False
    custom: bool = False
    unique: str = ""
    """"" not unique, "case" case sensitive, "nocase" not."""
    values: tuple[str, ...] = ()
    target: str = ""
    id: str = ""

    @property
    def is_lookup(self) -> bool:
        """Whether the value is another record or user."""
        return self.kind in ("lookup", "ownerlookup")


JSON_TYPES = {
    "integer": "integer", "bigint": "string", "currency": "double", "double": "double", "percent": "double", "boolean": "boolean",
    "lookup": "jsonobject", "ownerlookup": "jsonobject", "multiselectpicklist": "jsonarray",
}  # fmt: skip
LENGTHS = {
    "text": 255, "textarea": 32000, "email": 100, "phone": 30, "website": 450, "picklist": 120, "date": 20, "datetime": 120, "integer": 9,
    "bigint": 19, "currency": 16, "double": 16, "percent": 5, "boolean": 5, "lookup": 120, "ownerlookup": 120, "multiselectpicklist": 120,
}  # fmt: skip


def _field(spec: str) -> FieldDef:
    """``Name:kind[:flag…]``; flags: ``*`` mandatory, ``ro`` read-only, a number for the length, ``>Module`` for the target, ``a|b`` pick list values."""
    name, kind, *flags = spec.split(":")
    made = FieldDef(name, kind, name.replace("__s", "").replace("_", " "), LENGTHS[kind])
    for flag in flags:
        if flag == "*":
            made.mandatory = True
        elif flag == "ro":
            made.read_only = True
        elif flag.isdigit():
            made.length = int(flag)
        elif flag.startswith(">"):
            made.target = flag[1:]
        else:
            made.values = tuple(flag.split("|"))
    return made


_SYSTEM = (
    "Owner:ownerlookup", "Created_By:ownerlookup:ro", "Modified_By:ownerlookup:ro", "Created_Time:datetime:ro", "Modified_Time:datetime:ro",
    "Last_Activity_Time:datetime:ro", "Description:textarea",
)  # fmt: skip
_SOURCES = "Advertisement|Cold Call|Employee Referral|External Referral|Online Store|Partner|Public Relations|Trade Show|Web Research|Chat"
_STATUSES = (
    "Attempted to Contact|Contact in Future|Contacted|Junk Lead|Lost Lead|Not Contacted|Pre-Qualified|Not Qualified"
)
STAGES: tuple[tuple[str, str, int], ...] = (
    ("Qualification", "Open", 10), ("Needs Analysis", "Open", 20), ("Value Proposition", "Open", 40), ("Identify Decision Makers", "Open", 60),
    ("Proposal/Price Quote", "Open", 75), ("Negotiation/Review", "Open", 90), ("Closed Won", "Closed Won", 100), ("Closed Lost", "Closed Lost", 0),
    ("Closed-Lost to Competition", "Closed Lost", 0),
)  # fmt: skip
"""Stage, forecast type, probability."""

_FIELDS: dict[str, tuple[str, ...]] = {
    "Leads": (
        "Company:text:200", "First_Name:text:40", "Last_Name:text:*:80", "Full_Name:text:ro:120", "Designation:text:100", "Email:email",
        "Secondary_Email:email", "Phone:phone", "Mobile:phone", "Fax:phone", "Website:website", f"Lead_Source:picklist:{_SOURCES}",
        f"Lead_Status:picklist:{_STATUSES}", "Industry:picklist:ASP|Communications|Data/Telecom OEM|Large Enterprise|Manufacturing|Service Provider",
        "No_of_Employees:integer", "Annual_Revenue:currency", "Street:text:250", "City:text:100", "State:text:100", "Zip_Code:text:30",
        "Country:text:100", "Converted__s:boolean:ro", "Converted_Date_Time:datetime:ro", "Converted_Account:lookup:ro:>Accounts",
        "Converted_Contact:lookup:ro:>Contacts", "Converted_Deal:lookup:ro:>Deals",
    ),
    "Contacts": (
        "First_Name:text:40", "Last_Name:text:*:80", "Full_Name:text:ro:120", "Account_Name:lookup:>Accounts", "Email:email",
        "Secondary_Email:email", "Phone:phone", "Mobile:phone", "Home_Phone:phone", "Other_Phone:phone", "Asst_Phone:phone", "Title:text:100",
        "Department:text:50", f"Lead_Source:picklist:{_SOURCES}", "Date_of_Birth:date", "Mailing_Street:text:250", "Mailing_City:text:100",
        "Mailing_State:text:100", "Mailing_Zip:text:30", "Mailing_Country:text:100", "Email_Opt_Out:boolean",
    ),
    "Accounts": (
        "Account_Name:text:*:200", "Phone:phone", "Fax:phone", "Website:website", "Account_Number:text:40", "Parent_Account:lookup:>Accounts",
        "Account_Type:picklist:Analyst|Competitor|Customer|Distributor|Integrator|Investor|Other|Partner|Prospect|Reseller|Supplier|Vendor",
        "Industry:picklist:ASP|Communications|Data/Telecom OEM|Large Enterprise|Manufacturing|Service Provider", "Annual_Revenue:currency",
        "Employees:integer", "Billing_Street:text:250", "Billing_City:text:30", "Billing_State:text:30", "Billing_Code:text:30",
        "Billing_Country:text:30",
    ),
    "Deals": (
        "Deal_Name:text:*:120", "Stage:picklist:*:" + "|".join(stage for stage, _, _ in STAGES), "Pipeline:picklist:Standard", "Amount:currency",
        "Closing_Date:date", "Account_Name:lookup:>Accounts", "Contact_Name:lookup:>Contacts", "Probability:integer", "Next_Step:text:100",
        "Expected_Revenue:currency:ro", f"Lead_Source:picklist:{_SOURCES}", "Type:picklist:Existing Business|New Business",
    ),
    "Tasks": (
        "Subject:text:*:255", "Status:picklist:Not Started|Deferred|In Progress|Completed|Waiting for input",
        "Priority:picklist:High|Highest|Low|Lowest|Normal", "Due_Date:date", "Who_Id:lookup:>Contacts", "What_Id:lookup:>*",
        "Closed_Time:datetime:ro",
    ),
    "Calls": (
        "Subject:text:255", "Call_Type:picklist:*:Inbound|Outbound|Missed", "Call_Start_Time:datetime:*", "Call_Duration:text:20",
        "Call_Duration_in_seconds:integer", "Call_Purpose:picklist:Prospecting|Administrative|Negotiation|Demo|Project|Desk",
        "Call_Result:picklist:Interested|Not interested|No response/Busy|Requested more info|Requested call back|Invalid number",
        "Call_Agenda:textarea", "Outgoing_Call_Status:picklist:Completed|Scheduled|Overdue|Cancelled", "Caller_ID:phone:50",
        "Dialled_Number:phone:50", "Voice_Recording__s:website:1500", "CTI_Entry:boolean", "Scheduled_In_CRM:picklist:ro:Completed",
        "Who_Id:lookup:>Contacts", "What_Id:lookup:>*",
    ),
    "Events": ("Event_Title:text:*:255", "Start_DateTime:datetime:*", "End_DateTime:datetime:*", "Who_Id:lookup:>Contacts", "What_Id:lookup:>*"),
    "Products": ("Product_Name:text:*:200", "Product_Code:text:40", "Unit_Price:currency", "Product_Active:boolean"),
    "Notes": ("Note_Title:text:120", "Note_Content:textarea:65535", "Parent_Id:lookup:>*"),
}  # fmt: skip

NAME_FIELDS = {
    "Leads": "Full_Name", "Contacts": "Full_Name", "Accounts": "Account_Name", "Deals": "Deal_Name", "Tasks": "Subject", "Calls": "Subject",
    "Events": "Event_Title", "Products": "Product_Name", "Notes": "Note_Title",
}  # fmt: skip
SINGULAR = {
    "Leads": "Lead", "Contacts": "Contact", "Accounts": "Account", "Deals": "Deal", "Tasks": "Task", "Calls": "Call", "Events": "Meeting",
    "Products": "Product", "Notes": "Note",
}  # fmt: skip
PLURAL = {"Events": "Meetings"}
DUPLICATE_CHECK = {
    "Leads": ("Email",), "Contacts": ("Email",), "Accounts": ("Account_Name",), "Deals": ("Deal_Name",), "Products": ("Product_Name",),
}  # fmt: skip
"""The system's duplicate check fields of an upsert that names none."""


@dataclass(slots=True)
class Pipeline:
    """One pipeline of a Deals layout: its stages in order."""

    id: str
    name: str
    stages: list[tuple[str, str, str]]
    """id, stage, forecast type."""
    default: bool = False


@dataclass(slots=True)
class Layout:
    """One layout: which fields an admin made mandatory on it, and for Deals its pipelines."""

    id: str
    name: str
    required: set[str] = field(default_factory=set)
    pipelines: list[Pipeline] = field(default_factory=list)


@dataclass(slots=True)
class Module:
    """One module's definition."""

    id: str
    name: str
    fields: dict[str, FieldDef]
    layouts: list[Layout]


@dataclass(slots=True)
class User:
    """One user of the org."""

    id: str
    first_name: str
    last_name: str
    email: str
    status: str
    role: tuple[str, str]
    profile: tuple[str, str]
    confirmed: bool = True
    modified: float = 1767225600.0

    @property
    def full_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


class Schema:
    """Modules, layouts, pipelines and users of the org; built anew at each reset, with the same ids."""

    def __init__(self) -> None:
        self.ids = Ids(2000)
        self.modules: dict[str, Module] = {}
        for name, specs in _FIELDS.items():
            fields = {
                made.name: made
                for made in map(_field, (*specs, *_SYSTEM) if name != "Notes" else (*specs, *_SYSTEM[:5]))
            }
            for made in fields.values():
                made.id = self.ids.next()
                if made.name == "Owner":
                    made.label = f"{SINGULAR[name]} Owner"
            self.modules[name] = Module(self.ids.next(), name, fields, [Layout(self.ids.next(), "Standard")])
        self.add_pipeline(
            "Deals", self.modules["Deals"].layouts[0], "Standard", [(stage, kind) for stage, kind, _ in STAGES], True
        )
        role_ceo, role_sales = (self.ids.next(), "CEO"), (self.ids.next(), "Sales Manager")
        admin, standard = (self.ids.next(), "Administrator"), (self.ids.next(), "Standard")
        people = (
            ("Anna", "Lindqvist", "active"), ("Bruno", "Keller", "active"), ("Chloé", "Martin", "active"), ("Dario", "Conti", "active"),
            ("Emma", "Sørensen", "active"), ("Felix", "Novak", "inactive"),
        )  # fmt: skip
        self.users: dict[str, User] = {}
        for number, (first, last, status) in enumerate(people):
            email = f"{first.lower().replace('é', 'e')}@sandbox.example.com"
            user = User(
                self.ids.next(),
                first,
                last,
                email,
                status,
                role_sales if number else role_ceo,
                standard if number else admin,
            )
            self.users[user.id] = user
        self.settings_ids = Ids(80000)

    def add_pipeline(
        self, module: str, layout: Layout, name: str, stages: list[tuple[str, str]], default: bool = False
    ) -> Pipeline:
        """Put a pipeline on a layout; its name and stages join the pick lists."""
        made = Pipeline(self.ids.next(), name, [(self.ids.next(), stage, kind) for stage, kind in stages], default)
        layout.pipelines.append(made)
        fields = self.modules[module].fields
        for field_name, values in (("Pipeline", [name]), ("Stage", [stage for stage, _ in stages])):
            known = fields[field_name].values
            fields[field_name].values = (*known, *(value for value in values if value not in known))
        return made

    def add_layout(self, module: str, name: str, required: list[str]) -> Layout:
        """One more layout of a module."""
        made = Layout(self.ids.next(), name, set(required))
        self.modules[module].layouts.append(made)
        return made

    def add_field(self, module: str, made: FieldDef) -> FieldDef:
        """A custom field."""
        made.id = self.settings_ids.next()
        made.custom = True
        self.modules[module].fields[made.name] = made
        return made

    def user_ref(self, user_id: str, with_email: bool = False) -> dict[str, Any]:
        """A user as records show one."""
        user = self.users[user_id]
        return (
            {"name": user.full_name, "id": user.id, "email": user.email}
            if with_email
            else {"name": user.full_name, "id": user.id}
        )
