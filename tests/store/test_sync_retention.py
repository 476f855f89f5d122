"""Values of customers that pairs wrote go after their time; what waits, and what nobody knows of, stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.store.pairs import make_pair
from tests.store.test_sync_store import begun, link, operation
from tieline.engine.sync.ports import AskedRow, Report, RunRow, Settled, WaitingRow
from tieline.store.pool import Rows

if TYPE_CHECKING:
    import pytest

    from tests.conftest import Company, Installation


def test_old_values_go_and_what_was_done_stays(
    installation: Installation, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieline.store import sync_retention

    monkeypatch.setattr(sync_retention, "BATCH", 2)
    pair, rows = make_pair(installation, company), Rows(installation.app)
    store = pair.store()
    assert store.hold()

    def run(name: str, days: int) -> RunRow:
        one = begun(store, options={"from": name})
        written = [operation(f"{name}{n}", one.id, state="done", base={"name": ["A", "A"]}) for n in range(5)]
        lost = operation(f"{name}-lost", one.id, state="unknown")
        store.settle(
            one,
            Settled(
                operations=[*written, lost], reports=[Report("account", "1", "", "A", "missing", {"code": "x"})] * 3
            ),
        )
        one.state = "done"
        store.end(one)
        pair.rows(
            "UPDATE store_syncrun SET finished_at = now() - make_interval(days => %s) WHERE id = %s", days, one.id
        )
        return one

    old, young = run("old", 91), run("young", 89)
    kept = "SELECT key FROM store_syncoperation WHERE run_id = %s AND values::text <> '{}' ORDER BY key"
    assert sync_retention.clean(rows, company.workspace, 90) == 8
    assert pair.rows(kept, old.id) == [("old-lost",)]
    assert len(pair.rows(kept, young.id)) == 6
    assert pair.rows("SELECT run_id, count(*) FROM store_syncreport GROUP BY 1") == [(young.id, 3)]
    assert pair.rows("SELECT emptied FROM store_syncrun WHERE id = %s", old.id) == [(False,)]
    pair.rows("UPDATE store_syncoperation SET state = 'rejected' WHERE key = 'old-lost'")
    assert sync_retention.clean(rows, company.workspace, 90) == 1
    assert pair.rows("SELECT id FROM store_syncrun WHERE emptied") == [(old.id,)]
    assert len(pair.rows("SELECT 1 FROM store_syncoperation WHERE run_id = %s", old.id)) == 6

    ask = AskedRow("match", "account", "left", "1", {"code": "x"})
    store.settle(
        young,
        Settled(
            links=[link(f"k{n}") for n in range(5)], waiting=[WaitingRow("account", "left", "1", None)], asked=[ask]
        ),
    )
    assert sync_retention.clean(rows, company.workspace, 90) == 0
    pair.rows("UPDATE store_syncpair SET state = 'ended'")
    assert sync_retention.clean(rows, company.workspace, 90) == 7
    assert pair.rows("SELECT coalesce(sum(count), 0) FROM store_synccount") == [(0,)]
    assert pair.rows("SELECT state FROM store_inboxitem") == [("overtaken",)]
    store.let_go()
    rows.close()
