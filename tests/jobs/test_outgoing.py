"""Outgoing webhooks of a worker: a real receiver on this machine, which says no, dies, or is gone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.jobs.test_worker import running, until
from tieline.jobs.outgoing import Outgoing
from tieline.store import outgoing
from tieline.store import secrets as sealing
from tieline.store.pool import connect
from tieline.wiring import Wiring

if TYPE_CHECKING:
    from tests.conftest import Company, Installation


class Hooks:
    """`store.services.hooks`, each call in a thread of its own: Django's part has no place in an event loop."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **values: Any) -> Any:
            from django.db import connections

            from tieline.store.services import hooks as service

            try:
                return getattr(service, name)(*args, **values)
            finally:
                connections.close_all()

        def in_a_thread(*args: Any, **values: Any) -> Any:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(call, *args, **values).result()

        return in_a_thread


hooks = Hooks()
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "outgoing-webhooks.md"


class Sink:
    """A receiver: keeps what comes; answers with `answers` in order, then 204."""

    def __init__(self) -> None:
        self.took: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        sink = self

        class Receiver(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                sink.took.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(sink.answers.pop(0) if sink.answers else 204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.took]


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    monkeypatch.setenv("TIELINE_SANDBOX_URL", "http://127.0.0.1:1")
    made = Sink()
    yield made
    made.stop()


Ask = Callable[..., list[Any]]


@pytest.fixture
def ask(installation: Installation, company: Company) -> Ask:
    def rows(query: Any, *values: object) -> list[Any]:
        with connect(installation.app, workspace=company.workspace) as link:
            found = link.execute(query, values)
            return found.fetchall() if found.description else []

    return rows


def finish_run(ask: Ask, company: Company) -> int:
    """A run that wrote one record: begun, then ended as a drain ends it."""
    ((run,),) = ask(
        "INSERT INTO store_run (workspace_id, target_id, epoch, subject_id, flow, revision, state, settings_version, known,"
        " considered, questions, notices, started_at, requests) VALUES (%s, %s, 1, 7, 'calls', 1, 'applying', 1, '{}', '[]',"
        " '[]', '[]', now(), 0) RETURNING id",
        company.workspace,
        company.target,
    )
    ask(
        "INSERT INTO store_operation (workspace_id, target_id, epoch, key, run_id, subject_id, slot, verb, role, values, before,"
        " state, reason, match_keys, external_id, attempts, position, requests) VALUES (%s, %s, 1, %s, %s, 7, 'call', 'create',"
        " 'call', '{}', '{}', 'done', '{}', '[]', 'crm-77', 1, 0, 1)",
        company.workspace,
        company.target,
        f"key-{run}",
        run,
    )
    ask("SELECT store_end_runs(%s, %s::json)", company.target, json.dumps({str(run): "done"}))
    return int(run)


async def one_round(installation: Installation) -> None:
    async with Wiring.open(installation.app, sealing.installed()) as wiring:
        sending = Outgoing(wiring, sealing.installed())
        await sending.take()
        await sending.stop()


def expected(secret: str, headers: dict[str, str], body: bytes) -> str:
    """By the words of the specification, without our code."""
    text = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    digest = hmac.digest(base64.b64decode(secret.split("_", 1)[1]), text, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


async def test_a_worker_tells_of_a_run_with_the_records_that_it_wrote(
    installation: Installation, company: Company, sink: Sink, ask: Ask
) -> None:
    from tieline.store import public_ids

    _, secret = hooks.make(company.workspace, None, "Warehouse", sink.url, ["run.finished"])
    run = finish_run(ask, company)
    async with running(installation):
        await until(lambda: sink.took, "the message")
        settled = "SELECT 1 FROM store_hookdelivery WHERE state = 'done'"
        await until(lambda: ask(settled), "the message's settling")
    ((headers, body),) = sink.took
    said = json.loads(body)
    assert said["type"] == "run.finished"
    assert said["data"]["run"] == public_ids.of("run").show(run)
    assert said["data"]["state"] == "done"
    assert said["data"]["records"] == [{"role": "call", "verb": "create", "external_id": "crm-77"}]
    assert headers["webhook-signature"] == expected(secret, headers, body)
    row = hooks.listed(company.workspace)[0]
    assert (row.last_status, row.trouble) == (204, None)


async def test_after_a_new_secret_the_old_one_signs_too(
    installation: Installation, company: Company, sink: Sink, ask: Ask
) -> None:
    made, first = hooks.make(company.workspace, None, "Warehouse", sink.url, ["case.opened"])
    _, second = hooks.rotate(company.workspace, None, made.id)
    hooks.test(company.workspace, None, made.id)
    await one_round(installation)
    ((headers, body),) = sink.took
    signatures = headers["webhook-signature"].split(" ")
    assert signatures == [expected(second, headers, body), expected(first, headers, body)]
    ask("UPDATE store_hook SET before_until = now()")
    hooks.test(company.workspace, None, made.id)
    await one_round(installation)
    headers, body = sink.took[1]
    assert headers["webhook-signature"] == expected(second, headers, body)


async def test_the_guides_example_tells_ours_from_anybody_elses(
    installation: Installation, company: Company, sink: Sink
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)  # the guide's own example
    made, secret = hooks.make(company.workspace, None, "Warehouse", sink.url, ["case.opened"])
    hooks.test(company.workspace, None, made.id)
    await one_round(installation)
    ((headers, body),) = sink.took
    assert names["verified"](secret, headers, body)
    assert not names["verified"](secret, headers, body + b" ")
    assert not names["verified"](secret, {**headers, "webhook-id": "msg_other"}, body)
    assert not names["verified"](secret, {**headers, "webhook-timestamp": "1600000000"}, body)
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert not names["verified"](other, headers, body)


async def test_what_died_between_sending_and_settling_is_sent_again_under_its_id(
    installation: Installation, company: Company, sink: Sink, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = hooks.make(company.workspace, None, "Warehouse", sink.url, ["case.opened"])
    hooks.test(company.workspace, None, made.id)

    def dies(*_: Any) -> None:
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(outgoing, "done", dies)
        await one_round(installation)
    assert len(sink.took) == 1
    await one_round(installation)
    assert len(sink.took) == 1  # still the dead one's: never two at once
    ask("UPDATE store_hookdelivery SET due_at = now()")  # the lease is over
    await one_round(installation)
    assert len(sink.ids) == 2
    assert len(set(sink.ids)) == 1
    assert [one.state for one in hooks.deliveries(company.workspace, made.id)] == ["done"]


async def test_two_workers_send_a_message_once(installation: Installation, company: Company, sink: Sink) -> None:
    made, _ = hooks.make(company.workspace, None, "Warehouse", sink.url, ["case.opened"])
    for _ in range(40):
        hooks.test(company.workspace, None, made.id)
    await asyncio.gather(one_round(installation), one_round(installation), one_round(installation))
    assert len(sink.ids) == len(set(sink.ids)) == 40


async def test_a_receiver_that_fails_is_tried_again_and_given_up_at_last(
    installation: Installation, company: Company, sink: Sink, ask: Ask
) -> None:
    made, _ = hooks.make(company.workspace, None, "Warehouse", sink.url, ["case.opened"])
    hooks.test(company.workspace, None, made.id)
    waits = "SELECT round(extract(epoch FROM due_at - now()) / 5) * 5 FROM store_hookdelivery WHERE state = 'due'"
    sink.answers = [500, 302]
    seen = []
    for _ in range(2):
        await one_round(installation)
        seen += [int(row[0]) for row in ask(waits)]
        ask("UPDATE store_hookdelivery SET due_at = now()")
    assert seen == [5, 300]
    row = hooks.listed(company.workspace)[0]
    assert row.failing_since is not None
    assert row.trouble == {"code": "hook.refused", "params": {"status": 302}}
    await one_round(installation)  # it works again
    row = hooks.listed(company.workspace)[0]
    assert (row.failing_since, row.trouble, row.last_status) == (None, None, 204)
    assert len(set(sink.ids)) == 1

    hooks.test(company.workspace, None, made.id)
    sink.answers = [503] * 20
    tries = 0
    while hooks.deliveries(company.workspace, made.id)[0].state == "due":
        await one_round(installation)
        ask("UPDATE store_hookdelivery SET due_at = now()")
        tries += 1
    assert tries == 9
    assert hooks.deliveries(company.workspace, made.id)[0].state == "given_up"
    assert hooks.listed(company.workspace)[0].active


async def test_410_and_five_days_of_failing_switch_a_hook_off(
    installation: Installation, company: Company, sink: Sink, ask: Ask
) -> None:
    made, _ = hooks.make(company.workspace, None, "Warehouse", sink.url, ["case.opened"])
    hooks.test(company.workspace, None, made.id)
    sink.answers = [410]
    await one_round(installation)
    row = hooks.listed(company.workspace)[0]
    assert not row.active
    assert row.trouble == {"code": "hook.off_gone", "params": {}}
    assert [one.state for one in hooks.deliveries(company.workspace, made.id)] == ["given_up"]
    assert notices(ask) == [("open", "hook.off_gone", "Warehouse")]

    hooks.change(company.workspace, None, made.id, active=True)
    assert notices(ask) == [("overtaken", "hook.off_gone", "Warehouse")]
    hooks.test(company.workspace, None, made.id)
    hooks.test(company.workspace, None, made.id)
    ask("UPDATE store_hook SET failing_since = now() - interval '4 days 23 hours'")
    sink.answers = [500]
    ask(
        "UPDATE store_hookdelivery SET due_at = now() + interval '1 day' WHERE id = (SELECT max(id) FROM store_hookdelivery)"
    )
    await one_round(installation)
    assert hooks.listed(company.workspace)[0].active
    ask("UPDATE store_hook SET failing_since = now() - interval '5 days'")
    ask("UPDATE store_hookdelivery SET due_at = now() WHERE id = (SELECT max(id) FROM store_hookdelivery)")
    sink.answers = [500]
    await one_round(installation)
    row = hooks.listed(company.workspace)[0]
    assert not row.active
    assert row.trouble == {"code": "hook.off_failing", "params": {"days": 5}}
    assert {one.state for one in hooks.deliveries(company.workspace, made.id)} == {"given_up"}
    assert notices(ask)[1:] == [("open", "hook.off_failing", "Warehouse")]
    hooks.end(company.workspace, None, made.id)
    assert [state for state, _, _ in notices(ask)] == ["overtaken"] * 2


def notices(ask: Ask) -> list[tuple[str, str, str]]:
    """State, why, and the hook's title."""
    query = """SELECT state, reason->'params'->'error'->>'code', reason->'params'->>'title' FROM store_inboxitem
                WHERE kind = 'hook.switched_off' ORDER BY id"""
    return [tuple(row) for row in ask(query)]


async def test_an_address_that_has_become_private_is_not_asked(
    installation: Installation, company: Company, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = hooks.make(company.workspace, None, "Warehouse", sink.url, ["case.opened"])
    hooks.test(company.workspace, None, made.id)
    monkeypatch.delenv("TIELINE_SANDBOX_URL")
    await one_round(installation)
    assert sink.took == []
    row = hooks.listed(company.workspace)[0]
    assert row.trouble == {"code": "hook.not_public", "params": {}}
