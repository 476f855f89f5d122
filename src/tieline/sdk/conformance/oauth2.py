"""What a connection by OAuth2 promises."""

from __future__ import annotations

import asyncio

from tieline.core.errors import AuthError, TielineError
from tieline.sdk.conformance.faults import push_one, tried
from tieline.sdk.conformance.promises import must, promise
from tieline.sdk.conformance.subject import Subject
from tieline.sdk.contract import Written


def token_requests(subject: Subject) -> int:
    """How often a token was asked for since the counts were forgotten."""
    counts = subject.side.counts()["requests"] if subject.side is not None else {}
    return sum(count for name, count in counts.items() if name.endswith("/token"))


@promise("oauth2")
async def one_refresh_for_all_who_wait(subject: Subject) -> None:
    """Three connectors of one connection with five reads each meet a dead token: one refresh, all answered."""
    connectors = [subject.make() for _ in range(3)]
    await asyncio.gather(*(connector.check() for connector in connectors))
    await subject.expire()
    if subject.side is not None:
        subject.side.forget_counts()
    found = await asyncio.gather(*(connector.check() for connector in connectors for _ in range(5)))
    must(len({identity.account_id for identity in found}) == 1, "all are answered")
    must(token_requests(subject) == 1, f"{token_requests(subject)} refreshes")
    must(subject.tokens is not None and subject.tokens.saved == 1, "and the new token is kept once")


@promise("oauth2")
async def a_token_that_dies_in_mid_write_doubles_nothing(subject: Subject) -> None:
    """The write is refused, the token renewed, and the caller sends it again."""
    await subject.connector.check()
    await subject.expire()
    outcome = await push_one(subject, "key-mid", "Mid-load")
    for _ in range(3):
        if isinstance(outcome, Written):
            break
        must(isinstance(outcome, TielineError), f"a dead token is {outcome}")
        must(not await subject.named("Mid-load"), "nothing was written yet")
        outcome = await push_one(subject, "key-mid", "Mid-load")
    must(isinstance(outcome, Written), f"afterwards it is {outcome}")
    must(len(await subject.named("Mid-load")) == 1, "there is one record")


@promise("oauth2")
async def a_refused_refresh_asks_to_reconnect(subject: Subject) -> None:
    """An error inside a 200 of the token server; nothing is asked in circles."""
    await subject.connector.check()
    await subject.expire()
    fault = subject.fault(kind="error_in_200", path=subject.token_path, times=None)
    error = await tried(subject.connector.check())
    subject.calm()
    must(isinstance(error, AuthError), f"a refused refresh is {error}")
    must(1 <= fault.struck <= 2, f"a refresh was tried {fault.struck} times")


@promise("oauth2")
async def a_lost_refresh_is_tried_later(subject: Subject) -> None:
    """The token server is down: an error that passes, not one that asks a person; then it works again."""
    await subject.connector.check()
    await subject.expire()
    for rule in ({"kind": "status", "status": 500}, {"kind": "drop"}, {"kind": "html"}):
        subject.fault(**rule, path=subject.token_path, times=None)
        error = await tried(subject.connector.check())
        subject.calm()
        must(isinstance(error, TielineError) and not isinstance(error, AuthError), f"{rule}: {error!r}")
    must(bool((await subject.connector.check()).account_id), "then it works again")
