"""A trace cut into groups, and what each group has of a metric: its calls in order, quantiles and their intervals."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.parallel import cores, two_at_a_time
from latprof.stats.grouping import joint_groups
from latprof.stats.intervals import Interval, Ordered, quantile_intervals, quantiles_of
from latprof.stats.quantiles import known_points, min_calls
from latprof.trace import Trace
from latprof.trace.numbers import is_nothing, numbers_within
from latprof.trace.pool import numbered
from latprof.trace.stored import MOST_CALLS

try:
    from latprof.stats import _native_quantiles
except ImportError:  # not compiled on this machine: the Python code gives the same bits
    _compiled: Any = None
else:
    _compiled = _native_quantiles if _native_quantiles.LAYOUT == 5 else None

__all__ = ["Column", "Cut", "Cuts", "Part", "drawn", "is_compiled", "one_value", "parts_of", "quantiles_of_rows"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
GOLDEN_RATIO: Final = (math.sqrt(5) - 1) / 2
# What there is one of for each call takes half the room.
_Numbers = NDArray[np.int32]
# Numbers of so many groups are sorted in one pass.
_FEW_GROUPS: Final = 1 << 15
# Intervals of so many values are sought together: fewer and longer steps.
_TOGETHER: Final = 300_000
# So many columns of a trace with so many calls are measured by two threads; those of fewer are done too soon. A table
# has few columns and no interval but one: there a second thread costs a tenth more of processor time, and saves little.
_COLUMNS_AHEAD: Final = 8
_SHARED_CALLS: Final = range(5_000, MOST_CALLS + 1)
# Values are counted for so many small groups at once, of which all groups are made.
_MOST_SMALL: Final = 32
# Rows of more values than this are sorted.
_MOST_VALUES: Final = 1024


@dataclass(frozen=True, slots=True)
class Part:
    """What one group has of a metric: so many calls `n` of so many `sessions`.

    `place` is the group's number in its cut. `figures` are the quantiles that there are calls enough for, with their
    intervals where they are wanted.
    """

    place: int
    n: int
    sessions: int
    figures: Mapping[float, tuple[float, Interval]]


@dataclass(frozen=True, slots=True)
class Cut:
    """A trace cut into groups, which have `sizes` calls.

    `number` is the group that each of the joint groups is in, see `Cuts`. `pair` is the session of each cell in its
    group, counted over all groups; the pairs of a group begin at `starts`, whose last item counts all pairs.
    """

    keys: tuple[dict[str, str | None], ...]
    sizes: _Ints
    number: _Ints
    pair: _Numbers
    starts: _Ints


@dataclass(frozen=True, slots=True)
class Cuts:
    """A trace cut into groups in several ways.

    Calls that are together in all ways are of one joint group, and those of them that are of one session are of one
    cell: `cell` is the number of each call's. The cells have `sizes` calls and are of the groups `joint`, of which
    there are `count`.
    """

    cell: _Numbers
    sizes: _Numbers
    joint: _Ints
    count: int
    each: tuple[Cut, ...]

    @classmethod
    def of(cls, trace: Trace, groupings: Sequence[Sequence[str]], sessions: _Ints, count: int, tz: tzinfo) -> Cuts:
        """The cuts by some keys each; `sessions` are the numbers of the calls' sessions, below `count`.

        Raises KeyError for an unknown key.
        """
        place, groups = joint_groups(trace, groupings, tz)
        joints = max((len(number) for _, number in groups), default=0)
        cells, cell = numbered(place * count + sessions, joints * count)
        joint, session = np.divmod(cells, max(count, 1))
        sizes = np.bincount(cell, minlength=len(cells))
        listed = zip(groupings, groups, strict=True)
        each = tuple(_cut(by, keys, number, joint, session, count, sizes) for by, (keys, number) in listed)
        return cls(cell.astype(np.int32), sizes.astype(np.int32), joint, joints, each)


def _cut(
    by: Sequence[str], keys: Sequence[tuple[str | None, ...]], number: _Ints, joint: _Ints, session: _Ints, count: int,
    sizes: _Ints,
) -> Cut:  # fmt: skip
    group = number[joint]
    pairs, pair = numbered(group * count + session, len(keys) * count)
    calls = np.zeros(len(keys), dtype=np.int64)
    np.add.at(calls, group, sizes)
    starts = np.searchsorted(pairs // max(count, 1), np.arange(len(keys) + 1))
    return Cut(tuple(dict(zip(by, key, strict=True)) for key in keys), calls, number, pair.astype(np.int32), starts)


@dataclass(frozen=True, slots=True)
class Column:
    """A value (calls) for each call, NaN where it has none; `every` (calls, k) are all values that it stands for.

    What it has is wanted in the cuts of these numbers, or in all.
    """

    values: _Floats
    every: NDArray[np.floating[Any]] | None = None
    cuts: tuple[int, ...] | None = None

    def is_wanted(self, cut: int) -> bool:
        """Whether its parts in a cut are wanted."""
        return self.cuts is None or cut in self.cuts


# The parts of each cut that have any values and are wanted; where each call has several, the quantiles of all values of
# each of these parts.
Measured = tuple[list[list[Part]], list[list[dict[float, float]]]]


def is_compiled() -> bool:
    """Whether the compiled extension is there."""
    return _compiled is not None


def parts_of(
    columns: Iterable[Column], cuts: Cuts, quantiles: Sequence[float], bounded: Collection[float] | None = None
) -> Iterator[Measured]:
    """What each column has in the parts of each cut, columns in their order. Raises ValueError for no quantile.

    All quantiles get intervals, or only those that are to be `bounded`.
    """
    asked = list(dict.fromkeys(quantiles))
    if not all(0 <= probability <= 1 for probability in asked):
        raise ValueError(f"quantiles lie between 0 and 1: {asked}")
    if _compiled is None or not len(cuts.cell) or not cuts.each:
        return _in_python(columns, cuts, asked, bounded)
    return _by_extension(columns, cuts, asked, bounded)


def quantiles_of_rows(
    values: NDArray[np.floating[Any]], chosen: NDArray[np.bool_], asked: Sequence[float]
) -> list[float]:
    """Quantiles of all values (n, k) of the chosen rows taken together; NaN is larger than all."""
    if _compiled is not None and _fits(values) and values.size and len(asked):
        wanted = np.array(asked, dtype=np.float64)
        found: list[float] = _compiled.quantiles_of_rows(values, chosen.astype(np.int32) - 1, wanted).tolist()
        return found
    return _quantiles(values[chosen], asked)


def one_value(numbers: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Which of a call's values stands for it, by its number: evenly spread over the calls, the same at every run.

    Multiples of the golden ratio fill the unit interval evenly (Knuth, The Art of Computer
    Programming 3, section 6.4).
    """
    turns = numbers * GOLDEN_RATIO
    # The part behind the point is the same as the remainder by 1, which takes ten times as long.
    parts: NDArray[np.float64] = turns - np.floor(turns)
    return (parts * count).astype(np.int64)


def drawn(values: NDArray[np.floating[Any]], group: NDArray[np.int64]) -> _Floats:
    """The value that stands for each call, of several (n, k) values of each, see `one_value`.

    Calls are counted in each `group` (n,) apart, -1 being one too: what other logs hold does not count.
    """
    if _compiled is not None and _fits(values):
        of = np.ascontiguousarray(group, dtype=np.int64)
        found: _Floats = _compiled.drawn(values, of, int(of.max(initial=-1)) + 1, GOLDEN_RATIO)
        return found
    return values[np.arange(len(values)), one_value(numbers_within(group), values.shape[1])].astype(np.float64)


def _quantiles(values: NDArray[np.floating[Any]], asked: Sequence[float]) -> list[float]:
    found: list[float] = quantiles_of(np.sort(values.reshape(-1)), asked).tolist()
    return found


def _fits(values: NDArray[np.floating[Any]]) -> bool:
    return values.dtype == np.float32 and values.flags.c_contiguous and 0 < values.shape[1] <= _MOST_VALUES


def _by_extension(
    columns: Iterable[Column], cuts: Cuts, asked: list[float], bounded: Collection[float] | None
) -> Iterator[Measured]:
    least = np.array([min_calls(probability) for probability in asked], dtype=np.int64)
    most = max(int(np.diff(cut.starts).max(initial=0)) for cut in cuts.each)
    shared = bounded is None and len(cuts.cell) in _SHARED_CALLS and cores() > 1
    ends = np.cumsum([cut.starts[-1] for cut in cuts.each])
    begins = np.cumsum([0, *(len(cut.keys) for cut in cuts.each)])
    pairs = np.stack([cut.pair + (end - cut.starts[-1]) for cut, end in zip(cuts.each, ends, strict=True)])
    starts = [cut.starts[1:] + (end - cut.starts[-1]) for cut, end in zip(cuts.each, ends, strict=True)]
    groups = _compiled.Groups(
        cuts.cell, cuts.sizes, pairs.astype(np.int32), np.concatenate(([0], *starts)), begins.astype(np.int64)
    )
    with_ends = np.array([bounded is None or probability in bounded for probability in asked], dtype=np.uint8)
    parts_in = _Compiled(cuts, groups, asked, least, known_points(most + 1), with_ends)
    return two_at_a_time(parts_in.measured, columns, _COLUMNS_AHEAD) if shared else map(parts_in.measured, columns)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What the extension is asked for each column."""

    cuts: Cuts
    groups: Any
    asked: list[float]
    least: _Ints
    points: _Floats
    bounded: NDArray[np.uint8]

    def measured(self, column: Column) -> Measured:
        """What a column has in the parts of each cut."""
        if is_nothing(column.values):
            return [[] for _ in self.cuts.each], [[] for _ in self.cuts.each if column.every is not None]
        values = np.ascontiguousarray(column.values, dtype=np.float64)
        chosen = np.array([column.is_wanted(cut) for cut in range(len(self.cuts.each))], dtype=np.uint8)
        calls, sessions, figures = self.groups.measured(
            values, self._wanted(), self.least, self.points, chosen, self.bounded
        )
        listed = zip(calls.tolist(), sessions.tolist(), figures.tolist(), strict=True)
        every = [
            [
                Part(place, n, count, self._figures(n, own))
                for place, (n, count, own) in zip(range(len(cut.keys)), listed, strict=False)
                if n
            ]
            for cut in self.cuts.each
        ]
        return every, [] if column.every is None else self._centres(column, values, column.every, every)

    def _wanted(self) -> _Floats:
        return np.array(self.asked, dtype=np.float64)

    def _figures(self, n: int, own: list[list[float]]) -> dict[float, tuple[float, Interval]]:
        return {
            probability: (centre, (_end(low), _end(high)))
            for probability, enough, (centre, low, high) in zip(self.asked, self.least.tolist(), own, strict=True)
            if n >= enough
        }

    def _centres(
        self, column: Column, values: _Floats, every: NDArray[np.floating[Any]], parts: Sequence[Sequence[Part]]
    ) -> list[list[dict[float, float]]]:
        if not _fits(every) or not self.asked or not every.size:
            return _centres(values, every, self.cuts, parts, self.asked)
        wanted = self._wanted()
        chosen = [cut for number, cut in enumerate(self.cuts.each) if column.is_wanted(number)]
        if not chosen:
            return [[] for _ in self.cuts.each]
        found = [
            row
            for batch in _batches(self.cuts, chosen)
            for row in self.groups.quantiles(values, every, *batch, wanted).tolist()
        ]
        centres, begin = [], 0
        for number, (cut, own) in enumerate(zip(self.cuts.each, parts, strict=True)):
            centres.append([dict(zip(self.asked, found[begin + part.place], strict=True)) for part in own])
            begin += len(cut.keys) if column.is_wanted(number) else 0
        return centres


def _batches(cuts: Cuts, chosen: Sequence[Cut]) -> Iterator[tuple[_Numbers, _Ints, _Numbers]]:
    """All groups of some cuts, some at a time.

    Given are the small group of each cell, -1 for none; where the small groups begin that each of the groups is made
    of; and these, one after the other.
    """
    if cuts.count <= _MOST_SMALL:
        members = [np.flatnonzero(cut.number == place) for cut in chosen for place in range(len(cut.keys))]
        starts = np.cumsum([0, *map(len, members)])
        yield cuts.joint.astype(np.int32), starts, np.concatenate(members).astype(np.int32)
        return
    for cut in chosen:
        group = cut.number[cuts.joint]
        for first in range(0, len(cut.keys), _MOST_SMALL):
            many = min(_MOST_SMALL, len(cut.keys) - first)
            inside = (group >= first) & (group < first + many)
            yield (
                np.where(inside, group - first, -1).astype(np.int32),
                np.arange(many + 1),
                np.arange(many, dtype=np.int32),
            )


def _end(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - only NaN, which stands for an unknown end, is not


def _centres(
    values: _Floats, every: NDArray[np.floating[Any]], cuts: Cuts, parts: Sequence[Sequence[Part]], asked: list[float]
) -> list[list[dict[float, float]]]:
    """Quantiles of all values of the calls of each part that have one."""
    rows = np.flatnonzero(~np.isnan(values))
    joint = cuts.joint[cuts.cell[rows]]
    found = []
    for cut, own in zip(cuts.each, parts, strict=True):
        number = cut.number[joint]
        ends = np.cumsum(np.bincount(number, minlength=len(cut.keys)))
        listed = np.split(rows[np.argsort(number, kind="stable")], ends[:-1])
        found.append([dict(zip(asked, _quantiles(every[listed[part.place]], asked), strict=True)) for part in own])
    return found


def _in_python(
    columns: Iterable[Column], cuts: Cuts, asked: list[float], bounded: Collection[float] | None
) -> Iterator[Measured]:
    waiting: list[tuple[Column, list[list[tuple[int, Ordered]]]]] = []
    count = 0
    numbers = [cut.number[cuts.joint][cuts.cell] for cut in cuts.each]
    for column in columns:
        values = column.values
        known = len(values) - int(np.isnan(values).sum())
        order = np.argsort(values)[:known].astype(np.int32)  # NaN comes last; ties may stand in any order
        listed = enumerate(zip(cuts.each, numbers, strict=True))
        found = [
            _samples(cut, number, cuts.cell, order, values) if column.is_wanted(place) else []
            for place, (cut, number) in listed
        ]
        waiting.append((column, found))
        count += len(order) * len(cuts.each)
        if count > _TOGETHER:
            yield from _settled(waiting, cuts, asked, bounded)
            waiting, count = [], 0
    yield from _settled(waiting, cuts, asked, bounded)


def _settled(
    waiting: Sequence[tuple[Column, Sequence[Sequence[tuple[int, Ordered]]]]], cuts: Cuts, asked: list[float],
    bounded: Collection[float] | None,
) -> Iterator[Measured]:  # fmt: skip
    """The parts of some columns whose calls are in order."""
    samples = [sample for _, found in waiting for own in found for _, sample in own]
    shown = [[p for p in asked if len(sample.values) >= min_calls(p)] for sample in samples]
    values = [quantiles_of(sample.values, own) for sample, own in zip(samples, shown, strict=True)]
    with_ends = [[p for p in own if bounded is None or p in bounded] for own in shown]
    centres = [
        np.array([value for p, value in zip(own, found, strict=True) if p in some])
        for own, found, some in zip(shown, values, with_ends, strict=True)
    ]
    ends = quantile_intervals(samples, with_ends, centres)
    figures = iter(zip(shown, values, with_ends, ends, strict=True))

    def figures_of() -> dict[float, tuple[float, Interval]]:
        own, found, some, intervals = next(figures)
        known = dict(zip(some, intervals, strict=True))
        return {p: (value, known.get(p, (None, None))) for p, value in zip(own, found.tolist(), strict=True)}

    for column, found in waiting:
        parts = [
            [Part(place, len(sample.values), sample.count, figures_of()) for place, sample in own] for own in found
        ]
        yield parts, [] if column.every is None else _centres(column.values, column.every, cuts, parts, asked)


def _samples(cut: Cut, number: _Ints, cell: _Numbers, order: _Numbers, values: _Floats) -> list[tuple[int, Ordered]]:
    """The groups that have any of the calls, which are given from the smallest value to the largest."""
    own = number[order]
    if len(cut.keys) > 1:
        short = own.astype(np.int16) if len(cut.keys) < _FEW_GROUPS else own
        rows = order[np.argsort(short, kind="stable")]
    else:
        rows = order
    ends = np.cumsum(np.bincount(own, minlength=len(cut.keys))).tolist()
    pairs, sorted_values = cut.pair[cell[rows]], values[rows]
    present = np.zeros(cut.starts[-1] + 1, dtype=np.int32)
    present[1:][pairs] = 1
    # How many sessions with such calls there are before each pair.
    before = np.cumsum(present, dtype=np.int32)
    sessions = before[pairs]
    found, begin = [], 0
    for place, end in enumerate(ends):
        if end > begin:
            first, last = before[cut.starts[place]], before[cut.starts[place + 1]]
            found.append((place, Ordered(sorted_values[begin:end], sessions[begin:end] - first, int(last - first))))
        begin = end
    return found
