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
from dataclasses import field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.evidence import Evidence, Sizes, sizes_of
from latprof.estimate.mixture import Mixture
from latprof.estimate.table import LOG_EDGES, highest, straight

__all__ = [
    "POOLING_CALLS",
    "Parameters",
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

# A level of n calls takes n / (n + this) of its own effect.
POOLING_CALLS: Final = 20.0
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Parameters:
    """All that is fitted for one model of one agent.

    `type_log` is the log speed of thinking and text against tool arguments; `beta_s` the seconds
    per 100,000 uncached input tokens, `gamma` the loss of log speed per 100,000 of all input;
    `wobble` the relative deviation of speed inside a call. The effects are per factor and level.
    """

    first: Mixture
    speed: Mixture
    type_log: Floats
    beta_s: float = 0.0
    gamma: float = 0.0
    wobble: float = 0.1
    free_tokens: float = 0.0
    first_effects: tuple[Floats, ...] = field(default=())
    speed_effects: tuple[Floats, ...] = field(default=())

    @property
    def numbers(self) -> dict[str, float]:
        """All but shapes and effects; 'type_0' and 'type_1' are the parts of `type_log`."""
        thinking, text = self.type_log.tolist()
        return {
            "type_0": thinking, "type_1": text, "beta_s": self.beta_s, "gamma": self.gamma, "wobble": self.wobble,
            "free_tokens": self.free_tokens,
        }  # fmt: skip

    def with_numbers(self, numbers: Mapping[str, float]) -> Parameters:
        """A copy with these numbers, all of them."""
        others: Any = {name: value for name, value in numbers.items() if not name.startswith("type_")}
        return replace(self, type_log=np.array([numbers["type_0"], numbers["type_1"]]), **others)


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
