"""Times, numbers and phone numbers as the reader's language writes them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

import phonenumbers
from babel import Locale
from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal, format_percent
from django.utils import timezone, translation
from django.utils.translation import gettext

from tieline.core import values

_PAIRS = re.compile(r"(?<=\d)(?=(?:\d\d)+$)")
_BABEL = {"en": "en_GB", "fr": "fr_FR", "da": "da_DK", "it": "it_IT"}


def locale() -> Locale:
    """The reader's language with the customs of its country; English as the British write it, with 24 hours."""
    return Locale.parse(_BABEL.get((translation.get_language() or "en")[:2], "en_GB"))


def number(value: float | Decimal) -> str:
    """1204 as "1,204", "1 204" or "1.204"."""
    return format_decimal(value, locale=locale())


def percent(value: float) -> str:
    """0.24 as "24%" or "24 %"."""
    return format_percent(value, locale=locale())


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment)


def clock(moment: datetime, *, seconds: bool = False) -> str:
    """The time of day, 24 hours: "14:22" or "14:22:07"."""
    return _local(moment).strftime("%H:%M:%S" if seconds else "%H:%M")


def day(moment: date) -> str:
    """The day with its name and year: "Friday 20 November 2026"."""
    patterns = {"en": "EEEE d MMMM y", "fr": "EEEE d MMMM y", "da": "EEEE 'd'. d. MMMM y", "it": "EEEE d MMMM y"}
    return format_date(moment, patterns[locale().language], locale=locale())


def titled(what: str, said: str) -> str:
    """A word and what is said of it, with the sign between them that the language writes: "Owner: Anna"."""
    return gettext("%(what)s: %(said)s") % {"what": what, "said": said}


def date_of(moment: date) -> str:
    """A date without its weekday: "20 Nov 2026"."""
    return format_date(moment, _day_of_month() + " MMM y", locale=locale())


def zone_name(moment: datetime) -> str:
    """The zone as people write it beside a time: "CET"; "UTC-03" where it has no letters of its own."""
    name = _local(moment).tzname() or "UTC"
    return name if name[:1].isalpha() else f"UTC{name}"


def full(moment: datetime) -> str:
    """Day, time and zone: "Friday 20 November 2026, 14:22 CET"."""
    here = _local(moment)
    return f"{day(here.date())}, {clock(here)} {zone_name(here)}"


def short(moment: datetime, now: datetime | None = None) -> str:
    """As little as says it: "14:22" today, "20 Nov 14:22" this year, "20 Nov 2026" before."""
    here, today = _local(moment), _local(now or timezone.now())
    if here.date() == today.date():
        return clock(here)
    if here.year == today.year:
        return f"{format_date(here.date(), _day_of_month() + ' MMM', locale=locale())} {clock(here)}"
    return date_of(here.date())


def _day_of_month() -> str:
    """Danes write a point after the day: "20. nov."."""
    return "d." if locale().language == "da" else "d"


def day_and_month(moment: datetime) -> str:
    """A day of this year, within a sentence: "20 November"."""
    return format_date(_local(moment).date(), _day_of_month() + " MMMM", locale=locale())


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, up to an hour in words ("12 seconds ago"), then as `short`."""
    passed = (now or timezone.now()) - moment
    if timedelta(0) <= passed < timedelta(hours=1):
        return format_timedelta(-passed, add_direction=True, threshold=1.2, format="long", locale=locale())
    return short(moment, now)


def lasted(seconds: float) -> str:
    """A duration: "0.6 s", "45 s", "3 min", "2 h 5 min"."""
    if seconds < 10:
        return f"{format_decimal(round(seconds, 1), locale=locale())} s"
    if seconds < 60:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def hour_span(hour: int) -> str:
    """The hour that begins at `hour`: "09–10"."""
    return f"{hour:02d}–{(hour + 1) % 24:02d}"


def phone(value: str, country: str = "") -> str:
    """A number with its country's spaces: "+33 1 86 76 54 32"; one as dialled in `country` (ISO 3166 alpha-2) too. What is
    none is shown as it came."""
    if not value.startswith("+"):
        read = values.phone(value, country) if country else None
        if read is None or not read.is_number or read.ext:
            return value
        value = read.e164
    try:
        parsed = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        return value
    shown = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    code, _, rest = shown.partition(" ")
    if rest.isdigit() and len(rest) > 6:  # a number that its country does not know yet: pairs are read more easily
        shown = f"{code} {_PAIRS.sub(' ', rest)}"
    return shown.replace(" ", "\u00a0")


def short_day(moment: date) -> str:
    """A day of this year for narrow places: "20 Nov"."""
    return format_date(moment, _day_of_month() + " MMM", locale=locale())
