"""Trace -> percentiles of every metric in every group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate import POOLING_CALLS
from latprof.metrics import METRICS, Metric
from latprof.model import Kind
from latprof.stats.grouping import group_rows
from latprof.stats.quantiles import min_calls, quantile_interval
from latprof.trace import Estimates, Trace

__all__ = ["DEFAULT_QUANTILES", "MetricRow", "Summary", "model_error", "one_value", "summarize", "widened"]

DEFAULT_QUANTILES: Final = (0.1, 0.5, 0.9, 0.99)
_NORMAL_95: Final = 1.96
_GOLDEN_RATIO: Final = (math.sqrt(5) - 1) / 2
# What the fitted shapes miss in the tails under laws with a known truth (bench/accuracy), as a standard error.
_TAIL_ERROR: Final = 0.025


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one kind in one group.

    `n` calls have such a value, `coverage` is their share of the group's `calls`. `quantiles`
    has None where n is too small; `refused` says then why. `borrowed`, of estimates only, is the
    share that a group of this size takes from the other calls of its models.
    """

    metric: str
    unit: str
    group: dict[str, str | None]
    kind: Kind
    n: int
    calls: int
    sessions: int
    coverage: float
    quantiles: dict[float, float | None]
    intervals: dict[float, tuple[float | None, float | None]]
    refused: dict[float, str]
    borrowed: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """All rows for one way of grouping."""

    by: tuple[str, ...]
    calls: int
    sessions: int
    rows: tuple[MetricRow, ...]


def summarize(
    trace: Trace,
    by: Sequence[str] = (),
    *,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    metrics: Sequence[Metric] = METRICS,
    tz: tzinfo = UTC,
) -> Summary:
    """Percentiles (linear between order statistics) of each metric, kind and group.

    Raises KeyError for an unknown grouping key.
    """
    labels, sessions = np.unique(trace.texts["session_id"].astype(str), return_inverse=True)
    groups = group_rows(trace, by, tz)
    rows: list[MetricRow] = []
    for metric in metrics:
        for kind, values in metric.values(trace).items():
            for key, members in groups.items():
                group = dict(zip(by, key, strict=True))
                if kind == "estimate":
                    row = _estimated_row(trace, metric, group, members, sessions, quantiles)
                else:
                    row = _row(metric, kind, group, values[members], sessions[members], quantiles)
                if row is not None:
                    rows.append(row)
    return Summary(tuple(by), len(trace), len(labels), tuple(rows))


def _row(
    metric: Metric,
    kind: Kind,
    group: dict[str, str | None],
    values: NDArray[np.float64],
    sessions: NDArray[np.int64],
    quantiles: Sequence[float],
) -> MetricRow | None:
    known = ~np.isnan(values)
    n = int(known.sum())
    if n == 0:
        return None
    order = np.argsort(values[known], kind="stable")
    ordered, members = values[known][order], sessions[known][order]
    found: dict[float, float | None] = {}
    intervals: dict[float, tuple[float | None, float | None]] = {}
    refused: dict[float, str] = {}
    for probability in quantiles:
        needed = min_calls(probability)
        if n < needed:
            found[probability], intervals[probability] = None, (None, None)
            refused[probability] = f"needs {needed} calls, has {n}"
            continue
        found[probability] = float(np.quantile(ordered, probability))
        intervals[probability] = quantile_interval(ordered, members, probability)
    return MetricRow(
        metric=metric.key,
        unit=metric.unit,
        group=group,
        kind=kind,
        n=n,
        calls=len(values),
        sessions=len(np.unique(members)),
        coverage=n / len(values),
        quantiles=found,
        intervals=intervals,
        refused=refused,
    )


def _estimated_row(
    trace: Trace,
    metric: Metric,
    group: dict[str, str | None],
    members: NDArray[np.int64],
    sessions: NDArray[np.int64],
    quantiles: Sequence[float],
) -> MetricRow | None:
    """Percentiles of the calls' posteriors taken together.

    The interval has two parts that are added as variances of the logarithm: which calls and sessions
    happened to be observed, read off one value per call, and the model's own errors.
    """
    estimates = trace.estimates
    if estimates is None:
        return None
    values = estimates.values[metric.key]
    rows = members[~np.isnan(values[members, 0])]
    if not len(rows):
        return None
    draws = values[rows, one_value(rows, values.shape[1])]
    plain = _row(metric, "estimate", group, draws, sessions[rows], quantiles)
    if plain is None:
        return None
    found: dict[float, float | None] = {}
    intervals: dict[float, tuple[float | None, float | None]] = {}
    for probability, value in plain.quantiles.items():
        if value is None:
            found[probability], intervals[probability] = None, (None, None)
            continue
        centre = float(np.quantile(values[rows], probability))
        error = model_error(estimates, metric.key, probability, rows)
        found[probability] = centre
        intervals[probability] = widened(centre, value, plain.intervals[probability], error)
    return replace(
        plain,
        calls=len(members),
        coverage=len(rows) / len(members),
        quantiles=found,
        intervals=intervals,
        borrowed=POOLING_CALLS / (len(rows) + POOLING_CALLS),
    )


def model_error(estimates: Estimates, metric: str, probability: float, rows: NDArray[np.int64]) -> float:
    """Standard error of an estimated log percentile that comes from the model, not from which calls were seen."""
    return math.hypot(estimates.error_of_log(metric, probability, rows), _TAIL_ERROR * abs(2 * probability - 1))


def one_value(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Which of a call's values stands for it: evenly spread over the calls, the same at every run.

    Multiples of the golden ratio fill the unit interval evenly (Knuth, The Art of Computer
    Programming 3, section 6.4).
    """
    return ((rows * _GOLDEN_RATIO) % 1.0 * count).astype(np.int64)


def widened(
    centre: float, drawn: float, ends: tuple[float | None, float | None], error: float
) -> tuple[float | None, float | None]:
    """The interval around `drawn` moved to `centre`, with a further error of the logarithm added."""
    reach = _NORMAL_95 * error
    low, high = ends
    down = None if low is None else math.hypot(math.log(drawn / low), reach)
    up = None if high is None else math.hypot(math.log(high / drawn), reach)
    return None if down is None else centre * math.exp(-down), None if up is None else centre * math.exp(up)
