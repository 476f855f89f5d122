"""What rows are called outside: opaque, so that nobody can count or guess them.

    runs = PublicIds(secret, "run");  runs.show(42) -> "run_k7q2m…";  runs.read("run_k7q2m…") -> 42

A bijection of the 64-bit id (four rounds of a Feistel network, keyed by the installation and the kind of row): no column
and no index of random text on tables of millions of rows. It hides numbers; it is not what keeps one workspace from
another's rows.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from functools import lru_cache

_ROUNDS = 4
_MASK = 0xFFFFFFFF


class PublicIds:
    """Ids of one kind of row; `kind` stands in front of them."""

    def __init__(self, secret: str, kind: str) -> None:
        self.kind = kind
        self._keys = [
            hashlib.blake2b(f"{kind}:{number}".encode(), key=hashlib.sha256(secret.encode()).digest()).digest()[:32]
            for number in range(_ROUNDS)
        ]

    def show(self, row_id: int) -> str:
        """The id as pages and the API show it."""
        left, right = row_id >> 32, row_id & _MASK
        for key in self._keys:
            left, right = right, left ^ self._round(key, right)
        return f"{self.kind}_{base64.b32encode(struct.pack('>II', left, right)).decode().rstrip('=').lower()}"

    def read(self, shown: str) -> int | None:
        """The row's id; None for what was never shown."""
        kind, _, text = shown.partition("_")
        if kind != self.kind or len(text) != 13:
            return None
        try:
            left, right = struct.unpack(">II", base64.b32decode(text.upper() + "==="))
        except ValueError:
            return None
        for key in reversed(self._keys):
            left, right = right ^ self._round(key, left), left
        row_id = int(left) << 32 | int(right)
        return row_id if row_id < 1 << 63 and self.show(row_id) == shown else None

    @staticmethod
    def _round(key: bytes, half: int) -> int:
        return int.from_bytes(hashlib.blake2b(struct.pack(">I", half), key=key, digest_size=4).digest(), "big")


@lru_cache(maxsize=64)
def of(kind: str) -> PublicIds:
    """The ids of one kind of row of this installation: "run", "event", "conn", "inbox" …"""
    from django.conf import settings

    return PublicIds(settings.SECRET_KEY, kind)


def intake_hash(key: str) -> str:
    """What is kept of the key in /in/<key>."""
    return hashlib.sha256(key.encode()).hexdigest()
