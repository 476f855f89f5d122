"""docs/reference/calls-rules.md says what the code does (CALL-4, CALL-24)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.flows.desk import TARGET
from tieline.core.reasons import DECLARED
from tieline.flows.calls import FLOW

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "calls-rules.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if line.startswith("| `")
    ]
    assert cells
    return cells


@pytest.mark.proves("CALL-4")
def test_the_table_of_defaults() -> None:
    raw = FLOW.defaults(TARGET)
    for path, default, *_ in rows("Defaults"):
        value = raw
        for part in path.strip("`").split("."):
            value = value[part]
        if isinstance(value, dict):
            value = value["kind"]
        told = "–" if value is None else f"`{str(value).lower()}`"
        assert default == told, path


@pytest.mark.proves("CALL-24")
@pytest.mark.parametrize(("heading", "prefix"), [("Contradictions", "call.clash."), ("Remarks", "call.remark.")])
def test_the_named_lists(heading: str, prefix: str) -> None:
    told = [row[0].strip("`") for row in rows(heading)]
    assert sorted(told) == sorted(code for code in DECLARED if code.startswith(prefix))
    assert len(told) == len(set(told))


def test_every_rule_is_explained() -> None:
    for rule in ("account", "lead", "contact", "deal", "task", "call"):
        assert re.search(rf"^   - \*\*{rule}\*\*:", PAGE, re.MULTILINE), rule
