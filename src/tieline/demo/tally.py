"""Counts what must be there against what is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import phonenumbers

Row = tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """`expected` and `found` are multisets of rows; a row says everything that is compared of one record."""

    flow: str
    expected: Counter[Row] = field(default_factory=Counter)
    found: Counter[Row] = field(default_factory=Counter)

    @property
    def missing(self) -> list[Row]:
        return sorted((self.expected - self.found).elements())

    @property
    def surplus(self) -> list[Row]:
        return sorted((self.found - self.expected).elements())

    @property
    def mismatches(self) -> int:
        return len(self.missing) + len(self.surplus)

    def lines(self) -> list[str]:
        """What differs, a line each, for a person."""
        return [f"  missing  {' · '.join(row)}" for row in self.missing] + [
            f"  surplus  {' · '.join(row)}" for row in self.surplus
        ]


def e164(raw: str, country: str) -> str:
    """The number as +digits; as given where it is none. Deliberately not Tieline's own reading of numbers."""
    try:
        return phonenumbers.format_number(phonenumbers.parse(raw, country), phonenumbers.PhoneNumberFormat.E164)
    except phonenumbers.NumberParseException:
        return raw
