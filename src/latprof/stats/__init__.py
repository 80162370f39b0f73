"""Percentiles of groups of calls, with intervals that respect sessions."""

from __future__ import annotations

from latprof.stats.grouping import BY_KEYS, Filters, group_rows, keep, passes, traces_by
from latprof.stats.method import METHODS, Method, best_rows, is_of_method, of_method
from latprof.stats.quantiles import MIN_TAIL_CALLS, min_calls, quantile_interval
from latprof.stats.summary import MetricRow, Summary, Wanted, summaries, summarize
from latprof.stats.waiting import Waiting, waiting

__all__ = [
    "BY_KEYS",
    "METHODS",
    "MIN_TAIL_CALLS",
    "Filters",
    "Method",
    "MetricRow",
    "Summary",
    "Waiting",
    "Wanted",
    "best_rows",
    "group_rows",
    "is_of_method",
    "keep",
    "min_calls",
    "of_method",
    "passes",
    "quantile_interval",
    "summaries",
    "summarize",
    "traces_by",
    "waiting",
]
