"""The model of one call: a first token's time, a speed, and what the ends of blocks say of them.

With L the time to the first token and d the call's speed, sizes S in tokens that are counted at
their type's speed,

    end of the first block   f = L + M / d
    span to the last block   w - f = (S - M) / d + error,
    L = L0 exp(effects of the group) + beta u,   log d = log d0 + effects of the group - gamma c,

u the uncached and c the whole input. L0 and d0 have free shapes (mixtures on a log scale). The
error of the span has two parts: tokens that belong to the first block instead (they cancel in the
call's end), and speed that varies inside the call. d0 runs over a grid; at each of its cells L
follows, so that the likelihood is a sum over the grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.evidence import Evidence, Sizes, sizes_of
from latprof.estimate.table import LOG_EDGES, highest, straight
from latprof.estimate.values import Parameters

__all__ = [
    "Shapes",
    "costs",
    "effects",
    "of_context",
    "shifts",
    "sizes",
]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

_TINY: Final = 1e-12


def costs(numbers: Mapping[str, float]) -> Singles:
    """Tokens of tool arguments that take as long as one token of each type."""
    return np.array([math.exp(-numbers["type_0"]), math.exp(-numbers["type_1"]), 1.0], dtype=np.float32)


def sizes(evidence: Evidence, parameters: Parameters) -> Sizes:
    """Token counts under these parameters."""
    return sizes_of(evidence.columns, costs(parameters.numbers), np.float32(parameters.free_tokens))


def effects(evidence: Evidence, parameters: Parameters) -> tuple[Singles, Singles]:
    """Effects of each call's groups on log L0 and on log d."""
    first, speed = np.zeros_like(evidence["context"]), np.zeros_like(evidence["context"])
    for level, on_first, on_speed in zip(
        evidence.levels, parameters.first_effects, parameters.speed_effects, strict=True
    ):
        first += on_first.astype(np.float32).take(level)
        speed += on_speed.astype(np.float32).take(level)
    return first, speed


def of_context(evidence: Evidence, gamma: float) -> Singles:
    """The effect of each call's context on log d."""
    return np.asarray(evidence["context"] * np.float32(-gamma / 1e5))


def shifts(evidence: Evidence, parameters: Parameters) -> tuple[Singles, Singles]:
    """Effects of each call's groups and context on log L0 and on log d."""
    first, speed = effects(evidence, parameters)
    return first, speed + of_context(evidence, parameters.gamma)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Tables of both shapes over a grid (centres of equal cells in log d0).

    `cells` is the share of d0 in each cell, `below` the distribution of L0 at `EDGES_S`, `table` that as
    straight lines.
    """

    grid: Floats
    cells: Singles
    below: Floats
    table: Singles

    @classmethod
    def of(cls, parameters: Parameters, grid: Floats) -> Shapes:
        """The tables of these parameters."""
        step = grid[1] - grid[0]
        ends = parameters.speed.cumulative(grid[0] + step * (np.arange(len(grid) + 1) - 0.5))
        cells = ends[1:] - ends[:-1] + _TINY
        below = highest(parameters.first.cumulative(LOG_EDGES))
        return cls(grid, cells.astype(np.float32), below, straight(below))

    @property
    def increments(self) -> Floats:
        """Share of L0 on each line."""
        return np.asarray(self.below[1:] - self.below[:-1])
