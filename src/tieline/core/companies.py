"""Names of companies and people as they are compared: never written anywhere."""

# ruff: noqa: SIM905  a list of words reads as one

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import JaroWinkler
from rapidfuzz.fuzz import token_sort_ratio

from tieline.core.countries import folded

_FORMS: Final = frozenset(
    (
        "aps as is ivs ks ps amba smba fmba"  # Denmark
        " ab hb kb asa ans enk oy oyj ky tmi ehf hf"  # the rest of the North
        " gmbh ag kg ohg ug gbr mbh ev ek se co"  # German
        " sarl sas sasu sa eurl sci snc scop selarl eirl"  # French
        " srl spa sapa coop scarl srls"  # Italian
        " ltd limited plc llp llc inc incorporated corp corporation company"  # English
        " bv nv vof cv bvba sprl sl slu sau lda spzoo kft zrt sro doo eood ood uab sia ou"
    ).split()
)
"""Legal forms, word by word, as they stand at either end of a name."""
_DOTTED: Final = re.compile(r"(?<=\b\w)[./](?=\s?\w\b)")
"""Between single letters: A/S, S.r.l., e. K."""
_TITLES: Final = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "miss",
        "dr",
        "prof",
        "hr",
        "fru",
        "frk",
        "herr",
        "frau",
        "m",
        "mme",
        "mlle",
        "monsieur",
        "madame",
        "sig",
        "signora",
        "ing",
    ]
)


@lru_cache(maxsize=16_384)
def bare_name(text: str, *, person: bool = False) -> str:
    """A name without case, accents and marks; a company's without its legal form, a person's without titles and with its words in
    order of the alphabet ("Hansen, Jens" is "Jens Hansen"). Never empty where the name has a letter or digit."""
    words = folded(_DOTTED.sub("", text.replace("&", " og "))).split()
    if person:
        kept = [one for one in words if one not in _TITLES] or words
        return " ".join(sorted(kept))
    first, last = 0, len(words)
    while last - first > 1 and words[last - 1] in _FORMS:
        last -= 1
    while last - first > 1 and words[first] in _FORMS:
        first += 1
    return " ".join(one for one in words[first:last] if one not in ("og", "and", "et", "e", "und")) or " ".join(words)


def likeness(one: str, another: str) -> float:
    """How like two bare names are, 0 … 1: the order of words counts little, a word more or less counts."""
    if one == another:
        return 1.0
    return max(JaroWinkler.similarity(one, another) ** 2, token_sort_ratio(one, another) / 100)
