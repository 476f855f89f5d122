"""Passwords of the database roles: made by chance, kept in one file of mode 0600 apart from the data."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from tieline.store.embedded.errors import DatabaseError
from tieline.store.embedded.place import alone_in, write_private


class Keys:
    """Passwords by role. The file is read at first use, made when it is not there, and never printed."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def password(self, role: str) -> str:
        """The password of a role; made now when there is none. Letters, digits, - and _ only."""
        known = self._read()
        if role in known:
            return known[role]
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone_in(self.file.parent):
            known = self._read()
            if role not in known:
                known[role] = secrets.token_urlsafe(32)
                write_private(self.file, json.dumps(known))
        return known[role]

    def _read(self) -> dict[str, str]:
        try:
            known = json.loads(self.file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DatabaseError(code="database.keys_unreadable", path=str(self.file)) from error
        if not isinstance(known, dict):
            raise DatabaseError(code="database.keys_unreadable", path=str(self.file))
        return {str(role): str(password) for role, password in known.items()}
