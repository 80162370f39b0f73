"""The interval of a percentile when calls come in sessions."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray

from latprof.stats import quantiles
from latprof.stats.quantiles import MIN_TAIL_CALLS, min_calls, quantile_interval, student_t_quantile

# Two-sided 95 % and 99 % points of Student's t from the usual printed table.
TABLE = {
    (0.975, 1): 12.706, (0.975, 2): 4.303, (0.975, 3): 3.182, (0.975, 4): 2.776, (0.975, 6): 2.447,
    (0.975, 8): 2.306, (0.975, 10): 2.228, (0.975, 15): 2.131, (0.975, 30): 2.042, (0.975, 120): 1.980,
    (0.995, 1): 63.657, (0.995, 2): 9.925, (0.995, 5): 4.032, (0.995, 10): 3.169, (0.995, 30): 2.750,
    (0.95, 3): 2.353, (0.95, 10): 1.812,
}  # fmt: skip


@pytest.mark.parametrize(("probability", "degrees"), list(TABLE))
def test_student_t_is_within_a_tenth_of_a_percent_of_the_table(probability: float, degrees: int) -> None:
    """Values of the printed table, which has three decimals."""
    expected = TABLE[probability, degrees]
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, abs=0.0005 + 0.001 * expected)


def test_student_t_falls_with_the_degrees_towards_the_normal_quantile() -> None:
    """Always above 1.96, and nearer to it with every degree."""
    values = [student_t_quantile(0.975, degrees) for degrees in range(1, 400)]
    assert all(after < before for before, after in pairwise(values))
    assert 1.95996 < values[-1] < 1.9665


@pytest.mark.parametrize(
    ("probability", "calls"),
    [(0.5, 6), (0.1, 30), (0.9, 30), (0.25, 12), (0.99, 300), (0.01, 300), (0.999, 3000), (0.3, 10)],
)
def test_a_percentile_needs_three_calls_in_its_thinner_tail(probability: float, calls: int) -> None:
    """Binary dust must not ask for one call more."""
    assert min_calls(probability) == calls
    assert calls * min(probability, 1 - probability) == pytest.approx(MIN_TAIL_CALLS)


def test_the_need_for_calls_is_the_same_on_both_sides_of_the_median() -> None:
    """p10 and p90 rest on the same number of calls in their tail."""
    steps = [step / 100 for step in range(1, 50)]
    assert [min_calls(step) for step in steps] == [min_calls(round(1 - step, 2)) for step in steps]


def owners_of(sizes: list[int]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(sizes)), sizes)


def both_ends(interval: tuple[float | None, float | None]) -> tuple[float, float]:
    """The interval, which must have both ends."""
    low, high = interval
    assert low is not None
    assert high is not None
    return low, high


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9, 0.99])
def test_one_session_has_no_interval_however_many_calls(probability: float) -> None:
    """One session says nothing about the difference between sessions."""
    values = np.linspace(1, 100, 5000)
    assert quantile_interval(values, np.full(5000, 7, dtype=np.int64), probability) == (None, None)


def test_a_single_call_has_no_interval() -> None:
    """The smallest input of all."""
    assert quantile_interval(np.array([3.0]), np.array([0]), 0.5) == (None, None)


def _binomial_ranks(n: int, probability: float) -> tuple[int, int]:
    """Ranks (from 1) of the distribution-free 95 % interval: equal tails of the binomial distribution."""
    mass = [math.comb(n, k) * probability**k * (1 - probability) ** (n - k) for k in range(n + 1)]
    below = np.cumsum(mass)
    low = int(np.searchsorted(below, 0.025, side="right"))
    high = int(np.searchsorted(below, 0.975, side="left")) + 1
    return low, high


@pytest.mark.parametrize(("n", "probability"), [(50, 0.5), (200, 0.5), (500, 0.1), (500, 0.9), (900, 0.25)])
def test_one_call_per_session_is_near_the_binomial_interval(n: int, probability: float) -> None:
    """Independent calls: the ends lie at the order statistics that the binomial distribution gives, to 2 ranks.

    A score test with few in a tail is asymmetric by a rank or two more, hence the share of n.
    """
    ranks = np.arange(1.0, n + 1)
    expected = _binomial_ranks(n, probability)
    found = quantile_interval(ranks, np.arange(n), probability)
    assert list(found) == pytest.approx(list(expected), abs=2)


@pytest.mark.parametrize("copies", [2, 10, 50])
def test_equal_calls_within_a_session_add_no_certainty(copies: int) -> None:
    """Sessions whose calls are all alike are worth one call each."""
    levels = np.arange(60.0) ** 1.5
    once = quantile_interval(levels, np.arange(60), 0.5)
    often = quantile_interval(np.repeat(levels, copies), owners_of([copies] * 60), 0.5)
    assert None not in once
    assert list(often) == pytest.approx(list(once), rel=0.06)


def test_spread_over_sessions_is_worth_more_than_the_same_calls_in_blocks() -> None:
    """The same values: dealt out evenly they pin the median, in blocks they do not."""
    values = np.arange(400.0)
    blocks = both_ends(quantile_interval(values, np.repeat(np.arange(20), 20), 0.5))
    dealt = both_ends(quantile_interval(values, np.tile(np.arange(20), 20), 0.5))
    assert dealt[1] - dealt[0] < 0.2 * (blocks[1] - blocks[0])


def test_more_sessions_narrow_the_interval() -> None:
    """With four times the sessions the interval is about half as wide, in ranks' share."""
    widths = []
    for count in (50, 200, 800):
        values = np.arange(count) / count
        low, high = both_ends(quantile_interval(values, np.arange(count), 0.5))
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(2, abs=0.35)
    assert widths[1] / widths[2] == pytest.approx(2, abs=0.2)


def test_ends_rise_with_the_probability() -> None:
    """The interval of a higher percentile does not lie below that of a lower one."""
    rng = np.random.default_rng(5)
    owners = owners_of([40] * 25)
    values = rng.lognormal(1, 0.6, len(owners)) + rng.normal(0, 0.5, 25)[owners]
    order = np.argsort(values)
    found = [both_ends(quantile_interval(values[order], owners[order], step / 100)) for step in range(5, 96, 5)]
    for lower, higher in pairwise(found):
        assert lower[0] <= higher[0]
        assert lower[1] <= higher[1]


def test_the_labels_of_sessions_do_not_matter() -> None:
    """Only which calls share one."""
    rng = np.random.default_rng(6)
    owners = rng.integers(0, 12, 300)
    values = np.sort(rng.normal(0, 1, 300))
    names = rng.permutation(1000)[:12]
    assert quantile_interval(values, names[owners], 0.5) == quantile_interval(values, owners, 0.5)


def test_the_order_of_equal_values_does_not_matter() -> None:
    """Calls of equal length have no order; an interval must not depend on the one they happen to have."""
    rng = np.random.default_rng(0)
    differing = []
    for _ in range(60):
        owners = owners_of([int(size) for size in rng.integers(1, 12, int(rng.integers(4, 12)))])
        values = (rng.integers(0, 4, len(owners)) + rng.integers(0, 3, owners[-1] + 1)[owners]).astype(np.float64)
        orders = [np.lexsort((rng.random(len(owners)), values)) for _ in range(5)]
        found = {quantile_interval(values[order], owners[order], 0.5) for order in orders}
        differing += [found] if len(found) > 1 else []
    assert differing == []


def _misses(probability: float, between: float, within: float, *, with_sessions: bool) -> float:
    """Share of 300 draws of 15 sessions whose interval leaves out the true quantile; all laws are normal."""
    rng = np.random.default_rng(20261121)
    truth = NormalDist(0, math.hypot(between, within)).inv_cdf(probability)
    sessions, repeats = 15, 300
    missed = 0
    for _ in range(repeats):
        owners = owners_of([int(size) for size in rng.integers(5, 60, sessions)])
        values = rng.normal(0, between, sessions)[owners] + rng.normal(0, within, len(owners))
        order = np.argsort(values)
        labels = owners[order] if with_sessions else np.arange(len(owners))
        low, high = quantile_interval(values[order], labels, probability)
        missed += (low is not None and low > truth) or (high is not None and high < truth)
    return missed / repeats


def test_the_interval_of_the_median_holds_the_truth_with_fifteen_sessions() -> None:
    """Strong session effects: at least 90 % of the draws hold it; taking calls for independent, under 85 %."""
    assert _misses(0.5, 1.0, 0.5, with_sessions=True) <= 0.10
    assert _misses(0.5, 1.0, 0.5, with_sessions=False) > 0.15


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_the_interval_of_a_tail_holds_the_truth_with_fifteen_sessions(probability: float) -> None:
    """Sessions differ strongly, where the module promises 92 to 99 %; 90 % is asked for."""
    assert _misses(probability, 1.0, 0.5, with_sessions=True) <= 0.10


def test_the_usual_point_is_that_of_the_standard_library() -> None:
    """It is written down so that `statistics` need not be loaded."""
    tail = 2 * (1 - (0.5 + 0.95 / 2))
    assert tail / 2 == quantiles._TAIL_95
    assert pytest.approx(NormalDist().inv_cdf(tail / 2), rel=1e-15) == quantiles._NORMAL_95
