"""Steps that several metrics share, and medians in place: the same as worked out alone."""

from __future__ import annotations

from datetime import UTC

import numpy as np
import pytest
from numpy.typing import NDArray

from estimated_calls import made
from latprof.estimate import estimate
from latprof.report.words import _median_of
from latprof.stats.cuts import Cuts
from latprof.stats.summary import _Shares
from latprof.trace import Trace


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 11, 5000])
def test_medians_are_those_of_sorted_values(count: int, kind: type[np.floating]) -> None:
    """The middle one, or what lies between the two in the middle."""
    values = np.random.default_rng(count).lognormal(size=count).astype(kind)
    expected = np.sort(values)[[(count - 1) // 2, count // 2]].astype(np.float64).mean()
    assert _median_of(values.copy(), "tokens") == _median_of(np.array([expected]), "tokens")
    assert float(_median_of(values.copy(), "s").replace(",", "")) == pytest.approx(expected, rel=0.01)


def test_a_value_that_is_missing_is_larger_than_all() -> None:
    assert _median_of(np.array([np.nan, 2.0, 1.0, 3.0, np.nan]), "s") == _median_of(np.array([3.0]), "s")


@pytest.mark.parametrize("is_alone", [False, True])
def test_shares_of_models_are_those_of_the_calls_that_are_known(*, is_alone: bool) -> None:
    """Counted anew where a metric is known of other calls than the one before; with few sessions, and one per call."""
    trace = Trace.from_calls(made(200, sessions=8, seed=3).calls)
    estimates = estimate(trace).estimates
    codes, names = trace.codes("session_id")
    sessions = (np.arange(len(trace)), len(trace)) if is_alone else (codes, len(names))
    cuts = Cuts.of(trace, ((), ("session",)), *sessions, UTC)
    shares = _Shares(cuts)
    some: NDArray[np.bool_] = np.arange(len(trace)) % 3 == 0
    for known in (np.ones(len(trace), dtype=np.bool_), some, some.copy(), ~some):
        whole, by_session = shares.of(estimates, known)
        own = trace.texts["session_id"]
        assert whole.sum() == known.sum()
        for row, key in zip(by_session, cuts.each[1].keys, strict=True):
            assert row.sum() == (known & (own == key["session"])).sum()
