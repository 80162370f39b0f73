"""Functions of a time as straight lines, found by the bits of the time.

The upper bits of a positive number in single precision are its exponent and the first digits of its
mantissa. Taken for a whole number they count 64 equal steps to each doubling: nearly a logarithm, at no
cost, and the same on every machine.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EDGES_S",
    "LAYOUT",
    "LINES",
    "LOG_EDGES",
    "LOG_MIDDLES",
    "highest",
    "inverse",
    "lines_of",
    "part_of",
    "straight",
    "value_at",
]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

# 23 bits of mantissa, of which 6 choose the line.
_PART_BITS: Final = 17
# From 2^-6 s (16 ms) to 2^12 s (68 minutes).
_FIRST: Final = (127 - 6) << (23 - _PART_BITS)
LINES: Final = 18 << (23 - _PART_BITS)
EDGES_S: Final[Singles] = ((np.arange(LINES + 1, dtype=np.int32) + _FIRST) << _PART_BITS).view(np.float32)
LOG_EDGES: Final[Floats] = np.log(EDGES_S.astype(np.float64))
LOG_MIDDLES: Final[Floats] = (LOG_EDGES[1:] + LOG_EDGES[:-1]) / 2
# One over the width of each line; a power of two, so that nothing is lost by it.
_PER_S: Final[Singles] = np.append(np.float32(1) / np.diff(EDGES_S), np.float32(0))
_WIDTHS_S: Final[Floats] = np.diff(EDGES_S.astype(np.float64))
# What compiled code has to agree on.
LAYOUT: Final = (_PART_BITS, _FIRST, LINES)


def straight(values: Floats) -> Singles:
    """Value and slope of each line through values at `EDGES_S`, (LINES + 1, 2); level from the last edge on."""
    table = np.zeros((LINES + 1, 2), dtype=np.float32)
    table[:, 0] = values
    table[:-1, 1] = (values[1:] - values[:-1]) / _WIDTHS_S
    return table


def lines_of(time_s: Singles) -> tuple[Ints, Singles]:
    """The line of each time, and how far in it lies on it, s; times before and after all lie at the ends."""
    # Not np.maximum: a NaN shall lie somewhere, too.
    inside = np.where(time_s > EDGES_S[0], time_s, EDGES_S[0])
    inside = np.where(inside < EDGES_S[-1], inside, EDGES_S[-1])
    line = (inside.view(np.int32) >> _PART_BITS).astype(np.intp)
    line -= _FIRST
    inside -= EDGES_S.take(line)
    return line, inside


def part_of(line: Ints, inside: Singles) -> Singles:
    """Which part of its line lies before each place."""
    return np.asarray(_PER_S.take(line) * inside)


def value_at(table: Singles, line: Ints, inside: Singles) -> Singles:
    """The function's value at places that `lines_of` found."""
    found = np.take(table[:, 1], line)
    found *= inside
    found += np.take(table[:, 0], line)
    return found


def inverse(table: Singles, value: Singles) -> Singles:
    """Where a function that does not fall reaches the values, s; at an end of the lines where it does not."""
    line = np.searchsorted(table[1:, 0], value, "right")
    slope = np.take(table[:, 1], line)
    ahead = value - np.take(table[:, 0], line)
    # Before the first value nothing is reached, and on a level line everything at once.
    part = np.where((slope > 0) & (ahead > 0), ahead, np.float32(0)) / np.where(slope > 0, slope, np.float32(1))
    return np.asarray(EDGES_S.take(line) + part)


def highest(values: Floats) -> Floats:
    """The same without the last digits by which a distribution computed in steps may fall."""
    return np.asarray(np.maximum.accumulate(values))
