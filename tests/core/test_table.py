"""Delimited text as people export it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.core import table

TEXT = "Nom;Numéro\nÆøå;0612345678\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "utf-8"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16"),
        (TEXT.encode("utf-16-be"), "utf-16"),
    ],
)
def test_the_encoding_is_found(content: bytes, encoding: str) -> None:
    assert table.text_of(content) == (TEXT, encoding)


def test_a_chosen_encoding_is_taken() -> None:
    assert table.text_of("Приём".encode("cp1251"), "cp1251")[0] == "Приём"
    assert table.text_of("é".encode("mac-roman"), "mac-roman")[0] == "é"
    with pytest.raises(table.NotTextError):
        table.text_of(b"x", "utf-7")
    with pytest.raises(table.NotTextError):
        table.text_of(b"\xff", "utf-8")


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04rest", b"%PDF-1.7", b"\x1f\x8b\x08", b"a,b\n\x00\x01,2\n", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"],
)
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(table.NotTextError):
        table.text_of(content)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a;b;c\n1,5;2;3\n1,6;2;3\n", ";"),
        ("a,b\n1;2,3\n4,5\n", ","),
        ("a\tb\n1,2\t3\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("sep=,\na;b,c\n", ","),
        ('name,note\n"a;b;c","d;e;f"\n"g;h;i","j;k;l"\n', ","),
        ("alone\n1\n2\n", ";"),
    ],
)
def test_the_separator_is_found(text: str, separator: str) -> None:
    assert table.separator_of(text) == separator


def test_rows_have_their_line_and_empty_ones_are_left_out() -> None:
    text = 'sep=;\r\nName;Note\r\n\r\n;;\r\nAnna;"two\r\nlines; and a ""word"""\r\n  Bo  ;x\r\n'
    assert list(table.rows(text, ";")) == [
        (2, ["Name", "Note"]),
        (6, ["Anna", 'two\r\nlines; and a "word"']),
        (7, ["Bo", "x"]),
    ]


def test_a_cell_as_long_as_a_book_spoils_its_row_alone() -> None:
    text = "a;b\n" + "x" * (1 << 21) + ";y\nc;d\n"
    assert [cells for _, cells in table.rows(text, ";")] == [["a", "b"], [], ["c", "d"]]


@given(st.text(max_size=300), st.sampled_from(table.SEPARATORS))
def test_whatever_stands_there_is_read(text: str, separator: str) -> None:
    table.separator_of(text)
    for _, cells in table.rows(text, separator):
        assert any(cells) or cells == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("  N° d’appel ", "n d appel"),
        ("Durée (s)", "duree s"),
        ("Klokkeslæt", "klokkeslaet"),
        ("Opkaldsnøgle", "opkaldsnogle"),
        ("", ""),
    ],
)
def test_names_are_compared_without_accents(name: str, expected: str) -> None:
    assert table.plain(name) == expected


def test_each_column_has_a_name_of_its_own() -> None:
    assert table.headings(["Date", "", "Date"]) == ["Date", "#2", "Date #3"]
