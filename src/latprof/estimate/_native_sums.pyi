from typing import Any

import numpy as np
from numpy.typing import NDArray

from latprof.estimate.problem import Problem, Step

__all__ = ["at_levels", "cumulative", "dealt", "descend", "pooled", "refitted", "step", "totals"]

def totals(problem: Problem) -> NDArray[np.float32]: ...
def step(problem: Problem, moments: NDArray[np.float32], grid: NDArray[np.float32]) -> Step: ...
def at_levels(
    problem: Problem, levels: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]: ...
def descend(
    gram: NDArray[np.float64],
    moments: NDArray[np.float64],
    divisors: NDArray[np.float64],
    roots: NDArray[np.float64],
    floors: NDArray[np.float64],
    start: NDArray[np.float64],
    least: float,
) -> NDArray[np.float64]: ...
def cumulative(
    share: NDArray[np.float64],
    centre: NDArray[np.float64],
    steps: NDArray[np.float64],
    table: NDArray[np.float64],
    begin: float,
    z: NDArray[np.float64],
) -> NDArray[np.float64]: ...
def refitted(
    z: NDArray[np.float64],
    mass: NDArray[np.float64],
    share: NDArray[np.float64],
    centre: NDArray[np.float64],
    width: NDArray[np.float64],
    widths: tuple[float, float],
    rounds: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...
def pooled(
    values: NDArray[np.float32],
    levels: NDArray[np.int64],
    sizes: NDArray[np.int64],
    effects: NDArray[np.float64],
    pooling: float,
) -> NDArray[np.float64]: ...
def dealt(
    rows: NDArray[np.int64],
    tokens: NDArray[np.float64],
    first: NDArray[np.float32],
    speed: NDArray[np.float32],
    least: float,
    values: NDArray[np.floating[Any]],
    ends: NDArray[np.floating[Any]],
    speeds: NDArray[np.floating[Any]],
    speed_ends: NDArray[np.floating[Any]],
) -> None: ...
