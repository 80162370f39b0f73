"""Trace -> percentiles of every metric in every group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.metrics import METRICS, Metric
from latprof.model import Kind
from latprof.stats.grouping import group_rows
from latprof.stats.intervals import Interval, Ordered, quantile_intervals, quantiles_of
from latprof.stats.quantiles import min_calls
from latprof.trace import Estimates, Trace

__all__ = ["DEFAULT_QUANTILES", "MetricRow", "Summary", "model_error", "one_value", "summaries", "summarize", "widened"]

DEFAULT_QUANTILES: Final = (0.1, 0.5, 0.9, 0.99)
# Numbers of so many groups are sorted in one pass.
_FEW_GROUPS: Final = 1 << 15
# Intervals of so many values are sought together: fewer and longer steps.
_TOGETHER: Final = 300_000
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
    waiting: list[tuple[list[MetricRow], Metric, Kind, list[_Part]]] = []
    values_waiting = 0
    for metric in metrics:
        for kind, values in metric.values(trace).items():
            single = _drawn(trace, metric) if kind == "estimate" else values
            order: NDArray[Any] = np.argsort(single)  # NaN comes last; ties may stand in any order
            known = len(order) - int(np.isnan(single).sum())
            order = order[:known].astype(np.int32)
            waiting += [(rows, metric, kind, cut.parts(order, single)) for rows, cut in zip(found, cuts, strict=True)]
            values_waiting += len(order) * len(cuts)
            if values_waiting > _TOGETHER:
                _settle(trace.estimates, waiting, quantiles)
                waiting, values_waiting = [], 0
    _settle(trace.estimates, waiting, quantiles)
    return [Summary(tuple(by), len(trace), len(labels), tuple(rows)) for by, rows in zip(groupings, found, strict=True)]


def _settle(
    estimates: Estimates | None,
    waiting: Sequence[tuple[list[MetricRow], Metric, Kind, list[_Part]]],
    quantiles: Sequence[float],
) -> None:
    """Make the rows of some metrics, and put them where they belong."""
    samples = [part.sample for *_, items in waiting for part in items]
    shown = [_enough(quantiles, len(sample.values)) for sample in samples]
    values = [quantiles_of(sample.values, asked) for sample, asked in zip(samples, shown, strict=True)]
    figures = iter(zip(shown, values, quantile_intervals(samples, shown, values), strict=True))
    for rows, metric, kind, items in waiting:
        for part in items:
            asked, own, ends = next(figures)
            row = _row(
                metric, kind, part, quantiles, dict(zip(asked, zip(own.tolist(), ends, strict=True), strict=True))
            )
            rows.append(_with_model(estimates, metric, row, part.rows.astype(np.int64)) if kind == "estimate" else row)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one group has of a metric: `rows` of the trace from the smallest value to the largest, of all `calls`."""

    group: dict[str, str | None]
    calls: int
    rows: NDArray[np.int32]
    sample: Ordered


@dataclass(frozen=True, slots=True)
class _Cut:
    """A trace cut into groups.

    `number` is each call's group and `pair` its session in that group, counted over all groups; the pairs of
    a group begin at `starts`, whose last item counts all pairs.
    """

    keys: tuple[dict[str, str | None], ...]
    sizes: NDArray[np.int64]
    number: NDArray[np.int64]
    pair: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, trace: Trace, by: Sequence[str], sessions: NDArray[np.int64], tz: tzinfo) -> _Cut:
        """The cut by some keys."""
        groups = group_rows(trace, by, tz)
        number = np.zeros(len(trace), dtype=np.int64)
        for place, rows in enumerate(groups.values()):
            number[rows] = place
        width = int(sessions.max(initial=0)) + 1
        pairs, pair = np.unique(number * width + sessions, return_inverse=True)
        return cls(
            tuple(dict(zip(by, key, strict=True)) for key in groups),
            np.array([len(rows) for rows in groups.values()], dtype=np.int64),
            number.astype(np.int16 if len(groups) < _FEW_GROUPS else np.int64),
            pair.astype(np.int32),
            np.searchsorted(pairs // width, np.arange(len(groups) + 1)),
        )

    def parts(self, order: NDArray[np.int32], values: NDArray[np.float64]) -> list[_Part]:
        """The groups that have any of the calls, which are given from the smallest value to the largest."""
        own = self.number[order]
        rows = order[np.argsort(own, kind="stable")] if len(self.keys) > 1 else order
        ends = np.cumsum(np.bincount(own, minlength=len(self.keys))).tolist()
        pairs, sorted_values = self.pair[rows], values[rows]
        present = np.zeros(self.starts[-1] + 1, dtype=np.int32)
        present[1:][pairs] = 1
        # How many sessions with such calls there are before each pair.
        before = np.cumsum(present, dtype=np.int32)
        sessions = before[pairs]
        found, begin = [], 0
        for place, end in enumerate(ends):
            if end > begin:
                first, last = before[self.starts[place]], before[self.starts[place + 1]]
                sample = Ordered(sorted_values[begin:end], sessions[begin:end] - first, int(last - first))
                found.append(_Part(self.keys[place], int(self.sizes[place]), rows[begin:end], sample))
            begin = end
        return found


def _enough(quantiles: Sequence[float], n: int) -> list[float]:
    return [probability for probability in dict.fromkeys(quantiles) if n >= min_calls(probability)]


def _row(
    metric: Metric,
    kind: Kind,
    part: _Part,
    quantiles: Sequence[float],
    figures: dict[float, tuple[float, Interval]],
) -> MetricRow:
    """The row; `figures` are the quantiles that there are calls enough for, with their intervals."""
    n = len(part.rows)
    nothing = None, (None, None)
    return MetricRow(
        metric=metric.key,
        unit=metric.unit,
        group=part.group,
        kind=kind,
        n=n,
        calls=part.calls,
        sessions=part.sample.count,
        coverage=n / part.calls,
        quantiles={probability: figures.get(probability, nothing)[0] for probability in quantiles},
        intervals={probability: figures.get(probability, nothing)[1] for probability in quantiles},
        refused={
            probability: f"needs {min_calls(probability)} calls, has {n}"
            for probability in quantiles
            if probability not in figures
        },
    )


def _drawn(trace: Trace, metric: Metric) -> NDArray[np.float64]:
    """One value for each call that has an estimate."""
    if trace.estimates is None:
        return np.full(len(trace), np.nan)
    values, every = trace.estimates.values[metric.key], np.arange(len(trace))
    return values[every, one_value(every, values.shape[1])].astype(np.float64)


def _with_model(estimates: Estimates | None, metric: Metric, row: MetricRow, rows: NDArray[np.int64]) -> MetricRow:
    """Percentiles of the calls' posteriors taken together.

    The interval has two parts that are added as variances of the logarithm: which calls and sessions
    happened to be observed, read off one value per call, and the model's own errors.
    """
    if estimates is None:
        return row
    shown = [probability for probability, value in row.quantiles.items() if value is not None]
    values = estimates.values_of(metric.key, None if len(rows) == len(estimates.group) else rows).reshape(-1)
    values.sort()
    centres = quantiles_of(values, shown).tolist()
    found, intervals = dict(row.quantiles), dict(row.intervals)
    errors = estimates.errors_of_log(metric.key, shown, rows)
    for probability, centre, model in zip(shown, centres, errors, strict=True):
        error = _with_tail(model, probability)
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
