"""The first halves of our advisory locks in Postgres; the second half is the id of what is locked. Each kind has its own: a pair and a
connection may have the same id, and whoever holds the one must be able to take the other."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Lock(IntEnum):
    """What is locked."""

    DRAIN = 78
    PAIR = 79
    TOKEN = 80
