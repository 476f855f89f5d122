"""Four languages, complete: every word of the pages is in the catalogues and translated, and compiled as it stands."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polib
import pytest
from django.test import Client

import tieline
from tests.web.conftest import Company
from tools import messages

PACKAGE = Path(tieline.__file__).resolve().parent
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%[sd]|\{(\w*)\}")

#: Words that are the same in a language as in English, looked at one by one.
SAME = {
    "fr": {
        "%(layout)s › %(pipeline)s › %(stage)s", "Action", "Actions", "API", "Audit", "Code", "contact", "Contact", "Contacts",
        "contacts", "CRM", "date", "Description", "description", "E-mail", "e-mail", "ERP", "Fax", "Invitation", "Message",
        "Mobile", "note", "Notes", "Notifications", "Page", "pause", "pipeline", "Pipeline", "Question", "Secret", "Tieline",
        "version %(version)s", "Webhooks",
    },
    "da": {
        "%(flow)s: %(rule)s", "%(kind)s: %(number)s", "%(layout)s › %(pipeline)s › %(stage)s", "%(part)s for %(whose)s",
        "%(what)s: %(said)s", "API", "Browser", "CRM", "Database", "E-mail", "e-mail", "ERP", "Fax", "Invitation", "Layout",
        "layout", "Lead", "lead", "leads", "Leads", "note", "pause", "person", "Person", "pipeline", "Pipeline", "Sandbox",
        "status", "Status", "stop", "System", "Team", "Tieline", "Tokens", "version %(version)s", "Webhooks",
    },
    "it": {
        "%(flow)s: %(rule)s", "%(kind)s: %(number)s", "%(layout)s › %(pipeline)s › %(stage)s", "%(what)s: %(said)s", "account",
        "Account", "API", "Audit", "Browser", "CRM", "Database", "E-mail", "e-mail", "ERP", "Fax", "File", "Home", "layout",
        "Layout", "Lead", "lead", "no", "Password", "Pipeline", "pipeline", "Sandbox", "Team", "Tieline", "Tieline, home",
    },
}  # fmt: skip


@pytest.mark.proves("HUB-9")
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_no_entry_is_empty_guessed_or_left_in_english(language: str) -> None:
    entries = polib.pofile(str(messages.catalogue(language)))
    assert len(entries) > 100
    texts = {one.msgid: [one.msgstr] if not one.msgid_plural else list(one.msgstr_plural.values()) for one in entries}
    assert [key for key, found in texts.items() if not all(found)] == []
    assert [one.msgid for one in entries if one.fuzzy or one.obsolete] == []
    assert {key for key, found in texts.items() if found == [key]} - SAME[language] == set()


@pytest.mark.proves("HUB-9")
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_placeholders_agree(language: str) -> None:
    def named(text: str) -> list[str]:
        return sorted(found.group() for found in PLACEHOLDER.finditer(text))

    wrong = []
    for one in polib.pofile(str(messages.catalogue(language))):
        said = [named(one.msgid)]
        if one.msgid_plural:  # "the last call": one may be said without its number
            said.append(named(one.msgid_plural))
            wrong += [one.msgid for form, text in one.msgstr_plural.items() if form and named(text) != said[-1]]
        texts = one.msgstr_plural.values() if one.msgid_plural else [one.msgstr]
        wrong += [one.msgid for text in texts if named(text) not in said]
    assert wrong == []


@pytest.mark.proves("HUB-9")
def test_the_catalogues_hold_exactly_what_code_and_templates_use(tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        pytest.skip("xgettext is not installed: what is used cannot be collected (apt install gettext)")
    copy = tmp_path / "tieline"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "static", "fixtures"))
    import subprocess
    import sys

    run = "import sys; from pathlib import Path; from tools import messages; messages.collect(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", run, str(copy)], cwd=PACKAGE.parents[1], check=True, capture_output=True)
    for language in messages.LANGUAGES:
        used = {(one.msgctxt, one.msgid) for one in polib.pofile(str(messages.catalogue(language, copy)))}
        kept = {(one.msgctxt, one.msgid) for one in polib.pofile(str(messages.catalogue(language)))}
        assert used - kept == set(), "run `make messages` and translate what is new"
        assert kept - used == set(), "run `make messages`: nobody uses these any more"


@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    path = messages.catalogue(language)
    assert path.with_suffix(".mo").read_bytes() == messages.compiled(path), "run python tools/messages.py --compile"


_BARE = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}|<[^>]*>", re.DOTALL)
_COMMENT = re.compile(r"{% comment %}.*?{% endcomment %}", re.DOTALL)
_SAID = re.compile(r"{% blocktranslate.*?%}.*?{% endblocktranslate %}", re.DOTALL)
_ATTRIBUTE = re.compile(r'(?:aria-label|placeholder|title|alt)="([^"{]*[a-zA-Z]{2}[^"{]*)"')
NAMES = {
    "Tieline", "tieline create-admin", "tieline create-admin you@example.com", "HTTP", "CSV", "HTML",
    '[{"type": "ended", "direction": "inbound", "external_number": "+33612345678", "outcome": "missed", "final": true}]',
}  # fmt: skip
"""Names, commands and a call as JSON are the same everywhere."""


@pytest.mark.proves("HUB-9")
def test_no_template_has_words_that_are_not_translated() -> None:
    """What stands between tags and in spoken attributes must come from the catalogue."""
    found = {}
    for template in sorted((PACKAGE / "web" / "templates").rglob("*.html")):
        if template.name.startswith("parts") and template.parent.name == "pages":
            continue  # the samples of /parts/, which only builders see
        source = _SAID.sub("", _COMMENT.sub("", template.read_text(encoding="utf-8")))
        words = {one.strip(" \n·:,.") for one in _BARE.sub("\x00", source).replace("&nbsp;", " ").split("\x00")}
        bare = {one for one in words if re.search(r"[a-zA-Z]{2}", one)} - NAMES | set(_ATTRIBUTE.findall(source))
        if bare:
            found[template.name] = bare
    assert found == {}


@pytest.mark.proves("HUB-9")
@pytest.mark.parametrize("language", messages.LANGUAGES)
def test_pages_speak_one_language_only(
    company: Company, signed_in: Callable[[Any], Client], client: Client, language: str
) -> None:
    """No English sentence of ours, or of a part that we use, is left on a page in another language."""
    from tieline.store.team.models import User

    user = company.users["super_admin"]
    User.objects.filter(pk=user.pk).update(language=language, name="Øyvind")
    browser = signed_in(user)
    entries = polib.pofile(str(messages.catalogue(language)))
    english = {one.msgid for one in entries if len(one.msgid) > 14 and "%" not in one.msgid and one.msgstr != one.msgid}
    pages = [
        browser.get(company.url(path))
        for path in ("/", "/me/", "/me/password/", "/me/second-factor/", "/more/", "/nothing/")
    ]
    pages.append(
        browser.post(company.url("/me/password/"), {"oldpassword": "x", "password1": "1234", "password2": "x"})
    )
    pages.append(client.post("/sign-in/", {"login": "x", "password": ""}, headers={"accept-language": language}))
    for page in pages:
        text = re.sub(r"<[^>]*>", "\n", page.content.decode())
        theirs = {"This field is required", "Enter a valid email", "This password is", "must contain at least"}
        assert [sentence for sentence in english | theirs if sentence in text] == [], page.request["PATH_INFO"]


def test_no_word_is_asked_for_under_a_name_that_the_collector_does_not_know() -> None:
    """`gettext as now` translates, but what it is called with never comes into a catalogue."""
    alias = re.compile(r"\b\w*gettext\w* as (?!_\b)\w+")
    found = [str(one) for one in sorted(PACKAGE.rglob("*.py")) if alias.search(one.read_text(encoding="utf-8"))]
    assert not found
