"""A whole check: budgets and baseline together."""

from __future__ import annotations

from datetime import UTC, tzinfo

import numpy as np

from latprof.check.baseline import Baseline, baseline_of, compare
from latprof.check.budgets import check_budgets
from latprof.check.result import Outcome, Verdicts
from latprof.config.schema import Settings
from latprof.errors import UsageError
from latprof.stats.grouping import of_agents
from latprof.stats.samples import unit_labels
from latprof.trace import Trace
from latprof.units import format_counted

__all__ = ["make_baseline", "mixture_words", "run_check"]


def run_check(trace: Trace, settings: Settings, baseline: Baseline | None = None, tz: tzinfo = UTC) -> Verdicts:
    """Hold every budget of the settings, and the baseline if there is one, against the calls.

    Raises UsageError when there is nothing to hold against them: a check of nothing would always pass.
    """
    if not settings.budgets and baseline is None:
        raise UsageError(
            "There is nothing to check: give --budget, [[budgets]] in latprof.toml, or a baseline "
            "(latprof baseline write)."
        )
    units = unit_labels(trace, independent=settings.check.alike == "call")
    outcomes: list[Outcome] = check_budgets(trace, settings.budgets, units, tz)
    notes = mixture_words(trace)
    if baseline is not None:
        compared, more = compare(trace, baseline, settings.baseline, units, tz)
        outcomes += compared
        notes += more
    sessions = len(np.unique(trace.texts["session_id"].astype(str)))
    return Verdicts(tuple(outcomes), len(trace), sessions, settings.check.strict, tuple(notes))


def mixture_words(trace: Trace) -> list[str]:
    """A sentence where calls of load generators stand among those of agents: one limit cannot fit both."""
    made = len(trace) - len(of_agents(trace))
    if made in {0, len(trace)}:
        return []
    share = f"{made:,} of {format_counted(len(trace), 'call')}"
    advice = "judge them alone, or leave them out with --agent or --trigger"
    return [f"{share} are of load generators, whose waiting follows the load that they offer: {advice}."]


def make_baseline(trace: Trace, settings: Settings, tz: tzinfo = UTC) -> Baseline:
    """The baseline that these settings ask for."""
    units = unit_labels(trace, independent=settings.check.alike == "call")
    return baseline_of(trace, settings.baseline, units, tz)
