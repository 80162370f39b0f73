"""Weights that give two sets of calls the same mix of work.

Calls are sorted into cells, such as one per trigger, model and size of context. In a cell with a calls
before and b after, each call before counts b / (a + b) and each call after a / (a + b): both sides then
have the same weight in every cell, cells that only one side has count nothing, and no call counts more
than 1 (overlap weights: Li, Morgan and Zaslavsky, Balancing covariates via propensity score weighting,
JASA 113, 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, tzinfo

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.stats.grouping import BY_KEYS
from latprof.trace import Trace

__all__ = ["Cell", "Mix", "cells_of", "mix_of", "overlap_weights"]

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of work: how many calls each side has, and its share of the matched mix (0 to 1)."""

    key: tuple[str | None, ...]
    before: int
    after: int
    share: float


@dataclass(frozen=True, slots=True)
class Mix:
    """All cells, largest share first; `left_out` is each side's share of calls that have no counterpart."""

    keys: tuple[str, ...]
    cells: tuple[Cell, ...]
    left_out: tuple[float, float]


def cells_of(
    before: Trace, after: Trace, keys: Sequence[str], tz: tzinfo = UTC
) -> tuple[_Ints, _Ints, list[tuple[str | None, ...]]]:
    """The cell's number of each call of both sides, and what each number stands for. Raises KeyError."""
    numbers: dict[tuple[str | None, ...], int] = {}
    sides = []
    for trace in (before, after):
        columns = [BY_KEYS[key](trace, tz) for key in keys]
        rows = zip(*columns, strict=True) if columns else (() for _ in range(len(trace)))
        sides.append(np.array([numbers.setdefault(tuple(row), len(numbers)) for row in rows], dtype=np.int64))
    return sides[0], sides[1], list(numbers)


def overlap_weights(before: _Ints, after: _Ints) -> tuple[_Floats, _Floats]:
    """The weight of each call of both sides, from the cell's number of each."""
    count = int(max(before.max(initial=-1), after.max(initial=-1))) + 1
    first, second = np.bincount(before, minlength=count), np.bincount(after, minlength=count)
    both = np.maximum(first + second, 1)
    return (second / both)[before], (first / both)[after]


def mix_of(before: _Ints, after: _Ints, keys: Sequence[str], names: Sequence[tuple[str | None, ...]]) -> Mix:
    """What the matched mix is made of."""
    first = np.bincount(before, minlength=len(names)).astype(np.float64)
    second = np.bincount(after, minlength=len(names)).astype(np.float64)
    weight = first * second / np.maximum(first + second, 1)
    total = weight.sum()
    cells = [
        Cell(name, int(a), int(b), float(w / total) if total else 0.0)
        for name, a, b, w in zip(names, first, second, weight, strict=True)
    ]
    cells.sort(key=lambda cell: (-cell.share, -cell.before - cell.after, tuple(part or "" for part in cell.key)))
    alone = weight == 0
    left = (
        float(first[alone].sum() / max(first.sum(), 1)),
        float(second[alone].sum() / max(second.sum(), 1)),
    )
    return Mix(tuple(keys), tuple(cells), left)
