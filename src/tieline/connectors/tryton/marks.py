"""Our words inside Tryton's texts: where a record's key stands, and a call as the text of a note."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

_IDENTIFIER = "tieline:"
_PLAIN = ":+-.,/"
_MARK = re.compile(r"\s*\[tieline:([^\]\s]+)((?: [a-z_]+=[^\]\s]*)*)\]\s*\Z")


def identifier(key: str) -> str:
    """The code of a party's identifier that holds our key."""
    return _IDENTIFIER + key


def identifier_key(code: Any) -> str | None:
    """Our key out of an identifier's code, None where it is somebody else's."""
    return code[len(_IDENTIFIER) :] if isinstance(code, str) and code.startswith(_IDENTIFIER) else None


def with_mark(text: str | None, key: str, facts: Mapping[str, Any] | None = None) -> str:
    """A text with our key as its last line, and facts that the text's readers need not see apart ("start=…")."""
    told = "".join(
        f" {name}={quote(str(value), safe=_PLAIN)}"
        for name, value in (facts or {}).items()
        if value is not None and value != ""
    )
    mark = f"[tieline:{key}{told}]"
    return f"{text.rstrip()}\n\n{mark}" if text and text.strip() else mark


def split_mark(text: Any) -> tuple[str | None, str | None, dict[str, str]]:
    """(text without the mark, key, facts) of a text as Tryton has it."""
    if not isinstance(text, str):
        return None, None, {}
    match = _MARK.search(text)
    if match is None:
        return text or None, None, {}
    facts = {name: unquote(value) for name, _, value in (part.partition("=") for part in match[2].split())}
    return text[: match.start()] or None, match[1], facts


def mark_pattern(key: str) -> str:
    """LIKE pattern that finds the mark (and maybe more: whoever asks compares the key)."""
    return f"%[tieline:{key}%"


# -- a call as text ---------------------------------------------------------------------------------------------------

NOTE_PARTS = ("subject", "description", "start", "duration_s", "direction", "recording_url")
_FACTS = ("start", "duration_s", "direction")
_LENGTH = re.compile(r" · \d+:\d\d\Z")


@dataclass(frozen=True, slots=True)
class NoteText:
    """A note's message: subject and length, description, link of the recording, and the mark with what programs read."""

    values: Mapping[str, Any]

    def write(self, key: str) -> str:
        """The message. The length stands as minutes and seconds, which need no language."""
        values = self.values
        first = str(values.get("subject") or "").strip()
        seconds = values.get("duration_s")
        if isinstance(seconds, (int, float)) and seconds > 0:
            first += f" · {int(seconds) // 60}:{int(seconds) % 60:02}"
        rest = [str(values[name]).strip() for name in ("description", "recording_url") if values.get(name)]
        facts: dict[str, Any] = {name: values.get(name) for name in _FACTS}
        facts["recording"] = 1 if values.get("recording_url") else None
        return with_mark("\n".join([first, *rest]), key, facts)

    @classmethod
    def read(cls, message: Any) -> NoteText:
        """The inverse; a note that people wrote has its first line as subject."""
        text, _, facts = split_mark(message)
        subject, _, rest = (text or "").partition("\n")
        seconds = facts.get("duration_s", "")
        values: dict[str, Any] = {name: facts.get(name) for name in _FACTS}
        values["duration_s"] = int(seconds) if seconds.isdigit() else None
        values["subject"] = (_LENGTH.sub("", subject) if values["duration_s"] else subject) or None
        values["recording_url"] = None
        if facts.get("recording"):
            rest, _, url = rest.strip().rpartition("\n")
            values["recording_url"] = url
        values["description"] = rest.strip() or None
        return cls(values)
