"""Fitting the model of a call to many calls: EM for the free shapes, line searches for the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.likelihood import (
    Evidence,
    Parameters,
    Posterior,
    Shapes,
    posterior,
    quantile_of_first,
    shifts,
    sizes,
)
from latprof.estimate.mixture import Mixture

__all__ = ["GRID_CELLS", "POOLING_CALLS", "Fit", "fit", "refit", "start"]

Floats = NDArray[np.float64]

GRID_CELLS: Final = 40
_GRID_HALF_WIDTH: Final = 1.5
_EDGES: Final = np.linspace(np.log(0.02), np.log(3000.0), 401)
_BINS: Final = (_EDGES[1:] + _EDGES[:-1]) / 2
_FIRST_COMPONENTS: Final = 6
_SPEED_COMPONENTS: Final = 3
_LEAST_FIRST_WIDTH: Final = 0.22
_LEAST_SPEED_WIDTH: Final = 0.05
_LEAST_MASS: Final = 1e-5
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
# A level of n calls takes n / (n + this) of its own effect.
POOLING_CALLS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Fit:
    """Fitted parameters with the grid of log d0 that they were fitted on."""

    parameters: Parameters
    grid: Floats
    log_likelihood: float
    curvature: Mapping[str, float]


def start(evidence: Evidence, level_counts: tuple[int, ...]) -> Fit:
    """A first guess: speed from the spans, first tokens from what it leaves of the first blocks."""
    spread = ~np.isnan(evidence.span_s)
    rest = evidence.tokens - evidence.first_tokens
    ok = spread & (rest > 30)
    if ok.sum() >= 5:
        speed = float(np.median(rest[ok] / evidence.span_s[ok]))
    else:
        speed = float(np.median(evidence.tokens / evidence.last_s)) * 1.5
    centre = np.log(np.clip(speed, 3.0, 2000.0))
    grid = centre + np.linspace(-_GRID_HALF_WIDTH, _GRID_HALF_WIDTH, GRID_CELLS)
    first = np.where(
        spread, evidence.first_s - evidence.first_tokens / speed, evidence.last_s - evidence.tokens / speed
    )
    known = np.isfinite(evidence.known_s)
    first[known] = evidence.known_s[known]
    rough = np.log(np.maximum(first[first > 0.05], 0.05)) if (first > 0.05).any() else np.array([0.0, 1.0])
    low, high = np.quantile(rough, [0.05, 0.95])
    return Fit(
        Parameters(
            first=Mixture.spanning(low - 0.2, high + 0.3, _FIRST_COMPONENTS),
            speed=Mixture.spanning(centre - 0.6, centre + 0.6, _SPEED_COMPONENTS),
            type_log=np.zeros(2),
            first_effects=tuple(np.zeros(count) for count in level_counts),
            speed_effects=tuple(np.zeros(count) for count in level_counts),
        ),
        grid,
        -np.inf,
        {},
    )


def fit(evidence: Evidence, begin: Fit, *, rounds: int, shape_steps: int, rough: int = 1) -> Fit:
    """Alternate EM steps of the shapes and effects with line searches of the numbers.

    All rounds but the last two go over every `rough`-th call only, which brings them near for less.
    """
    current, grid = begin.parameters, begin.grid
    step = {name: first for name, first, *_ in _SEARCHED}
    curvature: dict[str, float] = {}
    hidden, known = _parts(evidence.take(slice(None, None, rough)))
    for turn in range(rounds):
        if rough > 1 and turn == rounds - _PRECISE_ROUNDS:
            hidden, known = _parts(evidence)
            grid = _narrowed(grid, current)
        for _ in range(shape_steps):
            current = _shapes(hidden, known, current, grid)
        if turn > 0:
            current = _numbers(hidden, known, current, grid, step, curvature)
    for _ in range(shape_steps):
        current = _shapes(hidden, known, current, grid)
    return Fit(current, grid, _objective(hidden, known, current, grid), curvature)


def _narrowed(grid: Floats, parameters: Parameters) -> Floats:
    """The cells that hold any calls to speak of; the others only cost time."""
    cells = np.flatnonzero(Shapes.of(parameters, grid).prior > _LEAST_PRIOR)
    return grid[max(cells[0] - 2, 0) : cells[-1] + 3]


def refit(evidence: Evidence, best: Fit, *, before: int, after: int) -> Fit:
    """The fit to a part of the calls: one Newton step in the numbers from the full fit, EM steps around it.

    The curvature is that of the full fit, scaled to the part's size: one step is what the
    jackknife needs (Quenouille's method with one-step estimators, Bickel, JASA 70, 1975).
    """
    current, grid = best.parameters, best.grid
    hidden, known = _parts(evidence)
    for _ in range(before):
        current = _shapes(hidden, known, current, grid)
    shapes = Shapes.of(current, grid)
    here = _objective(hidden, known, current, grid, shapes)
    moved = current
    for name, first, low, high, _ in _SEARCHED:
        value, width = current.value(name), first / 4
        width = width if value + width <= high else -width
        there = _objective(hidden, known, current.with_value(name, value + width), grid, shapes)
        slope = (there - here) / width
        bend = best.curvature.get(name, 0.0)
        if bend > 0:
            # The difference quotient sits half a width off the slope at the point itself.
            step = (slope + bend * width / 2) / bend
            moved = moved.with_value(name, min(max(value + max(min(step, first), -first), low), high))
    current = moved
    for _ in range(after):
        current = _shapes(hidden, known, current, grid)
    return Fit(current, grid, here, best.curvature)


def _parts(evidence: Evidence) -> tuple[Evidence, Evidence]:
    """Calls without and with a stated first token.

    Header times are left out: they come a little before the first token, so to take them for limits
    that know nothing of it would push the shapes upwards. Each call's own reading uses them.
    """
    known = ~np.isnan(evidence.known_s)
    spread = ~np.isnan(evidence.span_s)
    # Calls with a span first: then they are a slice, which is read without copies.
    hidden = evidence.take(np.concatenate((np.flatnonzero(~known & spread), np.flatnonzero(~known & ~spread))))
    return replace(hidden, header_s=np.full_like(hidden.header_s, np.nan)), evidence.take(known)


def _objective(
    hidden: Evidence, known: Evidence, parameters: Parameters, grid: Floats, shapes: Shapes | None = None
) -> float:
    likelihood = 0.0
    if len(hidden):
        likelihood += float(hidden.weight @ posterior(hidden, parameters, grid, shapes).log_likelihood)
    if len(known):
        z, x = _known(known, parameters)
        density = parameters.first.density(z) * parameters.speed.density(x)
        likelihood += float(known.weight @ (np.log(density + 1e-9) - z))
    penalty = sum((_neutral(name, parameters) / deviation) ** 2 / 2 for name, _, _, _, deviation in _SEARCHED)
    return likelihood - penalty


def _neutral(name: str, parameters: Parameters) -> float:
    value = parameters.value(name)
    return float(np.log(value / 0.1)) if name == "wobble" else value


def _numbers(
    hidden: Evidence,
    known: Evidence,
    parameters: Parameters,
    grid: Floats,
    step: dict[str, float],
    curvature: dict[str, float],
) -> Parameters:
    """One parabola step in each number; notes how sharply the likelihood bends."""
    shapes = Shapes.of(parameters, grid)

    def score(name: str, value: float) -> float:
        return _objective(hidden, known, parameters.with_value(name, value), grid, shapes)

    here = _objective(hidden, known, parameters, grid, shapes)
    for name, _, low, high, _ in _SEARCHED:
        middle, width = parameters.value(name), step[name]
        lower, upper = max(middle - width, low), min(middle + width, high)
        below = score(name, lower) if lower < middle else -np.inf
        above = score(name, upper) if upper > middle else -np.inf
        if np.isfinite(below) and np.isfinite(above):
            bend = -((above - here) / (upper - middle) - (here - below) / (middle - lower)) / ((upper - lower) / 2)
            curvature[name] = max(bend, 0.0)
        best = _top(lower, middle, upper, below, here, above)
        best = min(max(best, middle - 3 * width, low), middle + 3 * width, high)
        value = score(name, best)
        if value >= here:
            step[name] = max(abs(best - middle), width / 2.5)
            parameters, here = parameters.with_value(name, best), value
        else:
            step[name] = width / 2
    return parameters


def _top(x0: float, x1: float, x2: float, y0: float, y1: float, y2: float) -> float:
    """Where the parabola through three points is highest; beyond the best end if it bends up."""
    if not np.isfinite(y0):
        return x2 if y2 > y1 else x1
    if not np.isfinite(y2):
        return x0 if y0 > y1 else x1
    left, right = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    if right >= left:
        return x2 + (x2 - x1) if y2 > y0 else x0 - (x1 - x0)
    return float((x0 + x1) / 2 + left * (x2 - x0) / 2 / (left - right))


def _shapes(hidden: Evidence, known: Evidence, parameters: Parameters, grid: Floats) -> Parameters:
    """One EM step of both mixtures and of the groups' effects."""
    first_mass, speed_mass = np.zeros(len(_BINS)), np.zeros(len(grid))
    log_first, log_speed, weight, levels = [], [], [], []
    if len(hidden):
        after = posterior(hidden, parameters, grid)
        heavy = after.weight * hidden.weight[:, None]
        places = _by_time if heavy.dtype == np.float32 else _by_probability
        mass, z = places(parameters, after, heavy)
        first_mass += mass
        speed_mass += heavy.sum(axis=0)
        log_first.append(z)
        log_speed.append(after.weight @ grid.astype(heavy.dtype))
        weight.append(hidden.weight)
        levels.append(hidden.levels)
    if len(known):
        z, x = _known(known, parameters)
        first_mass += _deposit(z, known.weight)
        speed_mass += np.bincount(
            np.clip(np.rint((x - grid[0]) / (grid[1] - grid[0])).astype(int), 0, len(grid) - 1), known.weight, len(grid)
        )
        log_first.append(z)
        log_speed.append(x)
        weight.append(known.weight)
        levels.append(known.levels)
    joined = tuple(np.concatenate(parts) for parts in zip(*levels, strict=True))
    return replace(
        parameters,
        first=parameters.first.refitted(_BINS, first_mass, least_width=_LEAST_FIRST_WIDTH, rounds=2),
        speed=parameters.speed.refitted(grid, speed_mass, least_width=_LEAST_SPEED_WIDTH, rounds=2),
        first_effects=_effects(parameters.first_effects, joined, np.concatenate(log_first), np.concatenate(weight)),
        speed_effects=_effects(parameters.speed_effects, joined, np.concatenate(log_speed), np.concatenate(weight)),
    )


def _effects(
    effects: tuple[Floats, ...], levels: tuple[NDArray[np.int64], ...], value: Floats, weight: Floats
) -> tuple[Floats, ...]:
    """Move each level's effect towards its own mean, small levels less; effects of a factor average to 0."""
    changed = []
    value = value - np.average(value, weights=weight)
    for effect, level in zip(effects, levels, strict=True):
        if len(effect) < 2:
            changed.append(effect)
            continue
        count = np.bincount(level, weight, len(effect))
        mean = np.bincount(level, weight * value, len(effect)) / np.maximum(count, 1e-9)
        shrink = count / (count + POOLING_CALLS)
        moved = shrink * (effect + mean)
        moved -= (moved * count).sum() / max(count.sum(), 1e-9)
        value = value - (moved - effect)[level]
        changed.append(moved)
    return tuple(changed)


def _known(evidence: Evidence, parameters: Parameters) -> tuple[Floats, Floats]:
    """Logarithms of L0 and d0 of calls whose first token the log states."""
    first_shift, speed_shift = shifts(evidence, parameters)
    own = np.maximum(evidence.known_s - parameters.beta_s * evidence.uncached / 1e5, 0.02)
    decode_s = np.maximum(evidence.last_s - evidence.known_s, 1e-3)
    speed = np.log(np.maximum(sizes(evidence, parameters).total, 1.0) / decode_s)
    return np.log(own) - first_shift, speed - speed_shift


def _by_probability(parameters: Parameters, after: Posterior, heavy: Floats) -> tuple[Floats, Floats]:
    """A histogram of L0, each cell's weight spread as the prior between its two probabilities; mean log L0 of calls."""
    z = np.log(quantile_of_first(parameters, after.below + after.mass / 2))
    prior = np.diff(parameters.first.cumulative(_EDGES))
    starts = np.concatenate(([0.0], np.cumsum(prior)))
    ok = after.mass > 1e-9
    level = heavy[ok] / after.mass[ok]
    density = _step(starts, after.below[ok], level) - _step(starts, (after.below + after.mass)[ok], level)
    return np.asarray(np.maximum(density, 0.0) * prior), (after.weight * z).sum(axis=1)


def _by_time(parameters: Parameters, after: Posterior, heavy: Floats) -> tuple[Floats, Floats]:
    """The same between the cell's two times: as good and much faster, for many calls in single precision."""
    prior = np.diff(parameters.first.cumulative(_EDGES))
    low, high = _Bins.of(after.low_s), _Bins.of(after.high_s)
    mass = high.up_to(prior) - low.up_to(prior)
    # What lies outside the prior is an outlier and says nothing of its shape.
    level = np.where(mass > _LEAST_MASS, heavy / np.maximum(mass, _LEAST_MASS), 0.0)
    density = low.steps(level) - high.steps(level)
    moment = ((high.up_to(prior * _BINS) - low.up_to(prior * _BINS)) * level).sum(axis=1)
    inside = (mass * level).sum(axis=1)
    usual = float(moment.sum() / max(float(inside.sum()), _LEAST_MASS))
    z = np.where(inside > 0, moment / np.maximum(inside, _LEAST_MASS), usual)
    return np.maximum(density, 0.0) * prior, z


@dataclass(frozen=True, slots=True)
class _Bins:
    """Where times lie among the bins of log time: the bin's number, and which part of it lies before."""

    line: NDArray[np.intp]
    part: Floats

    @classmethod
    def of(cls, time_s: Floats) -> _Bins:
        """Times before and after all bins lie at the ends."""
        place = np.log(np.maximum(time_s, float(np.exp(_EDGES[0]))))
        place -= float(_EDGES[0])
        place *= float(1 / (_EDGES[1] - _EDGES[0]))
        np.minimum(place, len(_BINS), out=place)
        line = place.astype(np.intp)
        place -= line
        return cls(line, place)

    def up_to(self, increments: Floats) -> Floats:
        """The sum of all bins' increments before the times."""
        rise = np.append(increments, 0.0).astype(self.part.dtype)
        found = rise.take(self.line)
        found *= self.part
        found += np.concatenate(([0.0], np.cumsum(increments))).astype(self.part.dtype).take(self.line)
        return found

    def steps(self, level: Floats) -> Floats:
        """The sum of steps that begin at the times, averaged over each bin."""
        line, after = self.line.ravel(), (level * self.part).ravel()
        cells = len(_BINS) + 1
        jump = np.bincount(line, level.ravel() - after, cells)[:-1]
        jump[1:] += np.bincount(line, after, cells)[:-2]
        return np.asarray(np.cumsum(jump))


def _step(starts: Floats, at: Floats, level: Floats) -> Floats:
    """The sum of steps that begin at the given probabilities, averaged over each bin."""
    cells = len(starts) - 1
    cell = np.clip(np.searchsorted(starts, at, "right") - 1, 0, cells - 1)
    width = np.maximum(starts[cell + 1] - starts[cell], 1e-15)
    inside = np.clip((starts[cell + 1] - at) / width, 0.0, 1.0)
    jump = np.bincount(cell, level * inside, cells + 1) + np.bincount(cell + 1, level * (1 - inside), cells + 1)
    return np.asarray(np.cumsum(jump)[:cells])


def _deposit(z: Floats, mass: Floats) -> Floats:
    """A histogram of known values of log L0, each shared by its two neighbours."""
    place = np.clip((z - _BINS[0]) / (_BINS[1] - _BINS[0]), 0, len(_BINS) - 1.001)
    cell = place.astype(np.int64)
    share = place - cell
    return np.asarray(
        np.bincount(cell, mass * (1 - share), len(_BINS)) + np.bincount(cell + 1, mass * share, len(_BINS))
    )
