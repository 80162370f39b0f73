"""The compiled extension and the Python code give percentiles and intervals with the same bits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from latprof.stats import cuts
from latprof.stats.cuts import Column, Cut, Cuts, Part, parts_of, quantiles_of_rows
from latprof.stats.quantiles import student_t_quantile

PROBABILITIES = (0.01, 0.1, 0.25, 0.5, 0.9, 0.99, 1 / 3, 0.0, 1.0)
compiled = pytest.mark.skipif(not cuts.is_compiled(), reason="not compiled here")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Measured = list[list[list[tuple[int, int, int, Any]]]]


def cuts_of(numbers: list[Ints], sessions: Ints) -> Cuts:
    """Groups and sessions as they are numbered, worked out the plain way; `numbers` are the groups of each way."""
    together = list(zip(*(number.tolist() for number in numbers), strict=True))
    joints = sorted(set(together))
    listed = list(zip((joints.index(item) for item in together), sessions.tolist(), strict=True))
    cells = sorted(set(listed))
    each = []
    for place, number in enumerate(numbers):
        groups = int(number.max(initial=-1)) + 1
        own = [(joints[joint][place], session) for joint, session in cells]
        pairs = sorted(set(own))
        each.append(
            Cut(
                tuple({"group": str(k)} for k in range(groups)),
                np.bincount(number, minlength=groups),
                np.array([joint[place] for joint in joints], dtype=np.int64),
                np.array([pairs.index(item) for item in own], dtype=np.int32),
                np.array([sum(group < k for group, _ in pairs) for k in range(groups + 1)], dtype=np.int64),
            )
        )
    return Cuts(
        np.array([cells.index(item) for item in listed], dtype=np.int32),
        np.array([listed.count(item) for item in cells], dtype=np.int32),
        np.array([joint for joint, _ in cells], dtype=np.int64),
        len(joints),
        tuple(each),
    )


def one_group(sessions: Ints) -> Cuts:
    return cuts_of([np.zeros(len(sessions), dtype=np.int64)], sessions)


@st.composite
def metrics(draw: st.DrawFn) -> tuple[Floats, Cuts]:
    """Calls of sessions of very different size in some groups, with ties and calls without a value."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, most = draw(st.integers(0, 1500)), draw(st.sampled_from([1, 2, 9, 40, 400]))
    share = rng.lognormal(sigma=draw(st.sampled_from([0.0, 1.0, 2.0])), size=most)
    sessions = np.unique(rng.choice(most, n, p=share / share.sum()), return_inverse=True)[1]
    values = rng.lognormal(size=n) + draw(st.sampled_from([0.0, 0.5])) * sessions
    values = np.asarray(np.round(values, draw(st.sampled_from([0, 1, 6]))) - draw(st.sampled_from([0.0, 1.0])))
    values[rng.random(n) < draw(st.sampled_from([0.0, 0.2, 1.0]))] = np.nan
    groups = [
        np.zeros(n, dtype=np.int64), rng.integers(0, draw(st.integers(1, 7)), n), sessions, rng.integers(0, 2, n),
        rng.integers(0, 3, n),
    ]  # fmt: skip
    chosen = draw(st.sampled_from([[0], [1], [2], [0, 1], [1, 3], [1, 3, 4], [0, 1, 3, 4], [3, 0, 4, 1, 2], [2, 2]]))
    return values, cuts_of([np.unique(groups[k], return_inverse=True)[1] for k in chosen], sessions)


def plain(found: list[list[list[Part]]]) -> Measured:
    """Parts to be compared: floats as they are."""
    return [
        [[(part.place, part.n, part.sessions, dict(part.figures)) for part in parts] for parts in column]
        for column in found
    ]


def all_parts(columns: list[Floats], groups: Cuts, asked: list[float]) -> list[list[list[Part]]]:
    return [every for every, _ in parts_of(map(Column, columns), groups, asked)]


def in_python(columns: list[Column], groups: Cuts, asked: list[float]) -> list[cuts.Measured]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuts, "_compiled", None)
        return list(parts_of(columns, groups, asked))


@compiled
@given(metrics(), st.lists(st.sampled_from(PROBABILITIES), min_size=1, max_size=5))
def test_both_ways_give_the_same_figures(metric: tuple[Floats, Cuts], asked: list[float]) -> None:
    """Of every group, to the last bit, whichever cuts are dealt out together."""
    values, groups = metric
    columns = [values, values[::-1].copy(), -values]
    found = all_parts(columns, groups, asked)
    assert plain(found) == plain([parts for parts, _ in in_python([*map(Column, columns)], groups, asked)])
    counted = [
        [np.bincount(cut.number[groups.joint[groups.cell]][~np.isnan(column)]).tolist() for cut in groups.each]
        for column in columns
    ]
    assert [[[part.n for part in parts] for parts in every] for every in found] == [
        [[n for n in own if n] for own in column] for column in counted
    ]


@compiled
def test_calls_of_one_session_have_no_interval() -> None:
    """And those of many have: 600 values 0 to 599, each session has two in a row."""
    values = np.arange(600.0)
    alone, many = (one_group(sessions) for sessions in (np.zeros(600, np.int64), np.arange(600) // 2))
    (((one,),),), (((other,),),) = (all_parts([values], groups, [0.5]) for groups in (alone, many))
    assert (one.sessions, one.figures) == (1, {0.5: (299.5, (None, None))})
    centre, (low, high) = other.figures[0.5]
    assert (other.sessions, centre) == (300, 299.5)
    assert low is not None
    assert high is not None
    # 300 sessions of two calls each: the share below is good to 1.97 * sqrt(0.25 / 300), 0.0569 of 600 calls.
    assert low == pytest.approx(299.5 - 34, abs=2)
    assert high == pytest.approx(299.5 + 34, abs=2)


def ordered(values: Floats) -> tuple[NDArray[np.int32], Floats]:
    """By the extension."""
    from latprof.stats import _native_quantiles

    n = len(values)
    zeros = np.zeros(n, dtype=np.int32)
    one = np.array([n], dtype=np.int32), np.zeros((1, 1), dtype=np.int32), np.array([0, 1]), np.array([0, 1])
    return _native_quantiles.Groups(zeros, *one).ordered(values)


def assert_in_order(values: Floats) -> None:
    """By value, by sign of a zero, by row; to the last bit."""
    order, known = ordered(values)
    listed = [row for row in range(len(values)) if not math.isnan(values[row])]
    listed.sort(key=lambda row: (values[row], math.copysign(1, values[row]), row))
    assert order.tolist() == listed
    assert known.tobytes() == values[listed].tobytes()


@compiled
def test_an_order_has_equal_values_in_the_order_of_their_rows() -> None:
    """Negative ones first, and no value that is not known."""
    values = np.array([2.0, np.nan, -1.0, 2.0, -3.5, np.inf, -np.inf, 0.0, np.nan, 1e-300])
    order, known = ordered(values)
    assert order.tolist() == [6, 4, 2, 7, 9, 0, 3, 5]
    assert known.tolist() == [-math.inf, -3.5, -1.0, 0.0, 1e-300, 2.0, 2.0, math.inf]


@compiled
@given(st.integers(0, 10**6), st.integers(1, 900), st.sampled_from([1e-15, 1e-12, 1e-7, 1e-3, 1.0]), st.booleans())
@example(1, 900, 1e-15, True)
def test_an_order_is_that_of_all_digits(seed: int, n: int, apart: float, signs: bool) -> None:  # noqa: FBT001
    """Also of values that differ in their last digits only, and of zeros of both signs."""
    rng = np.random.default_rng(seed)
    values = np.round(1 + rng.random(n) * apart, rng.integers(0, 17)) * (
        rng.choice([-1.0, 0.0, 1.0], n) if signs else 1
    )
    assert_in_order(values)


@compiled
@given(
    st.integers(0, 10**6),
    st.integers(1, 3000),
    st.sampled_from(["counts", "one", "zeros", "far", "all", "late"]),
    st.booleans(),
)
def test_an_order_is_right_wherever_values_lie(seed: int, n: int, kind: str, gaps: bool) -> None:  # noqa: FBT001
    """Few digits or many, one value far from all others, zeros among large ones, and times that lie close together."""
    rng = np.random.default_rng(seed)
    kinds: dict[str, Callable[[], Floats]] = {
        "counts": lambda: rng.integers(0, 40, n).astype(np.float64),
        "one": lambda: np.full(n, 7.25),
        "zeros": lambda: np.where(rng.random(n) < 0.4, 0.0, rng.lognormal(12, 1, n)),
        "far": lambda: np.where(rng.random(n) < 0.01, 1e300, rng.lognormal(size=n)),
        "all": lambda: rng.choice([-1.0, 1.0], n) * np.exp(rng.uniform(-700, 700, n)),
        "late": lambda: np.where(rng.random(n) < 0.01, 1e-9, 1.7e9 + rng.random(n) * 1e6),
    }
    values = kinds[kind]()
    values[rng.random(n) < (0.2 if gaps else 0)] = np.nan
    assert_in_order(values)


@given(
    st.integers(0, 10**6),
    st.integers(1, 700),
    st.integers(1, 13),
    st.sampled_from(["all", "some", "few"]),
    st.sampled_from(["as they come", "in order", "one far away", "equal"]),
    st.lists(st.sampled_from(PROBABILITIES), min_size=1, max_size=6),
)
@example(1, 700, 13, "some", "one far away", [0.5])
@example(2, 700, 3, "all", "one far away", [1.0, 0.0])
def test_quantiles_of_rows_are_those_of_all_their_values(
    seed: int, n: int, width: int, which: str, kind: str, asked: list[float]
) -> None:
    """In single precision, as numpy sorts and interpolates them in double precision."""
    rng = np.random.default_rng(seed)
    values = (rng.lognormal(sigma=rng.choice([0.01, 1.0, 5.0]), size=(n, width)) - 0.5).astype(np.float32)
    values = np.round(values, 2) if seed % 2 else values
    if kind == "in order":
        values = np.sort(values, axis=1)
    elif kind == "one far away":
        values[rng.integers(0, n), width // 2] = rng.choice([-3e38, 3e38])
    elif kind == "equal":
        values[:] = values[0, 0]
    chosen = rng.random(n) < {"all": 1.0, "some": 0.5, "few": 0.05}[which]
    chosen[rng.integers(0, n)] = True
    values[~chosen] = np.where(rng.random((int((~chosen).sum()), width)) < 0.5, np.nan, 1e30)
    flat = values[chosen].astype(np.float64).ravel()
    found = quantiles_of_rows(values, chosen, asked)
    assert found == [float(np.quantile(flat, probability)) for probability in asked]


@compiled
@pytest.mark.parametrize("width", [1, 2, 11, 12, 13, 100, 341, 342, 512, 513, 1023, 1024])
@pytest.mark.parametrize("n", [1, 2, 85, 86, 200])
def test_rows_of_any_width_are_gone_through_to_the_last_value(n: int, width: int) -> None:
    """Each value is there once, so that every rank has a value of its own."""
    values = np.random.default_rng(width).permutation(n * width).astype(np.float32).reshape(n, width)
    asked = [0.0, 0.25, 0.5, 0.999, 1.0]
    found = quantiles_of_rows(values, np.ones(n, dtype=np.bool_), asked)
    assert found == [float(np.quantile(np.arange(n * width, dtype=np.float64), probability)) for probability in asked]


@compiled
def test_a_value_that_is_no_number_is_larger_than_all() -> None:
    """Of 10 rows of 3 the values 0 to 29 without 13, and one that is none: the middle lies between 15 and 16."""
    values = np.arange(30, dtype=np.float32).reshape(10, 3)
    values[4, 1] = np.nan
    chosen = np.ones(10, dtype=np.bool_)
    found = quantiles_of_rows(values, chosen, [0.0, 0.5, 1.0])
    assert found[:2] == [0.0, 15.5]
    assert math.isnan(found[2])


@compiled
@given(metrics(), st.integers(1, 13), st.lists(st.sampled_from(PROBABILITIES), min_size=1, max_size=5, unique=True))
def test_quantiles_of_all_parts_are_those_of_each(metric: tuple[Floats, Cuts], width: int, asked: list[float]) -> None:
    """However the groups of several cuts lie in each other, and however many there are; with and without the extension,
    in single and in double precision."""
    values, groups = metric
    drawn = (np.random.default_rng(len(values)).lognormal(size=(len(values), width)) - 0.5).astype(np.float32)
    nothing = np.broadcast_to(np.nan, len(values))
    columns = [Column(values, drawn), Column(values, drawn.astype(np.float64)), Column(values), Column(nothing, drawn)]
    for found in (list(parts_of(columns, groups, asked)), in_python(columns, groups, asked)):
        for column, (every, centres) in zip(columns, found, strict=True):
            assert len(centres) == (0 if column.every is None else len(groups.each))
            for cut, parts, own in zip(groups.each, every, centres, strict=False):
                number = cut.number[groups.joint[groups.cell]]
                flat = [drawn[(number == part.place) & ~np.isnan(values)].astype(np.float64).ravel() for part in parts]
                assert own == [
                    {probability: float(np.quantile(item, probability)) for probability in asked} for item in flat
                ]


@given(metrics(), st.data(), st.sampled_from(["compiled", "plain"]))
def test_what_is_not_wanted_is_left_out(metric: tuple[Floats, Cuts], data: st.DataObject, way: str) -> None:
    """Of columns some cuts, of quantiles some intervals: the rest is as if all were wanted."""
    values, groups = metric
    every = np.random.default_rng(7).lognormal(size=(len(values), 3)).astype(np.float32)
    numbers = range(len(groups.each))
    bounded = data.draw(st.sets(st.sampled_from(PROBABILITIES), max_size=3))
    some = [data.draw(st.sets(st.sampled_from(numbers)).map(sorted).map(tuple)) for _ in range(2)]
    whole = [Column(values), Column(values[::-1].copy(), every)]
    part = [replace(column, cuts=chosen) for column, chosen in zip(whole, some, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        if way == "plain":
            patch.setattr(cuts, "_compiled", None)
        full = list(parts_of(whole, groups, PROBABILITIES))
        found = list(parts_of(part, groups, PROBABILITIES, bounded))
    for chosen, (parts, centres), (all_parts_, all_centres) in zip(some, found, full, strict=True):
        assert [bool(own) and number in chosen for number, own in enumerate(all_parts_)] == list(map(bool, parts))
        for number in chosen:
            expected = [
                (item.place, item.n, item.sessions, {
                    p: (value, ends if p in bounded else (None, None)) for p, (value, ends) in item.figures.items()
                })
                for item in all_parts_[number]
            ]  # fmt: skip
            assert [(item.place, item.n, item.sessions, item.figures) for item in parts[number]] == expected
        assert [own for number, own in enumerate(centres) if number in chosen] == [
            own for number, own in enumerate(all_centres) if number in chosen
        ]


@compiled
@given(metrics(), st.integers(1, 5))
def test_two_threads_give_what_one_gives(metric: tuple[Floats, Cuts], width: int) -> None:
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
    assert [own for _, own in two] == [own for _, own in one]
    assert [bool(own) for _, own in one] == [number % 3 > 0 for number in range(20)]


@compiled
def test_what_is_not_there_is_refused() -> None:
    """Cells, pairs, points and groups beyond the end; and rows of too many values."""
    from latprof.stats import _native_quantiles

    values, asked, least, points = np.zeros(3), np.array([0.5]), np.array([1]), np.full(8, np.nan)
    given_all: dict[str, Any] = {
        "cell": np.array([0, 0, 1], dtype=np.int32), "sizes": np.array([2, 1], dtype=np.int32),
        "pairs": np.array([[0, 1]], dtype=np.int32), "starts": np.array([0, 2]), "begins": np.array([0, 1]),
    }  # fmt: skip
    groups, ones = _native_quantiles.Groups(**given_all), np.ones(1, dtype=np.uint8)
    assert groups.measured(values, asked, least, points, ones, ones)[2].shape == (1, 1, 3)
    for name, wrong in {
        "cell": np.array([0, 0, 2], dtype=np.int32),
        "sizes": np.array([1, 2], dtype=np.int32),
        "pairs": np.array([[0, 2]], dtype=np.int32),
        "starts": np.array([0, -1]),
    }.items():
        with pytest.raises(IndexError):
            _native_quantiles.Groups(**{**given_all, name: wrong})
    with pytest.raises(ValueError, match="lengths"):
        _native_quantiles.Groups(**{**given_all, "begins": np.array([0, 2])})
    with pytest.raises(IndexError):
        groups.measured(values, asked, least, np.full(1, np.nan), ones, ones)
    with pytest.raises(ValueError, match="lengths"):
        groups.measured(values[:2], asked, least, points, ones, ones)
    for chosen, bounded in ((ones[:0], ones), (ones, ones[:0])):
        with pytest.raises(ValueError, match="lengths"):
            groups.measured(values, asked, least, points, chosen, bounded)
    drawn, small = np.ones((3, 2), dtype=np.float32), np.zeros(2, dtype=np.int32)
    one = np.array([0, 1])
    assert groups.quantiles(values, drawn, small, one, small[:1], asked).tolist() == [[1.0]]
    with pytest.raises(IndexError):
        groups.quantiles(values, drawn, small + 1, one, small[:1], asked)
    with pytest.raises(IndexError):
        groups.quantiles(values, drawn, small, one, small[:1] - 1, asked)
    for wrong_one in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            groups.measured(values, np.array([wrong_one]), least, points, ones, ones)
        with pytest.raises(ValueError, match="between 0 and 1"):
            groups.quantiles(values, drawn, small, one, small[:1], np.array([wrong_one]))
    with pytest.raises(ValueError, match="twice"):
        groups.quantiles(values, drawn, small, np.array([0, 2]), small, asked)
    with pytest.raises(ValueError, match="too many"):
        _native_quantiles.quantiles_of_rows(np.ones((1, 5000), dtype=np.float32), small[:1], asked)


@compiled
def test_students_t_has_the_same_bits() -> None:
    """In closed form, by the two ways of the expansion, and where it is nearly normal."""
    from latprof.stats import _native_quantiles

    for degrees in [*range(1, 3_000), 12_345, 10**6, 10**9, 2**40]:
        assert _native_quantiles.upper_point(degrees) == student_t_quantile(0.975, degrees), degrees
    with pytest.raises(ValueError, match="degree"):
        _native_quantiles.upper_point(0)
