"""Write a connector outside Tieline: python -m tieline.sdk.devkit NAME [FOLDER]."""

from __future__ import annotations

import sys
from pathlib import Path

from tieline.core.errors import ConfigError
from tieline.sdk.devkit import OUTSIDE, make_connector


def main(arguments: list[str]) -> int:
    """0 when the folder was written."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("usage: python -m tieline.sdk.devkit NAME [FOLDER]\n")
        return 2
    name, *more = arguments
    try:
        folder = make_connector(name, Path(*more), OUTSIDE)
    except ConfigError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 1
    sys.stdout.write(
        f"{folder} is a package with a whole connector to a vendor that does not exist.\n"
        f"  install it  pip install -e {folder}\n"
        "  try it      tieline.sdk.conformance.cases() finds it, run() tries each promise\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
