"""The system user that the server runs as, and what that user can reach.

Postgres refuses to run as root. As root we therefore take a user that is already there; none is made, and no right of a
folder that is not ours alone is ever changed.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieline.store.embedded.errors import DatabaseError

#: The first of these that exists. A user of the machine's own Postgres comes before `nobody`, which others share.
CANDIDATES = ("tieline", "postgres", "nobody")
_ENVIRONMENT = {"LC_ALL": "C", "LANG": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"}


@dataclass(frozen=True)
class Account:
    """`switch` is False where we simply are that user."""

    uid: int
    gid: int
    switch: bool

    def popen_args(self) -> dict[str, Any]:
        """Arguments for subprocess: run as this user, from a folder that everyone may enter, with a plain environment."""
        args: dict[str, Any] = {"cwd": "/", "env": dict(_ENVIRONMENT), "umask": 0o077, "stdin": subprocess.DEVNULL}
        if self.switch:
            args |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return args

    def give(self, path: Path) -> None:
        """Make a file or folder of ours belong to this user."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def succeeds(self, command: Sequence[str | Path]) -> bool:
        """Whether a command, run as this user, ends with 0. False too where the user may not even start it."""
        try:
            done = subprocess.run(
                [str(word) for word in command],
                check=False,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=30,
                **self.popen_args(),
            )
        except OSError:
            return False
        return done.returncode == 0

    def can_enter(self, folder: Path) -> bool:
        """Whether this user gets through every parent and may write in the folder."""
        return self.succeeds(["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", folder])


def choose(owner_of: Path | None = None) -> Account:
    """The user to run as. `owner_of` is an existing data folder: its owner stays the user."""
    me = os.geteuid()
    if me != 0:
        return Account(me, os.getegid(), switch=False)
    if owner_of is not None:
        found = owner_of.stat()
        if found.st_uid != 0:
            return Account(found.st_uid, found.st_gid, switch=True)
    wanted = os.environ.get("TIELINE_POSTGRES_USER")
    tried = (wanted,) if wanted else CANDIDATES
    for name in tried:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, switch=True)
    raise DatabaseError(code="database.no_user", tried=", ".join(tried))
