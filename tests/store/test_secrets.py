"""Secrets open only where they were sealed; a token is renewed by one; a vendor's rate is one for all processes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet

from tieline.sdk.auth import Grant
from tieline.store import masking
from tieline.store.pool import Rows
from tieline.store.public_ids import PublicIds
from tieline.store.secrets import GRANT, Seal, SealBrokenError
from tieline.store.vendor_budget import StoredBudget
from tieline.store.vendor_tokens import StoredTokens, write_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Company, Installation

KEY, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def rows(installation: Installation) -> Iterator[Rows]:
    rows = Rows(installation.app)
    yield rows
    rows.close()


def test_a_secret_opens_only_in_its_place() -> None:
    seal = Seal([KEY])
    closed = seal.close({"a": "né"}, 1, 2, "token")
    assert seal.open(closed, 1, 2, "token") == {"a": "né"}
    for place in ((2, 2, "token"), (1, 3, "token"), (1, 2, "other")):
        with pytest.raises(SealBrokenError):
            seal.open(closed, *place)
    another = b"B" if closed[40:41] == b"A" else b"A"
    for broken in (b"", b"x", closed[:-1], closed[:40] + another + closed[41:]):
        with pytest.raises(SealBrokenError):
            seal.open(broken, 1, 2, "token")


def test_keys_rotate_without_losing_a_secret() -> None:
    closed = Seal([OTHER]).close("value", 1, 2, "token")
    both = Seal([KEY, OTHER])
    assert both.open(closed, 1, 2, "token") == "value"
    renewed = both.renew(closed)
    assert Seal([KEY]).open(renewed, 1, 2, "token") == "value"
    with pytest.raises(SealBrokenError):
        Seal([KEY]).open(closed, 1, 2, "token")


def test_nothing_of_a_secret_is_shown_by_what_holds_it() -> None:
    assert KEY not in repr(Seal([KEY]))


async def off_loop(call: Any) -> Any:
    return await asyncio.to_thread(call)


async def test_a_grant_is_kept_sealed_and_comes_back(rows: Rows, company: Company) -> None:
    tokens = StoredTokens(rows, Seal([KEY]), off_loop, company.workspace, company.target)
    assert await tokens.get() is None
    grant = Grant("access-secret", "refresh-secret", 12.5, ("a", "b"), {"api_domain": "https://x"})
    await tokens.save(grant)
    await tokens.save(grant)
    assert await tokens.get() == grant
    with rows.tx(company.workspace) as link:
        kept = link.execute("SELECT sealed FROM store_secret WHERE name = %s", [GRANT]).fetchall()
    assert len(kept) == 1
    assert b"secret" not in bytes(kept[0][0])


async def test_a_token_is_renewed_by_one_however_many_ask(rows: Rows, companies: list[Company]) -> None:
    company, other, *_ = companies
    inside = most = 0

    async def renew(of: Company) -> None:
        nonlocal inside, most
        tokens = StoredTokens(rows, Seal([KEY]), off_loop, of.workspace, of.target)
        async with tokens.lock():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    await asyncio.gather(*(renew(company) for _ in range(4)))
    assert most == 1
    async with StoredTokens(rows, Seal([KEY]), off_loop, company.workspace, company.target).lock():
        await renew(other)  # another connection's renewal does not wait


def test_who_hangs_while_renewing_loses_the_lock(rows: Rows, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    from tieline.store import vendor_tokens

    monkeypatch.setattr(vendor_tokens, "_HOLD_MS", 300)
    hanging = StoredTokens(rows, Seal([KEY]), off_loop, company.workspace, company.target)
    other = StoredTokens(rows, Seal([KEY]), off_loop, company.workspace, company.target)

    async def both() -> list[str]:
        order: list[str] = []
        async with hanging.lock():
            async with other.lock():  # waits until Postgres has ended the other's idle transaction
                order.append("other")
            order.append("hanging")
        return order

    assert asyncio.run(both()) == ["other", "hanging"]
    with rows.plain() as link:
        assert link.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_goes_back_to_the_pool_has_no_lock_and_no_limit(rows: Rows, company: Company) -> None:
    async def locked() -> None:
        tokens = StoredTokens(rows, Seal([KEY]), off_loop, company.workspace, company.target)
        async with tokens.lock():
            pass

    asyncio.run(locked())
    with rows.plain() as link:
        assert link.execute("SHOW lock_timeout").fetchone() == ("0",)
        mine = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        assert link.execute(mine).fetchone() == (0,)


@pytest.mark.proves("HUB-6")
def test_processes_share_one_rate(installation: Installation, company: Company) -> None:
    """Two pools stand for two processes; time stands still, so what is let through is what was in the bucket."""
    now = 1_000_000.0
    pools = [Rows(installation.app) for _ in range(2)]
    budgets = [StoredBudget(one, company.workspace, company.target, 100, 0, lambda: now) for one in pools]
    taken: list[float] = []

    def ask(budget: StoredBudget) -> None:
        taken.extend(budget.take(1, 0) for _ in range(10))

    threads = [threading.Thread(target=ask, args=[budget]) for budget in budgets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(wait == 0 for wait in taken) == 5, "a twentieth of a second's rate at once, however many ask"
    assert all(wait > 0 for wait in taken if wait)
    for one in pools:
        one.close()


@pytest.mark.proves("HUB-6")
def test_a_pause_holds_for_everybody(installation: Installation, company: Company) -> None:
    now = 1_000_000.0
    pools = [Rows(installation.app) for _ in range(2)]
    first, second = (StoredBudget(one, company.workspace, company.target, 0, 50_000, lambda: now) for one in pools)
    assert first.take(1, 0) == 0
    second.pause(30)
    assert second.take(1, 0) == 30
    now += 0.6  # what it took in advance is for half a second only
    assert first.take(1, 0) == pytest.approx(29.4)
    now += 30
    assert first.take(1, 0) == 0
    for one in pools:
        one.close()


def test_the_days_credits_are_all_used_and_not_one_more(rows: Rows, company: Company) -> None:
    now = 1_000_000.0
    budget = StoredBudget(rows, company.workspace, company.target, 0, 50, lambda: now)
    taken = 0
    while budget.take(1, 0) == 0:
        taken += 1
        now += 0.2
    assert taken == 50
    now += 86_400 + 900
    assert budget.take(1, 0) == 0
    with rows.tx(company.workspace) as link:
        assert link.execute("SELECT used <= 50, requests FROM store_budget").fetchone() == (True, 0)


def test_public_ids_go_both_ways_and_cannot_be_guessed() -> None:
    runs, items = PublicIds("a", "run"), PublicIds("a", "inbox")
    shown = {runs.show(number): number for number in [0, 1, 2, 3, 2**31, 2**32, 2**62, 2**63 - 1]}
    assert len(shown) == 8
    assert {runs.read(text): number for text, number in shown.items()} == {number: number for number in shown.values()}
    assert items.read(runs.show(1)) is None
    assert items.show(1)[6:] != runs.show(1)[4:]
    assert PublicIds("b", "run").show(1) != runs.show(1)
    for text in ("", "run_", "run_aaaaaaaaaaaaa", "run_" + "a" * 99, "run_é", runs.show(1).upper(), runs.show(1)[:-1]):
        assert runs.read(text) is None or runs.show(runs.read(text) or 0) == text


def test_what_is_shown_of_a_delivery_is_masked() -> None:
    body = (
        '{"event": "incoming_call_end", "crm_token": "s3cr\\"et", "caller": "+33186765432", "who": "anna@example.com"}'
    )
    shown = masking.masked(body)
    assert "incoming_call_end" in shown
    for part in ("s3cr", 'et"', "3318676", "anna"):
        assert part not in shown
    assert "t0psecret" not in masking.masked("?event=x&api_key=t0psecret&caller=0186765432")
    assert masking.masked_headers({"x-webhook-signature": "abc", "x-token-of-ours": "abc", "accept": "abc"}) == {
        "x-webhook-signature": "•••",
        "x-token-of-ours": "•••",
        "accept": "abc",
    }


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "part",
    [
        "a",
        "hash",
        '"',
        " ",
        "1",
        "@",
        "é",
        "token\\",
        'token="\\',
        'token=" ',
        "a@",
        "a=token:",
        "=a",
        "%4",
        "x-hash ",
        "\\",
    ],
)
def test_masking_goes_over_a_text_once(part: str) -> None:
    """A pattern that went back for each sign would take hours for the last of these."""
    text = part * (400_000 // len(part))
    assert len(masking.masked(text)) <= masking.MOST
    assert masking.masked(f"token=x{text}")[:9] == "token=•••"
    assert masking.masked_headers({part: text, f"{text}-token": "abc"})[f"{text}-token"] == "•••"


def test_a_secret_that_was_cut_off_is_masked_to_its_end() -> None:
    assert masking.masked('{"a": 1, "token": "s3 cr,et') == '{"a": 1, "token": •••'
    assert masking.masked('{"a": 1, "token": "s3 cr\\') == '{"a": 1, "token": •••'
    assert "s3cr" not in masking.masked('{"text": "{\\"token\\": \\"s3cr\\"}"}')


def test_a_written_secret_replaces_the_one_before(rows: Rows, company: Company) -> None:
    from tieline.store.vendor_tokens import read_secrets

    seal = Seal([KEY])
    with rows.tx(company.workspace) as link:
        for value in ("one", "two"):
            write_secret(link, seal, company.workspace, company.target, "token", value)
        assert read_secrets(link, seal, company.workspace, company.target) == {"token": "two"}


def test_a_lost_idle_connection_is_replaced_unseen(installation: Installation, rows: Rows, company: Company) -> None:
    import psycopg

    with rows.tx(company.workspace) as link, psycopg.connect(installation.admin, autocommit=True) as admin:
        pid = link.info.backend_pid
    with psycopg.connect(installation.admin, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with rows.tx(company.workspace) as link:
        assert link.execute("SELECT count(*) FROM store_connection").fetchone() == (2,)


def test_a_token_is_renewed_while_a_pair_of_the_same_number_is_held(
    rows: Rows, installation: Installation, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two locks have each a number of their own: a pair that held the one waited for the other for ever."""
    from tests.store.pairs import make_pair
    from tieline.store import vendor_tokens

    monkeypatch.setattr(vendor_tokens, "_WAIT_MS", 300)
    pair = make_pair(installation, company)
    store = pair.store()
    assert store.hold()

    async def renew() -> None:
        async with StoredTokens(rows, Seal([KEY]), off_loop, company.workspace, pair.pair).lock():
            pass

    try:
        asyncio.run(renew())
    finally:
        store.let_go()
