"""Write the folder of a new connector: python tools/connector.py NAME [TITLE]."""

import sys
from pathlib import Path

from tieline.core.errors import ConfigError
from tieline.sdk.devkit import make_connector

HOME = Path(__file__).resolve().parent.parent / "src" / "tieline" / "connectors"


def main(arguments: list[str]) -> int:
    """0 when the folder was written."""
    if not arguments or not arguments[0]:
        print("which name? make connector NAME=acme", file=sys.stderr)
        return 2
    try:
        folder = make_connector(arguments[0], HOME, title=" ".join(arguments[1:]))
    except ConfigError as error:
        print(error.detail, file=sys.stderr)
        return 1
    print(f"{folder.relative_to(HOME.parent.parent.parent)} is a whole connector to a vendor that does not exist.")
    print(f"  try it      make test TEST_ARGS='tests/connectors/test_conformance.py -k {arguments[0]}'")
    print("  next        docs/how-to/connector.md says what to replace, and in which order")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
