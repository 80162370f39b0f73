import numpy as np
from numpy.typing import NDArray

from latprof.estimate.sums import Problem, Step

__all__ = ["at_levels", "descend", "step", "totals"]

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
