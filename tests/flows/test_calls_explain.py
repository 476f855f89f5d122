"""The story of each sample call: what `tieline explain` prints."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from tieline.core.reasons import DECLARED, Reason
from tieline.flows.calls.explain import explain

SAMPLES = {path.name.removesuffix(".json"): path for path in files("tieline.flows.calls").joinpath("samples").iterdir()}
TOLD: dict[str, tuple[list[str], list[str]]] = {
    # sample: slots written, further codes that the story has
    "stranger-missed": (["lead", "task", "call"], ["call.lead.new", "call.task.unreached"]),
    "stranger-every-rule": (["account", "lead", "contact", "deal", "task", "call"], ["call.owner.same_call"]),
    "known-contact": (["call"], ["call.deal.active", "call.contact.matches", "call.task.reached"]),
    "contact-without-account": (["account", "contact.link", "deal", "call"], ["call.link.new_account"]),
    "withheld": (["task", "call"], ["call.no_person"]),
    "ignored-line": ([], ["call.ignored_line", "call.story.nothing"]),
    "inactive-manager": (["lead", "task", "call"], ["call.owner.inactive"]),
    "several-ask": ([], ["call.story.asks", "call.several"]),
    "owners-in-a-ring": (["task", "call"], ["call.story.refused", "call.clash.owner_cycle", "call.owner.cycle"]),
    "no-end": (["lead", "call"], ["call.wait.in_progress", "call.task.result_unknown"]),
    "narrow-crm": ([], ["call.log.no_parent", "call.story.nothing"]),
}


def test_every_sample_has_its_expectation() -> None:
    assert SAMPLES.keys() == TOLD.keys()


@pytest.mark.parametrize("name", sorted(TOLD))
def test_samples(name: str) -> None:
    seen: list[Reason] = []

    def words(reason: Reason) -> str:
        seen.append(reason)
        return f"<{reason.code}>"

    lines = explain(SAMPLES[name].read_text(encoding="utf-8"), words)
    slots, codes = TOLD[name]
    assert [one.params["slot"] for one in seen if one.code == "call.story.writes"] == slots
    assert {one.code for one in seen} >= {*codes, "call.story.about", "call.story.arrived"}
    assert all(line.startswith("<call.story.") for line in lines)
    for reason in seen:
        assert DECLARED[reason.code] == reason.params.keys(), reason.code
        json.dumps(reason.to_json())


def test_without_a_language_codes_are_told() -> None:
    lines = explain(SAMPLES["withheld"].read_text(encoding="utf-8"))
    assert "call.story.not_applied rule=lead.create why=call.no_person kind=withheld" in lines


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"facts": []}', "{", '{"facts": [{"type": "ended"}], "settings": {"lead": 1}}']
)
def test_what_is_no_sample(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        explain(text)


def test_a_sample_without_users_and_settings() -> None:
    facts: list[dict[str, Any]] = [
        {"type": "ended", "final": True, "outcome": "missed", "external_number": "0186765432"}
    ]
    lines = explain(json.dumps({"facts": facts}))
    assert any("call.story.refused" in line and "no_default_user" in line for line in lines)
    assert any(line.startswith("call.story.writes verb=create role=lead") for line in lines)
