"""Starts a real Radicale for the demo, the tests and a benchmark: a process of its own out of a virtual environment of its own.

Radicale is GPL-3.0-or-later; nothing of it is imported here. It is spoken to over HTTP only; `put_in` puts cards where it keeps
them.

TIELINE_RADICALE_VENV  for demo and tests: the virtual environment with Radicale; default: .venv-radicale of the checkout
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tieline.sdk.side_venv import side_venv

VENV_VARIABLE = "TIELINE_RADICALE_VENV"
USER, PASSWORD = "hub", "correct horse"
BOOK = "contacts"
START_TIMEOUT_S = 30.0


class RadicaleMissingError(RuntimeError):
    """There is no Radicale to start: `make setup-radicale` installs it."""


def find_venv() -> Path:
    """The virtual environment with Radicale: TIELINE_RADICALE_VENV, else `.venv-radicale` of the checkout."""
    venv = side_venv(VENV_VARIABLE, ".venv-radicale", "radicale")
    if venv is None:
        raise RadicaleMissingError(f"no Radicale: run `make setup-radicale` or set {VENV_VARIABLE}")
    return venv


class RadicaleServer:
    """One Radicale with its own folder and one user. start() → … → stop(); starting again keeps what it held.

    folder  configuration, users, cards, log and pid file of this server
    books   names of the address books of the user; made before the first start
    """

    def __init__(self, folder: Path, *, venv: Path | None = None, books: tuple[str, ...] = (BOOK,)) -> None:
        self.folder = folder
        self.base_url = ""
        self.user, self.password = USER, PASSWORD
        self._venv = venv
        self._books = books
        self._process: subprocess.Popen[bytes] | None = None

    def path(self, book: str = BOOK) -> str:
        """The path of an address book on the server."""
        return f"/{USER}/{book}/"

    def collection(self, book: str = BOOK) -> Path:
        """The folder in which Radicale keeps an address book: one file a card."""
        return self.folder / "collections" / "collection-root" / USER / book

    def prepare(self) -> None:
        """Gives the folder its configuration, its user and empty address books, unless it has them."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "users").write_text(f"{USER}:{PASSWORD}\n")
        for book in self._books:
            here = self.collection(book)
            here.mkdir(parents=True, exist_ok=True)
            told = {"tag": "VADDRESSBOOK", "D:displayname": book.capitalize()}
            (here / ".Radicale.props").write_text(json.dumps(told))

    def put_in(self, cards: Mapping[str, str], book: str = BOOK) -> None:
        """Puts cards (name → text) into an address book's folder, many at once; not while somebody writes to it. Radicale looks at
        its files when it is asked, so they are there at once."""
        here = self.collection(book)
        for name, text in cards.items():
            (here / f".{name}").write_text(text, encoding="utf-8", newline="")
            (here / f".{name}").rename(here / name)

    def start(self) -> str:
        """Starts the server on a free port of 127.0.0.1; returns the base URL once it answers."""
        self.prepare()
        self.stop()
        venv = self._venv or find_venv()
        last: Exception | None = None
        for _ in range(3):  # a free port may be taken before the server binds it
            port = _free_port()
            try:
                self._launch(venv, port)
            except RuntimeError as error:
                last = error
                continue
            self.base_url = f"http://127.0.0.1:{port}"
            return self.base_url
        raise RuntimeError(f"Radicale did not start: {last}")

    def stop(self) -> None:
        """Stops the server that was started here: SIGTERM, then SIGKILL after five seconds."""
        process = self._process
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            process.send_signal(sign)
            try:
                process.wait(5)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, venv: Path, port: int) -> None:
        config = self.folder / "config"
        config.write_text(
            f"[server]\nhosts = 127.0.0.1:{port}\nmax_connections = 64\n"
            f"[auth]\ntype = htpasswd\nhtpasswd_filename = {self.folder / 'users'}\nhtpasswd_encryption = plain\ndelay = 0\n"
            f"[storage]\nfilesystem_folder = {self.folder / 'collections'}\n"
            "[web]\ntype = none\n[logging]\nlevel = warning\n"
        )
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "RADICALE"))}
        command = [str(venv / "bin" / "radicale"), "--config", str(config)]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._process = process
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(port):
            if process.poll() is not None:
                raise RuntimeError(f"ended with {process.returncode}, see {self.folder / 'log'}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"no answer within {START_TIMEOUT_S} s, see {self.folder / 'log'}")
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("OPTIONS", "/")
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True
