"""Two people are not the same for a first name, a last name or an employer that they share."""

from __future__ import annotations

import pytest

from tieline.core.flow import Target
from tieline.core.match import candidates
from tieline.core.record import Record
from tieline.flows.customers.defaults import defaults
from tieline.flows.customers.lines import finds, lines, match_by

FIELDS = ("name", "first_name", "last_name", "company", "email", "phone", "city")
BOOK = Target(roles={"contact": frozenset(FIELDS)})
SETTINGS = defaults(BOOK, BOOK)
BY = match_by(SETTINGS, "contact")


def person(id: str, first: str, last: str, company: str, **more: str) -> Record:
    values = {"name": f"{first} {last}", "first_name": first, "last_name": last, "company": company, "city": "Odense"}
    return Record("contact", id, {**values, **more})


ANNA = person("a", "Anna", "Berg", "Nord A/S", email="berg@example.com")


@pytest.mark.proves("CUST-9")
@pytest.mark.parametrize(
    "another",
    [
        person("b", "Anna", "Holm", "Syd A/S", email="holm@example.com"),
        person("b", "Per", "Berg", "Syd A/S"),
        person("b", "Per", "Holm", "Nord A/S"),
        person("b", "Berg", "Holm", "Anna"),
    ],
    ids=["first name", "last name", "employer", "crosswise"],
)
def test_who_shares_a_part_of_a_name_in_one_town_is_nobody_to_be_linked_with(another: Record) -> None:
    assert candidates(BY, "left", ANNA, [another], lines=lines(SETTINGS, "contact")) == ()


@pytest.mark.proves("CUST-9")
def test_who_has_the_whole_name_in_one_town_is_the_same() -> None:
    (found,) = candidates(BY, "left", ANNA, [person("b", "Anna", "Berg", "Øst A/S")], lines=lines(SETTINGS, "contact"))
    assert found.sure


def test_nobody_is_looked_for_by_a_part_of_a_name() -> None:
    asked = {find.by: find.value for rule in finds(BY, "contact", "left", ANNA, "DK") for find in rule}
    assert asked == {"email": "berg@example.com", "name": "Anna Berg"}
