"""Does the fitted model give back calls that it was not fitted to?

Each held-out observation gets its place in the predicted distribution (the probability integral
transform; Dawid, Statistical theory: the prequential approach, JRSS A 147, 1984). For a model that
fits, the places are uniform; the largest distance of their distribution from that is reported.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.cells import STAMP_S
from latprof.estimate.evidence import Evidence
from latprof.estimate.likelihood import Shapes, shifts, sizes
from latprof.estimate.table import lines_of, value_at
from latprof.estimate.values import Misfit, Parameters

__all__ = ["misfit", "places"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


def places(evidence: Evidence, parameters: Parameters, grid: Floats) -> dict[str, Floats]:
    """Places of each call's observations in their predicted distributions; NaN where there is none."""
    shapes, (first_shift, speed_shift) = Shapes.of(parameters, grid), shifts(evidence, parameters)
    size = sizes(evidence, parameters)
    prior = shapes.cells / shapes.cells.sum()
    inverse = np.exp(-speed_shift)[:, None] * np.exp(-grid).astype(np.float32)
    scale, prefill_s = np.exp(-first_shift), np.float32(parameters.beta_s / 1e5) * evidence["uncached"]

    def first_token_below(time_s: Singles, tokens: Singles) -> Floats:
        at = ((time_s - prefill_s)[:, None] - tokens[:, None] * inverse) * scale[:, None]
        return np.asarray(value_at(shapes.table, *lines_of(at)) @ prior, dtype=np.float64)

    spread = evidence.has_span
    rest_s = size.rest[:, None] * inverse
    deviation = np.sqrt((size.error[:, None] * inverse) ** 2 + (parameters.wobble * rest_s) ** 2 + STAMP_S**2)
    student = _student_4((np.nan_to_num(evidence["span_s"])[:, None] - rest_s) / deviation) @ prior
    return {
        "end of the response": first_token_below(evidence["last_s"], size.total),
        "end of the first block": np.where(spread, first_token_below(evidence["first_s"], size.first), np.nan),
        "time between blocks": np.where(spread, student, np.nan),
    }


def _student_4(t: Singles) -> Singles:
    """Distribution function of Student's t with four degrees of freedom, in closed form."""
    square = t * t / (4 + t * t)
    return np.asarray(0.5 + np.sign(t) * 0.5 * np.sqrt(square) * (1 + 0.5 * (1 - square)))


def misfit(name: str, place: Floats, effective: float, tolerance: float) -> Misfit:
    """The distance of the places from uniform against `tolerance` plus the chance of `effective` calls.

    The chance is the 95 % point of Kolmogorov's statistic.
    """
    known = np.sort(place[~np.isnan(place)])
    n = len(known)
    if n == 0:
        return Misfit(name, 0, 0.0, 1.0)
    steps = np.arange(1, n + 1) / n
    distance = float(max(np.abs(known - steps).max(), np.abs(known - steps + 1 / n).max()))
    return Misfit(name, n, distance, tolerance + 1.358 / math.sqrt(max(min(effective, n), 1.0)))
