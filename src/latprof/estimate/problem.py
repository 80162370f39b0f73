"""What compiled and Python code of the estimator share: what the sums over the speed grid take and give, and limits."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.evidence import COLUMNS
from latprof.estimate.table import LAYOUT

__all__ = ["MOST_SWEEPS", "NUMBERS", "VERSION", "Problem", "Step"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

# What stands in the vector of numbers, in this order. `reach` and `wobble` are variances relative to squared times.
NUMBERS: Final = (
    "cost_0", "cost_1", "cost_2", "free_tokens", "beta", "reach", "reach_stamp", "wobble", "stamp", "least_density",
    "outlier", "least_mass",
)  # fmt: skip
# To be compared with what was compiled.
VERSION: Final = (2, COLUMNS[: COLUMNS.index("tokens")], NUMBERS, LAYOUT)
# Rounds in which `descend` goes through its coordinates.
MOST_SWEEPS: Final = 300


@dataclass(frozen=True, slots=True)
class Problem:
    """Calls, and what the sums take of the parameters, all in single precision.

    `columns` is (of VERSION's names, calls) and more rows that are not looked at; `scale` is exp(-effects on
    log L0) and `pace` exp(-effects on log d) of each call, `numbers` as in NUMBERS; of each cell `slowness` is
    exp(-log d0) and `share` its part of the prior; `table` is the distribution of L0 as in `straight`.
    """

    columns: Singles
    scale: Singles
    pace: Singles
    numbers: Singles
    slowness: Singles
    share: Singles
    table: Singles


@dataclass(frozen=True, slots=True)
class Step:
    """Sums for a step of EM.

    `jumps` (LINES + 1, 2): per line of the table weights whose spread over L0 begins on it, less those whose
    spread ends, and the parts of them before they do. `cells` is the weight of each cell of the grid. Per
    call: the moment of log L0, the weight that it rests on, and the mean of log d0.
    """

    jumps: Floats
    cells: Floats
    moment: Singles
    inside: Singles
    log_speed: Singles
