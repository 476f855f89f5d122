"""Programs of vendors that run beside Tieline for the demo and the tests, each out of a virtual environment of its own."""

from __future__ import annotations

import os
from pathlib import Path


def checkout() -> Path | None:
    """The checkout that this file is in, if it is in one."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "pyproject.toml").exists() else None


def side_venv(variable: str, folder: str, program: str) -> Path | None:
    """The environment that has this program: the one that `variable` names, else `folder` of the checkout; None where there is
    none."""
    named, root = os.environ.get(variable), checkout()
    venv = Path(named) if named else root / folder if root else None
    return venv if venv is not None and (venv / "bin" / program).exists() else None
