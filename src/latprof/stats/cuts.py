"""A trace cut into groups, and what each group has of a metric: its calls in order, quantiles and their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.parallel import cores, two_at_a_time
from latprof.stats.grouping import group_numbers
from latprof.stats.intervals import Interval, Ordered, known_points, quantile_intervals, quantiles_of
from latprof.stats.quantiles import min_calls
from latprof.trace import Trace
from latprof.trace.pool import numbered
from latprof.trace.stored import MOST_CALLS

try:
    from latprof.stats import _native_quantiles
except ImportError:  # not compiled on this machine: the Python code gives the same bits
    _compiled: Any = None
else:
    _compiled = _native_quantiles if _native_quantiles.LAYOUT == 1 else None

__all__ = ["Column", "Cut", "Part", "is_compiled", "parts_of", "quantiles_of_parts", "quantiles_of_rows"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
# What there is one of for each call takes half the room.
_Numbers = NDArray[np.int32]
# Numbers of so many groups are sorted in one pass.
_FEW_GROUPS: Final = 1 << 15
# Intervals of so many values are sought together: fewer and longer steps.
_TOGETHER: Final = 300_000
# So many columns of a trace with so many calls are measured by two threads; those of fewer are done too soon.
_COLUMNS_AHEAD: Final = 8
_SHARED_CALLS: Final = range(5_000, MOST_CALLS + 1)
# Values are counted for so many small groups at once, of which all groups are made.
_MOST_SMALL: Final = 32


@dataclass(frozen=True, slots=True)
class Part:
    """What one group has of a metric: `rows` of the trace from the smallest value to the largest.

    `place` is the group's number in its cut. `figures` are the quantiles that there are calls enough for, with their
    intervals.
    """

    place: int
    rows: _Numbers
    sessions: int
    figures: Mapping[float, tuple[float, Interval]]


@dataclass(frozen=True, slots=True)
class Cut:
    """A trace cut into groups.

    `number` is each call's group and `pair` its session in that group, counted over all groups; the pairs of
    a group begin at `starts`, whose last item counts all pairs.
    """

    keys: tuple[dict[str, str | None], ...]
    sizes: _Ints
    number: _Numbers
    pair: _Numbers
    starts: _Ints

    @classmethod
    def of(cls, trace: Trace, by: Sequence[str], sessions: _Ints, count: int, tz: tzinfo) -> Cut:
        """The cut by some keys; `sessions` are the numbers of the calls' sessions, below `count`."""
        keys, number = group_numbers(trace, by, tz)
        pairs, pair = numbered(number * count + sessions, len(keys) * count)
        return cls(
            tuple(dict(zip(by, key, strict=True)) for key in keys),
            np.bincount(number, minlength=len(keys)),
            number.astype(np.int32),
            pair.astype(np.int32),
            np.searchsorted(pairs // max(count, 1), np.arange(len(keys) + 1)),
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A value (calls) for each call, NaN where it has none; `every` (calls, k) are all values that it stands for."""

    values: _Floats
    every: NDArray[np.floating[Any]] | None = None


# The parts of each cut that have any values; where each call has several, the quantiles of all values of each part.
Measured = tuple[list[list[Part]], list[_Floats]]


def is_compiled() -> bool:
    """Whether the compiled extension is there."""
    return _compiled is not None


def parts_of(columns: Iterable[Column], cuts: Sequence[Cut], quantiles: Sequence[float]) -> Iterator[Measured]:
    """What each column has in the parts of each cut, columns in their order."""
    asked = list(dict.fromkeys(quantiles))
    if _compiled is None:
        return _in_python(columns, cuts, asked)
    return _by_extension(columns, cuts, asked)


def quantiles_of_parts(
    values: NDArray[np.floating[Any]], cuts: Sequence[Cut], every: Sequence[Sequence[Part]], asked: Sequence[float]
) -> Iterator[_Floats]:
    """Quantiles of all values (n, k) of the rows of each part taken together, in the order of cuts and parts."""
    if not any(every):
        return
    numbers = np.zeros(len(values), dtype=np.int64)
    size = 1
    for cut in cuts:
        numbers, size = numbers * len(cut.keys) + cut.number, size * len(cut.keys)
    first, fine = _small_groups(numbers, size)
    if _compiled is None or len(first) > _MOST_SMALL or not _fits(values) or not every or not every[0]:
        for parts in every:
            yield from (quantiles_of_rows(values, part.rows, asked) for part in parts)
        return
    listed = [(cut, part) for cut, parts in zip(cuts, every, strict=True) for part in parts]
    members = [np.flatnonzero(cut.number[first] == part.place) for cut, part in listed]
    starts = np.concatenate(([0], np.cumsum([len(item) for item in members])))
    joined = np.concatenate(members).astype(np.int32)
    rows = np.concatenate([part.rows for part in every[0]])
    wanted = np.array(asked, dtype=np.float64)
    yield from _compiled.quantiles_of_parts(values, rows, fine.astype(np.int32), starts, joined, wanted)


def quantiles_of_rows(values: NDArray[np.floating[Any]], rows: _Numbers | None, asked: Sequence[float]) -> _Floats:
    """Quantiles of all values (n, k) of some rows, of all rows for None, taken together; NaN is larger than all."""
    if _compiled is not None and _fits(values) and values.size and asked:
        one = np.array([0, 1]), np.array([0], dtype=np.int32), np.array(asked, dtype=np.float64)
        found: _Floats = _compiled.quantiles_of_parts(values, rows, None, *one)[0]
        return found
    flat = (values if rows is None else values[rows]).reshape(-1)
    return quantiles_of(np.sort(flat), asked)


def _fits(values: NDArray[np.floating[Any]]) -> bool:
    return values.dtype == np.float32 and values.flags.c_contiguous


def _small_groups(numbers: _Ints, size: int) -> tuple[_Ints, _Ints]:
    """A row of each different number, and which of these each row is like."""
    found, place = numbered(numbers, size)
    first = np.empty(len(found), dtype=np.int64)
    first[place] = np.arange(len(place))
    return first, place


def _by_extension(columns: Iterable[Column], cuts: Sequence[Cut], asked: list[float]) -> Iterator[Measured]:
    wanted = np.array(asked, dtype=np.float64)
    least = np.array([min_calls(probability) for probability in asked], dtype=np.int64)
    points = known_points(max((int(np.diff(cut.starts).max(initial=0)) for cut in cuts), default=0) + 1)

    def measured(column: Column) -> Measured:
        order, known = _compiled.ordered(np.ascontiguousarray(column.values, dtype=np.float64))
        figures = (_compiled.figures(order, known, cut.pair, cut.starts, wanted, least, points) for cut in cuts)
        every = [_parts(asked, least, found) for found in figures]
        return every, _centres(column, cuts, every, asked)

    if cuts and len(cuts[0].number) in _SHARED_CALLS and cores() > 1:
        return two_at_a_time(measured, columns, _COLUMNS_AHEAD)
    return map(measured, columns)


def _centres(
    column: Column, cuts: Sequence[Cut], every: Sequence[Sequence[Part]], asked: Sequence[float]
) -> list[_Floats]:
    return [] if column.every is None else list(quantiles_of_parts(column.every, cuts, every, asked))


def _parts(asked: list[float], least: _Ints, measured: tuple[_Numbers, _Ints, _Ints, _Floats]) -> list[Part]:
    rows, ends, sessions, figures = measured
    found, begin, needed = [], 0, least.tolist()
    listed = zip(ends.tolist(), sessions.tolist(), figures.tolist(), strict=True)
    for place, (end, count, own) in enumerate(listed):
        if end > begin:
            shown = {
                probability: (centre, (_end(low), _end(high)))
                for probability, enough, (centre, low, high) in zip(asked, needed, own, strict=True)
                if end - begin >= enough
            }
            found.append(Part(place, rows[begin:end], count, shown))
        begin = end
    return found


def _end(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - only NaN, which stands for an unknown end, is not


def _in_python(columns: Iterable[Column], cuts: Sequence[Cut], asked: list[float]) -> Iterator[Measured]:
    waiting: list[tuple[Column, list[list[tuple[int, _Numbers, Ordered]]]]] = []
    count = 0
    for column in columns:
        values = column.values
        known = len(values) - int(np.isnan(values).sum())
        order = np.argsort(values)[:known].astype(np.int32)  # NaN comes last; ties may stand in any order
        waiting.append((column, [_samples(cut, order, values) for cut in cuts]))
        count += len(order) * len(cuts)
        if count > _TOGETHER:
            yield from _settled(waiting, cuts, asked)
            waiting, count = [], 0
    yield from _settled(waiting, cuts, asked)


def _settled(
    waiting: Sequence[tuple[Column, Sequence[Sequence[tuple[int, _Numbers, Ordered]]]]],
    cuts: Sequence[Cut],
    asked: list[float],
) -> Iterator[Measured]:
    """The parts of some columns whose calls are in order."""
    samples = [sample for _, found in waiting for own in found for _, _, sample in own]
    shown = [[p for p in asked if len(sample.values) >= min_calls(p)] for sample in samples]
    values = [quantiles_of(sample.values, own) for sample, own in zip(samples, shown, strict=True)]
    figures = iter(zip(shown, values, quantile_intervals(samples, shown, values), strict=True))

    def figures_of() -> dict[float, tuple[float, Interval]]:
        own, centres, ends = next(figures)
        return dict(zip(own, zip(centres.tolist(), ends, strict=True), strict=True))

    for column, found in waiting:
        every = [[Part(place, rows, sample.count, figures_of()) for place, rows, sample in own] for own in found]
        yield every, _centres(column, cuts, every, asked)


def _samples(cut: Cut, order: _Numbers, values: _Floats) -> list[tuple[int, _Numbers, Ordered]]:
    """The groups that have any of the calls, which are given from the smallest value to the largest."""
    own = cut.number[order]
    if len(cut.keys) > 1:
        short = own.astype(np.int16) if len(cut.keys) < _FEW_GROUPS else own
        rows = order[np.argsort(short, kind="stable")]
    else:
        rows = order
    ends = np.cumsum(np.bincount(own, minlength=len(cut.keys))).tolist()
    pairs, sorted_values = cut.pair[rows], values[rows]
    present = np.zeros(cut.starts[-1] + 1, dtype=np.int32)
    present[1:][pairs] = 1
    # How many sessions with such calls there are before each pair.
    before = np.cumsum(present, dtype=np.int32)
    sessions = before[pairs]
    found, begin = [], 0
    for place, end in enumerate(ends):
        if end > begin:
            first, last = before[cut.starts[place]], before[cut.starts[place + 1]]
            sample = Ordered(sorted_values[begin:end], sessions[begin:end] - first, int(last - first))
            found.append((place, rows[begin:end], sample))
        begin = end
    return found
