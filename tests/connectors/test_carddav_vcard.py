"""vCards: whatever stands in a card and is not written stays as it was, to the byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.connectors.carddav.fields import BY_NAME, FIELDS, FieldError, new_card, read, write
from tieline.connectors.carddav.vcard import FOLD_AT, Card, escaped, folded, split, unescaped

READ_ONLY = {field.name for field in FIELDS if field.read_only}
WRITABLE = [field.name for field in FIELDS if not field.read_only]

# -- cards that clients could write ------------------------------------------------------------------------------------

plain_text = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
words = st.text("abcdefghijklmnopqrstuvwxyzäöüéß0123456789 -", min_size=1, max_size=20).map(str.strip).filter(bool)
raw_values = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=120)
"""Unknown properties hold anything: lone backslashes, semicolons, quotes."""
parameters = st.sampled_from(
    [
        "",
        ";TYPE=HOME",
        ";type=WORK;type=pref",
        ';X-A="quoted; and: more"',
        ";PREF=1",
        ";CELL;VOICE",
        ";CHARSET=UTF-8",
        ";X-B=a,b",
    ]
)
groups = st.sampled_from(["", "item1.", "item2.", "Home-3."])
unknown_names = st.from_regex(r"X-[A-Z0-9]{1,8}(-[A-Z0-9]{1,5})?", fullmatch=True).filter(
    lambda name: not name.startswith("X-AB")
)
known_lines = st.one_of(
    st.builds("EMAIL{}:{}".format, parameters, words),
    st.builds("TEL{}:{}".format, parameters, words),
    st.builds('TEL;VALUE=uri;TYPE="cell,work":tel:+{}'.format, st.integers(10**8, 10**12)),
    st.builds("ADR{}:;;{};{};;{};".format, parameters, words, words, words),
    st.builds("NOTE:{}".format, words),
    st.builds("ORG:{};{}".format, words, words),
    st.builds("item5.URL:https://example.com/{}\r\nitem5.X-ABLabel:_$!<HomePage>!$_".format, st.integers(0, 99)),
    st.just("BDAY:1985-04-12"),
)
unknown_lines = st.builds("{}{}{}:{}".format, groups, unknown_names, parameters, raw_values)


@st.composite
def cards(draw: st.DrawFn) -> str:
    """A card of known and unknown lines in any order, folded or not, with one kind of line end."""
    lines = [
        "VERSION:" + draw(st.sampled_from(["3.0", "4.0"])),
        "FN:" + draw(words),
        f"N:{draw(words)};{draw(words)};;;",
    ]
    lines += draw(st.lists(st.one_of(known_lines, unknown_lines), max_size=12))
    lines = draw(st.permutations(lines))
    end = draw(st.sampled_from(["\r\n", "\n"]))
    folds = draw(st.booleans())
    text = end.join(
        [
            "BEGIN:VCARD",
            *(folded(one, end) if folds else one for line in lines for one in line.split("\r\n")),
            "END:VCARD",
            "",
        ]
    )
    return text if draw(st.booleans()) else text.rstrip("\r\n")


values = st.dictionaries(
    st.sampled_from([name for name in WRITABLE if name != "birthday"]),
    st.one_of(st.none(), words, plain_text),
    max_size=5,
)


def unknown(text: str) -> list[str]:
    """The lines of properties that we do not map, as they stand."""
    known = {"FN", "N", "ORG", "TITLE", "NOTE", "EMAIL", "TEL", "ADR", "URL", "BDAY"}
    return [line.raw for line in Card.parse(text)._lines if line.name not in known]


def mapped_heads(text: str, name: str) -> list[str]:
    return [line.raw.partition(":")[0] for line in Card.parse(text) if line.name == name]


@pytest.mark.proves("CUST-11")
@given(cards())
def test_reading_moves_nothing(text: str) -> None:
    card = Card.parse(text)
    read(card, list(BY_NAME))
    assert card.text() == text


@pytest.mark.proves("CUST-11")
@settings(max_examples=300)
@given(cards(), values)
def test_what_is_not_mapped_stays_to_the_byte(text: str, written: dict[str, str | None]) -> None:
    card = Card.parse(text)
    try:
        write(card, written)
    except FieldError:
        return
    now = card.text()
    before, after = unknown(text), unknown(now)
    if not text.endswith(("\r", "\n")):  # END without a line end may get lines before it, and stays the last
        assert after[-1] == before[-1]
    # A label of a line that was taken away goes with it; all else is there, in order.
    labels = [line for line in before if "X-AB" in line]
    assert [line for line in after if "X-AB" not in line] == [line for line in before if "X-AB" not in line]
    assert set(after) <= set(before)
    assert len(before) - len(after) <= len(labels)


@pytest.mark.proves("CUST-11")
@settings(max_examples=300)
@given(cards(), values)
def test_what_was_written_is_read_and_the_rest_reads_as_before(text: str, written: dict[str, str | None]) -> None:
    card = Card.parse(text)
    before = read(card, WRITABLE)
    try:
        write(card, written)
    except FieldError:
        return
    after = read(Card.parse(card.text()), WRITABLE)
    for name, value in written.items():
        expected = _as_held(name, value)
        if expected is not None and name not in ("phone", "mobile", "fax"):
            assert after[name] == expected, name
    for name in WRITABLE:
        if name in written or (name in ("first_name", "last_name") and "name" in written):
            continue  # the parts of a name follow it, never the other way round
        assert after[name] == before[name], name


def _as_held(name: str, value: str | None) -> str | None:
    if value is None or not value.strip():
        return None
    if name == "website":
        return re.sub(r"\s", "", value).replace("\\", "%5C")
    text = unescaped(escaped(value))
    return text if name in ("name", "title", "note") else text.strip()


@given(cards(), values)
def test_written_twice_is_written_once(text: str, written: dict[str, str | None]) -> None:
    once = Card.parse(text)
    try:
        write(once, written)
    except FieldError:
        return
    again = Card.parse(once.text())
    given_again = {name: value for name, value in written.items() if value is not None and value.strip()}
    first = again.text()
    write(again, given_again)
    assert again.text() == first


@given(st.text(max_size=300))
def test_any_text_is_taken_as_it_is(text: str) -> None:
    card = Card.parse(text)
    assert card.text() == text
    read(card, list(BY_NAME))


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=300))
def test_lines_are_folded_between_characters(text: str) -> None:
    line = folded(f"X-A:{escaped(text)}")
    assert all(len(piece.encode()) <= FOLD_AT for piece in line.split("\r\n"))
    assert line.replace("\r\n ", "") == f"X-A:{escaped(text)}"


@given(st.lists(plain_text, min_size=1, max_size=7))
def test_parts_survive_their_semicolons(parts: list[str]) -> None:
    assert [unescaped(part) for part in split(";".join(escaped(part) for part in parts))] == parts


@given(
    values.filter(lambda given: any(given.get(name) and given[name].strip() for name in ("name", "company", "email")))
)  # type: ignore[union-attr]
def test_a_new_card_holds_what_it_was_given(written: dict[str, str | None]) -> None:
    card = new_card("tieline-k", written)
    assert card.is_card
    assert card.first("FN") is not None
    assert card.first("N") is not None
    found = read(Card.parse(card.text()), [*WRITABLE, "origin"])
    assert found["origin"] == "k"
    for name, value in written.items():
        if (expected := _as_held(name, value)) is not None:
            assert found[name] == expected, name


# -- what is particular ------------------------------------------------------------------------------------------------


def card(*lines: str, version: str = "3.0") -> Card:
    return Card.parse("\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""]))


def test_the_parts_of_a_name_follow_it_where_they_agreed() -> None:
    one = card("FN:Marie Duval", "N:Duval;Marie;;;")
    write(one, {"name": "Marie Anne Curie"})
    assert read(one, ("first_name", "last_name")) == {"first_name": "Marie Anne", "last_name": "Curie"}
    write(one, {"last_name": "Skłodowska"})
    assert read(one, ("name",)) == {"name": "Marie Anne Curie"}
    write(one, {"name": None})
    assert read(one, ("name",)) == {"name": "Marie Anne Skłodowska"}


def test_a_name_that_says_something_else_than_its_parts_is_left_alone() -> None:
    one = card("FN:Mimi", "N:Duval;Marie;;Dr.;")
    write(one, {"name": "Mimi D."})
    assert "N:Duval;Marie;;Dr.;\r\n" in one.text()
    write(one, {"first_name": "Anne"})
    assert "FN:Mimi D.\r\nN:Duval;Anne;;Dr.;\r\n" in one.text()


def test_a_company_has_no_family_name() -> None:
    one = new_card("u", {"company": "Nordlys Trading A/S", "name": "Nordlys Trading A/S"})
    assert "N:;;;;\r\n" in one.text()


def test_nobody_is_no_contact() -> None:
    with pytest.raises(FieldError) as caught:
        new_card("u", {"note": "x"})
    assert (caught.value.code, caught.value.field) == ("required", "name")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"birthday": "1985-13-01"}, "invalid"),
        ({"origin": "x"}, "read_only"),
        ({"shoe_size": "44"}, "unknown_field"),
        ({"name": ["x"]}, "invalid"),
    ],
)
def test_what_no_card_can_hold_is_refused_by_name(values: dict[str, object], code: str) -> None:
    one = card("FN:X", "N:X;;;;")
    before = one.text()
    with pytest.raises(FieldError) as caught:
        write(one, values)
    assert (caught.value.code, caught.value.field) == (code, next(iter(values)))
    assert one.text() == before


def test_of_several_addresses_the_preferred_one_is_written() -> None:
    one = card("FN:X", "EMAIL;TYPE=HOME:a@x.example", "EMAIL;TYPE=WORK,PREF:b@x.example")
    assert read(one, ("email", "other_email")) == {"email": "b@x.example", "other_email": "a@x.example"}
    write(one, {"email": "c@x.example"})
    assert "EMAIL;TYPE=HOME:a@x.example\r\nEMAIL;TYPE=WORK,PREF:c@x.example\r\n" in one.text()
    write(one, {"email": None})
    assert read(one, ("email", "other_email")) == {"email": "a@x.example", "other_email": None}


def test_what_was_looked_for_comes_first() -> None:
    one = card("FN:X", "EMAIL:a@x.example", "EMAIL:b@x.example")
    assert read(one, ("email",))["email"] == "a@x.example"
    assert read(one, ("email",), {"b@x.example"})["email"] == "b@x.example"


def test_a_number_stays_in_its_scheme() -> None:
    one = card("FN:X", "TEL;VALUE=uri;TYPE=voice:tel:+33-1-86;ext=4", version="4.0")
    assert read(one, ("phone",)) == {"phone": "+33-1-86"}
    write(one, {"phone": "+45 31 10 00 01"})
    assert "TEL;VALUE=uri;TYPE=voice:tel:+4531100001\r\n" in one.text()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("BDAY:1985-04-12", "1985-04-12"),
        ("BDAY:19850412", "1985-04-12"),
        ("BDAY;VALUE=date-time:1985-04-12T00:00:00Z", "1985-04-12"),
        ("BDAY:--0412", None),
        ("BDAY;VALUE=text:circa 1800", None),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12", None),
        ("BDAY:1985-02-30", None),
    ],
)
def test_birthdays(line: str, expected: str | None) -> None:
    one = card("FN:X", line)
    assert read(one, ("birthday",)) == {"birthday": expected}
    write(one, {"birthday": "1990-01-02"})
    assert read(Card.parse(one.text()), ("birthday",)) == {"birthday": "1990-01-02"}


def test_an_address_keeps_the_parts_that_are_not_ours() -> None:
    one = card("FN:X", 'item1.ADR;TYPE=HOME;X-Q="a:b":PO 1;2nd;Old St;Lyon;R;69002;F', "item1.X-ABADR:fr")
    write(one, {"street": "New St, 5", "city": None})
    assert 'item1.ADR;TYPE=HOME;X-Q="a:b":PO 1;2nd;New St\\, 5;;R;69002;F\r\nitem1.X-ABADR:fr\r\n' in one.text()
    write(one, {"street": None, "region": None, "postal_code": None, "country": None})
    assert "PO 1;2nd;;;;;" in one.text()


def test_what_is_nested_is_not_looked_into() -> None:
    text = "BEGIN:VCARD\nVERSION:3.0\nFN:Boss\nBEGIN:VCARD\nFN:Agent\nEMAIL:agent@x.example\nEND:VCARD\nEND:VCARD\n"
    one = Card.parse(text)
    assert read(one, ("name", "email")) == {"name": "Boss", "email": None}
    write(one, {"email": "boss@x.example"})
    assert one.text() == text[: -len("END:VCARD\n")] + "EMAIL;TYPE=INTERNET:boss@x.example\nEND:VCARD\n"


@pytest.mark.parametrize(
    ("charset", "coded", "name"),
    [("UTF-8", "B=00o=07", "Bo"), ("UTF-7", "Bo+2AA-", "Bo?"), ("IDNA", "Bo=C3=B8", "Boø"), ("NO-SUCH", "Bo", "Bo")],
)
def test_a_code_that_stands_for_no_text_gives_text_all_the_same(charset: str, coded: str, name: str) -> None:
    one = card(f"FN;CHARSET={charset};ENCODING=QUOTED-PRINTABLE:{coded}")
    assert read(one, ("name",)) == {"name": name}
