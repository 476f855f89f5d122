"""How people write a phone number: the forms in which Zoho's free-text phone fields may hold it.

COQL compares phone fields as text, so a number is looked for in many renderings at once; who asked confirms each hit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

_DIGITS = re.compile(r"\D+")
_GAPS = re.compile(r"[\s.\-/()]+")
E164 = re.compile(r"\+[1-9]\d{5,14}")
MOST = 72
"""Of one number: below the 100 values of one `in`, so a lone caller is one request per module."""
MOST_OF_MANY = 30
"""Of each number where many are looked for at once: 500 calls stay below 0.2 requests each."""


@lru_cache(maxsize=2_048)
def renderings(e164: str, most: int = MOST) -> tuple[str, ...]:
    """Texts that mean this number, the likeliest first, at most `most`; the number itself where it cannot be read.

    Prefixes (plus, 00, bare, trunk digit, trunk digit in brackets, none) × groupings (the country's, pairs, a head of two to
    four digits and the rest, fours, none) × separators (blank, dot, dash, slash).
    """
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return (e164,)
    code = str(number.country_code)
    significant = phonenumbers.national_significant_number(number)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    digits = _DIGITS.sub("", national)
    abroad = _split(international.removeprefix(f"+{code}"))
    at_home = _split(national)
    trunk = digits.removesuffix(significant) if digits.endswith(significant) else ""
    forms = chain(
        (e164, international, national, digits, f"00{code}{significant}", f"{code}{significant}"),
        _international(code, significant, abroad),
        _national(digits, at_home),
        _with_trunk(code, trunk, significant, abroad) if trunk else _area(f"+{code} ", abroad),
        _area("", at_home),
        _headed(digits, at_home),
        _rarer(code, significant, digits, abroad, at_home),
    )
    out: dict[str, None] = {}
    for form in forms:  # none is made that is not asked for: a first match looks for thousands of numbers
        out[form] = None
        if len(out) == most:
            break
    return tuple(out)


def _international(code: str, significant: str, groups: Sequence[str]) -> Iterator[str]:
    """Behind the country's code, without a trunk digit."""
    spaced = " ".join(groups)
    yield from (f"+{code} {significant}", f"00{code} {spaced}", f"{code} {spaced}", f"+{code}{spaced}")
    yield from (f"+{code} {sep.join(groups)}" for sep in ".-")
    yield from (f"+{code}{sep}{sep.join(groups)}" for sep in ".-")
    yield f"{code}-{'-'.join(groups)}"


def _national(digits: str, groups: Sequence[str]) -> Iterator[str]:
    """As dialled within the country."""
    pairs = _cut(digits, pairs_from=len(digits) % 2)
    yield from (sep.join(groups) for sep in " .-/")
    yield from (sep.join(pairs) for sep in " .")
    if len(digits) == 8:
        yield from (f"{digits[:4]}{sep}{digits[4:]}" for sep in " -.")


def _headed(digits: str, groups: Sequence[str]) -> Iterator[str]:
    """A head of digits, and the rest."""
    if len(digits) > 9:
        yield from (sep.join((digits[:4], *_cut(digits[4:]))) for sep in ". ")
        yield f"{digits[:4]} {digits[4:7]} {digits[7:]}"
    heads = dict.fromkeys((len(groups[0]), 3, 4) if len(groups) > 1 else (3, 4))
    for head in heads:
        yield from (f"{digits[:head]}{sep}{digits[head:]}" for sep in " -/")


def _with_trunk(code: str, trunk: str, significant: str, groups: Sequence[str]) -> Iterator[str]:
    """With a trunk digit where the country's code makes it one too many, and without it where it is missing."""
    spaced = " ".join(groups)
    yield from (significant, spaced, f"+{code}{trunk}{significant}", f"+{code} {trunk}{spaced}")
    for plus in (f"+{code}", f"00{code}"):
        yield from (f"{plus} ({trunk}){spaced}", f"{plus}({trunk}){significant}", f"{plus} ({trunk}){significant}")
        yield from (f"{plus} ({trunk}) {spaced}", f"{plus}({trunk}){spaced}")
    yield from (f"+{code}({trunk}) {spaced}", f"+{code} {trunk}{significant}", f"00{code} {trunk}{spaced}")


def _area(before: str, groups: Sequence[str]) -> Iterator[str]:
    """With the area's code in brackets."""
    if len(groups) > 1 and not all(len(group) < 3 for group in groups):
        area, rest = groups[0], groups[1:]
        for gap, sep in (" ", " "), (" ", "-"), ("", "-"), ("", " "), (" ", ""):
            yield f"{before}({area}){gap}{sep.join(rest)}"


def _rarer(code: str, significant: str, digits: str, abroad: Sequence[str], at_home: Sequence[str]) -> Iterator[str]:
    spaced, pairs = " ".join(abroad), " ".join(_cut(significant, pairs_from=len(significant) % 2))
    yield from (f"+{code} {pairs}", f"00{code} {pairs}", f"00 {code} {spaced}", f"00{code} {significant}")
    yield from (f"00{code}{sep}{sep.join(abroad)}" for sep in "-.")
    yield from (f"{code} {significant}", f"+{code}/{'/'.join(abroad)}", f"+{code} {'/'.join(abroad)}")
    if len(significant) == 8:
        yield from (f"{plus}{code} {significant[:4]} {significant[4:]}" for plus in ("+", "00", ""))
    if len(at_home) > 2:
        yield f"{at_home[0]} {'-'.join(at_home[1:])}"
        yield from (f"{at_home[0]}/{sep.join(at_home[1:])}" for sep in " -")
    yield from (f"{code} {form}" for form in _area("", abroad))
    yield from (sep.join(_cut(digits, pairs_from=len(digits) % 2)) for sep in "-/")


def _split(text: str) -> list[str]:
    return [group for group in _GAPS.split(text) if group]


def _cut(digits: str, pairs_from: int = 0) -> list[str]:
    """In pairs, what is before them first."""
    head = [digits[:pairs_from]] if pairs_from else []
    return head + [digits[at : at + 2] for at in range(pairs_from, len(digits), 2)]
