"""Quantiles and their 95 % intervals for many samples at once: `quantile_interval` with the work shared.

The test of a rank needs each session's calls among the smallest. They are counted once up to some
evenly spaced ranks of each sample; what lies between such a rank and the tested one is few calls. All
samples, quantiles and sides are searched side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.stats.quantiles import MIN_TAIL_SESSIONS, all_refuted, score_test_degrees, upper_points

__all__ = ["Interval", "Ordered", "quantile_intervals", "quantiles_of"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
# What there is one of for each call takes half the room.
_Numbers = NDArray[np.int32]
Interval = tuple[float | None, float | None]

_MARKS: Final = 64
# Sessions times tests that are looked at together: bounds the memory.
_MOST_CELLS: Final = 400_000


@dataclass(frozen=True, slots=True)
class Ordered:
    """A sample: `values` from small to large, and the number of each one's session, of `count` without gaps from 0."""

    values: _Floats
    sessions: _Numbers
    count: int


def quantiles_of(ordered: _Floats, probabilities: Sequence[float]) -> _Floats:
    """Quantiles of values from small to large, linear between order statistics: those of `np.quantile`."""
    place = np.asarray(probabilities, dtype=np.float64) * (len(ordered) - 1)
    below = np.floor(place).astype(np.int64)
    low = ordered[below].astype(np.float64)
    high = ordered[np.minimum(below + 1, len(ordered) - 1)].astype(np.float64)
    part = place - below
    return np.where(part < 0.5, low + (high - low) * part, high - (high - low) * (1 - part))


def quantile_intervals(
    samples: Sequence[Ordered], probabilities: Sequence[Sequence[float]], quantiles: Sequence[_Floats] | None = None
) -> list[list[Interval]]:
    """The interval of each of a sample's quantiles, for every sample; as `quantile_interval` gives them.

    Who has the quantiles, as `quantiles_of` gives them, may hand them over.
    """
    if quantiles is None:
        quantiles = [quantiles_of(sample.values, asked) for sample, asked in zip(samples, probabilities, strict=True)]
    found: list[list[Interval]] = []
    begin, cells = 0, 0
    for end, (sample, asked) in enumerate(zip(samples, probabilities, strict=True)):
        cost = 2 * sample.count * len(asked)
        if end > begin and cells + cost > _MOST_CELLS:
            found += _batch(samples[begin:end], probabilities[begin:end], quantiles[begin:end])
            begin, cells = end, 0
        cells += cost
    return [*found, *_batch(samples[begin:], probabilities[begin:], quantiles[begin:])]


def _batch(
    samples: Sequence[Ordered], probabilities: Sequence[Sequence[float]], quantiles: Sequence[_Floats]
) -> list[list[Interval]]:
    found: list[list[Interval]] = [[(None, None)] * len(asked) for asked in probabilities]
    asked = [
        (k, j, probability)
        for k, sample in enumerate(samples)
        for j, probability in enumerate(probabilities[k])
        if sample.count > 1 and 0 < probability < 1
    ]
    if not asked:
        return found
    own, p = np.array([k for k, _, _ in asked]), np.array([probability for _, _, probability in asked])
    joined = _Joined.of(samples)
    tests = _Tests.of(joined, own, p)
    centres = np.array([quantiles[k][j] for k, j, _ in asked])
    ranks = [np.searchsorted(samples[k].values, centre, "right") for k, centre in zip(own, centres, strict=True)]
    thin = tests.tail_sessions(np.array(ranks)) < MIN_TAIL_SESSIONS
    low = np.flatnonzero((tests.excess(np.zeros_like(own)) < 0) & ~(thin & (p <= 0.5)))
    high = np.flatnonzero((tests.excess(joined.sizes[own]) > 0) & ~(thin & (p >= 0.5)))
    ends: list[list[float | None]] = [[None, None] for _ in asked]
    for place, value in zip(low, np.minimum(_search(tests.take(low), upper=False), centres[low]), strict=True):
        ends[place][0] = float(value)
    for place, value in zip(high, np.maximum(_search(tests.take(high), upper=True), centres[high]), strict=True):
        ends[place][1] = float(value)
    for (k, j, _), (lower, higher) in zip(asked, ends, strict=True):
        found[k][j] = (lower, higher)
    return found


def _search(tests: _Tests, *, upper: bool) -> _Floats:
    """For each test the smallest value up to which calls are not too few; the largest, not too many, for `upper`.

    Values are tried from the outside, in stretches that bounds refute as a whole; see `_outermost` in quantiles.py.
    """
    joined, own = tests.joined, tests.own
    last = joined.value_counts[own] - 1
    place, width, has_succeeded = np.zeros_like(last), np.maximum(last // 2, 1), np.zeros(len(last), dtype=bool)
    left = np.flatnonzero(last > 0)
    tests = tests.take(left)
    while len(left):
        here, wide = place[left], np.minimum(width[left], last[left] - place[left])
        begin = last[left] + 1 - here - wide if upper else here + 1
        refuted = tests.are_refuted(
            joined.rank_before(tests.own, begin), joined.rank_before(tests.own, begin + wide - 1), upper=upper
        )
        unclear = np.flatnonzero(~refuted & (wide == 1))
        outside = tests.take(unclear).excess(joined.rank_before(tests.own[unclear], begin[unclear]))
        refuted[unclear] = outside > 0 if upper else outside < 0
        place[left] += np.where(refuted, wide, 0)
        width[left] = np.where(refuted, wide * (1 + has_succeeded[left]), np.maximum(wide // 2, 1))
        has_succeeded[left] = refuted
        goes_on = (refuted | (wide > 1)) & (place[left] < last[left])
        if not goes_on.all():
            left = left[goes_on]
            tests = tests.take(np.flatnonzero(goes_on))
    return joined.value(own, last - place if upper else place)


@dataclass(frozen=True, slots=True)
class _Joined:
    """Samples one after the other.

    `sessions` are per call, numbered in each sample; `starts` and `sizes` count the calls of
    each sample, `session_starts` and `session_counts` its sessions, `session_sizes` their calls. `first` holds
    the rank of the first call of each different value, those of a sample from `value_starts` on, and after them
    the sample's size. `marks` counts each session's calls before every `widths`-th rank, of a sample from `mark_starts`
    on, one more than `steps` for each session.
    """

    samples: Sequence[Ordered]
    sessions: _Numbers
    starts: _Ints
    sizes: _Ints
    session_starts: _Ints
    session_counts: _Ints
    session_sizes: _Ints
    first: _Numbers
    value_starts: _Ints
    value_counts: _Ints
    widths: _Ints
    steps: _Ints
    mark_starts: _Ints
    marks: _Floats

    @classmethod
    def of(cls, samples: Sequence[Ordered]) -> _Joined:
        """Join the samples, and count."""
        sizes = np.array([len(sample.values) for sample in samples])
        counts = np.array([sample.count for sample in samples])
        session_starts = np.cumsum(counts) - counts
        firsts = [_first_of_values(sample.values) for sample in samples]
        lengths = np.array([len(item) for item in firsts])
        # More marks than a session has calls would only cost room.
        many = np.clip(2 * sizes // np.maximum(counts, 1), 1, _MARKS)
        widths = -(-np.maximum(sizes, 1) // many)
        marks = [
            _marks(sample, steps, width)
            for sample, steps, width in zip(samples, many.tolist(), widths.tolist(), strict=True)
        ]
        room = counts * (many + 1)
        return cls(
            samples, np.concatenate([sample.sessions for sample in samples]),
            np.cumsum(sizes) - sizes, sizes, session_starts, counts,
            np.concatenate([item[:, -1] for item in marks]), np.concatenate(firsts),
            np.cumsum(lengths) - lengths, lengths - 1, widths, many, np.cumsum(room) - room,
            np.concatenate([item.ravel() for item in marks]),
        )  # fmt: skip

    def rank_before(self, own: _Ints, value: _Ints) -> _Ints:
        """How many calls of the samples lie below their different value of that number."""
        return np.asarray(self.first[self.value_starts[own] + value])

    def value(self, own: _Ints, value: _Ints) -> _Floats:
        """The samples' different values by number."""
        ranks = self.rank_before(own, value).tolist()
        return np.array([self.samples[k].values[rank] for k, rank in zip(own.tolist(), ranks, strict=True)])


def _marks(sample: Ordered, steps: int, width: int) -> _Floats:
    """How many calls each session has before each mark: a row per session."""
    cells = sample.sessions * (steps + 1)
    cells += np.repeat(np.arange(1, steps + 1, dtype=np.int32), width)[: len(cells)]
    counted = np.bincount(cells, minlength=sample.count * (steps + 1)).reshape(sample.count, steps + 1)
    return np.cumsum(counted, axis=1, dtype=np.float64)


def _first_of_values(ordered: _Floats) -> _Numbers:
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return np.concatenate(([0], changes, [len(ordered)]), dtype=np.int32)


@dataclass(frozen=True, slots=True)
class _Tests:
    """Score tests of quantiles `p` of samples `own`, side by side: a cell per test and session of its sample."""

    joined: _Joined
    own: _Ints
    p: _Floats
    starts: _Ints
    counts: _Ints
    session: _Ints
    row: _Ints
    expected: _Floats

    @classmethod
    def of(cls, joined: _Joined, own: _Ints, p: _Floats) -> _Tests:
        """Lay out the cells."""
        counts = joined.session_counts[own]
        starts = np.cumsum(counts) - counts
        place = np.arange(counts.sum())
        session = np.repeat(joined.session_starts[own] - starts, counts) + place
        row = (place - np.repeat(starts, counts)) * np.repeat(joined.steps[own] + 1, counts)
        row += np.repeat(joined.mark_starts[own], counts)
        return cls(joined, own, p, starts, counts, session, row, np.repeat(p, counts) * joined.session_sizes[session])

    def take(self, rows: _Ints) -> _Tests:
        """Some of the tests."""
        return _Tests.of(self.joined, self.own[rows], self.p[rows])

    def _below(self, ranks: _Ints) -> _Floats:
        """How many of each cell's calls are among the smallest `ranks` of their sample."""
        joined = self.joined
        width = joined.widths[self.own]
        mark = ranks // width
        below = joined.marks.take(self.row + np.repeat(mark, self.counts))
        left = ranks - mark * width
        many = int(left.sum())
        if many:
            begin = joined.starts[self.own] + ranks - left
            calls = np.repeat(begin - (np.cumsum(left) - left), left) + np.arange(many)
            cell = joined.sessions.take(calls) + np.repeat(self.starts, left)
            below += np.bincount(cell, minlength=len(below))
        return below

    def excess(self, ranks: _Ints) -> _Floats:
        """By how much each sum of scores lies outside what chance allows: below 0 too few calls, above too many."""
        if not len(ranks):
            return np.empty(0)
        score = self._below(ranks)
        score -= self.expected
        squared = score * score
        total, squares = np.add.reduceat(score, self.starts), np.add.reduceat(squared, self.starts)
        squared *= squared
        fourth = np.add.reduceat(squared, self.starts)
        variance = (squares * self.counts - total * total) / (self.counts - 1)
        degrees = score_test_degrees(self.p, squares, fourth, self.counts)
        limit = np.where(variance > 0, upper_points(degrees), 0.0)
        limit *= np.sqrt(np.maximum(variance, 0.0))
        return np.where(total < -limit, total + limit, np.where(total > limit, total - limit, 0.0))

    def are_refuted(self, low: _Ints, high: _Ints, *, upper: bool) -> NDArray[np.bool_]:
        """Whether all ranks between two have too few calls, for `upper` too many, as far as bounds can tell."""
        fewest, most = (self._below(ranks) - self.expected for ranks in (low, high))
        calls = self.joined.sizes[self.own].astype(np.float64)
        return all_refuted(fewest, most, self.starts, self.counts, self.p, calls, upper=upper)

    def tail_sessions(self, ranks: _Ints) -> _Floats:
        """How many sessions the calls beyond the quantile come from: (sum k)^2 / (sum k^2)."""
        below = self._below(ranks)
        lower = np.repeat(self.p < 0.5, self.counts)
        tail = np.where(lower, below, self.joined.session_sizes[self.session] - below)
        total, squares = np.add.reduceat(tail, self.starts), np.add.reduceat(tail * tail, self.starts)
        return total**2 / np.maximum(squares, 1.0)
