"""Deliveries: what is acknowledged is kept, and what is not kept is not acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tieline.api.intake import LARGEST, Intake
from tieline.store import secrets as sealing

if TYPE_CHECKING:
    from tests.conftest import Company, Installation, MakeCompany

SECRET = "a-signing-secret"


@pytest.fixture
async def intake(installation: Installation) -> AsyncIterator[Intake]:
    app = Intake(installation.app, sealing.installed())
    await app.start()
    yield app
    await app.stop()


async def deliver(
    app: Any,
    path: str,
    body: bytes = b"",
    *,
    method: str = "POST",
    query: str = "",
    headers: dict[str, str] | None = None,
    chunks: int = 1,
) -> tuple[int, dict[str, str], bytes]:
    """One request to an ASGI app: (status, headers, body)."""
    size = max(1, -(-len(body) // chunks))
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in (headers or {}).items()],
    }
    await app(scope, receive, send)
    answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answer, sent[1]["body"]


def event(call: str, name: str = "incoming_call_start", **more: Any) -> bytes:
    return json.dumps({"event": name, "pbx_id": call, "caller": "+33186765432", "receiver": "0411", **more}).encode()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    stamp = str(int(time.time()))
    signature = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"content-type": "application/json", "x-webhook-signature": signature, "x-webhook-timestamp": stamp}


def kept(installation: Installation, company: Company, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(installation.app) as connection:
        connection.execute("SELECT set_config('app.workspace', %s, true)", [str(company.workspace)])
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


def keep_secret(installation: Installation, company: Company, value: str) -> None:
    """As the connect page does."""
    from tieline.store.pool import connect
    from tieline.store.vendor_tokens import write_secret

    with connect(installation.app, workspace=company.workspace) as connection:
        write_secret(connection, sealing.installed(), company.workspace, company.source, "signing_secret", value)


@pytest.fixture
def two_companies(make_company: MakeCompany) -> tuple[Company, Company]:
    return make_company(), make_company()


@pytest.mark.proves("CALL-21")
async def test_an_acknowledged_delivery_is_kept_raw_and_waits_for_its_target(
    installation: Installation, company: Company, intake: Intake
) -> None:
    body = event("c1")
    headers = {"content-type": "application/json", "cookie": "no", "host": "x", "x-odd": "yes"}
    assert (await deliver(intake, f"/in/{company.intake_key}/anything", body, headers=headers, query="a=%00"))[0] == 202
    rows = kept(installation, company, "SELECT connection_id, method, query, headers, body FROM store_event")
    kept_headers = {"content-type": "application/json", "x-odd": "yes"}
    assert rows == [(company.source, "POST", "a=%00", kept_headers, body)]
    assert kept(installation, company, "SELECT target_id, source_id FROM store_openevent") == [
        (company.target, company.source)
    ]


@pytest.mark.proves("HUB-3")
async def test_the_verdict_on_the_signature_is_kept_with_the_event(
    installation: Installation, company: Company, intake: Intake
) -> None:
    path = f"/in/{company.intake_key}"
    assert (await deliver(intake, path, event("c1")))[0] == 202
    keep_secret(installation, company, SECRET)
    await until(intake, path, event("c2"), 401)
    body = event("c3")
    assert (await deliver(intake, path, body, headers=signed(body)))[0] == 202
    rows = kept(installation, company, "SELECT signature FROM store_event ORDER BY id")
    assert (rows[0], rows[-1]) == (("absent",), ("verified",))


async def test_the_older_contract_comes_by_get(installation: Installation, company: Company, intake: Intake) -> None:
    query = "event=incoming_call_end&pbx_id=9&caller=%2B33186765432&receiver=0411&status=answer"
    assert (await deliver(intake, f"/in/{company.intake_key}", method="GET", query=query))[0] == 202
    assert kept(installation, company, "SELECT method, query, body FROM store_event") == [("GET", query, b"")]


@pytest.mark.proves("CALL-19")
async def test_an_event_that_comes_again_is_acknowledged_and_kept_once(
    installation: Installation, company: Company, intake: Intake
) -> None:
    path = f"/in/{company.intake_key}"
    together = await asyncio.gather(*(deliver(intake, path, event("c1")) for _ in range(20)))
    later = await deliver(intake, path, event("c1"))
    assert {status for status, _, _ in [*together, later]} == {202}
    assert kept(installation, company, "SELECT count(*) FROM store_event") == [(1,)]
    assert kept(installation, company, "SELECT count(*) FROM store_openevent") == [(1,)]


@pytest.mark.proves("HUB-1")
async def test_the_key_says_whose_it_is(
    installation: Installation, two_companies: tuple[Company, Company], intake: Intake
) -> None:
    ours, theirs = two_companies
    assert (await deliver(intake, f"/in/{ours.intake_key}", event("same")))[0] == 202
    assert (await deliver(intake, f"/in/{theirs.intake_key}", event("same")))[0] == 202
    assert kept(installation, ours, "SELECT connection_id FROM store_event") == [(ours.source,)]
    assert kept(installation, theirs, "SELECT connection_id FROM store_event") == [(theirs.source,)]


async def test_what_is_no_delivery_is_refused(company: Company, intake: Intake) -> None:
    path = f"/in/{company.intake_key}"
    assert (await deliver(intake, "/in/unknown", event("c")))[0] == 404
    assert (await deliver(intake, "/in/", event("c")))[0] == 404
    status, headers, _ = await deliver(intake, path, event("c"), method="DELETE")
    assert (status, headers["allow"]) == (405, "GET, POST")
    assert (await deliver(intake, path, b"{not json"))[0] == 400
    assert (await deliver(intake, path, b"x", headers={"content-length": str(LARGEST + 1)}))[0] == 413
    assert (await deliver(intake, path, b"x" * (LARGEST + 1), chunks=3))[0] == 413
    assert (await deliver(intake, path, b'{"a": "' + b"x" * (LARGEST - 100) + b'", "event": "test"}', chunks=3))[
        0
    ] == 202


@pytest.mark.proves("CALL-21")
async def test_a_wrong_signature_is_refused_and_kept_masked(
    installation: Installation, company: Company, intake: Intake
) -> None:
    keep_secret(installation, company, SECRET)
    path = f"/in/{company.intake_key}"
    body = event("c1", token="very-secret", note="write to anna@example.com")
    await until(intake, path, body, 401, signed(body, "another"))
    assert (await deliver(intake, path, body, headers=signed(body)))[0] == 202
    assert (await deliver(intake, path, body))[0] == 401
    await intake.stop()
    rows = kept(installation, company, "SELECT status, reason, headers, body FROM store_refuseddelivery ORDER BY id")
    assert [row[:2] for row in rows] == [(401, {"code": "intake.signature_wrong"})] * 2
    assert rows[0][2]["x-webhook-signature"] == "•••"
    assert "incoming_call_start" in rows[0][3]
    for secret in ("very-secret", "33186765", "anna"):
        assert secret not in rows[0][3]
    assert kept(installation, company, "SELECT count(*) FROM store_event") == [(1,)]


async def test_a_changed_secret_holds_at_once(installation: Installation, company: Company, intake: Intake) -> None:
    keep_secret(installation, company, SECRET)
    path = f"/in/{company.intake_key}"
    body = event("c1")
    await until(intake, path, body, 401)
    assert (await deliver(intake, path, body, headers=signed(body)))[0] == 202
    keep_secret(installation, company, "renewed")
    await until(intake, path, body, 401, signed(body))
    assert (await deliver(intake, path, body, headers=signed(body, "renewed")))[0] == 202


async def until(app: Any, path: str, body: bytes, status: int, headers: dict[str, str] | None = None) -> None:
    """The change has come to the intake when a delivery is answered so."""
    async with asyncio.timeout(20):
        while (await deliver(app, path, body, headers=headers))[0] != status:  # noqa: ASYNC110 - nothing here could set an event
            await asyncio.sleep(0.01)


async def test_only_the_last_hundred_refused_are_kept(
    installation: Installation, company: Company, intake: Intake
) -> None:
    path = f"/in/{company.intake_key}"
    for number in range(3):
        await asyncio.gather(*(deliver(intake, path, b"{broken %d" % (100 * number + one)) for one in range(60)))
        await asyncio.sleep(0.3)
    await intake.stop()
    rows = kept(installation, company, "SELECT count(*), count(DISTINCT id) FROM store_refuseddelivery")
    assert rows == [(100, 100)]


@pytest.mark.proves("HUB-5")
async def test_nothing_is_acknowledged_that_cannot_be_kept(company: Company, installation: Installation) -> None:
    nowhere = installation.app.replace("host=", "host=%2Fnowhere").replace("/tieline?", "/nothing?")
    app = Intake(nowhere, sealing.installed())
    status, headers, _ = await deliver(app, f"/in/{company.intake_key}", event("c"))
    assert (status, headers["retry-after"]) == (503, "2")
    await app.stop()


@pytest.mark.proves("HUB-5")
async def test_a_lost_connection_is_replaced_and_loses_nothing(
    installation: Installation, company: Company, intake: Intake
) -> None:
    path = f"/in/{company.intake_key}"
    assert (await deliver(intake, path, event("before")))[0] == 202
    with psycopg.connect(installation.admin, autocommit=True) as admin:

        def cut() -> None:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tieline intake'"
            )

        await asyncio.to_thread(cut)
        answers: list[asyncio.Future[Any]] = []
        for number in range(200):
            answers.append(asyncio.ensure_future(deliver(intake, path, event(f"c{number}"))))
            if number % 50 == 25:
                await asyncio.to_thread(cut)
            await asyncio.sleep(0.001)
        statuses = [status for status, _, _ in await asyncio.gather(*answers)]
    keys = kept(installation, company, "SELECT count(*) FROM store_event")[0][0]
    assert statuses.count(202) == 200, "each waits for the new connection"
    assert keys == 201


@pytest.mark.proves("HUB-5")
async def test_while_the_database_is_locked_up_the_queue_is_bounded(
    installation: Installation, company: Company, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.api import group_commit

    monkeypatch.setattr(group_commit, "MOST_WAITING", 50)
    path = f"/in/{company.intake_key}"
    with psycopg.connect(installation.owner) as owner:
        owner.execute("LOCK TABLE store_event IN ACCESS EXCLUSIVE MODE")
        answers = [asyncio.ensure_future(deliver(intake, path, event(f"c{number}"))) for number in range(120)]
        await asyncio.wait(answers, timeout=1)
        early = [one.result()[0] for one in answers if one.done()]
        assert early
        assert set(early) == {503}
        owner.rollback()
    statuses = [status for status, _, _ in await asyncio.gather(*answers)]
    assert statuses.count(202) + statuses.count(503) == 120
    assert kept(installation, company, "SELECT count(*) FROM store_event") == [(statuses.count(202),)]


async def test_one_delivery_that_cannot_be_kept_takes_no_other_with_it(
    installation: Installation, company: Company, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.api import intake as module

    built: Callable[..., dict[str, Any]] = module._delivery

    def delivery(*arguments: Any) -> dict[str, Any]:
        made = built(*arguments)
        return {**made, "q": "\x00"} if "bad" in made["q"] else made

    monkeypatch.setattr(module, "_delivery", delivery)
    path = f"/in/{company.intake_key}"
    requests = [deliver(intake, path, event(f"c{n}"), query="bad" if n == 3 else "") for n in range(10)]
    statuses = [status for status, _, _ in await asyncio.gather(*requests)]
    assert [number for number, status in enumerate(statuses) if status != 202] == [3]
    assert kept(installation, company, "SELECT count(*) FROM store_event") == [(9,)]


@pytest.mark.proves("HUB-5")
async def test_stopping_keeps_what_was_taken(installation: Installation, company: Company, intake: Intake) -> None:
    path = f"/in/{company.intake_key}"
    answers = [asyncio.ensure_future(deliver(intake, path, event(f"c{number}"))) for number in range(100)]
    await asyncio.sleep(0)
    await intake.stop()
    statuses = [status for status, _, _ in await asyncio.gather(*answers)]
    assert statuses.count(202) == kept(installation, company, "SELECT count(*) FROM store_event")[0][0] > 0


async def test_a_database_that_does_not_answer_is_away(
    company: Company, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.api import group_commit

    monkeypatch.setattr(group_commit, "ANSWER_S", 0.2)
    rows = group_commit.GroupCommit(installation.app, b"SELECT 1 FROM pg_sleep(60), json_array_length(%s::json)")
    rows.start()
    told: asyncio.Future[bool | None] = asyncio.get_running_loop().create_future()
    row = {"c": company.source, "k": "00" * 16, "t": "2026-01-01T00:00:00Z", "m": "POST", "q": "", "h": {}, "b": ""}
    rows.put(row, told.set_result)
    async with asyncio.timeout(30):
        assert await told is None
    await rows.stop()


def test_what_waits_is_bounded_by_bytes_and_goes_in_portions() -> None:
    from tieline.api import group_commit

    rows = group_commit.GroupCommit("")
    told: list[bool | None] = []
    large = {"b": "a" * (3 * 1024 * 1024)}
    for _ in range(30):
        rows.put(large, told.append)
    assert told == [None] * 9
    assert [len(rows._next_batch()) for _ in range(11)] == [2] * 10 + [1]
