"""Values of people's calls go after their time, whatever became of the operation that held them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tieline.store.pool import Rows

if TYPE_CHECKING:
    from tests.conftest import Company, Installation, MakeCompany

OLD, YOUNG = 91, 89  # the default is 90 days


@pytest.fixture
def chores(installation: Installation) -> Any:
    from tieline.jobs import chores

    assert OLD - 1 == chores.DEFAULT_DAYS == YOUNG + 1
    return chores


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
def test_values_go_with_their_run_whatever_became_of_them(rows: Rows, chores: Any, company: Company) -> None:
    for run, operation in [("done", "done"), ("failed", "rejected"), ("failed", "blocked"), ("watched", "planned")]:
        story(rows, company, run, operation, OLD)
    kept = [("applying", "planned"), ("failed", "unknown")]
    for run, operation in kept:
        story(rows, company, run, operation, OLD)
    story(rows, company, "watched", "planned", YOUNG)
    chores.clean_up(rows)
    assert left(rows, company) == [*kept, ("watched", "planned")]


@pytest.mark.proves("CALL-20")
def test_clean_up_goes_on_after_each_batch(
    rows: Rows, chores: Any, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "BATCH", 2)
    for _ in range(5):
        story(rows, company, "done", "done", OLD)
    chores.clean_up(rows)
    assert left(rows, company) == []


def keep_for(company: Company, days: int) -> None:
    """The setting of the Logging tab, as it is saved."""
    from tieline.flows.calls.settings import Settings
    from tieline.store.connection import workspace_tx
    from tieline.store.models import FlowSetting, FlowVersion

    with workspace_tx(company.workspace):
        number = FlowVersion.objects.filter(setting_id=company.setting).count() + 1
        settings = Settings.model_validate({"call": {"retention_days": days}}).model_dump(mode="json")
        FlowVersion.objects.create(
            workspace_id=company.workspace, setting_id=company.setting, number=number, settings=settings
        )
        FlowSetting.objects.filter(pk=company.setting).update(version=number)


def arrived(rows: Rows, company: Company, days: int, *, folded: bool = True) -> None:
    """A delivery that came so many days ago."""
    with rows.tx(company.workspace) as link:
        link.execute(
            "WITH event AS (INSERT INTO store_event (workspace_id, connection_id, epoch, key, received_at, method, query,"
            " headers, body) VALUES (%(workspace)s, %(source)s, 1, gen_random_uuid(), now() - make_interval(days => %(days)s),"
            " 'POST', '', '{}', '{}') RETURNING id)"
            " INSERT INTO store_openevent (event_id, workspace_id, source_id, target_id)"
            " SELECT id, %(workspace)s, %(source)s, %(target)s FROM event WHERE NOT %(folded)s",
            {"workspace": company.workspace, "source": company.source, "target": company.target, "days": days, "folded": folded},
        )  # fmt: skip


def ages(rows: Rows, company: Company) -> list[int]:
    """How many days ago the bodies that are kept came."""
    with rows.tx(company.workspace) as link:
        found = link.execute(
            "SELECT extract(day FROM now() - received_at)::int FROM store_event ORDER BY received_at DESC"
        ).fetchall()
    return [row[0] for row in found]


@pytest.mark.proves("CALL-20")
def test_each_workspace_keeps_for_as_long_as_its_own_setting_says(
    rows: Rows, chores: Any, make_company: MakeCompany
) -> None:
    short, long, unsaid = make_company(), make_company(), make_company()
    keep_for(short, 400)
    keep_for(short, 7)  # the version in force counts, not the longest
    keep_for(long, 200)
    for company in (short, long, unsaid):
        for days in (3, 8, 91, 199, 201):
            arrived(rows, company, days)
    arrived(rows, short, 30, folded=False)
    chores.clean_up(rows)
    assert ages(rows, short) == [3, 30]  # what nobody has worked on yet stays
    assert ages(rows, long) == [3, 8, 91, 199]
    assert ages(rows, unsaid) == [3, 8]
    keep_for(long, 5)
    chores.clean_up(rows)
    assert ages(rows, long) == [3]


@pytest.mark.proves("CALL-20")
def test_answers_offered_in_a_question_go_and_its_words_stay(rows: Rows, chores: Any, company: Company) -> None:
    asked = '[{"kind":"several","topic":"+33612345678","reason":{"code":"call.several"},"options":[["contact","5",{"name":"Marie"}]]}]'
    for days in (OLD, YOUNG):
        story(rows, company, "asked", "done", days)
    with rows.tx(company.workspace) as link:
        link.execute(
            "UPDATE store_run SET questions = %s, known = '{\"found\": []}' WHERE target_id = %s",
            [asked, company.target],
        )
        for state, days in (("answered", OLD), ("answered", YOUNG), ("open", OLD)):
            link.execute(
                "INSERT INTO store_inboxitem (workspace_id, epoch, flow, kind, topic, reason, options, state, times, created, last_at)"
                " VALUES (%s, 1, 'calls', 'several', '', '{}', '[[\"contact\", \"5\", {}]]', %s, 1, now(), now() - make_interval(days => %s))",
                [company.workspace, state, days],
            )  # fmt: skip
    chores.clean_up(rows)
    with rows.tx(company.workspace) as link:
        runs = link.execute(
            "SELECT known, questions FROM store_run WHERE target_id = %s ORDER BY id", [company.target]
        ).fetchall()
        items = link.execute("SELECT jsonb_array_length(options) FROM store_inboxitem WHERE workspace_id = %s ORDER BY id", [company.workspace]).fetchall()  # fmt: skip
    old, young = runs
    assert old == (
        {},
        [{"kind": "several", "topic": "+33612345678", "reason": {"code": "call.several"}, "options": []}],
    )
    assert young[0] == {"found": []}
    assert young[1][0]["options"] == [["contact", "5", {"name": "Marie"}]]
    assert items == [(0,), (1,), (1,)]
    assert chores.clean_up(rows) == 0  # nothing is cleared twice


@pytest.mark.proves("CALL-20", "CALL-25")
def test_a_replay_goes_with_the_values_that_it_found(rows: Rows, chores: Any, company: Company) -> None:
    from django.utils import timezone

    from tieline.store.connection import workspace_tx
    from tieline.store.models import Replay, ReplayedSubject

    place = {"workspace_id": company.workspace}
    with workspace_tx(company.workspace):
        made: list[Replay] = []
        for days in (OLD, OLD, YOUNG):
            made.append(
                Replay.objects.create(
                    **place, flow="calls", target_id=company.target, epoch=1, settings={}, base=1, since=timezone.now(),
                    until=timezone.now(), most=1, made_at=timezone.now() - timedelta(days=days),
                    again_of=made[-1] if made else None,
                )
            )  # fmt: skip
            ReplayedSubject.objects.create(**place, replay_id=made[-1].pk, subject_id=1, position=1)
    chores.clean_up(rows)
    with workspace_tx(company.workspace):
        [left] = Replay.objects.filter(**place)
        assert (left.pk, left.again_of_id) == (made[2].pk, None)
        assert [one.replay_id for one in ReplayedSubject.objects.filter(**place)] == [made[2].pk]
