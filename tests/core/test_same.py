"""When two values of a line are the same, and what a side holds of the other's value: tables, and properties over anything."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tieline.core.pairing import LEFT, RIGHT, Joined, Kind, Line, Side, other
from tieline.core.same import CANNOT_HOLD, agree, cut, for_side, is_empty, normal, same

KINDS: tuple[Kind, ...] = get_args(Kind)

SAME: list[tuple[Kind, Any, Any]] = [
    ("text", None, ""),
    ("text", "", "  \n "),
    ("text", [], None),
    ("text", "Kaffe\r\nog  kage ", "Kaffe\nog kage"),
    ("text", unicodedata.normalize("NFD", "Håndværk Ærø"), "Håndværk Ærø"),
    ("text", "Nord\u200blys", "Nordlys"),
    ("name", " Anna\u00a0 Holm\n", "Anna Holm"),
    ("phone", "+45 12 34 56 78", "12345678"),
    ("phone", "0045 12345678", "(+45) 12-34-56-78"),
    ("phone", "12345678 lokal 12", "+4512345678 ext 12"),
    ("phone", "tel:+45-12-34-56-78", "12 34 56 78"),
    ("phone", ["12345678", "87654321"], "12345678"),
    ("phone", "anonymous", "Anonymous"),
    ("email", "Anna@Nordlys.Example", "anna@nordlys.example"),
    ("email", "a@x.dk b@x.dk", "a@x.dk; b@x.dk, A@x.dk"),
    ("url", "https://Nordlys.example/", "nordlys.example"),
    ("url", "http://nordlys.example/om/", "https://nordlys.example/om"),
    ("country", "DK", "Danmark"),
    ("country", "Denmark", "danemark"),
    ("country", "Tyskland", "DEU"),
    ("country", "Pays-Bas", "Holland"),
    ("country", "EL", "Hellas"),
    ("country", "UK", "Storbritannien"),
    ("address", "Nygade 1\n2. tv", "Nygade 1, 2. tv"),
    ("address", "Nygade 1\r\n\r\n8000 Aarhus C", "Nygade  1 8000 Aarhus C"),
    ("code", "DK 12 34 56 79", "12345679"),
    ("code", "CVR-nr. DK-12345679", "12345679"),
    ("code", "dk12345679", "CVR 12345679"),
    ("code", "FR 83 404 833 048", "fr83404833048"),
    ("code", "GR123456789", "EL 123456789"),
    ("code", "NO 923 609 016 MVA", "NO923609016"),
    ("number", 12, "12.00"),
    ("number", 12.5, "12,50"),
    ("number", "1e3", 1000),
    ("number", -0.0, 0),
    ("bool", None, False),
    ("bool", "Ja", True),
    ("bool", "0", False),
    ("date", "2026-11-20", "2026-11-20T00:00:00Z"),
    ("date", date(2026, 11, 20), datetime(2026, 11, 20, 9, tzinfo=UTC)),
    ("choice", " net30", "net30"),
    ("choice", 1, "1"),
    ("link", Joined("k1", "left", "4"), Joined("k1")),
]
DIFFERENT: list[tuple[Kind, Any, Any]] = [
    ("text", "Kaffe\nkage", "Kaffe kage"),
    ("text", "acme", "Acme"),
    ("name", "ACME ApS", "Acme ApS"),
    ("phone", "12345678", "+49 12345678"),
    ("phone", "12345678", "12345678 lokal 12"),
    ("phone", "12345678 / 87654321", "12345678"),
    ("phone", "102", "103"),
    ("email", "a@x.dk b@x.dk", "a@x.dk"),
    ("url", "nordlys.example/a", "nordlys.example/b"),
    ("country", "Kongo", "Danmark"),
    ("country", "Atlantis", "Lemuria"),
    ("address", "Nygade 1", "Nygade 11"),
    ("code", "12345679", "SE12345679"),
    ("code", "12345679", "12345678"),
    ("code", "DK", "12345679"),
    ("number", "12", "12.01"),
    ("number", "1.234", "1234"),
    ("bool", True, None),
    ("date", "2026-11-20", "2026-11-21"),
    ("choice", "net30", "Net30"),
    ("link", Joined("k1"), Joined("k2")),
    ("link", Joined(side="left", id="4"), Joined(side="right", id="4")),
]  # fmt: skip


@pytest.mark.proves("CUST-11")
@pytest.mark.parametrize(("kind", "one", "another"), SAME)
def test_they_are_the_same(kind: Kind, one: Any, another: Any) -> None:
    assert same(kind, one, another)
    assert same(kind, another, one)


@pytest.mark.parametrize(("kind", "one", "another"), DIFFERENT)
def test_they_are_different(kind: Kind, one: Any, another: Any) -> None:
    assert not same(kind, one, another)


def test_the_country_says_how_a_number_is_meant() -> None:
    assert normal("phone", "06 12 34 56 78", "FR") == "+33612345678"
    assert same("code", "IT00743110157", "00743110157", "IT")
    assert not same("code", "IT00743110157", "00743110157", "DK")


# -- an equivalence, over anything --------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        "+45", "12345678", "12 34 56 78", "0045", " / ", "lokal 12", "ext", ";", "anonymous", "DK", "GR", "CVR", "SE", "MVA", "-", " ",
        "\r\n", "\n", ",", "a@x.dk", "B@X.DK", "<c@y.dk>", "https://", "http://", "/", "Danmark", "é", "e\u0301", "\u200b", "ß",
        "👩\u200d🚀", "🇩🇰", "true", "nej", "1.50", "1,5", "1e5", "2026-11-20", "T10:00:00Z", "x", "Ǆ", "İ", "ﬁ", "①", "٣", "0", "00",
    ]
)  # fmt: skip
texts = st.lists(pieces, max_size=6).map("".join) | st.text(max_size=12)
values = st.one_of(
    st.none(), texts, st.integers(-(10**9), 10**9), st.floats(), st.booleans(), st.dates(), st.lists(texts, max_size=3)
)
joined = st.builds(Joined, st.sampled_from(["", "k1", "k2"]), st.sampled_from(["left", "right"]), st.sampled_from("12"))
countries = st.sampled_from(["DK", "FR", "IT", "GR", "NO"])


def kind_and(count: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.sampled_from(KINDS).flatmap(
        lambda kind: st.tuples(st.just(kind), *[joined if kind == "link" else values for _ in range(count)])
    )


@pytest.mark.proves("CUST-11")
@given(kind_and(1), countries)
@example(("code", "CVRSE12345"), "DK")
@example(("phone", "12345678 lokal 12 / 87654321 lokal 3"), "DK")
@settings(max_examples=400, deadline=None)
def test_the_normal_form_of_a_normal_form_is_itself(given_: tuple[Kind, Any], country: str) -> None:
    kind, value = given_
    once = normal(kind, value, country)
    assert normal(kind, once, country) == once
    assert same(kind, value, value, country)
    assert same(kind, value, once, country)


@given(kind_and(3), countries)
@settings(max_examples=300, deadline=None)
def test_the_same_is_an_equivalence(given_: tuple[Kind, Any, Any, Any], country: str) -> None:
    kind, one, two, three = given_
    assert same(kind, one, two, country) == same(kind, two, one, country)
    if same(kind, one, two, country) and same(kind, two, three, country):
        assert same(kind, one, three, country)


@given(kind_and(1))
@settings(max_examples=200, deadline=None)
def test_only_what_is_empty_has_no_normal_form(given_: tuple[Kind, Any]) -> None:
    kind, value = given_
    if is_empty(value):
        assert normal(kind, value) in (None, False)


# -- what a side shall hold ------------------------------------------------------------------------------------------------


def line(kind: Kind = "text", **more: Any) -> Line:
    return Line("it", "it", "it", kind, **more)


@pytest.mark.proves("CUST-11")
@pytest.mark.parametrize(
    ("text", "length", "held"),
    [
        ("Nordlys Ventilation", 11, "Nordlys Ven"),
        ("Nordlys Ventilation", 8, "Nordlys"),
        ("Cafe\u0301 Nord", 4, "Caf"),
        ("Café Nord", 4, "Café"),
        ("🇩🇰🇫🇷", 3, "🇩🇰"),
        ("🇩🇰🇫🇷", 1, ""),
        ("a👩\u200d🚀b", 3, "a"),
        ("ok👍🏽!", 3, "ok"),
        ("\u1100\u1161\u11a8", 2, ""),  # three letters of one syllable
        ("kort", 10, "kort"),
    ],
)
def test_a_text_is_cut_between_what_people_see_as_one(text: str, length: int, held: str) -> None:
    assert cut(text, length) == held


@given(st.text(max_size=30), st.integers(0, 30))
def test_a_cut_text_is_a_beginning_of_at_most_that_length(text: str, length: int) -> None:
    short = cut(text, length)
    assert len(short) <= length
    assert text.startswith(short)
    assert len(text) > length or short == text


@pytest.mark.proves("CUST-11")
def test_a_side_that_cannot_hold_it_in_full_agrees_with_the_whole() -> None:
    short = line("name", right_length=11)
    assert for_side(short, RIGHT, "Nordlys Ventilation") == "Nordlys Ven"
    assert agree(short, "Nordlys Ventilation", "Nordlys Ven")
    assert not agree(short, "Nordlys Ventilation", "Nordlys")
    assert not agree(short, "Nordlys Ventilation", None)


def test_numbers_and_addresses_are_never_cut_in_half() -> None:
    assert for_side(line("phone", right_length=11), RIGHT, "+45 12 34 56 78") == "+4512345678"
    assert for_side(line("phone", right_length=8), RIGHT, "+45 12 34 56 78") is CANNOT_HOLD
    assert for_side(line("email", right_length=8), RIGHT, "anna@nordlys.example") is CANNOT_HOLD
    assert for_side(line("email", right_length=15), RIGHT, "a@x.dk b@x.dk c@x.dk") == "a@x.dk b@x.dk"
    assert for_side(line("code", right_length=8), RIGHT, "DK 12 34 56 79") == "12345679"


def test_a_country_is_written_as_the_side_writes_it() -> None:
    assert for_side(line("country", right_form="code"), RIGHT, "Danmark") == "DK"
    assert for_side(line("country", left_form="da"), LEFT, "DE") == "Tyskland"
    assert for_side(line("country"), RIGHT, "Danmark", held="FR") == "DK"
    assert for_side(line("country"), RIGHT, "DK", held="Frankrig") == "Danmark"
    assert for_side(line("country"), RIGHT, "Denmark", held="Danmark") == "Danmark"
    assert for_side(line("country", right_length=2), RIGHT, "Frankrig") == "FR"
    assert for_side(line("country", right_length=3), RIGHT, "Frankrig") == "FRA"
    assert for_side(line("country"), RIGHT, "Frankrig") == "Frankrig"
    assert for_side(line("country", right_length=2), RIGHT, "Atlantis") is CANNOT_HOLD


def test_choices_are_mapped_both_ways() -> None:
    terms = line("choice", values={"net8": "1", "net8days": "1", "net30": "2"})
    assert for_side(terms, RIGHT, "net30") == "2"
    assert for_side(terms, LEFT, "1") == "net8"
    assert for_side(terms, LEFT, "1", held="net8days") == "net8days"  # it meant that already
    assert for_side(terms, LEFT, "7") is CANNOT_HOLD
    assert for_side(terms, RIGHT, "cash") is CANNOT_HOLD
    assert agree(terms, "net8days", 1)
    assert for_side(line("choice"), RIGHT, "DKK") == "DKK"


def test_of_several_addresses_a_side_holds_the_first_and_the_others_stay() -> None:
    mail = line("email", left_form="one")
    assert for_side(mail, LEFT, "a@x.dk b@x.dk") == "a@x.dk"
    assert agree(mail, "A@x.dk", "a@x.dk b@x.dk")
    assert for_side(mail, RIGHT, "new@x.dk", held="a@x.dk b@x.dk") == "new@x.dk b@x.dk"
    assert for_side(mail, RIGHT, "b@x.dk", held="a@x.dk b@x.dk") == "b@x.dk"
    assert not agree(mail, "c@x.dk", "a@x.dk b@x.dk")
    both = line("email", left_form="one", right_form="one")  # and yet it holds two there
    assert for_side(both, RIGHT, "new@x.dk", held="a@x.dk b@x.dk") == "new@x.dk b@x.dk"
    assert for_side(both, RIGHT, "new@x.dk c@x.dk", held="a@x.dk") == "new@x.dk"


def test_lines_of_an_address_where_there_is_one_line() -> None:
    assert for_side(line("address", right_form="line"), RIGHT, "Nygade 1\r\n2. tv\n") == "Nygade 1, 2. tv"
    assert for_side(line("address"), RIGHT, "Nygade 1\n2. tv") == "Nygade 1\n2. tv"


lines = st.builds(
    Line,
    st.just("it"), st.just("it"), st.just("it"), st.sampled_from([one for one in KINDS if one != "link"]),
    left_length=st.none() | st.integers(1, 12), right_length=st.none() | st.integers(1, 12),
    values=st.just({}) | st.just({"x": "1", "y": "1", "Danmark": "2"}),
    left_form=st.sampled_from(["", "one", "line", "code", "da"]), right_form=st.sampled_from(["", "one", "line", "code", "en"]),
)  # fmt: skip


@pytest.mark.proves("CUST-11")
@given(lines, st.sampled_from([LEFT, RIGHT]), values, values)
@example(line("email", left_form="one"), RIGHT, "a@x.dk", "b@x.dk c@x.dk")
@settings(max_examples=500, deadline=None)
def test_once_a_side_holds_what_it_shall_nothing_more_is_to_be_written(
    one: Line, side: Side, value: Any, held: Any
) -> None:
    coming = for_side(one, side, value, held=held)
    if coming is CANNOT_HOLD:
        return
    length = one.length_of(side)
    if isinstance(coming, str) and length is not None and one.kind != "choice":
        assert len(coming) <= length
    again = for_side(one, side, value, held=coming)
    assert again is not CANNOT_HOLD
    assert same(one.kind, again, coming)
    if not (is_empty(coming) and not is_empty(value)):
        sides = {side: coming, other(side): value}
        assert agree(one, sides[LEFT], sides[RIGHT])
