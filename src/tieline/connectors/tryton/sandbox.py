"""A real Tryton behind the sandbox kit: the vendor is not played, only its worst days are.

Requests go to the server named by TIELINE_TRYTON_URL, or to one that is started at the first request (`server`). The kit
counts, delays, breaks off and answers 429, 500 or HTML on request, before or after the real server has done its work.

The kit wants answers at once, so this one blocks while the server works. That server serves one request at a time anyhow.

TIELINE_TRYTON_URL  for the sandbox: a Tryton that runs already, in place of one that is started when it is needed
"""

from __future__ import annotations

import atexit
import contextlib
import http.client
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tieline.connectors.tryton.server import DATABASE, TrytonMissingError, TrytonServer
from tieline.sdk.sandbox import Reply, Request, Sandbox, json_reply

URL_VARIABLE = "TIELINE_TRYTON_URL"
_PASSED = ("authorization", "content-type", "x-tryton-context", "accept-language", "range")
_RETURNED = ("content-range", "accept-ranges", "content-language", "retry-after")
_COUNTED = ("party.party", "sale.opportunity", "ir.note", "ir.attachment")

TrytonAnswer = tuple[int, bytes, str, list[tuple[str, str]]]


class TrytonSandbox(Sandbox):
    """The reverse proxy. Control routes: POST upstream {"url"}, GET seed (key, database and ids of the server it started)."""

    name = "tryton"

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.upstream = os.environ.get(URL_VARIABLE, "")
        self.server: TrytonServer | None = None
        self._refuses_keys = False

    def answer(self, request: Request) -> Reply:
        """The real server's answer, or 503 with the reason where there is none."""
        if self._refuses_keys:
            return _page(401, "Unauthorized")
        try:
            self.start()
            return Reply(*self._forward(request))
        except TrytonMissingError as error:
            return Reply(503, str(error).encode(), "text/plain")
        except OSError as error:
            return Reply(502, f"no Tryton at {self.upstream}: {type(error).__name__}".encode(), "text/plain")

    def start(self) -> str:
        """Starts a server of its own unless there is one; its base URL."""
        if not self.upstream:
            folder = Path(tempfile.mkdtemp(prefix="tieline-tryton-"))
            self.server = TrytonServer(folder)
            atexit.register(self.close)
            self.upstream = self.server.start()
        return self.upstream

    def close(self) -> None:
        """Stops the server that it started and removes its folder."""
        if self.server is not None:
            self.server.stop()
            shutil.rmtree(self.server.folder, ignore_errors=True)
            self.server = None
            self.upstream = ""

    def _forward(self, request: Request) -> TrytonAnswer:
        parts = urlsplit(self.upstream)
        path = request.path + (f"?{request.query_string}" if request.query_string else "")
        headers = {name: request.headers[name] for name in _PASSED if name in request.headers}
        # A connection each: a kept one that turns out closed would make this proxy guess whether a write was done.
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=120)
        with contextlib.closing(connection):
            connection.request(request.method, path, request.body or None, headers)
            answer = connection.getresponse()
            body = answer.read()
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() in _RETURNED]
        return answer.status, body, answer.getheader("Content-Type", "application/octet-stream"), kept

    # -- the kit's questions -------------------------------------------------------------------------------------------

    def error_body(self, status: int) -> bytes:
        """Tryton's own kind: JSON for a refusal, a page for a crash."""
        if status == 400:
            return b'{"status": 400, "message": "injected", "description": ""}'
        return _page(status, "Injected").body

    def error_in_200(self) -> bytes:
        """Tryton's REST routes have no such thing; its JSON-RPC has, and a proxy may mix them up."""
        return b'{"id": 0, "error": ["UserError", ["injected", "", null]]}'

    def expire_tokens(self) -> int:
        """Every key is refused from now on."""
        self._refuses_keys = True
        return 1

    def reset(self, everything: bool) -> None:
        """Keys are taken again; `everything` throws the started server away, the next request starts a fresh one."""
        self._refuses_keys = False
        if everything:
            self.close()

    def stored(self, module: str | None) -> Any:
        """Records of one model, or how many there are of each that Tieline writes."""
        if self.server is None:
            return {}
        admin = self.server.admin()
        if module is None:
            return {model: admin.call(f"model.{model}.search_count", []) for model in _COUNTED}
        fields = [name for name in admin.call(f"model.{module}.fields_get", []) if name not in ("data", "xml_id")]
        return admin.call(f"model.{module}.search_read", [], 0, None, None, fields)

    def store(self, value: Any) -> Any:
        """{"model", "rows"}: made by the administrator; ids."""
        self.start()
        if self.server is None:
            raise ValueError("records are put into a server that the sandbox started")
        company = {"company": self.server.seed.company}
        return self.server.admin().call(f"model.{value['model']}.create", value["rows"], context=company)

    def control(self, action: str, request: Request) -> Reply | None:
        """Own control routes."""
        if action == "upstream" and request.method == "POST":
            self.close()
            self.upstream = str(request.json()["url"]).rstrip("/")
            return json_reply(200, {"url": self.upstream})
        if action == "seed" and request.method == "GET":
            self.start()
            if self.server is None:
                return json_reply(404, {"error": "the server was not started here"})
            seed = self.server.seed
            ids = {"company": seed.company, "employees": seed.employees}
            return json_reply(200, {"database": DATABASE, "key": seed.api_key, **ids})
        return None


def _page(status: int, title: str) -> Reply:
    """An error page as werkzeug makes them."""
    text = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>injected</p>\n"
    return Reply(status, text.encode(), "text/html; charset=utf-8")


SANDBOX = TrytonSandbox
