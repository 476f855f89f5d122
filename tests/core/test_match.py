"""First match: evidence, what is sure, what is asked; and numbers that were given to somebody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.core.companies import bare_name, likeness
from tieline.core.match import MatchBy, candidates, is_another, keys, score, wanted
from tieline.core.pairing import LEFT, RIGHT, Joined, Line
from tieline.core.record import Record

BY = (
    MatchBy("registration_number", ("cvr", "vat"), ("cvrNo",)),
    MatchBy("email", ("email",), ("mail",)),
    MatchBy("phone", ("phone",), ("phone",)),
    MatchBy("name", ("name",), ("name",), decides=False),
)
LINES = (
    Line("name", "name", "name", "name"),
    Line("registration_number", "cvr", "cvrNo", "code"),
    Line("email", "email", "mail", "email"),
    Line("city", "city", "city", "text"),
)


def here(**fields: Any) -> Record:
    return Record("account", "1", {"name": None, "cvr": None, "email": None, "phone": None, "city": None, **fields})


def there(id: str = "9", **fields: Any) -> Record:
    return Record("account", id, {"name": None, "cvrNo": None, "mail": None, "phone": None, "city": None, **fields})


def rules_of(found: Any) -> list[tuple[str, bool]]:
    return [(one.rule, one.agrees) for one in found.evidence]


@pytest.mark.proves("CUST-9")
@pytest.mark.parametrize(
    ("mine", "theirs", "sure", "evidence"),
    [
        ({"cvr": "DK 26134439"}, {"cvrNo": "26134439"}, True, [("registration_number", True)]),
        ({"vat": "DK26134439", "name": "Nordlys"}, {"cvrNo": "26 13 44 39", "name": "Sydlys"}, True,
         [("registration_number", True), ("name", False)]),
        ({"email": "Info@Nordlys.dk"}, {"mail": "bogholder@nordlys.dk info@nordlys.dk"}, True, [("email", True)]),
        ({"phone": "86 12 34 56"}, {"phone": "+4586123456"}, True, [("phone", True)]),
        # what speaks against it: another number, a bookkeeper's address
        ({"cvr": "26134439", "email": "a@x.dk"}, {"cvrNo": "25313763", "mail": "a@x.dk"}, False,
         [("registration_number", False), ("email", True)]),
        ({"email": "a@x.dk", "name": "Nordlys ApS"}, {"mail": "a@x.dk", "name": "Bageriet Horsens"}, False,
         [("email", True), ("name", False)]),
        ({"email": "a@x.dk", "name": "Nordlys ApS"}, {"mail": "a@x.dk", "name": "Nordlys Ventilation ApS"}, True,
         [("email", True), ("name", False)]),
        # a name proposes
        ({"name": "Nordlys ApS"}, {"name": "NORDLYS"}, False, [("name", True)]),
        ({"name": "Nordlys ApS", "city": "Aarhus"}, {"name": "Nordlys A/S", "city": "aarhus"}, False, [("name", True), ("place", True)]),
    ],
)  # fmt: skip
def test_what_speaks_for_and_against(
    mine: dict[str, Any], theirs: dict[str, Any], sure: bool, evidence: list[tuple[str, bool]]
) -> None:
    (found,) = candidates(BY, LEFT, here(**mine), [there(**theirs)], lines=LINES)
    assert (found.sure, rules_of(found)) == (sure, evidence)
    assert 0 < found.score <= 1
    (back,) = candidates(BY, RIGHT, there(**theirs), [here(**mine)], lines=LINES)  # whichever side asks
    assert (back.sure, rules_of(back), back.score) == (sure, evidence, found.score)
    assert [one.reason for one in back.evidence] == [one.reason for one in found.evidence]


@pytest.mark.proves("CUST-9")
def test_the_first_rule_that_finds_anything_decides() -> None:
    mine = here(cvr="26134439", email="a@x.dk")
    by_number, by_mail = there("1", cvrNo="26134439"), there("2", mail="a@x.dk")
    found = candidates(BY, LEFT, mine, [by_mail, by_number], lines=LINES)
    assert [(one.record.id, one.sure) for one in found] == [("1", True), ("2", False)]


@pytest.mark.proves("CUST-9")
def test_several_are_asked_and_none_is_sure() -> None:
    mine = here(cvr="26134439", email="a@x.dk")
    found = candidates(
        BY, LEFT, mine, [there("1", cvrNo="26134439"), there("2", cvrNo="DK26134439", mail="a@x.dk")], lines=LINES
    )
    assert [(one.record.id, one.sure) for one in found] == [("1", False), ("2", False)]
    # not even by a later rule that finds one alone
    assert not any(
        one.sure for one in candidates(BY, LEFT, mine, [there("2", mail="a@x.dk"), there("3", mail="a@x.dk")])
    )


def test_one_that_is_linked_already_is_shown_and_never_sure() -> None:
    (found,) = candidates(BY, LEFT, here(cvr="26134439"), [there(cvrNo="26134439")], taken={"9"})
    assert not found.sure
    assert rules_of(found)[-1] == ("linked", False)


def test_what_has_nothing_in_common_is_no_candidate() -> None:
    assert candidates(BY, LEFT, here(name="Nordlys", cvr="26134439"), [there(name="Bageriet", cvrNo="25313763")]) == ()
    assert candidates(BY, LEFT, here(), [there()]) == ()


@pytest.mark.parametrize("number", ["00000000", "99999999", "12345678", "DK 12345678", "1234", "-"])
def test_numbers_that_stand_for_none_find_nobody(number: str) -> None:
    assert candidates(BY, LEFT, here(cvr=number), [there(cvrNo=number)]) == ()
    assert wanted(BY, LEFT, {"cvr": number}) == ()


def test_a_contact_person_is_found_by_name_within_the_same_customer() -> None:
    by = (MatchBy("email", ("email",), ("email",)), MatchBy("name", ("name",), ("name",)))
    lines = (Line("name", "name", "name", "name"), Line("account", "account", "account", "link", role="account"))

    def person(id: str, name: str, parent: str) -> Record:
        return Record("contact", id, {"name": name, "account": Joined(parent), "email": None})

    mine = person("1", "Holm, Anna", "k1")
    (found,) = candidates(by, LEFT, mine, [person("9", "Anna Holm", "k1")], lines=lines)
    assert found.sure
    (found,) = candidates(by, LEFT, mine, [person("9", "Anna Holm", "k2")], lines=lines)
    assert not found.sure
    found = candidates(by, LEFT, mine, [person("8", "Anna Holm", "k2"), person("9", "Anna Holm", "k1")], lines=lines)
    assert [one.record.id for one in found] == ["9", "8"]


def test_what_is_looked_for_on_the_other_side() -> None:
    record = {
        "cvr": "DK 26 13 44 39",
        "vat": None,
        "email": "A@x.dk b@x.dk",
        "phone": "86123456",
        "name": " Nordlys  ApS",
    }
    assert [(one.rule, one.by, one.values) for one in wanted(BY, LEFT, record)] == [
        ("registration_number", ("cvrNo",), ("26134439", "DK26134439")),
        ("email", ("mail",), ("a@x.dk", "b@x.dk")),
        ("phone", ("phone",), ("+4586123456",)),
        ("name", ("name",), ("Nordlys ApS",)),
    ]


def test_the_company_within_a_french_vat_number() -> None:
    assert keys("registration_number", ["FR83404833048"], "FR") & keys("registration_number", ["404 833 048"], "FR")
    assert keys("registration_number", ["FR 83 404 833 048"]) == {"FR83404833048", "404833048"}


@pytest.mark.proves("CUST-9")
@pytest.mark.parametrize(
    ("now", "another"),
    [
        ({"name": "Bageriet Horsens", "cvrNo": "25313763", "mail": "post@bageriet.dk"}, True),
        ({"name": "Bageriet Horsens", "cvrNo": "25313763", "mail": None}, True),
        ({"name": "Bageriet Horsens", "cvrNo": None, "mail": None}, True),
        ({"name": "Bageriet Horsens"}, False),  # a new name alone; of the rest nothing was read
        ({"name": "Nordlys Ventilation", "cvrNo": "25313763", "mail": "post@bageriet.dk"}, False),  # its name grew
        ({"name": "Sydlys", "cvrNo": "26134439", "mail": "ny@sydlys.dk"}, False),  # it was renamed
        ({"name": "Bageriet", "cvrNo": "25313763", "mail": "info@nordlys.dk"}, False),
        ({"name": None, "cvrNo": None, "mail": None}, False),  # nothing can be compared
        ({}, False),
    ],
)
def test_a_number_that_was_given_to_somebody_else(now: dict[str, Any], another: bool) -> None:
    base = {
        "name": ("Nordlys ApS", "Nordlys ApS"),
        "registration_number": ("DK26134439", "26134439"),
        "email": ("info@nordlys.dk", "info@nordlys.dk"),
    }
    assert is_another(BY, LINES, RIGHT, base, Record("account", "9", now), "DK") is another


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("Nordlys ApS", "NORDLYS"),
        ("Nordlys A/S", "nordlys a.s."),
        ("SARL Dupont", "Dupont S.A.R.L."),
        ("Müller & Co. KG", "Muller og Co KG"),
        ("Rossi S.p.A.", "Rossi spa"),
        ("Ærø Færgen I/S", "Aero Faergen"),
        ("S.r.l.", "SRL"),
    ],
)
def test_a_companys_name_without_its_form(one: str, another: str) -> None:
    assert bare_name(one) == bare_name(another) != ""


def test_names_that_are_not_one() -> None:
    assert bare_name("Nordlys Holding ApS") != bare_name("Nordlys ApS")
    assert bare_name("AB") == "ab"
    assert bare_name("Hr. Jens Hansen", person=True) == bare_name("Hansen, Jens", person=True)
    assert likeness("hansen", "hansen byg horsens") < 0.85
    assert likeness("jensen", "jensen") == 1
    assert likeness("nordlys ventilation", "nordlys ventilaton") > 0.85


@given(st.text(max_size=20), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_name_with_a_letter_is_never_empty(text: str, person: bool) -> None:
    assert bare_name(f"{text} ApS x", person=person)
    assert bare_name(text, person=person) or not any(sign.isascii() and sign.isalnum() for sign in text)
    assert 0 <= likeness(bare_name(text), "nordlys") <= 1


fields = st.fixed_dictionaries(
    {
        "name": st.sampled_from([None, "Nordlys ApS", "Nordlys", "Bageriet Horsens"]),
        "cvr": st.sampled_from([None, "26134439", "DK25313763"]),
        "email": st.sampled_from([None, "a@x.dk", "b@x.dk"]),
        "phone": st.sampled_from([None, "86123456", "+4587654321"]),
    }
)


@pytest.mark.proves("CUST-9")
@given(fields, st.lists(fields, max_size=4))
@settings(max_examples=300, deadline=None)
def test_at_most_one_is_sure_and_what_is_found_agrees_in_something(
    mine: dict[str, Any], others: list[dict[str, Any]]
) -> None:
    renamed = {"name": "name", "cvr": "cvrNo", "email": "mail", "phone": "phone"}
    found = candidates(
        BY,
        LEFT,
        here(**mine),
        [there(str(at), **{renamed[name]: value for name, value in one.items()}) for at, one in enumerate(others)],
        lines=LINES,
    )
    assert sum(one.sure for one in found) <= 1
    assert all(any(evidence.agrees for evidence in one.evidence) for one in found)
    assert [one.score for one in found if not one.sure] == sorted(
        (one.score for one in found if not one.sure), reverse=True
    )
    assert all(score(one.evidence) == pytest.approx(one.score, abs=0.001) for one in found)


@pytest.mark.proves("CUST-9")
def test_any_number_that_a_system_holds_speaks_for_a_match() -> None:
    """One number is kept the same; that another one stands beside it there is known, and counts."""
    mine = here(name="Jeanne Roux", phone="06 12 00 00 01")
    other = there(name="Roux, J.", **{"+phone": ["+33 4 72 00 11 22", "+33612000001"]})
    [found] = candidates(BY, LEFT, mine, [other], lines=LINES, country="FR")
    assert found.sure
    assert ("phone", True) in rules_of(found)
    [asked] = [one for one in wanted(BY, RIGHT, other.fields, "FR") if one.rule == "phone"]
    assert "+33612000001" in asked.values
