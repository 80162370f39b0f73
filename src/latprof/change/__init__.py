"""What changed: between two sets of calls, or over time."""

from __future__ import annotations

from latprof.change.differ import DIFF_METRICS, MATCH_KEYS, Comparison, Difference, compare_traces
from latprof.change.drift import Boundary, Drift, Level, Seen, Shift, drift
from latprof.change.mix import Cell, Mix

__all__ = [
    "DIFF_METRICS",
    "MATCH_KEYS",
    "Boundary",
    "Cell",
    "Comparison",
    "Difference",
    "Drift",
    "Level",
    "Mix",
    "Seen",
    "Shift",
    "compare_traces",
    "drift",
]
