"""Undo on Zoho's sandbox: 500 calls written, taken back but for what people edited, and made anew."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.store.playing import Playing, playing
from tests.store.test_services_consent import decide
from tieline.store import secrets as sealing

if TYPE_CHECKING:
    from tests.conftest import Installation

OBJECTS = ("Accounts", "Leads", "Contacts", "Deals", "Tasks", "Calls")
LINE = "+33140000001"


@dataclass
class Firm:
    """A workspace with SipSim's sandbox as source and Zoho's as target."""

    installation: Installation
    workspace: int
    user: Any
    source: Any
    target: Any
    zoho: Any
    sipsim: Any

    def deliver(self, count: int, callers: int, *, first: int = 0) -> None:
        """Ended calls of so many callers; every fifth nobody took."""
        from tieline.connectors.sipsim.sandbox_events import events_of

        values = [
            {
                "pbx_id": f"undo_{self.workspace}_{number}",
                "number": f"+336120{number % callers:05d}",
                "lines": [LINE],
                "outcome": "missed" if number % 5 == 0 else "answered",
                "started": 1_795_000_000.0 + number,
            }
            for number in range(first, first + count)
        ]
        self.sipsim.store({"calls": values})
        rows = [
            {
                "c": self.source.pk,
                "k": uuid.uuid4().hex,
                "t": "2026-11-21T10:00:00Z",
                "m": one.method,
                "q": one.query,
                "h": {},
                "b": base64.b64encode(one.body).decode(),
            }
            for one in (events_of(call)[-1] for call in self.sipsim.calls[-count:])
        ]
        with psycopg.connect(self.installation.app) as link:
            link.execute("SELECT store_accept(%s::json)", [json.dumps(rows)])

    def work(self) -> int:
        """What a worker does until nothing is due; the requests that it took."""
        return asyncio.run(self._work())

    async def _work(self) -> int:
        from tieline.store.drain_session import RebuildError
        from tieline.store.drain_store import DrainStore
        from tieline.wiring import Wiring

        requests = 0
        async with Wiring.open(self.installation.app, sealing.installed()) as wiring:
            store = DrainStore(self.installation.app, self.workspace, self.target.pk, uuid.uuid4())
            try:
                while True:
                    assert await wiring.run(store.hold)
                    drains = await wiring.drains(store)
                    try:
                        for drain in drains.values():
                            before = drain._access.requests()
                            progress = await drain.run_until_quiet()
                            requests += drain._access.requests() - before
                            assert progress.stopped is None, progress.stopped
                    except RebuildError:
                        continue
                    return requests
            finally:
                store.release()

    def stored(self, object: str) -> dict[str, dict[str, Any]]:
        return {str(row["id"]): row for row in self.zoho.stored(object)}

    def content(self) -> Counter[Any]:
        """What is in Zoho, without its ids and times: each record with the names of what it links to."""
        names: dict[str, str] = {}
        for object in OBJECTS:
            for id, row in self.stored(object).items():
                names[id] = str(row.get("Account_Name") if object == "Accounts" else name_of(row))
        out: Counter[Any] = Counter()
        for object in OBJECTS:
            for row in self.stored(object).values():
                out[object, tuple(sorted((name, told(row.get(name), names)) for name in COMPARED))] += 1
        return out


COMPARED = (
    "Last_Name", "Subject", "Deal_Name", "Account_Name", "Contact_Name", "Who_Id", "What_Id", "Phone", "Stage", "Owner",
    "Call_Type", "Call_Start_Time", "Call_Duration", "Caller_ID", "Due_Date", "Description", "Status", "Closing_Date",
)  # fmt: skip


def name_of(row: dict[str, Any]) -> str:
    return str(row.get("Last_Name") or row.get("Deal_Name") or row.get("Subject"))


def told(value: Any, names: dict[str, str]) -> str:
    id = str(value.get("id")) if isinstance(value, dict) else str(value)
    return names.get(id, id)


@pytest.fixture(scope="module")
def sandboxes(installation: Installation) -> Iterator[Playing]:
    with playing() as run:
        os.environ["TIELINE_SANDBOX_URL"] = run.url
        yield run
        os.environ.pop("TIELINE_SANDBOX_URL", None)


@pytest.fixture
def firm(installation: Installation, sandboxes: Playing) -> Firm:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import FlowSetting, FlowVersion
    from tieline.store.services import connections
    from tieline.store.services.first_settings import first_settings
    from tieline.store.team import people

    sandboxes.zoho.reset(everything=True)
    sandboxes.sipsim.reset(everything=False)
    sandboxes.zoho.accounts.code_times.clear()
    tag = secrets.token_hex(4)
    made = people.create_workspace(f"Firm {tag}", zone="Europe/Paris", country="FR")
    user = people.create_user(f"anna.{tag}@nordlys.example", "Anna Krogh", None)
    people.add_member(made, user, "super_admin")
    workspace = made.pk
    source = connections.connect(workspace, user, "sipsim", {"token": "sandbox-token"}, environment="sandbox")
    target = widened(workspace, user)
    with workspace_tx(workspace):
        setting = FlowSetting.objects.get(workspace_id=workspace, flow="calls")
        raw = first_settings(setting, target, None)
        for role in ("account", "contact", "task"):
            raw[role] = {**raw.get(role, {}), "create": True}
        raw["deal"] = {**raw.get("deal", {}), "when": "no_active"}
        FlowVersion.objects.filter(setting=setting).delete()
        FlowVersion.objects.create(workspace_id=workspace, setting=setting, number=1, settings=raw)
        setting.live, setting.version, setting.waiting_version, setting.state = True, 1, None, "active"
        setting.save()
    target = widened(workspace, user, connection=target.pk)
    return Firm(installation, workspace, user, source, target, sandboxes.zoho, sandboxes.sipsim)


def widened(workspace: int, user: Any, **more: Any) -> Any:
    """A consent for what is needed now."""
    from tieline.store.services import consent

    url = consent.start(workspace, user, "zoho_crm", environment="sandbox", **more)
    found = consent.finish(user, decide(url)).connection
    assert found is not None
    return found


def all_runs(firm: Firm) -> list[int]:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Run

    with workspace_tx(firm.workspace):
        return list(Run.objects.filter(workspace_id=firm.workspace, kind="").values_list("pk", flat=True))


def states(firm: Firm) -> Counter[str]:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Subject

    with workspace_tx(firm.workspace):
        return Counter(Subject.objects.filter(workspace_id=firm.workspace).values_list("state", flat=True))


def test_what_a_lead_became_is_deleted_without_a_right_to_read_leads(installation: Installation) -> None:
    from tieline.sdk.manifest import connector
    from tieline.store.services import scopes

    for role, module in (("account", "Accounts"), ("contact", "Contacts")):
        wanted = scopes._to_delete(connector("zoho_crm"), role)
        assert f"ZohoCRM.modules.{module}.DELETE" in wanted
        assert not [scope for scope in wanted if ".Leads." in scope]


@pytest.mark.proves("HUB-3")
@pytest.mark.timeout(300)
def test_500_calls_are_undone_but_for_what_was_edited_and_made_anew(firm: Firm) -> None:
    from tieline.store.services import undo

    firm.deliver(500, 120)
    firm.work()
    before = firm.content()
    calls = sum(count for (object, _), count in before.items() if object == "Calls")
    assert calls == 500
    total = sum(before.values())

    (id,) = undo.begin(firm.workspace, firm.user, all_runs(firm))
    firm.work()
    shown = undo.shown(firm.workspace, id)
    assert shown.undo.state == "ready"
    assert set(shown.counts) == {"left"}, "nothing may be deleted yet, and that is said before"
    assert {key[2] for key in shown.groups} == {"undo.no_right"}
    assert {"ZohoCRM.modules.Calls.DELETE", "ZohoCRM.modules.Accounts.DELETE"} <= set(shown.lacks)
    firm.target = widened(firm.workspace, firm.user, connection=firm.target.pk)

    edit(firm, "Deals", 3, Stage="Closed Won")
    edit(firm, "Calls", 7, Description="Called back by hand")
    undo.look_again(firm.workspace, firm.user, id)
    requests = firm.work()
    assert requests < 80, f"planned with {requests} requests"
    shown = undo.shown(firm.workspace, id)
    assert not shown.lacks
    assert firm.content() != Counter()
    said = {(do, role): count for (do, role, _, state), count in shown.groups.items() if state == "left"}
    assert said["leave", "deal"] == 1
    assert said["leave", "call"] == 1
    assert shown.counts["planned"] + shown.counts["left"] == total

    moved = edit(firm, "Tasks", 0, Subject="Somebody was faster")
    undo.approve(firm.workspace, firm.user, id, shown.plan)
    requests = firm.work()
    assert requests < 200, f"undone with {requests} requests"
    done = undo.shown(firm.workspace, id)
    assert done.undo.state == "done"
    listed = undo.items(firm.workspace, id, ["left", "stays", "moved"], limit=1000)
    assert {one.record for one in listed if one.state == "moved"} >= {moved}
    there = {id for object in OBJECTS for id in firm.stored(object)}
    assert there == {one.record for one in listed}, "what is listed is what stayed"
    assert 3 <= len(there) < 20
    assert len(deleted(firm)) == total - len(there)

    second = undo.again(firm.workspace, firm.user, id)
    firm.work()
    undo.approve(firm.workspace, firm.user, second, undo.shown(firm.workspace, second).plan)
    firm.work()
    assert undo.shown(firm.workspace, second).undo.state == "done"
    after = firm.content()
    changed = before - after
    assert sum(changed.values()) == 3, "only what people edited differs"
    assert sum((after - before).values()) == 3
    assert states(firm) == {"done": 500}


def edit(firm: Firm, object: str, number: int, **values: Any) -> str:
    """Somebody changes a record by hand, a while later."""
    firm.zoho.clock_offset += 2
    id = sorted(firm.stored(object))[number]
    writer = firm.zoho.writer
    writer.change(object, firm.zoho.tables[object].rows[id], values, next(iter(firm.zoho.schema.users)))
    return id


def deleted(firm: Firm) -> list[str]:
    return [one.id for object in OBJECTS for one in firm.zoho.tables[object].deleted]


STORE_CALLS = ("save_preview", "begin_undo", "save_results", "finish", "settle_undo")


@pytest.mark.proves("HUB-3")
@pytest.mark.timeout(300)
def test_a_process_that_dies_around_a_transaction_leaves_nothing_half_undone(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.memory import Killed
    from tieline.store.drain_store import DrainStore
    from tieline.store.services import undo

    firm.target = with_deletes(firm)
    firm.deliver(12, 4)
    firm.work()
    before = firm.content()
    runs: list[int] = all_runs(firm)
    last = 0

    def through(id: int) -> int:
        """To its end, the process started anew after each death."""
        deaths = 0
        while (state := undo.shown(firm.workspace, id).undo.state) != "done":
            if state == "ready":
                undo.approve(firm.workspace, firm.user, id, undo.shown(firm.workspace, id).plan)
            try:
                firm.work()
            except Killed:
                deaths += 1
        return deaths

    for name in STORE_CALLS:
        for after in (False, True):
            port = getattr(DrainStore, name)
            left = [1]

            def dies(self: Any, *given: Any, port: Any = port, left: Any = left, after: bool = after) -> Any:
                if left[0] and not after:
                    left[0] = 0
                    raise Killed
                out = port(self, *given)
                if left[0]:
                    left[0] = 0
                    raise Killed
                return out

            with monkeypatch.context() as patch:
                patch.setattr(DrainStore, name, dies)
                id = undo.again(firm.workspace, firm.user, last) if last else undo.begin(firm.workspace, None, runs)[0]
                assert through(id) == 1, name
            taken = undo.shown(firm.workspace, id)
            assert set(taken.counts) == {"done"}, (name, after, taken.groups)
            assert firm.content() == (Counter() if taken.undo.kind == "undo" else before), (name, after)
            last = id


@pytest.mark.proves("HUB-3")
def test_while_the_rules_are_paused_undo_goes_on_and_nothing_else(firm: Firm) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import FlowSetting
    from tieline.store.services import undo

    firm.target = with_deletes(firm)
    firm.deliver(6, 3)
    firm.work()
    with workspace_tx(firm.workspace):
        FlowSetting.objects.filter(workspace_id=firm.workspace, flow="calls").update(state="paused")
    firm.deliver(2, 2, first=100)
    (id,) = undo.begin(firm.workspace, firm.user, all_runs(firm))
    with psycopg.connect(firm.installation.app) as link:
        due = link.execute("SELECT workspace FROM store_undo_targets() WHERE target = %s", [firm.target.pk]).fetchall()
    assert due == [(firm.workspace,)], "the sweep of the workers finds it"
    firm.work()
    undo.approve(firm.workspace, firm.user, id, undo.shown(firm.workspace, id).plan)
    firm.work()
    assert undo.shown(firm.workspace, id).undo.state == "done"
    assert not firm.content()
    assert states(firm) == {"undone": 6}, "the two new calls wait for the rules"


def with_deletes(firm: Firm) -> Any:
    """A grant that may delete, without a plan that asks for it."""
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Connection

    with pytest.MonkeyPatch.context() as patch:
        from tieline.store.services import scopes

        more = [f"ZohoCRM.modules.{object}.DELETE" for object in OBJECTS]
        patch.setattr(scopes, "undo_lacks", lambda connection, undo=None: more)
        widened(firm.workspace, firm.user, connection=firm.target.pk)
    with workspace_tx(firm.workspace):
        return Connection.objects.get(pk=firm.target.pk)
