"""Trace -> percentiles of every metric in every group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.metrics import METRICS, Metric
from latprof.model import Kind
from latprof.stats.grouping import group_rows
from latprof.stats.quantiles import min_calls, quantile_interval
from latprof.trace import Trace

__all__ = ["DEFAULT_QUANTILES", "MetricRow", "Summary", "summarize"]

DEFAULT_QUANTILES: Final = (0.1, 0.5, 0.9, 0.99)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one kind in one group.

    `n` calls have such a value, `coverage` is their share of the group's `calls`. `quantiles`
    has None where n is too small; `refused` says then why.
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
