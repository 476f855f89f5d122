"""The store of a pair on Postgres: what its port promises, asked of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.store.pairs import PairOf, make_pair
from tieline.engine.ports import NotStorable
from tieline.engine.sync.ports import AskedRow, LinkRow, Report, RunRow, Settled, SyncOperation, WaitingRow

if TYPE_CHECKING:
    from tests.conftest import Installation, MakeCompany
    from tieline.store.sync_store import StoredSync

PAST, FUTURE, NOW = "2026-11-20T10:00:00.000Z", "2999-01-01T00:00:00.000Z", "2026-11-22T10:00:00.000Z"
OFTEN = {"code": "sync.not_marked", "params": {}}


def link(key: str, left: str = "", right: str = "", role: str = "account", **more: Any) -> LinkRow:
    return LinkRow(key, role, left or f"L{key}", right or f"R{key}", **more)


def operation(key: str, run: int, **more: Any) -> SyncOperation:
    values: dict[str, Any] = {
        "link": f"k{key}",
        "role": "account",
        "side": "right",
        "verb": "update",
        "id": "R1",
        "values": {"name": "B"},
        "before": {"name": "A"},
        "reason": {"code": "x"},
        "lines": {"name": {"code": "sync.left_changed"}},
        "source": ["left", "L1"],
        "state": "sent",
    }
    return SyncOperation(key=key, run=run, **{**values, **more})


def begun(store: StoredSync, kind: Any = "transfer", **more: Any) -> RunRow:
    run = RunRow(0, kind, **more)
    assert store.begin(run) == run.id > 0
    return run


def waits(store: StoredSync, limit: int = 100) -> list[WaitingRow]:
    return store.waiting(NOW, limit)


def test_links_are_found_by_either_side_and_by_key(store: StoredSync) -> None:
    run = begun(store)
    one = link("b", base={"name": ["A", "a"]}, left_version="7", name="Anna", agreed_at=NOW, parent="p")
    two = link("a", state="failing", why={"code": "sync.rejected", "params": {"x": 1}}, pending="right")
    store.settle(run, Settled(links=[one, two, link("c", "Lb", "Rb", role="contact")]))
    assert store.links("account", "left", ["Lb", "La", "none", "La"]) in ([one, two], [two, one])
    assert store.links("account", "right", ["Rb"]) == [one]
    assert store.links_by_key(["a"]) == [two]
    assert store.links("account", "left", []) == store.links_by_key([]) == []
    assert [row.key for row in store.links_after("account", "", 10)] == ["a", "b"]
    assert [row.key for row in store.links_after("account", "a", 10)] == ["b"]
    assert [row.key for row in store.links_after("account", "", 1)] == ["a"]

    two.state, two.why, two.pending, two.right_id = "linked", None, None, "moved"
    store.settle(run, Settled(links=[two], dropped=["b"]))
    assert store.links("account", "right", ["moved", "Ra", "Rb"]) == [two]
    assert store.count_links("account") == store.count_links("contact") == 1


def test_two_links_may_change_places_in_one_page(store: StoredSync) -> None:
    run = begun(store)
    store.settle(run, Settled(links=[link("a", "1", "x"), link("b", "2", "y")]))
    store.settle(run, Settled(links=[link("a", "2", "x"), link("b", "1", "y")]))
    assert [(row.left_id, row.key) for row in store.links("account", "left", ["1", "2"])] == [("1", "b"), ("2", "a")]
    with pytest.raises(NotStorable):
        store.settle(run, Settled(links=[link("c", "1", "z")], waiting=[WaitingRow("account", "left", "1", PAST)]))
    assert waits(store) == []  # all of a page, or nothing


def test_counts_follow_what_is_there(store: StoredSync, pair: PairOf) -> None:
    from tieline.store import sync_store

    run = begun(store)
    for number in range(sync_store.COMPACT_EVERY + 3):
        store.settle(run, Settled(links=[link(f"k{number}")]))
    assert store.count_links("account") == sync_store.COMPACT_EVERY + 3
    assert pair.rows("SELECT count(*) FROM store_synccount")[0][0] < 10
    store.settle(run, Settled(links=[link("k1", state="failing", why=OFTEN)], dropped=["k0"]))
    found = pair.rows(
        "SELECT state, code, sum(count) FROM store_synccount WHERE what = 'link' GROUP BY 1, 2 ORDER BY 1"
    )
    assert [(state, code, int(count)) for state, code, count in found if count] == [
        ("failing", "sync.not_marked", 1),
        ("linked", "", sync_store.COMPACT_EVERY + 1),
    ]


def test_what_waits_comes_parents_first_then_oldest(store: StoredSync) -> None:
    run = begun(store)
    rows = [
        WaitingRow("contact", "left", "1", PAST),
        WaitingRow("account", "left", "2", "2026-11-21T10:00:00.000Z"),
        WaitingRow("account", "right", "3", PAST, told={"create": True}, approved="d", attempts=2, name="C"),
        WaitingRow("account", "left", "4", FUTURE),
        WaitingRow("account", "left", "5", None, why=OFTEN, state="stuck"),
    ]
    store.settle(run, Settled(waiting=rows))
    assert waits(store) == [rows[2], rows[1], rows[0]]
    assert waits(store, 1) == [rows[2]]
    assert store.next_due() == PAST
    store.settle(run, Settled(waited=[("account", "right", "3"), ("account", "left", "2"), ("contact", "left", "1")]))
    assert waits(store) == []
    assert store.next_due() == FUTURE


def test_a_parent_that_is_linked_wakes_what_waits_for_it(store: StoredSync) -> None:
    run = begun(store)
    row = WaitingRow("contact", "left", "1", None, state="stuck", waits_for=["account", "left", "A"])
    store.settle(
        run, Settled(waiting=[row, WaitingRow("contact", "left", "2", None, waits_for=["account", "left", "B"])])
    )
    assert waits(store) == []
    store.settle(run, Settled(woken=[("account", "left", "A"), ("account", "right", "Z")]))
    assert [(one.id, one.state, one.waits_for) for one in store.waiting(FUTURE, 9)] == [("1", "due", None)]


def test_rows_held_by_a_limit_are_released(store: StoredSync) -> None:
    run = begun(store)
    held = [WaitingRow("account", "left", str(n), None, {"code": "sync.limit"}, state="asked") for n in range(3)]
    store.settle(run, Settled(waiting=[*held, WaitingRow("account", "left", "9", None, OFTEN, state="asked")]))
    assert store.release("sync.limit") == 3
    assert len(store.waiting(FUTURE, 9)) == 3


def test_a_word_said_meanwhile_outlives_the_look(store: StoredSync, pair: PairOf) -> None:
    run = begun(store)
    store.settle(
        run, Settled(waiting=[WaitingRow("account", "left", "1", PAST), WaitingRow("account", "left", "2", PAST)])
    )
    assert len(waits(store)) == 2
    said = """UPDATE store_syncwaiting SET told = '{"create": true}', revision = revision + 1, due_at = now() WHERE record = '1'"""
    pair.rows(said)
    stuck = WaitingRow("account", "left", "1", None, OFTEN, state="stuck")
    store.settle(run, Settled(waited=[("account", "left", "1"), ("account", "left", "2")], waiting=[stuck]))
    (left,) = store.waiting(FUTURE, 9)
    assert (left.id, left.told, left.state) == ("1", {"create": True}, "due")
    store.settle(run, Settled(waited=[("account", "left", "1")]))
    assert store.waiting(FUTURE, 9) == []

    # One that this look never read, of a poll: a person's word stays, a mere hint goes.
    for told in (None, '{"create": true}'):
        store.settle(run, Settled(waiting=[WaitingRow("account", "left", "7", PAST)]))
        pair.rows("UPDATE store_syncwaiting SET told = %s, revision = 1 WHERE record = '7'", told)
        store.settle(run, Settled(waited=[("account", "left", "7")]))
        assert [row.told for row in waits(store)] == ([] if told is None else [{"create": True}])


def test_the_journal_knows_what_was_sent(store: StoredSync) -> None:
    run = begun(store)
    first, second = operation("1", run.id), operation("2", run.id, verb="create", id="")
    store.announce(run, [first, second])
    assert [(one.key, one.state, one.attempts, one.sent_at is not None) for one in store.unfinished()] == [
        ("1", "sent", 1, True),
        ("2", "sent", 1, True),
    ]
    first.state, first.version = "done", "8"
    second.state, second.error = "unknown", {"code": "sync.unknown"}
    store.settle(run, Settled(operations=[first, second]))
    assert [one.key for one in store.unfinished()] == ["2"]
    again = begun(store, "changes")
    second.state = "sent"
    store.announce(again, [second, operation("1", again.id)])
    (left,) = store.unfinished()
    assert (left.key, left.run, left.attempts, left.error) == ("2", again.id, 2, None)
    kept = {one.key: one for one in store.planned(run.id, "", 10)}
    assert kept["1"].state == "done"
    assert kept["1"].version == "8"
    assert kept["1"].lines == first.lines


def test_a_dry_run_keeps_what_it_plans(store: StoredSync) -> None:
    run = begun(store, "preview")
    store.announce(run, [operation(key, run.id, state="planned", digest="d") for key in ("b", "a", "c")])
    assert store.unfinished() == []
    assert [(one.key, one.state, one.digest) for one in store.planned(run.id, "", 2)] == [
        ("a", "planned", "d"),
        ("b", "planned", "d"),
    ]
    assert [one.key for one in store.planned(run.id, "b", 2)] == ["c"]


def test_deletions_of_a_day_are_counted_that_nobody_asked_for(store: StoredSync, pair: PairOf) -> None:
    asked_for = {"reason": {"code": "customers.write.deleted_by_hand"}}
    runs = {kind: begun(store, kind) for kind in ("changes", "transfer", "asked", "undo")}
    let = begun(store, "changes", options={"bypass_limit": True})
    for number, (run, more) in enumerate(
        [
            (runs["changes"], {}), (runs["changes"], {"role": "contact"}), (runs["changes"], asked_for), (runs["transfer"], {}),
            (runs["changes"], {"verb": "update"}), (runs["asked"], {}), (runs["undo"], {}), (let, {}), (runs["changes"], {}),
        ]
    ):  # fmt: skip
        one = operation(str(number), run.id, **{"verb": "delete", **more})
        store.announce(run, [one])
        one.state = "rejected" if number == 8 else "done"
        store.settle(run, Settled(operations=[one]))
    assert store.deleted_since("account", PAST) == 2
    assert store.deleted_since("contact", PAST) == 1
    assert store.deleted_since("account", FUTURE) == 0


def test_a_run_is_gone_on_with_after_a_crash(store: StoredSync, pair: PairOf) -> None:
    run = begun(store, options={"from": "right", "mark": True}, total=10)
    run.counts, run.position, run.requests = {"created": 3}, {"at": "x"}, 5
    store.settle(run, Settled(cursor=("right", "account", "c1")))
    store.let_go()

    other = pair.store()
    assert other.hold()
    again = RunRow(0, "transfer", options={"mark": True, "from": "right"})
    assert other.begin(again) == run.id
    assert (again.counts, again.position, again.requests, again.total) == ({"created": 3}, {"at": "x"}, 5, 10)
    assert again.started_at == run.started_at
    assert other.cursors() == {("right", "account"): "c1"}
    assert other.begin(RunRow(0, "transfer", options={"from": "left"})) != run.id
    again.state = "done"
    other.end(again)
    assert other.begin(RunRow(0, "transfer", options={"mark": True, "from": "right"})) != run.id
    other.set_cursors({("right", "account"): "c2", ("left", "contact"): "c3"})
    assert other.cursors() == {("right", "account"): "c2", ("left", "contact"): "c3"}
    other.let_go()


def test_a_persons_word_is_found_by_what_it_is_about(store: StoredSync) -> None:
    where = {"role": "account", "side": "right", "id": "7"}
    kept = begun(store, "asked", options={**where, "told": {"choices": {"email": "left"}}, "seen": "d"})
    again = RunRow(0, "asked", options={**where, "told": {"choices": {"email": "left"}, "by": "right"}})
    assert store.begin(again) == kept.id
    assert again.options == kept.options
    assert store.begin(RunRow(0, "asked", options={**where, "id": "8", "told": {}})) != kept.id


def test_a_person_pauses_and_stops_a_run(store: StoredSync, pair: PairOf) -> None:
    run = begun(store)
    assert not store.paused(run)
    pair.rows("UPDATE store_syncrun SET wish = 'pause' WHERE id = %s", run.id)
    assert store.paused(run)
    run.state = "paused"
    store.end(run)
    assert pair.rows("SELECT state, wish, finished_at IS NULL FROM store_syncrun") == [("paused", "", True)]
    assert store.begin(run) == run.id
    assert not store.paused(run)
    pair.rows("UPDATE store_syncrun SET wish = 'stop' WHERE id = %s", run.id)
    run.state = "paused"
    store.end(run)
    assert pair.rows("SELECT state, finished_at IS NULL FROM store_syncrun") == [("stopped", False)]


def test_a_round_that_found_nothing_leaves_no_run(store: StoredSync, pair: PairOf) -> None:
    run = begun(store, "changes")
    run.counts, run.requests, run.state = {"read": 2, "same": 2}, 3, "done"
    store.end(run)
    assert pair.rows("SELECT count(*) FROM store_syncrun") == [(0,)]
    ((quiet,),) = pair.rows("SELECT quiet FROM store_syncpair")
    assert quiet["requests"] == 3
    run = begun(store, "changes")
    run.counts, run.state = {"read": 2, "updated": 1}, "done"
    store.end(run)
    assert pair.rows("SELECT state FROM store_syncrun") == [("done",)]


def test_a_run_that_gives_way_goes_on_by_itself(store: StoredSync, pair: PairOf) -> None:
    run = begun(store, options={"from": "left"})
    store.gives_way = lambda: True
    assert store.paused(run)
    assert not store.paused(begun(store, "changes"))
    run.state, run.why, run.position = "paused", {"code": "sync.run_stopped", "params": {}}, {"at": 1}
    store.end(run)
    assert run.state == "paused"
    assert ("transfer", {"from": "left"}) in store.open_runs()
    # One that a vendor stopped goes on too, a little later.
    run.why = {"code": "error.rate_limited", "params": {}}
    store.end(run)
    assert ("transfer", {"from": "left"}) not in store.open_runs()
    pair.rows("UPDATE store_syncrun SET moved_at = now() - interval '1 minute' WHERE id = %s", run.id)
    assert ("transfer", {"from": "left"}) in store.open_runs()
    # What a person wishes while nobody is at it is done by whoever comes.
    pair.rows("UPDATE store_syncrun SET wish = 'stop' WHERE id = %s", run.id)
    assert ("transfer", {"from": "left"}) not in store.open_runs()
    assert pair.rows("SELECT state FROM store_syncrun WHERE id = %s", run.id) == [("stopped",)]


@pytest.mark.proves("CUST-15")
def test_reports_and_questions_of_a_page(store: StoredSync, pair: PairOf) -> None:
    from tieline.store.services import inbox

    run = begun(store, "reconcile")
    asked = AskedRow(
        "conflict", "account", "left", "1", {"code": "sync.conflict", "params": {"line": "email"}}, [], "k1", "A"
    )
    report = Report("account", "1", "", "A", "missing", {"code": "sync.missing", "params": {}}, [{"line": "email"}])
    store.settle(run, Settled(asked=[asked], reports=[report]))
    asked.name = "B"
    store.settle(run, Settled(asked=[asked, AskedRow("deletion", "account", "left", "2", {"code": "sync.gone"})]))
    assert pair.rows("SELECT status, code, lines FROM store_syncreport") == [
        ("missing", "sync.missing", [{"line": "email"}])
    ]
    found = {one.topic: one for group in inbox.groups(pair.workspace) for one in group.cases}
    assert set(found) == {"account:sync.conflict:email", "account:sync.gone"}
    store.settle(run, Settled(answered=[("account", "left", "1")]))
    assert [one.topic for group in inbox.groups(pair.workspace) for one in group.cases] == ["account:sync.gone"]


def test_one_process_at_a_time_and_the_next_after_a_death(pair: PairOf, installation: Installation) -> None:
    first, second = pair.store(), pair.store()
    assert first.hold()
    assert first.hold()
    assert not second.hold()
    run = begun(first)
    with psycopg.connect(installation.admin, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(backend) FROM store_pairhold WHERE pair_id = %s", [pair.pair])
    with pytest.raises(psycopg.OperationalError):
        first.settle(run, Settled(links=[link("a")]))
    assert second.hold()
    assert second.count_links("account") == 0
    with pytest.raises(psycopg.OperationalError):
        first.hold()
    assert not first.hold()  # from here it is one like the others
    second.let_go()
    assert first.hold()
    first.let_go()


def test_nobody_works_on_a_pair_that_is_off_or_new_settings(pair: PairOf) -> None:
    from tieline.store.held import RebuildError

    store = pair.store()
    assert store.hold()
    pair.rows("UPDATE store_syncpair SET version = 2")
    with pytest.raises(RebuildError):
        store.hold()
    assert store.hold()
    assert store.session.version == 2
    for change in ("is_on = false", "is_on = true, state = 'paused'"):
        pair.rows(f"UPDATE store_syncpair SET {change}")
        assert not store.hold()
    pair.rows("UPDATE store_syncpair SET state = 'active'")
    pair.rows("UPDATE store_connection SET state = 'needs_reconnect' WHERE id = %s", pair.right)
    assert not store.hold()
    store.let_go()


def test_another_account_on_either_side_hides_what_was_linked(pair: PairOf) -> None:
    store = pair.store()
    assert store.hold()
    run = begun(store)
    store.settle(run, Settled(links=[link("a")], waiting=[WaitingRow("account", "left", "1", PAST)]))
    store.let_go()
    pair.rows("UPDATE store_connection SET epoch = epoch + 1 WHERE id = %s", pair.right)
    assert store.hold()
    assert store.count_links("account") == 0
    assert store.links("account", "left", ["La"]) == waits(store) == []
    store.settle(begun(store), Settled(links=[link("a")]))
    assert store.count_links("account") == 1
    store.let_go()


def test_what_cannot_be_kept_says_so_without_its_value(store: StoredSync) -> None:
    run = begun(store)
    with pytest.raises(NotStorable) as caught:
        store.settle(run, Settled(links=[link("a", name="secret\x00")]))
    assert "secret" not in str(caught.value)
    assert store.links_by_key(["a"]) == []


def test_workspaces_see_their_own_pairs_alone(
    installation: Installation, make_company: MakeCompany, store: StoredSync
) -> None:
    run = begun(store)
    store.settle(
        run,
        Settled(
            links=[link("a")],
            waiting=[WaitingRow("account", "left", "1", PAST)],
            operations=[operation("1", run.id, state="done")],
            reports=[Report("account", "1", "", "A", "missing", {"code": "x"})],
        ),
    )
    other = make_pair(installation, make_company())
    for table in ("synclink", "syncwaiting", "syncrun", "syncoperation", "syncreport", "synccount"):
        assert other.rows(f"SELECT count(*) FROM store_{table}") == [(0,)], table
        assert other.rows(f"DELETE FROM store_{table}") == []
    assert len(store.links_by_key(["a"])) == len(waits(store)) == 1


@pytest.mark.proves("CUST-2")
@pytest.mark.parametrize("off", ["is_on = false", "live = false", "state = 'ended'"])
def test_a_run_that_is_under_way_stops_where_the_pair_is_switched_off(
    pair: PairOf, store: StoredSync, off: str
) -> None:
    run = begun(store, "changes")
    assert not store.paused(run)
    pair.rows(f"UPDATE store_syncpair SET {off}")
    assert store.paused(run)
