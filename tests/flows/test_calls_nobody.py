"""Callers without account and contact, and outcomes that a source has no name for."""

from __future__ import annotations

import pytest

from tests.flows.desk import BELLA, MARIE, call, decided, settings


@pytest.mark.parametrize("when", ["none", "no_active"])
def test_a_caller_with_neither_account_nor_contact_gets_no_deal_for_each_call(when: str) -> None:
    using = settings(deal={"when": when})
    for crm in ({}, {"lead": [BELLA]}):
        got = decided(call(), using, crm)
        assert "deal" not in got.made
        assert got.why("deal.create") == "call.deal.nobody"
    assert "deal" in decided(call(), using, {"contact": [MARIE]}).made
    assert "deal" in decided(call(), settings(deal={"when": when}, contact={"create": True})).made
    assert "deal" in decided(call(), settings(deal={"when": "always"}), {"lead": [BELLA]}).made


@pytest.mark.parametrize(
    ("end", "result"),
    [({"talk_s": 120}, "answered"), ({"talk_s": 0}, "missed"), ({}, "unknown")],
)
def test_an_unknown_status_overrules_nothing_that_is_known(end: dict[str, int], result: str) -> None:
    subject = call(outcome="unknown", **end)
    assert subject["result"] == result
    assert ("task" in decided(subject).made) == (result == "missed")
