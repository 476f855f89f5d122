"""Values of people's calls go after their time, whatever became of the operation that held them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tieline.jobs import chores
from tieline.store.pool import Rows

if TYPE_CHECKING:
    from tests.conftest import Company, Installation

OLD, YOUNG = chores.DEFAULT_DAYS + 1, chores.DEFAULT_DAYS - 1


@pytest.fixture
def rows(installation: Installation) -> Iterator[Rows]:
    rows = Rows(installation.app)
    yield rows
    rows.close()


def story(rows: Rows, company: Company, run: str, operation: str, days: int) -> None:
    """A run in this state with one operation in that, ended so many days ago."""
    with rows.tx(company.workspace) as link:
        link.execute(
            "WITH run AS (INSERT INTO store_run (workspace_id, target_id, epoch, subject_id, flow, revision, state,"
            " settings_version, known, considered, questions, notices, started_at, finished_at, requests)"
            " VALUES (%(workspace)s, %(target)s, 1, 1, 'calls', 1, %(run)s::text, 1, '{}', '[]', '[]', '[]',"
            " now() - make_interval(days => %(days)s), CASE WHEN %(run)s::text <> 'applying'"
            " THEN now() - make_interval(days => %(days)s) END, 0) RETURNING id)"
            " INSERT INTO store_operation (workspace_id, target_id, epoch, key, run_id, subject_id, slot, verb, role, values,"
            " before, state, reason, match_keys, attempts, position, requests)"
            " SELECT %(workspace)s, %(target)s, 1, gen_random_uuid()::text, run.id, 1, 'lead', 'create', 'lead',"
            " '{\"phone\": \"+33612345678\"}', '{\"phone\": \"\"}', %(operation)s, '{}', '[]', 0, 0, 0 FROM run",
            {
                "workspace": company.workspace,
                "target": company.target,
                "run": run,
                "operation": operation,
                "days": days,
            },
        )


def left(rows: Rows, company: Company) -> list[tuple[str, str]]:
    """(run state, operation state) of the operations whose values are kept, oldest first."""
    with rows.tx(company.workspace) as link:
        return link.execute(
            "SELECT r.state, o.state FROM store_operation o JOIN store_run r ON r.id = o.run_id"
            " WHERE o.values::text <> '{}' OR o.before::text <> '{}' ORDER BY o.id"
        ).fetchall()


@pytest.mark.proves("CALL-20")
def test_values_go_with_their_run_whatever_became_of_them(rows: Rows, company: Company) -> None:
    for run, operation in [("done", "done"), ("failed", "rejected"), ("failed", "blocked"), ("watched", "planned")]:
        story(rows, company, run, operation, OLD)
    kept = [("applying", "planned"), ("failed", "unknown")]
    for run, operation in kept:
        story(rows, company, run, operation, OLD)
    story(rows, company, "watched", "planned", YOUNG)
    chores.clean_up(rows)
    assert left(rows, company) == [*kept, ("watched", "planned")]


@pytest.mark.proves("CALL-20")
def test_clean_up_goes_on_after_each_batch(rows: Rows, company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chores, "BATCH", 2)
    for _ in range(5):
        story(rows, company, "done", "done", OLD)
    chores.clean_up(rows)
    assert left(rows, company) == []
