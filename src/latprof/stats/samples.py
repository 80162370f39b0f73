"""A sample of one metric and one kind, and percentiles of it that know how sure they are.

The same rules as in `summary`: percentiles are refused below `min_calls`, intervals respect
sessions, and those of estimates hold the model's own error. Calls may have weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.metrics import Metric
from latprof.model import Kind
from latprof.stats.cuts import one_value
from latprof.stats.quantiles import min_calls, quantile_interval, weighted_quantile
from latprof.stats.summary import model_error, widened
from latprof.trace import Trace

__all__ = ["Figure", "Sample", "best_kind", "samples", "unit_labels"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

# An exact sample stands for all when it holds nearly all calls that an estimate would hold.
_NEARLY_ALL: Final = 0.9


@dataclass(frozen=True, slots=True)
class Figure:
    """A percentile of `n` calls in `sessions` sessions with its 95 % interval.

    `value` is None where there are too few calls, and `refused` says so; an end is None where
    the data do not bound it. `of` names the percentile by its probability.
    """

    of: float
    value: float | None
    low: float | None
    high: float | None
    n: int
    sessions: int
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """Values (n, k) of n calls, k of equal weight for each; `drawn` (n) has one for each.

    `error` gives the standard error of a log percentile that comes from a model alone.
    """

    metric: Metric
    kind: Kind
    rows: _Ints
    values: _Floats
    drawn: _Floats
    sessions: _Ints
    error: Callable[[float], float]
    weights: _Floats | None = None

    def __len__(self) -> int:
        return len(self.drawn)

    @property
    def effective(self) -> float:
        """How many calls of equal weight say as much: (sum w)^2 / sum w^2 (Kish, Survey Sampling, 1965)."""
        if self.weights is None:
            return float(len(self.drawn))
        total = float(self.weights.sum())
        return total * total / float(self.weights @ self.weights) if total else 0.0

    def percentile(self, probability: float, *, least: int = 0) -> Figure:
        """The percentile; refused below `min_calls` or `least` calls."""
        n, sessions = len(self), len(np.unique(self.sessions))
        needed = max(min_calls(probability), least)
        if self.effective < needed:
            like = "" if self.weights is None else ", matched they count like"
            has = f"{n}{like} {self.effective:.0f}" if like else str(n)
            return Figure(probability, None, None, None, n, sessions, f"needs {needed} calls, has {has}")
        order = np.argsort(self.drawn, kind="stable")
        weights = None if self.weights is None else self.weights[order]
        ordered = self.drawn[order]
        value = weighted_quantile(ordered, probability, weights)
        ends = quantile_interval(ordered, self.sessions[order], probability, weights)
        if self.kind == "estimate":
            centre = self._of_all(probability)
            ends, value = widened(centre, value, ends, self.error(probability)), centre
        return Figure(probability, value, *ends, n, sessions)

    def _of_all(self, probability: float) -> float:
        """The percentile over all values of all calls."""
        flat = self.values.ravel()
        order = np.argsort(flat, kind="stable")
        weights = None if self.weights is None else np.repeat(self.weights, self.values.shape[1])[order]
        return weighted_quantile(flat[order], probability, weights)


def samples(
    trace: Trace, metric: Metric, units: _Ints, weights: _Floats | None = None, rows: _Ints | None = None
) -> dict[Kind, Sample]:
    """The metric's sample of each kind that has calls.

    `units` (calls) numbers what calls are alike in, mostly sessions; `weights` (calls) may be given,
    calls of weight 0 are left out; `rows` takes some calls only.
    """
    chosen = np.arange(len(trace)) if rows is None else rows
    if weights is not None:
        chosen = chosen[weights[chosen] > 0]
    found = {}
    for kind, column in metric.values(trace).items():
        sample = _sample(trace, metric, kind, column, chosen)
        if sample is not None:
            own = sample.rows
            found[kind] = Sample(
                metric, kind, own, sample.values, sample.drawn, units[own], sample.error,
                None if weights is None else weights[own],
            )  # fmt: skip
    return found


def _sample(trace: Trace, metric: Metric, kind: Kind, column: _Floats, chosen: _Ints) -> Sample | None:
    rows = chosen[~np.isnan(column[chosen])]
    if not len(rows):
        return None
    estimates = trace.estimates
    if kind != "estimate" or estimates is None:
        plain = column[rows]
        return Sample(metric, kind, rows, plain[:, None], plain, rows, lambda _: 0.0)
    values = estimates.values_of(metric.key, rows)
    return Sample(
        metric,
        kind,
        rows,
        values,
        values[np.arange(len(rows)), one_value(estimates.numbers()[rows], values.shape[1])],
        rows,
        lambda probability: model_error(estimates, metric.key, probability, rows),
    )


def best_kind(kinds: Sequence[dict[Kind, Sample]]) -> Kind | None:
    """The kind in which all of these can be compared: exact, else estimate, else bound; never two kinds.

    Exact stands before estimate only where it holds nearly all calls: those with a stated first
    token are no random choice.
    """
    common = [kind for kind in kinds[0] if kind != "as_logged" and all(kind in item for item in kinds)] if kinds else []
    if "exact" in common and "estimate" in common:
        nearly = all(len(item["exact"]) >= _NEARLY_ALL * len(item["estimate"]) for item in kinds)
        return "exact" if nearly else "estimate"
    if "exact" in common and "bound" in common:
        both: tuple[Kind, ...] = ("exact", "bound")
        return max(both, key=lambda kind: min(len(item[kind]) for item in kinds))
    return common[0] if common else None


def unit_labels(trace: Trace, *, independent: bool = False) -> _Ints:
    """The number of each call's session (calls); a number of its own for each where calls are independent."""
    if independent:
        return np.arange(len(trace))
    return np.unique(trace.texts["session_id"].astype(str), return_inverse=True)[1].astype(np.int64)
