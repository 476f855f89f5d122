"""What History and Files promise."""

from __future__ import annotations

from datetime import UTC, datetime

from tieline.core.errors import ConfigError, ProtocolError, TielineError
from tieline.sdk.conformance.faults import tried
from tieline.sdk.conformance.promises import must, promise
from tieline.sdk.conformance.subject import Subject

BEGAN = 1_790_000_000.0


def iso(at: float) -> str:
    """Unix seconds as UTC text."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@promise("history")
async def a_gap_is_filled_completely(subject: Subject) -> None:
    """More calls than a page holds, many of one second: each is listed, those outside [since, until) are not."""
    inside = await subject.seed_calls([BEGAN + 60 + n // 500 for n in range(1500)])
    before, at_end = await subject.seed_calls([BEGAN - 1, BEGAN + 600])
    pages = [page async for page in subject.connector.list_since(iso(BEGAN), iso(BEGAN + 600))]
    keys = {fact.call_key for page in pages for fact in page}
    must(len(pages) > 1, "they make several pages")
    must(keys == set(inside), f"{len(set(inside) - keys)} are missing, {len(keys - set(inside))} are too many")
    must(before not in keys and at_end not in keys, "and nothing from outside")
    ended = {fact.call_key for page in pages for fact in page if fact.final}
    must(ended == keys, "each has its end")


@promise("history")
async def lines_have_numbers(subject: Subject) -> None:
    """The company's lines."""
    lines = await subject.connector.lines()
    must(bool(lines) and all(number for number, _ in lines), f"lines are {lines}")


@promise("history")
async def a_list_that_fails_says_so(subject: Subject) -> None:
    """Never a gap that looks like silence."""
    for rule in (
        {"kind": "status", "status": 500},
        {"kind": "html"},
        {"kind": "error_in_200"},
        {"kind": "status", "status": 403},
    ):
        subject.fault(**rule, times=None)

        async def listed() -> list[object]:
            return [page async for page in subject.connector.list_since(iso(BEGAN))]

        found = await tried(listed())
        subject.calm()
        must(isinstance(found, TielineError), f"{rule}: {found}")


@promise("files")
async def files_come_from_named_hosts(subject: Subject) -> None:
    """A recording is read up to its limit; other hosts, schemes and private addresses are not asked."""
    url = await subject.file()
    kind, content = await subject.connector.open(url, 1 << 20)
    must(bool(kind and content), "a recording has a type and a content")
    must(
        isinstance(await tried(subject.connector.open(url, len(content) - 1)), ProtocolError),
        "one byte too many is refused",
    )
    false = (
        "https://evil.example/x",
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/x",
        "file:///etc/passwd",
        "gopher://x/",
    )
    for other in false:
        found = await tried(subject.connector.open(other, 100))
        must(isinstance(found, ConfigError), f"{other}: {found}")
