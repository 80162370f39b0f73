"""The model's sums over the speed grid for some calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate import backend
from latprof.estimate.evidence import Evidence
from latprof.estimate.likelihood import Shapes, costs, effects, of_context
from latprof.estimate.problem import NUMBERS, Problem, Step
from latprof.estimate.table import LOG_MIDDLES, straight
from latprof.estimate.values import Parameters

__all__ = ["LEAST_MASS", "STAMP_S", "Cells"]

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

# Stamps are whole milliseconds written a little after the block's end.
STAMP_S: Final = 0.012
_OUTLIER: Final = 1e-6
# No density is smaller than an outlier's, and a number of single precision has to hold it.
_LEAST_DENSITY: Final = 1e-20
# Parts of the prior that are smaller say nothing of its shape.
LEAST_MASS: Final = 1e-5
# Variation of speed inside a call is smaller over the whole of a long block than between blocks.
_WOBBLE_CALLS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Cells:
    """Calls under parameters, whose effects and shapes stay while their numbers may change."""

    evidence: Evidence
    shapes: Shapes
    numbers: Mapping[str, float]
    first_shift: Singles
    speed_shift: Singles
    scale: Singles
    pace: Singles
    slowness: Singles

    @classmethod
    def of(cls, evidence: Evidence, parameters: Parameters, shapes: Shapes) -> Cells:
        """The calls under these parameters."""
        first, speed = effects(evidence, parameters)
        pace = np.exp(-(speed + of_context(evidence, parameters.gamma)))
        slowness = np.exp(-shapes.grid).astype(np.float32)
        return cls(evidence, shapes, parameters.numbers, first, speed, np.exp(-first), pace, slowness)

    def log_likelihood(self, numbers: Mapping[str, float]) -> float:
        """Of all calls together, at these numbers."""
        each = np.log(backend.totals(self._problem(numbers)))
        each -= self.first_shift
        return float(each.sum(dtype=np.float64))

    def step(self) -> Step:
        """Sums for a step of EM."""
        moments = np.concatenate(([0.0], np.cumsum(self.shapes.increments * LOG_MIDDLES)))
        return backend.step(self._problem(self.numbers), straight(moments), self.shapes.grid.astype(np.float32))

    def at_levels(self, levels: Singles) -> tuple[Ints, Singles, Singles]:
        """Where each call's posterior reaches rising levels: the cell, the part of it that lies before, and L0 in s."""
        return backend.at_levels(self._problem(self.numbers), levels)

    def _problem(self, numbers: Mapping[str, float]) -> Problem:
        pace = self.pace
        if numbers["gamma"] != self.numbers["gamma"]:
            pace = np.exp(-(self.speed_shift + of_context(self.evidence, numbers["gamma"])))
        return Problem(
            self.evidence.columns, self.scale, pace, self._vector(numbers), self.slowness, self.shapes.cells,
            self.shapes.table,
        )  # fmt: skip

    def _vector(self, numbers: Mapping[str, float]) -> Singles:
        half = float(self.shapes.grid[1] - self.shapes.grid[0]) / 2
        wobble, stamp = numbers["wobble"] * numbers["wobble"], STAMP_S * STAMP_S
        values = {
            "free_tokens": numbers["free_tokens"],
            "beta": numbers["beta_s"] / 1e5,
            "reach": 3 * wobble / _WOBBLE_CALLS + half * half,
            "reach_stamp": 3 * stamp,
            "wobble": wobble,
            "stamp": stamp,
            "least_density": _LEAST_DENSITY,
            "outlier": _OUTLIER,
            "least_mass": LEAST_MASS,
        }
        return np.array([*costs(numbers).tolist(), *[values[name] for name in NUMBERS[3:]]], dtype=np.float32)
