"""Limits and baselines: does a set of calls hold what it should, noise aside?"""

from __future__ import annotations

from latprof.check.baseline import Baseline, baseline_of, compare, parse_baseline, write_baseline
from latprof.check.budgets import check_budgets, percentile_name
from latprof.check.result import Outcome, Status, Verdicts
from latprof.check.run import make_baseline, mixture_words, run_check

__all__ = [
    "Baseline",
    "Outcome",
    "Status",
    "Verdicts",
    "baseline_of",
    "check_budgets",
    "compare",
    "make_baseline",
    "mixture_words",
    "parse_baseline",
    "percentile_name",
    "run_check",
    "write_baseline",
]
