"""Codes as sentences in the language that is active. The pages know the sentences (`web/words`); who is not above them, as the
API, asks here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Say = Callable[[str, Mapping[str, Any]], str]

_SAY: list[Say] = []


def tell_by(say: Say) -> Say:
    """Who turns a code with its parameters into a sentence; registered once, when the pages are loaded."""
    _SAY[:] = [say]
    return say


def say(code: str, params: Mapping[str, Any] | None = None) -> str:
    """The sentence of a code; the code itself where nobody knows one."""
    return _SAY[0](code, params or {}) if _SAY else code
