"""The words that people see, in four languages: collect them, and compile what is translated.

    python tools/messages.py              collect from src/tieline into locale/<language>, then compile (needs gettext)
    python tools/messages.py --compile    compile only (needs nothing but the package's own requirements)
    python tools/messages.py --missing    print what is not translated yet, as blocks for --fill
    python tools/messages.py --fill FILE  take translations from blocks of four lines (English, fr, da, it; an empty line
                                          between blocks; singular|||plural where there are two), then compile

English is the source. The compiled .mo files are committed beside the .po files, so that neither setting up nor building
needs gettext; a test holds the two together, and wants every entry translated.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "tieline"
LANGUAGES = ("fr", "da", "it")
IGNORED = ("static/*", "connectors/*/fixtures/*", "*/tests.py", "web/samples.py", "*/pages/parts.html")


def catalogue(language: str, package: Path = PACKAGE) -> Path:
    """The .po file of a language."""
    return package / "locale" / language / "LC_MESSAGES" / "django.po"


def collect(package: Path = PACKAGE) -> None:
    """Bring the .po files up to date with the code and the templates. What is gone is dropped, nothing is guessed."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    if not settings.configured:
        settings.configure(USE_I18N=True, LOCALE_PATHS=[str(package / "locale")])
        django.setup()
    here = Path.cwd()
    os.chdir(package)
    try:
        call_command(
            "makemessages",
            locale=list(LANGUAGES),
            extensions=["html", "txt", "py"],
            ignore_patterns=list(IGNORED),
            no_obsolete=True,
            add_location="file",
            no_wrap=True,
            verbosity=0,
        )
    finally:
        os.chdir(here)
    for language in LANGUAGES:
        _settle(catalogue(language, package), language)


def _settle(path: Path, language: str) -> None:
    """Take guesses (fuzzy) back to empty, and the date out of the head: it would change with every run."""
    import polib

    entries = polib.pofile(str(path), wrapwidth=0)
    for entry in entries:
        if "fuzzy" in entry.flags:
            entry.flags.remove("fuzzy")
            entry.msgstr = ""
            entry.msgstr_plural = dict.fromkeys(entry.msgstr_plural, "")
            entry.previous_msgid = entry.previous_msgid_plural = entry.previous_msgctxt = None
    for name in ("POT-Creation-Date", "PO-Revision-Date", "Last-Translator", "Language-Team", "Report-Msgid-Bugs-To"):
        entries.metadata.pop(name, None)
    entries.metadata |= {"Project-Id-Version": "tieline", "Language": language}
    entries.header = "Tieline, Apache-2.0. Written by `make messages`; translate the msgstr lines."
    entries.metadata_is_fuzzy = False
    entries.save(str(path))


def missing(package: Path = PACKAGE) -> list[str]:
    """English texts that a language lacks, each as the head of a block."""
    import polib

    found: dict[str, None] = {}
    for language in LANGUAGES:
        for entry in polib.pofile(str(catalogue(language, package))):
            if not (all(entry.msgstr_plural.values()) if entry.msgid_plural else entry.msgstr):
                found[entry.msgid] = None
    return list(found)


def fill(blocks: str, package: Path = PACKAGE) -> list[str]:
    """Put translations in; what no entry asks for is given back."""
    import polib

    given: dict[str, list[str]] = {}
    for block in filter(None, re.split(r"\n\s*\n", blocks.strip())):
        english, *translated = block.split("\n")
        if len(translated) != len(LANGUAGES):
            raise SystemExit(f"a block has four lines, not {len(translated) + 1}: {english}")
        given[english.replace("\\n", "\n")] = [one.replace("\\n", "\n") for one in translated]
    unknown = dict(given)
    for at, language in enumerate(LANGUAGES):
        entries = polib.pofile(str(catalogue(language, package)), wrapwidth=0)
        for entry in entries:
            if entry.msgid not in given:
                continue
            unknown.pop(entry.msgid, None)
            text = given[entry.msgid][at]
            if entry.msgid_plural:
                entry.msgstr_plural = dict(enumerate(text.split("|||")))
            else:
                entry.msgstr = text
        entries.save()
    return list(unknown)


def compiled(path: Path) -> bytes:
    """The bytes of the .mo file that belongs to a .po file."""
    with path.open("rb") as source:
        entries = read_po(source)
    entries.creation_date = entries.revision_date = datetime(2000, 1, 1, tzinfo=UTC)  # else: now, and no two are alike
    out = io.BytesIO()
    write_mo(out, entries)
    return out.getvalue()


def compile_all(package: Path = PACKAGE) -> None:
    """Write every .mo file that differs."""
    for language in LANGUAGES:
        path = catalogue(language, package)
        content, target = compiled(path), path.with_suffix(".mo")
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
            print(f"{language}: compiled")


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", action="store_true", help="compile only")
    parser.add_argument("--missing", action="store_true", help="print what is not translated yet")
    parser.add_argument("--fill", type=Path, metavar="FILE", help="take translations from blocks of four lines")
    asked = parser.parse_args()
    lock = os.open(PACKAGE / "locale", os.O_RDONLY)  # two who translate at once wait for each other
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if asked.missing:
            print("\n\n".join(one.replace("\n", "\\n") for one in missing()))
            return
        if asked.fill:
            for english in fill(asked.fill.read_text(encoding="utf-8")):
                print(f"nobody uses: {english}")
        elif not asked.compile:
            collect()
        compile_all()
    finally:
        os.close(lock)


if __name__ == "__main__":
    main()
