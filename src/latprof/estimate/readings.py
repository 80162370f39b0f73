"""The posterior of calls under a fitted model, chunk by chunk."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.blocks import TOOL
from latprof.estimate.calibrate import spread
from latprof.estimate.cells import Cells
from latprof.estimate.evidence import COLUMNS, Evidence
from latprof.estimate.likelihood import Shapes, shifts, sizes
from latprof.estimate.observe import Observed
from latprof.estimate.values import ATOMS, Calibration, Parameters, Readings

__all__ = ["evidence_of", "read"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

# Places among equal parts of the posterior, in the order of speed: the values, and between which 95 % lie.
_PARTS: Final = 5 * ATOMS
_ATOMS: Final = np.arange(ATOMS) * 5 + 2
_ENDS: Final = np.array([1, _PARTS - 2])
_PLACES: Final = np.concatenate([_ATOMS, _ENDS])
_LEVELS: Final = ((np.arange(_PARTS) + 0.5) / _PARTS).astype(np.float32)


def evidence_of(observed: Observed, calibration: Calibration, levels: tuple[Ints, ...]) -> Evidence:
    """The observations in the form that the likelihood takes."""
    share, starts = spread(observed.blocks, observed.tokens, calibration), observed.blocks.start
    columns = np.empty((len(COLUMNS), len(observed)), dtype=np.float32)
    rows = dict(zip(COLUMNS, columns, strict=True))
    rows["ends_s"][:] = np.where(observed.spread, observed.first_s, observed.last_s)
    rows["span_s"][:] = np.where(observed.spread, observed.last_s - observed.first_s, np.nan)
    rows["thinking"][:], rows["text"][:], rows["tool"][:] = share.by_type.T
    rows["head"][:], rows["first_error"][:] = share.first - 1, share.first_error
    rows["first_type"][:] = observed.blocks.type[starts]
    rows["tools"][:] = np.add.reduceat(observed.blocks.type == TOOL, starts, dtype=np.int64)
    rows["headers_s"][:] = np.where(np.isnan(observed.header_s), 0.0, observed.header_s)
    for name in ("uncached", "tokens", "context", "first_s", "last_s", "known_s"):
        rows[name][:] = getattr(observed, name)
    return Evidence(columns, levels)


def read(evidence: Evidence, parameters: Parameters, grid: Floats) -> Readings:
    """The posterior of every call, in single precision."""
    cell, inside, first = Cells.of(evidence, parameters, Shapes.of(parameters, grid)).at_levels(_LEVELS)
    first_shift, speed_shift = shifts(evidence, parameters)
    first *= np.exp(first_shift)[:, None]
    first += (evidence["uncached"] * np.float32(parameters.beta_s / 1e5))[:, None]
    # A call that no parameters explain would be read as the shape's far end.
    np.minimum(first, np.fmin(evidence["ends_s"], evidence["first_s"])[:, None], out=first)
    speed = inside.take(_PLACES, axis=1)
    speed -= np.float32(0.5)
    speed *= np.float32(grid[1] - grid[0])
    speed += grid.astype(np.float32).take(cell.take(_PLACES, axis=1))
    tokens = evidence["tokens"] - 1
    speed += (speed_shift + np.log(tokens / sizes(evidence, parameters).total))[:, None]
    np.exp(speed, out=speed)
    first_s = np.empty_like(speed)
    first_s[:, :ATOMS] = first.take(_ATOMS, axis=1)
    # Within one speed the first token may lie anywhere, so its ends are not where those of speed are.
    first.partition(_ENDS, axis=1)
    first_s[:, ATOMS:] = first.take(_ENDS, axis=1)
    known = np.flatnonzero(~np.isnan(evidence["known_s"]))
    if len(known):
        known_s = evidence["known_s"][known]
        decode_s = np.maximum(evidence["last_s"][known] - known_s, np.float32(1e-3))
        first_s[known], speed[known] = known_s[:, None], (tokens[known] / decode_s)[:, None]
    return Readings(first_s, speed)
