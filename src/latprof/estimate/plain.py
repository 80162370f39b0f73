"""Small loops of the fit, in numpy and plain Python: what `_native_sums` does where it could not be compiled.

Sums are added up one after the other, so that compiled code gives the same bits.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.problem import MOST_SWEEPS

__all__ = ["cumulative", "dealt", "descend", "exponential", "pooled", "refitted"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

_ROOT_HALF: Final = math.sqrt(0.5)
_MOST_POWER: Final = 700.0
# Powers of 2 and what is left of them; the logarithm of 2 in two parts, of which the first has room for a factor.
_PER_DOUBLING: Final = 1.4426950408889634
_DOUBLING: Final = 0.6931471803691238
_DOUBLING_REST: Final = 1.9082149292705877e-10
# Added and taken off again, this leaves a whole number.
_ROUNDER: Final = 6755399441055744.0
_TAYLOR: Final = tuple(1 / math.factorial(n) for n in range(12, -1, -1))


def descend(
    gram: Floats, moments: Floats, divisors: Floats, roots: Floats, floors: Floats, start: Floats, least: float
) -> Floats:
    """Coordinate descent on normal equations until no step, times its root, is as large as `least`."""
    # Single numbers are plain floats: as numpy's they would take most of the time.
    values = start.tolist()
    facts = list(zip(gram.tolist(), moments.tolist(), divisors.tolist(), roots.tolist(), floors.tolist(), strict=True))
    for _ in range(MOST_SWEEPS):
        largest = 0.0
        for k, (row, slope, divisor, root, floor) in enumerate(facts):
            for factor, value in zip(row, values, strict=True):
                slope -= factor * value  # noqa: PLW2901
            before = values[k]
            value = before + slope / divisor
            values[k] = value = max(floor, value)
            step = abs(value - before) * root
            largest = max(largest, step)
        if largest < least:
            break
    return np.array(values)


def cumulative(share: Floats, centre: Floats, steps: Floats, table: Floats, begin: float, z: Floats) -> Floats:
    """A mixture's share below `z`, (n,).

    That of one component stands in `table` (values and their increments), which begins at `begin` and has
    `steps` entries to a unit of `z`.
    """
    found, last = np.zeros_like(z), len(table) - 1.0
    for part, middle, step in zip(share.tolist(), centre.tolist(), steps.tolist(), strict=True):
        place = (z - middle) * step
        place -= begin
        place = np.where(place > 0.0, place, 0.0)
        place = np.where(place < last, place, last)
        line = place.astype(np.intp)
        place -= line
        place *= table[:, 1].take(line)
        place += table[:, 0].take(line)
        place *= part
        found += place
    return found


def refitted(
    z: Floats, mass: Floats, share: Floats, centre: Floats, width: Floats, widths: tuple[float, float], rounds: int
) -> tuple[Floats, Floats, Floats]:
    """Steps of EM of a mixture on a histogram with `mass` at `z`: share, centre and width, the last within limits."""
    total = _added(mass[None, :])[0]
    for _ in range(rounds):
        away = (z - centre[:, None]) * (_ROOT_HALF / width)[:, None]
        part = exponential(-(away * away)) * (share / width)[:, None]
        below = np.full(len(z), 1e-300)
        for own in part:
            below += own
        part *= mass / below
        weight = _added(part)
        # One call's worth of weight keeps an empty component where it is.
        centre = (_added(part * z) + centre) / (weight + 1.0)
        away = z - centre[:, None]
        width = np.sqrt((_added(away * away * part) + width * width) / (weight + 1.0))
        width = np.where(width > widths[0], width, widths[0])
        width = np.where(width < widths[1], width, widths[1])
        share = (weight + 0.5) / (total + 0.5 * len(weight))
    return share, centre, width


def exponential(power: Floats) -> Floats:
    """The exponential of powers up to 0, right to the last digits but one; of those below -700 that of -700."""
    power = np.where(power > -_MOST_POWER, power, -_MOST_POWER)
    doublings = (power * _PER_DOUBLING + _ROUNDER) - _ROUNDER
    left = power - doublings * _DOUBLING - doublings * _DOUBLING_REST
    found = np.full_like(left, _TAYLOR[0])
    for factor in _TAYLOR[1:]:
        found *= left
        found += factor
    return np.asarray(np.ldexp(found, doublings.astype(np.int32)))


def pooled(values: Singles, levels: Ints, sizes: Ints, effects: Floats, pooling: float) -> Floats:
    """Effects moved towards the means of their levels, those of levels with few calls less, averaging to 0 in a factor.

    `values` (2, n) is what is explained of each call, `levels` (factors, n) its level of each factor, `sizes` how many
    levels a factor has; `effects` (2, all levels) stand one factor after the other. A level of n calls takes n / (n +
    `pooling`) of its own effect.
    """
    calls, changed, begin = values.shape[1], effects.copy(), 0
    left = values.astype(np.float64)
    left -= _added(left)[:, None] / calls
    for level, size in zip(levels, sizes.tolist(), strict=True):
        own = slice(begin, begin + size)
        begin += size
        if size < 2:
            continue
        count = np.bincount(level, minlength=size).astype(np.float64)
        mean = np.array([np.bincount(level, value, size) for value in left]) / np.where(count > 1.0, count, 1.0)
        moved = (effects[:, own] + mean) * (count / (count + pooling))
        moved -= _added(moved * count)[:, None] / calls
        left -= (moved - effects[:, own]).take(level, axis=1)
        changed[:, own] = moved
    return changed


def _added(rows: Floats) -> Floats:
    """Sums of the rows; `np.sum` may take another order."""
    return np.asarray(np.add.accumulate(rows, axis=1)[:, -1])


def dealt(
    rows: Ints, tokens: Floats, first: Singles, speed: Singles, least: float, *columns: NDArray[np.floating[Any]]
) -> None:
    """Put readings of calls (n, k + 2), values from small to large before the ends of an interval, into columns.

    Filled are these `rows` of values (calls, k) and ends (calls, 2) of first tokens, and of the same of speeds: with
    NaN where `tokens` take less than so many seconds at the median. That cannot be timed, and its speed means nothing.
    """
    values, ends, speeds, speed_ends = columns
    width = values.shape[1]
    values[rows], ends[rows] = first[:, :width], first[:, width:]
    median = (speed[:, width // 2 - 1] + speed[:, width // 2]) / 2
    long = ((tokens - 1) / median >= least)[:, None]
    speeds[rows], speed_ends[rows] = (np.where(long, part, np.nan) for part in (speed[:, :width], speed[:, width:]))
