"""The command `tieline`. Each command imports what it needs when it runs, so that --help is quick."""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

SETTINGS = "tieline.project.settings"
PORT = 8000


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; its exit status. Errors of an installation are one line, without a stack."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["sandbox"]:  # it has options of its own
        return int(importlib.import_module("tieline.sdk.sandbox").main(arguments[1:]))
    if arguments[:1] == ["demo"]:
        return int(importlib.import_module("tieline.demo.command").main(arguments[1:]))
    if arguments[:1] == ["ask"]:
        return int(importlib.import_module("tieline.ask").main(arguments[1:]))
    options = _parser().parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    from tieline.core.errors import TielineError

    try:
        return int(options.run(options))
    except TielineError as error:
        print(f"tieline: {error.code}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tieline", description="Joins what a business already uses to its CRM.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about)
        made.set_defaults(run=run)
        return made

    up = command("up", _up, "run everything: database, pages, event intake, workers; until stopped")
    _address(up)
    up.add_argument("--workers", type=int, default=1, help="worker processes (default 1)")
    up.add_argument("--state", type=Path, default=None, help="file for the processes' ids")
    command("migrate", _migrate, "make or upgrade the tables")
    _address(command("serve", _serve, "serve pages and event intake"))
    _address(command("intake", _intake, "serve event intake alone, in a process of its own"))
    command("worker", _worker, "bring what is due to its effect; any number of them, on any number of machines")
    explain = command("explain", _explain, "print the plan of a sample call with its reasons; writes nothing")
    explain.add_argument("file", type=Path)
    create = command("create-admin", _create_admin, "print a link for the first super admin, or for a new password")
    create.add_argument("email", nargs="?", default="", help="of somebody who has an account; empty: the first one")
    command("doctor", _doctor, "say what is wrong with this installation")
    for name, about in (
        ("ask", "ask the API of an installation; without a verb: what can be asked"),
        ("sandbox", "serve the vendors' sandboxes"),
        ("demo", "a business day in two CRMs"),
    ):
        commands.add_parser(name, help=about, add_help=False)
    return parser


def _address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on (default {PORT})")


# -- running ---------------------------------------------------------------------------------------------------------


def _up(options: argparse.Namespace) -> int:
    from tieline.store.postgres import embedded, home
    from tieline.supervise import Child, Supervisor

    public = _public_url(options.host, options.port)
    postgres = embedded()
    if postgres is not None:
        postgres.start()
    _migrate(options)
    here = [sys.executable, "-m", "tieline.cli"]
    children = [
        Child("server", [*here, "serve", "--host", options.host, "--port", str(options.port)]),
        *(Child(f"worker-{number + 1}", [*here, "worker"]) for number in range(options.workers)),
    ]
    supervisor = Supervisor(
        children, state_file=options.state or home() / "processes.json", postgres=postgres, say=print
    )
    print(f"Tieline: {public}")
    _say_first_link(public)
    asyncio.run(supervisor.run())
    return 0


def _public_url(host: str, port: int) -> str:
    """The address that people and vendors reach it by: TIELINE_PUBLIC_URL, for the processes that we start too. Where nobody has
    set it, what it listens on; of "all addresses", the one of this machine itself."""
    said = os.environ.get("TIELINE_PUBLIC_URL", "").strip().rstrip("/")
    if not said:
        own = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked for, not bound
        said = f"http://[{own}]:{port}" if ":" in own else f"http://{own}:{port}"
        os.environ["TIELINE_PUBLIC_URL"] = said
    return said


def _migrate(_options: argparse.Namespace) -> int:
    from tieline.project.prepare import prepare
    from tieline.store.postgres import database_urls, embedded, ensure_app_role

    postgres = embedded()
    if postgres is not None:
        postgres.start()
    else:
        urls = database_urls()
        ensure_app_role(urls.owner, urls.app)
    prepare()
    return 0


def _serve(options: argparse.Namespace) -> int:
    _public_url(options.host, options.port)
    return _server("tieline.api.asgi:application", options)


def _intake(options: argparse.Namespace) -> int:
    return _server("tieline.api.asgi:intake_only", options)


def _server(app: str, options: argparse.Namespace) -> int:
    from tieline.api.server import run

    run(app, options.host, options.port)
    return 0


def _worker(_options: argparse.Namespace) -> int:
    import uvloop

    from tieline.jobs.worker import Worker
    from tieline.store.postgres import database_urls
    from tieline.store.secrets import installed

    async def run() -> None:
        worker = Worker(database_urls().app, installed())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, worker.stop)
        # A batch is a hundred thousand values that live for as long as it does: looking through them for garbage every
        # few thousand would be a tenth of the work. What is loaded by now stays.
        gc.collect()
        gc.freeze()
        gc.set_threshold(500_000, 20, 50)
        await worker.run()

    uvloop.run(run())
    return 0


# -- people, samples, health -----------------------------------------------------------------------------------------


def _explain(options: argparse.Namespace) -> int:
    from tieline.flows.calls.explain import explain

    try:
        lines = explain(options.file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"tieline explain: {options.file}: {error}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


def _create_admin(options: argparse.Namespace) -> int:
    _set_up()
    from django.conf import settings

    from tieline.store.team import people
    from tieline.store.team.models import User

    if not options.email:
        if not _say_first_link(settings.TIELINE_PUBLIC_URL):
            print("tieline: somebody has an account already: give an e-mail for a new password", file=sys.stderr)
            return 1
        return 0
    user = User.objects.filter(email=options.email.strip().lower()).first()
    if user is None:
        print(f"tieline: nobody has an account with {options.email}", file=sys.stderr)
        return 1
    print(_link(settings.TIELINE_PUBLIC_URL, people.password_link(user)))
    return 0


def _say_first_link(base: str) -> bool:
    """Prints the link for the first super admin while nobody has an account; whether it did."""
    _set_up()
    from tieline.store.team import people

    try:
        token = people.first_admin_link()
    except people.Refused:
        return False
    print(f"First time here: {_link(base, token)}")
    return True


def _link(base: str, token: str) -> str:
    from django.urls import reverse

    return base.rstrip("/") + reverse("welcome", args=[token])


_FINDINGS = {
    "doctor.keys": "the key file {path} is its owner's alone (mode {mode})",
    "doctor.keys_missing": "there is no key file {path}: without it no stored secret opens",
    "doctor.database": "the database answers ({error})",
    "doctor.postgres": "Postgres is version {version}; 15 or later is needed",
    "doctor.role": "the application's role {role} is held to row-level security",
    "doctor.tables": "the tables are up to date ({missing} steps are missing: tieline migrate)",
    "doctor.worker": "a worker is alive ({alive} are: tieline worker)",
    "doctor.intake": "whatever takes deliveries is alive ({stopped} stopped: {hosts})",
    "doctor.due": "nothing waits for a worker ({targets} connections do)",
}


def _doctor(_options: argparse.Namespace) -> int:
    _set_up()
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor
    from django.db.utils import OperationalError

    from tieline.jobs.doctor import findings
    from tieline.store.postgres import database_urls, home

    try:
        executor = MigrationExecutor(connections["owner"])
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except OperationalError:
        missing = 0
    found = findings(database_urls().app, home() / "keys" / "secrets.key", missing)
    for one in found:
        print(f"{'well ' if one.is_well else 'WRONG'}  {_FINDINGS[one.code].format(**one.params)}")
    return 0 if all(one.is_well for one in found) else 1


def _set_up() -> None:
    import django

    django.setup()


if __name__ == "__main__":
    sys.exit(main())
