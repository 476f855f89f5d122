"""A live look that goes wrong: each way is a state that the page, the API and the panel show, never an error of the server."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.web.conftest import Company
from tests.web.made import rows, workspace_tx
from tests.web.made_pair import MadePair
from tests.web.test_runs import text_of
from tieline.core.errors import ConfigError

if TYPE_CHECKING:
    from django.test import Client

SignIn = Callable[[Any], "Client"]

pytestmark = pytest.mark.proves("CUST-5")


@pytest.fixture
def pair(company: Company, monkeypatch: pytest.MonkeyPatch) -> MadePair:
    made = MadePair(company, monkeypatch)
    made.link("Nordlys A/S", "4401", "10042")
    return made


@pytest.fixture
def admin(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.users["admin"])


def of(pair: MadePair, role: str = "account") -> Any:
    from tieline.store.services import customers

    return customers.one(pair.kept, role, "left", "4401")


def set_state(pair: MadePair, connection: Any, state: str) -> None:
    with workspace_tx(pair.workspace):
        rows.Connection.objects.filter(workspace_id=pair.workspace, pk=connection.pk).update(state=state)


def test_a_role_that_is_not_kept_the_same_is_not_set_up_and_nothing_is_decided_about_it(
    pair: MadePair, admin: Client
) -> None:
    with workspace_tx(pair.workspace):
        version = rows.SyncPairVersion.objects.get(pair_id=pair.pk)
        version.settings["roles"] = [one for one in version.settings["roles"] if one["role"] == "account"]
        version.save()
    page = admin.get(pair.record("4401", role="contact", path="look/"))
    assert page.status_code == 200
    assert "Not set up" in text_of(page)
    answer = admin.post(pair.record("4401", role="contact", path="write/"), {"act": "create"}, follow=True)
    assert "Records of this kind are not kept the same." in answer.content.decode()
    answer = admin.post(pair.record("4401", role="contact", path="write/"), {"act": "fetch", "find": "7"}, follow=True)
    assert "Records of this kind are not kept the same." in answer.content.decode()
    assert pair.runs(kind="asked") == []


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_connection_that_is_paused_is_not_asked(pair: MadePair, admin: Client, side: str) -> None:
    set_state(pair, getattr(pair, side), "paused")
    assert "Switched off" in text_of(admin.get(pair.record("4401", path="look/")))


@pytest.mark.proves("CUST-2")
@pytest.mark.parametrize("off", ["pair", "connection"])
def test_switched_off_nobody_is_asked_for_one_to_fetch(
    pair: MadePair, admin: Client, monkeypatch: pytest.MonkeyPatch, off: str
) -> None:
    from tieline.jobs import looking

    asked: list[Any] = []
    monkeypatch.setattr(looking, "alone", lambda work, _seconds: asked.append(work) or [])
    if off == "connection":
        set_state(pair, pair.right, "paused")
    else:
        with workspace_tx(pair.workspace):
            rows.SyncPair.objects.filter(workspace_id=pair.workspace, pk=pair.pk).update(on=False)
    answer = admin.post(pair.record("4401", path="write/"), {"act": "fetch", "find": "7"}, follow=True)
    assert "This pair is switched off: nobody is asked anything." in answer.content.decode()
    assert asked == []


def test_a_pair_whose_connection_ended_meanwhile_is_not_set_up(pair: MadePair, company: Company, admin: Client) -> None:
    from tieline.jobs import looking
    from tieline.store.services import connection_ends

    one = of(pair)
    connection_ends.disconnect(pair.workspace, company.users["admin"], pair.right.pk)
    assert looking.look(of(pair)).status == "not_set_up"
    found = looking.look(one)  # as it was read a moment before
    assert (found.status, found.decision) == ("unreachable", None)
    assert admin.get(pair.record("4401", path="look/")).status_code == 200


def test_the_side_that_cannot_be_asked_is_the_one_that_is_named(
    pair: MadePair, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.wiring import Wiring

    real = Wiring.connection

    async def connection(wiring: Any, workspace: int, id: int, **more: Any) -> Any:
        if id == pair.right.pk:
            raise ConfigError("no token", setting="token")
        return await real(wiring, workspace, id, **more)

    monkeypatch.setattr(Wiring, "connection", connection)
    text = text_of(admin.get(pair.record("4401", path="look/")))
    assert "e-conomic does not answer. A setting does not fit there: token." in text
    assert "Zoho CRM does not answer." not in text


def test_a_mistake_of_ours_is_said_and_what_is_kept_stays_on_the_page(
    pair: MadePair, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.jobs import looking

    async def broken(*_given: Any) -> Any:
        raise KeyError("secret of a customer")

    async def built(*_given: Any, **_more: Any) -> Any:
        return SimpleNamespace(pair=None), {}

    monkeypatch.setattr(looking, "look_at", broken)
    monkeypatch.setattr(looking.Wiring, "sync", built)
    answer = admin.get(pair.record("4401", path="look/"))
    text = text_of(answer)
    assert answer.status_code == 200
    assert "The two could not be looked at. Tieline made a mistake of its own" in text
    assert "secret" not in text
    assert admin.get(pair.record("4401")).status_code == 200
    found = looking.look(of(pair))
    assert found.mistake == {"code": "error.internal", "params": {"kind": "KeyError"}}
    answer = admin.post(pair.record("4401", path="write/"), {"act": "fetch", "find": "7"}, follow=True)
    assert answer.status_code == 200


def test_an_answer_that_cannot_be_read_names_who_gave_it(
    pair: MadePair, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.jobs import looking

    odd = {"code": "error.internal", "params": {"kind": "TypeError"}}
    monkeypatch.setattr(looking, "look", lambda _one: looking.Looked("unreachable", unreachable={"right": odd}))
    assert "e-conomic answered what Tieline cannot read." in text_of(admin.get(pair.record("4401", path="look/")))
