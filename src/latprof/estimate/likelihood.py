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

__all__ = ["Evidence", "Parameters", "Posterior", "Sizes", "posterior", "quantile_of_first", "shifts", "sizes"]

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
        changed: Any = value
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

    def take(self, rows: NDArray[np.bool_] | Ints) -> Evidence:
        """The evidence of some calls."""
        columns = {name: getattr(self, name)[rows] for name in self.__slots__ if name not in {"levels", "take"}}
        return Evidence(**columns, levels=tuple(level[rows] for level in self.levels))


@dataclass(frozen=True, slots=True)
class Posterior:
    """Per call and cell of the speed grid.

    `weight` sums to 1 over the grid. Inside a cell, L0 follows its distribution between the
    probabilities `below` and `below + mass`. `log_likelihood` is per call.
    """

    weight: Floats
    log_likelihood: Floats
    below: Floats
    mass: Floats


@dataclass(frozen=True, slots=True)
class Sizes:
    """Token counts at the speed of tool arguments: of the call, of the first block, of the rest."""

    total: Floats
    first: Floats
    rest: Floats
    error: Floats


def sizes(evidence: Evidence, parameters: Parameters) -> Sizes:
    """Token counts in units of the reference speed; one token arrives with the first."""
    cost = np.exp(-np.append(parameters.type_log, 0.0))
    first_cost = cost[evidence.first_type]
    total = np.maximum(evidence.by_type @ cost - parameters.free_tokens * evidence.tools - first_cost, 0.5)
    head = (evidence.first_tokens - 1) * first_cost - parameters.free_tokens * (evidence.first_type == TOOL)
    first = np.where(np.isnan(evidence.span_s), total, np.minimum(np.maximum(head, 0.0), total))
    return Sizes(total, first, total - first, evidence.first_error * first_cost)


def shifts(evidence: Evidence, parameters: Parameters) -> tuple[Floats, Floats]:
    """Effects of each call's groups and context on log L0 and on log d."""
    first, speed = np.zeros(len(evidence)), -parameters.gamma * evidence.context / 1e5
    for level, on_first, on_speed in zip(
        evidence.levels, parameters.first_effects, parameters.speed_effects, strict=True
    ):
        first = first + on_first[level]
        speed = speed + on_speed[level]
    return first, speed


def posterior(evidence: Evidence, parameters: Parameters, grid: Floats) -> Posterior:
    """Bayes over the speed grid (centres of equal cells in log d0)."""
    size, (first_shift, speed_shift) = sizes(evidence, parameters), shifts(evidence, parameters)
    half = (grid[1] - grid[0]) / 2
    prior = np.diff(parameters.speed.cumulative(np.append(grid - half, grid[-1] + half))) + _TINY
    middle, reach, log_span = _read_off(evidence, parameters, size, grid, speed_shift, half)
    prefill_s = (parameters.beta_s * evidence.uncached / 1e5)[:, None]
    middle -= prefill_s
    scale = np.exp(-first_shift)[:, None]
    low, high = (middle - reach) * scale, (middle + reach) * scale
    width = high - low
    if not np.isnan(evidence.header_s).all():
        # The part of the cell before the headers is impossible.
        earliest = (np.nan_to_num(evidence.header_s)[:, None] - prefill_s) * scale
        low, high = np.maximum(low, earliest), np.maximum(high, earliest)
    table = parameters.first.cumulative(LOG_TABLE_S)
    below = np.interp(low, TABLE_S, table, left=0.0)
    mass = np.interp(high, TABLE_S, table, left=0.0) - below
    top = log_span.max(axis=1, keepdims=True)
    # An outlier's share keeps a call that no parameters explain from deciding the fit.
    joint = (mass / width + _OUTLIER) * prior * np.exp(log_span - top)
    total = joint.sum(axis=1)
    return Posterior(joint / total[:, None], np.log(total) + top[:, 0] - first_shift, below, mass)


def _read_off(
    evidence: Evidence, parameters: Parameters, size: Sizes, grid: Floats, shift: Floats, half: float
) -> tuple[Floats, Floats, Floats]:
    """At each cell: the first token's time and how far it may lie from it, s; log density of the span.

    The reach is that of a uniform distribution with the variance of what is not known: the place
    inside the cell, the first block's tokens as far as the span does not tell them, and speed that
    varies inside the first block. The span's density is Student's t, robust against pauses; 0 for
    calls without a span.
    """
    inverse = np.exp(-shift)[:, None] * np.exp(-grid)[None, :]
    spread = ~np.isnan(evidence.span_s)
    head_s = size.first[:, None] * inverse
    middle = np.where(spread, evidence.first_s, evidence.last_s)[:, None] - head_s
    variance = _STAMP_S**2 + (parameters.wobble * head_s) ** 2 / _WOBBLE_CALLS
    log_span = np.zeros_like(inverse)
    if spread.any():
        own = inverse[spread]
        rest_s = size.rest[spread][:, None] * own
        residual = evidence.span_s[spread][:, None] - rest_s
        swap = (size.error[spread][:, None] * own) ** 2
        blur = (parameters.wobble * rest_s) ** 2 + _STAMP_S**2
        total = swap + blur
        log_span[spread] = -0.5 * (_FREEDOM + 1) * np.log1p(residual**2 / (_FREEDOM * total)) - 0.5 * np.log(total)
        middle[spread] += swap / total * residual
        variance[spread] += swap * blur / total
    return middle, np.sqrt(3 * variance + (half * head_s) ** 2), log_span


def quantile_of_first(parameters: Parameters, probability: Floats) -> Floats:
    """L0 in s at probabilities of its distribution."""
    table = parameters.first.cumulative(LOG_TABLE_S)
    return np.interp(probability, table, TABLE_S)
