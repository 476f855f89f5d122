"""The database: a private Postgres of our own, or the one that TIELINE_DATABASE_URL names.

    postgres = EmbeddedPostgres(Path(".tieline/postgres"))
    postgres.start()                    # finds a running one again, or starts it; recovers after any kill
    postgres.dsn("app")                 # postgresql://tieline_app:…@/tieline?host=…
    postgres.stop()                     # it does not stop by itself when we end

Environment:
    TIELINE_HOME              where everything is kept; default: .tieline in the current folder
    TIELINE_DATABASE_URL      one's own Postgres 15 or later, as the role that owns the database; no private server then
    TIELINE_APP_DATABASE_URL  the same as the application's role; default: made from the other by `ensure_app_role`
    TIELINE_POSTGRES_USER     as root: the system user that the private server runs as
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import psycopg

from tieline.store.embedded import cluster, place, process, roles
from tieline.store.embedded.errors import DatabaseError
from tieline.store.embedded.keys import Keys
from tieline.store.embedded.roles import ensure_app_role

__all__ = ["DatabaseError", "EmbeddedPostgres", "Role", "Urls", "database_urls", "embedded", "ensure_app_role", "home"]

Role = Literal["owner", "app", "admin"]
_NAMES: dict[Role, str] = {"owner": roles.OWNER, "app": roles.APP, "admin": cluster.ADMIN}
_RECOVERY_S = 300.0
log = logging.getLogger(__name__)


class EmbeddedPostgres:
    """A private server in one folder. Any number of these objects, in any process, stand for the same server."""

    def __init__(self, data_dir: Path, *, key_file: Path | None = None, wheel: Path | None = None) -> None:
        """`data_dir` is made when it is not there. Passwords lie in `key_file`, by default in keys/ beside it.

        `wheel` is where the programs are, by default the installed package.
        """
        self.data_dir = Path(os.path.abspath(data_dir))  # noqa: PTH100 -- symbolic links stay as they were said
        self._keys = Keys(key_file or self.data_dir.parent / "keys" / f"{self.data_dir.name}.json")
        self._wheel = wheel

    @cached_property
    def _place(self) -> place.Place:
        return place.find(self.data_dir, self._wheel)

    @property
    def pid(self) -> int | None:
        """The server's process, whoever started it; None when it does not run."""
        return process.find(self._place)

    @property
    def log_file(self) -> Path:
        """What the server prints."""
        return self._place.log

    def dsn(self, role: Role = "app", dbname: str = roles.DATABASE) -> str:
        """A URL for libpq. The server need not run yet; `admin` is its superuser, for tests and repairs only."""
        password = self._keys.password(role)
        host = quote(str(self._place.socket_folder()), safe="")
        return f"postgresql://{_NAMES[role]}:{password}@/{quote(dbname, safe='')}?host={host}&port=5432"

    def start(self) -> int:
        """See that the server runs and has its roles and its database; returns its pid. Does nothing twice."""
        with place.alone_in(self._place.root):
            pid = self.pid
            if pid is not None:
                pid = process.wait_ready(self._place, pid, _RECOVERY_S)
            if pid is not None and not self._answers():
                process.end(self._place, 30.0)  # it runs, but its socket is gone
                pid = None
            if pid is None:
                pid = self._launch()
            self._furnish()
            return pid

    def stop(self, wait_s: float = 60.0) -> None:
        """Shut the server down properly and wait until it is gone, whoever started it."""
        with place.alone_in(self._place.root):
            process.end(self._place, wait_s)

    def create_database(self, dbname: str) -> None:
        """Make another database with the same owner and the same rights for the application's role."""
        with psycopg.connect(self.dsn("admin", "postgres"), autocommit=True) as connection:
            new = roles.ensure_database(connection, dbname)
        if new:
            with psycopg.connect(self.dsn("owner", dbname), autocommit=True) as connection:
                roles.let_app_in(connection)

    def erase(self) -> None:
        """Stop the server and remove its data and its passwords, wherever they lie."""
        self.stop()
        self._place.erase()
        self._keys.file.unlink(missing_ok=True)
        self.__dict__.pop("_place", None)

    def _launch(self) -> int:
        if not cluster.exists(self._place):
            cluster.create(self._place, self._keys.password("admin"))
        for settings in cluster.attempts(self._place):
            cluster.write_settings(self._place, settings)
            pid = process.launch(self._place, _RECOVERY_S)
            if pid is not None:
                return pid
            log.warning("database.settings_refused", extra={"log": process.log_tail(self._place)[-500:]})
        raise DatabaseError(code="database.start_failed", log=process.log_tail(self._place))

    def _furnish(self) -> None:
        """Roles, passwords and the database, where they are missing."""
        reset = False
        try:
            connection = psycopg.connect(self.dsn("admin", "postgres"), autocommit=True)
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
            # The key file was lost or is another one: whoever may read the data folder may set the password anew.
            process.end(self._place, 60.0)
            cluster.set_admin_password(self._place, self._keys.password("admin"))
            self._launch()
            connection = psycopg.connect(self.dsn("admin", "postgres"), autocommit=True)
            reset = True
        with connection:
            owner, app = self._keys.password("owner"), self._keys.password("app")
            roles.ensure_roles(connection, owner, app, reset=reset)
        self.create_database(roles.DATABASE)

    def _answers(self) -> bool:
        """Whether the socket is where it should be; a refused password is an answer too."""
        try:
            psycopg.connect(self.dsn("admin", "postgres"), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            return "FATAL" in str(error)
        return True


@dataclass(frozen=True)
class Urls:
    """Where the database is: as the role that owns it (migrations), and as the application's role (all else)."""

    owner: str
    app: str


def home() -> Path:
    """Where this Tieline keeps everything: data, keys, logs."""
    return Path(os.environ.get("TIELINE_HOME") or ".tieline").absolute()


def embedded() -> EmbeddedPostgres | None:
    """The private server below `home()`; None when TIELINE_DATABASE_URL names one's own."""
    return None if os.environ.get("TIELINE_DATABASE_URL") else EmbeddedPostgres(home() / "postgres")


def database_urls() -> Urls:
    """The addresses to use. Starts nothing; makes the folder and the passwords of the private server at first use.

    With one's own Postgres the application's password is made at first use too and kept below `home()`; `ensure_app_role`
    gives it to the role.
    """
    private = embedded()
    if private is not None:
        return Urls(owner=private.dsn("owner"), app=private.dsn("app"))
    owner = os.environ["TIELINE_DATABASE_URL"]
    app = os.environ.get("TIELINE_APP_DATABASE_URL")
    if not app:
        app = _as_role(owner, roles.APP, Keys(home() / "keys" / "database.json").password("app"))
    return Urls(owner=owner, app=app)


def _as_role(url: str, user: str, password: str) -> str:
    """The same database as another role, for both spellings that libpq knows."""
    if "://" not in url:
        return psycopg.conninfo.make_conninfo(url, user=user, password=password)
    parts = urlsplit(url)
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in {"user", "password"}]
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(query, quote_via=quote), ""))
