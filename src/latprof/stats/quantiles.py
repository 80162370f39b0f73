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
With few sessions the limit may grow so fast with the rank that a rank beyond a refuted one is not:
the ends are the outermost that are not, so that nothing the test allows is left out.
The outer end (below a p10, above a p90) is given only if the calls beyond the percentile come from
five sessions, counted by (sum k)^2 / (sum k^2) over their numbers of such calls: a slow session that
is not in the sample cannot be seen from it. Equal values are judged together. Nothing is
resampled: the result does not depend on a seed.

How often the interval holds the truth: `bench/interval_coverage.py`, docs/explanation/intervals.md.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass

__all__ = [
    "MIN_TAIL_CALLS",
    "MIN_TAIL_SESSIONS",
    "all_refuted",
    "known_points",
    "min_calls",
    "quantile_interval",
    "score_test_degrees",
    "student_t_quantile",
    "upper_points",
    "weighted_quantile",
]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

# A percentile is shown only when this many calls are expected on its thinner side.
MIN_TAIL_CALLS: Final = 3
_MIN_SESSIONS: Final = 2
# The outer end of an interval is given only if the tail comes from so many sessions.
MIN_TAIL_SESSIONS: Final = 5
_UPPER: Final = 0.975
# Sums of scores have errors far below this part of them, or of the calls.
_ROUNDING: Final = 1e-6
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


def weighted_quantile(ordered: _Floats, probability: float, weights: _Floats | None = None) -> float:
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
    ordered: _Floats,
    sessions: _Ints,
    probability: float,
    weights: _Floats | None = None,
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
    if scores.is_refuted(0, upper=False) and not (thin and probability <= 0.5):
        low = float(values[_outermost(scores, last, upper=False)])
    if scores.is_refuted(n, upper=True) and not (thin and probability >= 0.5):
        high = float(values[-1 - _outermost(scores, first[::-1], upper=True)])
    return None if low is None else min(low, centre), None if high is None else max(high, centre)


@dataclass(frozen=True, slots=True)
class _Scores:
    """The test whether a number of the smallest calls can be those at or below the quantile."""

    members: _Ints
    sizes: _Floats
    probability: float
    weights: _Floats | None = None

    def is_refuted(self, rank: int, *, upper: bool) -> bool:
        """Whether the first `rank` calls are significantly fewer than the share of the quantile; `upper`: more."""
        total, limit = self._test(rank)
        return total > limit if upper else total < -limit

    def are_refuted(self, one: int, other: int, *, upper: bool) -> bool:
        """Whether that holds for all ranks between two, as far as bounds can tell."""
        p = self.probability
        fewest, most = (self._below(rank) - p * self.sizes for rank in (min(one, other), max(one, other)))
        sums, start, count = self.sizes.sum(keepdims=True), np.zeros(1, np.int64), np.array([len(self.sizes)])
        return bool(all_refuted(fewest, most, start, count, np.array([p]), sums, upper=upper)[0])

    def tail_sessions(self, rank: int) -> float:
        """How many sessions the calls beyond the quantile come from: (sum k)^2 / (sum k^2)."""
        below = self._below(rank)
        tail = below if self.probability < 0.5 else self.sizes - below
        squares = float(tail @ tail)
        return float(tail.sum()) ** 2 / squares if squares else 0.0

    def _below(self, rank: int) -> _Floats:
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
        return total, student_t_quantile(_UPPER, degrees) * math.sqrt(variance)


def score_test_degrees(
    probability: _Floats,
    squares: _Floats,
    fourth: _Floats,
    sessions: _Ints,
) -> _Ints:
    """Degrees of freedom of score tests, from the sums of the scores' squares and fourth powers over sessions."""
    skew = (1 - 2 * probability) ** 2 / (probability * (1 - probability))
    effective = (1 + 2 / (1 + skew)) * squares**2 / np.maximum(fourth, 1e-300)
    return np.rint(np.minimum(np.maximum(effective - 1, 1), sessions - 1)).astype(np.int64)


def all_refuted(
    fewest: _Floats, most: _Floats, starts: _Ints, counts: _Ints, probability: _Floats, calls: _Floats, *, upper: bool
) -> NDArray[np.bool_]:
    """For several tests whether all ranks between two are refuted: too few calls, for `upper` too many.

    `fewest` and `most` (cells) are the scores of the sessions at the lower and at the higher rank; those of a test
    begin at one of `starts`, and there are `counts`. `probability` and `calls` are those of each test. In between no
    score is below the one or above the other, which bounds the sums of a test. False says nothing.
    """
    squares = np.maximum(-fewest, most) ** 2
    least = np.maximum(np.maximum(fewest, -most), 0.0) ** 2
    total = np.add.reduceat(fewest, starts) if upper else -np.add.reduceat(most, starts)
    total = np.maximum(total - _ROUNDING * calls, 0.0)
    variance = np.add.reduceat(squares, starts) * counts * (1 + _ROUNDING) - total * total
    fourth = np.add.reduceat(squares * squares, starts)
    degrees = score_test_degrees(probability, np.add.reduceat(least, starts) * (1 - _ROUNDING), fourth, counts)
    limit = upper_points(degrees) * np.sqrt(np.maximum(variance, 0.0) / (counts - 1))
    refuted: NDArray[np.bool_] = total > limit * (1 + _ROUNDING)
    return refuted


def _outermost(scores: _Scores, ranks: _Ints, *, upper: bool) -> int:
    """The first of some ranks that is not refuted, by its place; the last one if no other is.

    They are given from the outside. Stretches that bounds refute as a whole are left out: half of them is tried first,
    half of that where it fails, and twice as many after a second success.
    """
    place, last, has_succeeded = 0, len(ranks) - 1, False
    width = max(last // 2, 1)
    while place < last:
        width = min(width, last - place)
        if not scores.are_refuted(int(ranks[place]), int(ranks[place + width - 1]), upper=upper):
            if width > 1:
                width, has_succeeded = width // 2, False
                continue
            if not scores.is_refuted(int(ranks[place]), upper=upper):
                break
        place += width
        width, has_succeeded = width * (1 + has_succeeded), True
    return place


def upper_points(degrees: _Ints) -> _Floats:
    """The upper ends of 95 % of Student's t at these degrees of freedom; each is worked out once."""
    points = known_points(int(degrees.max(initial=1)))
    found = points[degrees]
    if np.isnan(found).any():
        for degree in set(degrees[np.isnan(found)].tolist()):
            points[degree] = student_t_quantile(_UPPER, degree)
        found = points[degrees]
    return found


def known_points(most: int) -> _Floats:
    """The upper ends of 95 % of Student's t by degrees of freedom, up to so many; NaN where nobody needed one yet."""
    return _points_in(1 << most.bit_length())


@lru_cache(maxsize=4)
def _points_in(room: int) -> _Floats:
    return np.full(room, np.nan)


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
