"""One model of one agent: evidence, fit, uncertainty, check, and what follows for every call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.calibrate import TOOL, Calibration, calibrate, spread
from latprof.estimate.check import Misfit, misfit, places
from latprof.estimate.fit import GRID_CELLS, Fit, fit, refit, start
from latprof.estimate.likelihood import Evidence, Parameters, posterior, quantile_of_first, shifts, sizes
from latprof.estimate.observe import Observed

__all__ = ["ATOMS", "PROBABILITIES", "Factor", "Group", "Readings", "estimate_group", "evidence_of", "read", "take"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values that stand for each call's posterior, of equal weight.
ATOMS: Final = 12
PROBABILITIES: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
MIN_CALLS: Final = 40
MIN_SPANS: Final = 15
_FIT_CALLS: Final = 800
_FOLDS: Final = 8
_MISFIT: Final = 0.10
# Of groups of 50 calls, those with a larger standard error hold nearly all that miss by more than 15 %.
_MOST_ERROR: Final = 0.08
_CHUNK: Final = 4000
_ENDS: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Factor:
    """A way in which calls of one model differ: the level of each call and the levels' names."""

    name: str
    level: Ints
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """How the figures of one model came about; `refused` says why there are none.

    `first_error` and `speed_error` are standard errors of log percentiles at `PROBABILITIES`, from
    calibration and fit alone. `spans` calls show the time between blocks, `known` a stated first
    token.
    """

    agent: str
    model: str
    calls: int
    usable: int
    sessions: int
    spans: int = 0
    known: int = 0
    fitted_on: int = 0
    refused: str | None = None
    calibration: Calibration | None = None
    parameters: Parameters | None = None
    factors: tuple[Factor, ...] = ()
    checks: tuple[Misfit, ...] = ()
    first_error: Floats | None = None
    speed_error: Floats | None = None


@dataclass(frozen=True, slots=True)
class Readings:
    """The posterior of each call, s and tok/s.

    Values of equal weight (n, ATOMS), and the ends of 95 % intervals (n, 2).
    """

    first_s: Floats
    first_ends_s: Floats
    speed_tps: Floats
    speed_ends_tps: Floats


def estimate_group(
    group: Group, observed: Observed, factors: tuple[Factor, ...], seed: int
) -> tuple[Group, Readings | None]:
    """Fit one model's calls. A group that cannot be read well comes back refused, without readings."""
    known = ~np.isnan(observed.known_s)
    group = replace(group, spans=int(observed.spread.sum()), known=int(known.sum()), factors=factors)
    if reason := _too_few(group, len(observed)):
        return replace(group, refused=reason), None
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(observed))[:_FIT_CALLS])
    levels = tuple(factor.level for factor in factors)
    counts = tuple(len(factor.names) for factor in factors)
    calibration = calibrate(observed.blocks, observed.tokens)
    group = replace(group, calibration=calibration, fitted_on=len(chosen))
    if not calibration.fitted:
        return replace(group, refused="too few calls to tell how many tokens a block holds"), None
    evidence = evidence_of(observed, calibration, levels)
    sample = evidence.take(chosen)
    best = fit(sample, start(sample, counts), rounds=6, shape_steps=4)
    folds = _folds(observed.session[chosen], rng)
    refits = [_refit(observed, chosen, levels, folds != fold, best) for fold in range(folds.max() + 1)]
    checks = _checks(sample, [item for _, item in refits], folds)
    group = replace(group, parameters=best.parameters, checks=checks)
    wrong = [item for item in checks if not item.fits]
    if wrong:
        names = ", ".join(item.name for item in wrong)
        return replace(group, refused=f"the model does not give back held-out calls ({names})"), None
    first_error, speed_error = _parameter_errors(observed, chosen, levels, best, refits)
    median = PROBABILITIES.index(0.5)
    if (worst := max(first_error[median], speed_error[median])) > _MOST_ERROR:
        reason = f"too uncertain, the model alone leaves a standard error of {100 * worst:.0f} % at the median"
        return replace(group, refused=reason, first_error=first_error, speed_error=speed_error), None
    readings = read(evidence, best.parameters, best.grid)
    return replace(group, first_error=first_error, speed_error=speed_error), readings


def _too_few(group: Group, n: int) -> str | None:
    if n < MIN_CALLS:
        return f"needs {MIN_CALLS} complete calls with final tokens, has {n}"
    if group.spans + group.known < MIN_SPANS:
        return f"needs {MIN_SPANS} calls of several blocks, has {group.spans + group.known}"
    return None


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


def _folds(sessions: Ints, rng: np.random.Generator) -> Ints:
    """A fold per call; whole sessions stay together where there are enough of them."""
    labels, members = np.unique(sessions, return_inverse=True)
    if len(labels) < 4:
        return np.arange(len(sessions)) * _FOLDS // len(sessions)
    sizes_ = np.bincount(members)
    order = np.argsort(-sizes_ + rng.random(len(labels)) * 0.5, kind="stable")
    load = np.zeros(min(_FOLDS, len(labels)))
    fold = np.zeros(len(labels), dtype=np.int64)
    for label in order:
        fold[label] = int(np.argmin(load))
        load[fold[label]] += sizes_[label]
    return fold[members]


def _refit(
    observed: Observed, chosen: Ints, levels: tuple[Ints, ...], keep: NDArray[np.bool_], best: Fit
) -> tuple[Calibration, Fit]:
    """The fit without one fold, calibration included, begun at the full fit."""
    part = take(observed, chosen[keep])
    calibration = calibrate(part.blocks, part.tokens)
    evidence = evidence_of(part, calibration, tuple(level[chosen[keep]] for level in levels))
    return calibration, refit(evidence, best, shape_steps=3)


def take(observed: Observed, rows: Ints) -> Observed:
    """The observations of some calls."""
    starts = observed.blocks.start
    sizes_ = np.diff(np.append(starts, len(observed.blocks.type)))[rows]
    begin = np.concatenate(([0], np.cumsum(sizes_)[:-1])).astype(np.int64)
    flat = np.repeat(starts[rows] - begin, sizes_) + np.arange(sizes_.sum())
    blocks = replace(
        observed.blocks,
        start=begin,
        **{name: getattr(observed.blocks, name)[flat] for name in ("type", "characters", "signature", "tokens")},
    )
    columns = {name: getattr(observed, name)[rows] for name in observed.__slots__ if name != "blocks"}
    return Observed(**columns, blocks=blocks)


def _checks(sample: Evidence, fits: list[Fit], folds: Ints) -> tuple[Misfit, ...]:
    """Places of every call under the fit that did not see it."""
    found: dict[str, Floats] = {}
    for fold, item in enumerate(fits):
        rows = np.flatnonzero((folds == fold) & np.isnan(sample.known_s))
        if len(rows):
            for name, place in places(sample.take(rows), item.parameters, item.grid).items():
                found.setdefault(name, np.full(len(sample), np.nan))[rows] = place
    return tuple(misfit(name, place, len(sample), _MISFIT) for name, place in found.items())


def _parameter_errors(
    observed: Observed, chosen: Ints, levels: tuple[Ints, ...], best: Fit, refits: list[tuple[Calibration, Fit]]
) -> tuple[Floats, Floats]:
    """Standard errors of log percentiles by the delete-a-group jackknife, the calls held fixed.

    Kott, The delete-a-group jackknife, Journal of Official Statistics 17, 2001.
    """
    part = take(observed, chosen)
    own = tuple(level[chosen] for level in levels)
    rows = []
    for calibration, item in refits:
        readings = read(evidence_of(part, calibration, own), item.parameters, best.grid)
        rows.append(
            np.concatenate(
                [
                    np.quantile(np.log(np.maximum(readings.first_s, 1e-3)), PROBABILITIES),
                    np.nanquantile(np.log(readings.speed_tps), PROBABILITIES),
                ]
            )
        )
    values = np.array(rows)
    folds = len(values)
    error = np.sqrt((folds - 1) / folds * ((values - values.mean(axis=0)) ** 2).sum(axis=0))
    return error[: len(PROBABILITIES)], error[len(PROBABILITIES) :]


def read(evidence: Evidence, parameters: Parameters, grid: Floats) -> Readings:
    """The posterior of every call, in chunks."""
    parts = [
        _read_chunk(evidence.take(np.arange(begin, min(begin + _CHUNK, len(evidence)))), parameters, grid)
        for begin in range(0, len(evidence), _CHUNK)
    ]
    return Readings(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _read_chunk(evidence: Evidence, parameters: Parameters, grid: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    after = posterior(evidence, parameters, grid)
    first_shift, speed_shift = shifts(evidence, parameters)
    size = sizes(evidence, parameters)
    cumulative = np.cumsum(after.weight, axis=1)
    levels = np.concatenate([(np.arange(ATOMS) + 0.5) / ATOMS, _ENDS])
    first, speed = np.empty((len(evidence), len(levels))), np.empty((len(evidence), len(levels)))
    every, cell_width = np.arange(len(evidence)), grid[1] - grid[0]
    for k, level in enumerate(levels):
        cell = np.minimum((cumulative < level).sum(axis=1), GRID_CELLS - 1)
        inside = 1 - (cumulative[every, cell] - level) / np.maximum(after.weight[every, cell], 1e-12)
        inside = np.clip(inside, 0.0, 1.0)
        first[:, k] = quantile_of_first(parameters, after.below[every, cell] + inside * after.mass[every, cell])
        speed[:, k] = grid[cell] + (inside - 0.5) * cell_width
    first = first * np.exp(first_shift)[:, None] + (parameters.beta_s * evidence.uncached / 1e5)[:, None]
    # A call that no parameters explain would be read as the shape's far end.
    ends_s = np.where(np.isnan(evidence.span_s), evidence.last_s, evidence.first_s)
    first = np.minimum(first, ends_s[:, None])
    known = ~np.isnan(evidence.known_s)
    first[known] = evidence.known_s[known, None]
    tokens = evidence.tokens - 1
    speed = np.exp(speed + speed_shift[:, None]) * (tokens / size.total)[:, None]
    speed[known] = (tokens / np.maximum(evidence.last_s - evidence.known_s, 1e-3))[known, None]
    return first[:, :ATOMS], first[:, ATOMS:], speed[:, :ATOMS], speed[:, ATOMS:]
