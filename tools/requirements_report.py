"""Which requirement is proved by which tests.

Read from the marks `@pytest.mark.proves("CALL-1", …)` in the text of the tests, without running them. A test class's mark
and a module's `pytestmark` hold for all tests within. An id that docs/requirements-ids.txt does not list is an error.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

IDS = Path("docs/requirements-ids.txt")


def known_ids() -> list[str]:
    """The ids in their order; lines that begin with # say something else."""
    return [line.strip() for line in IDS.read_text().splitlines() if line.strip() and not line.startswith("#")]


def test_files() -> list[Path]:
    """Tests by floor, and those beside each connector."""
    found = {*Path("tests").rglob("test_*.py"), *Path("src/tieline/connectors").glob("*/tests.py")}
    return sorted(found)


def marked(expression: ast.AST) -> Iterator[str]:
    """The ids in a mark, a list of marks, or a parameter's marks."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "proves":
            for word in node.args:
                if isinstance(word, ast.Constant) and isinstance(word.value, str):
                    yield word.value


def proofs(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of id and test name."""
    module = ast.parse(path.read_text())
    for_all = [
        one
        for node in module.body
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for one in marked(node.value)
    ]
    yield from _within(path, module.body, for_all)


def _within(path: Path, body: list[ast.stmt], inherited: list[str]) -> Iterator[tuple[str, str]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            own = [one for decorator in node.decorator_list for one in marked(decorator)]
            yield from _within(path, node.body, [*inherited, *own])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            own = [one for decorator in node.decorator_list for one in marked(decorator)]
            for one in dict.fromkeys([*inherited, *own]):
                yield one, f"{path}::{node.name}"


def main() -> int:
    """Print the table; fail on an id that nobody knows."""
    ids = known_ids()
    tests: defaultdict[str, list[str]] = defaultdict(list)
    for path in test_files():
        for one, test in proofs(path):
            tests[one].append(test)
    for one in ids:
        names = sorted(set(tests[one]))
        print(f"{one:<10} {len(names):>3}  {names[0] if names else '-'}")
        for name in names[1:]:
            print(f"{'':<15} {name}")
    unknown = sorted(set(tests) - set(ids))
    for one in unknown:
        print(f"unknown id {one}: {', '.join(tests[one])}")
    proved = sum(1 for one in ids if tests[one])
    print(f"{proved} of {len(ids)} requirements are named by a test")
    return int(bool(unknown))


if __name__ == "__main__":
    sys.exit(main())
