"""Compiled code where it could be built, else Python code that gives the same bits: here alone it is chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.problem import Problem, Step

try:
    from latprof.estimate import _native_sums
except ImportError:  # not compiled on this machine, or beside another version
    _compiled: Any = None
else:
    _compiled = _native_sums

__all__ = ["at_levels", "cumulative", "dealt", "descend", "is_compiled", "pooled", "refitted", "step", "totals"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]


def _sums() -> Any:
    """What adds up; the Python code is loaded where nothing else can."""
    if _compiled is not None:
        return _compiled
    from latprof.estimate import sums

    return sums


def _plain() -> Any:
    """What does single steps."""
    if _compiled is not None:
        return _compiled
    from latprof.estimate import plain

    return plain


def is_compiled() -> bool:
    """Whether the compiled extension is there."""
    return _compiled is not None


def totals(problem: Problem) -> Singles:
    """As `sums.totals`."""
    found: Singles = _sums().totals(problem)
    return found


def step(problem: Problem, moments: Singles, grid: Singles) -> Step:
    """As `sums.step`."""
    found: Step = _sums().step(problem, moments, grid)
    return found


def at_levels(problem: Problem, levels: Singles) -> tuple[Ints, Singles, Singles]:
    """As `sums.at_levels`."""
    found: tuple[Ints, Singles, Singles] = _sums().at_levels(problem, levels)
    return found


def descend(
    gram: Floats, moments: Floats, divisors: Floats, roots: Floats, floors: Floats, start: Floats, least: float
) -> Floats:
    """As `plain.descend`."""
    found: Floats = _plain().descend(gram, moments, divisors, roots, floors, start, least)
    return found


def cumulative(share: Floats, centre: Floats, steps: Floats, table: Floats, begin: float, z: Floats) -> Floats:
    """As `plain.cumulative`."""
    found: Floats = _plain().cumulative(share, centre, steps, table, begin, z)
    return found


def refitted(
    z: Floats, mass: Floats, share: Floats, centre: Floats, width: Floats, widths: tuple[float, float], rounds: int
) -> tuple[Floats, Floats, Floats]:
    """As `plain.refitted`."""
    found: tuple[Floats, Floats, Floats] = _plain().refitted(z, mass, share, centre, width, widths, rounds)
    return found


def pooled(values: Singles, levels: Ints, sizes: Ints, effects: Floats, pooling: float) -> Floats:
    """As `plain.pooled`."""
    found: Floats = _plain().pooled(values, levels, sizes, effects, pooling)
    return found


def dealt(
    rows: Ints, tokens: Floats, first: Singles, speed: Singles, least: float, *columns: NDArray[np.floating[Any]]
) -> None:
    """As `plain.dealt`."""
    _plain().dealt(rows, tokens, first, speed, least, *columns)
