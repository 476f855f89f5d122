"""Key files: made at first use, readable by their owner only, in a folder apart from the database's.

`django.key` signs sessions and links. `secrets.key` encrypts secrets at rest; one Fernet key a line, the first
encrypts and every one decrypts, so a key is rotated by putting a new line on top. A backup of the database alone opens
nothing.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


class KeyFileError(RuntimeError):
    """A key file that others than its owner can read."""


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The text of a key file; made with mode 0600 if it is not there. Two processes that start at once agree."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(make() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return _read(path)


def _read(path: Path) -> str:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyFileError(f"{path} can be read by others (mode {mode:o}): chmod 600 it, then change the key")
    for _ in range(50):  # the process that makes it may not have written it yet
        text = path.read_text(encoding="ascii").strip()
        if text:
            return text
        time.sleep(0.02)
    raise KeyFileError(f"{path} is empty: restore it from your backup, or delete it to have a new one made")


def signing_key(data: Path) -> str:
    """What sessions and signed links are made with."""
    return read_or_create(data / "keys" / "django.key", lambda: secrets.token_urlsafe(64))


def secret_keys(data: Path) -> list[str]:
    """The Fernet keys for secrets at rest, the current one first."""
    text = read_or_create(data / "keys" / "secrets.key", lambda: Fernet.generate_key().decode())
    return [line.strip() for line in text.splitlines() if line.strip()]
