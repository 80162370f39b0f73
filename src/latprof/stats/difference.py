"""The change of a percentile from one sample to another, with an interval and a chance of error.

The interval is made from the two percentiles' own intervals by the method of variance estimates
recovery: with a = log before, b = log after, and ends l and u of each, the lower end of b - a is
(b - a) - sqrt((b - lb)^2 + (ua - a)^2), the upper end likewise (Zou and Donner, Construction of
confidence intervals about effect measures, Statistics in Medicine 27, 2008). So it respects what the
two intervals respect: sessions, weights, the error of a model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import field
from typing import Final

from latprof.classes import dataclass
from latprof.metrics import Metric
from latprof.model import Kind
from latprof.stats.quantiles import student_t_quantile
from latprof.stats.samples import Figure

__all__ = ["CANNOT_TELL", "Change", "holm", "verdict"]

CANNOT_TELL: Final = "cannot tell"
_T_TAIL: Final = 0.975
_LEAST_TAIL: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Change:
    """Two figures of the same percentile, and what changed between them.

    `ratio` is after / before with the ends of its 95 % interval; None where one of the figures is
    missing or not above zero.
    """

    before: Figure
    after: Figure
    difference: float | None = field(init=False)
    ratio: float | None = field(init=False)
    low: float | None = field(init=False)
    high: float | None = field(init=False)

    def __post_init__(self) -> None:
        first, second = self.before.value, self.after.value
        known = first is not None and second is not None
        object.__setattr__(self, "difference", second - first if known else None)  # type: ignore[operator]
        ratio = second / first if known and first > 0 and second > 0 else None  # type: ignore[operator]
        object.__setattr__(self, "ratio", ratio)
        down, up = _reach(self.after, self.before), _reach(self.before, self.after)
        object.__setattr__(self, "low", ratio * math.exp(-down) if ratio and down is not None else None)
        object.__setattr__(self, "high", ratio * math.exp(up) if ratio and up is not None else None)

    @property
    def chance_of_rise(self) -> float | None:
        """One-sided p-value against 'not higher than before'; None where the data cannot tell."""
        return self._chance(_reach(self.after, self.before), 1)

    @property
    def chance_of_fall(self) -> float | None:
        """One-sided p-value against 'not lower than before'; None where the data cannot tell."""
        return self._chance(_reach(self.before, self.after), -1)

    def _chance(self, reach: float | None, sign: int) -> float | None:
        """Where the interval of which confidence would just reach 1, by Student's t."""
        if self.ratio is None or reach is None:
            return None
        distance = sign * math.log(self.ratio)
        if distance <= 0:
            return 1.0
        degrees = self._degrees()
        if reach == 0:
            return _LEAST_TAIL
        return _t_tail(distance / reach * student_t_quantile(_T_TAIL, degrees), degrees)

    def _degrees(self) -> int:
        """Degrees of freedom of both together (Welch 1947), each with one less than its sessions."""
        parts = [(_width(figure), max(figure.sessions - 1, 1)) for figure in (self.before, self.after)]
        total = sum(width**2 for width, _ in parts)
        if not total:
            return min(degrees for _, degrees in parts)
        return max(int(total**2 / sum(width**4 / degrees for width, degrees in parts)), 1)


def _reach(lower: Figure, upper: Figure) -> float | None:
    """How far the log difference may be off where `lower` is less and `upper` more than observed."""
    if not lower.value or not upper.value or not lower.low or not upper.high or min(lower.low, upper.value) <= 0:
        return None
    return math.hypot(math.log(lower.value / lower.low), math.log(upper.high / upper.value))


def _width(figure: Figure) -> float:
    """The wider side of a figure's interval, in logs."""
    if not figure.value or figure.value <= 0:
        return 0.0
    sides = [math.log(figure.value / figure.low)] if figure.low and figure.low > 0 else []
    sides += [math.log(figure.high / figure.value)] if figure.high else []
    return max(sides, default=0.0)


def _t_tail(t: float, degrees: int) -> float:
    """P(T > t) of Student's t by bisection of its quantile, between 1e-12 and 0.5."""
    low, high = math.log(_LEAST_TAIL), math.log(0.5)
    for _ in range(50):
        middle = (low + high) / 2
        if student_t_quantile(1 - math.exp(middle), degrees) > t:
            low = middle
        else:
            high = middle
    return math.exp(high)


def holm(chances: Sequence[float | None], weights: Sequence[float] | None = None) -> list[float | None]:
    """P-values adjusted for their number, so that the chance of any false alarm stays below the level.

    With `weights` (above 0, chosen before the data are seen) each gets a share of that chance: the more, the
    sooner it is found and the later the others. Holm, A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6, 1979, with the weights of its section 4.
    """
    shares = [1.0] * len(chances) if weights is None else weights
    known = [(chance / shares[place], place) for place, chance in enumerate(chances) if chance is not None]
    adjusted: list[float | None] = [None] * len(chances)
    largest, left = 0.0, [shares[place] for _, place in sorted(known)]
    for rank, (chance, place) in enumerate(sorted(known)):
        largest = max(largest, min(chance * sum(left[rank:]), 1.0))
        adjusted[place] = largest
    return adjusted


def verdict(change: Change, metric: Metric, kind: Kind) -> str:
    """What the 95 % interval says, in one or two words."""
    if change.low is not None and change.low > 1:
        return _word(metric, kind, risen=True)
    if change.high is not None and change.high < 1:
        return _word(metric, kind, risen=False)
    return CANNOT_TELL


def _word(metric: Metric, kind: Kind, *, risen: bool) -> str:
    if kind == "bound":
        return "bound is higher" if risen else "bound is lower"
    if metric.unit == "s":
        return "slower" if risen else "faster"
    if metric.unit == "tok/s":
        return "faster" if risen else "slower"
    if metric.unit in {"tokens", "1"}:
        return "more" if risen else "fewer"
    return "higher" if risen else "lower"
