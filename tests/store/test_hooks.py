"""Outgoing webhooks in the store: which messages come of what, at what cost, and what may be an address."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tieline.store import hook_addresses
from tieline.store.pool import connect

if TYPE_CHECKING:
    from tests.conftest import Company, Installation, MakeCompany

ADDRESS = "https://hooks.example.com/in"
Ask = Callable[..., list[Any]]


@pytest.fixture
def ask(installation: Installation, company: Company) -> Ask:
    def rows(query: Any, *values: object) -> list[Any]:
        with connect(installation.app, workspace=company.workspace) as link:
            found = link.execute(query, values)
            return found.fetchall() if found.description else []

    return rows


def insert_run(ask: Ask, company: Company, state: str) -> int:
    ((run,),) = ask(
        "INSERT INTO store_run (workspace_id, target_id, epoch, subject_id, flow, revision, state, settings_version, known,"
        " considered, questions, notices, started_at, requests) VALUES (%s, %s, 1, 7, 'calls', 1, %s, 1, '{}', '[]', '[]',"
        " '[]', now(), 0) RETURNING id",
        company.workspace,
        company.target,
        state,
    )
    return int(run)


def raise_item(ask: Ask, company: Company, kind: str) -> None:
    ask(
        "INSERT INTO store_inboxitem AS i (workspace_id, connection_id, epoch, flow, kind, topic, reason, options, state, times,"
        " created, last_at) VALUES (%s, %s, 1, '', %s, 'x', '{\"code\": \"x\"}', '[]', 'open', 1, now(), now())"
        " ON CONFLICT (workspace_id, flow, kind, topic) WHERE state = 'open' AND subject_id IS NULL AND pair_id IS NULL"
        " DO UPDATE SET times = i.times + 1",
        company.workspace,
        company.target,
        kind,
    )


def told(ask: Ask) -> list[tuple[str, int | None]]:
    return [tuple(row) for row in ask("SELECT kind, about FROM store_hookdelivery ORDER BY id")]


def make(company: Company, *kinds: str) -> int:
    from tieline.store.services import hooks

    return hooks.make(company.workspace, None, "Warehouse", ADDRESS, kinds)[0].id


def test_each_run_is_told_once_when_it_ends(company: Company, ask: Ask) -> None:
    make(company, "run.finished")
    begun, at_once = insert_run(ask, company, "applying"), insert_run(ask, company, "nothing")
    assert told(ask) == [("run.finished", at_once)]
    ask("SELECT store_end_runs(%s, %s::json)", company.target, json.dumps({str(begun): "done"}))
    ask("UPDATE store_run SET known = '{}'")  # as the clean-up does
    assert told(ask) == [("run.finished", at_once), ("run.finished", begun)]


def test_items_are_told_once_and_trouble_apart(company: Company, ask: Ask) -> None:
    make(company, "case.opened")
    make(company, "connection.trouble")
    for kind in ("call.several", "call.several", "connection.needs_reconnect"):
        raise_item(ask, company, kind)
    assert [kind for kind, _ in told(ask)] == ["case.opened", "connection.trouble"]


def test_only_hooks_of_the_workspace_that_are_on_and_want_it_are_told(
    company: Company, make_company: MakeCompany, ask: Ask
) -> None:
    from tieline.store.services import hooks

    make(make_company(), "run.finished")
    make(company, "case.opened")
    off = make(company, "run.finished")
    hooks.change(company.workspace, None, off, active=False)
    insert_run(ask, company, "done")
    assert told(ask) == []


def test_a_claim_looks_across_and_gives_each_message_to_one(
    installation: Installation, company: Company, make_company: MakeCompany, ask: Ask
) -> None:
    from tieline.store.services import hooks

    other = make_company()
    mine, theirs = make(company, "run.finished"), make(other, "run.finished")
    hooks.test(company.workspace, None, mine)
    hooks.test(other.workspace, None, theirs)
    claim = "SELECT hook FROM store_claim_hooks(1000, 8, gen_random_uuid(), 60, %s)"
    with psycopg.connect(installation.app) as one, psycopg.connect(installation.app) as two:
        assert theirs not in {row[0] for row in one.execute(claim, [[theirs]])}
        first = {row[0] for row in two.execute(claim, [[]])}
        assert theirs in first
        assert mine not in first  # locked by the other, whose transaction is not over
    with psycopg.connect(installation.app) as three:
        assert {mine, theirs} & {row[0] for row in three.execute(claim, [[]])} == set()


def test_an_ended_hook_takes_its_messages_along_and_writes_of_its_runs_go_on(company: Company, ask: Ask) -> None:
    from tieline.store.services import hooks

    hook = make(company, "run.finished")
    insert_run(ask, company, "done")
    hooks.end(company.workspace, None, hook)
    insert_run(ask, company, "done")
    assert told(ask) == []


def test_the_secret_is_sealed_and_what_is_refused_is_said(company: Company, ask: Ask) -> None:
    from tieline.store.services import hooks
    from tieline.store.services.declined import DeclinedError

    row, secret = hooks.make(company.workspace, None, "Warehouse", ADDRESS, ["run.finished"])
    assert secret.startswith("whsec_")
    assert secret[6:20].encode() not in bytes(ask("SELECT sealed FROM store_hook")[0][0])
    refused = {
        "hook.no_title": (" ", ADDRESS, ["run.finished"]),
        "hook.no_kinds": ("x", ADDRESS, ["other"]),
        "hook.bad_address": ("x", "http://hooks.example.com/", ["run.finished"]),
        "hook.private_address": ("x", "https://192.168.1.4/", ["run.finished"]),
    }
    for code, given in refused.items():
        with pytest.raises(DeclinedError) as error:
            hooks.make(company.workspace, None, *given)
        assert error.value.code == code
    hooks.change(company.workspace, None, row.id, active=False)
    with pytest.raises(DeclinedError) as error:
        hooks.test(company.workspace, None, row.id)
    assert error.value.code == "hook.off"


def test_a_message_is_sent_again_under_its_id(company: Company, ask: Ask) -> None:
    from tieline.store.services import hooks

    hook = make(company, "run.finished")
    first = hooks.test(company.workspace, None, hook)
    ask("UPDATE store_hookdelivery SET state = 'given_up', attempts = 9, done_at = now()")
    hooks.again(company.workspace, None, hook, first.id)
    (row,) = hooks.deliveries(company.workspace, hook)
    assert (row.message, row.state, row.attempts) == (first.message, "due", 0)


@pytest.mark.parametrize(
    ("url", "kind", "with_sandboxes"),
    [
        ("https://hooks.example.com:8443/in?a=b", "public", "public"),
        ("http://hooks.example.com/", "malformed", "malformed"),
        ("https://user:x@example.com/", "malformed", "malformed"),
        ("https://example.com/#x", "malformed", "malformed"),
        ("https://example.com:99999/", "malformed", "malformed"),
        ("https://exa mple.com/", "malformed", "malformed"),
        ("ftp://example.com/", "malformed", "malformed"),
        ("https://10.0.0.1/", "private", "private"),
        ("https://169.254.169.254/latest", "private", "private"),
        ("https://[fe80::1]/", "private", "private"),
        ("https://[::ffff:10.0.0.1]/", "private", "private"),
        ("https://127.0.0.2/", "private", "private"),
        ("http://127.0.0.1:9/", "private", "loopback"),
        ("http://localhost/", "private", "loopback"),
        ("https://[::1]/", "private", "loopback"),
        ("https://1.1.1.1/", "public", "public"),
        # what the client makes an address of, although it is not written as one
        ("https://10\u30020\u30020\u30025/", "private", "private"),
        ("https://169\uff0e254.169.254/latest", "private", "private"),
        ("https://\uff11\uff10.0.0.5/", "private", "private"),
        ("https://127.0.0.2./", "private", "private"),
        ("https://\u24dbocalhost/", "private", "loopback"),
    ],
)
def test_what_may_be_an_address(url: str, kind: str, with_sandboxes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIELINE_SANDBOX_URL", raising=False)
    assert hook_addresses.kind_of(url) == kind
    monkeypatch.setenv("TIELINE_SANDBOX_URL", "http://127.0.0.1:1")
    assert hook_addresses.kind_of(url) == with_sandboxes
