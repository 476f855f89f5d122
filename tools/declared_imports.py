"""Every package that src imports stands in requirements.in, so that a fresh machine has it."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

#: Test modules beside their connector may use the development requirements.
TEST_FILES = {"tests.py", "conftest.py"}
#: What an extra brings, by the files that import it.
EXTRAS = {"linkage_splink.py": "requirements-linkage.in"}


def declared(file: str) -> set[str]:
    """The packages that a requirements file names itself, normalised."""
    lines = Path(file).read_text().splitlines()
    names = (re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", name.group()).lower() for name in names if name}


def imported(path: Path) -> set[str]:
    """The top-level modules that a file imports, wherever in it."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules.add(node.module.split(".")[0])
    return modules


def main() -> int:
    """Print the imports that nothing declares."""
    run, dev = declared("requirements.in"), declared("requirements-dev.in")
    distributions = packages_distributions()
    bad = 0
    for path in sorted(Path("src").rglob("*.py")):
        allowed = run | dev if path.name in TEST_FILES else run
        if path.name in EXTRAS:
            allowed = run | declared(EXTRAS[path.name])
        for module in sorted(imported(path) - sys.stdlib_module_names - {"tieline"}):
            names = {re.sub(r"[-_.]+", "-", name).lower() for name in distributions.get(module, [module])}
            if not names & allowed:
                print(f"{path} imports {module}, which requirements.in does not name")
                bad += 1
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
