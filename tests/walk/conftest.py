"""The demo as a first-time user meets it: started by its command, known only by what it prints."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.web.browser import chromium

__all__ = ["chromium"]

READY_S = 150


@dataclass(frozen=True)
class Printed:
    """What stands on the terminal: Tieline's address, a person and her password, and the page for calls by hand."""

    address: str
    email: str
    password: str
    phone: str

    @property
    def sandbox(self) -> str:
        """The sandboxes' own address, to count records at."""
        return self.phone.removesuffix("/sipsim/")


@pytest.fixture
def demo() -> Iterator[Printed]:
    """`tieline demo --short` in a home of its own, for each walk anew."""
    home = Path(tempfile.mkdtemp(prefix="tl-walk-", dir="/tmp"))
    home.chmod(0o755)
    log = home / "printed.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TIELINE_", "DJANGO_"))}
    with log.open("w") as out:
        run = subprocess.Popen(
            [sys.executable, "-u", "-m", "tieline.cli", "demo", "--short", "--home", str(home / "demo")],
            env=environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + READY_S
        while "Ctrl-C" not in log.read_text() and run.poll() is None and time.monotonic() < until:
            time.sleep(0.3)
        said = log.read_text()
        found = re.search(
            r"Tieline: (\S+)\n.*?sign in as (\S+) with (\S+)\n.*?Make a call yourself: (\S+)", said, re.DOTALL
        )
        if found is None:
            pytest.fail(f"the demo did not come up: {said[-2000:]}")
        yield Printed(*found.groups())
    finally:
        run.send_signal(signal.SIGINT)
        try:
            run.wait(60)
        except subprocess.TimeoutExpired:
            run.kill()
        shutil.rmtree(home, ignore_errors=True)
