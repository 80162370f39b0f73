"""The plots of a report: each from figures that the tables have too, with its words and its table."""

from __future__ import annotations

from latprof.report.plots.budget import budget_plot, people_plot
from latprof.report.plots.context import context_plots
from latprof.report.plots.effects import effects_plot
from latprof.report.plots.spread import spread_plots
from latprof.report.plots.subject import Subject, by_model, subjects
from latprof.report.plots.when import heat_plot, trend_plot

__all__ = [
    "Subject",
    "budget_plot",
    "by_model",
    "context_plots",
    "effects_plot",
    "heat_plot",
    "people_plot",
    "spread_plots",
    "subjects",
    "trend_plot",
]
