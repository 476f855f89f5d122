"""What a token is let do is all that it can do, by whichever route; and what pages do, a program does to the end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.api.conftest import Caller
from tests.web.calls_desk import five_calls, make_calls
from tests.web.made import MadeDay, rows, shown, workspace_tx

if TYPE_CHECKING:
    from tests.web.conftest import Company

AskOf = Callable[..., Caller]


@pytest.fixture
def day(company: Company) -> MadeDay:
    made = MadeDay(company)
    run = made.done("+33612345678")
    made.wrote(run, "contact", values={"name": "Marie Dupont", "email": "marie@x.example"})
    return made


@pytest.mark.proves("HUB-8")
@pytest.mark.parametrize("text", ["Marie Dupont", "06 12 34 56 78", "2345678"])
def test_a_search_finds_the_runs_too(company: Company, day: MadeDay, ask: Caller, text: str) -> None:
    status, found = ask("GET", f"/search?q={text.replace(' ', '+')}")
    assert status == 200
    (run,) = found["runs"]
    assert [one["name"] for one in found["records"]] == ["Marie Dupont"]
    written = [one["values"].get("name") for one in ask("GET", f"/runs/{run}")[1]["operations"]]
    assert "Marie Dupont" in written
    assert ask("GET", f"/search?q={run}")[1]["runs"] == [run]
    assert ask("GET", f"/search?q={found['records'][0]['external_id']}")[1]["runs"] == [run]


@pytest.mark.proves("HUB-1")
def test_a_search_shows_no_more_than_the_token_may_see(company: Company, day: MadeDay, ask_of: AskOf) -> None:
    """As the page does it: records and runs are those of runs.see."""
    for text in ("Marie", "0612345678", "Zoho", "SipSim"):
        query = f"/search?q={text.replace(' ', '+')}"
        assert ask_of(company, only=("search",))("GET", query) == (200, {"records": [], "runs": [], "connections": []})
    assert ask_of(company, only=("search", "runs.see"))("GET", "/search?q=Marie")[1]["records"]
    assert ask_of(company, only=("search", "connections.see"))("GET", "/search?q=Zoho")[1]["connections"]


@pytest.mark.proves("HUB-1")
def test_invited_addresses_are_for_who_may_invite(company: Company, ask_of: AskOf) -> None:
    from tieline.store.services import team

    team.invite(company.workspace.pk, company.users["super_admin"], email="new@x.example", role="admin")
    assert ask_of(company, "member")("GET", "/invitations")[0] == 403
    assert [one["email"] for one in ask_of(company)("GET", "/invitations")[1]] == ["new@x.example"]


@pytest.mark.proves("HUB-1")
def test_settings_come_into_force_with_the_right_to_change_them_only(company: Company, ask_of: AskOf) -> None:
    """A replay's settings are saved when it goes live."""
    almost = ask_of(company, only=("runs.replay", "flows.live"))
    replay = f"/replays/{shown('replay', 1)}/live"
    assert almost("POST", replay)[1]["error"] == {
        **almost("POST", replay)[1]["error"],
        "params": {"action": "flows.change"},
    }
    assert almost("POST", replay)[0] == 403
    assert ask_of(company)("POST", replay)[0] == 404


@pytest.mark.proves("HUB-1")
@pytest.mark.parametrize(
    ("own", "asked", "made"), [(2, None, 2), (2, 30, 2), (2, 1, 1), (None, 30, 30), (None, None, None)]
)
def test_a_token_lives_no_longer_than_the_one_that_made_it(
    company: Company, own: int | None, asked: int | None, made: int | None
) -> None:
    from tieline.store.services import tokens

    actions = ["tokens.change", "runs.see"]
    _row, text = tokens.make(company.workspace.pk, company.users["super_admin"], "Parent", actions, own)
    status, found = Caller(text)("POST", "/tokens", {"name": "Child", "actions": actions, "days": asked})
    assert status == 200
    if made is None:
        assert found["expires"] is None
    else:
        left = datetime.fromisoformat(found["expires"]) - datetime.now(UTC)
        assert timedelta(days=made, minutes=-5) < left <= timedelta(days=made)


@pytest.mark.proves("HUB-1")
def test_where_a_second_factor_is_needed_a_token_is_no_way_round_it(company: Company, ask_of: AskOf) -> None:
    from allauth.mfa.models import Authenticator

    from tieline.store.team.models import Workspace

    member = ask_of(company, "member", only=("runs.see", "home.see"))
    assert member("GET", "/runs")[0] == 200
    Workspace.objects.filter(pk=company.workspace.pk).update(second_factor=True)
    assert member("GET", "/runs")[0] == 403
    codes = Authenticator.objects.create(user=company.users["member"], type="recovery_codes", data={})
    assert member("GET", "/runs")[0] == 403, "recovery codes alone are none"
    codes.type = "totp"
    codes.save()
    assert member("GET", "/runs")[0] == 200


@pytest.mark.proves("HUB-1")
def test_a_delivery_is_shown_without_its_secrets(company: Company, day: MadeDay, ask: Caller) -> None:
    """Some vendors prove a delivery by a word in its body; who reads it could send some of their own."""
    said = {"event": "call.ended", "token": "the-word", "data": {"id": 7, "raw_digits": "+33 6 12 34 56 78"}}
    with workspace_tx(company.workspace.pk):
        event = rows.Event.objects.create(
            workspace_id=company.workspace.pk, connection_id=day.source.pk, epoch=1,
            key="00000000-0000-0000-0000-000000000077", received_at=datetime.now(UTC), method="POST",
            query="api_key=the-word&a=1", headers={}, body=json.dumps(said).encode(),
        )  # fmt: skip
    one = ask("GET", f"/events/{shown('event', event.pk)}")[1]
    assert "the-word" not in str(one) + str(ask("GET", "/events"))
    assert json.loads(one["body"]) == {**said, "token": "•••"}
    assert one["query"] == "api_key=•••&a=1"


@pytest.mark.proves("HUB-8")
def test_refused_deliveries_are_listed_with_why(company: Company, day: MadeDay, ask: Caller, ask_of: AskOf) -> None:
    with workspace_tx(company.workspace.pk):
        for number in range(3):
            rows.RefusedDelivery.objects.create(
                workspace_id=company.workspace.pk, connection_id=day.source.pk, status=401,
                reason={"code": "intake.signature_wrong"}, method="POST", headers={"x-signature": "•••"}, body=str(number),
            )  # fmt: skip
    status, found = ask("GET", "/refused?limit=2")
    assert status == 200
    assert [one["body"] for one in found["items"]] == ["2", "1"]
    assert found["items"][0]["status"] == 401
    assert found["items"][0]["reason"]["message"]
    (last,) = ask("GET", f"/refused?after={found['next']}&connection={found['items'][0]['connection']}")[1]["items"]
    assert last["body"] == "0"
    assert ask_of(company, "member")("GET", "/refused")[0] == 403


@pytest.mark.proves("HUB-8", "CALL-21")
def test_a_list_of_calls_is_read_as_a_program_says(company: Company, ask: Caller) -> None:
    from tieline.store.services import connections, imports

    source = connections.connect(company.workspace.pk, company.users["admin"], "call_list", {})
    content = "A;B;C;D\n03/04/2026 10:00;06 12 34 56 78;in;2\n03/04/2026 11:00;bad;in;1\n"
    row = imports.begin(company.workspace.pk, company.users["admin"], source.pk, "calls.csv", content.encode())
    path = f"/imports/{shown('imp', row.pk)}"
    said: dict[str, Any] = {
        "columns": {"time": 0, "number": 1, "direction": 2, "duration": 3}, "order": "mdy", "zone": "Europe/Paris",
        "minutes": True,
    }  # fmt: skip
    status, found = ask("PUT", f"{path}/reading", said)
    assert status == 200, found
    assert {name: found["columns"][name] for name in said} == said
    seen = ask("GET", f"{path}/preview")[1]
    assert seen["lacking"] == []
    assert seen["rows"][0]["call"] == {
        "at": "2026-03-04T09:00:00Z", "direction": "inbound", "number": "06 12 34 56 78", "talk_s": 120,
    }  # fmt: skip
    assert [(one["line"], one["what"], bool(one["reason"]["message"])) for one in seen["errors"]] == [
        (3, "number", True)
    ]
    assert ask("PUT", f"{path}/reading", {"direction": "outbound"})[1]["columns"]["columns"] == said["columns"]
    assert ask("PUT", f"{path}/reading", {"has_names": False})[1]["rows"] == 3
    assert ask("PUT", f"{path}/reading", {"columns": {"time": 100}})[0] == 422
    assert ask("PUT", f"{path}/reading", {"zone": "Mars/Olympus"})[0] == 409
    assert ask("POST", f"{path}/start")[0] == 409  # columns were guessed anew: nothing says which is the number


@pytest.mark.proves("CALL-25", "HUB-8")
def test_a_program_tries_settings_that_it_may_not_save(company: Company, ask_of: AskOf) -> None:
    made = make_calls(company)
    five_calls(made)
    ask = ask_of(company, "member", only=("flows.try",))
    settings = made.raw()
    status, told = ask("POST", "/flows/calls/try", {"settings": {**settings, "task": {"create": False}}})
    assert status == 200, told
    assert told["calls"] == 5
    assert {kind for one in told["differences"] for kind in one["kinds"]} == {"gone.task"}
    assert told["differing"] == len(told["differences"]) > 0
    few = ask("POST", "/flows/calls/try", {"calls": 2})[1]
    assert (few["calls"], few["differing"], few["differences"]) == (2, 0, [])
    status, refused = ask("POST", "/flows/calls/try", {"settings": {**settings, "call": {"log": 7}}})
    assert (status, refused["error"]["code"]) == (409, "flow.malformed")
    assert ask("PUT", "/flows/calls/settings", {"settings": settings})[0] == 403
    with workspace_tx(company.workspace.pk):
        assert not rows.Replay.objects.exists()
