"""Settings tried on the last calls: what a replay tells, and nothing of it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.store.test_replay import CHANGED, SINCE, day, first_raw

if TYPE_CHECKING:
    from tests.conftest import Installation, MakeCompany


def kept(workspace: int) -> list[int]:
    from tieline.store.connection import workspace_tx
    from tieline.store.models import Audit, FlowVersion, Replay, ReplayedSubject

    with workspace_tx(workspace):
        return [table.objects.count() for table in (Replay, ReplayedSubject, Audit, FlowVersion)]


@pytest.mark.proves("CALL-25")
def test_what_is_tried_is_what_a_replay_tells_and_leaves_nothing(
    installation: Installation, make_company: MakeCompany
) -> None:
    from tieline.store.services import replay, trying

    played = day(installation, make_company(), 90)
    raw: dict[str, Any] = {**first_raw(played), **CHANGED}
    before, requests = kept(played.workspace), played.crm.requests
    view, found = trying.tried(played.workspace, "calls", raw, most=90)
    assert kept(played.workspace) == before
    assert played.crm.requests == requests
    replayed = replay.run(played.workspace, replay.begin(played.workspace, None, "calls", raw, since=SINCE, most=90).id)
    assert (view.done, view.differing, view.counts) == (90, replayed.differing, replayed.counts)
    assert list(found) == replay.subjects(played.workspace, replayed.id, most=200)
    assert 0 < view.differing < 90
    same, none = trying.tried(played.workspace, "calls", None, most=90)
    assert (same.done, same.differing, list(none)) == (90, 0, [])
    assert trying.tried(played.workspace, "calls", raw, most=7)[0].done == 7
