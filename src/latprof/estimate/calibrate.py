"""How many tokens each block of a response held.

The log gives the response's total and, per block, characters (for hidden thinking those of its
signature). Tokens are taken as linear in them,

    tokens of a block = a[type] + characters / r[type] + error,

and a, r are fitted on the totals of a model's calls, with less weight for calls that fit badly
(Huber, Robust Statistics, 1981, section 7.8). What is then left of a call's total is spread over
its blocks in the ratio of their error variances: the conditional mean of normal errors whose sum
is known.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.backend import descend
from latprof.estimate.blocks import (
    THINKING,
    TYPES,
    BlockTable,
)
from latprof.estimate.values import USUAL, Calibration

__all__ = ["Shares", "calibrate", "calibrate_on", "spread"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_USUAL_ERROR: Final = 0.35
_MIN_CALLS: Final = 30
_MIN_ERROR: Final = 0.03
_ROUNDS: Final = 10
_HUBER: Final = 1.5
_FLOOR_TOKENS: Final = 8.0


def calibrate(blocks: BlockTable, totals: Floats) -> Calibration:
    """Fit tokens per block and character on the calls' total output tokens."""
    return calibrate_on(blocks.features_of_calls(), totals)


def calibrate_on(rows: Floats, totals: Floats) -> Calibration:
    """The same on calls' features, which several fits may share."""
    if len(totals) < _MIN_CALLS:
        return Calibration(USUAL.copy(), _USUAL_ERROR, len(totals), fitted=False)
    shown = (rows > 0).sum(axis=1) >= min(_MIN_CALLS, len(totals)) // 3
    columns = np.flatnonzero(shown)
    floor = np.where(columns == THINKING, -150.0, 0.0)
    theta, factor, error = USUAL[columns], np.ones(len(totals)), _USUAL_ERROR
    target, matrix = totals - USUAL[~shown] @ rows[~shown], rows[columns]
    told = theta @ matrix
    for _ in range(_ROUNDS):
        scale = np.sqrt(factor) / np.maximum(told, _FLOOR_TOKENS)
        theta = _bounded(matrix * scale, target * scale, theta, floor)
        told = theta @ matrix
        relative = np.abs(target - told) / np.maximum(told, _FLOOR_TOKENS)
        error = max(1.4826 * _middle(relative), _MIN_ERROR)
        factor = np.minimum(1.0, _HUBER * error / np.maximum(relative, 1e-9))
    coefficients = USUAL.copy()
    coefficients[columns] = theta
    return Calibration(coefficients, float(error), len(totals), fitted=True)


def _bounded(matrix: Floats, target: Floats, start: Floats, floor: Floats) -> Floats:
    """Least squares with a lower limit per coefficient, by coordinate descent on the normal equations.

    Characters and blocks cost no negative tokens, but a signature is longer than its thinking by a fixed
    part, so a thinking block may start below zero.
    """
    gram, moments = matrix @ matrix.T, matrix @ target
    diagonal = gram.diagonal()
    divisors, least = diagonal + (1e-9 + 1e-6 * diagonal), 1e-6 * math.sqrt(len(target))
    return descend(gram, moments, divisors, np.sqrt(diagonal), floor, start, least)


def _middle(values: Floats) -> float:
    """The lower median."""
    place = (len(values) - 1) // 2
    return float(np.partition(values, place)[place])


@dataclass(frozen=True, slots=True)
class Shares:
    """Tokens per call: `by_type` (n, 3), of the first block, and the standard error of that (n,)."""

    by_type: Floats
    first: Floats
    first_error: Floats
    per_block: Floats


def spread(blocks: BlockTable, totals: Floats, fit: Calibration) -> Shares:
    """Spread each call's tokens over its blocks."""
    call, start = blocks.call, blocks.start
    column, size = blocks.sizes()
    expected = np.maximum(fit.coefficients.take(blocks.type) + fit.coefficients.take(column) * size, 2.0)
    variance = (fit.error * expected) ** 2 + 4.0
    stated = ~np.isnan(blocks.tokens)
    expected[stated] = np.maximum(blocks.tokens[stated], 1.0)
    variance[stated] = 1e-6
    missing = totals - np.add.reduceat(expected, start)
    all_variance = np.add.reduceat(variance, start)
    counts = np.maximum(expected + (missing / all_variance)[call] * variance, 1.0)
    counts *= (totals / np.add.reduceat(counts, start))[call]
    first, place = variance[start], call * len(TYPES) + blocks.type
    by_type: Floats = np.asarray(np.bincount(place, counts, len(totals) * len(TYPES)), dtype=np.float64)
    return Shares(
        by_type.reshape(-1, len(TYPES)), counts[start], np.sqrt(first * (all_variance - first) / all_variance), counts
    )
