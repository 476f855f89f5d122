"""A call as the rules see it: the folded subject with its numbers read and its company line found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tieline.core.values import Phone, phone
from tieline.flows.calls.settings import Line, Settings

UNREACHED = frozenset(("missed", "busy", "no_answer", "canceled", "failed", "rejected", "voicemail"))
"""Results in which no person answered (CALL-18): inbound unanswered, voicemail and abandoned included; outbound not answered."""


class Lines:
    """The company's lines by number, made once per settings."""

    def __init__(self, settings: Settings) -> None:
        self.made_of = (settings.lines, settings.default_country)
        self._country = settings.default_country
        self._countries = tuple({line.country for line in settings.lines if line.country} - {self._country})
        self._by_name: dict[str, Line] = {}
        for line in settings.lines:
            for name in line_names(line.number, line.country or self._country):
                self._by_name.setdefault(name, line)

    def find(self, raw: str | None) -> Line | None:
        """The line of a number as a phone system writes it: by E.164, extensions and short codes as text."""
        if not raw or not self._by_name:
            return None
        for country in (self._country, *self._countries):
            for name in line_names(raw, country):
                line = self._by_name.get(name)
                if line is not None:
                    return line
        return None


def line_names(raw: str, country: str) -> tuple[str, ...]:
    """Under which names a line is known: its E.164 number with any extension, else what was written."""
    found = phone(raw, country)
    if found.is_number:
        return (f"{found.e164};{found.ext}" if found.ext else found.e164,)
    plain = "".join(raw.split()).casefold()
    return (found.digits, plain) if found.digits and found.digits != plain else (plain,)


def lines_of(settings: Settings) -> Lines:
    """The index of these settings, kept with them; a changed copy of the settings takes it along, so it is checked."""
    lines: Lines | None = settings.__dict__.get("_lines")
    if lines is None or lines.made_of[0] is not settings.lines or lines.made_of[1] != settings.default_country:
        lines = settings.__dict__["_lines"] = Lines(settings)
    return lines


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    direction   "inbound" where the source did not say
    person      the number outside; only kind "number" makes a person, and not when it is a line of the company itself
    line        the settings of the company line dialled or used, None where it is not among them
    line_raw    that line as the phone system wrote it, "" where it did not say
    ignored     the first line taking part that is left out of the CRM
    result      answered, missed, busy …, unknown (CallFact.outcome)
    now         when it ended, as far as known: the time of the decision
    """

    key: str
    direction: str
    person: Phone
    own_line: bool
    line: Line | None
    line_raw: str
    line_country: str
    agent: str
    ignored: Line | None
    result: str
    started_at: str | None
    now: str | None
    talk_s: int | None
    total_s: int | None
    recordings: tuple[tuple[str, int | None], ...]
    told: bool = True
    """Whether anything of the call itself was told: that it rang, was answered or ended, who it was with."""

    @property
    def unreached(self) -> bool:
        return self.result in UNREACHED

    @property
    def makes_person(self) -> bool:
        return self.person.kind == "number" and not self.own_line

    @property
    def duration_s(self) -> int | None:
        """Of the talk; the whole call where the source says no more; 0 where nobody talked."""
        if self.unreached:
            return 0
        return self.talk_s if self.talk_s is not None else self.total_s

    @property
    def line_phone(self) -> Phone:
        return phone(self.line_raw, self.line_country)


def call_of(subject: Mapping[str, Any], settings: Settings) -> Call:
    """The typed view of a folded subject."""
    lines = lines_of(settings)
    # a source that names no line dialled may still name whose phone rang
    line_raw: str = subject.get("line") or subject.get("agent") or ""
    line = lines.find(line_raw)
    external: str | None = subject.get("external")
    ignored: Line | None = None
    for raw in subject.get("numbers", ()):
        found = line if raw == line_raw else lines.find(raw)
        if found is not None and found.ignore:
            ignored = found
            break
    own = lines.find(external)
    if ignored is None and own is not None and own.ignore:
        ignored = own
    country = (line.country if line else None) or settings.default_country
    return Call(
        key=subject["key"],
        direction=subject.get("direction") or "inbound",
        person=phone(external, country),
        own_line=own is not None,
        line=line,
        line_raw=line_raw,
        line_country=country,
        agent=subject.get("agent") or "",
        ignored=ignored,
        result=subject.get("result") or "unknown",
        started_at=subject.get("started_at"),
        now=subject.get("ended_at") or subject.get("last_at") or subject.get("first_at"),
        talk_s=subject.get("talk_s"),
        total_s=subject.get("total_s"),
        recordings=tuple((one["url"], one.get("s")) for one in subject.get("recordings", ())),
        told=any(subject.get(name) for name in ("last_at", "ended_at", "direction", "external", "line", "agent")),
    )


def lanes(subject: Mapping[str, Any], settings: Settings) -> tuple[str, ...]:
    """Calls of one outside number are decided in order; a call without one waits for nobody. The line is no identity."""
    line = lines_of(settings).find(subject.get("line") or subject.get("agent"))
    person = phone(subject.get("external"), (line.country if line else None) or settings.default_country)
    return (f"phone:{person.e164}",) if person.is_number else (f"call:{subject['key']}",)
