"""Tryton on its worst days: a proxy in front of the real server answers too much, nothing, or nonsense."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tieline.connectors.tryton.connector import Connector
from tieline.connectors.tryton.server import TrytonServer
from tieline.connectors.tryton.shapes import DEAL, LEAD, NOTE, ORGANISATION
from tieline.core.errors import AuthError, RateLimitedError, TransientError
from tieline.sdk.contract import NotSent, PushOperation, Rejected, Unknown, Written
from tieline.sdk.sandbox import Running
from tieline.sdk.sandbox.faults import Fault

pytestmark = pytest.mark.real

BEFORE_AND_AFTER = [
    pytest.param({"kind": "status", "status": 500}, False, id="500 before"),
    pytest.param({"kind": "status", "status": 500, "when": "after"}, True, id="500 after"),
    pytest.param({"kind": "status", "status": 502, "when": "after"}, True, id="502 after"),
    pytest.param({"kind": "drop"}, False, id="dropped before"),
    pytest.param({"kind": "drop", "when": "after"}, True, id="dropped after"),
    pytest.param({"kind": "hang", "seconds": 20}, False, id="hangs before"),
    pytest.param({"kind": "hang", "seconds": 20, "when": "after"}, True, id="hangs after"),
    pytest.param({"kind": "html"}, False, id="a page with 200 before"),
    pytest.param({"kind": "html", "when": "after"}, True, id="a page with 200 after"),
    pytest.param({"kind": "truncated"}, True, id="half an answer"),
    pytest.param({"kind": "error_in_200"}, False, id="an error inside a 200"),
]


def key() -> str:
    return secrets.token_hex(8)


def strike(proxy: Running, **fault: Any) -> None:
    proxy.side("tryton").faults.append(Fault(**fault))


def count(tryton: TrytonServer, model: str, origin: str) -> int:
    field = {"party.party": "identifiers.code", "sale.opportunity": "comment", "ir.note": "message"}[model]
    found: int = tryton.admin().call(f"model.{model}.search_count", [[field, "like", f"%{origin}%"]])
    return found


@pytest.mark.parametrize(("fault", "happened"), BEFORE_AND_AFTER)
async def test_a_create_that_nobody_answered_is_unknown_and_its_key_tells(
    connect: Any, proxy: Running, tryton: TrytonServer, fault: dict[str, Any], happened: bool
) -> None:
    crm: Connector = connect(timeout_s=1.5)
    origin = key()
    strike(proxy, **fault, method="POST", path=r"/model/party\.party$")
    (outcome,) = await crm.push([PushOperation(origin, "create", ORGANISATION, {"name": "Perhaps"})])
    assert isinstance(outcome, Unknown)
    found = await crm.find(ORGANISATION, ["origin"], [origin], ["name"])
    assert len(found) == count(tryton, "party.party", origin) == (1 if happened else 0)


async def test_what_comes_after_an_unknown_one_is_not_sent(connect: Any, proxy: Running, tryton: TrytonServer) -> None:
    crm: Connector = connect()
    keys = [key() for _ in range(3)]
    strike(proxy, kind="drop", when="after", path=r"/model/party\.party$")
    outcomes = await crm.push(
        [
            PushOperation(keys[0], "create", ORGANISATION, {"name": "a"}),
            PushOperation(keys[1], "create", LEAD, {"name": "b"}),
            PushOperation(keys[2], "create", LEAD, {"name": "c"}),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [Unknown, NotSent, NotSent]
    assert count(tryton, "sale.opportunity", keys[1]) == 0


async def test_a_call_is_not_doubled_by_trying_again(connect: Any, proxy: Running, tryton: TrytonServer) -> None:
    """The key of a note cannot be looked up by a user who is no administrator: the push itself looks."""
    crm: Connector = connect()
    (party,) = await crm.push([PushOperation(key(), "create", ORGANISATION, {"name": "Caller"})])
    assert isinstance(party, Written)
    origin = key()
    call = PushOperation(origin, "create", NOTE, {"subject": "Call", "organisation": party.id})
    strike(proxy, kind="drop", when="after", path=r"/model/ir\.note$")
    (lost,) = await crm.push([call])
    assert isinstance(lost, Unknown)
    assert await crm.find(NOTE, ["origin"], [origin], ["subject"]) == []
    (again,) = await crm.push([call])
    assert isinstance(again, Written)
    assert again.existed
    assert count(tryton, "ir.note", origin) == 1


@pytest.mark.parametrize(
    "path", [r"/model/sale\.opportunity$", r"/model/sale\.opportunity/\d+/opportunity$"], ids=["made", "button"]
)
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_deal_that_was_made_by_half_is_finished(
    connect: Any, proxy: Running, tryton: TrytonServer, path: str, when: str
) -> None:
    crm: Connector = connect()
    (party,) = await crm.push([PushOperation(key(), "create", ORGANISATION, {"name": "Buyer"})])
    assert isinstance(party, Written)
    origin = key()
    owner = str(tryton.seed.employees["Alice Martin"])
    values = {"name": "Sale", "organisation": party.id, "owner": owner}
    deal = PushOperation(origin, "create", DEAL, values)
    strike(proxy, kind="drop", when=when, path=path)
    (lost,) = await crm.push([deal])
    assert isinstance(lost, Unknown)
    is_whole = "opportunity$" in path[20:] and when == "after" and r"\d" in path
    assert len(await crm.find(DEAL, ["origin"], [origin], [])) == (1 if is_whole else 0)
    (again,) = await crm.push([deal])
    assert isinstance(again, Written)
    (found,) = await crm.find(DEAL, ["origin"], [origin], ["stage"])
    assert (found.id, found.fields["stage"]) == (again.id, "opportunity")
    assert count(tryton, "sale.opportunity", origin) == 1


@pytest.mark.parametrize("after", [None, 3, "date:3"])
async def test_too_many_requests(connect: Any, proxy: Running, after: str | int | None) -> None:
    crm: Connector = connect()
    strike(proxy, kind="status", status=429, retry_after=after)
    with pytest.raises(RateLimitedError) as caught:
        await crm.push([PushOperation(key(), "create", ORGANISATION, {"name": "x"})])
    if after is None:
        assert caught.value.wait_s is None
    else:
        assert caught.value.wait_s is not None
        assert 1 <= caught.value.wait_s <= 4


async def test_a_refusal_in_the_middle_keeps_what_was_done(connect: Any, proxy: Running, tryton: TrytonServer) -> None:
    crm: Connector = connect()
    keys = [key() for _ in range(3)]
    strike(proxy, kind="status", status=429, retry_after=3, path=r"/model/sale\.opportunity")
    outcomes = await crm.push(
        [
            PushOperation(keys[0], "create", ORGANISATION, {"name": "a"}),
            PushOperation(keys[1], "create", LEAD, {"name": "b"}),
            PushOperation(keys[2], "create", ORGANISATION, {"name": "c"}),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [Written, NotSent, NotSent]
    assert count(tryton, "party.party", keys[2]) == 0


async def test_reads_are_tried_again_and_then_transient(connect: Any, proxy: Running) -> None:
    crm: Connector = connect()
    for kind in ("html", "drop"):
        strike(proxy, kind=kind)
    assert (await crm.check()).name == "Nordlys Trading"
    strike(proxy, kind="html", times=3)
    with pytest.raises(TransientError):
        await crm.check()


async def test_a_key_that_was_withdrawn(connect: Any, proxy: Running) -> None:
    crm: Connector = connect()
    proxy.sandbox("tryton").expire_tokens()
    with pytest.raises(AuthError):
        await crm.check()
    with pytest.raises(AuthError):
        await crm.push([PushOperation(key(), "create", ORGANISATION, {"name": "x"})])
    proxy.sandbox("tryton").reset(everything=False)
    await crm.check()


async def test_a_number_taken_by_another_writer_is_no_refusal(connect: Any, proxy: Running) -> None:
    """Two creates at once get one number on SQLite; Tryton's sentence blames the code that we never gave."""
    from tieline.connectors.tryton.wire import refusal

    message = "The code on party must be unique."
    assert refusal(message, {"name": "x"}) == NotSent("number_taken")
    mine = refusal(message, {"name": "x", "code": "7"})
    assert isinstance(mine, Rejected)
    assert (mine.code, mine.field) == ("not_unique", "code")


async def test_no_message_holds_the_key(connect: Any, proxy: Running, tryton: TrytonServer) -> None:
    crm: Connector = connect(timeout_s=0.5)
    for fault in ({"kind": "status", "status": 401}, {"kind": "status", "status": 400}, {"kind": "hang"}):
        strike(proxy, **fault, times=3)
        with pytest.raises(Exception) as caught:  # noqa: PT011  (every kind of error, each looked into)
            await crm.check()
        assert tryton.seed.api_key not in f"{caught.value!r} {vars(caught.value)}"
        proxy.side("tryton").faults.clear()
