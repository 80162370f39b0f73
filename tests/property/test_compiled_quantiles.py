"""The compiled extension and the Python code give percentiles and intervals with the same bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from latprof.stats import cuts
from latprof.stats.cuts import Column, Cut, Part, parts_of, quantiles_of_parts, quantiles_of_rows

PROBABILITIES = (0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 1 / 3, 0.0, 1.0)
compiled = pytest.mark.skipif(not cuts.is_compiled(), reason="not compiled here")

Floats = NDArray[np.float64]
Measured = list[list[list[tuple[int, list[int], int, Any]]]]


def cut_of(number: NDArray[np.int64], sessions: NDArray[np.int64]) -> Cut:
    """Groups and sessions as they are numbered, worked out the plain way."""
    groups = int(number.max(initial=-1)) + 1
    listed = sorted(set(zip(number.tolist(), sessions.tolist(), strict=True)))
    pair = [listed.index(item) for item in zip(number.tolist(), sessions.tolist(), strict=True)]
    starts = [sum(group < k for group, _ in listed) for k in range(groups + 1)]
    return Cut(
        tuple({"group": str(k)} for k in range(groups)),
        np.bincount(number, minlength=groups),
        number.astype(np.int32),
        np.array(pair, dtype=np.int32),
        np.array(starts, dtype=np.int64),
    )


@st.composite
def metrics(draw: st.DrawFn) -> tuple[Floats, list[Cut]]:
    """Calls of sessions of very different size in some groups, with ties and calls without a value."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, most = draw(st.integers(0, 1500)), draw(st.sampled_from([1, 2, 9, 40, 400]))
    share = rng.lognormal(sigma=draw(st.sampled_from([0.0, 1.0, 2.0])), size=most)
    sessions = np.unique(rng.choice(most, n, p=share / share.sum()), return_inverse=True)[1]
    values = rng.lognormal(size=n) + draw(st.sampled_from([0.0, 0.5])) * sessions
    values = np.asarray(np.round(values, draw(st.sampled_from([0, 1, 6]))) - draw(st.sampled_from([0.0, 1.0])))
    values[rng.random(n) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = np.nan
    groups = [np.zeros(n, dtype=np.int64), rng.integers(0, draw(st.integers(1, 7)), n), sessions]
    return values, [cut_of(np.unique(number, return_inverse=True)[1], sessions) for number in groups]


def plain(found: list[list[list[Part]]]) -> Measured:
    """Parts to be compared: floats as they are, rows of equal values in any order."""
    return [
        [
            [(part.place, sorted(part.rows.tolist()), part.sessions, dict(part.figures)) for part in parts]
            for parts in column
        ]
        for column in found
    ]


def all_parts(columns: list[Floats], groups: list[Cut], asked: list[float]) -> list[list[list[Part]]]:
    return [every for every, _ in parts_of(map(Column, columns), groups, asked)]


def in_python(columns: list[Floats], groups: list[Cut], asked: list[float]) -> list[list[list[Part]]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "_compiled", None)
        return all_parts(columns, groups, asked)


@compiled
@given(metrics(), st.lists(st.sampled_from(PROBABILITIES), min_size=1, max_size=5))
def test_both_ways_give_the_same_figures(metric: tuple[Floats, list[Cut]], asked: list[float]) -> None:
    """Of every group, to the last bit; the rows are in the order of their values."""
    values, groups = metric
    columns = [values, values[::-1].copy(), -values]
    found = all_parts(columns, groups, asked)
    assert plain(found) == plain(in_python(columns, groups, asked))
    for column, every in zip(columns, found, strict=True):
        for part in (part for parts in every for part in parts):
            assert (np.diff(column[part.rows]) >= 0).all()


@compiled
def test_calls_of_one_session_have_no_interval() -> None:
    """And those of many have: 600 values 0 to 599, each session has two in a row."""
    values = np.arange(600.0)
    alone, many = (
        cut_of(np.zeros(600, dtype=np.int64), sessions) for sessions in (np.zeros(600, np.int64), np.arange(600) // 2)
    )
    (one,), (other,) = all_parts([values], [alone, many], [0.5])[0]
    assert (one.sessions, one.figures) == (1, {0.5: (299.5, (None, None))})
    centre, (low, high) = other.figures[0.5]
    assert (other.sessions, centre) == (300, 299.5)
    assert low is not None
    assert high is not None
    # 300 sessions of two calls each: the share below is good to 1.97 * sqrt(0.25 / 300), 0.0569 of 600 calls.
    assert low == pytest.approx(299.5 - 34, abs=2)
    assert high == pytest.approx(299.5 + 34, abs=2)


@compiled
def test_an_order_has_equal_values_in_the_order_of_their_rows() -> None:
    """Negative ones first, and no value that is not known."""
    from latprof.stats import _native_quantiles

    values = np.array([2.0, np.nan, -1.0, 2.0, -3.5, np.inf, -np.inf, 0.0, np.nan, 1e-300])
    order, known = _native_quantiles.ordered(values)
    assert order.tolist() == [6, 4, 2, 7, 9, 0, 3, 5]
    assert known.tolist() == [-math.inf, -3.5, -1.0, 0.0, 1e-300, 2.0, 2.0, math.inf]


@compiled
@given(st.integers(0, 10**6), st.integers(0, 900), st.sampled_from([1e-15, 1e-12, 1e-7, 1e-3, 1.0]), st.booleans())
@example(1, 900, 1e-15, True)
def test_an_order_is_that_of_all_digits(seed: int, n: int, apart: float, signs: bool) -> None:  # noqa: FBT001
    """Also of values that differ in their last digits only, and of zeros of both signs."""
    from latprof.stats import _native_quantiles

    rng = np.random.default_rng(seed)
    values = np.round(1 + rng.random(n) * apart, rng.integers(0, 17)) * (
        rng.choice([-1.0, 0.0, 1.0], n) if signs else 1
    )
    order, known = _native_quantiles.ordered(values)
    listed = sorted(range(n), key=lambda row: (values[row], math.copysign(1, values[row]), row))
    assert order.tolist() == listed
    assert known.tobytes() == values[listed].tobytes()


@given(
    st.integers(0, 10**6),
    st.integers(1, 700),
    st.integers(1, 13),
    st.sampled_from(["all", "some", "few"]),
    st.lists(st.sampled_from(PROBABILITIES), min_size=1, max_size=6),
)
@example(1, 700, 13, "some", [0.5])
def test_quantiles_of_rows_are_those_of_all_their_values(
    seed: int, n: int, width: int, which: str, asked: list[float]
) -> None:
    """In single precision, as numpy sorts and interpolates them in double precision."""
    rng = np.random.default_rng(seed)
    values = (rng.lognormal(sigma=rng.choice([0.01, 1.0, 5.0]), size=(n, width)) - 0.5).astype(np.float32)
    values = np.round(values, 2) if seed % 2 else values
    rows = {"all": None, "some": rng.permutation(n)[: n // 2 + 1], "few": rng.integers(0, n, n // 20 + 1)}[which]
    flat = (values if rows is None else values[rows]).astype(np.float64).ravel()
    found = quantiles_of_rows(values, None if rows is None else rows.astype(np.int32), asked)
    assert found.tolist() == [float(np.quantile(flat, probability)) for probability in asked]


@compiled
@given(metrics(), st.integers(1, 13), st.lists(st.sampled_from(PROBABILITIES), min_size=1, max_size=5, unique=True))
def test_quantiles_of_all_parts_are_those_of_each(
    metric: tuple[Floats, list[Cut]], width: int, asked: list[float]
) -> None:
    """However the groups of several cuts lie in each other; many small groups go another way."""
    values, groups = metric
    every = all_parts([values], groups, asked)[0]
    drawn = (np.random.default_rng(len(values)).lognormal(size=(len(values), width)) - 0.5).astype(np.float32)
    for places in ([0, 1, 2], [0], [0, 1], [1, 0, 1]):
        some, chosen = [groups[place] for place in places], [every[place] for place in places]
        found = [figures.tolist() for figures in quantiles_of_parts(drawn, some, chosen, asked)]
        flat = [drawn[part.rows].astype(np.float64).ravel() for parts in chosen for part in parts]
        assert found == [[float(np.quantile(item, probability)) for probability in asked] for item in flat]


@compiled
@given(metrics(), st.integers(1, 5))
def test_two_threads_give_what_one_gives(metric: tuple[Floats, list[Cut]], width: int) -> None:
    """Columns with several values for each call among them; and all of them in their order."""
    values, groups = metric
    every = np.random.default_rng(width).lognormal(size=(len(values), width)).astype(np.float32)
    columns = [Column(values + number, every if number % 3 else None) for number in range(20)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "_SHARED_CALLS", range(10**6))
        patch.setattr(cuts, "cores", lambda: 2)
        two = list(parts_of(columns, groups, [0.5, 0.9]))
        patch.setattr(cuts, "cores", lambda: 1)
        one = list(parts_of(columns, groups, [0.5, 0.9]))
    assert plain([parts for parts, _ in two]) == plain([parts for parts, _ in one])
    assert [[item.tolist() for item in own] for _, own in two] == [[item.tolist() for item in own] for _, own in one]
    assert [bool(own) for _, own in one] == [bool(number % 3 and any(parts)) for number, (parts, _) in enumerate(one)]


@compiled
def test_what_is_not_there_is_refused() -> None:
    """Rows, pairs, points and groups beyond the end."""
    from latprof.stats import _native_quantiles

    order, values, pair = np.arange(3, dtype=np.int32), np.zeros(3), np.array([0, 0, 1], dtype=np.int32)
    starts, asked, least, points = np.array([0, 2]), np.array([0.5]), np.array([1]), np.full(8, np.nan)
    given_all: dict[str, Any] = {
        "order": order, "values": values, "pair": pair, "starts": starts, "asked": asked, "least": least,
        "points": points,
    }  # fmt: skip
    assert _native_quantiles.figures(**given_all)[3].shape == (1, 1, 3)
    for name, wrong in {
        "order": np.array([0, 1, 3], dtype=np.int32),
        "pair": np.array([0, 0, 2], dtype=np.int32),
        "starts": np.array([0, -1]),
        "points": np.full(1, np.nan),
    }.items():
        with pytest.raises(IndexError):
            _native_quantiles.figures(**{**given_all, name: wrong})
    drawn, small = np.ones((3, 2), dtype=np.float32), np.zeros(3, dtype=np.int32)
    with pytest.raises(IndexError):
        _native_quantiles.quantiles_of_parts(drawn, order + 1, small, np.array([0, 1]), small[:1], asked)
    with pytest.raises(IndexError):
        _native_quantiles.quantiles_of_parts(drawn, None, small, np.array([0, 1]), small[:1] + 1, asked)
