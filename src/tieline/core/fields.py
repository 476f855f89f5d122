"""The canonical fields of each role: the names by which flows speak of what a vendor calls differently.

A connector's manifest maps those that its vendor has ([roles.<role>.fields]) and leaves out the others; `owner`, `status` and the
like are the vendor's ids as text. docs/reference/canonical-fields.md is written from here. A field that is missing here is added
here, so that two vendors never call one thing by two names: they could not be kept the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Canonical:
    """What a field holds. `value`: its form ("text", "link to account" …); `about`: what it is, for who writes a connector."""

    value: str
    about: str


TEXT, PHONE, EMAIL, USER, ID = "text", "phone number", "e-mail address", "id of a user", "id of a choice"
TIME, DATE, NUMBER, YES = "time", "date", "number", "yes or no"
LINK: Final = "link to "

ROLES: Final[Mapping[str, str]] = {
    "account": "a company: a customer, or one to be",
    "contact": "a person, of a company or alone",
    "lead": "somebody of whom nothing is known yet but an interest",
    "deal": "a chance to sell, in a stage of a pipeline",
    "task": "what a user is to do until a day",
    "call": "a phone call that took place, or did not",
}
SHAPES: Final[Mapping[str, str]] = {
    TEXT: "one line; `note` and `description` may have several",
    PHONE: "as the vendor keeps it; a field that stands for several vendor fields is read as a list",
    EMAIL: "as the vendor keeps it; likewise",
    USER: "text; `owners()` says who they are",
    ID: "text; `describe()` gives the choices with their labels",
    TIME: "ISO 8601 in UTC, `2026-01-15T10:30:00Z`",
    DATE: "`2026-01-15`",
    NUMBER: "int or float",
    YES: "bool",
    LINK + "…": "a link; the manifest's `links` names the role too",
}

_NAME = Canonical(TEXT, "What people call it. Made of several fields by the connector where the vendor keeps parts")
_PHONE = Canonical(PHONE, "Every number by which a caller is recognised; the first vendor field is written")
_MOBILE = Canonical(PHONE, "A mobile number kept apart from the others")
_FAX = Canonical(PHONE, "Fax number")
_EMAIL = Canonical(EMAIL, "The address for letters to it")
_WEBSITE = Canonical(TEXT, "Web address")
_OWNER = Canonical(USER, "The user whom it belongs to")
_ACTIVITY = Canonical(TIME, "When something happened with it last; of several that match, the latest comes first")
_CREATED = Canonical(TIME, "When it was made there")
_LAYOUT = Canonical(ID, "The form that it is kept in, which says what must be given")
_NOTE = Canonical(TEXT, "Remarks that people keep with it")
_DESCRIPTION = Canonical(TEXT, "What it is about, in lines")
_ACCOUNT = Canonical(LINK + "account", "The company that it belongs to")
_CONTACT = Canonical(LINK + "contact", "The person whom it is about")
_LEAD = Canonical(LINK + "lead", "The lead that it is about")
_DEAL = Canonical(LINK + "deal", "The deal that it is about")
_NUMBER = Canonical(TEXT, "Its number in the other system's books")
_ADDRESS: Mapping[str, Canonical] = {
    "street": Canonical(TEXT, "Street and house, in as many lines as it has"),
    "postal_code": Canonical(TEXT, "Postal code"),
    "city": Canonical(TEXT, "Town"),
    "country": Canonical(TEXT, "Country as the vendor writes it; the mapping says in which form"),
}

FIELDS: Final[Mapping[str, Mapping[str, Canonical]]] = {
    "account": {
        "name": _NAME,
        "phone": _PHONE,
        "mobile": _MOBILE,
        "fax": _FAX,
        "email": _EMAIL,
        "website": _WEBSITE,
        **_ADDRESS,
        "number": _NUMBER,
        "registration_number": Canonical(TEXT, "Number in the register of companies (CVR, SIREN, Handelsregister …)"),
        "tax_number": Canonical(TEXT, "VAT number, with its country's letters where it has them"),
        "ean": Canonical(TEXT, "EAN or GLN for electronic invoices"),
        "currency": Canonical(TEXT, "Currency that it is invoiced in, as ISO 4217"),
        "group": Canonical(ID, "Group of customers"),
        "vat_zone": Canonical(ID, "Zone that says which VAT it pays"),
        "terms": Canonical(ID, "Terms of payment"),
        "owner": _OWNER,
        "barred": Canonical(YES, "Whether nothing more may be sold to it"),
        "balance": Canonical(NUMBER, "What it owes, in its currency; never written"),
        "last_activity": _ACTIVITY,
        "created_at": _CREATED,
        "layout": _LAYOUT,
    },
    "contact": {
        "name": _NAME,
        "first_name": Canonical(TEXT, "Given name, where the vendor keeps it apart"),
        "last_name": Canonical(TEXT, "Family name, likewise"),
        "company": Canonical(TEXT, "The company's name, where it is text and no link"),
        "title": Canonical(TEXT, "What the person does there"),
        "phone": _PHONE,
        "mobile": _MOBILE,
        "fax": _FAX,
        "email": _EMAIL,
        "website": _WEBSITE,
        **_ADDRESS,
        "birthday": Canonical(DATE, "Day of birth"),
        "number": _NUMBER,
        "account": _ACCOUNT,
        "owner": _OWNER,
        "note": _NOTE,
        "last_activity": _ACTIVITY,
        "created_at": _CREATED,
        "layout": _LAYOUT,
    },
    "lead": {
        "name": _NAME,
        "company": Canonical(TEXT, "The company's name, which some vendors insist on"),
        "phone": _PHONE,
        "status": Canonical(ID, "How far it is"),
        "description": _DESCRIPTION,
        "owner": _OWNER,
        "account": _ACCOUNT,
        "contact": _CONTACT,
        "converted_account": Canonical(LINK + "account", "The company that it became"),
        "converted_contact": Canonical(
            LINK + "contact", "The contact that it became; such a lead is looked through to it"
        ),
        "last_activity": _ACTIVITY,
        "created_at": _CREATED,
        "layout": _LAYOUT,
    },
    "deal": {
        "name": _NAME,
        "account": _ACCOUNT,
        "contact": _CONTACT,
        "owner": _OWNER,
        "pipeline": Canonical(ID, "The pipeline that it is in"),
        "stage": Canonical(ID, "Its stage there"),
        "stage_kind": Canonical(TEXT, "`open`, `won` or `lost`; only read, made of the stage by the connector"),
        "amount": Canonical(NUMBER, "What it is worth"),
        "closing_date": Canonical(DATE, "When it is expected to be decided"),
        "description": _DESCRIPTION,
        "created_at": _CREATED,
        "layout": _LAYOUT,
    },
    "task": {
        "name": _NAME,
        "description": _DESCRIPTION,
        "due": Canonical(DATE, "Until when"),
        "status": Canonical(ID, "How far it is; `task_closed` of the capabilities names the one that means done"),
        "owner": _OWNER,
        "contact": _CONTACT,
        "account": _ACCOUNT,
        "lead": _LEAD,
        "deal": _DEAL,
    },
    "call": {
        "name": _NAME,
        "direction": Canonical(TEXT, "`inbound` or `outbound`"),
        "started_at": Canonical(TIME, "When it began"),
        "duration_s": Canonical(NUMBER, "Seconds that people talked; 0 where nobody did"),
        "outcome": Canonical(
            TEXT,
            "How it ended: `answered`, `missed`, `busy`, `no_answer`, `canceled`, `failed`, `rejected`, `voicemail`, `unknown`",
        ),
        "external_number": Canonical(PHONE, "The number outside, in E.164 where it is one"),
        "line_number": Canonical(PHONE, "Our number, likewise"),
        "description": _DESCRIPTION,
        "recording_url": Canonical(TEXT, "Where its recording is"),
        "owner": _OWNER,
        "contact": _CONTACT,
        "account": _ACCOUNT,
        "lead": _LEAD,
        "deal": _DEAL,
        "created_at": _CREATED,
    },
}
