"""Percentiles of groups of calls, with intervals that respect sessions."""

from __future__ import annotations

from latprof.stats.grouping import BY_KEYS, Filters, group_rows, keep
from latprof.stats.quantiles import MIN_TAIL_CALLS, min_calls, quantile_interval
from latprof.stats.summary import MetricRow, Summary, summarize

__all__ = [
    "BY_KEYS",
    "MIN_TAIL_CALLS",
    "Filters",
    "MetricRow",
    "Summary",
    "group_rows",
    "keep",
    "min_calls",
    "quantile_interval",
    "summarize",
]
