"""Customers by the thousand, the same ones for the same seed: as an agreement looks that is some years old."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

_FIRST = (
    "Nord",
    "Vest",
    "Syd",
    "Øst",
    "Hav",
    "Skov",
    "Mark",
    "By",
    "Sten",
    "Bro",
    "Kyst",
    "Sø",
    "Ås",
    "Lund",
    "Dal",
    "Holm",
)
_SECOND = (
    "byg",
    "tryk",
    "mad",
    "el",
    "vvs",
    "glas",
    "træ",
    "stål",
    "tekstil",
    "papir",
    "fisk",
    "korn",
    "plast",
    "farve",
    "maskin",
    "data",
)
_KINDS = ("A/S", "ApS", "I/S", "& Søn", "Service", "Handel", "Group", "Klinik")
_STREETS = ("Havnegade", "Nørregade", "Vestergade", "Møllevej", "Skolevej", "Bakken", "Åboulevarden", "Industrivej")
_PLACES = (
    ("1050", "København K"),
    ("2100", "København Ø"),
    ("5000", "Odense C"),
    ("8000", "Aarhus C"),
    ("9000", "Aalborg"),
    ("6000", "Kolding"),
)
_PEOPLE = ("Anne", "Mette", "Jens", "Lars", "Søren", "Kirsten", "Bo", "Ida")
_SURNAMES = ("Holm", "Krogh", "Lund", "Møller", "Bach", "Dam", "Friis", "Juhl")
_PLAIN = str.maketrans("øæå", "oaa")


def customer(number: int, chance: Random) -> dict[str, Any]:
    """One plausible customer, distinct by its number. Some have two addresses in one field, some two lines of address."""
    stem = f"{_FIRST[number % 16]}{_SECOND[number // 16 % 16]}"
    zip_code, city = chance.choice(_PLACES)
    domain = f"{stem}{number}.example".lower().translate(_PLAIN)
    values: dict[str, Any] = {
        "name": f"{stem} {_KINDS[number // 256 % 8]} {number}",
        "currency": "DKK",
        "customerGroupNumber": 1,
        "zone": 1,
        "paymentTermId": 1 + number % 2,
        "access": number % 211 != 0,
        "address1": f"{chance.choice(_STREETS)} {number % 200 + 1}",
        "postCode": zip_code,
        "city": city,
        "country": "Danmark",
        "cvrNo": f"{10_000_000 + number:08}",
        "phone": f"{20_000_000 + number % 70_000_000:08}",
        "email": f"info@{domain}",
        "homepage": f"www.{domain}",
        "emailAttachmentLanguage": 1,
        "language": 1,
    }
    if number % 7 == 0:
        values["address2"] = f"{number % 5 + 1}. sal"
    if number % 13 == 0:
        values["email"] += f" faktura@{domain}"
    if number % 17 == 0:
        values["iban"] = f"DK50{number:014}"
    if number % 5 == 0:
        values["mobilePhone"] = f"+45 {20_000_000 + number % 70_000_000}"
    return values


def customers(
    first: int, count: int, start: int, per_second: int, seed: int
) -> Iterator[tuple[int, dict[str, Any], int]]:
    """(number, content, last change): so many, ``per_second`` of them in each second from ``start`` on."""
    chance = Random(seed)
    for at in range(count):
        yield first + at, customer(first + at, chance), start + at // per_second


def contact(customer_number: int, at: int) -> dict[str, Any]:
    """The at-th contact of a customer."""
    name = f"{_PEOPLE[(customer_number + at) % 8]} {_SURNAMES[(customer_number // 8 + at) % 8]}"
    return {
        "customerNumber": customer_number,
        "name": name if at < 8 else f"{name} {at}",
        "email": f"person{at}.{customer_number}@sandbox.example",
        "phone": f"+45 {30_000_000 + customer_number % 60_000_000}",
        "receiveInvoices": at == 0,
    }
