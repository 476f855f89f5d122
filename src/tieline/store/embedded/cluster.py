"""Making a cluster, its settings, and who may come in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

from tieline.store.embedded.errors import DatabaseError
from tieline.store.embedded.place import Place, write_private
from tieline.store.embedded.programs import MAJOR

ADMIN = "tieline_admin"
OWNER_SETTINGS = "settings.conf"

#: For one machine with two or more cores. Durable: a commit that was answered is on the disk.
TUNED = """\
max_connections = 100
shared_buffers = 128MB
work_mem = 8MB
maintenance_work_mem = 64MB
synchronous_commit = on
fsync = on
full_page_writes = on
wal_level = minimal
max_wal_senders = 0
min_wal_size = 128MB
max_wal_size = 1GB
checkpoint_timeout = 15min
random_page_cost = 1.1
jit = off
# queries here are short: a second process costs more than it brings, and small containers have little shared memory
max_parallel_workers_per_gather = 0
# rows that serve as queues: clean up early
autovacuum_naptime = 20s
autovacuum_vacuum_scale_factor = 0.05
# a client that died in mid-transaction must not hold its locks for ever
idle_in_transaction_session_timeout = 5min
log_checkpoints = off
log_line_prefix = '%m [%p] %u@%d '
"""

#: Said on the command line, where no file can overrule it: a socket for us alone, no network, English messages.
_FIXED = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    # Passwords are 256 random bits: hashing them many times guards nothing and costs milliseconds a connection.
    "scram_iterations": "64",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "off",
    "log_destination": "stderr",
}
_HBA = "# Written by Tieline. A password over the socket; nothing else.\nlocal all all scram-sha-256\n"


def exists(place: Place) -> bool:
    """Whether there is a cluster; raises when it is of another major version than our programs."""
    try:
        found = (place.pgdata / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return False
    if found != str(MAJOR):
        raise DatabaseError(code="database.other_version", found=found, wanted=MAJOR)
    return True


def create(place: Place, admin_password: str) -> None:
    """Run initdb beside the final name and rename: a half-made cluster is never taken for a whole one."""
    fresh, password_file = place.root / "pgdata.new", place.root / ".initial"
    shutil.rmtree(fresh, ignore_errors=True)
    write_private(password_file, admin_password)
    place.account.give(password_file)
    try:
        done = subprocess.run(
            [
                place.bin / "initdb", "--pgdata", fresh, "--username", ADMIN, "--pwfile", password_file,
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--no-instructions",
            ],
            check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **place.account.popen_args(),
        )  # fmt: skip
    finally:
        password_file.unlink()
    if done.returncode != 0:
        raise DatabaseError(code="database.init_failed", log=done.stdout[-2000:])
    (fresh / "pg_hba.conf").write_text(_HBA)
    with (fresh / "postgresql.conf").open("a") as file:
        file.write("\ninclude_if_exists = 'tieline.conf'\n")
    fresh.rename(place.pgdata)


def attempts(place: Place) -> Iterator[str]:
    """Settings to start with, best first: ours with the owner's (settings.conf), ours, those of Postgres."""
    own = place.asked / OWNER_SETTINGS
    if own.exists():
        yield f"{TUNED}\n# from {OWNER_SETTINGS}\n{own.read_text()}\n"
    yield TUNED
    yield "# our settings kept the server from starting: see postgres.log\n"


def write_settings(place: Place, text: str) -> None:
    """Put the settings where postgresql.conf includes them."""
    file = place.pgdata / "tieline.conf"
    write_private(file, text)
    place.account.give(file)


def command_line(place: Place) -> list[str]:
    """The server's command: its folder, then everything that no settings file may overrule."""
    words = [str(place.bin / "postgres"), "-D", str(place.pgdata)]
    fixed = _FIXED | {"unix_socket_directories": _quoted(str(place.socket_folder())), "cluster_name": place.name}
    for name, value in fixed.items():
        words += ["-c", f"{name}={value}"]
    return words


def set_admin_password(place: Place, password: str) -> None:
    """Set it without signing in, for when the key file was lost. The server has to be stopped."""
    statement = f"ALTER ROLE {ADMIN} PASSWORD '{password}';\n"
    args = place.account.popen_args()
    del args["stdin"]
    done = subprocess.run(
        [place.bin / "postgres", "--single", "-D", place.pgdata, "-c", "log_statement=none", "postgres"],
        input=statement, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **args,
    )  # fmt: skip
    if done.returncode != 0:
        raise DatabaseError(code="database.start_failed", log=done.stdout.replace(password, "…")[-2000:])


def _quoted(folder: str) -> str:
    """unix_socket_directories is a list: a folder with a comma or a space in its name has to be quoted."""
    return '"' + folder.replace('"', '""') + '"'
