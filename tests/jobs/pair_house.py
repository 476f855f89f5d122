"""A running Tieline of real processes with a pair, for tests: as it is measured."""

from benchmarks._pair import PairHouse, pair_house

__all__ = ["PairHouse", "pair_house"]
