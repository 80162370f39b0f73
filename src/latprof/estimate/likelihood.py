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

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.calibrate import TOOL
from latprof.estimate.mixture import Mixture

__all__ = [
    "Evidence",
    "Parameters",
    "Posterior",
    "Shapes",
    "Sizes",
    "posterior",
    "quantile_of_first",
    "shifts",
    "sizes",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Stamps are whole milliseconds written a little after the block's end.
_STAMP_S: Final = 0.012
_FREEDOM: Final = 4.0
LOG_TABLE_S: Final = np.linspace(np.log(0.02), np.log(3000.0), 1200)
TABLE_S: Final = np.exp(LOG_TABLE_S)
_TINY: Final = 1e-12
_OUTLIER: Final = 1e-6
# Variation of speed inside a call is smaller over the whole of a long block than between blocks.
_WOBBLE_CALLS: Final = 4.0
# Where the table's lines begin, how many there are to a unit of log time, and a time before all of them.
_STEPS: Final = float((len(LOG_TABLE_S) - 1) / (LOG_TABLE_S[-1] - LOG_TABLE_S[0]))
_FIRST_STEP: Final = float(LOG_TABLE_S[0]) - 1 / _STEPS
_BEFORE_S: Final = float(TABLE_S[0]) * 0.995


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

    def with_value(self, name: str, value: float) -> Parameters:
        """A copy with one of the numbers changed; 'type_0' and 'type_1' are parts of `type_log`."""
        changed: Any = float(value)
        if name.startswith("type_"):
            name, place = "type_log", int(name[-1])
            changed = self.type_log.copy()
            changed[place] = value
        return replace(self, **{name: changed})

    def value(self, name: str) -> float:
        """One of the numbers by the name that `with_value` takes."""
        return float(self.type_log[int(name[-1])] if name.startswith("type_") else getattr(self, name))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the model needs of each call, as columns; `levels` holds one level number per factor."""

    first_s: Floats
    span_s: Floats  # NaN where the call has no usable span
    last_s: Floats
    tokens: Floats
    by_type: Floats
    first_tokens: Floats
    first_type: Ints
    first_error: Floats
    tools: Floats
    known_s: Floats
    header_s: Floats
    uncached: Floats
    context: Floats
    levels: tuple[Ints, ...]
    weight: Floats

    def __len__(self) -> int:
        return len(self.first_s)

    def take(self, rows: NDArray[np.bool_] | Ints | slice) -> Evidence:
        """The evidence of some calls."""
        columns = {name: getattr(self, name)[rows] for name in self.__slots__ if name != "levels"}
        return Evidence(**columns, levels=tuple(level[rows] for level in self.levels))

    def single(self) -> Evidence:
        """The same in single precision, which is twice as fast and good for seven digits."""
        columns = {name: getattr(self, name) for name in self.__slots__}
        return Evidence(**{name: _single(column) for name, column in columns.items()})


def _single(column: Any) -> Any:
    return column.astype(np.float32) if getattr(column, "dtype", None) == np.float64 else column


@dataclass(frozen=True, slots=True)
class Posterior:
    """Per call and cell of the speed grid.

    `weight` sums to 1 over the grid. Inside a cell, L0 follows its distribution between the times
    `low_s` and `high_s`, the probabilities `below` and `below + mass`. `log_likelihood` is per call.
    """

    weight: Floats
    log_likelihood: Floats
    below: Floats
    mass: Floats
    low_s: Floats
    high_s: Floats


@dataclass(frozen=True, slots=True)
class Sizes:
    """Token counts at the speed of tool arguments: of the call, of the first block, of the rest."""

    total: Floats
    first: Floats
    rest: Floats
    error: Floats


def sizes(evidence: Evidence, parameters: Parameters) -> Sizes:
    """Token counts in units of the reference speed; one token arrives with the first."""
    cost = np.exp(-np.append(parameters.type_log, 0.0)).astype(evidence.tokens.dtype)
    first_cost = cost[evidence.first_type]
    total = np.maximum(evidence.by_type @ cost - parameters.free_tokens * evidence.tools - first_cost, 0.5)
    free = (evidence.first_type == TOOL).astype(cost.dtype) * parameters.free_tokens
    head = (evidence.first_tokens - 1) * first_cost - free
    first = np.where(np.isnan(evidence.span_s), total, np.minimum(np.maximum(head, 0.0), total))
    return Sizes(total, first, total - first, evidence.first_error * first_cost)


def shifts(evidence: Evidence, parameters: Parameters) -> tuple[Floats, Floats]:
    """Effects of each call's groups and context on log L0 and on log d."""
    first, speed = np.zeros_like(evidence.tokens), evidence.context * (-float(parameters.gamma) / 1e5)
    for level, on_first, on_speed in zip(
        evidence.levels, parameters.first_effects, parameters.speed_effects, strict=True
    ):
        first += on_first[level]
        speed += on_speed[level]
    return first, speed


def posterior(evidence: Evidence, parameters: Parameters, grid: Floats, shapes: Shapes | None = None) -> Posterior:
    """Bayes over the speed grid (centres of equal cells in log d0), in the precision of the evidence.

    `shapes` are those of the parameters, where they are at hand.
    """
    shapes = Shapes.of(parameters, grid) if shapes is None else shapes
    size, (first_shift, speed_shift) = sizes(evidence, parameters), shifts(evidence, parameters)
    half = float(grid[1] - grid[0]) / 2
    middle, reach, span = _read_off(evidence, parameters, size, grid, speed_shift, half)
    prefill_s = (evidence.uncached * (float(parameters.beta_s) / 1e5))[:, None]
    scale = np.exp(-first_shift)[:, None]
    middle -= prefill_s
    middle *= scale
    reach *= scale
    low, high = middle - reach, middle + reach
    if not np.isnan(evidence.header_s).all():
        # The part of the cell before the headers is impossible.
        earliest = (np.nan_to_num(evidence.header_s)[:, None] - prefill_s) * scale
        low, high = np.maximum(low, earliest), np.maximum(high, earliest)
    below = shapes.probability(low)
    mass = shapes.probability(high)
    mass -= below
    # An outlier's share keeps a call that no parameters explain from deciding the fit.
    joint = mass / reach
    joint *= 0.5
    joint += _OUTLIER
    joint *= shapes.prior.astype(middle.dtype)
    spread = _spread_rows(evidence)
    joint[spread] *= span
    total = joint.sum(axis=1)
    joint /= total[:, None]
    return Posterior(joint, np.log(total) - first_shift, below, mass, low, high)


@dataclass(frozen=True, slots=True)
class Shapes:
    """Tables of both shapes: the share of d0 in each cell, and the distribution of L0.

    The latter as straight lines between equal steps of log time, their values at 0 s and slopes, with 0 before
    the first and a level line after the last.
    """

    prior: Floats
    offset: Floats
    slope: Floats

    @classmethod
    def of(cls, parameters: Parameters, grid: Floats) -> Shapes:
        """The tables of these parameters."""
        half = float(grid[1] - grid[0]) / 2
        prior = np.diff(parameters.speed.cumulative(np.append(grid - half, grid[-1] + half))) + _TINY
        level = parameters.first.cumulative(LOG_TABLE_S)
        slope = np.diff(level) / np.diff(TABLE_S)
        offset = level[:-1] - slope * TABLE_S[:-1]
        return cls(prior, np.concatenate(([0.0], offset, level[-1:])), np.concatenate(([0.0], slope, [0.0])))

    def probability(self, time_s: Floats) -> Floats:
        """Share of L0 below the times."""
        place = np.log(np.maximum(time_s, _BEFORE_S))
        place -= _FIRST_STEP
        place *= _STEPS
        line = np.minimum(place, len(self.slope) - 1).astype(np.intp)
        found = self.slope.astype(time_s.dtype).take(line)
        found *= time_s
        found += self.offset.astype(time_s.dtype).take(line)
        return found


def _spread_rows(evidence: Evidence) -> slice | NDArray[np.bool_]:
    """Calls with a span; a slice where they stand first, which needs no copies."""
    spread = ~np.isnan(evidence.span_s)
    count = int(spread.sum())
    return slice(count) if spread[:count].all() else spread


def _read_off(
    evidence: Evidence, parameters: Parameters, size: Sizes, grid: Floats, shift: Floats, half: float
) -> tuple[Floats, Floats, Floats]:
    """At each cell: the first token's time and how far it may lie from it, s; density of the spans there are.

    The reach is that of a uniform distribution with the variance of what is not known: the place
    inside the cell, the first block's tokens as far as the span does not tell them, and speed that
    varies inside the first block. The span's density is Student's t, robust against pauses, without
    its constant factor.
    """
    inverse = np.exp(-shift)[:, None] * np.exp(-grid)[None, :].astype(shift.dtype)
    end_s = np.where(np.isnan(evidence.span_s), evidence.last_s, evidence.first_s)
    head_s = size.first[:, None] * inverse
    middle = end_s[:, None] - head_s
    head_s *= head_s
    within = parameters.wobble**2 / _WOBBLE_CALLS
    reach = head_s * (3 * within + half**2)
    reach += 3 * _STAMP_S**2
    rows = _spread_rows(evidence)
    own = inverse[rows]
    rest = size.rest[rows][:, None] * own
    residual = evidence.span_s[rows][:, None] - rest
    own *= size.error[rows][:, None]
    own *= own  # variance of tokens that may belong to the other block
    rest *= rest
    rest *= parameters.wobble**2
    rest += _STAMP_S**2  # variance of speed inside the call
    total = own + rest
    own /= total
    middle[rows] += own * residual
    rest *= own
    rest *= 3
    reach[rows] += rest
    # Student's t with four degrees: (1 + r^2 / 4v)^-2.5 v^-0.5.
    residual *= residual
    residual *= 1 / _FREEDOM
    residual += total
    total *= total
    density = total / (residual * residual * np.sqrt(residual))
    return middle, np.sqrt(reach, out=reach), density


def quantile_of_first(parameters: Parameters, probability: Floats) -> Floats:
    """L0 in s at probabilities of its distribution."""
    table = parameters.first.cumulative(LOG_TABLE_S)
    return np.interp(probability, table, TABLE_S)
