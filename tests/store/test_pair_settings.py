"""Settings of a pair as they are saved: what was held back until then is looked for, by a run of its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.pairs import PairOf

pytestmark = pytest.mark.proves("CUST-2")
RUNS = "SELECT options, state, version FROM store_syncrun WHERE kind = 'reconcile' ORDER BY id"


def city(direction: str = "both") -> dict[str, Any]:
    lines = [{"name": name, "left": name, "right": name} for name in ("name", "city")]
    lines[1]["direction"] = direction
    return {"roles": [{"role": "account", "lines": lines}]}


def save(pair: PairOf, **raw: Any) -> int:
    from tieline.store.services import pairs

    return pairs.save(pair.workspace, None, pair.pair, raw)


def open_runs(pair: PairOf) -> list[tuple[str, dict[str, Any]]]:
    """As the next worker finds them."""
    store = pair.store()
    assert store.hold()
    found = [(kind, dict(options)) for kind, options in store.open_runs()]
    store.let_go()
    return found


def test_a_switch_that_is_opened_has_the_linked_ones_compared_anew(pair: PairOf) -> None:
    save(pair, **city("to_left"), crm_changed=False)
    assert pair.rows(RUNS) == []
    first = save(pair, **city("to_left"))
    assert pair.rows(RUNS) == [({"mend": first}, "running", first)]
    assert open_runs(pair) == [("reconcile", {"mend": first})]
    save(pair, **city("to_left"), deletions={"count": 9})
    assert len(pair.rows(RUNS)) == 1
    second = save(pair, **city())
    assert open_runs(pair) == [("reconcile", {"mend": second})]
    assert pair.rows(RUNS) == [({"mend": first}, "stopped", first), ({"mend": second}, "running", second)]


def test_a_pair_that_only_watches_has_nothing_to_catch_up(pair: PairOf) -> None:
    from tieline.store.services import pairs

    pairs.go_live(pair.workspace, None, pair.pair, live=False)
    save(pair, **city(), crm_changed=False)
    save(pair, **city())
    assert pair.rows(RUNS) == []
