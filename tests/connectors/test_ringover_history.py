"""Ringover's call list, lines and recordings."""

from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web

from tests.sdk.vendor import Vendor
from tieline.connectors.ringover.connector import Connector, facts_of
from tieline.core.errors import AuthError, ConfigError, ProtocolError
from tieline.sdk.connect import open_client
from tieline.sdk.manifest import connectors

KEY = "ringover-key"


def subject(vendor: Vendor, session: ClientSession, key: str = KEY) -> Connector:
    return Connector(open_client(connectors()["ringover"], session, {"api_key": key}, base_url=vendor.url))


def row(number: int, at: str = "2026-01-15T10:30:00.000Z", **more: object) -> dict[str, object]:
    return {
        "cdr_id": number,
        "call_id": str(2**62 + number),
        "direction": "in",
        "is_answered": True,
        "last_state": "ANSWERED",
        "start_time": at,
        "answered_time": "2026-01-15T10:30:12.000Z",
        "end_time": "2026-01-15T10:31:17.000Z",
        "incall_duration": 65,
        "total_duration": 77,
        "from_number": "33601020304",
        "to_number": "33101020304",
        "user": {"email": "anna@example.com"},
        "record": "https://cdr.ringover.com/1.mp3",
        **more,
    }


@pytest.mark.proves("CALL-21")
async def test_a_long_gap_is_asked_for_in_stretches_of_fifteen_days(vendor: Vendor, session: ClientSession) -> None:
    asked: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.path == "/v2/calls"
        assert request.headers["Authorization"] == KEY
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("start_date", "end_date"))
        assert (end - start).days <= 15
        asked.append((request.query["start_date"], request.query["end_date"], request.query["limit_offset"]))
        if start.day == 1:
            return web.Response(status=204)
        return web.json_response(
            {"total_call_count": 1, "call_list_count": 1, "call_list": [row(start.day, request.query["start_date"])]}
        )

    vendor.answer = answer
    pages = [page async for page in subject(vendor, session).list_since("2026-01-01T00:00:00Z", "2026-02-05T12:00:00Z")]
    assert [one[:2] for one in asked] == [
        ("2026-01-01T00:00:00.000Z", "2026-01-16T00:00:00.000Z"),
        ("2026-01-16T00:00:00.000Z", "2026-01-31T00:00:00.000Z"),
        ("2026-01-31T00:00:00.000Z", "2026-02-05T12:00:00.000Z"),
    ]
    assert [len(page) for page in pages] == [0, 3, 3]


@pytest.mark.proves("CALL-21")
async def test_more_calls_than_the_list_reaches_are_asked_for_in_halves(vendor: Vendor, session: ClientSession) -> None:
    """20,000 calls in a day: the list shows 10,000 of a stretch."""
    step = 86400 / 20_000
    begin = datetime(2026, 1, 15, tzinfo=UTC).timestamp()

    async def answer(request: web.Request) -> web.StreamResponse:
        start, end = (
            datetime.fromisoformat(request.query[name]).timestamp() - begin for name in ("start_date", "end_date")
        )
        offset = int(request.query["limit_offset"])
        assert offset <= 9000
        found = [number for number in range(20_000) if start <= number * step <= end]
        shown = found[::-1][offset : offset + int(request.query["limit_count"])]
        calls = [
            row(number, datetime.fromtimestamp(begin + number * step, UTC).isoformat(), answered_time=None, record=None)
            for number in shown
        ]
        return web.json_response({"total_call_count": len(found), "call_list_count": len(calls), "call_list": calls})

    vendor.answer = answer
    keys: set[str] = set()
    async for page in subject(vendor, session).list_since("2026-01-15T00:00:00Z", "2026-01-16T00:00:00Z"):
        keys |= {fact.call_key for fact in page}
    assert len(keys) == 20_000


def test_a_listed_call_is_its_start_answer_and_end() -> None:
    start, answered, end = facts_of(row(1))
    assert (start.type, start.occurred_at, start.external_number, start.line_number) == (
        "ringing", "2026-01-15T10:30:00Z", "+33601020304", "+33101020304",
    )  # fmt: skip
    assert (answered.type, answered.occurred_at) == ("answered", "2026-01-15T10:30:12Z")
    assert (end.call_key, end.final, end.outcome, end.talk_s, end.total_s, end.agent_number, end.recording_url) == (
        str(2**62 + 1), True, "answered", 65, 77, "anna@example.com", "https://cdr.ringover.com/1.mp3",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "outcome", "external"),
    [
        ({"last_state": "MISSED"}, "missed", "+33601020304"),
        ({"last_state": "MISSED", "direction": "out"}, "no_answer", "+33101020304"),
        ({"last_state": "NO_ANSWER", "direction": "out"}, "no_answer", "+33101020304"),
        ({"last_state": "MISSED", "voicemail": "https://cdr.ringover.com/v.mp3"}, "voicemail", "+33601020304"),
        ({"last_state": "CANCELLED"}, "canceled", "+33601020304"),
        ({"last_state": "BLIND_TRANSFERED"}, "unknown", "+33601020304"),
        ({"last_state": None}, "unknown", "+33601020304"),
    ],
)
def test_how_a_listed_call_ended(more: dict[str, object], outcome: str, external: str) -> None:
    *_, end = facts_of(row(1, is_answered=False, answered_time=None, record=None, **more))
    assert (end.outcome, end.talk_s, end.external_number) == (outcome, 0, external)


async def test_lines_and_account(vendor: Vendor, session: ClientSession) -> None:
    numbers = [
        {"number": 33186950021, "label": "Main line"},
        {"number": "33186950022", "user": {"concat_name": "Anna Lindqvist"}},
        {"number": None},
    ]
    vendor.in_turn(lambda _request: web.json_response({"list_count": 3, "list": numbers}))
    assert await subject(vendor, session).lines() == [("+33186950021", "Main line"), ("+33186950022", "Anna Lindqvist")]
    vendor.in_turn(lambda _request: web.json_response({"id": 4711, "name": "Acme"}))
    identity = await subject(vendor, session).check()
    assert (identity.account_id, identity.name) == ("4711", "Acme")


async def test_without_a_key_nothing_is_asked_and_a_wrong_one_is_said(vendor: Vendor, session: ClientSession) -> None:
    connector = subject(vendor, session, key="")
    assert (await connector.check()).account_id == ""
    with pytest.raises(ConfigError):
        await connector.lines()
    assert not vendor.seen
    vendor.in_turn(*[lambda _request: web.json_response({"code": 401}, status=401)] * 3)
    with pytest.raises(AuthError):
        await subject(vendor, session).check()


async def test_a_list_without_its_rows_is_refused(vendor: Vendor, session: ClientSession) -> None:
    vendor.in_turn(*[lambda _request: web.json_response({"error": "no"})] * 3)
    with pytest.raises(ProtocolError):
        [page async for page in subject(vendor, session).list_since("2026-01-15T10:00:00Z")]


async def test_a_recording_is_read_without_our_key(vendor: Vendor, session: ClientSession) -> None:
    sent: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        sent.append(str(dict(request.headers)))
        return web.Response(body=b"ID3", content_type="audio/mpeg")

    vendor.answer = answer
    assert await subject(vendor, session).open(f"{vendor.url}/record/1.mp3", 100) == ("audio/mpeg", b"ID3")
    assert len(sent) == 1
    assert KEY not in sent[0]
    with pytest.raises(ConfigError):
        await subject(vendor, session).open("https://elsewhere.example/1.mp3", 100)
