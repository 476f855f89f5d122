"""docs/reference/benchmarks.md says of every benchmark which fields it prints and by what it is made smaller."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import names

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
STARTED = {"linkage": "_febrl"}
"""What prints the lines of a benchmark that is a process of its own."""


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\S+)\n", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def source(name: str) -> str:
    return (ROOT / "benchmarks" / f"{STARTED.get(name, name)}.py").read_text()


def printed(name: str) -> set[str]:
    """The fields of its lines: of what `measure` yields, itself or by the functions that make a line for it."""
    functions = {one.name: one for one in ast.parse(source(name)).body if isinstance(one, ast.FunctionDef)}
    lines = _returned(functions["_line"]) if name in STARTED else _yielded(functions, "measure")
    return {key for line in lines for key in _keys(line)}


def _yielded(functions: dict[str, ast.FunctionDef], name: str) -> Iterator[ast.Dict]:
    for node in ast.walk(functions[name]):
        if not isinstance(node, ast.Yield | ast.YieldFrom):
            continue
        if isinstance(node.value, ast.Dict):
            yield node.value
        else:
            assert isinstance(node.value, ast.Call)
            made_by = ast.unparse(node.value.func)
            yield from (
                _yielded(functions, made_by) if isinstance(node, ast.YieldFrom) else _returned(functions[made_by])
            )


def _returned(function: ast.FunctionDef) -> Iterator[ast.Dict]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
            yield node.value


def _keys(line: ast.Dict) -> Iterator[str]:
    for key in line.keys:
        assert isinstance(key, ast.Constant), "a field's name is to be seen where the line is made"
        assert isinstance(key.value, str)
        yield key.value


def told(section: str) -> set[str]:
    """What stands in the first column of its table of fields."""
    _, _, table = section.partition("| field | what it is | unit |\n")
    return {
        name for row in table.splitlines() for name in re.findall(r"`([^`]+)`", row.split("|")[1] if "|" in row else "")
    }


def test_every_benchmark_has_its_section_and_its_last_figure() -> None:
    assert list(sections()) == re.findall(r"^\| \[(\S+)\]\(#\1\) \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(sections()) == sorted(names())
    assert {"intake", "effects", "pages", "transfer", "million_links", "carddav", "linkage"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_the_page_says_which_fields_a_benchmark_prints(name: str) -> None:
    fields = printed(name)
    assert len(fields) >= 5
    assert told(sections()[name]) == fields


@pytest.mark.parametrize("name", names())
def test_the_page_says_by_what_a_benchmark_is_made_smaller(name: str) -> None:
    read = set(re.findall(r"\"(TIELINE_BENCH_[A-Z_]+)\"", source(name)))
    assert read == set(re.findall(r"`(TIELINE_BENCH_[A-Z_]+)`", sections()[name]))
    assert read or name == "linkage"
