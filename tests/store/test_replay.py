"""Replays on the real store: what they tell is what going live then changes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.store.replay_day import Day, calls, crm_of

if TYPE_CHECKING:
    from tests.conftest import Company, Installation, MakeCompany

SINCE = datetime.now(UTC) - timedelta(days=1)
CHANGED: dict[str, Any] = {
    "account": {"create": True},
    "lead": {"create": False},
    "contact": {"create": True},
    "task": {"owner": {"kind": "default"}},
}


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


def between(before: dict[str, Any], after: dict[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """The same, from what was really written on two days."""
    out: dict[str, set[tuple[str, str]]] = {}
    for call in before.keys() | after.keys():
        old, new = before.get(call, {}), after.get(call, {})
        found = {("new", slot) for slot in new.keys() - old.keys() if slot != "contact.link"}
        found |= {("new_update", slot) for slot in new.keys() - old.keys() if slot == "contact.link"}
        found |= {("gone", slot) for slot in old.keys() - new.keys()}
        for slot in old.keys() & new.keys():
            if old[slot].get("owner") != new[slot].get("owner"):
                found.add(("owner", slot))
            if {**old[slot], "owner": ""} != {**new[slot], "owner": ""}:
                found.add(("values", slot))
        if found:
            out[call] = found
    return out


def without_links(found: dict[str, set[tuple[str, str]]]) -> dict[str, set[tuple[str, str]]]:
    """Less what only points to another record now: `made` leaves links out."""
    return {call: kept for call, kinds in found.items() if (kept := {one for one in kinds if one[0] != "values"})}


@pytest.mark.proves("CALL-25")
@pytest.mark.parametrize("count", [1000])
def test_going_live_changes_just_what_the_replay_told(
    installation: Installation, make_company: MakeCompany, count: int
) -> None:
    from tieline.store.services import flow_settings
    from tieline.store.services import replay as replays

    first = day(installation, make_company(), count)
    view = replays.begin(first.workspace, None, "calls", {**first_raw(first), **CHANGED}, since=SINCE, most=count)
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
    assert current.settings.lead.create is False

    # the same day comes again under the new settings, in a CRM that holds what the first one held in the morning
    other = Day(installation, make_company(), crm_of())
    other.set_up(current.raw)
    other.deliver(calls(count))
    other.drain()
    assert without_links(expected) == between(written, other.made())
    assert {slot for kinds in expected.values() for kind, slot in kinds if kind == "values"} <= {
        "call",
        "task",
        "contact",
    }
    kinds = Counter(one[0] for found in expected.values() for one in found)
    assert min(kinds["new"], kinds["gone"], kinds["owner"], kinds["new_update"]) > 0


def first_raw(made: Day) -> dict[str, Any]:
    """The settings in force."""
    from tieline.store.services import flow_settings

    return dict(flow_settings.current(made.workspace, "calls").raw)
