"""Measures, as JSON lines: `python -m benchmarks [NAME]`. Each module with a `measure` is a benchmark of its name."""
