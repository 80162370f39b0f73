"""How long each call of a team would take with other speeds, in seconds."""

from __future__ import annotations

from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.compare.speeds import Profile
from latprof.compare.usage import Usage
from latprof.stats.quantiles import min_calls, quantile_interval, student_t_quantile

__all__ = ["QUANTILES", "Difference", "Percentile", "difference", "first_s", "percentiles", "step_s"]

Floats = NDArray[np.float64]
QUANTILES: Final = (0.5, 0.9, 0.99)
# Irrational steps fill the unit interval evenly, independent of each other (Weyl 1916).
_STEPS: Final = ((5**0.5 - 1) / 2, 2**0.5 - 1)
_BINS: Final = 4096


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile with its 95 % interval; None where the calls are too few."""

    probability: float
    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean of the change per call, s, with a 95 % interval over sessions; None where one session is all."""

    mean_s: float
    low_s: float | None
    high_s: float | None


def first_s(profile: Profile, usage: Usage) -> Floats:
    """Time to first token per call: the source's figure, with the uncached input where the source knows its effect.

    Queueing of a hosted service is inside it. A spread that the source states is spread evenly over the calls.
    """
    middle = np.full(len(usage), profile.ttft_s, dtype=np.float64)
    if profile.s_per_token is not None and profile.ttft_at_tokens is not None:
        middle += profile.s_per_token * (usage.uncached_tokens - profile.ttft_at_tokens)
    return np.maximum(middle, 0.0) * _spread(len(usage), profile.ttft_spread, 0)


def step_s(profile: Profile, usage: Usage, *, output_share: float = 1.0) -> Floats:
    """First token + output tokens / decode for every call; the issue's formula with the queue inside the first."""
    speed = np.full(len(usage), profile.decode_tps, dtype=np.float64) * _spread(len(usage), profile.decode_spread, 1)
    return first_s(profile, usage) + usage.output_tokens * output_share / speed


def _spread(count: int, sigma: float | None, number: int) -> Floats:
    """Factors of a log-normal distribution with median 1, one per call, the same at every run."""
    if not sigma:
        return np.ones(count)
    normal = NormalDist()
    table = np.array([normal.inv_cdf((place + 0.5) / _BINS) for place in range(_BINS)])
    uniform = (np.arange(1, count + 1) * _STEPS[number]) % 1.0
    return np.exp(sigma * table[(uniform * _BINS).astype(np.int64)])


def percentiles(values: Floats, session: NDArray[np.int64]) -> tuple[Percentile, ...]:
    """p50, p90 and p99 with intervals that respect sessions."""
    order = np.argsort(values, kind="stable")
    ordered, members = values[order], session[order]
    n = len(ordered)
    found = []
    for probability in QUANTILES:
        if n < min_calls(probability):
            found.append(Percentile(probability, None, None, None, n))
            continue
        low, high = quantile_interval(ordered, members, probability)
        found.append(Percentile(probability, float(np.quantile(ordered, probability)), low, high, n))
    return tuple(found)


def difference(after: Floats, before: Floats, session: NDArray[np.int64]) -> Difference:
    """Mean change per call, the same calls before and after, as sessions drawn anew would let it vary.

    A ratio of sums over sessions with linearised variance (Cochran, Sampling Techniques, 1977, chapter 6): what
    resampling of sessions tends to, without a seed.
    """
    change = after - before
    mean, n = float(change.mean()), len(change)
    groups = int(session.max()) + 1
    if groups < 2:
        return Difference(mean, None, None)
    residual = np.bincount(session, change - mean, minlength=groups)
    deviation = np.sqrt(groups / (groups - 1) * float(residual @ residual)) / n
    reach = student_t_quantile(0.975, groups - 1) * float(deviation)
    return Difference(mean, mean - reach, mean + reach)
