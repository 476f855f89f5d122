"""Copies the pictures that docs/ shows from the last walk of the browser (tests/walk, test-results/walk) to docs/pictures/.

`make pictures` walks first. A picture that is missing or larger than 150 KB is an error.
"""

import shutil
import sys
from pathlib import Path

WALK = Path("test-results/walk")
PICTURES = Path("docs/pictures")
LARGEST = 150_000
SHOWN = (
    "home-1440",
    "would-differ-1440",
    "contradiction-1440",
    "story-1440",
    "contradiction-390",
    "sandbox-phone-390",
    "run-arrives-390",
    "story-390",
)


def main() -> int:
    """Copy; the number of pictures that cannot be shown."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for name in SHOWN:
        found = sorted(WALK.glob(f"[0-9][0-9]-{name}.jpg"))
        if not found or found[-1].stat().st_size > LARGEST:
            print(f"{name}: {'too large' if found else 'not there; run the walk first'}", file=sys.stderr)
            wrong += 1
        else:
            shutil.copyfile(found[-1], PICTURES / f"{name}.jpg")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
