"""The posterior of calls under a fitted model, chunk by chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.blocks import TOOL
from latprof.estimate.calibrate import Calibration, spread
from latprof.estimate.cells import Cells
from latprof.estimate.likelihood import COLUMNS, Evidence, Parameters, Shapes, shifts, sizes
from latprof.estimate.observe import Observed

__all__ = ["ATOMS", "Readings", "evidence_of", "read"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Values that stand for each call's posterior, of equal weight.
ATOMS: Final = 12
_ENDS: Final = (0.025, 0.975)
_LEVELS: Final = np.concatenate([(np.arange(ATOMS) + 0.5) / ATOMS, _ENDS])
_RISING: Final = np.sort(_LEVELS).astype(np.float32)
_PLACES: Final = np.argsort(np.argsort(_LEVELS))


@dataclass(frozen=True, slots=True)
class Readings:
    """The posterior of each call, s and tok/s: (n, ATOMS + 2).

    Values of equal weight from small to large, then the ends of the 95 % interval.
    """

    first_s: Floats
    speed_tps: Floats

    def __len__(self) -> int:
        return len(self.first_s)


def evidence_of(observed: Observed, calibration: Calibration, levels: tuple[Ints, ...]) -> Evidence:
    """The observations in the form that the likelihood takes."""
    share = spread(observed.blocks, observed.tokens, calibration)
    starts = observed.blocks.start
    thinking, text, tool = share.by_type.T
    columns = {
        "ends_s": np.where(observed.spread, observed.first_s, observed.last_s),
        "span_s": np.where(observed.spread, observed.last_s - observed.first_s, np.nan),
        "thinking": thinking,
        "text": text,
        "tool": tool,
        "head": share.first - 1,
        "first_type": observed.blocks.type[starts],
        "first_error": share.first_error,
        "tools": np.add.reduceat((observed.blocks.type == TOOL).astype(np.float32), starts),
        "headers_s": np.nan_to_num(observed.header_s),
        "uncached": observed.uncached,
        "tokens": observed.tokens,
        "context": observed.context,
        "first_s": observed.first_s,
        "last_s": observed.last_s,
        "known_s": observed.known_s,
    }
    return Evidence(np.array([columns[name] for name in COLUMNS], dtype=np.float32), levels)


def read(evidence: Evidence, parameters: Parameters, grid: Floats) -> Readings:
    """The posterior of every call, in single precision."""
    cell, inside, first = Cells.of(evidence, parameters, Shapes.of(parameters, grid)).at_levels(_RISING)
    first_shift, speed_shift = shifts(evidence, parameters)
    size = sizes(evidence, parameters)
    first *= np.exp(first_shift)[:, None]
    first += (evidence["uncached"] * np.float32(parameters.beta_s / 1e5))[:, None]
    # A call that no parameters explain would be read as the shape's far end.
    np.minimum(first, evidence["ends_s"][:, None], out=first)
    known = ~np.isnan(evidence["known_s"])
    known_s = evidence["known_s"][known]
    first[known] = known_s[:, None]
    tokens = evidence["tokens"] - 1
    speed = inside
    speed -= np.float32(0.5)
    speed *= np.float32(grid[1] - grid[0])
    speed += grid.astype(np.float32).take(cell)
    speed += speed_shift[:, None]
    np.exp(speed, out=speed)
    speed *= (tokens / size.total)[:, None]
    decode_s = np.maximum(evidence["last_s"][known] - known_s, np.float32(1e-3))
    speed[known] = (tokens[known] / decode_s)[:, None]
    return Readings(first.take(_PLACES, axis=1), speed.take(_PLACES, axis=1))
