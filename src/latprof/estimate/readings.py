"""The posterior of calls under a fitted model, chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.calibrate import TOOL, Calibration, spread
from latprof.estimate.likelihood import Evidence, Parameters, posterior, quantile_of_first, shifts, sizes
from latprof.estimate.observe import Observed

__all__ = ["ATOMS", "Readings", "evidence_of", "read"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values that stand for each call's posterior, of equal weight.
ATOMS: Final = 12
_ENDS: Final = (0.025, 0.975)
_LEVELS: Final = np.concatenate([(np.arange(ATOMS) + 0.5) / ATOMS, _ENDS])


@dataclass(frozen=True, slots=True)
class Readings:
    """The posterior of each call, s and tok/s: (n, ATOMS + 2).

    Values of equal weight from small to large, then the ends of the 95 % interval.
    """

    first_s: Floats
    speed_tps: Floats

    def __len__(self) -> int:
        return len(self.first_s)


def evidence_of(observed: Observed, calibration: Calibration, levels: tuple[Ints, ...]) -> Evidence:
    """The observations in the form that the likelihood takes."""
    share = spread(observed.blocks, observed.tokens, calibration)
    starts = observed.blocks.start
    return Evidence(
        first_s=observed.first_s,
        span_s=np.where(observed.spread, observed.last_s - observed.first_s, np.nan),
        last_s=observed.last_s,
        tokens=observed.tokens,
        by_type=share.by_type,
        first_tokens=share.first,
        first_type=observed.blocks.type[starts],
        first_error=share.first_error,
        tools=np.add.reduceat((observed.blocks.type == TOOL).astype(np.float64), starts),
        known_s=observed.known_s,
        header_s=observed.header_s,
        uncached=observed.uncached,
        context=observed.context,
        levels=levels,
        weight=np.ones(len(observed)),
    )


def read(evidence: Evidence, parameters: Parameters, grid: Floats) -> Readings:
    """The posterior of every call, in the precision of the evidence."""
    after = posterior(evidence, parameters, grid)
    first_shift, speed_shift = shifts(evidence, parameters)
    size = sizes(evidence, parameters)
    cell, inside = _at_levels(after.weight)
    every = np.arange(len(evidence))[:, None]
    first = quantile_of_first(parameters, after.below[every, cell] + inside * after.mass[every, cell])
    first = first.astype(inside.dtype)
    speed = grid.astype(inside.dtype)[cell] + (inside - 0.5) * float(grid[1] - grid[0])
    first *= np.exp(first_shift)[:, None]
    first += (evidence.uncached * (float(parameters.beta_s) / 1e5))[:, None]
    # A call that no parameters explain would be read as the shape's far end.
    ends_s = np.where(np.isnan(evidence.span_s), evidence.last_s, evidence.first_s)
    np.minimum(first, ends_s[:, None], out=first)
    known = ~np.isnan(evidence.known_s)
    first[known] = evidence.known_s[known, None]
    tokens = evidence.tokens - 1
    speed += speed_shift[:, None]
    np.exp(speed, out=speed)
    speed *= (tokens / size.total)[:, None]
    speed[known] = (tokens / np.maximum(evidence.last_s - evidence.known_s, 1e-3))[known, None]
    return Readings(first, speed)


def _at_levels(weight: Floats) -> tuple[Ints, Floats]:
    """Per call and level the cell of the grid in which the level is reached, and which part of it lies before."""
    cumulative = np.cumsum(weight, axis=1)
    n, cells = cumulative.shape
    # All rows in one rising sequence, so that one search finds every cell.
    rising = (cumulative + np.arange(n)[:, None]).ravel()
    wanted = np.arange(n)[:, None] + _LEVELS
    cell = np.searchsorted(rising, wanted) - np.arange(n)[:, None] * cells
    cell = np.clip(cell, 0, cells - 1)
    every = np.arange(n)[:, None]
    inside = 1 - (cumulative[every, cell] - _LEVELS.astype(weight.dtype)) / np.maximum(weight[every, cell], 1e-12)
    return cell, np.clip(inside, 0.0, 1.0)
