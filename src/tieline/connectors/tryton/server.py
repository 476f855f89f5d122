"""Starts a real Tryton for the demo and the tests: a process of its own out of a virtual environment of its own.

Tryton is GPL-3.0-or-later; nothing of it is imported here. It is talked to over HTTP only (its JSON-RPC for setting up).

The first `prepare` makes a template database in about 25 s and keeps it in a cache; every further server is a copy of
one file and answers within 3 s. The server keeps SQLite and is run by waitress with **one** thread, because Tryton reads
its sequences before SQLite takes the write lock: two creates at once get the same number and one is refused with
"The code on party must be unique." (seen with trytond 8.2; Postgres, which real installations use, is not affected).

TIELINE_TRYTON_VENV  for demo and tests: the virtual environment with trytond; default: .venv-tryton of the checkout
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tieline.sdk.side_venv import checkout, side_venv

VENV_VARIABLE = "TIELINE_TRYTON_VENV"
DATABASE = "crm"
MODULES = ("party", "sale_opportunity", "party_relationship")
API_USER_GROUPS = ("Party Administration", "Sales", "Sale Opportunity")
EMPLOYEES = (
    ("Alice Martin", "alice@example.com"),
    ("Bruno Keller", "bruno@example.com"),
    ("Chiara Rossi", "chiara@example.com"),
    ("Dorte Holm", "dorte@example.com"),
)
TEMPLATE_VERSION = "5"
START_TIMEOUT_S = 60.0


class TrytonMissingError(RuntimeError):
    """There is no Tryton to start: `make setup-tryton` installs it."""


@dataclass(frozen=True, slots=True)
class Seed:
    """What every server made from the template has.

    api_key     a validated user application key of the user "tieline", who is no administrator
    company     id of the one company; employees: name → id of company.employee
    """

    admin_password: str
    api_key: str
    company: int
    employees: dict[str, int]


def find_venv() -> Path:
    """The virtual environment with trytond: TIELINE_TRYTON_VENV, else `.venv-tryton` of the checkout."""
    venv = side_venv(VENV_VARIABLE, ".venv-tryton", "trytond-admin")
    if venv is None:
        raise TrytonMissingError(f"no trytond: run `make setup-tryton` or set {VENV_VARIABLE}")
    return venv


def installed_version(venv: Path) -> str:
    """Names and versions of the Tryton packages there; part of the template's name, so an upgrade makes a new one."""
    found = sorted(path.name for path in venv.glob("lib/python3*/site-packages/*.dist-info"))
    return ",".join(found)


class Rpc:
    """Tryton's JSON-RPC as a user: `call("model.party.party.search", [[...], ctx])`. Only for setting up and counting."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self._url = f"{base_url}/{DATABASE}/rpc/"
        self._user, self._password = user, password
        self._authorization: str | None = None

    def login(self) -> int:
        """Opens a session; the user's id."""
        uid, session, _ = self._post("common.db.login", [self._user, {"password": self._password}], None)
        token = base64.b64encode(f"{self._user}:{uid}:{session}".encode()).decode()
        self._authorization = f"Session {token}"
        return int(uid)

    def call(self, method: str, *arguments: Any, context: dict[str, Any] | None = None) -> Any:
        """One call as that user. Raises RuntimeError with Tryton's own words."""
        if self._authorization is None:
            self.login()
        return self._post(method, [*arguments, context or {}], self._authorization)

    def _post(self, method: str, params: list[Any], authorization: str | None) -> Any:
        headers = {"Content-Type": "application/json"}
        if authorization:
            headers["Authorization"] = authorization
        body = json.dumps({"id": 0, "method": method, "params": params}).encode()
        request = urllib.request.Request(self._url, body, headers)  # noqa: S310 (loopback only)
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            parsed = json.loads(answer.read())
        # trytond 8.2 answers a batch of the id, method, params shape with {"id", "result" | "error"}.
        if "error" in parsed:
            raise RuntimeError(f"{method}: {parsed['error'][:2]}")
        return parsed["result"]


class TrytonServer:
    """One Tryton with its own folder. prepare() → start() → … → stop(); starting again keeps what it held.

    folder  database, configuration, log and pid file of this server
    cache   where the template is kept; default `.cache/` of the checkout, else beside the folder
    """

    database = DATABASE

    def __init__(self, folder: Path, *, venv: Path | None = None, cache: Path | None = None) -> None:
        self.folder = folder
        self._venv = venv
        root = checkout()
        self._cache = cache or ((root / ".cache") if root else folder.parent / ".cache")
        self._process: subprocess.Popen[bytes] | None = None
        self.base_url = ""

    # -- life ----------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Gives the folder a fresh database, unless it has one. Makes the template once per Tryton version."""
        if (self.folder / "db" / f"{DATABASE}.sqlite").exists():
            return
        template = self._template()
        _fill(self.folder, template)

    def start(self, port: int = 0) -> str:
        """Starts the server on 127.0.0.1; returns the base URL once it answers. port 0: a free one."""
        self.prepare()
        self.stop()
        venv = self._venv or find_venv()
        last: Exception | None = None
        for _ in range(3 if port == 0 else 1):  # a free port may be taken before the server binds it
            chosen = port or _free_port()
            try:
                self._launch(venv, chosen)
            except RuntimeError as error:
                last = error
                continue
            self.base_url = f"http://127.0.0.1:{chosen}"
            return self.base_url
        raise RuntimeError(f"Tryton did not start: {last}")

    def stop(self) -> None:
        """Stops the server of this folder, one left over from an earlier process included."""
        pid = self._pid()
        if pid is not None:
            _end(pid)
        if self._process is not None:
            self._process.wait()
            self._process = None
        (self.folder / "pid").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- what is in it -------------------------------------------------------------------------------------------------

    @property
    def seed(self) -> Seed:
        """Keys and ids that came with the template."""
        return Seed(**json.loads((self.folder / "seed.json").read_text()))

    def admin(self) -> Rpc:
        """JSON-RPC as the administrator, to make records and to count them."""
        return Rpc(self.base_url, "admin", self.seed.admin_password)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _pid(self) -> int | None:
        try:
            pid = int((self.folder / "pid").read_text())
            line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except (OSError, ValueError):
            return None
        # The number may belong to somebody else by now: ours runs trytond out of waitress.
        return pid if "waitress" in line and "trytond.application" in line else None

    def _launch(self, venv: Path, port: int) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TRYTON"))},
            "TRYTOND_CONFIG": str(self.folder / "trytond.conf"),
            "TRYTOND_DATABASE_NAMES": DATABASE,
        }
        command = [
            str(venv / "bin" / "waitress-serve"),
            f"--listen=127.0.0.1:{port}",
            "--threads=1",
            "trytond.application:app",
        ]
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        (self.folder / "pid").write_text(str(process.pid))
        self._process = process
        deadline = time.monotonic() + START_TIMEOUT_S
        while not _answers(port):
            if process.poll() is not None:
                raise RuntimeError(f"ended with {process.returncode}, see {self.folder / 'log'}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"no answer within {START_TIMEOUT_S} s, see {self.folder / 'log'}")
            time.sleep(0.1)

    def _template(self) -> Path:
        venv = self._venv or find_venv()
        mark = hashlib.sha256(f"{TEMPLATE_VERSION} {MODULES} {installed_version(venv)}".encode()).hexdigest()[:16]
        shelf = self._cache / "tryton"
        shelf.mkdir(parents=True, exist_ok=True)
        template = shelf / mark
        with (shelf / f"{mark}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once; one makes it
            if not template.exists():
                with tempfile.TemporaryDirectory(dir=shelf) as work:
                    built = Path(work) / "built"
                    _build(built, venv)
                    built.rename(template)
        return template


def _fill(folder: Path, template: Path) -> None:
    (folder / "db").mkdir(parents=True, exist_ok=True)
    shutil.copy(template / "seed.json", folder / "seed.json")
    _write_config(folder)
    # The database comes last and by rename: a folder that has it is complete.
    shutil.copy(template / f"{DATABASE}.sqlite", folder / "db" / "copying")
    (folder / "db" / "copying").rename(folder / "db" / f"{DATABASE}.sqlite")


def _write_config(folder: Path) -> None:
    (folder / "trytond.conf").write_text(f"[database]\nuri = sqlite://\npath = {folder.resolve() / 'db'}\n")


def _build(folder: Path, venv: Path) -> None:
    """Makes the template: modules, a company with its currency, employees, and the user that Tieline works as."""
    (folder / "db").mkdir(parents=True)
    _write_config(folder)
    password = secrets.token_urlsafe(18)
    (folder / "password").write_text(password + "\n")
    (folder / "db" / f"{DATABASE}.sqlite").touch()  # trytond-admin wants the empty file to be there
    environment = {**os.environ, "TRYTONPASSFILE": str(folder / "password")}
    command = [str(venv / "bin" / "trytond-admin"), "-c", str(folder / "trytond.conf"), "-d", DATABASE, "-u", *MODULES]
    command += ["--activate-dependencies", "--email", "admin@example.com"]
    made = subprocess.run(command, env=environment, capture_output=True, check=False)
    if made.returncode != 0:
        raise RuntimeError(f"trytond-admin ended with {made.returncode}: {made.stderr.decode(errors='replace')[-400:]}")
    (folder / "seed.json").write_text(json.dumps(_seed_values(password)))
    server = TrytonServer(folder, venv=venv)
    try:
        server.start()
        seed = _settle(server, password)
    finally:
        server.stop()
    (folder / "seed.json").write_text(json.dumps(seed))
    # Tryton keeps SQLite in WAL mode: the newest rows are in a file beside it. This brings all into one file.
    with sqlite3.connect(folder / "db" / f"{DATABASE}.sqlite") as database:
        database.execute("VACUUM INTO ?", (str(folder / f"{DATABASE}.sqlite"),))
    database.close()
    shutil.rmtree(folder / "db")


def _seed_values(password: str) -> dict[str, Any]:
    return {"admin_password": password, "api_key": "", "company": 0, "employees": {}}


def _settle(server: TrytonServer, password: str) -> dict[str, Any]:
    rpc = server.admin()
    uid = rpc.login()
    cent = {"__class__": "Decimal", "decimal": "0.01"}
    euro = {"name": "Euro", "code": "EUR", "symbol": "€", "digits": 2, "rounding": cent}
    currency = rpc.call("model.currency.currency.create", [euro])[0]
    party = rpc.call("model.party.party.create", [{"name": "Nordlys Trading"}])[0]
    company = rpc.call("model.company.company.create", [{"party": party, "currency": currency}])[0]
    rpc.call("model.res.user.write", [uid], {"companies": [["add", [company]]], "company": company})
    employees: dict[str, int] = {}
    for name, email in EMPLOYEES:
        mechanisms = [["create", [{"type": "email", "value": email}]]]
        person = rpc.call("model.party.party.create", [{"name": name, "contact_mechanisms": mechanisms}])[0]
        values = {"party": person, "company": company}
        employees[name] = rpc.call("model.company.employee.create", [values], context={"company": company})[0]
    names = ["name", "in", list(API_USER_GROUPS)]
    groups = rpc.call("model.res.group.search", [names], 0, None, None)
    user = {
        "name": "Tieline",
        "login": "tieline",
        "password": secrets.token_urlsafe(18),
        "groups": [["add", groups]],
        "companies": [["add", [company]]],
        "company": company,
    }
    api_user = rpc.call("model.res.user.create", [user])[0]
    application = rpc.call("model.res.user.application.create", [{"application": "rest", "user": api_user}])[0]
    key = rpc.call("model.res.user.application.read", [application], ["key"])[0]["key"]
    return {**_seed_values(password), "api_key": key, "company": company, "employees": employees}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _end(pid: int) -> None:
    """SIGTERM, then SIGKILL after five seconds; waits until it is gone (a zombie of ours counts as gone)."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        for _ in range(50):
            if not _alive(pid):
                return
            time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False
    return state != "Z"
