"""Serving sandboxes: found by scanning, on 127.0.0.1, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import importlib.util
import signal
import sys
from collections.abc import Sequence

from tieline.sdk import manifest as manifests
from tieline.sdk.sandbox.base import Sandbox
from tieline.sdk.sandbox.http import Connection
from tieline.sdk.sandbox.stage import Side, Stage


class Running:
    """A running server. ``port`` is the one in use; ``url`` has no trailing slash."""

    def __init__(self, server: asyncio.Server, stage: Stage, connections: set[Connection]) -> None:
        self._server = server
        self._connections = connections
        self.stage = stage
        self.port: int = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def side(self, connector: str) -> Side:
        """Counters, faults and log of one sandbox, for tests in the same process."""
        return self.stage.sides[connector]

    def sandbox(self, connector: str) -> Sandbox:
        """One sandbox itself, for tests in the same process."""
        return self.stage.sides[connector].sandbox

    async def close(self) -> None:
        """Stop; open connections are cut."""
        self._server.close()
        given_up = [task for connection in list(self._connections) if (task := connection.close()) is not None]
        await asyncio.gather(*given_up, return_exceptions=True)
        await self._server.wait_closed()


def scan() -> dict[str, type[Sandbox]]:
    """Every connector's sandbox, those of outside packages too: connector → the class that its ``sandbox.py`` calls SANDBOX."""
    found: dict[str, type[Sandbox]] = {}
    for name, manifest in manifests.connectors().items():
        module = f"{manifest.package}.sandbox"
        if importlib.util.find_spec(module) is not None:
            found[name] = importlib.import_module(module).SANDBOX
    return found


async def serve(
    port: int = 0, connectors: Sequence[str] | None = None, seed: int = 0, host: str = "127.0.0.1"
) -> Running:
    """Serve the sandboxes of ``connectors`` (None: all) under ``http://host:port/<connector>/…``; port 0 takes a free one."""
    found = scan()
    unknown = sorted(set(connectors or ()) - set(found))
    if unknown:
        raise ValueError(f"no sandbox for {', '.join(unknown)}; there are: {', '.join(sorted(found))}")
    sandboxes = []
    for name, factory in found.items():
        if connectors is None or name in connectors:
            sandbox = factory(seed)
            sandbox.name = name
            sandboxes.append(sandbox)
    stage = Stage(sandboxes, seed)
    connections: set[Connection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(stage, connections), host, port, backlog=1024
    )
    return Running(server, stage, connections)


def main(argv: Sequence[str] | None = None) -> int:
    """``tieline sandbox --port N [--only NAME]… [--seed N]``: serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="tieline sandbox")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--only", action="append", default=None, metavar="CONNECTOR")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    return asyncio.run(_until_stopped(options.port, options.only, options.seed, options.host))


async def _until_stopped(port: int, only: Sequence[str] | None, seed: int, host: str) -> int:
    running = await serve(port, only, seed, host)
    for name in sorted(running.stage.sides):
        sys.stdout.write(f"{running.url}/{name}\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    await running.close()
    return 0
