"""The model of one group: evidence, fit, uncertainty and check, from the calls that were chosen for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.calibrate import calibrate, calibrate_on
from latprof.estimate.chance import Chance
from latprof.estimate.check import misfit, places
from latprof.estimate.evidence import Evidence
from latprof.estimate.observe import Observed, take
from latprof.estimate.ordered import quantiles
from latprof.estimate.readings import evidence_of, read
from latprof.estimate.values import ATOMS, PROBABILITIES, Calibration, Fitted, Misfit, Sample

# Most runs find their fits in the cache.
if TYPE_CHECKING:
    from latprof.estimate.fit import Fit

__all__ = ["fitted"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FOLDS: Final = 8
_MISFIT: Final = 0.10
_ROUGH: Final = 3
# Of groups of 50 calls, those with a larger standard error hold nearly all that miss by more than 15 %.
_MOST_ERROR: Final = 0.08


def fitted(sample: Sample) -> Fitted:
    """Fit the sample; depends on nothing else, and is the same on every machine and at every run."""
    from latprof.estimate.fit import fit, start

    observed, chosen = sample.observed, sample.fitted
    calibration = calibrate(observed.blocks, observed.tokens)
    if not calibration.fitted:
        return Fitted(calibration, len(chosen), "too few calls to tell how many tokens a block holds")
    chance = Chance(sample.seed)
    if not sample.part:
        chance.permutation(len(observed))  # keeps the folds of small groups what they always were
    part, levels = take(observed, chosen), tuple(level[chosen] for level in sample.levels)
    evidence = evidence_of(observed, calibration, sample.levels).take(chosen)
    rough = _ROUGH if sample.part else 1
    best = fit(evidence, start(evidence, sample.counts), rounds=6, shape_steps=4, rough=rough)
    folds = _folds(part.session, chance)
    features = part.blocks.features_of_calls()
    refits = [_refit(part, features, levels, folds != fold, best, sample) for fold in range(folds.max() + 1)]
    checks = _checks(evidence, [item for _, item in refits], folds)
    wrong = ", ".join(item.name for item in checks if not item.fits)
    found = Fitted(calibration, len(chosen), None, best.parameters, best.grid, checks)
    if wrong:
        return replace(found, refused=f"the model does not give back held-out calls ({wrong})")
    first_error, speed_error = _parameter_errors(part, levels, best, refits, sample)
    median = PROBABILITIES.index(0.5)
    refused = None
    if (worst := max(first_error[median], speed_error[median])) > _MOST_ERROR:
        refused = f"too uncertain, the model alone leaves a standard error of {100 * worst:.0f} % at the median"
    return replace(found, refused=refused, first_error=first_error, speed_error=speed_error)


def _folds(sessions: Ints, chance: Chance) -> Ints:
    """A fold per call; whole sessions stay together where there are enough of them."""
    labels, members = np.unique(sessions, return_inverse=True)
    if len(labels) < 4:
        return np.arange(len(sessions)) * _FOLDS // len(sessions)
    sizes_ = np.bincount(members)
    order = np.argsort(-sizes_ + np.array([chance.random() for _ in labels]) * 0.5, kind="stable")
    load = np.zeros(min(_FOLDS, len(labels)))
    fold = np.zeros(len(labels), dtype=np.int64)
    for label in order:
        fold[label] = int(np.argmin(load))
        load[fold[label]] += sizes_[label]
    return fold[members]


def _refit(
    part: Observed, features: Floats, levels: tuple[Ints, ...], keep: NDArray[np.bool_], best: Fit, sample: Sample
) -> tuple[Calibration, Fit]:
    """The fit without one fold, calibration included, begun at the full fit."""
    from latprof.estimate.fit import refit

    rows = np.flatnonzero(keep)
    kept = take(part, rows)
    calibration = calibrate_on(features[:, rows], kept.tokens)
    evidence = evidence_of(kept, calibration, tuple(level[rows] for level in levels))
    before, after = (1, 2) if sample.part else (3, 3)  # the full fit is near
    return calibration, refit(evidence, best, before=before, after=after)


def _checks(sample: Evidence, fits: list[Fit], folds: Ints) -> tuple[Misfit, ...]:
    """Places of every call under the fit that did not see it."""
    found: dict[str, Floats] = {}
    for fold, item in enumerate(fits):
        rows = np.flatnonzero((folds == fold) & np.isnan(sample["known_s"]))
        if len(rows):
            for name, place in places(sample.take(rows), item.parameters, item.grid).items():
                found.setdefault(name, np.full(len(sample), np.nan))[rows] = place
    return tuple(misfit(name, place, len(sample), _MISFIT) for name, place in found.items())


def _parameter_errors(
    part: Observed, levels: tuple[Ints, ...], best: Fit, refits: list[tuple[Calibration, Fit]], sample: Sample
) -> tuple[Floats, Floats]:
    """Standard errors of log percentiles by the delete-a-group jackknife, the calls held fixed.

    Kott, The delete-a-group jackknife, Journal of Official Statistics 17, 2001.
    """
    rows = []
    if sample.part:  # what moves is the model, so half of the calls show it
        some = np.arange(0, len(part), 2)
        part, levels = take(part, some), tuple(level[some] for level in levels)
    for calibration, item in refits:
        found = read(evidence_of(part, calibration, levels), item.parameters, best.grid)
        rows.append(
            np.concatenate(
                [
                    np.log(np.maximum(quantiles(found.first_s[:, :ATOMS], PROBABILITIES), 1e-3)),
                    np.log(quantiles(found.speed_tps[:, :ATOMS], PROBABILITIES)),
                ]
            )
        )
    values = np.array(rows, dtype=np.float64)
    folds = len(values)
    error = np.sqrt((folds - 1) / folds * ((values - values.mean(axis=0)) ** 2).sum(axis=0))
    return error[: len(PROBABILITIES)], error[len(PROBABILITIES) :]
