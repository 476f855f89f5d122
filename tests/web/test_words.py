"""Every code has a sentence in every language, and a sentence asks for nothing that its code does not have."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tieline
from tieline.core import errors as core_errors
from tieline.core.reasons import DECLARED, because

pytestmark = pytest.mark.usefixtures("web")

PACKAGE = Path(tieline.__file__).resolve().parent
LANGUAGES = ("en", "fr", "da", "it")
NOT_CODES = {"database.json", "database.settings_refused"}  # a file's name, and a line of the log
PLACEHOLDER = re.compile(r"%\((\w+)\)s")
SAMPLES: dict[str, Any] = {
    "number": "+33186765432", "count": 3, "seconds": 2.5, "error": {"code": "error.auth"}, "role": "contact",
    "link": "account", "direction": "inbound", "result": "missed", "log": "all", "kind": "withheld", "slot": "call",
    "rules": ["lead.owner"], "fields": ["outcome"], "rule": "lead.owner", "field": "name", "vendor_code": "DUPLICATE_DATA",
    "flow": "calls", "until": "2026-11-20T14:22:00+00:00", "found": ["Marie"], "options": ["Marie"], "values": {"name": "x"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_english(web: object) -> Iterator[None]:
    """Whatever language a test before left behind."""
    from django.utils import translation

    with translation.override("en"):
        yield


def all_codes() -> dict[str, frozenset[str]]:
    """Everything that any module below the pages declares."""
    for room in ("flows", "engine", "connectors", "store", "api", "jobs", "sdk"):
        root = importlib.import_module(f"tieline.{room}")
        for module in pkgutil.walk_packages(root.__path__, root.__name__ + "."):
            if ".tests" not in module.name and "migrations" not in module.name and ".conformance" not in module.name:
                importlib.import_module(module.name)
    return dict(DECLARED)


def raised_codes() -> set[str]:
    """The codes of errors: those of the classes, and those that stand in the code where one is raised."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if "sandbox" in path.name or "web" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if re.fullmatch(r"(error|database)\.[a-z_]+", text):
                found.add(text)
    return found


def filled(code: str, names: frozenset[str]) -> dict[str, Any]:
    return {"code": code, "params": {name: SAMPLES.get(name, "Anna") for name in names}}


@pytest.mark.proves("HUB-3", "HUB-11")
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_declared_code_is_a_sentence_in_every_language(language: str) -> None:
    from django.utils import translation

    from tieline.web.words import say

    codes = all_codes()
    assert len(codes) > 100
    with translation.override(language):
        said = {code: say(filled(code, names)) for code, names in codes.items()}
    assert [code for code, text in said.items() if text == code or not text] == []
    assert [text for text in said.values() if "%(" in text] == []


@pytest.mark.proves("HUB-9")
@pytest.mark.parametrize("language", ["fr", "da", "it"])
def test_no_sentence_stays_english(language: str) -> None:
    from django.utils import translation

    from tieline.web.words import engine, errors

    tables = {**engine.SENTENCES, **engine.STORY, **errors.SENTENCES, **errors.REFUSALS}
    english = {code: str(text) for code, text in tables.items()}
    with translation.override(language):
        same = [
            code
            for code, text in tables.items()
            if str(text) == english[code] and len(PLACEHOLDER.sub("", str(text))) > 6
        ]
    assert same == []


def test_sentences_ask_for_nothing_that_the_code_does_not_have() -> None:
    from tieline.web.words import engine, errors
    from tieline.web.words.say import DERIVED, ERROR_PARAMS

    codes = all_codes()
    wrong = {}
    for code, text in {**engine.SENTENCES, **engine.STORY}.items():
        known = codes[code]
        allowed = set().union(*(DERIVED.get(name, {name}) for name in known))
        if unknown := set(PLACEHOLDER.findall(str(text))) - allowed:
            wrong[code] = unknown
    assert wrong == {}
    for code, text in errors.SENTENCES.items():
        allowed = set().union(*(DERIVED.get(name, {name}) for name in ERROR_PARAMS.get(code, frozenset())))
        assert set(PLACEHOLDER.findall(str(text))) <= allowed, code


@pytest.mark.proves("HUB-3")
def test_every_error_that_can_be_raised_has_a_sentence() -> None:
    from tieline.web.words import errors, say

    codes = raised_codes() | {
        one.code
        for one in vars(core_errors).values()
        if isinstance(one, type) and issubclass(one, core_errors.TielineError)
    }
    assert {"error.timeout", "database.start_failed", "error.seal_broken"} <= codes
    assert codes - errors.SENTENCES.keys() - NOT_CODES == set()
    assert [code for code in codes if "%(" in say({"code": code})] == []


def test_a_code_of_a_later_version_is_shown_as_it_is() -> None:
    from tieline.web.words import say

    assert say({"code": "call.invented_later"}) == "call.invented_later"
    assert say({"code": "outcome.invented_later", "params": {"x": 1}}) == "outcome.invented_later"
    assert say(None) == ""


def test_values_are_written_as_the_language_writes_them() -> None:
    all_codes()  # because() knows what has been imported
    from django.utils import translation

    from tieline.web.words import say

    reason = because("lookup.failed", error={"code": "error.scope", "params": {"scope": "ZohoCRM.coql.READ"}})
    assert "A right is missing: ZohoCRM.coql.READ." in say(reason)
    late = {"code": "database.start_slow", "params": {"seconds": 7500}}
    with translation.override("fr"):
        assert "2 h 5 min" in say(late)
    with translation.override("en"):
        assert say(because("outcome.stale", slot="call.recording.2")).startswith("The recording was changed")


@pytest.mark.proves("HUB-3")
@pytest.mark.parametrize(
    ("vendor_code", "field", "said"),
    [
        ("MANDATORY_NOT_FOUND", "Last_Name", "the field “Last_Name” must have a value"),
        ("required", "party", "the field “party” must have a value"),
        ("DUPLICATE_DATA", "", "there is such a record already"),
        ("forbidden", "", "the connected user may not do this"),
        ("SOMETHING_NEW", "", "the CRM says “SOMETHING_NEW”"),
    ],
)
def test_refusals_of_vendors_are_grouped(vendor_code: str, field: str, said: str) -> None:
    from tieline.web.words import say

    reason = because("outcome.rejected", slot="lead", vendor_code=vendor_code, field=field, detail="")
    assert say(reason) == f"The lead was not taken: {said}."


@pytest.mark.proves("HUB-3")
def test_every_trouble_has_a_next_step_and_its_link_leads_somewhere() -> None:
    from django.urls import reverse

    from tieline.web.words import engine, errors, next_step

    for code in (*engine.SENTENCES, *errors.SENTENCES):
        step = next_step({"code": code})
        assert step.text, code
        assert bool(step.page) == bool(step.label), code
        if step.page:
            assert reverse(step.page)
