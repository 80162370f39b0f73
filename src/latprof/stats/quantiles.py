"""A quantile and its 95 % interval when the calls come in sessions.

Calls of one session share a network, a model's busy hour, a context that grows: they are not
independent, and an interval that takes them so is too narrow (it holds the true median in 40 %
of cases where it says 95 %; see `bench/interval_coverage.py`).

The interval here holds every value x for which "x is the quantile" is not refuted by the
sessions. If x is the p-quantile, each session's score S = (its calls at or below x) - p (its
calls) has mean zero over sessions, whatever the dependence inside them, so a t test on the scores
of the G sessions decides: the idea of Woodruff (Confidence intervals for medians and other
position measures, JASA 47, 1952), to read the limits of a share on the ordered sample, with the
variance taken under the hypothesis, as score tests do (Cox and Hinkley, Theoretical Statistics,
1974, section 9.3). Sessions of very different size or level count for less than their number:
the degrees of freedom are c (sum S^2)^2 / (sum S^4) - 1, between 1 and G - 1. For scores as
regular as a normal variable c = 3 makes that G - 1; the scores of a percentile in the tail are
skewed, so c = 1 + 2 / (1 + g) with the squared skewness g = (1 - 2p)^2 / (p (1 - p)) of a share.
The outer end (below a p10, above a p90) is given only if the calls beyond the percentile come from
five sessions, counted by (sum k)^2 / (sum k^2) over their numbers of such calls: a slow session that
is not in the sample cannot be seen from it. Equal values are judged together. Nothing is
resampled: the result does not depend on a seed.

How often the interval holds the truth: `bench/interval_coverage.py`, docs/explanation/intervals.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = [
    "MIN_TAIL_CALLS",
    "MIN_TAIL_SESSIONS",
    "min_calls",
    "quantile_interval",
    "score_test_degrees",
    "student_t_quantile",
    "weighted_quantile",
]

# A percentile is shown only when this many calls are expected on its thinner side.
MIN_TAIL_CALLS: Final = 3
_MIN_SESSIONS: Final = 2
# The outer end of an interval is given only if the tail comes from so many sessions.
MIN_TAIL_SESSIONS: Final = 5
_CONFIDENCE: Final = 0.95
# The tail of an interval of that confidence as it is reckoned below, and what the standard library says of it.
_TAIL_95: Final = (2 * (1 - 0.975)) / 2
_NORMAL_95: Final = -1.9599639845400536


@lru_cache(maxsize=256)
def min_calls(probability: float) -> int:
    """Calls below which a percentile is refused: 6 for p50, 30 for p10 and p90, 300 for p99."""
    tail = min(probability, 1 - probability)
    if tail <= 0:
        return 1
    return math.ceil(round(MIN_TAIL_CALLS / tail, 6))


def weighted_quantile(
    ordered: NDArray[np.float64], probability: float, weights: NDArray[np.float64] | None = None
) -> float:
    """A quantile of values from small to large, linear between order statistics.

    With weights a value stands at the middle of its own weight, scaled so that the smallest is at 0
    and the largest at 1: equal weights give the plain quantile.
    """
    if weights is None:
        return float(np.quantile(ordered, probability))
    middle = np.cumsum(weights) - weights / 2
    span = middle[-1] - middle[0]
    if span <= 0:
        return float(ordered[0])
    return float(np.interp(probability, (middle - middle[0]) / span, ordered))


def quantile_interval(
    ordered: NDArray[np.float64],
    sessions: NDArray[np.int64],
    probability: float,
    weights: NDArray[np.float64] | None = None,
) -> tuple[float | None, float | None]:
    """The 95 % interval of a quantile.

    `ordered` holds the values from small to large, `sessions` the session's number of each, `weights`
    for how much each counts. A side that the data cannot bound is None; with one session both are.
    """
    labels, members = np.unique(sessions, return_inverse=True)
    if len(labels) < _MIN_SESSIONS or not 0 < probability < 1:
        return None, None
    n = len(ordered)
    scores = _Scores(members, np.bincount(members, weights).astype(np.float64), probability, weights)
    values, first = np.unique(ordered, return_index=True)
    last = np.append(first[1:], n)
    centre = weighted_quantile(ordered, probability, weights)
    low = high = None
    thin = scores.tail_sessions(int(np.searchsorted(ordered, centre, "right"))) < MIN_TAIL_SESSIONS
    if scores.too_few(0) and not (thin and probability <= 0.5):
        low = float(values[_first_true(lambda i: not scores.too_few(int(last[i])), len(values))])
    if scores.too_many(n) and not (thin and probability >= 0.5):
        back = _first_true(lambda i: not scores.too_many(int(first[-1 - i])), len(values))
        high = float(values[-1 - back])
    return None if low is None else min(low, centre), None if high is None else max(high, centre)


@dataclass(frozen=True, slots=True)
class _Scores:
    """The test whether a number of the smallest calls can be those at or below the quantile."""

    members: NDArray[np.int64]
    sizes: NDArray[np.float64]
    probability: float
    weights: NDArray[np.float64] | None = None

    def too_few(self, rank: int) -> bool:
        """Whether the first `rank` calls are significantly fewer than the share of the quantile."""
        total, limit = self._test(rank)
        return total < -limit

    def too_many(self, rank: int) -> bool:
        """Whether they are significantly more."""
        total, limit = self._test(rank)
        return total > limit

    def tail_sessions(self, rank: int) -> float:
        """How many sessions the calls beyond the quantile come from: (sum k)^2 / (sum k^2)."""
        below = self._below(rank)
        tail = below if self.probability < 0.5 else self.sizes - below
        squares = float(tail @ tail)
        return float(tail.sum()) ** 2 / squares if squares else 0.0

    def _below(self, rank: int) -> NDArray[np.float64]:
        """What of each session's weight the first `rank` calls hold."""
        weights = None if self.weights is None else self.weights[:rank]
        return np.bincount(self.members[:rank], weights, minlength=len(self.sizes)).astype(np.float64)

    def _test(self, rank: int) -> tuple[float, float]:
        """The sum of the sessions' scores, and how far from 0 it may lie by chance."""
        sessions, p = len(self.sizes), self.probability
        score = self._below(rank) - p * self.sizes
        total, squared = float(score.sum()), score * score
        squares = float(squared.sum())
        variance = (squares * sessions - total * total) / (sessions - 1)
        if variance <= 0:
            return total, 0.0
        fourth, count = np.array([float(squared @ squared)]), np.array([sessions])
        degrees = int(score_test_degrees(np.array([p]), np.array([squares]), fourth, count)[0])
        return total, student_t_quantile(0.5 + _CONFIDENCE / 2, degrees) * math.sqrt(variance)


def score_test_degrees(
    probability: NDArray[np.float64],
    squares: NDArray[np.float64],
    fourth: NDArray[np.float64],
    sessions: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Degrees of freedom of score tests, from the sums of the scores' squares and fourth powers over sessions."""
    skew = (1 - 2 * probability) ** 2 / (probability * (1 - probability))
    effective = (1 + 2 / (1 + skew)) * squares**2 / np.maximum(fourth, 1e-300)
    return np.rint(np.minimum(np.maximum(effective - 1, 1), sessions - 1)).astype(np.int64)


def _first_true(holds: Callable[[int], bool], count: int) -> int:
    """The smallest index at which a condition holds that never ceases to hold; the last if it never does."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _lower_normal_quantile(probability: float) -> float:
    """Quantile of the standard normal distribution."""
    if probability == _TAIL_95:
        return _NORMAL_95
    # Loads fractions and decimals, too.
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def student_t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t; error below 0.1 % at 0.975 (tested against tables).

    One and two degrees in closed form; else Hill's expansion (G. W. Hill, Algorithm 396,
    Communications of the ACM 13, 1970).
    """
    tail = 2 * (1 - probability)
    if degrees == 1:
        return 1 / math.tan(math.pi * tail / 2)
    if degrees == 2:
        return math.sqrt(2 / (tail * (2 - tail)) - 2)
    a = 1 / (degrees - 0.5)
    b = 48 / (a * a)
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * degrees
    y = (d * tail) ** (2 / degrees)
    if y > 0.05 + a:
        x = _lower_normal_quantile(tail / 2)
        y = x * x
        if degrees < 5:
            c += 0.3 * (degrees - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        y = ((1 / (((degrees + 6) / (degrees * y) - 0.089 * d - 0.822) * (degrees + 2) * 3)
              + 0.5 / (degrees + 4)) * y - 1) * (degrees + 1) / (degrees + 2) + 1 / y  # fmt: skip
    return math.sqrt(degrees * y)
