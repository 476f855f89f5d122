"""Phone numbers: what a text means (CALL-22). The tables are those of vendors/telephony section 4, measured there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core.values import KEYPAD_WORDS, known_country, phone, phones, same_number

NUMBERS = [
    ("0612345678", "FR", "+33612345678", ""),
    ("6 12 34 56 78", "FR", "+33612345678", ""),
    ("06.12.34.56.78", "FR", "+33612345678", ""),
    ("06/12/34/56/78", "FR", "+33612345678", ""),
    ("+33 (0)6 12 34 56 78", "FR", "+33612345678", ""),
    ("+330612345678", "FR", "+33612345678", ""),
    ("33612345678", "FR", "+33612345678", ""),
    ("0033612345678", "FR", "+33612345678", ""),
    ("+33612345678", "US", "+33612345678", ""),
    ("0041446681800", "FR", "+41446681800", ""),
    ("0041446681800", "US", "+41446681800", ""),
    ("8 (916) 123-45-67", "RU", "+79161234567", ""),
    ("+39 06 1234 5678", "FR", "+390612345678", ""),
    ("06 1234 5678", "IT", "+390612345678", ""),
    ("+45 (0)12345678", "FR", "+4512345678", ""),
    ("12 34 56 78", "DK", "+4512345678", ""),
    ("211234", "FO", "+298211234", ""),
    ("030/1234567", "DE", "+49301234567", ""),
    ("+33 1 98 76 54 32 poste 12", "FR", "+33198765432", "12"),
    ("0198765432 ext. 12", "FR", "+33198765432", "12"),
    ("0198765432 extension 12", "FR", "+33198765432", "12"),
    ("0198765432,,12", "FR", "+33198765432", "12"),
    ("0198765432;ext=12", "FR", "+33198765432", "12"),
    ("0198765432 x12", "FR", "+33198765432", "12"),
    ("+39 06 1234 5678 interno 7", "FR", "+390612345678", "7"),
    ("tel:+33198765432;ext=12", "FR", "+33198765432", "12"),
    ("tel:0612345678;phone-context=+33", "US", "+33612345678", ""),
    ("sip:+33612345678@pbx.example;user=phone", "FR", "+33612345678", ""),
    ("sip:%2B33612345678@pbx.example", "FR", "+33612345678", ""),
    ('"Marie Duval" <sip:+33612345678@pbx.example>', "FR", "+33612345678", ""),
    ("06 12 34 56 78 (assistant)", "FR", "+33612345678", ""),
    ("Tel 2: 06 12 34 56 78", "FR", "+33612345678", ""),
    ("*31#0612345678", "FR", "+33612345678", ""),
    ("０６１２３４５６７８", "FR", "+33612345678", ""),
    ("\u202a+33 6 12 34 56 78\u202c", "FR", "+33612345678", ""),
    ("06\u00a012\u00a034\u00a056\u00a078", "FR", "+33612345678", ""),
    ("06 12 34 56 78 / 79", "FR", "+33612345678", ""),
]

WITHHELD = [
    "anonymous", "Anonymous", "ANONYMOUS", "restricted", "unavailable", "unknown", "private", "Private Number", "blocked", "0", "00",
    "sip:anonymous@anonymous.invalid", "<sip:anonymous@anonymous.invalid>", "sips:anonymous@pbx.example", "sip:c0ffee@anonymous.invalid",
    "Numéro masqué", "skjult nummer", "numero privato", "No Caller ID",
    *sorted(KEYPAD_WORDS), *(f"+{word}" for word in sorted(KEYPAD_WORDS)), "00266696687", "sip:266696687@pbx.example", "tel:+8656696",
]  # fmt: skip

OTHERS = [
    ("", "empty"), ("   ", "empty"), ("[CallerNumber]", "empty"), ("null", "empty"),
    ("112", "short"), ("3949", "short"), ("17", "short"),
    ("102", "internal"), ("sip:102@pbx.example", "internal"), ("poste 12", "internal"), ("0123", "internal"),
    ("650-253-0000", "invalid"), ("a / b", "invalid"), ("1-800-FLOWERS", "invalid"), ("+33612", "invalid"), ("+112", "invalid"),
    ("123456789012345678", "invalid"), ("06 12 AB 56 78", "invalid"), ("marie@duval.example", "invalid"), ("+", "invalid"),
]  # fmt: skip


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(("raw", "country", "e164", "ext"), NUMBERS)
def test_a_number_in_whatever_format(raw: str, country: str, e164: str, ext: str) -> None:
    found = phone(raw, country)
    assert (found.kind, found.e164, found.ext, found.raw) == ("number", e164, ext, raw)


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize("raw", WITHHELD)
@pytest.mark.parametrize("country", ["FR", "US", "DK", "CN"])
def test_withheld_before_parsing(raw: str, country: str) -> None:
    assert phone(raw, country).kind == "withheld"
    assert phones(raw, country) == ()


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(("raw", "kind"), OTHERS)
def test_what_is_no_number(raw: str, kind: str) -> None:
    found = phone(raw, "FR")
    assert (found.kind, found.e164) == (kind, "")


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize("country", ["DE", "AT", "US", "FI"])
def test_an_extension_is_no_number_where_short_numbers_are_possible(country: str) -> None:
    assert not phone("1234", country).is_number


def test_none_is_empty() -> None:
    assert phone(None, "FR").kind == "empty"


def test_the_digits_of_an_extension_are_kept() -> None:
    assert phone("sip:102@pbx.example", "FR").digits == "102"
    assert phone("102", "FR").digits == "102"


def test_two_numbers_in_a_field() -> None:
    assert [found.e164 for found in phones("06 12 34 56 78 / 01 98 76 54 32", "FR")] == ["+33612345678", "+33198765432"]
    assert [found.e164 for found in phones("06 12 34 56 78 ou 01 98 76 54 32 poste 4", "FR")] == [
        "+33612345678",
        "+33198765432",
    ]
    assert [found.ext for found in phones("06 12 34 56 78 ou 01 98 76 54 32 poste 4", "FR")] == ["", "4"]


def test_written_for_people() -> None:
    found = phone("0612345678", "FR")
    assert (found.international, found.national, found.valid) == ("+33 6 12 34 56 78", "06 12 34 56 78", True)
    assert phone("sip:102@pbx", "FR").international == "sip:102@pbx"


def test_possible_is_not_valid() -> None:
    found = phone("+1 123 456 7890", "FR")
    assert (found.kind, found.valid) == ("number", False)


@pytest.mark.proves("CALL-22")
@pytest.mark.parametrize(
    ("a", "b", "level"),
    [
        ("+33612345678", "+33 6 12 34 56 78", "exact"),
        ("+33612345678", "0033612345678", "exact"),
        ("+33612345678", "0612345678", "nsn"),
        ("+33612345678", "612345678", "nsn"),
        ("+33612345678", "33612345678", "nsn"),
        ("0612345678", "06 12 34 56 78", "nsn"),
        ("+33612345678", "12345678", "no"),
        ("+390612345678", "+39612345678", "no"),
        ("+33198765432 ext 12", "+33198765432", "no"),
        ("+33198765432 ext 12", "+33198765432 ext 13", "no"),
        ("+33198765432 ext 12", "01 98 76 54 32 poste 12", "nsn"),
        ("+33612345678", "+32612345678", "no"),
        ("+33612345678", "01 98 76 54 32 / 06 12 34 56 78", "nsn"),
        ("anonymous", "anonymous", "no"),
        ("102", "102", "no"),
        ("", "", "no"),
        (None, None, "no"),
    ],
)
def test_the_same_line(a: str | None, b: str | None, level: str) -> None:
    assert same_number(a, b, "FR") == level
    assert same_number(b, a, "FR") == level


def test_countries() -> None:
    assert known_country("FR")
    assert not known_country("XX")
    assert not known_country("fr")
    assert phone("0612345678", "XX").kind == "invalid"


@given(st.text(max_size=40), st.sampled_from(["FR", "US", "DK", "IT", "DE", "XX"]))
def test_any_text_means_something(raw: str, country: str) -> None:
    found = phone(raw, country)
    assert found.is_number == bool(found.e164)
    if found.is_number:
        assert phone(found.e164, country).e164 == found.e164
        assert phones(raw, country)[0] == found


@given(st.text("+0123456789 ()./-x#,;:", max_size=24), st.sampled_from(["FR", "US", "IT", "AT"]))
def test_anything_dialled_means_something(raw: str, country: str) -> None:
    found = phone(raw, country)
    assert found.is_number == bool(found.e164)
    if found.is_number:
        assert phone(found.international, "GB").e164 == found.e164
        assert same_number(raw, raw, country) != "no"
