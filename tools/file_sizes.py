"""Long files: listed above 400 lines, refused above 500. Split them by subject."""

import sys
from pathlib import Path

LISTED, REFUSED = 400, 500
SUFFIXES = {".py", ".html", ".css", ".js", ".sql"}
#: What others wrote or a program writes: not ours to split.
EXEMPT = ("migrations", "vendored", "static")


def main() -> int:
    """Print the long files of src, longest first."""
    sizes = [
        (len(path.read_bytes().splitlines()), path)
        for path in Path("src").rglob("*")
        if path.suffix in SUFFIXES and path.is_file() and not any(part in EXEMPT for part in path.parts)
    ]
    for lines, path in sorted(sizes, key=lambda item: (-item[0], item[1])):
        if lines > LISTED:
            print(f"{'TOO LONG' if lines > REFUSED else 'long'}: {path} has {lines} lines")
    return int(any(lines > REFUSED for lines, _ in sizes))


if __name__ == "__main__":
    sys.exit(main())
