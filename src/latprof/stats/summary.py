"""Trace -> percentiles of every metric in every group."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.metrics import METRICS, Metric
from latprof.model import Kind
from latprof.stats.cuts import Column, Cut, Part, parts_of
from latprof.stats.quantiles import min_calls
from latprof.trace import Estimates, Trace
from latprof.trace.pool import numbered

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
    codes, names = trace.codes("session_id")
    labels, sessions = numbered(codes, len(names))
    cuts = [Cut.of(trace, by, sessions, len(labels), tz) for by in groupings]
    found: list[list[MetricRow]] = [[] for _ in cuts]
    begun: deque[tuple[Metric, Kind]] = deque()

    def columns() -> Iterator[Column]:
        for metric in metrics:
            values = metric.values(trace)
            for kind in values:
                begun.append((metric, kind))
                yield _drawn(trace, metric) if kind == "estimate" else Column(values[kind])

    for every, centres in parts_of(columns(), cuts, quantiles):
        metric, kind = begun.popleft()
        made = [
            [_row(metric, kind, cut, part, quantiles) for part in parts] for cut, parts in zip(cuts, every, strict=True)
        ]
        if kind == "estimate" and trace.estimates is not None:
            made = _with_models(trace.estimates, metric, every, made, centres, quantiles)
        found = [[*rows, *own] for rows, own in zip(found, made, strict=True)]
    return [Summary(tuple(by), len(trace), len(labels), tuple(rows)) for by, rows in zip(groupings, found, strict=True)]


def _row(metric: Metric, kind: Kind, cut: Cut, part: Part, quantiles: Sequence[float]) -> MetricRow:
    n, calls, figures = len(part.rows), int(cut.sizes[part.place]), part.figures
    nothing = None, (None, None)
    return MetricRow(
        metric=metric.key,
        unit=metric.unit,
        group=cut.keys[part.place],
        kind=kind,
        n=n,
        calls=calls,
        sessions=part.sessions,
        coverage=n / calls,
        quantiles={probability: figures.get(probability, nothing)[0] for probability in quantiles},
        intervals={probability: figures.get(probability, nothing)[1] for probability in quantiles},
        refused={
            probability: f"needs {min_calls(probability)} calls, has {n}"
            for probability in quantiles
            if probability not in figures
        },
    )


def _drawn(trace: Trace, metric: Metric) -> Column:
    """One value for each call that has an estimate."""
    if trace.estimates is None or trace.estimates.says_nothing(metric.key):
        return Column(np.full(len(trace), np.nan))
    values, rows = trace.estimates.values[metric.key], np.arange(len(trace))
    return Column(values[rows, one_value(rows, values.shape[1])].astype(np.float64), values)


def _with_models(
    estimates: Estimates,
    metric: Metric,
    every: Sequence[Sequence[Part]],
    made: Sequence[Sequence[MetricRow]],
    centres: Iterable[NDArray[np.float64]],
    quantiles: Sequence[float],
) -> list[list[MetricRow]]:
    """The rows with percentiles of the calls' posteriors taken together, which are the `centres`."""
    asked, left = list(dict.fromkeys(quantiles)), iter(centres)
    return [
        [
            _with_model(estimates, metric, row, part.rows, dict(zip(asked, next(left).tolist(), strict=True)))
            for row, part in zip(rows, parts, strict=True)
        ]
        for rows, parts in zip(made, every, strict=True)
    ]


def _with_model(
    estimates: Estimates, metric: Metric, row: MetricRow, rows: NDArray[np.int32], centres: Mapping[float, float]
) -> MetricRow:
    """Percentiles of the calls' posteriors taken together.

    The interval has two parts that are added as variances of the logarithm: which calls and sessions
    happened to be observed, read off one value per call, and the model's own errors.
    """
    shown = [probability for probability, value in row.quantiles.items() if value is not None]
    found, intervals = dict(row.quantiles), dict(row.intervals)
    errors = estimates.errors_of_log(metric.key, shown, rows.astype(np.int64))
    for probability, model in zip(shown, errors, strict=True):
        centre, error = centres[probability], _with_tail(model, probability)
        intervals[probability] = widened(centre, found[probability] or 0.0, row.intervals[probability], error)
        found[probability] = centre
    # The estimator is loaded where there are estimates, and not to start.
    from latprof.estimate import POOLING_CALLS

    return replace(row, quantiles=found, intervals=intervals, borrowed=POOLING_CALLS / (len(rows) + POOLING_CALLS))


def model_error(estimates: Estimates, metric: str, probability: float, rows: NDArray[np.int64]) -> float:
    """Standard error of an estimated log percentile that comes from the model, not from which calls were seen."""
    return _with_tail(estimates.error_of_log(metric, probability, rows), probability)


def _with_tail(error: float, probability: float) -> float:
    return math.hypot(error, _TAIL_ERROR * abs(2 * probability - 1))


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
