"""Texts written into the CRM, in the workspace's language for them (HUB-9), and the templates of names (CALL-16)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from tieline.flows.calls.call import Call
from tieline.flows.calls.owners import line_name
from tieline.flows.calls.settings import Settings

PLACEHOLDERS = frozenset(("number", "line", "date", "direction"))
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "inbound": "Incoming call", "outbound": "Outgoing call", "missed": "Missed call", "unanswered": "Unanswered call",
        "from": "{what} from {number}", "to": "{what} to {number}",
        "withheld": "withheld number", "empty": "unknown number", "date": "%Y-%m-%d", "time": "%H:%M",
        "not_taken": "The call did not take place.", "voicemail": "The caller left a voicemail.",
        "missed_at": "{number} called on {date} at {time} and reached nobody.",
        "unanswered_at": "{number} was called on {date} at {time} and did not answer.",
        "line": "Line: {line}", "agent": "Extension: {agent}", "recording": "Recording: {url}",
        "file": "Recording {date} {time}", "unknown": "How the call ended is not known.",
    },
    "fr": {
        "inbound": "Appel entrant", "outbound": "Appel sortant", "missed": "Appel manqué", "unanswered": "Appel sans réponse",
        "from": "{what} de {number}", "to": "{what} vers {number}",
        "withheld": "numéro masqué", "empty": "numéro inconnu", "date": "%d/%m/%Y", "time": "%H:%M",
        "not_taken": "L’appel n’a pas eu lieu.", "voicemail": "L’appelant a laissé un message vocal.",
        "missed_at": "{number} a appelé le {date} à {time} sans joindre personne.",
        "unanswered_at": "{number} a été appelé le {date} à {time} et n’a pas répondu.",
        "line": "Ligne : {line}", "agent": "Poste : {agent}", "recording": "Enregistrement : {url}",
        "file": "Enregistrement {date} {time}", "unknown": "On ignore comment l’appel s’est terminé.",
    },
    "da": {
        "inbound": "Indgående opkald", "outbound": "Udgående opkald", "missed": "Mistet opkald", "unanswered": "Ubesvaret opkald",
        "from": "{what} fra {number}", "to": "{what} til {number}",
        "withheld": "skjult nummer", "empty": "ukendt nummer", "date": "%d.%m.%Y", "time": "%H.%M",
        "not_taken": "Samtalen fandt ikke sted.", "voicemail": "Der blev lagt en besked på telefonsvareren.",
        "missed_at": "{number} ringede den {date} kl. {time} og fik ikke fat i nogen.",
        "unanswered_at": "{number} blev ringet op den {date} kl. {time} og svarede ikke.",
        "line": "Linje: {line}", "agent": "Lokalnummer: {agent}", "recording": "Optagelse: {url}",
        "file": "Optagelse {date} {time}", "unknown": "Det vides ikke, hvordan opkaldet endte.",
    },
    "it": {
        "inbound": "Chiamata in entrata", "outbound": "Chiamata in uscita", "missed": "Chiamata persa", "unanswered": "Chiamata senza risposta",
        "from": "{what} da {number}", "to": "{what} a {number}",
        "withheld": "numero nascosto", "empty": "numero sconosciuto", "date": "%d/%m/%Y", "time": "%H:%M",
        "not_taken": "La chiamata non ha avuto luogo.", "voicemail": "Il chiamante ha lasciato un messaggio in segreteria.",
        "missed_at": "{number} ha chiamato il {date} alle {time} senza raggiungere nessuno.",
        "unanswered_at": "{number} è stato chiamato il {date} alle {time} e non ha risposto.",
        "line": "Linea: {line}", "agent": "Interno: {agent}", "recording": "Registrazione: {url}",
        "file": "Registrazione {date} {time}", "unknown": "Non si sa come sia finita la chiamata.",
    },
}  # fmt: skip


def unknown_placeholders(template: str) -> tuple[str, ...]:
    """Names in braces that no text is known for."""
    return tuple(dict.fromkeys(name for name in _PLACEHOLDER.findall(template) if name not in PLACEHOLDERS))


def fill(template: str, values: dict[str, str]) -> str:
    """The template with what is known filled in; values are never read as templates themselves."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def local(at: str, settings: Settings) -> datetime:
    """UTC text as the workspace's clock shows it."""
    return datetime.fromisoformat(at).astimezone(zone(settings.zone))


class Texts:
    """The words for one call. Texts that need the clock are made when they are asked for."""

    def __init__(self, call: Call, settings: Settings) -> None:
        self._call = call
        self._settings = settings
        self._table = TEXTS[settings.language]
        person = call.person
        self.number = self._table[person.kind] if person.kind in ("withheld", "empty") else person.international
        """The number outside as people write it; words for what is none."""

    @property
    def what(self) -> str:
        call = self._call
        if call.unreached:
            return self._table["missed" if call.direction == "inbound" else "unanswered"]
        return self._table[call.direction]

    def name(self, template: str) -> str:
        """A template filled in, on one line."""
        if template == "{number}":  # the default, and nearly always
            return self.number
        values = {
            "number": self.number,
            "line": line_name(self._call),
            "direction": self.what,
            "date": self._at("date") if "{date}" in template else "",
        }
        return " ".join(fill(template, values).split()) or self.number

    @property
    def call_name(self) -> str:
        table = self._table["from" if self._call.direction == "inbound" else "to"]
        return table.format(what=self.what, number=self.number)

    @property
    def call_description(self) -> str:
        call = self._call
        lines = []
        if call.line_raw:
            lines.append(self._table["line"].format(line=self._line))
        if call.agent and call.agent != call.line_raw:
            lines.append(self._table["agent"].format(agent=call.agent))
        if call.result == "voicemail":
            lines.append(self._table["voicemail"])
        elif call.result == "unknown":
            lines.append(self._table["unknown"])
        if self._settings.call.recording == "link":
            lines.extend(self._table["recording"].format(url=url) for url, _ in call.recordings[1:])
        return "\n".join(lines)

    @property
    def task_description(self) -> str:
        call = self._call
        key = "missed_at" if call.direction == "inbound" else "unanswered_at"
        lines = [self._table["not_taken"]]
        if call.started_at:
            number = self.number[:1].upper() + self.number[1:]
            lines.append(self._table[key].format(number=number, date=self._at("date"), time=self._at("time")))
        if call.result == "voicemail":
            lines.append(self._table["voicemail"])
        if call.line_raw:
            lines.append(self._table["line"].format(line=self._line))
        return "\n".join(lines)

    @property
    def task_again(self) -> str:
        """What a task that is there already says of this call too; "" for a call without time."""
        call = self._call
        if not call.started_at:
            return ""
        key = "missed_at" if call.direction == "inbound" else "unanswered_at"
        number = self.number[:1].upper() + self.number[1:]
        said = self._table[key].format(number=number, date=self._at("date"), time=self._at("time"))
        return f"{said} {self._table['voicemail']}" if call.result == "voicemail" else said

    @property
    def file_name(self) -> str:
        """The name of a recording's file, without ending."""
        if not self._call.started_at:
            return self._table["file"].format(date="", time="").strip()
        return self._table["file"].format(date=self._at("date"), time=self._at("time").replace(":", "."))

    def day(self, later: int) -> str | None:
        """The date so many days after the call, in the workspace's zone, ISO; None for a call without time."""
        now = self._call.now
        if now is None:
            return None
        found: date = local(now, self._settings).date() + timedelta(days=later)
        return found.isoformat()

    @property
    def _line(self) -> str:
        name, number = line_name(self._call), self._call.line_phone.international
        return name if name == number else f"{name} ({number})"

    def _at(self, style: str) -> str:
        at = self._call.started_at
        return local(at, self._settings).strftime(self._table[style]) if at else ""


def year_before(at: str, settings: Settings) -> str:
    """The same day and hour a calendar year earlier by the workspace's clock (29 February: the 28th), as UTC text."""
    then = local(at, settings)
    day = 28 if (then.month, then.day) == (2, 29) else then.day
    earlier = then.replace(year=then.year - 1, day=day)
    return earlier.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
