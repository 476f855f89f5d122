"""Secrets at rest: sealed with a key file that lies apart from the database.

The sealed text holds the workspace, the connection and the name that it belongs to, and opening compares them: a row that
somebody copied into another workspace's connection opens for nobody. Keys rotate: the first seals, every one opens.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tieline.core.errors import ConfigError

GRANT = "grant"
"""The name of the sealed `sdk.auth.Grant` of a connection; other names are those of the manifest's secret fields."""
INTAKE_KEY = "intake_key"
"""The name of the sealed key of /in/<key>, so that its page can show the address again."""


class SealBrokenError(ConfigError):
    """A sealed value that does not open: another key file, or a row that was moved."""

    code = "error.seal_broken"


class Seal:
    """Seals and opens. `keys` are Fernet keys as text, the current one first."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def __repr__(self) -> str:
        return "<Seal>"

    def close(self, value: Any, workspace: int, connection: int, name: str) -> bytes:
        """The sealed form of a JSON value. `connection` is 0 for what belongs to the workspace alone."""
        inside = {"w": workspace, "c": connection, "n": name, "v": value}
        return self._fernet.encrypt(json.dumps(inside, separators=(",", ":")).encode())

    def open(self, sealed: bytes | memoryview, workspace: int, connection: int, name: str) -> Any:
        """The value; SealBrokenError where it is not the one that was sealed for this place."""
        try:
            inside = json.loads(self._fernet.decrypt(bytes(sealed)))
        except (InvalidToken, ValueError):
            raise SealBrokenError("it does not open with our keys", setting=name) from None
        if (inside.get("w"), inside.get("c"), inside.get("n")) != (workspace, connection, name):
            raise SealBrokenError("it was sealed for another place", setting=name)
        return inside.get("v")

    def renew(self, sealed: bytes | memoryview) -> bytes:
        """The same value sealed with the current key: what a key rotation does to every row."""
        return self._fernet.rotate(bytes(sealed))


def installed() -> Seal:
    """The seal of this installation, from Django's settings."""
    from django.conf import settings

    return Seal(settings.TIELINE_SECRET_KEYS)
