"""When two values of a line are the same, and what a side shall hold of the other side's value.

`normal(kind, value, country)` gives the normal form: two values of a kind are the same when their normal forms are equal, so it
is an equivalence, and the normal form of a normal form is itself. It is for comparing, never for writing: what is written is what
people wrote (`for_side`), cut or mapped where the side can hold no more.

Empty is one value: None, "", blanks only, an empty list. For "bool" empty is False (systems leave false out).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from tieline.core import countries
from tieline.core.pairing import LEFT, RIGHT, Joined, Kind, Line, Side, other
from tieline.core.record import Ref
from tieline.core.values import phone, phones

DEFAULT_COUNTRY: Final = "DK"

_BREAKS: Final = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_UNSEEN: Final = re.compile("[\u200b\u200e\u200f\u2060\ufeff\u00ad\x00]")
"""Marks that nobody sees and that systems drop. The joiner of emoji and of Indic letters is not one of them."""
_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:[.]\d*)?|[.]\d+)(?:[eE][+-]?\d{1,3})?")
_COMMA: Final = re.compile(r"([+-]?\d+),(\d{1,2})")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TRUE: Final = frozenset(("true", "yes", "1", "on", "ja", "oui", "si", "sì", "sand", "vrai", "vero"))
_FALSE: Final = frozenset(("false", "no", "0", "off", "nej", "non", "falsk", "faux", "falso"))
_MAILS: Final = re.compile(r"[\s,;]+")
_CODE_WORDS: Final = re.compile(r"^(?:CVR|VAT|MOMS|TVA|IVA|UST|USTID|ORGNR|SIREN|SIRET)(?:NR|NO|ID)?(?=[A-Z]{0,2}\d)")


class _CannotHold:
    """There is no value of the side that means this one."""

    def __repr__(self) -> str:
        return "CANNOT_HOLD"


CANNOT_HOLD: Final = _CannotHold()
"""What `for_side` gives where a side has no value for it: a choice that is not mapped, a country that it cannot write."""


def is_empty(value: Any) -> bool:
    """Whether nothing stands there."""
    if isinstance(value, str):
        if value and " " < value[0] <= "~":  # nearly all are
            return False
        bare = value.strip()
        return not bare or ((bare[0] == "\x00" or not bare.isascii()) and not _UNSEEN.sub("", bare).strip())
    if isinstance(value, list | tuple | dict):
        return not value or (not isinstance(value, dict) and all(is_empty(one) for one in value))
    return value is None


def normal(kind: Kind, value: Any, country: str = DEFAULT_COUNTRY) -> Hashable:
    """The normal form: None where nothing stands there, else text (bool for "bool", Joined for "link"). `country` (ISO 3166
    alpha-2) is where phone numbers are dialled from and whose registration numbers go without prefix."""
    if is_empty(value):
        return False if kind == "bool" else None
    if isinstance(value, list | tuple) and kind != "email":
        # a field that stands for several of the vendor's: the first one is written, so the first one counts
        return normal(kind, next(one for one in value if not is_empty(one)), country)
    return _NORMAL[kind](value, country)


def same(kind: Kind, one: Any, another: Any, country: str = DEFAULT_COUNTRY) -> bool:
    """Whether two values mean the same."""
    if one is another or (type(one) is type(another) and one == another):
        return True
    return normal(kind, one, country) == normal(kind, another, country)


def agree(line: Line, left: Any, right: Any, country: str = DEFAULT_COUNTRY) -> bool:
    """Whether the two sides hold the same, as far as each can: writing either to the other would change nothing."""
    if line.kind != "choice" and same(line.kind, left, right, country):
        return True
    for side, (held, coming) in ((RIGHT, (right, left)), (LEFT, (left, right))):
        value = for_side(line, side, coming, held=held, country=country)
        if value is not CANNOT_HOLD and same(line.kind, value, held, country):
            # what is cut to nothing has not agreed with nothing
            if is_empty(held) and not is_empty(coming) and line.kind != "bool":
                continue
            return True
    return False


def for_side(line: Line, side: Side, value: Any, *, held: Any = None, country: str = DEFAULT_COUNTRY) -> Any:
    """What this side shall hold when the other one holds `value`: mapped, written as this side writes it, cut at its length
    (between characters as people see them). `held`: what it holds now, which says how it writes countries, which of several
    choices with one meaning it had, and what else stands in a field of several e-mails. None empties; CANNOT_HOLD."""
    if is_empty(value):
        return False if value is False else None
    if isinstance(value, list | tuple):
        value = next(one for one in value if not is_empty(one))
    length = line.length_of(side)
    if line.kind == "choice":
        return _chosen(line.values, side, value, held)
    if line.kind == "country":
        return _country(str(value), line.form_of(side), held, length)
    if line.kind == "email":
        value = _mails_for(line, side, str(value), held, length)
    if line.kind == "bool":
        meant = normal("bool", value, country)
        return meant if isinstance(meant, bool) else CANNOT_HOLD
    if line.kind == "address" and line.form_of(side) == "line":
        value = ", ".join(one.strip(" ,") for one in _BREAKS.sub("\n", str(value)).split("\n") if one.strip(" ,"))
    if length is not None and isinstance(value, str) and len(value) > length:
        if line.kind in ("email", "phone", "url", "code", "number", "date"):
            return _shorter(line.kind, value, length, country)
        return cut(value, length)
    return value


def cut(text: str, length: int) -> str:
    """At most so many characters, never through what people see as one: a letter with its accents, a flag, a joined emoji."""
    if len(text) <= length:
        return text
    end = max(length, 0)
    while end > 0 and _joined_at(text, end):
        end -= 1
    return text[:end].rstrip()


# -- normal forms ------------------------------------------------------------------------------------------------------


def _plain(value: Any) -> str:
    """Composed, without marks that nobody sees, line breaks as one sign."""
    text = value if isinstance(value, str) else str(value)
    if not text.isascii():
        text = unicodedata.normalize("NFC", _UNSEEN.sub("", text))
    elif "\x00" in text:
        text = text.replace("\x00", "")
    return _BREAKS.sub("\n", text)


def _text(value: Any, _: str) -> Hashable:
    """Blanks count once, around lines and at the end not at all; lines count."""
    return "\n".join(" ".join(line.split()) for line in _plain(value).split("\n")).strip("\n") or None


def _name(value: Any, _: str) -> Hashable:
    return " ".join(_plain(value).split()) or None


def _phone(value: Any, country: str) -> Hashable:
    text = " ".join(_plain(value).split())
    found = phones(text, country)
    if found:
        return " / ".join(f"{one.e164} ext {one.ext}" if one.ext else one.e164 for one in found)
    one = phone(text, country)
    return one.digits or text.casefold() or None


def mails(value: Any) -> tuple[str, ...]:
    """The addresses in a field, each once, as they are written there: some systems hold several with blanks between."""
    texts = value if isinstance(value, list | tuple) else (value,)
    out: dict[str, str] = {}
    for text in texts:
        if isinstance(text, str):
            for one in _MAILS.split(_plain(text)):
                address = one.strip("<>")
                if address:
                    out.setdefault(address.casefold(), address)
    return tuple(out.values())


def _email(value: Any, _: str) -> Hashable:
    return " ".join(unicodedata.normalize("NFC", one.casefold()) for one in mails(value)) or None


def _url(value: Any, _: str) -> Hashable:
    text = "".join(_plain(value).split())
    bare = re.sub(r"^(?:[a-zA-Z][a-zA-Z0-9+.-]*://)+", "", text)
    host, slash, path = bare.partition("/")
    return host.casefold() + (slash + path).rstrip("/") or None


def _country_code(value: Any, _: str) -> Hashable:
    text = " ".join(_plain(value).split())
    return countries.code_of(text) or text.casefold() or None


def _address(value: Any, _: str) -> Hashable:
    return " ".join(re.sub(r"[,;]", " ", _plain(value)).split()) or None


def _code(value: Any, country: str) -> Hashable:
    return code(str(value), country) or None


def code(text: str, country: str = DEFAULT_COUNTRY) -> str:
    """A registration or VAT number: capital letters and digits only, without the words before it and without the prefix of its
    own country. Greece is EL."""
    bare = "".join(one for one in unicodedata.normalize("NFKC", text).upper() if one.isalnum())
    bare = re.sub(r"(?<=\d)(?:MVA|MWST|TVA|IVA)$", "", bare)
    prefix = "EL" if country == "GR" else country
    while True:
        shorter = _CODE_WORDS.sub("", bare)
        if shorter.startswith("GR") and shorter[2:].isdigit():
            shorter = "EL" + shorter[2:]
        if (
            shorter.startswith(prefix)
            and len(shorter) > len(prefix) + 4
            and shorter[len(prefix)].isalnum()
            and _has_digits(shorter[len(prefix) :])
        ):
            shorter = shorter[len(prefix) :]
        if shorter == bare:
            return bare
        bare = shorter


def _has_digits(text: str) -> bool:
    return sum(one.isdigit() for one in text) * 2 >= len(text)


def _number(value: Any, _: str) -> Hashable:
    if isinstance(value, bool):
        return "1" if value else "0"
    text = " ".join(_plain(value).split()) if not isinstance(value, float) else repr(value)
    comma = _COMMA.fullmatch(text)
    if comma is not None:
        text = f"{comma[1]}.{comma[2]}"
    if not _NUMBER.fullmatch(text) or not text.isascii():
        return text
    try:
        number = Decimal(text).normalize()
    except InvalidOperation:
        return text
    if not number:
        return "0"
    return f"{number:f}" if abs(number.adjusted()) < 40 else str(number)


def _bool(value: Any, _: str) -> Hashable:
    if isinstance(value, bool | int | float):
        return bool(value)
    text = " ".join(_plain(value).split()).casefold()
    return True if text in _TRUE else False if text in _FALSE else text


def _date(value: Any, _: str) -> Hashable:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = " ".join(_plain(value).split())
    return text[:10] if _DAY.match(text) and (len(text) == 10 or text[10] in "T ") else text


def _choice(value: Any, _: str) -> Hashable:
    return str(value).strip() or None


def _link(value: Any, _: str) -> Hashable:
    if isinstance(value, Joined):
        return Joined(key=value.key) if value.key else value
    return value if isinstance(value, Ref) else str(value)


_NORMAL: Final[Mapping[Kind, Callable[[Any, str], Hashable]]] = {
    "text": _text,
    "name": _name,
    "phone": _phone,
    "email": _email,
    "url": _url,
    "country": _country_code,
    "address": _address,
    "code": _code,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "choice": _choice,
    "link": _link,
}


# -- what a side shall hold ----------------------------------------------------------------------------------------------


def _chosen(values: Mapping[str, str], side: Side, value: Any, held: Any) -> Any:
    """The choice that means this one; without any mapping the two sides have the same ids."""
    if not values:
        return value
    coming = str(value)
    if side == RIGHT:
        return values.get(coming, CANNOT_HOLD)
    if held is not None and values.get(str(held)) == coming:
        return held
    return next((left for left, right in values.items() if right == coming), CANNOT_HOLD)


def _country(value: str, form: str, held: Any, length: int | None) -> Any:
    code = countries.code_of(value)
    if code is None:
        return value if length is None or len(value) <= length else CANNOT_HOLD
    if isinstance(held, str) and countries.code_of(held) == code and (length is None or len(held) <= length):
        return held
    style = form or (countries.form_of(held) if isinstance(held, str) else "")
    if not style and length in (2, 3):
        style = "code" if length == 2 else "code3"
    text = countries.written(code, style) if style else value
    if text is not None and (length is None or len(text) <= length):
        return text
    return code if length is None or length >= 2 else CANNOT_HOLD


def _mails_for(line: Line, side: Side, value: str, held: Any, length: int | None) -> Any:
    """One address where this side holds one. Where it holds several now, it has room for them, whatever is said of it: one that comes
    from a side with room for one replaces the first, and the others stay."""
    coming, there = mails(value), mails(held)
    if len(there) > 1:
        if line.form_of(other(side)) != "one" or len(coming) != 1:
            return value
        rest = [one for one in there[1:] if one.casefold() != coming[0].casefold()]
        joined = " ".join((coming[0], *rest))
        return joined if length is None or len(joined) <= length else coming[0]
    return coming[0] if coming and line.form_of(side) == "one" else value


def _shorter(kind: Kind, value: str, length: int, country: str) -> Any:
    """What means the same in fewer characters; half a number or address would mean something else."""
    if kind == "email":
        fitting = ""
        for one in mails(value):
            joined = f"{fitting} {one}".strip()
            if len(joined) > length:
                break
            fitting = joined
        return fitting or CANNOT_HOLD
    short = normal(kind, value, country)
    return short if isinstance(short, str) and len(short) <= length else CANNOT_HOLD


def _joined_at(text: str, at: int) -> bool:
    """Whether the sign at this place belongs to the one before."""
    here, before = text[at], text[at - 1]
    if unicodedata.category(here).startswith("M") or here in "\u200d\u200c" or before == "\u200d":
        return True
    if "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f":  # skin tones, tags of flags
        return True
    if before == "\r" and here == "\n":
        return True
    if _flag(here) and _flag(before):
        start = at
        while start > 0 and _flag(text[start - 1]):
            start -= 1
        return (at - start) % 2 == 1
    return "\u1160" <= here <= "\u11ff"  # Hangul vowels and finals after their first letter


def _flag(sign: str) -> bool:
    return "\U0001f1e6" <= sign <= "\U0001f1ff"
