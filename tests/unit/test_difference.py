"""The change of a percentile: interval, chance, words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from latprof.metrics import metric
from latprof.stats.difference import Change, holm, verdict
from latprof.stats.quantiles import quantile_interval, weighted_quantile
from latprof.stats.samples import Figure


def figure(value: float | None, low: float | None = None, high: float | None = None, sessions: int = 50) -> Figure:
    return Figure(0.5, value, low, high, 500, sessions)


def test_intervals_add_as_squares_of_logs() -> None:
    """Each side 10 % wide: together sqrt(2) times as much (Zou and Donner 2008)."""
    change = Change(figure(2.0, 2.0 / 1.1, 2.0 * 1.1), figure(3.0, 3.0 / 1.1, 3.0 * 1.1))
    reach = math.sqrt(2) * math.log(1.1)
    assert change.ratio == pytest.approx(1.5)
    assert change.difference == pytest.approx(1.0)
    assert change.low == pytest.approx(1.5 * math.exp(-reach))
    assert change.high == pytest.approx(1.5 * math.exp(reach))


def test_the_chance_fits_the_interval() -> None:
    """An interval that just reaches 1 has a one-sided chance of 2.5 %."""
    wide = math.exp(math.log(1.2) / math.sqrt(2))
    change = Change(figure(1.0, 1 / wide, wide), figure(1.2, 1.2 / wide, 1.2 * wide))
    assert change.low == pytest.approx(1.0)
    assert change.chance_of_rise == pytest.approx(0.025, rel=0.02)
    assert change.chance_of_fall == 1.0


def test_without_an_interval_nothing_can_be_told() -> None:
    """One session on one side: no end, no chance, no verdict."""
    change = Change(figure(1.0), figure(9.0, 8.0, 10.0))
    assert (change.low, change.high, change.chance_of_rise) == (None, None, None)
    assert verdict(change, metric("wall_s"), "exact") == "cannot tell"


def test_zero_and_missing_have_no_ratio() -> None:
    """Nothing is divided by zero, and a missing figure is no zero."""
    assert Change(figure(0.0, 0.0, 0.0), figure(1.0, 0.9, 1.1)).ratio is None
    missing = Change(figure(None), figure(1.0, 0.9, 1.1))
    assert (missing.ratio, missing.difference) == (None, None)


@pytest.mark.parametrize(
    ("key", "kind", "word"),
    [
        ("wall_s", "exact", "slower"), ("decode_tps", "estimate", "faster"), ("wall_s", "bound", "bound is higher"),
        ("output_tokens", "exact", "more"), ("cache_hit_share", "exact", "higher"),
    ],
)  # fmt: skip
def test_a_rise_is_named_by_what_rose(key: str, kind: str, word: str) -> None:
    """A longer time is slower, a higher speed is faster, a bound is only a bound."""
    change = Change(figure(1.0, 0.95, 1.05), figure(2.0, 1.9, 2.1))
    assert verdict(change, metric(key), kind) == word  # type: ignore[arg-type]


def test_holm_multiplies_the_smallest_by_the_number_of_tests() -> None:
    """0.01, 0.04, 0.03 with one that cannot be told: 3 x 0.01, then 2 x 0.03, never falling."""
    assert holm([0.01, 0.04, None, 0.03]) == pytest.approx([0.03, 0.06, None, 0.06])


def test_weights_share_out_the_chance_of_a_false_alarm() -> None:
    """Of shares 3 and 1 the first counts 4/3 times, the second 4 times, and what is left alone counts once."""
    assert holm([0.003, 0.02], [3.0, 1.0]) == pytest.approx([0.004, 0.02])
    assert holm([0.03, 0.002], [3.0, 1.0]) == pytest.approx([0.03, 0.008])
    assert holm([0.01, 0.04, None, 0.03], [2.0, 2.0, 9.0, 2.0]) == holm([0.01, 0.04, None, 0.03])


def test_equal_weights_change_nothing() -> None:
    """A weight of 3 for every call gives the same percentile and interval as none."""
    rng = np.random.default_rng(5)
    ordered = np.sort(rng.lognormal(0, 0.5, 400))
    sessions = rng.integers(0, 20, 400)
    weights = np.full(400, 3.0)
    for probability in (0.1, 0.5, 0.9):
        assert weighted_quantile(ordered, probability, weights) == pytest.approx(
            float(np.quantile(ordered, probability))
        )
        plain = quantile_interval(ordered, sessions, probability)
        assert quantile_interval(ordered, sessions, probability, weights) == pytest.approx(plain)


def test_a_whole_weight_is_as_good_as_that_many_calls() -> None:
    """The median of 1 (weight 1) and 2 (weight 9) is nearly 2."""
    ordered, weights = np.array([1.0, 2.0, 3.0]), np.array([1.0, 98.0, 1.0])
    assert weighted_quantile(ordered, 0.5, weights) == pytest.approx(2.0)
