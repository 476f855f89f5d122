"""Phone numbers as values: what a raw text means, and whether two texts mean the same line.

The withheld list is tested before parsing: 266696687 ("ANONYMOUS" on a keypad) would else be a valid French number.
Letters are never read as digits, and what cannot be told apart is no number. Sources: vendors/telephony section 4,
libphonenumber 9 (phonenumberslite).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, ValidationResult, shortnumberinfo

PhoneKind = Literal["number", "withheld", "short", "internal", "invalid", "empty"]
"""number: possible by the numbering plan · withheld: the caller hid it · short: a short code of the country (112, 3949) ·
internal: an extension · invalid: something else is written there · empty: nothing is."""

NumberMatch = Literal["exact", "nsn", "no"]
"""exact: both name the country · nsn: one of them leaves the country to the default · no: not surely the same line."""

KEYPAD_WORDS = frozenset({"266696687", "7378742833", "86282452253", "8656696", "2562533"})
"""ANONYMOUS, RESTRICTED, UNAVAILABLE, UNKNOWN, BLOCKED as typed on a keypad; they come with and without plus."""

WITHHELD_WORDS = frozenset(
    [
        "anonymous",
        "anonym",
        "anonyme",
        "anonimo",
        "anonymousinvalid",
        "restricted",
        "unavailable",
        "unknown",
        "private",
        "privatenumber",
        "blocked",
        "withheld",
        "hidden",
        "nocallerid",
        "nocallid",
        "nonumber",
        "callerid",
        "secret",
        "suppressed",
        "notavailable",
        "unknownnumber",
        "numberwithheld",
        "withheldnumber",
        "masque",
        "numeromasque",
        "appelmasque",
        "prive",
        "numeroprive",
        "inconnu",
        "numeroinconnu",
        "indisponible",
        "skjult",
        "skjultnummer",
        "hemmelig",
        "hemmeligtnummer",
        "ukendt",
        "ukendtnummer",
        "nascosto",
        "numeronascosto",
        "privato",
        "numeroprivato",
        "sconosciuto",
        "numerosconosciuto",
        "riservato",
        "numeroriservato",
    ]
)
"""Words for a withheld number, without accents, blanks and case."""

_UNFILLED = re.compile(r"^(?:\[[^\]]*\]|\{\{?[^}]*\}?\}|%[^%]*%|null|none|undefined|nil)$", re.IGNORECASE)
"""A variable that a phone system could not fill arrives as its own name: nothing was said."""

_ADDRESS = re.compile(r"^[^<]*<([^>]*)>.*$", re.DOTALL)
_SCHEME = re.compile(r"^(sips?|tel|callto):", re.IGNORECASE)
_SERVICE = re.compile(r"^[*#]{1,2}\d{1,3}[*#](?=[+\d(])")
"""Service codes before a number (*31# hides the own number)."""

_EXTENSION = re.compile(
    r"(?:;\s*ext\s*=|,{1,2}|;|#|\b(?:extension|ext|poste|pst|lokalnummer|lokalnr|lokal|interno|int|durchwahl|x)\b\.?|(?<=[\d\s])x)"
    r"\s*[:.]?\s*(\d{1,7})\s*#?\s*\)?\s*$",
    re.IGNORECASE,
)
_RUN = re.compile(r"[+(]{0,2}\d[\d\s().\-‐‑‒–—·]*")
"""A stretch of characters that people write in one number."""

_PLAIN = re.compile(r"^[+(]{0,2}\d[\d\s().\-‐‑‒–—·/]*$")
_NOT_DIGITS = re.compile(r"\D+")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Phone:
    """What a raw text means.

    e164     "+33612345678", only for kind "number"; the Italian zero is part of it
    ext      the extension behind a number, digits; extensions are outside E.164
    digits   the digits of a short code or an extension ("102"), else ""
    coded    the text itself named the country (+, 00)
    """

    raw: str
    kind: PhoneKind
    e164: str = ""
    ext: str = ""
    digits: str = ""
    coded: bool = False

    @property
    def is_number(self) -> bool:
        return self.kind == "number"

    @property
    def international(self) -> str:
        """As people write it for anybody: "+33 6 12 34 56 78"; the raw text where it is no number."""
        return _written(self.e164, PhoneNumberFormat.INTERNATIONAL) if self.e164 else self.raw.strip()

    @property
    def national(self) -> str:
        """As people write it in its own country: "06 12 34 56 78"."""
        return _written(self.e164, PhoneNumberFormat.NATIONAL) if self.e164 else self.raw.strip()

    @property
    def valid(self) -> bool:
        """Whether the numbering plan knows such a number; matching asks less (a possible length), pages may show it."""
        return bool(self.e164) and _valid(self.e164)


@lru_cache(maxsize=8_192)
def phone(raw: str | None, country: str = "FR") -> Phone:
    """The first number in a text; `country` (ISO 3166 alpha-2) is where it is dialled from."""
    found = _read(raw or "", country)
    return found[0]


@lru_cache(maxsize=8_192)
def phones(raw: str | None, country: str = "FR") -> tuple[Phone, ...]:
    """Every number in a text: fields of a CRM hold "a / b". Only those of kind "number"."""
    return tuple(found for found in _read(raw or "", country) if found.kind == "number")


def same_number(a: str | None, b: str | None, country: str = "FR") -> NumberMatch:
    """Whether two texts mean the same line. A number with and without extension, or with and without the Italian zero,
    is not the same; withheld, short and internal ones never are."""
    for left in phones(a, country):
        for right in phones(b, country):
            if left.e164 == right.e164 and left.ext == right.ext:
                return "exact" if left.coded and right.coded else "nsn"
    return "no"


def known_country(country: str) -> bool:
    """Whether numbers can be read from this country (ISO 3166 alpha-2, upper case)."""
    return country in phonenumbers.SUPPORTED_REGIONS


def _read(raw: str, country: str) -> tuple[Phone, ...]:
    """All that a text says; never empty."""
    text = raw if raw.isascii() else _plain_text(raw)
    text = text.strip()
    if not text or _UNFILLED.match(text):
        return (Phone(raw, "empty"),)
    if _PLAIN.match(text):  # by far the most common: nothing but a number
        digits = _NOT_DIGITS.sub("", text)
        if _is_withheld(digits):
            return (Phone(raw, "withheld"),)
        single = _number(raw, text, country, "")
        if single is not None:
            return (single,)
        if "/" not in text:
            return (_not_a_number(raw, text, digits, country),)
    return _read_more(raw, text, country)


def _read_more(raw: str, text: str, country: str) -> tuple[Phone, ...]:
    """URIs, words, extensions, several numbers."""
    if (inner := _ADDRESS.match(text)) is not None:
        text = inner[1].strip()
    scheme = _SCHEME.match(text)
    if scheme is not None:
        text = _without_scheme(text[scheme.end() :], sip=scheme[1].lower().startswith("sip"))
    text = _SERVICE.sub("", text)
    if not any(sign.isdigit() for sign in text) or _is_withheld(_NOT_DIGITS.sub("", text)):
        return (Phone(raw, _wordless_kind(text)),)
    ext = ""
    if (tail := _EXTENSION.search(text)) is not None:
        ext = tail[1]
        text = text[: tail.start()].strip()
        if not text:
            return (Phone(raw, "internal", digits=ext),)
    numbers = _numbers(raw, text, country, ext)
    if numbers:
        return numbers
    if _LETTER.search(text):
        return (Phone(raw, "invalid"),)
    return (_not_a_number(raw, text, _NOT_DIGITS.sub("", text), country),)


def _numbers(raw: str, text: str, country: str, ext: str) -> tuple[Phone, ...]:
    found: dict[str, Phone] = {}
    runs = [run[0].strip(" .-(") for run in _RUN.finditer(text)]
    for position, run in enumerate(runs):
        if _is_withheld(_NOT_DIGITS.sub("", run)):
            continue
        number = _number(raw, run, country, ext if position == len(runs) - 1 else "")
        if number is not None:
            found.setdefault(number.e164, number)
    return tuple(found.values())


def _wordless_kind(text: str) -> PhoneKind:
    word = "".join(sign for sign in unicodedata.normalize("NFKD", text.partition("@")[0]).casefold() if sign.isalpha())
    if word in WITHHELD_WORDS or _is_withheld(_NOT_DIGITS.sub("", text)):
        return "withheld"
    return "invalid" if text else "empty"


def _is_withheld(digits: str) -> bool:
    return bool(digits) and (
        digits in KEYPAD_WORDS or not digits.strip("0") or digits.removeprefix("00") in KEYPAD_WORDS
    )


def _without_scheme(rest: str, *, sip: bool) -> str:
    if sip:
        user, at, host = rest.partition("@")
        if at and host.casefold().startswith("anonymous"):
            return "anonymous"
        user = unquote(user if at else rest)
        return user.partition(";")[0].partition(":")[0]
    number, _, params = unquote(rest).lstrip("/").partition(";")
    for param in params.split(";"):
        name, _, value = param.partition("=")
        if name == "phone-context" and value.startswith("+") and not number.startswith("+"):
            number = value + number.removeprefix("0")
        elif name == "ext" and value.isdigit():
            number += f" ext {value}"
    return number


def _number(raw: str, text: str, country: str, ext: str) -> Phone | None:
    digits = _NOT_DIGITS.sub("", text)
    coded = text.startswith(("+", "(+"))
    if len(digits) > 17 or (len(digits) < 7 and not coded and digits[0] != "0" and not _complete(digits, country)):
        return None
    parsed: PhoneNumber | None = None
    if coded:
        parsed = _possible("+" + digits.lstrip("0"), None)
        if parsed is None and "(0)" in text:
            parsed = _possible("+" + _NOT_DIGITS.sub("", text.replace("(0)", "", 1)), None)
    else:
        if digits.startswith("00") and len(digits) > 9:
            parsed = _possible("+" + digits[2:], None)
            coded = parsed is not None
        if parsed is None:
            parsed = _possible(digits, country)
    if parsed is None:
        return None
    return Phone(raw, "number", phonenumbers.format_number(parsed, PhoneNumberFormat.E164), ext, "", coded)


def _possible(text: str, country: str | None) -> PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(text, country, _check_region=country is not None)
    except NumberParseException:
        return None
    # "possible" alone would let in a local number without its area code
    return parsed if phonenumbers.is_possible_number_with_reason(parsed) == ValidationResult.IS_POSSIBLE else None


def _complete(digits: str, country: str) -> bool:
    """A few digits alone are a whole number only where the plan says so (Faroe Islands); else they are an extension."""
    parsed = _possible(digits, country)
    return parsed is not None and phonenumbers.is_valid_number(parsed)


def _not_a_number(raw: str, text: str, digits: str, country: str) -> Phone:
    if text.startswith(("+", "(+")) or not 0 < len(digits) <= 6:
        return Phone(raw, "invalid")
    return Phone(raw, "short" if _short_code(digits, country) else "internal", digits=digits)


@lru_cache(maxsize=4096)
def _short_code(digits: str, country: str) -> bool:
    number = PhoneNumber(country_code=phonenumbers.country_code_for_region(country), national_number=int(digits))
    return not digits.startswith("0") and shortnumberinfo.is_valid_short_number_for_region(number, country)


@lru_cache(maxsize=16_384)
def _written(e164: str, style: int) -> str:
    return phonenumbers.format_number(phonenumbers.parse(e164, None), style)


@lru_cache(maxsize=16_384)
def _valid(e164: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse(e164, None))


def _plain_text(raw: str) -> str:
    """Full-width digits, odd blanks and invisible marks as people's keyboards and directories leave them."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", raw) if unicodedata.category(sign) != "Cf")
