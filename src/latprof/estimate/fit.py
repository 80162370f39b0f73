"""Fitting the model of a call to many calls: EM for the free shapes, line searches for the numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate import backend
from latprof.estimate.cells import LEAST_MASS, Cells
from latprof.estimate.evidence import Evidence
from latprof.estimate.likelihood import Shapes, shifts, sizes
from latprof.estimate.mixture import Mixture
from latprof.estimate.ordered import quantiles
from latprof.estimate.problem import Step
from latprof.estimate.table import LOG_MIDDLES
from latprof.estimate.values import POOLING_CALLS, Parameters

__all__ = ["GRID_CELLS", "Fit", "fit", "refit", "start"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

GRID_CELLS: Final = 40
_GRID_HALF_WIDTH: Final = 1.5
# Lines of the table of L0 that make one bin of its histogram.
_LINES_OF_BIN: Final = 4
_BINS: Final = LOG_MIDDLES.reshape(-1, _LINES_OF_BIN).mean(axis=1)
_FIRST_COMPONENTS: Final = 6
_SPEED_COMPONENTS: Final = 3
_LEAST_FIRST_WIDTH: Final = 0.22
_LEAST_SPEED_WIDTH: Final = 0.05
_LEAST_PRIOR: Final = 1e-6
_PRECISE_ROUNDS: Final = 2
# Name, first step, lower and upper limit, deviation of the prior around its neutral value.
_SEARCHED: Final = (
    ("type_0", 0.08, -1.5, 1.5, 0.5),
    ("type_1", 0.08, -1.5, 1.5, 0.5),
    ("beta_s", 0.5, 0.0, 60.0, 10.0),
    ("gamma", 0.05, -1.0, 2.0, 0.5),
    ("wobble", 0.02, 0.02, 0.5, 1.0),
    ("free_tokens", 10.0, 0.0, 120.0, 60.0),
)


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted parameters with the grid of log d0 that they were fitted on."""

    parameters: Parameters
    grid: Floats
    curvature: Mapping[str, float]


def start(evidence: Evidence, level_counts: tuple[int, ...]) -> Fit:
    """A first guess: speed from the spans, first tokens from what it leaves of the first blocks."""
    rest = evidence["tokens"] - 1 - evidence["head"]
    ok = evidence.has_span & (rest > 30)
    if ok.sum() >= 5:
        speed = float(quantiles(rest[ok] / evidence["span_s"][ok], (0.5,))[0])
    else:
        speed = float(quantiles(evidence["tokens"] / evidence["last_s"], (0.5,))[0]) * 1.5
    centre = np.log(np.clip(speed, 3.0, 2000.0))
    grid = centre + np.linspace(-_GRID_HALF_WIDTH, _GRID_HALF_WIDTH, GRID_CELLS)
    before = np.where(evidence.has_span, evidence["head"] + 1, evidence["tokens"])
    first = evidence["ends_s"] - before / np.float32(speed)
    known = np.isfinite(evidence["known_s"])
    first[known] = evidence["known_s"][known]
    rough = np.log(np.maximum(first[first > 0.05], 0.05)) if (first > 0.05).any() else np.array([0.0, 1.0])
    low, high = quantiles(rough, (0.05, 0.95)).tolist()
    return Fit(
        Parameters(
            first=Mixture.spanning(low - 0.2, high + 0.3, _FIRST_COMPONENTS),
            speed=Mixture.spanning(centre - 0.6, centre + 0.6, _SPEED_COMPONENTS),
            type_log=np.zeros(2),
            first_effects=tuple(np.zeros(count) for count in level_counts),
            speed_effects=tuple(np.zeros(count) for count in level_counts),
        ),
        grid,
        {},
    )


def fit(evidence: Evidence, begin: Fit, *, rounds: int, shape_steps: int, rough: int = 1) -> Fit:
    """Alternate EM steps of the shapes and effects with line searches of the numbers.

    All rounds but the last two go over every `rough`-th call only, which brings them near for less.
    """
    current, grid = begin.parameters, begin.grid
    step = {name: first for name, first, *_ in _SEARCHED}
    curvature: dict[str, float] = {}
    calls = _Calls.of(evidence.take(np.arange(0, len(evidence), rough)))
    for turn in range(rounds):
        if rough > 1 and turn == rounds - _PRECISE_ROUNDS:
            calls, grid = _Calls.of(evidence), _narrowed(grid, current)
        for _ in range(shape_steps):
            current = _shapes(calls, current, grid)
        if turn > 0:
            current = _numbers(calls, current, grid, step, curvature)
    for _ in range(shape_steps):
        current = _shapes(calls, current, grid)
    return Fit(current, grid, curvature)


def _narrowed(grid: Floats, parameters: Parameters) -> Floats:
    """The cells that hold any calls to speak of; the others only cost time."""
    cells = np.flatnonzero(Shapes.of(parameters, grid).cells > _LEAST_PRIOR)
    return grid[max(cells[0] - 2, 0) : cells[-1] + 3]


def refit(evidence: Evidence, best: Fit, *, before: int, after: int) -> Fit:
    """The fit to a part of the calls: one Newton step in the numbers from the full fit, EM steps around it.

    The curvature is that of the full fit, scaled to the part's size: one step is what the
    jackknife needs (Quenouille's method with one-step estimators, Bickel, JASA 70, 1975).
    """
    current, grid = best.parameters, best.grid
    calls = _Calls.of(evidence)
    for _ in range(before):
        current = _shapes(calls, current, grid)
    score, numbers = _score(calls, current, grid), current.numbers
    here, moved = score(numbers), dict(numbers)
    for name, first, low, high, _ in _SEARCHED:
        value, width = numbers[name], first / 4
        width = width if value + width <= high else -width
        slope = (score({**numbers, name: value + width}) - here) / width
        bend = best.curvature.get(name, 0.0)
        if bend > 0:
            # The difference quotient sits half a width off the slope at the point itself.
            step = (slope + bend * width / 2) / bend
            moved[name] = min(max(value + max(min(step, first), -first), low), high)
    current = current.with_numbers(moved)
    for _ in range(after):
        current = _shapes(calls, current, grid)
    return Fit(current, grid, best.curvature)


@dataclass(frozen=True, slots=True)
class _Calls:
    """Calls without and with a stated first token; `levels` and how many calls have each, of both one after the other.

    Header times are left out: they come a little before the first token, so to take them for limits
    that know nothing of it would push the shapes upwards. Each call's own reading uses them.
    """

    hidden: Evidence
    known: Evidence
    levels: Ints

    @classmethod
    def of(cls, evidence: Evidence) -> _Calls:
        known, spread = ~np.isnan(evidence["known_s"]), evidence.has_span
        # Calls with a span first: then they stand together, and no work is done for the others' spans.
        rows = [np.flatnonzero(part) for part in (~known & spread, ~known & ~spread, known)]
        hidden, known_ = evidence.take(np.concatenate(rows[:2])), evidence.take(rows[2])
        joined = [np.concatenate(parts) for parts in zip(hidden.levels, known_.levels, strict=True)]
        return cls(hidden.without_headers(), known_, np.array(joined, dtype=np.int64))


def _score(calls: _Calls, parameters: Parameters, grid: Floats) -> Callable[[Mapping[str, float]], float]:
    """The logarithm of likelihood and prior at other numbers than these, with the same effects and shapes."""
    cells = Cells.of(calls.hidden, parameters, Shapes.of(parameters, grid)) if len(calls.hidden) else None

    def score(numbers: Mapping[str, float]) -> float:
        likelihood = 0.0 if cells is None else cells.log_likelihood(numbers)
        if len(calls.known):
            z, x = (log.astype(np.float64) for log in _known(calls.known, parameters.with_numbers(numbers)))
            density = parameters.first.density(z) * parameters.speed.density(x)
            likelihood += float((np.log(density + 1e-9) - z).sum())
        return likelihood - sum((_neutral(name, numbers[name]) / width) ** 2 / 2 for name, *_, width in _SEARCHED)

    return score


def _neutral(name: str, value: float) -> float:
    return math.log(value / 0.1) if name == "wobble" else value


def _numbers(
    calls: _Calls, parameters: Parameters, grid: Floats, step: dict[str, float], curvature: dict[str, float]
) -> Parameters:
    """One parabola step in each number; notes how sharply the likelihood bends."""
    score, numbers = _score(calls, parameters, grid), parameters.numbers
    here = score(numbers)
    for name, _, low, high, _ in _SEARCHED:
        middle, width = numbers[name], step[name]
        lower, upper = max(middle - width, low), min(middle + width, high)
        below = score({**numbers, name: lower}) if lower < middle else -math.inf
        above = score({**numbers, name: upper}) if upper > middle else -math.inf
        if math.isfinite(below) and math.isfinite(above):
            bend = -((above - here) / (upper - middle) - (here - below) / (middle - lower)) / ((upper - lower) / 2)
            curvature[name] = max(bend, 0.0)
        best = _top(lower, middle, upper, below, here, above)
        best = min(max(best, middle - 3 * width, low), middle + 3 * width, high)
        value = score({**numbers, name: best})
        if value >= here:
            step[name] = max(abs(best - middle), width / 2.5)
            numbers, here = {**numbers, name: best}, value
        else:
            step[name] = width / 2
    return parameters.with_numbers(numbers)


def _top(x0: float, x1: float, x2: float, y0: float, y1: float, y2: float) -> float:
    """Where the parabola through three points is highest; beyond the best end if it bends up."""
    if not math.isfinite(y0):
        return x2 if y2 > y1 else x1
    if not math.isfinite(y2):
        return x0 if y0 > y1 else x1
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    if right >= left:
        return x2 + (x2 - x1) if y2 > y0 else x0 - (x1 - x0)
    return (x0 + x1) / 2 + left * (x2 - x0) / 2 / (left - right)


def _shapes(calls: _Calls, parameters: Parameters, grid: Floats) -> Parameters:
    """One EM step of both mixtures and of the groups' effects."""
    first_mass, speed_mass = np.zeros(len(_BINS)), np.zeros(len(grid))
    log_values = []
    if len(calls.hidden):
        shapes = Shapes.of(parameters, grid)
        step = Cells.of(calls.hidden, parameters, shapes).step()
        first_mass += _first_mass(step, shapes)
        speed_mass += step.cells
        log_values.append((_log_first(step), step.log_speed))
    if len(calls.known):
        z, x = _known(calls.known, parameters)
        first_mass += _deposit(z)
        cell = np.clip(np.rint((x - grid[0]) / (grid[1] - grid[0])).astype(int), 0, len(grid) - 1)
        speed_mass += np.bincount(cell, minlength=len(grid))
        log_values.append((z, x))
    first_effects, speed_effects = _effects(parameters, calls.levels, np.concatenate(log_values, axis=1))
    return replace(
        parameters,
        first=parameters.first.refitted(_BINS, first_mass, least_width=_LEAST_FIRST_WIDTH, rounds=2),
        speed=parameters.speed.refitted(grid, speed_mass, least_width=_LEAST_SPEED_WIDTH, rounds=2),
        first_effects=first_effects,
        speed_effects=speed_effects,
    )


def _effects(parameters: Parameters, levels: Ints, values: Singles) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Effects moved towards the means that their levels have; `values` are mean log L0 and mean log d0 of each call."""
    sizes_ = [len(effect) for effect in parameters.first_effects]
    if not sizes_:
        return (), ()
    before = np.array([np.concatenate(parameters.first_effects), np.concatenate(parameters.speed_effects)])
    moved = backend.pooled(values, levels, np.array(sizes_), before, POOLING_CALLS)
    ends = list(accumulate(sizes_))
    first, speed = (tuple(row[end - size : end] for size, end in zip(sizes_, ends, strict=True)) for row in moved)
    return first, speed


def _known(evidence: Evidence, parameters: Parameters) -> tuple[Singles, Singles]:
    """Logarithms of L0 and d0 of calls whose first token the log states."""
    first_shift, speed_shift = shifts(evidence, parameters)
    own = np.maximum(evidence["known_s"] - np.float32(parameters.beta_s / 1e5) * evidence["uncached"], np.float32(0.02))
    decode_s = np.maximum(evidence["last_s"] - evidence["known_s"], np.float32(1e-3))
    size = sizes(evidence, parameters)
    speed = np.log(np.maximum(size.total, np.float32(1.0)) / decode_s)
    return np.log(own) - first_shift, speed - speed_shift


def _first_mass(step: Step, shapes: Shapes) -> Floats:
    """A histogram of log L0: each call's weight in a cell, spread as the prior between the cell's two times."""
    jumps, before = step.jumps.T
    # A step that begins inside a line counts for what is left of it, and for all that follow.
    jumps = jumps - before
    jumps[1:] += before[:-1]
    level = np.maximum(np.cumsum(jumps)[:-1], 0.0)
    return np.asarray((level * shapes.increments).reshape(-1, _LINES_OF_BIN).sum(axis=1))


def _log_first(step: Step) -> Singles:
    """Mean log L0 of each call; that of all where only outliers speak."""
    least = np.float32(LEAST_MASS)
    usual = step.moment.sum() / max(step.inside.sum(), least)
    return np.where(step.inside > 0, step.moment / np.maximum(step.inside, least), usual)


def _deposit(z: Singles) -> Floats:
    """A histogram of known values of log L0, each shared by its two neighbours."""
    place = np.clip(np.interp(z, _BINS, np.arange(len(_BINS))), 0, len(_BINS) - 1.001)
    cell = place.astype(np.int64)
    share = place - cell
    return np.asarray(np.bincount(cell, 1 - share, len(_BINS)) + np.bincount(cell + 1, share, len(_BINS)))
