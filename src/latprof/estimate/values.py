"""What the steps of the estimator give to one another, as plain values.

They stand apart from the steps: of calls of which all is known, no step is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.blocks import SHOWN, SIGNATURE, TEXT_SIZE, TOOL_SIZE, TYPES
from latprof.estimate.mixture import Mixture
from latprof.estimate.observe import Observed

__all__ = [
    "ATOMS", "POOLING_CALLS", "PROBABILITIES", "USUAL", "Calibration", "Fitted", "Misfit", "Parameters", "Readings",
    "Sample",
]  # fmt: skip

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

PROBABILITIES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
# Values that stand for each call's posterior, of equal weight.
ATOMS: Final = 12
# A level of n calls takes n / (n + this) of its own effect.
POOLING_CALLS: Final = 20.0
# Usual ratios of Claude models, for what a model's own calls do not show; with a wide error.
USUAL: Final = np.array([-60.0, 3.0, 65.0, 1 / 3.9, 1 / 3.9, 1 / 2.9, 1 / 2.5])


@dataclass(frozen=True, slots=True)
class Calibration:
    """Tokens per block and per character of a model; `error` is the relative standard deviation of a block's count.

    `fitted` is False where there were too few calls, and usual values stand in.
    """

    coefficients: Floats
    error: float
    n: int
    fitted: bool

    def tokens_per_block(self, block_type: str) -> float:
        """Tokens of every block of the type beside its characters."""
        return float(self.coefficients[TYPES.index(block_type)])

    def characters_per_token(self, block_type: str) -> float | None:
        """Characters of the log per token; None if it cannot be told.

        For thinking those of the signature, or those shown where no signature tells anything.
        """
        slope = float(self.coefficients[self._size_column(block_type)])
        return 1 / slope if slope > 1e-3 else None

    def size_of(self, block_type: str) -> str | None:
        """What blocks of the type were measured by: 'characters' or 'signature'; None if too few calls show a size."""
        column = self._size_column(block_type)
        if not self._is_fitted(column):
            return None
        return "signature" if column == SIGNATURE else "characters"

    def _size_column(self, block_type: str) -> int:
        thinking = SHOWN if self._is_fitted(SHOWN) and not self._is_fitted(SIGNATURE) else SIGNATURE
        return (thinking, TEXT_SIZE, TOOL_SIZE)[TYPES.index(block_type)]

    def _is_fitted(self, column: int) -> bool:
        # What was not fitted still has its usual value.
        return bool(self.coefficients[column] != USUAL[column])


@dataclass(frozen=True, slots=True)
class Misfit:
    """Largest distance of held-out places from uniform (0 to 1), and what such a sample reaches by chance."""

    name: str
    n: int
    distance: float
    allowed: float

    @property
    def fits(self) -> bool:
        """Whether the distance is within what is allowed."""
        return self.distance <= self.allowed


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


@dataclass(frozen=True, slots=True)
class Sample:
    """All that a group's model depends on.

    `observed` are calls whose block sizes are told from their tokens, `fitted` those of them (positions)
    that the model is fitted on. `levels` holds each factor's level per call, `counts` how many levels a
    factor has. `part` says that the group has more calls than these, so that less work is done for the same errors.
    """

    observed: Observed
    fitted: Ints
    levels: tuple[Ints, ...]
    counts: tuple[int, ...]
    part: bool
    seed: int


@dataclass(frozen=True, slots=True)
class Fitted:
    """A group's model: parameters with the grid of log d0, checks and errors; `refused` says why it is not used.

    Names as in `Group`.
    """

    calibration: Calibration
    fitted_on: int
    refused: str | None = None
    parameters: Parameters | None = None
    grid: Floats | None = None
    checks: tuple[Misfit, ...] = ()
    first_error: Floats | None = None
    speed_error: Floats | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """The posterior of each call, s and tok/s: (n, ATOMS + 2).

    Values of equal weight, in the order of speed, then the ends of the 95 % interval.
    """

    first_s: Singles
    speed_tps: Singles

    def __len__(self) -> int:
        return len(self.first_s)
