"""Replays on the real store: what they tell is what going live then changes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.replay_day import Day, calls, crm_of
from tieline.flows.calls import FLOW

if TYPE_CHECKING:
    from tests.conftest import Company, Installation, MakeCompany

SINCE = datetime.now(UTC) - timedelta(days=1)
CHANGED: dict[str, Any] = {
    "account": {"create": True},
    "lead": {"create": False},
    "contact": {"create": True},
    "task": {"owner": {"kind": "default"}},
}

DEALS: dict[str, Any] = {"account": {"create": True}, "contact": {"create": True}, "deal": {"when": "no_active"}}
FEWER: dict[str, Any] = {"account": {"create": False}, "contact": {"create": False}, "call": {"log": "inbound"}}


def day(installation: Installation, company: Company, count: int, *, live: bool = True, **settings: Any) -> Day:
    """Calls decided under the defaults and these settings."""
    made = Day(installation, company, crm_of())
    made.set_up(settings, live=live)
    made.deliver(calls(count))
    made.drain()
    return made


def told(workspace: int, replay: int) -> dict[str, set[tuple[str, str]]]:
    """Call → (kind, slot) of what would differ."""
    from tieline.store.services import replay as replays

    out: dict[str, set[tuple[str, str]]] = {}
    after = 0
    while page := replays.subjects(workspace, replay, after=after, most=200):
        after = page[-1].position
        for one in page:
            out[one.subject["key"]] = {(found["kind"].partition(".")[0], found["slot"]) for found in one.differences}
    return out


def kind_of(kind: str, slot: str) -> str:
    """The kind as a replay names it: of an update, or of a record that is made."""
    return f"{kind}_update" if slot == "contact.link" or slot.startswith("task.") else kind


def between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """The same, from what was really written on two days."""
    out: dict[str, set[tuple[str, str]]] = {}
    for call in before.keys() | after.keys():
        old, new = before.get(call, {}), after.get(call, {})
        found = {(kind_of("new", slot), slot) for slot in new.keys() - old.keys()}
        found |= {(kind_of("gone", slot), slot) for slot in old.keys() - new.keys()}
        for slot in old.keys() & new.keys():
            if old[slot].get("owner") != new[slot].get("owner"):
                found.add(("owner", slot))
            if {**old[slot], "owner": ""} != {**new[slot], "owner": ""}:
                found.add((kind_of("values", slot), slot))
        if found:
            out[call] = found
    return out


@pytest.mark.proves("CALL-25")
@pytest.mark.parametrize(
    ("count", "before", "after", "kinds"),
    [
        (1000, {}, CHANGED, ("new", "gone", "owner", "values", "new_update")),
        (300, CHANGED, FEWER, ("gone", "values", "gone_update")),
        (200, DEALS, {"deal": {"when": "always"}, "task": {"owner": {"kind": "default"}}}, ("new", "owner")),
        (200, DEALS, {"deal": {"when": "never"}, "account": {"create": False}}, ("gone", "values", "gone_update")),
        (200, {"task": {"per": "caller"}}, {"task": {"per": "call"}}, ("new", "gone_update")),
        (
            200,
            {"task": {"per": "caller"}},
            {"task": {"per": "caller"}, "lead": {"create": False}},
            ("new", "gone", "values", "gone_update"),
        ),
    ],
    ids=[
        "a thousand calls, other rules",
        "rules switched off",
        "a deal for each call",
        "no deals",
        "a task for each call",
        "no leads for tasks to hang on",
    ],
)
def test_going_live_changes_just_what_the_replay_told(
    installation: Installation,
    make_company: MakeCompany,
    count: int,
    before: dict[str, Any],
    after: dict[str, Any],
    kinds: tuple[str, ...],
) -> None:
    from tieline.store.services import flow_settings
    from tieline.store.services import replay as replays

    first = day(installation, make_company(), count, **before)
    view = replays.begin(first.workspace, None, "calls", {**first_raw(first), **after}, since=SINCE, most=count)
    assert (view.total, view.done, view.state) == (count, 0, "running")
    seen = []
    while view.state == "running":
        view = replays.step(first.workspace, view.id)
        seen.append(view.done)
    assert seen[:2] == [min(200, count), min(400, count)][: len(seen)]
    assert view.done == count
    expected = told(first.workspace, view.id)
    assert 0 < view.differing == len(expected) < count
    assert view.marks == {}

    second = replays.run(first.workspace, replays.again(first.workspace, None, view.id).id)
    assert second.confirms is True
    assert second.digest == view.digest
    assert second.counts == view.counts
    assert told(first.workspace, second.id) == expected

    requests, written = first.crm.requests, first.made()
    saved = replays.go_live(first.workspace, None, view.id)
    first.drain()
    assert (first.crm.requests, first.made()) == (requests, written)  # the past stays as it is
    current = flow_settings.current(first.workspace, "calls")
    assert current.version == saved.version
    assert current.settings == FLOW.load({**first_raw(first), **after})

    # the same day comes again under the new settings, in a CRM that holds what the first one held in the morning
    other = Day(installation, make_company(), crm_of())
    other.set_up(current.raw)
    other.deliver(calls(count))
    other.drain()
    assert expected == between(written, other.made())
    counted = Counter(one[0] for found in expected.values() for one in found)
    assert {kind for kind in counted if counted[kind]} == set(kinds)


def first_raw(made: Day) -> dict[str, Any]:
    """The settings in force."""
    from tieline.store.services import flow_settings

    return dict(flow_settings.current(made.workspace, "calls").raw)


@pytest.mark.proves("CALL-25")
def test_a_watched_time_is_written_for_real_afterwards(installation: Installation, company: Company) -> None:
    from tieline.store.services import replay as replays
    from tieline.store.services import watched
    from tieline.store.services.declined import DeclinedError

    made = day(installation, company, 150, live=False)
    assert not made.crm.all("Calls")
    seen = watched.since(made.workspace, "calls", SINCE)
    assert seen.subjects == 150
    view = replays.run(made.workspace, replays.begin(made.workspace, None, "calls", since=SINCE).id)
    assert (view.differing, view.marks) == (0, {"watched": 150})  # the settings are the same
    preview = replays.preview(made.workspace, view.id)
    assert preview.refused == "replay.not_live"
    with pytest.raises(DeclinedError, match=r"replay\.not_live"):
        replays.apply(made.workspace, None, view.id)
    replays.go_live(made.workspace, None, view.id)
    made.drain()
    assert not made.crm.all("Calls")  # going live alone leaves the past as it is
    assert replays.apply(made.workspace, None, view.id) == preview.watched
    made.drain()
    written = {("call", "create"): "Calls", ("lead", "create"): "Leads", ("task", "create"): "Tasks"}
    before = crm_of()
    assert {key: made.crm.count(object) - before.count(object) for key, object in written.items()} == dict(
        preview.writes_watched
    )
    leads = [one["Phone"] for one in made.crm.all("Leads")]
    assert len(leads) == len(set(leads))  # in watch mode each of three calls of a stranger had planned one
    assert seen.rules["lead.create", "lead"] > preview.writes_watched["lead", "create"]
    with pytest.raises(DeclinedError, match=r"replay\.applied_before"):
        replays.apply(made.workspace, None, view.id)


@pytest.mark.proves("CALL-25")
def test_what_is_there_is_not_made_twice_when_a_replay_is_applied(installation: Installation, company: Company) -> None:
    from tieline.store.services import replay as replays

    made = day(installation, company, 90, task={"create": False})
    before = made.made()
    raw = {**first_raw(made), "task": {"create": True}, "lead": {"create": True, "owner": {"kind": "default"}}}
    view = replays.run(made.workspace, replays.begin(made.workspace, None, "calls", raw, since=SINCE).id)
    assert {one.partition(".")[0] for one in view.counts} == {"new", "owner"}
    replays.go_live(made.workspace, None, view.id)
    preview = replays.preview(made.workspace, view.id)
    assert (preview.watched, dict(preview.writes_others)) == (0, {("task", "create"): view.counts["new.task"]})
    assert replays.apply(made.workspace, None, view.id) == view.counts["new.task"]
    made.drain()
    after = made.made()
    tasks = {call for call in after if "task" in after[call]}
    assert len(tasks) == view.counts["new.task"] == made.crm.count("Tasks")
    assert {
        call: {slot: values for slot, values in slots.items() if slot != "task"} for call, slots in after.items()
    } == before


def test_two_who_step_the_same_replay_share_its_work(installation: Installation, company: Company) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    from tieline.store.services import replay as replays

    made = day(installation, company, 60)
    view = replays.begin(made.workspace, None, "calls", {**first_raw(made), **CHANGED}, since=SINCE)

    def run(_: int) -> Any:
        try:
            while (found := replays.step(made.workspace, view.id, 7)).state == "running":
                pass
            return found
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        ended = list(threads.map(run, range(2)))
    assert {one.done for one in ended} == {60}
    alone = replays.run(made.workspace, replays.again(made.workspace, None, view.id).id)
    assert alone.confirms is True


def test_answers_fetched_later_and_answers_no_longer_kept_are_marked(
    installation: Installation, company: Company
) -> None:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Run
    from tieline.store.services import replay as replays

    made = day(installation, company, 12)
    with workspace_tx(made.workspace):
        first, second, third = Run.objects.filter(workspace_id=made.workspace, known__isnull=False).order_by("id")[:3]
        answered = [run for run in (first, second, third) if run.known.get("found")]
        late = answered[0]
        late_known, late.known = late.known, {"found": late.known["found"][:1]}
        late.save(update_fields=["known"])
        Run.objects.create(
            **{name: getattr(late, name) for name in ("workspace_id", "target_id", "epoch", "subject_id", "flow", "revision", "settings_version")},
            state="nothing", known=late_known, started_at=late.started_at,
        )  # fmt: skip
        cleared = answered[1]
        Run.objects.filter(pk=cleared.pk).update(known={})
    view = replays.run(made.workspace, replays.begin(made.workspace, None, "calls", since=SINCE).id)
    assert view.marks == {"later": 1, "forgotten": 1}
    assert [one.subject_id for one in replays.subjects(made.workspace, view.id, mark="later")] == [late.subject_id]
    assert [one.subject_id for one in replays.subjects(made.workspace, view.id, mark="forgotten")] == [
        cleared.subject_id
    ]


def test_replays_of_one_company_are_not_another_s(installation: Installation, make_company: MakeCompany) -> None:
    from tieline.store.services import replay as replays
    from tieline.store.services.declined import DeclinedError

    made = day(installation, make_company(), 3)
    view = replays.begin(made.workspace, None, "calls", since=SINCE)
    other = make_company()
    for ask in (replays.get, replays.step, replays.run, replays.preview):
        with pytest.raises(DeclinedError, match=r"replay\.gone"):
            ask(other.workspace, view.id)
    assert replays.subjects(other.workspace, view.id) == []
    assert replays.listed(other.workspace) == []


def test_settings_that_contradict_are_not_replayed(installation: Installation, company: Company) -> None:
    from tieline.store.services import replay as replays
    from tieline.store.services.declined import DeclinedError

    made = day(installation, company, 3)
    raw = {**first_raw(made), "account": {"create": True, "owner": {"kind": "account"}}}
    with pytest.raises(DeclinedError, match=r"flow\.clashes"):
        replays.begin(made.workspace, None, "calls", raw, since=SINCE)
    with pytest.raises(DeclinedError, match=r"flow\.malformed"):
        replays.begin(made.workspace, None, "calls", {"task": 7}, since=SINCE)
