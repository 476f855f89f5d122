"""The kit: counting, faults, latency, records, reset, discovery; the small HTTP server underneath."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from tests.sandboxes.conftest import Caller, Zoho
from tieline.sdk.sandbox import Request, Running, scan, serve
from tieline.sdk.sandbox.server import main

LEAD = {"data": [{"Last_Name": "Berg"}]}


@pytest.mark.proves("HUB-10")
def test_sandboxes_are_found_by_scanning() -> None:
    assert {"zoho_crm", "sipsim"} <= set(scan())


async def test_unknown_connector_is_named() -> None:
    with pytest.raises(ValueError, match="nobody"):
        await serve(0, ["nobody"])


async def test_counts_by_method_and_template(zoho: Zoho) -> None:
    ids = await zoho.add("Leads", {"Last_Name": "A"}, {"Last_Name": "B"})
    await zoho("GET", f"/Leads/{ids[0]}")
    await zoho("GET", f"/Leads/{ids[1]}")
    await zoho("GET", "/Leads/search")
    counts = await zoho.control("GET", "counts")
    assert counts["requests"] == {
        "GET /api/crm/v8/Leads/search": 1,
        "GET /api/crm/v8/Leads/{id}": 2,
        "POST /api/crm/v8/Leads": 1,
    }
    assert (counts["total"], counts["statuses"], counts["credits"]) == (4, {"200": 2, "201": 1, "400": 1}, 4)


@pytest.mark.parametrize(
    ("fault", "status", "stored"),
    [
        ({"kind": "status", "status": 429}, 429, 0),
        ({"kind": "status", "status": 500}, 500, 0),
        ({"kind": "status", "status": 500, "when": "after"}, 500, 1),
        ({"kind": "status", "status": 503}, 503, 0),
        ({"kind": "drop"}, None, 0),
        ({"kind": "drop", "when": "after"}, None, 1),
        ({"kind": "hang", "seconds": 0.05}, None, 0),
        ({"kind": "hang", "seconds": 0.05, "when": "after"}, None, 1),
        ({"kind": "html"}, 200, 0),
        ({"kind": "html", "status": 502}, 502, 0),
        ({"kind": "error_in_200"}, 200, 0),
        ({"kind": "truncated"}, 201, 1),
        ({"kind": "latency", "seconds": 0.05}, 201, 1),
    ],
)
async def test_faults(zoho: Zoho, fault: dict, status: int | None, stored: int) -> None:
    await zoho.control("POST", "faults", {"method": "POST", "path": "/Leads$", **fault})
    if status is None:
        with pytest.raises(aiohttp.ClientError):
            await zoho("POST", "/Leads", LEAD)
    else:
        answered, body = await zoho("POST", "/Leads", LEAD)
        assert answered == status
        match fault["kind"]:
            case "html":
                assert b"<html" in body
            case "truncated":
                assert isinstance(body, bytes), "half a JSON document is none"
            case "error_in_200":
                assert body["data"][0]["status"] == "error"
            case "status":
                assert body["code"] in ("TOO_MANY_REQUESTS", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE")
    assert len(await zoho.control("GET", "records?module=Leads")) == stored
    assert (await zoho("POST", "/Leads", LEAD))[0] == 201, "once is once"


@pytest.mark.parametrize(("asked", "told"), [(None, None), (7, "7"), ("date:90", "date")])
async def test_retry_after_in_each_form(zoho: Zoho, asked: int | str | None, told: str | None) -> None:
    await zoho.control("POST", "faults", {"kind": "status", "status": 429, "retry_after": asked})
    await zoho("GET", "/org")
    header = zoho.last.get("Retry-After")
    if told == "date":
        assert header is not None
        assert timedelta(seconds=60) < parsedate_to_datetime(header) - datetime.now(UTC) < timedelta(seconds=120)
    else:
        assert header == told


async def test_faults_match_skip_repeat_and_end(zoho: Zoho) -> None:
    rule = {"kind": "status", "status": 500, "path": "/coql", "body": "from Leads", "skip": 1, "times": 2}
    await zoho.control("POST", "faults", [rule])
    query = "select id from {} where id is not null"
    statuses = [(await zoho.coql(query.format(module)))[0] for module in ("Leads", "Deals", "Leads", "Leads", "Leads")]
    assert statuses == [204, 204, 500, 500, 204]
    assert (await zoho.control("GET", "faults"))[0]["struck"] == 2
    await zoho.control("DELETE", "faults")
    assert await zoho.control("GET", "faults") == []


async def test_a_rate_of_faults_is_a_share(zoho: Zoho) -> None:
    await zoho.control("POST", "faults", {"kind": "status", "status": 500, "rate": 0.3, "times": None})
    statuses = [(await zoho("GET", "/org"))[0] for _ in range(100)]
    assert 10 <= statuses.count(500) <= 50
    assert statuses.count(500) + statuses.count(200) == 100


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "nothing"}, {"kind": "drop", "path": "("}, {"kind": "drop", "when": "later"}, {"kind": "drop", "x": 1}],
)
async def test_a_wrong_fault_is_refused(zoho: Zoho, wrong: dict) -> None:
    url = f"{zoho.running.url}/_control/zoho_crm/faults"
    async with zoho.session.post(url, json=wrong) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]


async def test_latency_delays_each_request_but_not_the_next_one(zoho: Zoho) -> None:
    await zoho.control("POST", "latency", {"ms": 80})
    answers = await asyncio.gather(*(zoho("GET", "/org") for _ in range(5)))
    assert [status for status, _ in answers] == [200] * 5
    counts = await zoho.control("GET", "counts")
    assert counts["in_flight_peak"] == 5, "all five were under way together"


async def test_records_seeded_listed_and_reset(zoho: Zoho) -> None:
    made = await zoho.control(
        "POST",
        "records",
        {"Accounts": [{"Account_Name": "Ålund", "Phone": "0033 1"}], "Contacts": [{"Last_Name": "B"}]},
    )
    assert [one["Account_Name"] for one in await zoho.control("GET", "records?module=Accounts")] == ["Ålund"]
    assert (await zoho("GET", f"/Contacts/{made['Contacts'][0]}"))[1]["data"][0]["Last_Name"] == "B"
    await zoho.control("POST", "reset", {})
    assert await zoho.control("GET", "records?module=Accounts") == []
    assert (await zoho("GET", "/org"))[0] == 200, "a grant outlives a reset"
    assert (await zoho.control("GET", "counts"))["total"] == 1
    await zoho.control("POST", "reset", {"everything": True})
    assert (await zoho("GET", "/org"))[0] == 401


async def test_the_log_has_bodies_and_no_token(zoho: Zoho) -> None:
    await zoho("POST", "/Leads", LEAD)
    (entry,) = await zoho.control("GET", "log?n=1")
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/api/crm/v8/Leads", 201)
    assert "Berg" in entry["body"]
    assert "record added" in entry["answer"]
    assert zoho.token["access_token"] not in str(entry)


async def test_sandboxes_do_not_share_counts(zoho: Zoho, sipsim: Caller) -> None:
    await zoho("GET", "/org")
    assert (await sipsim.control("GET", "counts"))["total"] == 0


async def test_http_pieces_chunks_pipelines_and_percent_signs(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    whole = (
        b"POST /sipsim/oauth/token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ngrant\r\n8\r\n_type=no\r\n0\r\n\r\n"
        b"GET /sip%73im/api/v2/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    for at in range(0, len(whole), 7):
        writer.write(whole[at : at + 7])
        await writer.drain()
        await asyncio.sleep(0)
    answers = (await reader.read()).decode()
    assert answers.count("HTTP/1.1 ") == 2
    assert "unsupported_grant_type" in answers
    assert "HTTP/1.1 404" in answers
    writer.close()


@pytest.mark.parametrize("head", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"G" * 70000])
async def test_what_is_not_http_is_refused_and_closed(running: Running, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(head)
    assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


def test_multipart_parts() -> None:
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="title"\r\n\r\nA note\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="r\xc3\xa9.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n\x00\r\n--x\r\n--xyz--\r\n'
    )
    parts = Request("POST", "/", "", {"content-type": "multipart/form-data; boundary=xyz"}, body).parts()
    assert parts["title"].content == b"A note"
    assert (parts["file"].filename, parts["file"].content_type, parts["file"].content) == (
        "ré.mp3",
        "audio/mpeg",
        b"\x00\r\n--x",
    )


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--port", "nowhere"])
    assert "--port" in capsys.readouterr().err


async def test_a_caller_that_gives_up_waiting_does_not_take_the_write_back(zoho: Zoho) -> None:
    await zoho.control("POST", "latency", {"ms": 60})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(zoho("POST", "/Leads", LEAD), 0.01)
    await zoho.control("POST", "latency", {"ms": 0})
    for _ in range(100):
        if len(await zoho.control("GET", "records?module=Leads")) == 1:
            break
        await asyncio.sleep(0.02)
    assert len(await zoho.control("GET", "records?module=Leads")) == 1


async def test_closing_gives_up_what_hangs(session: aiohttp.ClientSession) -> None:
    running = await serve(0, ["sipsim"])
    caller = Caller(running, session, "sipsim")
    await caller.control("POST", "faults", {"kind": "hang", "seconds": 600})
    asked = asyncio.ensure_future(caller("GET", "/api/v2/phones"))
    for _ in range(1000):
        if running.side("sipsim").in_flight:
            break
        await asyncio.sleep(0.005)
    await running.close()
    with pytest.raises(aiohttp.ClientError):
        await asked


async def test_as_a_process_of_its_own(session: aiohttp.ClientSession) -> None:
    code = "from tieline.sdk.sandbox import main; raise SystemExit(main(['--port', '0', '--only', 'sipsim']))"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with session.get(f"{url}/api/v1/phones?token=sandbox-token") as answer:
        assert len(await answer.json()) == 7
    process.terminate()
    assert await process.wait() == 0
