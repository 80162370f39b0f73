"""Numbers that may be None as float arrays, without a loss.

NaN stands for None. A NaN that a record itself holds keeps a bit pattern of its own, so that it comes
back as NaN. Counts are kept in single precision where that is exact, which it is up to 2 to the 24th.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Numbers",
    "counts_of",
    "floats_of",
    "is_nothing",
    "join_numbers",
    "nothing",
    "numbers_of",
    "numbers_within",
    "repeated",
    "whole_of",
]

Numbers = NDArray[np.floating[Any]]

# Beyond this a cast to single precision could overflow, which would be told to the user.
_LARGE: Final = 2.0**100
_STATED_NAN: Final = np.uint64(0x7FFC_0000_0000_0000)


def nothing(count: int) -> NDArray[np.float64]:
    """A column without any number, which takes no memory."""
    return repeated(np.float64(np.nan), count)


def repeated(value: Any, count: int) -> NDArray[Any]:
    """So many times a numpy scalar, which takes no memory, and a tenth of the time of `np.broadcast_to`."""
    return np.ndarray((count,), value.dtype, value.tobytes(), 0, (0,))


def is_nothing(column: Numbers) -> bool:
    """Whether it is seen at one look that a column has no number."""
    return column.strides == (0,) and len(column) > 0 and isnan(column[0])


def numbers_of(values: Sequence[float | None]) -> Numbers | None:
    """Times and durations as an array; None where all of them are None."""
    unknown = values.count(None)
    if unknown == len(values):
        return None
    column = np.array(values, dtype=np.float64)
    if unknown != np.count_nonzero(np.isnan(column)):
        stated = [row for row, value in enumerate(values) if value is not None and isnan(value)]
        column.view(np.uint64)[stated] = _STATED_NAN
    return column


def counts_of(values: Sequence[int | None]) -> Numbers | None:
    """Counts as an array; None where all of them are None."""
    if values.count(None) == len(values):
        return None
    column = np.array(values, dtype=np.float64)
    if not -_LARGE < np.fmin.reduce(column) <= np.fmax.reduce(column) < _LARGE:
        return column
    short = column.astype(np.float32)
    exact = (short.astype(np.float64).view(np.int64) == column.view(np.int64)).all()
    return short if exact else column


def floats_of(column: Numbers) -> list[float | None]:
    """The numbers as they were."""
    values: list[float | None] = [None if isnan(value) else value for value in column.tolist()]
    if column.dtype == np.float64:
        for row in np.flatnonzero(column.view(np.uint64) == _STATED_NAN).tolist():
            values[row] = float("nan")
    return values


def whole_of(column: Numbers) -> list[Any]:
    """The counts as they were."""
    return [None if isnan(value) else int(value) if value.is_integer() else value for value in column.tolist()]


def numbers_within(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each row its number, from 0, among those of its group, in their order, (n,)."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(group)])
    found = np.empty(len(group), dtype=np.int64)
    found[order] = np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))
    return found


def join_numbers(columns: Sequence[Numbers | None], sizes: Sequence[int]) -> Numbers:
    """One column of several; a missing one holds so many times None."""
    kind = np.result_type(*{column.dtype for column in columns if column is not None})
    return np.concatenate(
        [
            np.full(size, np.nan, dtype=kind) if column is None else column
            for column, size in zip(columns, sizes, strict=True)
        ]
    )
