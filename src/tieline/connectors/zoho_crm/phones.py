"""How people write a phone number: every form in which Zoho's free-text phone fields may hold it.

COQL compares phone fields as text, so a number is looked for in many renderings at once; who asked confirms each hit.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

_DIGITS = re.compile(r"\D+")
_GAPS = re.compile(r"[\s.\-/]+")
E164 = re.compile(r"\+[1-9]\d{5,14}")


@lru_cache(maxsize=16_384)
def renderings(e164: str) -> tuple[str, ...]:
    """Texts that mean this number, the likeliest first; the number itself where it cannot be read.

    International with plus, with 00 and bare; national with and without trunk digit; grouped as its country does, in pairs
    or not at all; with blanks, dots and dashes.
    """
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return (e164,)
    code = str(number.country_code)
    significant = phonenumbers.national_significant_number(number)
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    groups = _GAPS.split(international.removeprefix(f"+{code}").strip())
    national_digits = _DIGITS.sub("", national)
    national_groups = _GAPS.split(re.sub(r"[()]", " ", national).strip())
    trunk = national_digits.removesuffix(significant) if national_digits.endswith(significant) else ""

    out = [e164, international, national, national_digits, f"00{code}{significant}", f"{code}{significant}"]
    out += [f"+{code} {sep.join(groups)}" for sep in ("", ".", "-")]
    out += [f"+{code}{sep}{sep.join(groups)}" for sep in (".", "-")]
    out += [f"00{code} {' '.join(groups)}", f"00 {code} {' '.join(groups)}", f"{code} {' '.join(groups)}"]
    out += [sep.join(national_groups) for sep in (" ", ".", "-")]
    out += [" ".join(_pairs(national_digits)), f"+{code} {' '.join(_pairs(significant))}"]
    out.append(f"00{code} {' '.join(_pairs(significant))}")
    if trunk:
        out += [
            f"+{code} ({trunk}){' '.join(groups)}",
            f"+{code} ({trunk}) {' '.join(groups)}",
            f"+{code}({trunk}){significant}",
        ]
        out += [significant, " ".join(groups), ".".join(_pairs(national_digits)), f"+{code}{trunk}{significant}"]
    return tuple(dict.fromkeys(out))


def _pairs(digits: str) -> list[str]:
    """In pairs from the left, an odd digit first."""
    start = len(digits) % 2
    return ([digits[:start]] if start else []) + [digits[at : at + 2] for at in range(start, len(digits), 2)]
