"""How a pair is, as pages read it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from tests.store.pairs import PairOf, make_pair
from tests.store.test_sync_store import begun, link, operation
from tieline.engine.sync.ports import Settled, WaitingRow

if TYPE_CHECKING:
    from tests.conftest import Installation, MakeCompany
    from tieline.store.sync_store import StoredSync

SETTINGS = {"roles": [{"role": "account", "lines": [{"name": "title", "left": "name", "right": "label"}]}]}


@pytest.fixture
def pair(pair: PairOf) -> PairOf:
    """Its settings name a line."""
    import orjson

    pair.rows("UPDATE store_syncpairversion SET settings = %s::jsonb", orjson.dumps(SETTINGS).decode())
    return pair


def test_health_counts_each_once_with_its_reason(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import customers, pair_views

    refused = {"code": "sync.rejected", "params": {"field": "vat"}}
    unmarked = {"code": "customers.not_marked", "params": {}}
    run = begun(store)
    store.settle(
        run,
        Settled(
            links=[
                link("a"), link("b"), link("c", role="contact"), link("d", state="conflict", why={"code": "sync.conflict"}),
                link("e", state="failing", why=refused), link("f", state="pending"), link("g", state="stopped"),
            ],
            waiting=[
                WaitingRow("account", "left", "1", None, refused, state="stuck"),
                WaitingRow("account", "left", "2", None, unmarked, state="stuck"),
                WaitingRow("account", "left", "3", None, unmarked, state="stuck"),
                WaitingRow("account", "left", "4", "2999-01-01T00:00:00.000Z"),
                WaitingRow("account", "left", "5", None, {"code": "sync.candidates"}, state="asked"),
            ],
        ),
    )  # fmt: skip
    found = pair_views.health(pair.workspace, pair.pair)
    assert (found.agree, found.differ, found.failing, found.pending, found.stopped) == (3, 1, 1, 1, 1)
    assert (found.waiting, found.excluded, dict(found.linked)) == (2, 2, {"account": 6, "contact": 1})
    by_code = {(one.what, one.code): one for one in found.reasons}
    assert by_code["waiting", "customers.not_marked"].count == 2
    assert by_code["link", "sync.rejected"].params == {"field": "vat"}

    kept = customers.pair(pair.workspace, pair.pair)
    listed = {state: customers.listed(kept, state=state).lines for state in ("failing", "excluded", "waiting")}
    assert {state: len(lines) for state, lines in listed.items()} == {"failing": 1, "excluded": 2, "waiting": 2}
    assert (listed["failing"][0].id, listed["failing"][0].state) == ("1", "failing")
    store.settle(run, Settled(waiting=[WaitingRow("account", "right", "Re", None, refused, state="stuck")]))
    assert [(one.left_id, one.right_id) for one in customers.listed(kept, state="failing").lines] == [
        ("Le", "Re"),
        ("1", ""),
    ]
    assert pair_views.health(pair.workspace, pair.pair).failing == 2
    store.settle(run, Settled(waited=[("account", "right", "Re")]))

    store.settle(run, Settled(waited=[("account", "left", "2"), ("account", "left", "3")], dropped=["a"]))
    found = pair_views.health(pair.workspace, pair.pair)
    assert (found.agree, found.excluded) == (2, 0)
    assert ("waiting", "customers.not_marked") not in {(one.what, one.code) for one in found.reasons}


@pytest.mark.proves("CUST-14")
def test_the_history_of_every_value(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import pair_views

    run = begun(store)
    said = {"code": "customers.left_changed", "params": {}}
    made = operation("1", run.id, link="k", verb="create", id="R1", values={"label": "A", "group": "7"}, before={}, lines={"title": said}, state="done")  # fmt: skip
    more: dict[str, Any] = {"link": "k", "lines": {"title": said}}
    changed = [
        operation(f"{n}", run.id, values={"label": f"B{n}"}, before={"label": f"B{n - 1}"}, state="done", **more)
        for n in range(2, 6)
    ]
    left = operation("7", run.id, side="left", values={"name": "C"}, before={"name": "B"}, state="rejected", **more)
    dry = begun(store, "preview")
    planned = operation("8", dry.id, state="planned", **more)
    store.settle(run, Settled(operations=[made, *changed, left]))
    store.announce(dry, [planned])

    found = pair_views.history(pair.workspace, pair.pair, "k")
    assert [(one.line, one.side, one.old, one.new, one.state) for one in found.values] == [
        ("title", "left", "B", "C", "rejected"),
        ("title", "right", "B4", "B5", "done"),
        ("title", "right", "B3", "B4", "done"),
        ("title", "right", "B2", "B3", "done"),
        ("title", "right", "B1", "B2", "done"),
        ("title", "right", None, "A", "done"),
        ("group", "right", None, "7", "done"),
    ]
    assert found.older is None
    assert found.values[1].rule == said
    assert (found.values[1].run, found.values[1].kind) == (run.id, "transfer")

    seen, before = [], None
    while True:
        part = pair_views.history(pair.workspace, pair.pair, "k", before=before, limit=2)
        seen += [one.new for one in part.values]
        if (before := part.older) is None:
            break
    assert seen == [one.new for one in found.values]


def test_what_moved_by_day(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import pair_views

    for kind, counts in (
        ("changes", {"updated": 2, "failed": 1}),
        ("transfer", {"created": 5, "same": 3, "asked": 1}),
        ("preview", {"created": 9}),
    ):
        run = begun(store, kind)
        run.counts, run.state = counts, "done"
        store.announce(run, [operation(kind, run.id, state="planned")])
        store.end(run)
    pair.rows("UPDATE store_syncrun SET started_at = now() - interval '3 days' WHERE kind = 'transfer'")
    found = pair_views.moved(pair.workspace, pair.pair, timezone.now() - timedelta(days=7))
    assert [row[1:] for row in found] == [(5, 0, 1), (2, 1, 0)]
    assert pair_views.moved(pair.workspace, pair.pair, timezone.now() - timedelta(days=1)) == found[1:]


def test_links_are_found_by_the_words_of_their_name(
    store: StoredSync, pair: PairOf, installation: Installation, make_company: MakeCompany
) -> None:
    from tieline.store.services import pair_views

    run = begun(store)
    store.settle(
        run, Settled(links=[link("a", name="Nordbyg A/S"), link("b", name="Vestbyg ApS"), link("c", name="Nord & Søn")])
    )
    names = dict(pair.rows("SELECT id, name FROM store_synclink"))

    def found(words: str, of: PairOf = pair) -> list[str]:
        return [names[id] for id in pair_views.find(of.workspace, of.pair, words)]

    assert found("nord") == ["Nord & Søn", "Nordbyg A/S"]
    assert found("Nordbyg A/S") == ["Nordbyg A/S"]
    assert found("søn nord") == ["Nord & Søn"]
    assert found("süd") == found("& '") == found(" ") == []
    other = make_pair(installation, make_company())
    assert found("nord", other) == []
    assert found("nord", PairOf(other.workspace, pair.pair, 0, 0, other.app)) == []
