"""The scan for changes over time."""

from __future__ import annotations

import numpy as np
import pytest

from latprof.stats.changes import Family, Series, find_breaks, normal_scores


def family(values: np.ndarray, name: str = "x") -> Family:
    """One call a unit."""
    return Family("model", (Series(name, values, np.ones(len(values))),))


def test_a_clear_step_is_found_where_it_is() -> None:
    """Twenty units at 0, twenty at 5, noise of 1: the change begins at unit 20."""
    rng = np.random.default_rng(1)
    values = np.repeat([0.0, 5.0], 20) + rng.normal(0, 1, 40)
    (found,) = find_breaks([family(values)]).breaks
    assert found.unit == 20
    assert found.earliest <= 20 <= found.latest
    assert found.chance <= 0.01


def test_two_steps_are_two_changes_in_order() -> None:
    """Up at 20, down at 50."""
    rng = np.random.default_rng(2)
    values = np.repeat([0.0, 6.0, 0.0], [20, 30, 25]) + rng.normal(0, 1, 75)
    assert [item.unit for item in find_breaks([family(values)]).breaks] == [20, 50]


def test_a_unit_with_many_calls_does_not_count_as_many_units() -> None:
    """Calls of a session are alike: one slow session of 500 calls at the end is one unit, no change."""
    rng = np.random.default_rng(3)
    counts = np.array([20.0] * 19 + [500.0])
    totals = rng.normal(0, 1, 20) * counts
    assert find_breaks([Family("m", (Series("x", totals, counts),))]).breaks == ()


def test_too_few_units_or_no_variation_are_not_scanned() -> None:
    """Seven units say nothing, nor do equal ones."""
    assert find_breaks([family(np.arange(7.0)), family(np.ones(30))]).scanned == ()


def test_the_same_series_gives_the_same_result() -> None:
    """The seed is fixed."""
    values = np.random.default_rng(4).normal(0, 1, 30)
    assert find_breaks([family(values)]) == find_breaks([family(values)])


def test_scores_keep_the_order_share_ties_and_forget_outliers() -> None:
    """Symmetric around zero, equal for equal values, unchanged by how far the largest is out."""
    scores = normal_scores(np.array([3.0, 1.0, 2.0, 2.0, np.nan]))
    far = normal_scores(np.array([3e9, 1.0, 2.0, 2.0, np.nan]))
    assert scores[0] > scores[2] == scores[3] > scores[1]
    assert scores[0] == pytest.approx(-scores[1])
    assert np.isnan(scores[4])
    assert np.array_equal(scores, far, equal_nan=True)


def test_scores_within_cells_do_not_see_what_sets_cells_apart() -> None:
    """Two cells with the same order inside have the same scores, whatever their level."""
    scores = normal_scores(np.array([1.0, 2.0, 100.0, 200.0]), np.array([0, 0, 1, 1]))
    assert scores[:2] == pytest.approx(scores[2:])
