"""Trace -> percentiles of every metric in every group."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.metrics import METRICS, Metric
from latprof.model import Kind
from latprof.stats.cuts import Column, Cut, Cuts, Part, drawn, parts_of
from latprof.stats.quantiles import min_calls
from latprof.trace import Estimates, Trace
from latprof.trace.pool import numbered

__all__ = [
    "DEFAULT_QUANTILES",
    "MetricRow",
    "Summary",
    "Wanted",
    "model_error",
    "summaries",
    "summarize",
    "widened",
]

# Whether a grouping's rows of a metric and a kind are wanted.
Wanted = Callable[[tuple[str, ...], Metric, Kind], bool]
DEFAULT_QUANTILES: Final = (0.1, 0.5, 0.9, 0.99)
_NORMAL_95: Final = 1.96
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
    """All rows for one way of grouping; `groups` has the calls of each group."""

    by: tuple[str, ...]
    calls: int
    sessions: int
    rows: tuple[MetricRow, ...]
    groups: Mapping[tuple[str | None, ...], int]


def summarize(
    trace: Trace,
    by: Sequence[str] = (),
    *,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    metrics: Sequence[Metric] = METRICS,
    tz: tzinfo = UTC,
    wanted: Wanted | None = None,
) -> Summary:
    """Percentiles (linear between order statistics) of each metric, kind and group.

    Raises KeyError for an unknown grouping key, ValueError for a quantile that is not between 0 and 1.
    """
    return summaries(trace, (by,), quantiles=quantiles, metrics=metrics, tz=tz, wanted=wanted)[0]


def summaries(
    trace: Trace,
    groupings: Sequence[Sequence[str]],
    *,
    quantiles: Sequence[float] = DEFAULT_QUANTILES,
    metrics: Sequence[Metric] = METRICS,
    tz: tzinfo = UTC,
    wanted: Wanted | None = None,
    bounded: Collection[float] | None = None,
) -> list[Summary]:
    """`summarize` for several groupings, which share most of the work. Raises as it does.

    Only rows that are `wanted` are worked out, and intervals only of the quantiles that are to be `bounded`; all where
    None.
    """
    every = tuple(map(tuple, groupings))
    codes, names = trace.codes("session_id")
    labels, sessions = numbered(codes, len(names))
    cuts = Cuts.of(trace, groupings, sessions, len(labels), tz)
    found: list[list[MetricRow]] = [[] for _ in cuts.each]
    begun: deque[tuple[Metric, Kind, NDArray[np.bool_] | None]] = deque()

    def columns() -> Iterator[Column]:
        for metric in metrics:
            values = metric.values(trace)
            for kind in values:
                chosen = tuple(n for n, by in enumerate(every) if wanted is None or wanted(by, metric, kind))
                if not chosen:
                    continue
                column = _drawn(trace, metric) if kind == "estimate" else Column(values[kind])
                begun.append((metric, kind, ~np.isnan(column.values) if kind == "estimate" else None))
                yield replace(column, cuts=chosen)

    shares = _Shares(cuts)
    for parts, centres in parts_of(columns(), cuts, quantiles, bounded):
        metric, kind, known = begun.popleft()
        if known is not None and trace.estimates is not None:
            parts = _with_models(trace.estimates, metric, shares, known, parts, centres)  # noqa: PLW2901 - the same
        for rows, cut, own in zip(found, cuts.each, parts, strict=True):
            rows += [_row(metric, kind, cut, part, quantiles) for part in own]
    return [
        Summary(by, len(trace), len(labels), tuple(rows), _groups(cut))
        for by, rows, cut in zip(every, found, cuts.each, strict=True)
    ]


def _groups(cut: Cut) -> dict[tuple[str | None, ...], int]:
    return dict(zip((tuple(key.values()) for key in cut.keys), cut.sizes.tolist(), strict=True))


def _row(metric: Metric, kind: Kind, cut: Cut, part: Part, quantiles: Sequence[float]) -> MetricRow:
    n, calls, figures = part.n, int(cut.sizes[part.place]), part.figures
    shown = [(probability, figures.get(probability)) for probability in quantiles]
    return MetricRow(
        metric=metric.key,
        unit=metric.unit,
        group=cut.keys[part.place],
        kind=kind,
        n=n,
        calls=calls,
        sessions=part.sessions,
        coverage=n / calls,
        quantiles={probability: None if figure is None else figure[0] for probability, figure in shown},
        intervals={probability: (None, None) if figure is None else figure[1] for probability, figure in shown},
        refused={
            probability: f"needs {min_calls(probability)} calls, has {n}"
            for probability, figure in shown
            if figure is None
        },
        borrowed=_borrowed(n) if kind == "estimate" else None,
    )


def _borrowed(n: int) -> float:
    """The share that the estimates of a group of so many calls take from other calls."""
    # The estimator is loaded where there are estimates, and not to start.
    from latprof.estimate import POOLING_CALLS

    return POOLING_CALLS / (n + POOLING_CALLS)


def _drawn(trace: Trace, metric: Metric) -> Column:
    """One value for each call that has an estimate."""
    if trace.estimates is None or trace.estimates.says_nothing(metric.key):
        return Column(np.full(len(trace), np.nan))
    values = trace.estimates.values[metric.key]
    return Column(drawn(values, trace.estimates.group), values)


def _with_models(
    estimates: Estimates, metric: Metric, shares: _Shares, known: NDArray[np.bool_], parts: Sequence[Sequence[Part]],
    centres: Sequence[Sequence[Mapping[float, float]]],
) -> list[list[Part]]:  # fmt: skip
    """The parts with percentiles of the calls' posteriors taken together, which are the `centres`.

    `known` are the calls that have estimates.
    """
    if not centres:
        return [list(own) for own in parts]
    listed = zip(shares.cuts.each, shares.of(estimates, known), parts, centres, strict=True)
    return [
        [
            _with_model(estimates, metric, part, counts[part.place], centre)
            for part, centre in zip(own, middle, strict=True)
        ]
        for _, counts, own, middle in listed
    ]


@dataclass(slots=True)
class _Shares:
    """How many calls of each group of some cuts are of which group of the estimates."""

    cuts: Cuts
    _known: NDArray[np.bool_] | None = None
    _found: Sequence[NDArray[np.int64]] = ()

    def of(self, estimates: Estimates, known: NDArray[np.bool_]) -> Sequence[NDArray[np.int64]]:
        """Of the `known` calls, for each cut (groups, models); most metrics are known of the same ones."""
        if self._known is None or not np.array_equal(self._known, known):
            self._known, self._found = known, self._counted(estimates, known)
        return self._found

    def _counted(self, estimates: Estimates, known: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
        cuts, own = self.cuts, estimates.group + 1
        cells, many = len(cuts.joint), int(own.max(initial=0)) + 1
        if cells * many > len(own):  # such as a session for each call
            joint = cuts.joint.take(cuts.cell.compress(known))
            by_joint = np.bincount(joint * many + own.compress(known), minlength=cuts.count * many)
        else:
            place = cuts.cell * many + own
            by_cell = np.bincount(place, minlength=cells * many)
            # Most often nearly all are known, and few are to be taken off again.
            by_cell -= np.bincount(place[~known], minlength=cells * many)
            by_joint = np.zeros((cuts.count, many), dtype=np.int64)
            np.add.at(by_joint, cuts.joint, by_cell.reshape(cells, many))
        table = by_joint.reshape(cuts.count, many)
        found = []
        for cut in cuts.each:
            counts = np.zeros((len(cut.keys), many), dtype=np.int64)
            np.add.at(counts, cut.number, table)
            found.append(counts[:, 1:])
        return found


def _with_model(
    estimates: Estimates, metric: Metric, part: Part, counts: NDArray[np.int64], centres: Mapping[float, float]
) -> Part:
    """Percentiles of the calls' posteriors taken together.

    The interval has two parts that are added as variances of the logarithm: which calls and sessions
    happened to be observed, read off one value per call, and the model's own errors.
    """
    errors = estimates.errors_of_counts(metric.key, list(part.figures), counts)
    figures = {}
    for (probability, (value, ends)), error in zip(part.figures.items(), errors, strict=True):
        centre = centres[probability]
        figures[probability] = centre, widened(centre, value, ends, _with_tail(error, probability))
    return replace(part, figures=figures)


def model_error(estimates: Estimates, metric: str, probability: float, rows: NDArray[np.int64]) -> float:
    """Standard error of an estimated log percentile that comes from the model, not from which calls were seen."""
    return _with_tail(estimates.error_of_log(metric, probability, rows), probability)


def _with_tail(error: float, probability: float) -> float:
    return math.hypot(error, _TAIL_ERROR * abs(2 * probability - 1))


def widened(
    centre: float, drawn: float, ends: tuple[float | None, float | None], error: float
) -> tuple[float | None, float | None]:
    """The interval around `drawn` moved to `centre`, with a further error of the logarithm added."""
    reach = _NORMAL_95 * error
    low, high = ends
    down = None if low is None else math.hypot(math.log(drawn / low), reach)
    up = None if high is None else math.hypot(math.log(high / drawn), reach)
    return None if down is None else centre * math.exp(-down), None if up is None else centre * math.exp(up)
