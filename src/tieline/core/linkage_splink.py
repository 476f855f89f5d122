"""splink's part of `core.linkage`: imported only where the extra is installed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from tieline.core.linkage import WRITTEN, How, chances

_ALIKE: Final = "damerau_levenshtein({l}, {r}) <= 0.2 * greatest(length({l}), length({r}))"
_CLOSE: Final = {
    "name": _ALIKE, "company": _ALIKE, "text": _ALIKE,
    "code": "damerau_levenshtein({l}, {r}) <= (case when length({l}) > 8 then 2 else 1 end)",
    "date": "damerau_levenshtein({l}, {r}) <= 1", "place": "damerau_levenshtein({l}, {r}) <= 1",
}  # fmt: skip
ENOUGH: Final = 400
"""Fewer records teach nothing: our own weights stay."""


def predicted(
    lists: Sequence[dict[str, list[Any]]], hows: Sequence[How], threshold: float
) -> Iterator[tuple[str, str, float, list[float]]]:
    """(id, id, probability, points of each feature) of the pairs of one list, or between two."""
    import pyarrow as pa
    from splink import DuckDBAPI, Linker, SettingsCreator

    logging.getLogger("splink").setLevel(logging.ERROR)
    database = DuckDBAPI()
    names = ("left_list", "right_list")
    frames = [
        database.register(pa.table(rows), dataset_display_name=name) for rows, name in zip(lists, names, strict=False)
    ]
    size = max(len(rows["unique_id"]) for rows in lists)
    rules = [f"l.k{at} = r.k{at}" for at in range(len(hows))]
    starts = [at for at, how in enumerate(hows) if how in WRITTEN]
    rules += [f"left(l.f{a}, 4) = left(r.f{a}, 4) and left(l.f{b}, 4) = left(r.f{b}, 4)" for a, b in pairwise(starts)]
    settings = SettingsCreator(
        link_type="dedupe_only" if len(lists) == 1 else "link_only",
        comparisons=[_comparison(at, how, size) for at, how in enumerate(hows)],
        blocking_rules_to_generate_predictions=[{"blocking_rule": rule, "sql_dialect": "duckdb"} for rule in rules],
        probability_two_random_records_match=1 / max(size, 2),
        retain_intermediate_calculation_columns=True,
        max_iterations=15,
    )
    linker = Linker(
        frames if len(frames) > 1 else frames[0], settings, log_level=logging.ERROR, validate_settings=False
    )
    if size >= ENOUGH:
        _train(linker, len(hows))
    found = linker.inference.predict(threshold_match_probability=threshold, warning_mode="never")
    for row in found.as_record_list():
        yield (
            str(row["unique_id_l"]),
            str(row["unique_id_r"]),
            float(row["match_probability"]),
            [_points(row, at) for at in range(len(hows))],
        )


def _train(linker: Any, features: int) -> None:
    """How often values agree by chance, and how often for one customer: learnt twice, so that each feature is seen free once. A
    level that no pair has teaches nothing and raises; then what was given stays."""
    try:
        linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
        for at in range(min(features, 4)):
            linker.training.estimate_parameters_using_expectation_maximisation(
                f"l.k{at} = r.k{at}", fix_probability_two_random_records_match=True, record_sample_proportion=1.0
            )
    except (ValueError, ArithmeticError):
        return


def _comparison(at: int, how: How, size: int) -> dict[str, Any]:
    left, right = f"f{at}_l", f"f{at}_r"
    of_one, of_any = chances(how, 2 / max(size, 2) if how != "place" else 0.01)
    close = _CLOSE[how].format(l=left, r=right)
    return {
        "output_column_name": f"f{at}",
        "comparison_levels": [
            {"sql_condition": f"{left} is null or {right} is null", "label_for_charts": "missing", "is_null_level": True},
            {
                "sql_condition": f"{left} = {right}", "label_for_charts": "equal", "m_probability": of_one[0],
                "u_probability": of_any[0], "tf_adjustment_column": f"f{at}", "tf_adjustment_weight": 1.0,
            },
            {"sql_condition": close, "label_for_charts": "close", "m_probability": of_one[1], "u_probability": of_any[1]},
            {"sql_condition": "else", "label_for_charts": "different", "m_probability": of_one[2], "u_probability": of_any[2]},
        ],
    }  # fmt: skip


def _points(row: dict[str, Any], at: int) -> float:
    """What a feature added, its commonness included."""
    return sum(float(row.get(name) or 0.0) for name in (f"mw_f{at}", f"mw_tf_adj_f{at}"))
