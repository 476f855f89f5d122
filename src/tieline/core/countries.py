"""Countries as people and systems write them: codes and names in many languages. Sources: Unicode CLDR by babel, ISO 3166-1,
and a list of our own for what CLDR does not know (England, Holland, EL)."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Final

from babel import Locale

LANGUAGES: Final = (
    "en",
    "da",
    "fr",
    "it",
    "de",
    "sv",
    "nb",
    "nl",
    "es",
    "pt",
    "fi",
    "pl",
    "cs",
    "is",
    "et",
    "lv",
    "lt",
)
"""The languages whose names of countries are read; a name that two of them give to different countries means the first's."""

_ALIASES: Final[dict[str, str]] = {
    "uk": "GB", "u k": "GB", "england": "GB", "scotland": "GB", "wales": "GB", "northern ireland": "GB", "great britain": "GB",
    "grande bretagne": "GB", "gran bretagna": "GB", "storbritannien": "GB", "angleterre": "GB", "inghilterra": "GB",
    "holland": "NL", "hollande": "NL", "olanda": "NL", "the netherlands": "NL", "nederlandene": "NL",
    "usa": "US", "u s a": "US", "u s": "US", "united states of america": "US", "amerikas forenede stater": "US",
    "etats unis d amerique": "US", "turkey": "TR", "czech republic": "CZ", "tjekkoslovakiet": "CZ", "republique tcheque": "CZ",
    "el": "GR", "hellas": "GR", "eire": "IE", "republic of ireland": "IE", "brd": "DE", "tyskland": "DE",
    "suisse": "CH", "svizzera": "CH", "schweiz": "CH", "macedonia": "MK", "burma": "MM", "ivory coast": "CI",
    "south korea": "KR", "korea": "KR", "russia": "RU", "russian federation": "RU", "vatican": "VA", "swaziland": "SZ",
    "faroe islands": "FO", "faroerne": "FO", "greenland": "GL", "kosovo": "XK", "roc": "TW", "uae": "AE", "viet nam": "VN",
    "danmark": "DK", "kongeriget danmark": "DK", "sverige": "SE", "norge": "NO", "noreg": "NO", "espana": "ES",
}  # fmt: skip

_ALPHA3: Final = dict(
    one.split(":")
    for one in [
        "DNK:DK",
        "SWE:SE",
        "NOR:NO",
        "FIN:FI",
        "ISL:IS",
        "FRO:FO",
        "GRL:GL",
        "DEU:DE",
        "FRA:FR",
        "ITA:IT",
        "ESP:ES",
        "PRT:PT",
        "NLD:NL",
        "BEL:BE",
        "LUX:LU",
        "AUT:AT",
        "CHE:CH",
        "LIE:LI",
        "GBR:GB",
        "IRL:IE",
        "USA:US",
        "CAN:CA",
        "MEX:MX",
        "BRA:BR",
        "ARG:AR",
        "CHL:CL",
        "POL:PL",
        "CZE:CZ",
        "SVK:SK",
        "HUN:HU",
        "ROU:RO",
        "BGR:BG",
        "GRC:GR",
        "HRV:HR",
        "SVN:SI",
        "SRB:RS",
        "BIH:BA",
        "MNE:ME",
        "MKD:MK",
        "ALB:AL",
        "XKX:XK",
        "EST:EE",
        "LVA:LV",
        "LTU:LT",
        "UKR:UA",
        "BLR:BY",
        "MDA:MD",
        "RUS:RU",
        "TUR:TR",
        "CYP:CY",
        "MLT:MT",
        "MCO:MC",
        "AND:AD",
        "SMR:SM",
        "VAT:VA",
        "AUS:AU",
        "NZL:NZ",
        "JPN:JP",
        "CHN:CN",
        "HKG:HK",
        "TWN:TW",
        "KOR:KR",
        "IND:IN",
        "SGP:SG",
        "MYS:MY",
        "THA:TH",
        "VNM:VN",
        "IDN:ID",
        "PHL:PH",
        "ZAF:ZA",
        "EGY:EG",
        "MAR:MA",
        "TUN:TN",
        "DZA:DZ",
        "ISR:IL",
        "ARE:AE",
        "SAU:SA",
        "QAT:QA",
        "KWT:KW",
        "NGA:NG",
        "KEN:KE",
    ]
)
_TO_ALPHA3: Final = {alpha2: alpha3 for alpha3, alpha2 in _ALPHA3.items()}


def folded(text: str) -> str:
    """Small letters and digits of a name without accents, one blank between words."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("ø", "o").replace("æ", "ae").replace("œ", "oe"))
    bare = "".join(one if one.isalnum() else " " for one in plain if not unicodedata.combining(one))
    return " ".join(bare.split())


@cache
def _names(language: str) -> dict[str, str]:
    """Code → name in this language."""
    territories = Locale.parse(language).territories
    return {
        code: name for code, name in territories.items() if len(code) == 2 and code.isalpha() and code not in _NO_STATE
    }


_NO_STATE: Final = frozenset(("EU", "EZ", "UN", "ZZ", "QO", "XA", "XB"))


@cache
def _by_name() -> dict[str, str]:
    out: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in _names(language).items():
            out.setdefault(folded(name), code)
    return {**out, **_ALIASES}


@lru_cache(maxsize=4096)
def code_of(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of what is written there: a code, or a name in one of our languages; None where nobody knows."""
    written = folded(text)
    upper = written.upper()
    if len(upper) == 2 and (upper in _names("en")):
        return upper
    return _ALPHA3.get(upper) or _by_name().get(written)


def name_of(code: str, language: str) -> str | None:
    """A country's name in a language; None where the code or the language is not known."""
    return _names(language).get(code) if language in LANGUAGES else None


def alpha3_of(code: str) -> str | None:
    """The three-letter code, for the countries whose three letters we know."""
    return _TO_ALPHA3.get(code)


def form_of(text: str) -> str:
    """How a country is written there: "code", "code3", the language of its name, or "" where it is no country."""
    written = folded(text)
    code = code_of(text)
    if code is None:
        return ""
    if written.upper() == code:
        return "code"
    if _ALPHA3.get(written.upper()) == code:
        return "code3"
    return next((one for one in LANGUAGES if folded(_names(one).get(code, "")) == written), "en")


def written(code: str, form: str) -> str | None:
    """A country in a form as `form_of` gives it; None where it cannot be written so."""
    if form == "code":
        return code
    return alpha3_of(code) if form == "code3" else name_of(code, form)
