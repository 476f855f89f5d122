"""Texts written into the CRM, in four languages (HUB-9, CALL-16, CALL-18)."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flows.desk import STRANGER_TEXT, call, decided, settings
from tieline.flows.calls.texts import TEXTS, fill, unknown_placeholders, year_before


@pytest.mark.proves("HUB-9")
def test_each_text_is_there_in_each_language_with_the_same_names() -> None:
    def names(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english = TEXTS["en"]
    for language, table in TEXTS.items():
        assert table.keys() == english.keys(), language
        for key, text in table.items():
            assert names(text) == names(english[key]), (language, key)
            if language != "en" and key not in ("date", "time"):
                assert text != english[key], (language, key)


@pytest.mark.proves("HUB-9", "CALL-18")
@pytest.mark.parametrize(
    ("language", "task", "record", "words"),
    [
        ("en", "Missed call", "Missed call from", "The call did not take place.\n{} called on 2026-11-20 at 10:00"),
        ("fr", "Appel manqué", "Appel manqué de", "L’appel n’a pas eu lieu.\n{} a appelé le 20/11/2026 à 10:00"),
        ("da", "Mistet opkald", "Mistet opkald fra", "Samtalen fandt ikke sted.\n{} ringede den 20.11.2026 kl. 10.00"),
        (
            "it",
            "Chiamata persa",
            "Chiamata persa da",
            "La chiamata non ha avuto luogo.\n{} ha chiamato il 20/11/2026 alle 10:00",
        ),
    ],
)
def test_a_missed_call_in_each_language(language: str, task: str, record: str, words: str) -> None:
    got = decided(call(), settings(language=language))
    assert got.values("task")["name"] == f"{task} {STRANGER_TEXT}"
    assert got.values("call")["name"] == f"{record} {STRANGER_TEXT}"
    assert got.values("task")["description"].startswith(words.format(STRANGER_TEXT))


@pytest.mark.parametrize(
    ("external", "outcome", "direction", "name"),
    [
        ("anonymous", "missed", "inbound", "Missed call from withheld number"),
        ("", "answered", "inbound", "Incoming call from unknown number"),
        ("112", "answered", "outbound", "Outgoing call to 112"),
        ("+33186765432", "unknown", "inbound", "Incoming call from +33 1 86 76 54 32"),
    ],
)
def test_names_of_call_records(external: str, outcome: str, direction: str, name: str) -> None:
    assert decided(call(external, outcome=outcome, direction=direction)).values("call")["name"] == name


def test_what_a_call_record_says_further() -> None:
    voicemail = {"call_key": "c1", "type": "voicemail", "occurred_at": "2026-11-20T09:01:00Z"}
    subject = call("+33186765432", "70100420", "missed", voicemail, agent_number="204")
    got = decided(subject)
    assert got.values("call")["description"] == "Line: +45 70 10 04 20\nExtension: 204\nThe caller left a voicemail."
    assert got.values("task")["description"].endswith("The caller left a voicemail.\nLine: +45 70 10 04 20")


@pytest.mark.proves("CALL-16")
@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("{number}", ()),
        ("{direction} {number} {line} {date}", ()),
        ("Caller", ()),
        ("", ()),
        ("{caller} {number} {caller} {}", ("caller", "")),
        ("{number", ()),
        ("{{number}}", ()),
    ],
)
def test_placeholders(template: str, unknown: tuple[str, ...]) -> None:
    assert unknown_placeholders(template) == unknown


@given(st.text(max_size=30), st.text(max_size=10))
def test_filling_in_never_fails_nor_reads_values_as_templates(template: str, value: str) -> None:
    assert fill("{number}", {"number": "{line}" + value, "line": "x"}) == "{line}" + value
    assert isinstance(fill(template, {"number": value}), str)


@pytest.mark.proves("CALL-16")
def test_a_name_is_never_empty() -> None:
    assert decided(call(), settings(lead={"name": " "})).values("lead")["name"] == STRANGER_TEXT
    assert decided(call(), settings(lead={"name": "{nothing}"})).values("lead")["name"] == "{nothing}"


@pytest.mark.proves("CALL-13")
@pytest.mark.parametrize(
    ("at", "before"),
    [
        ("2026-11-20T09:00:00Z", "2025-11-20T09:00:00Z"),
        ("2024-02-29T11:00:00Z", "2023-02-28T11:00:00Z"),
        ("2026-03-29T12:00:00Z", "2025-03-29T13:00:00Z"),
        ("2025-12-31T23:30:00Z", "2024-12-31T23:30:00Z"),
    ],
)
def test_a_year_before_by_the_workspaces_clock(at: str, before: str) -> None:
    assert year_before(at, settings()) == before
