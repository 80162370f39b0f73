"""Intervals of many samples at once are those of the definition, taken one by one."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from latprof.stats.intervals import Interval, Ordered, quantile_intervals, quantiles_of
from latprof.stats.quantiles import quantile_interval, student_t_quantile

PROBABILITIES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def refuted(ordered: NDArray[np.float64], sessions: NDArray[np.int64], p: float, rank: int) -> int:
    """-1 where the first `rank` calls are significantly fewer than a share p, 1 where they are more, else 0."""
    count = int(sessions.max()) + 1
    score = np.array([np.sum(sessions[:rank] == k) - p * np.sum(sessions == k) for k in range(count)])
    squares = float(np.sum(score**2))
    variance = (squares * count - float(score.sum()) ** 2) / (count - 1)
    if variance <= 0:
        return int(np.sign(score.sum()))
    skew = (1 - 2 * p) ** 2 / (p * (1 - p))
    effective = (1 + 2 / (1 + skew)) * squares**2 / float(np.sum(score**4))
    degrees = round(min(max(effective - 1, 1), count - 1))
    limit = student_t_quantile(0.975, degrees) * math.sqrt(variance)
    return int(np.sign(score.sum())) if abs(float(score.sum())) > limit else 0


def direct(ordered: NDArray[np.float64], sessions: NDArray[np.int64], p: float) -> Interval:
    """The definition: the outermost of the different values that are not refuted, one test at a time."""
    count = int(sessions.max()) + 1
    if count < 2:
        return None, None
    centre = float(np.quantile(ordered, p))
    values, first = np.unique(ordered, return_index=True)
    last = np.append(first[1:], len(ordered))
    beyond = sessions[: np.searchsorted(ordered, centre, "right")] if p < 0.5 else sessions[ordered > centre]
    tail = np.bincount(beyond, minlength=count).astype(float)
    thin = not len(beyond) or tail.sum() ** 2 / (tail @ tail) < 5
    low = high = None
    if refuted(ordered, sessions, p, 0) < 0 and not (thin and p <= 0.5):
        at = next(k for k in range(len(values)) if refuted(ordered, sessions, p, int(last[k])) >= 0)
        low = min(float(values[at]), centre)
    if refuted(ordered, sessions, p, len(ordered)) > 0 and not (thin and p >= 0.5):
        at = next(k for k in range(len(values)) if refuted(ordered, sessions, p, int(first[-1 - k])) <= 0)
        high = max(float(values[-1 - at]), centre)
    return low, high


@st.composite
def samples(draw: st.DrawFn) -> Ordered:
    """Calls of sessions of very different size, with and without ties."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, most = draw(st.integers(1, 400)), draw(st.integers(1, 30))
    share = rng.lognormal(sigma=draw(st.sampled_from([0.0, 1.0, 2.0])), size=most)
    sessions = np.unique(rng.choice(most, n, p=share / share.sum()), return_inverse=True)[1]
    values = rng.lognormal(size=n) + draw(st.sampled_from([0.0, 0.5])) * sessions
    if draw(st.booleans()):
        values = np.round(values)
    order = np.argsort(values, kind="stable")
    return Ordered(values[order], sessions[order].astype(np.int32), int(sessions.max()) + 1)


@given(st.lists(samples(), min_size=1, max_size=5), st.lists(st.sampled_from(PROBABILITIES), max_size=4, unique=True))
def test_many_samples_at_once_give_the_intervals_of_each(many: list[Ordered], asked: list[float]) -> None:
    """And the same as the function for one sample."""
    found = quantile_intervals(many, [asked] * len(many))
    for sample, intervals in zip(many, found, strict=True):
        sessions = sample.sessions.astype(np.int64)
        assert intervals == [direct(sample.values, sessions, p) for p in asked]
        assert intervals == [quantile_interval(sample.values, sessions, p) for p in asked]


@given(samples(), st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_quantiles_are_those_of_numpy(sample: Ordered, asked: list[float]) -> None:
    """To the last bit."""
    assert quantiles_of(sample.values, asked).tolist() == [float(np.quantile(sample.values, p)) for p in asked]


def test_what_no_clock_shows_hardly_ever_moves_an_end() -> None:
    """All values changed by a ten-millionth: 1 end of 1,361 moves by more than 1 %; by halving 70 did."""
    rng = np.random.default_rng(20261123)
    moved = ends = 0
    for _ in range(300):
        sizes = np.ceil(rng.lognormal(3, 1.2, int(rng.integers(3, 25)))).astype(int)
        sessions = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        levels = rng.normal(0, 0.6, len(sizes))[sessions]
        values: NDArray[np.float64] = np.exp(levels + rng.normal(0, 0.8, len(sessions))).round(4)
        found = []
        jittered: list[NDArray[np.float64]] = [values, values * (1 + 1e-7 * rng.uniform(-1, 1, len(values)))]
        for changed in jittered:
            order = np.argsort(changed, kind="stable")
            (intervals,) = quantile_intervals([Ordered(changed[order], sessions[order], len(sizes))], [PROBABILITIES])
            found.append([end for interval in intervals for end in interval])
        both = [(one, other) for one, other in zip(*found, strict=True) if one is not None and other is not None]
        ends += len(both)
        moved += sum(abs(other / one - 1) > 0.01 for one, other in both)
    assert ends > 1000
    assert moved <= ends * 0.01
