"""Runs one benchmark, or all."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import subprocess
import sys

import benchmarks


def names() -> list[str]:
    """The benchmarks there are."""
    found = [one.name for one in pkgutil.iter_modules(benchmarks.__path__) if not one.name.startswith("_")]
    return [name for name in found if hasattr(importlib.import_module(f"benchmarks.{name}"), "measure")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", nargs="?", default="")
    wanted = parser.parse_args().name
    if wanted and wanted not in names():
        print(f"there is no benchmark {wanted!r}, only {', '.join(names())}", file=sys.stderr)
        return 2
    if not wanted:  # each in a process of its own: settings are read once a process
        return max(
            subprocess.run([sys.executable, "-m", "benchmarks", name], check=False).returncode for name in names()
        )
    for line in importlib.import_module(f"benchmarks.{wanted}").measure():
        print(json.dumps({"benchmark": wanted, **line}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
