"""Cells of an imported call list: text as some telephone system exported it → a value, or why it is none.

A `CellError` has a declared reason code; the cell's text is its parameter `value`, cut short.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from tieline.core.facts import Direction, Outcome
from tieline.core.reasons import Reason, because, declare
from tieline.core.table import plain
from tieline.core.values import phone

NO_TIME = declare("call_list.no_time")
NOT_A_TIME = declare("call_list.not_a_time", "value")
NOT_A_DIRECTION = declare("call_list.not_a_direction", "value")
NO_DIRECTION = declare("call_list.no_direction")
NOT_A_NUMBER = declare("call_list.not_a_number", "value")
NOT_A_DURATION = declare("call_list.not_a_duration", "value")
NOT_AN_OUTCOME = declare("call_list.not_an_outcome", "value")
NOT_A_LINK = declare("call_list.not_a_link", "value")
TOO_LONG = declare("call_list.too_long", "value")
FUTURE = declare("call_list.future", "value")
NOT_A_ROW = declare("call_list.not_a_row")

DateOrder = Literal["dmy", "mdy"]
_SHOWN = 60
LONGEST_ID = 160
LONGEST_URL = 2000


class CellError(ValueError):
    """Why a cell is no value."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.code)
        self.reason = reason


def _wrong(code: str, text: str) -> CellError:
    return CellError(because(code, value=text[:_SHOWN]))


# -- times ------------------------------------------------------------------------------------------------------------

_MONTHS = (
    "jan gen", "feb fev", "mar", "apr avr", "may mai maj mag", "jun juin giu", "jul juil lug", "aug aou ago", "sep set",
    "oct okt ott", "nov", "dec dic",
)  # fmt: skip
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_ISO = re.compile(r"\d{4}-?\d{2}-?\d{2}[T ]\d{2}:?\d{2}")
_DATE = re.compile(r"(\d{1,4})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,4})")
_DAY_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th|er)?\.?[ -]+([^\W\d_]+)\.?,?[ -]+(\d{4}|\d{2})\b")
_NAME_DAY = re.compile(r"([^\W\d_]+)\.?[ -]+(\d{1,2})(?:st|nd|rd|th)?,?[ -]+(\d{4})")
_CLOCK = re.compile(
    r"(\d{1,2})\s*[:h.]\s*(\d{2})(?:\s*[:.m]\s*(\d{2})(?:[.,]\d+)?)?s?\s*([ap])?\.?(?:m\b\.?)?", re.IGNORECASE
)
_OFFSET = re.compile(r"(?:utc|gmt|z)?\s*([+-])(\d{2}):?(\d{2})$|\b(utc|gmt)$|(z)$", re.IGNORECASE)


def moment(text: str, clock: str, zone: str, order: DateOrder) -> str:
    """A time as UTC text. `clock`: its time of day, where that stands in a column of its own; `zone`: where a time without one
    was written; `order`: which of 03/04 is the day. Times of Unix in seconds and milliseconds are read too."""
    whole = f"{text} {clock}".strip()
    if not whole:
        raise CellError(because(NO_TIME))
    at = _iso(whole) or _unix(text if not clock else "") or _written(text, clock, order)
    if at is None:
        raise _wrong(NOT_A_TIME, whole)
    try:
        at = at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        raise _wrong(NOT_A_TIME, whole) from None
    if at.year < 1990 or at.year > 2200:
        raise _wrong(NOT_A_TIME, whole)
    return f"{at.isoformat(timespec='seconds')[:19]}Z"


def _iso(text: str) -> datetime | None:
    if not _ISO.match(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _unix(text: str) -> datetime | None:
    if not re.fullmatch(r"\d{10}(?:\d{3})?(?:\.\d+)?", text):
        return None
    seconds = float(text)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)


def _written(text: str, clock: str, order: DateOrder) -> datetime | None:
    found = _day(text, order)
    if found is None:
        return None
    day, rest = found
    rest = (clock or rest).strip(" ,T\u202f\xa0")
    offset = _OFFSET.search(rest)
    if offset:
        rest = rest[: offset.start()].strip()
    at = _time_of_day(rest.replace("\u202f", " ").replace("\xa0", " ").strip())
    if at is None:
        return None
    if offset is None:
        return datetime.combine(day, at)
    shift = f"{offset[1]}{offset[2]}:{offset[3]}" if offset[1] else "+00:00"
    return datetime.fromisoformat(f"{day.isoformat()}T{at.isoformat()}{shift}")


def _day(text: str, order: DateOrder) -> tuple[date, str] | None:
    """The date that a text holds, and what stands after it."""
    if match := _DATE.search(text):
        first, second, third = (int(part) for part in match.groups())
        if len(match[1]) == 4:
            year, month, day = first, second, third
        else:
            year = third + 2000 if len(match[3]) <= 2 else third
            day, month = (first, second) if order == "dmy" else (second, first)
            if month > 12 >= day:  # the other order cannot be meant
                day, month = month, day
    elif match := _DAY_NAME.search(text):
        year = int(match[3]) + 2000 if len(match[3]) == 2 else int(match[3])
        day, month = int(match[1]), _month(match[2])
    elif match := _NAME_DAY.search(text):
        year, day, month = int(match[3]), int(match[2]), _month(match[1])
    else:
        return None
    try:
        return date(year, month, day), text[match.end() :]
    except ValueError:
        return None


def _month(name: str) -> int:
    bare = plain(name)
    return _MONTH.get(bare[:4]) or _MONTH.get(bare[:3]) or 0


def _time_of_day(text: str) -> time | None:
    if not text:
        return None  # a day alone says not when somebody called
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hour = int(match[1])
    half = (match[4] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, int(match[2]), int(match[3] or 0))
    except ValueError:
        return None


def order_of(texts: Iterable[str]) -> DateOrder | None:
    """Which of 03/04 is the day, by dates that leave no doubt; None where each can be read both ways."""
    for text in texts:
        match = _DATE.search(text)
        if match is None or len(match[1]) == 4:
            continue
        if int(match[1]) > 12:
            return "dmy"
        if int(match[2]) > 12:
            return "mdy"
    return None


# -- the other cells ----------------------------------------------------------------------------------------------------

_SECONDS = re.compile(
    r"(?:(\d+)\s*h\w*\.?)?\s*(?:(\d+)\s*m(?:in\w*)?\.?)?\s*(?:(\d+)(?:[.,]\d+)?\s*(?:s\w*)?\.?)?", re.IGNORECASE
)


def duration(text: str, *, minutes: bool) -> int | None:
    """Seconds. `minutes`: a bare number counts minutes. 65 · 65.4 · 1:05 · 0:01:05 · 1 min 5 s. None for an empty cell."""
    if text in ("", "-", "–", "—"):
        return None
    if re.fullmatch(r"\d{1,7}(?:[.,]\d+)?", text):
        value = float(text.replace(",", "."))
        return round(value * 60) if minutes else int(value)
    if re.fullmatch(r"\d{1,3}(?::\d{1,2}){1,2}(?:[.,]\d+)?", text):
        seconds = 0
        for part in re.split(r"[.,]", text)[0].split(":"):
            seconds = seconds * 60 + int(part)
        return seconds
    match = _SECONDS.fullmatch(text)
    if match is None or not any(match.groups()):
        raise _wrong(NOT_A_DURATION, text)
    hours, more, rest = (int(part or 0) for part in match.groups())
    return hours * 3600 + more * 60 + rest


class Way(NamedTuple):
    """What a word in a column of directions, outcomes or kinds of calls says."""

    direction: Direction | None = None
    outcome: Outcome | None = None


def _words(texts: Mapping[Way, str]) -> dict[str, Way]:
    return {word: way for way, words in texts.items() for word in words.split(",")}


WORDS = _words(
    {
        Way(
            "inbound"
        ): "in,inbound,incoming,i,received,entrant,entrante,recu,appel entrant,indgaende,ind,modtaget,in arrivo,"
        "ricevuta,ricevute,eingehend,inkommande",
        Way(
            "outbound"
        ): "out,outbound,outgoing,o,dialed,dialled,made,placed,sortant,sortante,emis,appel sortant,appel emis,"
        "udgaende,ud,ringet,in uscita,uscita,effettuata,ausgehend,utgaende",
        Way("internal"): "internal,interne,intern,interno,interna",
        Way("inbound", "missed"): "missed,missed call,missed calls,manque,manques,appel manque,perdu,ubesvaret,mistet,"
        "ubesvaret opkald,persa,persi,chiamata persa,non risposta,verpasst,abandoned,abandonne,forladt,abbandonata",
        Way(
            "inbound", "voicemail"
        ): "voicemail,voice mail,messagerie,messagerie vocale,message vocal,repondeur,telefonsvarer,"
        "segreteria,segreteria telefonica,mailbox",
        Way(
            None, "answered"
        ): "answered,answer,connected,completed,complete,ok,yes,success,successful,repondu,decroche,abouti,"
        "termine,oui,besvaret,gennemfort,ja,risposta,risposto,riuscita,completata,si,true,1",
        Way(
            None, "no_answer"
        ): "no answer,noanswer,not answered,unanswered,no,false,0,non repondu,sans reponse,non abouti,"
        "pas de reponse,non,intet svar,ikke besvaret,nej,nessuna risposta,no response",
        Way(None, "busy"): "busy,occupe,optaget,occupato",
        Way(None, "canceled"): "canceled,cancelled,cancel,annule,afbrudt,annulleret,annullata,annullato",
        Way(
            None, "failed"
        ): "failed,failure,error,echec,echoue,erreur,fejlet,fejl,fallita,fallito,errore,unavailable,congestion",
        Way(None, "rejected"): "rejected,declined,rejete,refuse,afvist,rifiutata,rifiutato",
    }
)
"""Words of four languages as `core.table.plain` leaves them. A missed call or a voicemail also says that somebody called us."""


def way(text: str) -> Way:
    """What a cell in the column of directions says."""
    found = WORDS.get(plain(text))
    if found is None or (found.direction is None and text):
        raise _wrong(NOT_A_DIRECTION, text)
    return found


def outcome(text: str, direction: Direction) -> Outcome | None:
    """How a call ended. Who was called misses a call; who calls gets no answer."""
    if text in ("", "-"):
        return None
    bare = plain(text)
    found = WORDS.get(bare) or WORDS.get(bare.replace(" ", ""))
    if found is None or found.outcome is None:
        raise _wrong(NOT_AN_OUTCOME, text)
    if direction == "inbound" and found.outcome == "no_answer":
        return "missed"
    return "no_answer" if direction != "inbound" and found.outcome in ("missed", "voicemail") else found.outcome


_PLAIN_NUMBER = re.compile(r"\+?[0-9][0-9 .()/-]{6,30}")
"""Nearly all are: what it really is the flow finds out."""


def number(text: str) -> str:
    """A phone number as it stands there, "" for a withheld one. Spreadsheets put ' or = before numbers, and turn long ones
    into 3.36E+10: such a number is lost, and said so."""
    bare = text.strip().removeprefix("'")
    if quoted := re.fullmatch(r'="?([^"]*)"?', bare):
        bare = quoted[1]
    if bare in ("", "-"):
        return ""
    if re.fullmatch(r"\d[.,]\d+E\+?\d+", bare, re.IGNORECASE):
        raise _wrong(NOT_A_NUMBER, text)
    if _PLAIN_NUMBER.fullmatch(bare):
        return bare
    if phone(bare).kind in ("withheld", "empty"):
        return ""
    if len(bare) > 60 or not any(sign.isdigit() for sign in bare):
        raise _wrong(NOT_A_NUMBER, text)
    return bare


def link(text: str) -> str:
    """Where a recording is."""
    if text in ("", "-"):
        return ""
    if len(text) > LONGEST_URL or not re.match(r"https?://[^\s/]+", text) or re.search(r"\s", text):
        raise _wrong(NOT_A_LINK, text)
    return text


def key(text: str) -> str:
    """A call's id."""
    if len(text) > LONGEST_ID:
        raise _wrong(TOO_LONG, text)
    return text
