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
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["TYPES", "BlockTable", "Calibration", "Shares", "calibrate", "calibrate_on", "spread"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TYPES: Final = ("thinking", "text", "tool_use")
THINKING, TEXT, TOOL = range(3)
# Columns of the regression: per type the blocks, then the characters; thinking has two sizes.
_SIGNATURE, _SHOWN, _TEXT_SIZE, _TOOL_SIZE = range(3, 7)
_WIDTH: Final = 7
# Usual ratios of Claude models, for what a model's own calls do not show; with a wide error.
_USUAL: Final = np.array([-60.0, 3.0, 65.0, 1 / 3.9, 1 / 3.9, 1 / 2.9, 1 / 2.5])
_USUAL_ERROR: Final = 0.35
_MIN_CALLS: Final = 30
_MIN_ERROR: Final = 0.03
_ROUNDS: Final = 10
_HUBER: Final = 1.5
_FLOOR_TOKENS: Final = 8.0


@dataclass(frozen=True, slots=True)
class BlockTable:
    """The blocks of a set of calls, one row each, calls one after the other.

    `start` holds each call's first row; every call has at least one block.
    """

    start: Ints
    type: Ints
    characters: Floats
    signature: Floats
    tokens: Floats

    @property
    def call(self) -> Ints:
        """The call's number for each row."""
        sizes = np.diff(np.append(self.start, len(self.type)))
        return np.repeat(np.arange(len(self.start)), sizes)

    def features(self) -> Floats:
        """One row of the regression per block."""
        rows = np.zeros((len(self.type), _WIDTH))
        every = np.arange(len(self.type))
        rows[every, self.type] = 1.0
        thinking = self.type == THINKING
        sealed = thinking & (self.signature > 0)
        rows[sealed, _SIGNATURE] = self.signature[sealed]
        shown = thinking & ~sealed
        rows[shown, _SHOWN] = self.characters[shown]
        rows[self.type == TEXT, _TEXT_SIZE] = self.characters[self.type == TEXT]
        rows[self.type == TOOL, _TOOL_SIZE] = self.characters[self.type == TOOL]
        return rows

    def features_of_calls(self) -> Floats:
        """One row of the regression per call."""
        return np.asarray(np.add.reduceat(self.features(), self.start, axis=0))


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
        # What was not fitted still has its usual value.
        signed, shown = self.coefficients[[_SIGNATURE, _SHOWN]] != _USUAL[[_SIGNATURE, _SHOWN]]
        thinking = _SHOWN if shown and not signed else _SIGNATURE
        slope = float(self.coefficients[(thinking, _TEXT_SIZE, _TOOL_SIZE)[TYPES.index(block_type)]])
        return 1 / slope if slope > 1e-3 else None


def calibrate(blocks: BlockTable, totals: Floats, weights: Floats | None = None) -> Calibration:
    """Fit tokens per block and character on the calls' total output tokens."""
    return calibrate_on(blocks.features_of_calls(), totals, weights)


def calibrate_on(rows: Floats, totals: Floats, weights: Floats | None = None) -> Calibration:
    """The same on calls' features, which several fits may share."""
    if len(totals) < _MIN_CALLS:
        return Calibration(_USUAL.copy(), _USUAL_ERROR, len(totals), fitted=False)
    columns = np.flatnonzero((rows > 0).sum(axis=0) >= min(_MIN_CALLS, len(totals)) // 3)
    base = np.ones(len(totals)) if weights is None else weights
    theta, factor, error = _USUAL[columns].copy(), np.ones(len(totals)), _USUAL_ERROR
    target = totals - np.delete(rows, columns, axis=1) @ np.delete(_USUAL, columns)
    matrix = rows[:, columns]
    for _ in range(_ROUNDS):
        scale = np.sqrt(base * factor) / np.maximum(matrix @ theta, _FLOOR_TOKENS)
        theta = _bounded(
            matrix * scale[:, None], target * scale, theta, floor=np.where(columns == THINKING, -150.0, 0.0)
        )
        expected = np.maximum(matrix @ theta, _FLOOR_TOKENS)
        relative = np.abs(target - matrix @ theta) / expected
        error = max(1.4826 * _weighted_median(relative, base), _MIN_ERROR)
        factor = np.minimum(1.0, _HUBER * error / np.maximum(relative, 1e-9))
    coefficients = _USUAL.copy()
    coefficients[columns] = theta
    return Calibration(coefficients, float(error), len(totals), fitted=True)


def _bounded(matrix: Floats, target: Floats, start: Floats, *, floor: Floats) -> Floats:
    """Least squares with a lower limit per coefficient, by coordinate descent on the normal equations.

    Characters and blocks cost no negative tokens, but a signature is longer than its thinking by a fixed
    part, so a thinking block may start below zero.
    """
    gram, moments = matrix.T @ matrix, (matrix.T @ target).tolist()
    rows, roots, floors = list(gram), np.sqrt(np.diag(gram)).tolist(), floor.tolist()
    divisors = (np.diag(gram) + (1e-9 + 1e-6 * np.diag(gram))).tolist()
    # Single numbers are plain floats: as numpy's they would take most of the time.
    theta, values = start.copy(), start.tolist()
    for _ in range(300):
        largest = 0.0
        for k, row in enumerate(rows):
            before = values[k]
            values[k] = max(before + (moments[k] - float(row @ theta)) / divisors[k], floors[k])
            largest = max(largest, abs(values[k] - before) * roots[k])
            theta[k] = values[k]
        if largest < 1e-6 * math.sqrt(len(target)):
            break
    return theta


def _weighted_median(values: Floats, weights: Floats) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


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
    expected = np.maximum(blocks.features() @ fit.coefficients, 2.0)
    variance = (fit.error * expected) ** 2 + 4.0
    stated = ~np.isnan(blocks.tokens)
    expected[stated] = np.maximum(blocks.tokens[stated], 1.0)
    variance[stated] = 1e-6
    missing = totals - np.add.reduceat(expected, start)
    all_variance = np.add.reduceat(variance, start)
    counts = np.maximum(expected + (missing / all_variance)[call] * variance, 1.0)
    counts *= (totals / np.add.reduceat(counts, start))[call]
    by_type = np.zeros((len(totals), len(TYPES)))
    np.add.at(by_type, (call, blocks.type), counts)
    first = variance[start]
    return Shares(by_type, counts[start], np.sqrt(first * (all_variance - first) / all_variance), counts)
