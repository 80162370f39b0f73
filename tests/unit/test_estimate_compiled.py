"""Compiled sums and loops of the estimator give the bits of the Python code, on any numbers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from estimated_calls import Law, Made, made
from latprof.estimate import Estimation, backend, estimate, plain, sums
from latprof.estimate.evidence import COLUMNS
from latprof.estimate.mixture import Mixture
from latprof.estimate.problem import NUMBERS, Problem
from latprof.estimate.table import EDGES_S, LOG_EDGES, inverse, lines_of, straight, value_at
from latprof.ingest import read_inputs
from latprof.model import Call
from latprof.trace import Trace

FIXTURES = Path(__file__).parents[2] / "fixtures" / "claude-code"
Singles = NDArray[np.float32]

not_compiled = pytest.mark.skipif(not backend.is_compiled(), reason="the estimator is not compiled here")
seeds = st.integers(0, 2**32 - 1)
# What no log should hold, but a damaged one may.
ODD = np.array([0.0, 1e-44, 1e-30, 1e-3, 1.0, 1e6, 1e12, 3e38, np.inf], dtype=np.float32)


def same(one: object, other: object) -> bool:
    """Type, shape and every bit, but for the sign of what is no number."""
    a, b = np.asarray(one), np.asarray(other)
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=True)


def drawn(seed: int, calls: int, *, cells: int, odd: float, spans: float) -> Problem:
    """Calls as they may be, a share `odd` of all numbers beyond what is likely."""
    rng = np.random.default_rng(seed)

    def numbers(low: float, high: float, *shape: int) -> Singles:
        usual = np.exp(rng.uniform(np.log(low), np.log(high), shape))
        return np.where(rng.random(shape) < odd, rng.choice(ODD, shape), usual).astype(np.float32)

    limits = {
        "ends_s": (0.01, 900), "span_s": (0.15, 900), "thinking": (1, 9000), "text": (1, 9000), "tool": (1, 9000),
        "head": (1, 5000), "first_error": (0.1, 500), "tools": (0.1, 9), "headers_s": (0.01, 60), "uncached": (1, 2e5),
    }  # fmt: skip
    columns = np.array([numbers(*limits.get(name, (1, 9)), calls) for name in COLUMNS])
    columns[COLUMNS.index("first_type")] = rng.integers(0, 3, calls)
    columns[COLUMNS.index("span_s"), rng.random(calls) >= spans] = np.nan
    for name in ("thinking", "text", "tool", "tools", "headers_s"):
        columns[COLUMNS.index(name), rng.random(calls) < 0.4] = 0
    vector = numbers(1e-3, 2, len(NUMBERS))
    vector[[NUMBERS.index(name) for name in ("stamp", "outlier", "least_mass", "least_density")]] = (
        1e-4,
        1e-6,
        1e-5,
        1e-20,
    )
    share = rng.random(cells) + 1e-12
    below = Mixture(np.array([0.4, 0.6]), rng.normal(0.5, 1, 2), rng.uniform(0.2, 0.9, 2)).cumulative(LOG_EDGES)
    return Problem(
        columns, numbers(0.5, 2, calls), numbers(0.5, 2, calls), vector, numbers(1e-3, 0.3, cells),
        (share / share.sum()).astype(np.float32), straight(np.maximum.accumulate(below)),
    )  # fmt: skip


problems = st.builds(
    drawn,
    seeds,
    st.integers(1, 2000),
    cells=st.integers(1, 64),
    odd=st.sampled_from([0.0, 0.01, 0.3]),
    spans=st.sampled_from([0.0, 0.7, 1.0]),
)


def test_it_is_compiled_where_it_can_be() -> None:
    """Where CI has a compiler and Python's headers, a build that failed in silence would be missed otherwise."""
    header = Path(sysconfig.get_paths()["include"], "Python.h")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if not os.environ.get("CI") or not header.exists() or shutil.which(compiler) is None:
        pytest.skip("not CI, or nothing to compile with")
    assert backend.is_compiled()


@not_compiled
@pytest.mark.property
@settings(max_examples=100, deadline=None)
@given(problems)
def test_sums_have_the_same_bits(problem: Problem) -> None:
    """Likelihoods, sums for EM and readings, of usual and of odd numbers."""
    from latprof.estimate import _native_sums

    assert same(_native_sums.totals(problem), sums.totals(problem))
    moments, grid = straight(np.linspace(-1, 3, len(EDGES_S))), np.linspace(3, 6, len(problem.share), dtype=np.float32)
    one, other = (module.step(problem, moments, grid) for module in (_native_sums, sums))
    for name in one.__slots__:
        assert same(getattr(one, name), getattr(other, name)), name
    levels = np.array([0.0, 0.025, 0.3, 0.5, 0.975, 1.0], dtype=np.float32)
    for part, wanted in zip(_native_sums.at_levels(problem, levels), sums.at_levels(problem, levels), strict=True):
        assert same(part, wanted)


@not_compiled
@pytest.mark.property
@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(0, 300), st.sampled_from([np.float32, np.float64]), st.sampled_from([2, 5, 10]))
def test_readings_are_dealt_alike(seed: int, calls: int, kind: type, width: int) -> None:
    """Into the same rows, with nothing where decoding was too short to be timed; odd numbers included."""
    from latprof.estimate import _native_sums

    rng = np.random.default_rng(seed)
    rows = rng.permutation(calls + 7)[:calls]
    first, speed = (np.exp(rng.normal(3, 3, (calls, width + 2))).astype(np.float32) for _ in range(2))
    first[rng.random(first.shape) < 0.05], speed[rng.random(speed.shape) < 0.05] = np.nan, rng.choice(ODD)
    tokens = np.where(rng.random(calls) < 0.1, np.nan, rng.integers(1, 900, calls).astype(np.float64))
    filled = []
    with np.errstate(all="ignore"):
        for module in (_native_sums, plain):
            columns: list[NDArray[np.floating[Any]]] = [
                np.full((calls + 7, size), 7.0, dtype=kind) for size in (width, 2, width, 2)
            ]
            module.dealt(rows, tokens, first, speed, 0.25, *columns)
            filled.append(columns)
            median = (speed[:, width // 2 - 1] + speed[:, width // 2]) / 2
            short = rows[~((tokens - 1) / median >= 0.25)]
    assert all(np.isnan(column[short]).all() for column in filled[0][2:])
    for one, other in zip(*filled, strict=True):
        assert same(one, other)


@not_compiled
@pytest.mark.parametrize("change", ["row", "below", "tokens", "width", "ends"])
def test_readings_that_do_not_fit_are_not_dealt(change: str) -> None:
    """Nothing is written beyond the columns."""
    from latprof.estimate import _native_sums

    rows, tokens = np.arange(3), np.full(3, 9.0)
    first, speed = np.ones((3, 12), dtype=np.float32), np.ones((3, 12), dtype=np.float32)
    sizes = [10, 2, 10, 2]
    if change in {"row", "below"}:
        rows[1] = 3 if change == "row" else -1
    elif change == "tokens":
        tokens = tokens[1:]
    elif change == "width":
        first = first[:, 1:].copy()
    else:
        sizes[3] = 1
    with pytest.raises(IndexError if change in {"row", "below"} else ValueError):
        _native_sums.dealt(rows, tokens, first, speed, 0.25, *(np.zeros((3, size)) for size in sizes))


@pytest.mark.property
@settings(max_examples=30, deadline=None)
@given(problems, st.integers(1, 300))
def test_a_call_is_read_the_same_among_any_others(problem: Problem, begin: int) -> None:
    """Calls beside it, with or without spans, are no part of its sums."""
    rows = slice(min(begin, problem.columns.shape[1] - 1), None)
    part = replace(
        problem,
        columns=np.ascontiguousarray(problem.columns[:, rows]),
        scale=problem.scale[rows],
        pace=problem.pace[rows],
    )
    assert same(backend.totals(part), backend.totals(problem)[rows])
    levels = np.array([0.1, 0.9], dtype=np.float32)
    for one, whole in zip(backend.at_levels(part, levels), backend.at_levels(problem, levels), strict=True):
        assert same(one, np.asarray(whole)[rows])


@not_compiled
@pytest.mark.property
@settings(max_examples=150, deadline=None)
@given(seeds, st.integers(1, 700), st.integers(1, 8))
def test_loops_of_the_fit_have_the_same_bits(seed: int, n: int, size: int) -> None:
    """Mixtures, effects and descent."""
    from latprof.estimate import _native_sums

    rng = np.random.default_rng(seed)
    share, centre, width = rng.dirichlet(np.ones(size)), rng.normal(0, 2, size), rng.uniform(0.05, 0.9, size)
    z, mass = np.sort(rng.normal(0, 9, n)), rng.exponential(1, n) * (rng.random(n) < 0.8)
    table = np.sort(rng.random((50, 2)), axis=0)
    shapes = [module.refitted(z, mass, share, centre, width, (0.2, 0.9), 2) for module in (_native_sums, plain)]
    assert all(same(one, other) for one, other in zip(*shapes, strict=True))
    assert same(*(m.cumulative(share, centre, 40 / width, table, -6.0, z) for m in (_native_sums, plain)))
    sizes = rng.integers(1, 9, 3)
    levels = np.array([rng.integers(0, size, n) for size in sizes])
    values, effects = rng.normal(0, 3, (2, n)).astype(np.float32), rng.normal(0, 1, (2, int(sizes.sum())))
    assert same(*(module.pooled(values, levels, sizes, effects, 20.0) for module in (_native_sums, plain)))
    matrix = rng.lognormal(0, 1, (size, n))
    gram, moments, floors = matrix @ matrix.T, matrix @ rng.normal(3, 9, n), rng.choice([0.0, -150.0], size)
    arguments = (gram, moments, gram.diagonal() + 1e-9, np.sqrt(gram.diagonal()), floors, rng.normal(0, 1, size), 1e-6)
    assert same(*(module.descend(*arguments) for module in (_native_sums, plain)))


@not_compiled
@pytest.mark.parametrize("change", [{"scale": 3}, {"numbers": 2}, {"slowness": 5}, {"columns": 4}, {"table": 7}])
def test_arrays_that_do_not_go_together_are_refused(change: dict[str, int]) -> None:
    """Before any of them is looked at beyond its end."""
    from latprof.estimate import _native_sums

    problem = drawn(0, 40, cells=9, odd=0, spans=1)
    with pytest.raises(ValueError, match="do not go together"):
        _native_sums.totals(replace(problem, **{name: getattr(problem, name)[:n] for name, n in change.items()}))
    with pytest.raises(ValueError, match="does not have"):
        _native_sums.pooled(np.zeros((2, 3), np.float32), np.array([[0, 1, 2]]), np.array([2]), np.zeros((2, 2)), 20.0)


def both_ways(calls: list[Call], monkeypatch: pytest.MonkeyPatch) -> tuple[Estimation, Estimation]:
    """Estimates with and without compiled code."""
    trace = Trace.from_calls(calls)
    with_it = estimate(trace)
    monkeypatch.setattr("latprof.estimate.backend._compiled", None)
    return with_it, estimate(trace)


def assert_same(one: Estimation, other: Estimation) -> None:
    """Every value of every call and of every group."""
    for name in ("values", "ends", "errors"):
        first, second = getattr(one.estimates, name), getattr(other.estimates, name)
        assert all(same(first[key], second[key]) for key in first), name
    assert [group.refused for group in one.groups] == [group.refused for group in other.groups]
    for group, wanted in zip(one.groups, other.groups, strict=True):
        assert group.checks == wanted.checks
        assert (group.parameters is None) == (wanted.parameters is None)
        if group.parameters is not None and wanted.parameters is not None:
            assert group.parameters.numbers == wanted.parameters.numbers
            assert same(group.parameters.first.centre, wanted.parameters.first.centre)


def pooled(calls: Sequence[Call]) -> list[Call]:
    """All calls with blocks as if of one model."""
    return [replace(call, model="pooled") for call in calls if call.blocks]


def known(drawn_calls: Made) -> list[Call]:
    """Every third call with a stated first token, every fourth with a time of its headers."""
    return [
        replace(
            call,
            first_output_at=(call.sent_at or 0) + first if k % 3 == 0 else None,
            first_output_source="block_start" if k % 3 == 0 else None,
            headers_at=(call.sent_at or 0) + 0.9 * first if k % 4 == 0 else None,
        )
        for k, (call, first) in enumerate(zip(drawn_calls.calls, drawn_calls.ttft_s, strict=True))
    ]


@not_compiled
@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(lambda: made(200).calls, id="small group"),
        pytest.param(lambda: made(1300, Law(tool_factor=2), sessions=40, seed=3).calls, id="part of a large group"),
        pytest.param(lambda: known(made(300, seed=8)), id="stated first tokens and headers"),
        pytest.param(lambda: pooled(read_inputs([str(FIXTURES)]).calls), id="fixtures"),
    ],
)
def test_estimates_are_the_same_with_and_without(calls: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit."""
    one, other = both_ways(calls(), monkeypatch)  # type: ignore[operator]
    assert_same(one, other)
    assert any(group.parameters is not None for group in one.groups)


@not_compiled
def test_what_was_compiled_beside_another_version_does_not_load() -> None:
    """Numbers would be taken for others."""
    code = """
import sys, types
from pathlib import Path
from typing import Any
import latprof
package = types.ModuleType("latprof.estimate")
package.__path__ = [str(Path(latprof.__file__).parent / "estimate")]
sys.modules["latprof.estimate"] = package
from latprof.estimate import problem
assert "latprof.estimate._native_sums" not in sys.modules
problem.VERSION = (problem.VERSION[0] + 1, *problem.VERSION[1:])
try:
    import latprof.estimate._native_sums
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "another version" in done.stdout


def test_the_exponential_is_right_to_the_last_digits() -> None:
    """Against the library's, over all powers that occur; far below, it stays where it is."""
    power = -np.concatenate((np.linspace(0, 700, 100_001), np.logspace(-12, 2.8, 10_001)))
    assert np.abs(plain.exponential(power) / np.exp(power) - 1).max() < 1e-15
    assert plain.exponential(np.array([-1e9, -np.inf])) == pytest.approx(np.exp([-700, -700]))


def test_lines_by_bits_are_where_the_times_are() -> None:
    """Every edge on its own line, a time between two edges on the lower one's; beyond all, at the ends."""
    line, inside = lines_of(EDGES_S)
    assert np.array_equal(line, np.arange(len(EDGES_S)))
    assert not inside.any()
    times = np.random.default_rng(0).uniform(0.02, 4000, 5000).astype(np.float32)
    line, inside = lines_of(times)
    assert np.array_equal(line, np.searchsorted(EDGES_S, times, "right") - 1)
    assert np.array_equal(EDGES_S[line] + inside, times)
    odd = np.array([-np.inf, -1, 0, 1e-30, np.inf, 1e9, np.nan], dtype=np.float32)
    assert lines_of(odd)[0].tolist() == [0, 0, 0, 0, len(EDGES_S) - 1, len(EDGES_S) - 1, 0]
    assert np.diff(LOG_EDGES).max() < 0.0156


def test_a_table_is_read_forwards_and_backwards() -> None:
    """Within a thousandth of a standard deviation of the distribution that it stands for."""
    mixture = Mixture(np.array([1.0]), np.array([0.7]), np.array([0.3]))
    table = straight(mixture.cumulative(LOG_EDGES))
    times = np.exp(np.linspace(-0.2, 1.6, 400)).astype(np.float32)
    below = value_at(table, *lines_of(times))
    assert below == pytest.approx(mixture.cumulative(np.log(times.astype(np.float64))), abs=1e-4)
    assert inverse(table, below) == pytest.approx(times, rel=3e-5)
    assert inverse(table, np.array([0, 1], dtype=np.float32))[1] <= EDGES_S[-1]
