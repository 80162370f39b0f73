"""Groups of more calls than a model is fitted on: which calls are chosen, and what is kept between runs."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from estimated_calls import Made, made
from latprof import parallel
from latprof.estimate import Estimation, estimate
from latprof.estimate.calibrate import calibrate
from latprof.estimate.evidence import COLUMNS, Evidence
from latprof.estimate.fit import Fit, start
from latprof.estimate.observe import Observed, Subject, observe, take, usable
from latprof.estimate.readings import evidence_of, read
from latprof.estimate.sample import FIT_CALLS, choose, chunks, settled
from latprof.estimate.values import ATOMS
from latprof.model import Call
from latprof.trace import Columns, Trace
from latprof.trace.origin import Origin

Arrays = dict[str, NDArray[Any]]
Doubles = NDArray[np.float64]


class Files(dict[str, Arrays]):
    """A shelf that goes through bytes as a file would, without objects, and counts what it did."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def __setitem__(self, key: str, arrays: Arrays) -> None:
        file = io.BytesIO()
        np.savez(file, **arrays)  # type: ignore[arg-type]
        file.seek(0)
        with np.load(file, allow_pickle=False) as stored:
            super().__setitem__(key, {name: stored[name] for name in stored.files})
        self.written.append(key.split("-")[2])


def same(one: Estimation, other: Estimation) -> bool:
    """Every value of every call, to the last bit."""
    pairs = [(getattr(one.estimates, name), getattr(other.estimates, name)) for name in ("values", "ends", "errors")]
    return all(np.array_equal(a[key], b[key], equal_nan=True) for a, b in pairs for key in a)


@pytest.fixture(scope="module")
def large() -> Made:
    return made(1300, sessions=40, seed=11)


@pytest.fixture(scope="module")
def plain(large: Made) -> Estimation:
    return estimate(Trace.from_calls(large.calls))


def test_percentiles_of_a_large_group_come_back(large: Made, plain: Estimation) -> None:
    """A fit to 800 of the calls gives the percentiles of all."""
    assert plain.groups[0].fitted_on == FIT_CALLS
    for key, truth in (("ttft_s", large.ttft_s), ("decode_tps", large.decode_tps)):
        for q, most in ((0.1, 0.08), (0.5, 0.04), (0.9, 0.08)):
            value = np.nanquantile(plain.estimates.values[key], q)
            assert value == pytest.approx(np.quantile(truth, q), rel=most), (key, q)


def test_a_large_group_does_not_depend_on_order_or_cores(
    large: Made, plain: Estimation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls turned round, one core or seven."""
    for cores in (1, 7):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert same(plain, estimate(Trace.from_calls(large.calls[::-1])))


def test_a_shelf_changes_nothing_but_the_work(large: Made, plain: Estimation) -> None:
    """Empty, full, and after it lost entries."""
    trace, shelf = Trace.from_calls(large.calls), Files()
    first = estimate(trace, shelf=shelf)
    steps = len(shelf.written)
    assert shelf.written.count("fit") == 1
    again = estimate(trace, shelf=shelf)
    assert len(shelf.written) == steps
    for key in list(shelf)[::2]:
        del shelf[key]
    after_loss = estimate(trace, shelf=shelf)
    assert len(shelf.written) > steps
    assert all(same(plain, found) for found in (first, again, after_loss))
    assert again.groups[0].refused is None
    assert np.array_equal(again.groups[0].first_error, first.groups[0].first_error)  # type: ignore[arg-type]
    assert again.groups[0].checks == first.groups[0].checks


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("forks", [True, False])
def test_models_shared_by_processes_are_read_as_by_one(monkeypatch: pytest.MonkeyPatch, *, forks: bool) -> None:
    """Every value of every call, the groups in their order, and the same on the shelf; one model cannot be read."""
    monkeypatch.setattr(parallel, "can_fork", lambda: forks and sys.platform == "linux")
    sizes = (("b", 150), ("a", 60), ("c", 210), ("few", 7))
    every = [made(size, sessions=6, seed=size, model=model).calls for model, size in sizes]
    trace = Trace.from_calls([call for calls in every for call in calls])
    alone, shelf = Files(), Files()
    one = estimate(trace, shelf=alone)
    for processes in (2, 3, 7):
        # The second time all is on the shelf already.
        found = estimate(trace, shelf=shelf, processes=processes)
        assert same(one, found)
        assert [group.model for group in found.groups] == ["a", "b", "c", "few"]
        assert [group.refused for group in found.groups] == [group.refused for group in one.groups]
    assert sorted(alone.written) == sorted(shelf.written)
    assert alone.keys() == shelf.keys()
    assert all(np.array_equal(alone[key][name], shelf[key][name]) for key in alone for name in alone[key])
    assert same(one, estimate(trace, processes=2))


def test_a_refused_fit_is_kept_too() -> None:
    """With its reason."""
    shelf, trace = Files(), Trace.from_calls(made(60, sessions=3).calls)
    before, after = estimate(trace, shelf=shelf), estimate(trace, shelf=shelf)
    assert shelf.written.count("fit") == 1
    assert before.groups[0].refused == after.groups[0].refused
    assert same(before, after)


def test_some_later_calls_leave_the_fit_as_it_is(large: Made) -> None:
    """The latest calls wait: what was fitted and read before stands, to the last bit."""
    shelf = Files()
    size = settled(1300) + 5
    short = estimate(Trace.from_calls(large.calls[:size]), shelf=shelf)
    longer = estimate(Trace.from_calls(large.calls[: size + 20]), shelf=shelf)
    assert shelf.written.count("fit") == 1
    known = short.estimates.values["ttft_s"]
    assert np.array_equal(known, longer.estimates.values["ttft_s"][:size])
    assert same(longer, estimate(Trace.from_calls(large.calls[: size + 20])))


def kept_as(calls: list[Call], name: bytes, new: int = 0) -> Trace:
    """A trace of calls that lie in a kept piece in their order, except for so many that were not there before."""
    columns = Columns.of(calls)
    entries = np.arange(len(calls), dtype=np.int32)
    entries[len(calls) - new :] = -1
    columns.origin = Origin(name, entries)
    return Trace.from_columns(columns)


def observed_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many calls are observed, each time that some are."""
    counts: list[int] = []
    real = Subject.observed

    def counted(self: Subject, places: Any) -> Observed:
        found = real(self, places)
        counts.append(len(found))
        return found

    monkeypatch.setattr(Subject, "observed", counted)
    return counts


def test_calls_of_a_kept_piece_are_not_observed_again(
    large: Made, plain: Estimation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only new calls are, and not those that the model is fitted on; the results are those of a run without."""
    shelf, counts = Files(), observed_calls(monkeypatch)
    first = estimate(kept_as(large.calls, b"one"), shelf=shelf)
    assert sum(counts) > len(large.calls)
    counts.clear()
    again = estimate(kept_as(large.calls, b"one"), shelf=shelf)
    assert counts == []
    grown = estimate(kept_as(large.calls, b"one", new=3), shelf=shelf)
    assert counts == [3]
    assert all(same(plain, found) for found in (first, again, grown))


def test_sessions_of_a_kept_piece_may_change(large: Made) -> None:
    """They are settled among all logs of a run: the fit with its folds is that of the sessions as they are now."""
    shelf = Files()
    estimate(kept_as(large.calls, b"one"), shelf=shelf)
    first = large.calls[0].session_id
    fewer = [replace(call, session_id=first) if number % 2 else call for number, call in enumerate(large.calls)]
    found = estimate(kept_as(fewer, b"one"), shelf=shelf)
    assert shelf.written.count("fit") == 2
    assert same(found, estimate(Trace.from_calls(fewer)))


def test_another_piece_is_observed_anew_and_found_by_what_is_in_it(
    large: Made, plain: Estimation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece under another name says nothing, even at the same places; its calls are read as before."""
    shelf, counts = Files(), observed_calls(monkeypatch)
    estimate(kept_as(large.calls, b"one"), shelf=shelf)
    counts.clear()
    moved = estimate(kept_as(large.calls, b"two"), shelf=shelf)
    assert sum(counts) > len(large.calls)
    assert shelf.written.count("fit") == 1
    fewer = estimate(kept_as(large.calls[7:], b"three"), shelf=shelf)
    assert same(plain, moved)
    assert same(fewer, estimate(Trace.from_calls(large.calls[7:])))


def test_some_calls_are_observed_as_among_all(large: Made) -> None:
    """Bit for bit, sessions aside; also where the signatures of all calls tell nothing."""
    flat = [
        replace(call, blocks=tuple(replace(block, signature_characters=340) for block in call.blocks))
        for call in large.calls
    ]
    for calls in (large.calls, flat):
        trace = Trace.from_calls(calls)
        subject = Subject.of(trace, np.flatnonzero(usable(trace)))
        every, chosen = subject.observed(slice(None)), np.array([5, 3, 700, 4, 1100])
        for places in (chosen, slice(200, 260)):
            some, expected = subject.observed(places), take(every, np.arange(len(every))[places])
            for name in Observed.__slots__:
                if name not in {"blocks", "session"}:
                    assert np.array_equal(getattr(some, name), getattr(expected, name), equal_nan=True), name
            for name in ("type", "characters", "signature", "tokens"):
                assert np.array_equal(getattr(some.blocks, name), getattr(expected.blocks, name), equal_nan=True)
        assert subject.spans() == every.spread.sum()
        assert subject.known() == (~np.isnan(every.known_s)).sum()
        assert subject.sessions() == every.session.max() + 1
    assert not subject.is_telling


def test_what_differs_is_not_taken_from_the_shelf(large: Made, plain: Estimation) -> None:
    """Another seed, and calls with other times, are other inputs."""
    shelf = Files()
    trace = Trace.from_calls(large.calls)
    estimate(trace, shelf=shelf)
    estimate(trace, seed=1, shelf=shelf)
    estimate(trace, over_time=False, shelf=shelf)
    assert shelf.written.count("fit") == 3


@pytest.mark.parametrize("n", [1, 40, FIT_CALLS, FIT_CALLS + 1, 1000, 5491, 21772, 100_000])
def test_at_most_a_sixteenth_of_the_calls_waits(n: int) -> None:
    """No call of a small group does."""
    old = settled(n)
    assert n - old <= n / 16
    assert old == n or n > FIT_CALLS


def test_the_choice_is_spread_evenly_over_time() -> None:
    """Each tenth of the settled calls holds a tenth of the choice; in any order of the calls."""
    order = np.random.default_rng(0).permutation(10_000)
    choice = choose(order)
    when = np.argsort(order)[choice.calls[choice.fitted]]
    assert len(set(when.tolist())) == FIT_CALLS
    counts = np.histogram(when, bins=10, range=(0, settled(10_000)))[0]
    assert counts.min() >= FIT_CALLS // 10 - 1
    assert when.max() < settled(10_000)


def test_chunks_hold_every_call_once_and_stay_where_they_are() -> None:
    """A call in between moves the edges of its own chunk only, as a rule; no chunk is large."""
    sent = np.sort(np.random.default_rng(3).uniform(1.7e9, 1.71e9, 20_000))
    edges = chunks(sent)
    assert edges[0][0] == 0
    assert edges[-1][1] == len(sent)
    assert all(one[1] == other[0] for one, other in pairwise(edges))
    assert max(end - begin for begin, end in edges) <= 4096
    with_one = np.insert(sent, 9_000, (sent[8_999] + sent[9_000]) / 2)
    before = {tuple(sent[begin:end]) for begin, end in edges}
    after = {tuple(with_one[begin:end]) for begin, end in chunks(with_one)}
    assert len(after - before) <= 2
    assert chunks(np.empty(0)) == []
    assert max(end - begin for begin, end in chunks(np.zeros(10_000))) <= 4096


def test_readings_are_those_of_a_plain_sum_in_double_precision(large: Made) -> None:
    """To a thousandth, from the same parameters, by the formulas of the documents and a table of 20,000 steps."""
    trace = Trace.from_calls(large.calls)
    observed = observe(trace, np.flatnonzero(usable(trace)))
    evidence = evidence_of(observed, calibrate(observed.blocks, observed.tokens), ())
    begin = start(evidence, ())
    found = read(evidence, begin.parameters, begin.grid)
    first, speed = _plainly(evidence, begin)
    for probability in (0.1, 0.5, 0.9):
        assert np.quantile(found.first_s[:, :ATOMS], probability) == pytest.approx(
            np.quantile(first, probability), rel=1e-3
        )
        assert np.quantile(found.speed_tps[:, :ATOMS], probability) == pytest.approx(
            np.quantile(speed, probability), rel=1e-3
        )
    assert np.median(np.abs(found.first_s[:, ATOMS // 2] / first[:, ATOMS // 2] - 1)) < 1e-3


def _plainly(evidence: Evidence, begin: Fit) -> tuple[Doubles, Doubles]:
    """First tokens and speeds at `ATOMS` levels of each call's posterior, with parameters at their start."""
    columns = {name: evidence[name].astype(np.float64)[:, None] for name in COLUMNS}
    total = np.maximum(columns["tokens"] - 1, 0.5)
    spread = ~np.isnan(columns["span_s"])
    head = np.where(spread, np.clip(columns["head"], 0, total), total)
    slow, half, stamp = np.exp(-begin.grid), (begin.grid[1] - begin.grid[0]) / 2, 0.012**2
    wobble = begin.parameters.wobble**2
    own, rest_s = (columns["first_error"] * slow) ** 2, (total - head) * slow
    inside = wobble * rest_s**2 + stamp
    residual = np.nan_to_num(columns["span_s"]) - rest_s
    told = np.where(spread, own / (own + inside), 0)
    middle = columns["ends_s"] - head * slow + told * residual
    reach = np.sqrt((head * slow) ** 2 * (3 * wobble / 4 + half**2) + 3 * stamp + 3 * told * inside)
    student = (own + inside) ** 2 / ((own + inside) + residual**2 / 4) ** 2.5
    fine = np.linspace(np.log(0.016), np.log(4096), 20_000)
    below = begin.parameters.first.cumulative(fine)
    low, high = (np.interp(np.log(np.maximum(time, 1e-3)), fine, below) for time in (middle - reach, middle + reach))
    share = np.diff(begin.parameters.speed.cumulative(np.append(begin.grid - half, begin.grid[-1] + half)))
    weight = ((high - low) / (2 * reach) + 1e-6) * share * np.where(spread, student, 1)
    reached = np.cumsum(weight / weight.sum(axis=1, keepdims=True), axis=1)
    first, speed = np.empty((len(total), ATOMS)), np.empty((len(total), ATOMS))
    for row, sums in enumerate(reached):
        for k in range(ATOMS):
            level = (k + 0.5) / ATOMS
            cell = int(np.searchsorted(sums, level))
            part = 1 - (sums[cell] - level) / (sums[cell] - (sums[cell - 1] if cell else 0))
            at = low[row, cell] + part * (high[row, cell] - low[row, cell])
            first[row, k] = min(np.exp(np.interp(at, below, fine)), columns["ends_s"][row, 0])
            speed[row, k] = np.exp(begin.grid[cell] + (part - 0.5) * 2 * half)
    return first, speed * (columns["tokens"] - 1) / total
