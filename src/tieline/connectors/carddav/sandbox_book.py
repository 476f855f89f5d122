"""What the sandbox keeps, and how it behaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(slots=True)
class Manners:
    """How this server behaves. Changed by the control route `manners`.

    etags        "strong"; "weak": W/"…" that If-Match takes without its mark; "strict": weak ones that no If-Match matches
                 (RFC 9110, 8.8.3.2); "bare": without quotes in XML
    put_etag     a PUT's answer names the new ETag
    rewrites     a card is kept otherwise than it was sent (and its PUT names no ETag)
    sync         it knows sync-collection
    at_once      most names of one sync-collection answer; 0: all
    filters      "yes"; "no": no addressbook-query (403); "ignored": every query finds every card
    dialect      of its XML: "default", "small", "cdata"
    hrefs        "paths", "absolute" URLs, "escaped" (everything percent-encoded)
    largest      bytes of a card; 0: any
    room         cards of a book, then 507; 0: any number
    read_only    every write is refused for the lack of a right
    """

    etags: str = "strong"
    put_etag: bool = True
    rewrites: bool = False
    sync: bool = True
    at_once: int = 0
    filters: str = "yes"
    dialect: str = "default"
    hrefs: str = "paths"
    largest: int = 0
    room: int = 0
    read_only: bool = False


@dataclass(slots=True)
class Kept:
    """A card: its text, the number of its last change and when that was."""

    text: str
    at: int
    modified: float

    @property
    def tag(self) -> str:
        return hashlib.sha256(f"{self.at} {self.text}".encode()).hexdigest()[:24]


class Book:
    """An address book: its cards and the numbered changes that its sync-tokens stand for."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.cards: dict[str, Kept] = {}
        self.changes: dict[str, int] = {}
        """Name → number of its last change, deletions too; in the order of the changes."""
        self.at = 0
        self.epoch = 0
        """Tokens of another one are too old."""

    def touch(self, name: str) -> int:
        self.at += 1
        self.changes.pop(name, None)
        self.changes[name] = self.at
        return self.at
