"""Two whole lists at once: who is who, how sure, and what spoke for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from tieline.core.linkage import (
    ADDS,
    Feature,
    Pair,
    best_of_each,
    features_of,
    has_splink,
    level,
    match_lists,
    pairs,
    trained_pairs,
)  # fmt: skip
from tieline.core.pairing import Line
from tieline.core.record import Record

FIRST = (
    "Anna",
    "Bo",
    "Carla",
    "David",
    "Eva",
    "Frode",
    "Gitte",
    "Hans",
    "Ida",
    "Jens",
    "Karen",
    "Lars",
    "Mette",
    "Niels",
)
LAST = ("Holm", "Lund", "Berg", "Dahl", "Krogh", "Friis", "Skov", "Juhl", "Bang", "Toft", "Beck", "Riis", "Vestergaard")
FEATURES = (
    Feature("name", "name", "name", "name"),
    Feature("email", "email", "mail", "code"),
    Feature("street", "street", "street", "text"),
    Feature("city", "city", "city", "place"),
)


def person(number: int, **changes: Any) -> dict[str, Any]:
    first, last = FIRST[number % len(FIRST)], LAST[number % len(LAST)]
    mail = f"{first}.{last}{number}@firma{number % 37}.example".lower()
    city = ("Aarhus", "Horsens", "Randers")[number % 3]
    return {
        "name": f"{first} {last}",
        "email": mail,
        "mail": mail,
        "street": f"Nygade {number}",
        "city": city,
        **changes,
    }


def records(side: str, people: list[dict[str, Any]]) -> list[Record]:
    return [Record("contact", f"{side}{at}", one) for at, one in enumerate(people)]


def slip(text: str) -> str:
    """Two letters the wrong way round."""
    return text[:2] + text[3] + text[2] + text[4:]


def lists() -> tuple[list[Record], list[Record]]:
    """180 people; the right one has the same with slips, gaps and other streets, and sixty strangers."""
    left = [person(number) for number in range(180)]
    right = []
    for number in range(180):
        one = person(number)
        if number % 4 == 1:
            one |= {"name": slip(one["name"])}
        if number % 4 == 2:
            one |= {"mail": None}
        if number % 4 == 3:
            one |= {"street": "Søndergade 1", "city": one["city"].upper()}
        right.append(one)
    right += [person(number, street=f"Vestergade {number}") for number in range(1000, 1060)]
    return records("l", left), records("r", right)


WAYS = [
    pytest.param(pairs, id="own"),
    pytest.param(
        trained_pairs,
        id="splink",
        marks=pytest.mark.skipif(not has_splink(), reason="the extra `linkage` is not installed (make setup-linkage)"),
    ),
]


@pytest.mark.proves("CUST-9")
@pytest.mark.parametrize("by", WAYS)
def test_who_is_who_in_two_lists(by: Callable[..., list[Pair]]) -> None:
    left, right = lists()
    found = best_of_each(by(left, right, FEATURES))
    truth = {(f"l{number}", f"r{number}") for number in range(180)}
    assert len(found & truth) / len(truth) >= 0.97
    assert len(found & truth) / len(found) >= 0.98


@pytest.mark.parametrize("by", WAYS)
def test_what_spoke_for_a_pair_is_told_feature_by_feature(by: Callable[..., list[Pair]]) -> None:
    left, right = lists()
    pair = next(one for one in by(left, right, FEATURES) if (one.left, one.right) == ("l3", "r3"))
    told = {one.rule: one for one in pair.evidence}
    assert told["email"].agrees
    assert not told["street"].agrees
    assert all(one.reason.code == ADDS for one in pair.evidence)
    points = [abs(one.reason.params["points"]) for one in pair.evidence]
    assert points == sorted(points, reverse=True)
    empty = next(one for one in by(left, right, FEATURES) if (one.left, one.right) == ("l2", "r2"))
    assert "email" not in {one.rule for one in empty.evidence}  # nothing stands there: it says nothing


def test_what_few_have_says_more_than_what_many_have() -> None:
    people = (
        [{"name": "Hansen"} for _ in range(20)]
        + [{"name": f"Navn {number}"} for number in range(60)]
        + [{"name": "Qvistgaard"}]
    )
    found = pairs(records("l", people), records("r", people), (FEATURES[0],), threshold=0.0)
    points = {one.left: one.evidence[0].reason.params["points"] for one in found}
    assert points["l80"] > points["l0"] + 3


def test_within_one_list_a_pair_is_named_once_and_nobody_is_their_own() -> None:
    people = [person(1), person(2), person(1, street="Nygade 1a")]
    found = pairs(records("x", people), None, FEATURES)
    assert {frozenset((one.left, one.right)) for one in found if one.probability > 0.9} == {frozenset(("x0", "x2"))}
    assert all(one.left != one.right for one in found)
    assert pairs([], None, FEATURES) == []
    assert pairs(records("x", people), [], FEATURES) == []


@pytest.mark.proves("CUST-9")
def test_candidates_of_a_transfer_are_sure_only_where_nobody_else_comes_near() -> None:
    lines = (
        Line("name", "name", "name", "name"), Line("email", "email", "mail", "email"), Line("address", "street", "street", "address"),
        Line("city", "city", "city", "text"), Line("barred", "barred", "barred", "bool"), Line("first_name", "f", "f", "name"),
    )  # fmt: skip
    assert [one.how for one in features_of(lines)] == ["name", "code", "text", "place", "name"]
    left, right = lists()
    twins = [Record("contact", "twin", right[4].fields)]
    found = match_lists(left, [*right, *twins], lines, trained=False)
    assert found["l0"][0].sure
    assert found["l0"][0].record.id == "r0"
    assert {one.record.id for one in found["l4"][:2]} == {"r4", "twin"}
    assert not any(one.sure for one in found["l4"])
    sure = [one.record.id for candidates in found.values() for one in candidates if one.sure]
    assert len(sure) == len(set(sure))


@pytest.mark.parametrize(
    ("how", "one", "another", "said"),
    [
        ("name", "anna holm", "anna holm", 0), ("name", "anna holm", "ana holm", 1), ("name", "anna holm", "bo krogh", 2),
        ("code", "26134439", "26134493", 1), ("code", "26134439", "25313763", 2), ("code", "a@x.dk", "b@y.dk", 2),
        ("date", "1980-01-02", "1980-02-01", 1), ("place", "8000", "8001", 1), ("place", "8000", "7100", 2),
    ],
)  # fmt: skip
def test_how_alike_two_values_are(how: Any, one: str, another: str, said: int) -> None:
    assert level(how, one, another) == said
    assert level(how, another, one) == said


def test_without_the_extra_our_own_weights_do() -> None:
    assert has_splink() == (importlib.util.find_spec("splink") is not None)
    left, right = lists()
    lines = (Line("name", "name", "name", "name"), Line("email", "email", "mail", "email"))
    if not has_splink():
        with pytest.raises(ImportError):
            trained_pairs(left, right, FEATURES)
    assert match_lists(left[:5], right[:5], lines, trained=True)
