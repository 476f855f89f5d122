"""How far a pull has come: the server's sync-token, and what was told so far.

A token may be too old tomorrow, and a server may have none at all. So the cursor also knows every name that was told, with
five bytes of its version's hash: then a listing of the book says what changed and what is gone, and only that is read. Mid-way through a long
answer the token is still the old one: asked again, what was told already is known by its version and left out.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable

from tieline.core.errors import ProtocolError

FORMAT = 1
_MARK = 5
LARGEST = 256 * 1024 * 1024


class Cursor:
    """book: path of the address book · place: fingerprint of what was typed · token: "" where there is none · is_synced: the server
    knows sync-collection."""

    def __init__(self, book: str, place: str) -> None:
        self.book, self.place = book, place
        self.token = ""
        self.is_synced = True
        self._packed = ""
        self._known: dict[str, bytes] | None = {}

    @classmethod
    def load(cls, text: str | None, place: str) -> Cursor | None:
        """None for none, and for one of another server, user or book. ProtocolError for a text that is none of ours."""
        if text is None:
            return None
        try:
            raw = json.loads(text)
            cursor = cls(str(raw["book"]), str(raw["place"]))
            cursor.token, cursor.is_synced = str(raw["token"]), bool(raw["synced"])
            cursor._packed, cursor._known = str(raw["known"]), None
        except (ValueError, KeyError, TypeError):
            raise ProtocolError("this cursor is none of ours") from None
        return cursor if cursor.place == place and raw.get("v") == FORMAT else None

    def dump(self) -> str:
        if self._known is not None:
            self._packed = _packed(self._known)
        told = {"v": FORMAT, "book": self.book, "place": self.place, "token": self.token, "synced": self.is_synced}
        return json.dumps({**told, "known": self._packed})

    @property
    def known(self) -> dict[str, bytes]:
        """Name → mark of the version that was told. Unpacked when first asked for."""
        if self._known is None:
            self._known = _unpacked(self._packed)
        return self._known

    def is_told(self, name: str, version: str) -> bool:
        """Whether just this version was told."""
        return bool(version) and self.known.get(name) == _mark(version)

    def tell(self, name: str, version: str) -> None:
        self.known[name] = _mark(version)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.known.pop(name, None)


def _mark(version: str) -> bytes:
    return hashlib.blake2b(version.encode(), digest_size=_MARK).digest()


def _packed(known: dict[str, bytes]) -> str:
    if not known:
        return ""
    names = sorted(known)
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    raw = len(text).to_bytes(4, "big") + text + b"".join(known[name] for name in names)
    return base64.b85encode(zlib.compress(raw, 1)).decode()


def _unpacked(packed: str) -> dict[str, bytes]:
    if not packed:
        return {}
    try:
        raw = zlib.decompressobj().decompress(base64.b85decode(packed), LARGEST)
        size = int.from_bytes(raw[:4], "big")
        names = raw[4 : 4 + size].decode("utf-8", "surrogatepass").split("\0")
        marks = raw[4 + size :]
    except (ValueError, zlib.error):
        raise ProtocolError("this cursor is none of ours") from None
    if len(marks) != _MARK * len(names):
        raise ProtocolError("this cursor is none of ours")
    return {name: marks[at * _MARK : (at + 1) * _MARK] for at, name in enumerate(names)}
