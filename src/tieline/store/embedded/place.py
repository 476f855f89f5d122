"""Where the server keeps its files.

Normally right below the folder that was asked for. As root the server runs as another user, and where that user cannot
get to the folder (a clone below /root), the files lie below /var/lib/tieline or, where that cannot be, below /var/tmp. The
folder asked for then holds a small file that says so. Names there begin with a hash of the folder asked for and end by
chance, so that two clones never share and a new clone at an old path begins empty.

A place looks like this; everything in it belongs to the server's user, mode 0700:
    pgdata/  socket/  postgres.log  settings.conf (the owner's own settings, if any)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tieline.store.embedded import programs
from tieline.store.embedded.account import Account, choose
from tieline.store.embedded.errors import DatabaseError

SHARED_SHELF = Path("/var/lib/tieline")
LAST_SHELF = Path("/var/tmp")  # noqa: S108 -- only ever a folder of ours with a random name in it
_MARK = "place.json"
_SOCKET_NOTE = "socket-folder"
#: sun_path holds 108 bytes, less the closing zero and "/.s.PGSQL.5432".
LONGEST_SOCKET_FOLDER = 93


@dataclass(frozen=True)
class Place:
    """`asked` is the folder that was asked for, `root` where the files are (often the same), `bin` the programs."""

    asked: Path
    root: Path
    bin: Path
    account: Account

    @property
    def pgdata(self) -> Path:
        """The cluster's own folder."""
        return self.root / "pgdata"

    @property
    def log(self) -> Path:
        """What the server prints."""
        return self.root / "postgres.log"

    @property
    def name(self) -> str:
        """Stands in the title of each of the server's processes, to find them again."""
        return f"tieline-{hashlib.sha256(os.fsencode(self.pgdata)).hexdigest()[:12]}"

    def socket_folder(self) -> Path:
        """The folder of the socket, which only the server's user (and root) can enter; made on first use.

        Below the place itself, or a short folder with a random name where that path is too long for a socket, or has a
        comma, at which clients would cut it in two.
        """
        inside = self.root / "socket"
        if len(os.fsencode(inside)) <= LONGEST_SOCKET_FOLDER and "," not in str(inside):
            _private_folder(inside, self.account)
            return inside
        note = self.root / _SOCKET_NOTE
        if note.exists():
            known = Path(note.read_text())
            if _is_private(known, self.account):
                return known
        fresh = Path(tempfile.mkdtemp(prefix="tieline-", dir=_short_base()))
        self.account.give(fresh)
        write_private(note, str(fresh))
        return fresh

    def erase(self) -> None:
        """Remove everything of this place. The server has to be stopped before."""
        note = self.root / _SOCKET_NOTE
        if note.exists():
            shutil.rmtree(Path(note.read_text()), ignore_errors=True)
        still_here = _mark_of(self.asked) == self.root
        shutil.rmtree(self.root, ignore_errors=True)
        if still_here:  # and not another place that was made since at the same path
            shutil.rmtree(self.asked, ignore_errors=True)


def find(asked: Path, wheel: Path | None = None) -> Place:
    """The place for a folder: the one noted earlier, else a new one. Makes folders, starts nothing."""
    asked = Path(os.path.abspath(asked))  # noqa: PTH100 -- no symbolic link is resolved: the name asked for is what counts
    wheel = wheel or programs.wheel_folder()
    asked.mkdir(parents=True, exist_ok=True)
    with alone_in(asked):
        root = _noted(asked)
        return _choose_place(asked, wheel) if root is None else _known_place(asked, root, wheel)


def _known_place(asked: Path, root: Path, wheel: Path) -> Place:
    account = choose(owner_of=root)
    shelf = root.parent if root != asked else None
    reachable = programs.reachable_bin(wheel, account, shelf)
    if reachable is None:
        raise DatabaseError(code="database.no_programs", path=str(wheel))
    return Place(asked, root, reachable, account)


def _choose_place(asked: Path, wheel: Path) -> Place:
    account = choose()
    reachable = programs.reachable_bin(wheel, account, None)
    if reachable is not None and _take(asked, account):
        _note(asked, asked)
        return Place(asked, asked, reachable, account)
    return _elsewhere(asked, wheel, account)


def _elsewhere(asked: Path, wheel: Path, account: Account) -> Place:
    """A new place apart from the folder asked for. Only root comes here: a plain user reaches what is its own."""
    digest = hashlib.sha256(os.fsencode(asked)).hexdigest()[:16]
    for make_shelf in (_shared_shelf, _last_shelf):
        shelf = make_shelf(account)
        if shelf is None:
            continue
        reachable = programs.reachable_bin(wheel, account, shelf)
        root = Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=shelf))
        if reachable is not None and _take(root, account):
            _note(asked, root)
            return Place(asked, root, reachable, account)
        root.rmdir()
    raise DatabaseError(code="database.no_place", path=str(asked))


def _shared_shelf(account: Account) -> Path | None:
    """/var/lib/tieline, made if need be; never used or changed where somebody else could write in it."""
    try:
        SHARED_SHELF.mkdir(mode=0o755, exist_ok=True)
    except OSError:
        return None
    found = SHARED_SHELF.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    return SHARED_SHELF if ours and account.succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", SHARED_SHELF]) else None


def _last_shelf(account: Account) -> Path | None:
    """A fresh folder of ours below /var/tmp: all may pass through it, only we may write in it."""
    try:
        shelf = Path(tempfile.mkdtemp(prefix="tieline-", dir=LAST_SHELF))
    except OSError:
        return None
    shelf.chmod(0o755)
    return shelf if account.succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", shelf]) else None


def _take(folder: Path, account: Account) -> bool:
    """Give this one folder to the account, mode 0700, if the account can get to it through the parents as they are."""
    before = folder.stat()
    try:
        account.give(folder)
        folder.chmod(0o700)
        if account.can_enter(folder):
            return True
    except OSError:
        pass  # a file system that knows no owners
    os.chown(folder, before.st_uid, before.st_gid)
    folder.chmod(stat.S_IMODE(before.st_mode))
    return False


def _noted(asked: Path) -> Path | None:
    root = _mark_of(asked)
    if (
        root is not None and not root.is_dir()
    ):  # the files lay elsewhere and are gone: say so, do not begin empty in silence
        raise DatabaseError(code="database.no_place", path=str(root))
    return root


def _mark_of(asked: Path) -> Path | None:
    try:
        root = Path(json.loads((asked / _MARK).read_text())["root"])
    except FileNotFoundError:
        return None
    return asked if root == Path() else root


def _note(asked: Path, root: Path) -> None:
    """Written last: without it the next start looks for a place anew. A relative '.' lets the folder be moved whole."""
    write_private(asked / _MARK, json.dumps({"root": "." if root == asked else str(root)}))


def _private_folder(folder: Path, account: Account) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != account.uid:
        account.give(folder)


def _is_private(folder: Path, account: Account) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.uid and not found.st_mode & 0o077


def _short_base() -> str:
    """Where a short folder lives as long as the server: /run for root, else the temporary folder.

    Not the user's own run folder: that goes when the user signs out, and the server stays.
    """
    for base in ("/run" if os.geteuid() == 0 else None, tempfile.gettempdir()):
        if base and len(os.fsencode(base)) < LONGEST_SOCKET_FOLDER // 2 and os.access(base, os.W_OK | os.X_OK):
            return base
    return "/tmp"  # noqa: S108 -- a folder of ours with a random name in it, mode 0700


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 whole or not at all, and make it last through a power cut."""
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(fresh).replace(path)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """One process at a time; the others wait. The lock goes with its holder, however that one ends."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
