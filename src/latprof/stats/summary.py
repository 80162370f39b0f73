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
from latprof.stats.intervals import Interval, Ordered, quantile_intervals, quantiles_of
from latprof.stats.quantiles import min_calls
from latprof.trace import Estimates, Trace

__all__ = ["DEFAULT_QUANTILES", "MetricRow", "Summary", "model_error", "one_value", "summaries", "summarize", "widened"]

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
    return summaries(trace, (by,), quantiles=quantiles, metrics=metrics, tz=tz)[0]


def summaries(
    trace: Trace,
    groupings: Sequence[Sequence[str]],
    *,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    metrics: Sequence[Metric] = METRICS,
    tz: tzinfo = UTC,
) -> list[Summary]:
    """`summarize` for several groupings, which share most of the work. Raises as it does."""
    labels, sessions = np.unique(trace.codes("session_id").codes, return_inverse=True)
    cuts = [_Cut.of(trace, by, sessions, tz) for by in groupings]
    found: list[list[MetricRow]] = [[] for _ in cuts]
    for metric in metrics:
        for kind, values in metric.values(trace).items():
            for place, cut in enumerate(cuts):
                if kind == "estimate":
                    found[place] += _estimated_rows(trace, metric, cut, quantiles)
                else:
                    found[place] += _rows(metric, kind, values, cut, quantiles)
    return [Summary(tuple(by), len(trace), len(labels), tuple(rows)) for by, rows in zip(groupings, found, strict=True)]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A trace cut into groups: their keys, the rows of each, and the number of each call's session in its group."""

    keys: tuple[dict[str, str | None], ...]
    members: tuple[NDArray[np.int64], ...]
    sessions: NDArray[np.int64]

    @classmethod
    def of(cls, trace: Trace, by: Sequence[str], sessions: NDArray[np.int64], tz: tzinfo) -> _Cut:
        groups = group_rows(trace, by, tz)
        keys = tuple(dict(zip(by, key, strict=True)) for key in groups)
        return cls(keys, tuple(groups.values()), sessions)

    def sample(self, rows: NDArray[np.int64], values: NDArray[np.float64]) -> Ordered:
        """The values of some calls of one group from small to large; ties may stand in any order."""
        order = np.argsort(values)
        own = self.sessions[rows[order]]
        present = np.zeros(int(own.max()) + 1 if len(own) else 0, dtype=np.int64)
        present[own] = 1
        return Ordered(values[order], (np.cumsum(present) - 1)[own])


def _rows(
    metric: Metric, kind: Kind, values: NDArray[np.float64], cut: _Cut, quantiles: Sequence[float]
) -> list[MetricRow]:
    known = ~np.isnan(values)
    parts = [(group, rows, rows[known[rows]]) for group, rows in zip(cut.keys, cut.members, strict=True)]
    parts = [part for part in parts if len(part[2])]
    samples = [cut.sample(rows, values[rows]) for _, _, rows in parts]
    shown = [_enough(quantiles, len(rows)) for _, _, rows in parts]
    ends = quantile_intervals(samples, shown)
    return [
        _row(metric, kind, group, len(members), sample, quantiles, dict(zip(asked, intervals, strict=True)))
        for (group, members, _), sample, asked, intervals in zip(parts, samples, shown, ends, strict=True)
    ]


def _enough(quantiles: Sequence[float], n: int) -> list[float]:
    return [probability for probability in dict.fromkeys(quantiles) if n >= min_calls(probability)]


def _row(
    metric: Metric,
    kind: Kind,
    group: dict[str, str | None],
    calls: int,
    sample: Ordered,
    quantiles: Sequence[float],
    intervals: dict[float, Interval],
) -> MetricRow:
    n = len(sample.values)
    shown = list(intervals)
    values = dict(zip(shown, quantiles_of(sample.values, shown).tolist(), strict=True))
    return MetricRow(
        metric=metric.key,
        unit=metric.unit,
        group=group,
        kind=kind,
        n=n,
        calls=calls,
        sessions=sample.count,
        coverage=n / calls,
        quantiles={probability: values.get(probability) for probability in quantiles},
        intervals={probability: intervals.get(probability, (None, None)) for probability in quantiles},
        refused={
            probability: f"needs {min_calls(probability)} calls, has {n}"
            for probability in quantiles
            if probability not in values
        },
    )


def _estimated_rows(trace: Trace, metric: Metric, cut: _Cut, quantiles: Sequence[float]) -> list[MetricRow]:
    """Percentiles of the calls' posteriors taken together.

    The interval has two parts that are added as variances of the logarithm: which calls and sessions
    happened to be observed, read off one value per call, and the model's own errors.
    """
    estimates = trace.estimates
    if estimates is None:
        return []
    values = estimates.values[metric.key]
    every = np.arange(len(values))
    drawn = values[every, one_value(every, values.shape[1])].astype(np.float64)
    rows = []
    members = dict(zip(map(id, cut.keys), cut.members, strict=True))
    for plain in _rows(metric, "estimate", drawn, cut, quantiles):
        chosen = members[id(plain.group)]
        chosen = chosen[~np.isnan(drawn[chosen])]
        shown = [probability for probability, value in plain.quantiles.items() if value is not None]
        centres = quantiles_of(np.sort(values[chosen].ravel()), shown).tolist()
        found, intervals = dict(plain.quantiles), dict(plain.intervals)
        for probability, centre in zip(shown, centres, strict=True):
            error = model_error(estimates, metric.key, probability, chosen)
            intervals[probability] = widened(centre, found[probability] or 0.0, plain.intervals[probability], error)
            found[probability] = centre
        borrowed = POOLING_CALLS / (len(chosen) + POOLING_CALLS)
        rows.append(replace(plain, quantiles=found, intervals=intervals, borrowed=borrowed))
    return rows


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
